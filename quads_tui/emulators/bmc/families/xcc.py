"""Lenovo XClarity Controller: ids with a slash at the root, Once or nothing, a pending resource that has the order alone."""

from __future__ import annotations

from quads_tui.emulators.bmc.family import RESETS, Family
from quads_tui.emulators.bmc.replies import Document, Message, Reply, ref
from quads_tui.emulators.bmc.state import BmcState

PROGRESS = {"off": "None", "post": "MemoryInitializationStarted", "installer": "OSBootStarted", "os": "OSRunning"}


class Xcc(Family):
    name = "xcc"
    models: tuple[str, ...] = ("SR630", "SR650", "SR670", "SR675", "SR850")
    has_action_info = True
    vendor = "Lenovo"
    manufacturer = "Lenovo"
    base = "Base.1.8"
    registry = "ExtendedError.1.2"
    messages = {  # noqa: RUF012
        "OemLicenseNotPassed": Message("The activation key for this function is missing.", "Import the activation key."),
        "InvalidPowerState": Message("The requested power action does not fit the current power state."),
    }
    etags = "strong"
    checks_etag = True
    session_timeout = 300.0
    advertised_timeout = 300
    resets = (*RESETS, "ForceOn")
    enabled = ("Once", "Disabled")  # quirk 39: no Continuous
    targets = ("None", "Pxe", "Cd", "Usb", "Hdd", "BiosSetup", "Diags", "UefiTarget")
    hanging_resets = frozenset({"ForceRestart"})  # quirk 41
    redirected_paths = frozenset({"/redfish/v1"})  # quirk 39: the root by its slash only

    @property
    def _pending(self) -> str:
        return f"{self.system}/Pending"

    def root_document(self, bmc: BmcState) -> Document:
        return {
            "@odata.id": "/redfish/v1/",
            "@odata.type": "#ServiceRoot.v1_10_0.ServiceRoot",
            "Id": "RootService",
            "Name": "Root Service",
            "RedfishVersion": "1.15.0",
            "UUID": bmc.uuid,
            "Vendor": "Lenovo",
            "Systems": ref(f"{self.root}/Systems"),
            "Managers": ref(f"{self.root}/Managers"),
            "Chassis": ref(f"{self.root}/Chassis"),
            "SessionService": ref(f"{self.root}/SessionService"),
            "Links": {"Sessions": ref(self.sessions)},
        }

    def fixed_documents(self, bmc: BmcState) -> dict[str, Document]:
        return {
            **super().fixed_documents(bmc),
            self.manager: {
                "@odata.id": self.manager,
                "@odata.type": "#Manager.v1_11_0.Manager",
                "Id": "1",
                "Name": "Manager",
                "ManagerType": "BMC",
                "Model": "Lenovo XClarity Controller",
                "FirmwareVersion": "AFBT40A 4.10",
                "Links": {"ManagerForServers": [ref(self.system)]},
            },
            self.chassis: {
                "@odata.id": self.chassis,
                "@odata.type": "#Chassis.v1_16_0.Chassis",
                "Id": "1",
                "Name": "Chassis",
                "ChassisType": "RackMount",
                "Links": {"ComputerSystems": [ref(self.system)]},
            },
            self.action_info: {
                "@odata.id": self.action_info,
                "@odata.type": "#ActionInfo.v1_1_2.ActionInfo",
                "Id": "ResetActionInfo",
                "Name": "Reset Action Info",
                "Parameters": [
                    {"Name": "ResetType", "Required": True, "DataType": "String", "AllowableValues": list(self.resets)}
                ],
            },
            self._pending: {
                "@odata.id": self._pending,
                "@odata.type": "#ComputerSystem.v1_16_0.ComputerSystem",
                "Id": "Pending",
                "Name": "Pending",
                "Boot": {"BootOrder": ["Boot0001", "Boot0002"]},
            },
        }

    def system_document(self, bmc: BmcState) -> Document:
        return {
            "@Redfish.Settings": {"@odata.type": "#Settings.v1_3_0.Settings", "SettingsObject": ref(self._pending)},
            "@odata.id": self.system,
            "@odata.type": "#ComputerSystem.v1_16_0.ComputerSystem",
            "Id": "1",
            "Name": "ComputerSystem",
            "SystemType": "Physical",
            "Manufacturer": "Lenovo",
            "Model": f"ThinkSystem {bmc.machine.model}",
            "SerialNumber": bmc.serial,
            "UUID": bmc.uuid,
            "HostName": bmc.machine.name,
            "PowerState": self.power_state(bmc),
            "Status": {"State": "Enabled", "Health": "OK"},
            "BootProgress": {"LastState": PROGRESS.get(bmc.hardware.phase, "OSBootStarted")},
            "Boot": {
                "BootOrder": ["Boot0001", "Boot0002"],
                **self.boot_document(bmc.hardware.boot),
                "BootSourceOverrideEnabled@Redfish.AllowableValues": list(self.enabled),
                "BootSourceOverrideMode@Redfish.AllowableValues": list(self.modes),
            },
            "Actions": {
                "#ComputerSystem.Reset": {
                    "target": self.reset,
                    "@Redfish.ActionInfo": self.action_info,
                    "ResetType@Redfish.AllowableValues": list(self.resets),
                }
            },
            "Links": {"Chassis": [ref(self.chassis)], "ManagedBy": [ref(self.manager)]},
        }

    def patched(self, bmc: BmcState) -> Reply:
        found = self.rendered(self.system, self.current_documents(bmc)[self.system])
        return Reply(200, found.body)

    def reset_done(self) -> Reply:
        return self.error(200, "Success")
