"""OpenBMC: two systems of which one has no power button, allowables in the ActionInfo, 204 and nothing else, slow to wake."""

from __future__ import annotations

from quads_tui.emulators.bmc.family import RESETS, Family
from quads_tui.emulators.bmc.hardware import HardwareTiming
from quads_tui.emulators.bmc.replies import Document, Message, Reply, ref
from quads_tui.emulators.bmc.state import BmcState

PROGRESS = {"off": "None", "post": "PrimaryProcessorInitializationStarted", "installer": "OSBootStarted", "os": "OSRunning"}


class TwoSystems(Family):
    """A GPU board beside the server: the second member of Systems, without Boot and without Reset (quirk 45)."""

    has_action_info = True
    baseboard = "/redfish/v1/Systems/HGX_Baseboard_0"

    def system_paths(self, bmc: BmcState) -> list[str]:
        members = [self.system, self.baseboard]
        # By the machine, for the order is no promise.
        return members if int(bmc.uuid[0], 16) % 2 else members[::-1]

    def root_document(self, bmc: BmcState) -> Document:
        return {
            "@odata.id": self.root,
            "@odata.type": "#ServiceRoot.v1_15_0.ServiceRoot",
            "Id": "RootService",
            "Name": "Root Service",
            "RedfishVersion": "1.17.0",
            "UUID": bmc.uuid,
            "Vendor": self.vendor,
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
                "@odata.type": "#Manager.v1_14_0.Manager",
                "Id": self.manager.rpartition("/")[2],
                "Name": "Manager",
                "ManagerType": "BMC",
                "FirmwareVersion": "24.10-1",
                "Links": {"ManagerForServers": [ref(member) for member in self.system_paths(bmc)]},
            },
            self.chassis: {
                "@odata.id": self.chassis,
                "@odata.type": "#Chassis.v1_22_0.Chassis",
                "Id": self.chassis.rpartition("/")[2],
                "Name": "Chassis",
                "ChassisType": "RackMount",
                "Links": {"ComputerSystems": [ref(self.system)]},
            },
            self.baseboard: {
                "@odata.id": self.baseboard,
                "@odata.type": "#ComputerSystem.v1_22_0.ComputerSystem",
                "Id": "HGX_Baseboard_0",
                "Name": "HGX Baseboard",
                "SystemType": "Physical",
                "Status": {"State": "Enabled", "Health": "OK"},
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
        }

    def system_document(self, bmc: BmcState) -> Document:
        return {
            "@odata.id": self.system,
            "@odata.type": "#ComputerSystem.v1_22_0.ComputerSystem",
            "Id": self.system.rpartition("/")[2],
            "Name": "System",
            "SystemType": "Physical",
            "Manufacturer": self.manufacturer,
            "Model": bmc.machine.model,
            "SerialNumber": bmc.serial,
            "UUID": bmc.uuid,
            "PowerState": self.power_state(bmc),
            "Status": {"State": "Enabled", "Health": "OK"},
            "BootProgress": {"LastState": PROGRESS.get(bmc.hardware.phase, "OSBootStarted")},
            "Boot": self.boot_document(bmc.hardware.boot),
            "Actions": {"#ComputerSystem.Reset": {"target": self.reset, "@Redfish.ActionInfo": self.action_info}},
            "Links": {"Chassis": [ref(self.chassis)], "ManagedBy": [ref(self.manager)]},
        }


class OpenBmc(TwoSystems):
    name = "openbmc"
    models: tuple[str, ...] = ("GB200", "GB300", "AC922", "S822")
    vendor = "OpenBMC"
    manufacturer = "NVIDIA"
    system = "/redfish/v1/Systems/System_0"
    manager = "/redfish/v1/Managers/bmc"
    chassis = "/redfish/v1/Chassis/Chassis_0"
    base = "Base.1.18.1"
    registry = "OpenBMC.0.2"
    messages = {  # noqa: RUF012
        "OemLicenseNotPassed": Message("The license is missing.", "Install it."),
    }
    checks_etag = True  # nothing is marked, yet a mark that is sent is compared
    session_cap = 64
    timing = HardwareTiming(lags=False)
    reports_transitions = True
    resets = (*RESETS, "ForceOn", "PowerCycle")
    modes = ()
    targets = ("None", "Pxe", "Hdd", "Cd", "Diags", "BiosSetup", "Usb")
    requests_until_ready = 1  # quirk 44

    @property
    def _settings(self) -> str:
        return f"{self.system}/Settings"

    def live_documents(self, bmc: BmcState) -> dict[str, Document]:
        settings = {
            "@odata.id": self._settings,
            "@odata.type": "#ComputerSystem.v1_22_0.ComputerSystem",
            "Id": "Settings",
            "Name": "Pending settings",
            "Boot": self.boot_document(bmc.hardware.boot),
        }
        return {self.system: self.system_document(bmc), self._settings: settings}

    def system_document(self, bmc: BmcState) -> Document:
        settings = {"@odata.type": "#Settings.v1_3_5.Settings", "SettingsObject": ref(self._settings)}
        return {**super().system_document(bmc), "@Redfish.Settings": settings}

    def patch_settings(self, bmc: BmcState, path: str, wanted: dict[str, str]) -> Reply | None:
        if path != self._settings:
            return None
        bmc.set_boot(wanted)
        return Reply(204)
