"""A service as DSP0266 and DSP0268 want it: the control group beside the firmware of the trade."""

from __future__ import annotations

from datetime import UTC, datetime

from quads_tui.emulators.bmc.family import RESETS, Family
from quads_tui.emulators.bmc.hardware import HardwareTiming
from quads_tui.emulators.bmc.replies import Document, Message, Reply, collection, ref
from quads_tui.emulators.bmc.sessions import Session
from quads_tui.emulators.bmc.state import BmcState

PROGRESS = {"off": "None", "post": "SystemHardwareInitializationComplete", "installer": "OSBootStarted", "os": "OSRunning"}
PRIVILEGES = {
    "Administrator": ["Login", "ConfigureManager", "ConfigureUsers", "ConfigureComponents", "ConfigureSelf"],
    "Operator": ["Login", "ConfigureComponents", "ConfigureSelf"],
    "ReadOnly": ["Login", "ConfigureSelf"],
}


class Conformant(Family):
    name = "conformant"
    has_action_info = True
    vendor = "Contoso"
    manufacturer = "Contoso"
    base = "Base.1.18"
    registry = "Contoso.1.0"
    messages = {  # noqa: RUF012
        "OemLicenseNotPassed": Message("A license is required for this operation.", "Install a license."),
    }
    system = "/redfish/v1/Systems/437XR1138R2"
    manager = "/redfish/v1/Managers/BMC"
    chassis = "/redfish/v1/Chassis/1U"
    etags = "strong"
    needs_etag = True
    checks_etag = True
    session_cap = 32
    session_timeout = 600.0
    advertised_timeout = 600
    timing = HardwareTiming(lags=False)
    reports_transitions = True
    resets = (*RESETS, "ForceOn", "PowerCycle")
    strict = True

    def headers(self) -> dict[str, str]:
        return {"OData-Version": "4.0", "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}

    def root_document(self, bmc: BmcState) -> Document:
        return {
            "@odata.id": "/redfish/v1/",
            "@odata.type": "#ServiceRoot.v1_16_1.ServiceRoot",
            "Id": "RootService",
            "Name": "Root Service",
            "RedfishVersion": "1.20.1",
            "UUID": bmc.uuid,
            "Vendor": "Contoso",
            "Product": "Contoso BMC",
            "ProtocolFeaturesSupported": {
                "ExcerptQuery": False,
                "FilterQuery": False,
                "OnlyMemberQuery": False,
                "SelectQuery": False,
            },
            "Systems": ref(f"{self.root}/Systems"),
            "Managers": ref(f"{self.root}/Managers"),
            "Chassis": ref(f"{self.root}/Chassis"),
            "SessionService": ref(f"{self.root}/SessionService"),
            "AccountService": ref(f"{self.root}/AccountService"),
            "JsonSchemas": ref(f"{self.root}/JsonSchemas"),
            "Registries": ref(f"{self.root}/Registries"),
            "Links": {"Sessions": ref(self.sessions)},
        }

    def fixed_documents(self, bmc: BmcState) -> dict[str, Document]:
        services = ("Systems", "Managers", "Chassis", "SessionService", "AccountService", "JsonSchemas", "Registries")
        values = [{"name": "Service", "kind": "Singleton", "url": "/redfish/v1/"}]
        values += [{"name": name, "kind": "Singleton", "url": f"{self.root}/{name}"} for name in services]
        return {
            **super().fixed_documents(bmc),
            f"{self.root}/odata": {"@odata.context": "/redfish/v1/$metadata", "value": values},
            **self._accounts(bmc),
            f"{self.root}/JsonSchemas": collection(f"{self.root}/JsonSchemas", "JsonSchemaFile", "Schemas", []),
            f"{self.root}/Registries": collection(
                f"{self.root}/Registries", "MessageRegistryFile", "Registries", [f"{self.root}/Registries/Base"]
            ),
            f"{self.root}/Registries/Base": {
                "@odata.id": f"{self.root}/Registries/Base",
                "@odata.type": "#MessageRegistryFile.v1_1_3.MessageRegistryFile",
                "Id": "Base",
                "Name": "Base Message Registry File",
                "Languages": ["en"],
                "Registry": self.base,
                "Location": [
                    {
                        "Language": "en",
                        "PublicationUri": "https://redfish.dmtf.org/registries/Base.1.18.1.json",
                    }
                ],
            },
            self.manager: {
                "@odata.id": self.manager,
                "@odata.type": "#Manager.v1_19_1.Manager",
                "Id": "BMC",
                "Name": "Manager",
                "ManagerType": "BMC",
                "FirmwareVersion": "1.45.455b66-rev4",
                "Status": {"State": "Enabled", "Health": "OK"},
                "Links": {"ManagerForServers": [ref(self.system)], "ManagerForChassis": [ref(self.chassis)]},
            },
            self.chassis: {
                "@odata.id": self.chassis,
                "@odata.type": "#Chassis.v1_25_0.Chassis",
                "Id": "1U",
                "Name": "Computer System Chassis",
                "ChassisType": "RackMount",
                "Status": {"State": "Enabled", "Health": "OK"},
                "Links": {"ComputerSystems": [ref(self.system)], "ManagedBy": [ref(self.manager)]},
            },
            self.action_info: {
                "@odata.id": self.action_info,
                "@odata.type": "#ActionInfo.v1_4_0.ActionInfo",
                "Id": "ResetActionInfo",
                "Name": "Reset Action Info",
                "Parameters": [
                    {"Name": "ResetType", "Required": True, "DataType": "String", "AllowableValues": list(self.resets)}
                ],
            },
        }

    def _accounts(self, bmc: BmcState) -> dict[str, Document]:
        service = f"{self.root}/AccountService"
        accounts, roles = f"{service}/Accounts", f"{service}/Roles"
        documents: dict[str, Document] = {
            service: {
                "@odata.id": service,
                "@odata.type": "#AccountService.v1_15_1.AccountService",
                "Id": "AccountService",
                "Name": "Account Service",
                "ServiceEnabled": True,
                "AuthFailureLoggingThreshold": 3,
                "MinPasswordLength": 8,
                "Accounts": ref(accounts),
                "Roles": ref(roles),
            },
            accounts: collection(accounts, "ManagerAccount", "Accounts", [f"{accounts}/1"]),
            f"{accounts}/1": {
                "@odata.id": f"{accounts}/1",
                "@odata.type": "#ManagerAccount.v1_12_1.ManagerAccount",
                "Id": "1",
                "Name": "User Account",
                "UserName": bmc.username,
                "Password": None,
                "Enabled": True,
                "Locked": False,
                "RoleId": "Administrator",
                "AccountTypes": ["Redfish"],
                "Links": {"Role": ref(f"{roles}/Administrator")},
            },
            roles: collection(roles, "Role", "Roles", [f"{roles}/{name}" for name in PRIVILEGES]),
        }
        for name, privileges in PRIVILEGES.items():
            documents[f"{roles}/{name}"] = {
                "@odata.id": f"{roles}/{name}",
                "@odata.type": "#Role.v1_3_2.Role",
                "Id": name,
                "Name": "User Role",
                "RoleId": name,
                "IsPredefined": True,
                "AssignedPrivileges": privileges,
            }
        return documents

    def system_document(self, bmc: BmcState) -> Document:
        boot = self.boot_document(bmc.hardware.boot)
        return {
            "@odata.id": self.system,
            "@odata.type": "#ComputerSystem.v1_22_1.ComputerSystem",
            "Id": "437XR1138R2",
            "Name": "Main System",
            "SystemType": "Physical",
            "Manufacturer": "Contoso",
            "Model": bmc.machine.model,
            "SerialNumber": bmc.serial,
            "UUID": bmc.uuid,
            "HostName": bmc.machine.name,
            "Status": {"State": "Enabled", "Health": "OK"},
            "PowerState": self.power_state(bmc),
            "BootProgress": {"LastState": PROGRESS.get(bmc.hardware.phase, "OSBootStarted")},
            "Boot": {
                **boot,
                "BootSourceOverrideEnabled@Redfish.AllowableValues": ["Disabled", "Once", "Continuous"],
                "BootSourceOverrideMode@Redfish.AllowableValues": list(self.modes),
            },
            "Links": {"Chassis": [ref(self.chassis)], "ManagedBy": [ref(self.manager)]},
            "Actions": {
                "#ComputerSystem.Reset": {
                    "target": self.reset,
                    "ResetType@Redfish.AllowableValues": list(self.resets),
                    "@Redfish.ActionInfo": self.action_info,
                }
            },
        }

    def session_document(self, session: Session) -> Document:
        created = datetime.fromtimestamp(session.created, UTC).isoformat(timespec="seconds")
        told = {"ClientOriginIPAddress": session.client, "CreatedTime": created, "Password": None}
        return {**super().session_document(session), "@odata.type": "#Session.v1_7_1.Session", **told}

    def patched(self, bmc: BmcState) -> Reply:
        # 200 with the resource as it is now, and its new ETag (DSP0266 on PATCH).
        found = self.rendered(self.system, self.current_documents(bmc)[self.system])
        return Reply(200, found.body, {"ETag": found.etag or ""})
