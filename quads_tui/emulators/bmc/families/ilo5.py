"""HPE iLO 5: weak ETags, 308 to the slash form, no writable mode, POST locks, terse errors, PostState."""

from __future__ import annotations

from datetime import UTC, datetime

from quads_tui.emulators.bmc.family import RESETS, Family
from quads_tui.emulators.bmc.hardware import Boot, HardwareTiming
from quads_tui.emulators.bmc.replies import Document, Key, Message, Reply, dumps, named, ref
from quads_tui.emulators.bmc.sessions import Session
from quads_tui.emulators.bmc.state import BmcState

CONTEXT = "/redfish/v1/$metadata#"
POST_STATES = {"off": "PowerOff", "post": "InPost", "installer": "FinishedPost", "os": "FinishedPost"}


class Ilo5(Family):
    name = "ilo5"
    log_services = "/redfish/v1/Systems/1/LogServices"
    log_name = "IML"
    models: tuple[str, ...] = ("DL", "BL", "ML")
    vendor = "HPE"
    manufacturer = "HPE"
    base = "Base.1.4"
    registry = "iLO.2.14"
    messages = {  # noqa: RUF012
        "InvalidOperationForSystemState": Message("The operation was not successful due to the current power state."),
        "UnableToModifyDuringSystemPOST": Message("Unable to modify resource during the System POST."),
        "PropertyNotWritableOrUnknown": Message("The property %1 is a read-only property or unknown."),
        "ResourceNotReadyRetry": Message("The resource is not ready. Retry in %1 seconds."),
        "OemLicenseNotPassed": Message("A license key is required to use this feature.", "Install a license key."),
    }
    etags = "weak"
    session_cap = 20
    advertised_timeout = 30  # minutes, though the schema wants seconds
    timing = HardwareTiming(off=(4.0, 30.0))
    model, generation, version, firmware = "iLO 5", "Gen10", "1.6.0", "2.72"
    locks_in_post = True
    resets = RESETS
    targets = ("None", "Cd", "Hdd", "Usb", "SDCard", "Utilities", "Diags", "BiosSetup", "Pxe", "UefiShell", "UefiHttp")
    redirected_paths = frozenset({"/redfish/v1", "/redfish/v1/Systems", "/redfish/v1/Systems/1"})
    ignores_case = True

    def root_document(self, bmc: BmcState) -> Document:
        return {
            "@odata.context": f"{CONTEXT}ServiceRoot.ServiceRoot",
            "@odata.id": self.root,
            "@odata.type": "#ServiceRoot.v1_5_1.ServiceRoot",
            "Id": "RootService",
            "Name": "HPE RESTful Root Service",
            "RedfishVersion": self.version,
            "UUID": bmc.uuid,
            "Vendor": "HPE",
            "Product": f"ProLiant {bmc.machine.model} {self.generation}",
            "Systems": ref(f"{self.root}/Systems"),
            "Managers": ref(f"{self.root}/Managers"),
            "Chassis": ref(f"{self.root}/Chassis"),
            "SessionService": ref(f"{self.root}/SessionService"),
            "Links": {"Sessions": ref(self.sessions)},
            "Oem": {"Hpe": {"Manager": [{"ManagerType": self.model, "ManagerFirmwareVersion": self.firmware}]}},
        }

    def fixed_documents(self, bmc: BmcState) -> dict[str, Document]:
        return {
            **super().fixed_documents(bmc),
            self.manager: {
                "@odata.context": f"{CONTEXT}Manager.Manager",
                "@odata.id": self.manager,
                "@odata.type": "#Manager.v1_5_1.Manager",
                "Id": "1",
                "Name": "Manager",
                "ManagerType": "BMC",
                "Model": self.model,
                "FirmwareVersion": f"{self.model} v{self.firmware}",
                "Links": {"ManagerForServers": [ref(self.system)], "ManagerInChassis": [ref(self.chassis)]},
            },
            self.chassis: {
                "@odata.id": self.chassis,
                "@odata.type": "#Chassis.v1_10_2.Chassis",
                "Id": "1",
                "Name": "Computer System Chassis",
                "ChassisType": "RackMount",
                "Links": {"ComputerSystems": [ref(self.system)], "ManagedBy": [ref(self.manager)]},
            },
        }

    def boot_document(self, boot: Boot) -> Document:
        return {**super().boot_document(boot), "UefiTargetBootSourceOverride": "None"}

    def system_document(self, bmc: BmcState) -> Document:
        phase = bmc.hardware.phase
        return {
            "@odata.context": f"{CONTEXT}ComputerSystem.ComputerSystem",
            "@odata.id": self.system,
            "@odata.type": "#ComputerSystem.v1_13_0.ComputerSystem",
            "Id": "1",
            "Name": "Computer System",
            "Manufacturer": "HPE",
            "Model": f"ProLiant {bmc.machine.model} {self.generation}",
            "SerialNumber": bmc.serial,
            "UUID": bmc.uuid,
            "HostName": bmc.machine.name,
            "PowerState": self.power_state(bmc),
            "Bios": ref("/redfish/v1/systems/1/bios"),
            "Boot": {"BootOrder": ["Boot000A", "Boot0011", "Boot0002"], **self.boot_document(bmc.hardware.boot)},
            "Status": {"Health": "OK", "State": "Enabled"},
            "Actions": {
                "#ComputerSystem.Reset": {
                    "ResetType@Redfish.AllowableValues": list(self.resets),
                    "target": self.reset,
                }
            },
            "Links": {"ManagedBy": [ref(self.manager)], "Chassis": [ref(self.chassis)]},
            "Oem": {
                "Hpe": {
                    "@odata.type": "#HpeComputerSystemExt.v2_12_0.HpeComputerSystemExt",
                    "PostState": POST_STATES.get(phase, "FinishedPost"),
                }
            },
        }

    def message_info(self, key: Key) -> Document:
        """iLO sends ids and arguments only; the texts are in the registries."""
        name, args = named(key)
        info: Document = {"MessageId": f"{self.registry if name in self.messages else self.base}.{name}"}
        return {**info, "MessageArgs": list(args)} if args else info

    def error(self, status: int, *keys: Key, headers: dict[str, str] | None = None) -> Reply:
        body = {
            "error": {
                "code": "iLO.0.10.ExtendedInfo",
                "message": "See @Message.ExtendedInfo for more information.",
                "@Message.ExtendedInfo": [self.message_info(key) for key in keys],
            }
        }
        return Reply(status, dumps(body), headers or {})

    def not_ready(self, wait: int) -> Reply:
        return self.error(503, ("ResourceNotReadyRetry", str(wait)), headers={"Retry-After": str(wait)})

    def already_in_state(self, bmc: BmcState, reset_type: str) -> Reply:
        return self.error(400, "InvalidOperationForSystemState")

    def reset_done(self) -> Reply:
        return self.error(200, "Success")

    def patched(self, bmc: BmcState) -> Reply:
        return self.error(200, "Success")

    def refuse_boot_change(self, bmc: BmcState, wanted: dict[str, str]) -> Reply | None:
        if "BootSourceOverrideMode" in wanted:
            return self.error(400, ("PropertyNotWritableOrUnknown", "BootSourceOverrideMode"))
        return None

    def session_document(self, session: Session) -> Document:
        login = datetime.fromtimestamp(session.created, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        oem = {"LoginTime": login, "UserIP": session.client, "UserTag": "REST", "UserType": "Local"}
        return {**super().session_document(session), "@odata.type": "#Session.v1_0_0.Session", "Oem": {"Hpe": oem}}
