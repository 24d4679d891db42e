"""Lenovo XClarity Controller: ids with a slash at the root, Once or nothing, a pending resource that has the order alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quads_tui.emulators.bmc.family import RESETS, Family
from quads_tui.emulators.bmc.replies import Document, Message, Reply, ref

if TYPE_CHECKING:
    from quads_tui.emulators.bmc.service import Bmc

PROGRESS = {"off": "None", "post": "MemoryInitializationStarted", "installer": "OSBootStarted", "os": "OSRunning"}


class Xcc(Family):
    name = "xcc"
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
    told_timeout = 300
    resets = (*RESETS, "ForceOn")
    enabled = ("Once", "Disabled")  # quirk 39: no Continuous
    targets = ("None", "Pxe", "Cd", "Usb", "Hdd", "BiosSetup", "Diags", "UefiTarget")
    hangs = frozenset({"ForceRestart"})  # quirk 41
    slashed = frozenset({"/redfish/v1"})  # quirk 39: the root by its slash only

    @property
    def _pending(self) -> str:
        return f"{self.system}/Pending"

    @property
    def _action_info(self) -> str:
        return f"{self.system}/ResetActionInfo"

    def root_document(self, bmc: Bmc) -> Document:
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

    def fixed(self, bmc: Bmc) -> dict[str, Document]:
        return {
            **super().fixed(bmc),
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
            self._action_info: {
                "@odata.id": self._action_info,
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

    def system_document(self, bmc: Bmc) -> Document:
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
                    "@Redfish.ActionInfo": self._action_info,
                    "ResetType@Redfish.AllowableValues": list(self.resets),
                }
            },
            "Links": {"Chassis": [ref(self.chassis)], "ManagedBy": [ref(self.manager)]},
        }

    def patched(self, bmc: Bmc) -> Reply:
        found = bmc.document(self.system)
        assert found is not None
        return Reply(200, found.body)

    def reset_done(self) -> Reply:
        return self.error(200, "Success")
