"""Supermicro X11: strong ETags, a misspelt allowable beside the ActionInfo, and a PATCH that resets what it leaves out."""

from __future__ import annotations

from typing import Literal

from quads_tui.emulators.bmc.family import RESETS, Family
from quads_tui.emulators.bmc.hardware import HardwareTiming
from quads_tui.emulators.bmc.replies import Document, Message, Reply, ref
from quads_tui.emulators.bmc.state import BmcState


class SmcX11(Family):
    name = "smc_x11"
    models: tuple[str, ...] = ("1029", "5039", "6029", "6049", "SYS-")
    has_action_info = True
    vendor: str | None = None  # null in the root; only its Oem member names it
    manufacturer = "Supermicro"
    base = "Base.v1_4_0"
    registry = "SMC.1.0"
    messages = {  # noqa: RUF012
        "OemLicenseNotPassed": Message("Not licensed to perform this request. The following licenses DCMS were needed."),
    }
    etags: Literal["none", "weak", "strong"] = "strong"
    checks_etag = True
    session_timeout = 300.0
    advertised_timeout = 300
    timing = HardwareTiming(keeps_target=True)
    resets = (*RESETS, "ForceOn")
    version, schema = "1.8.0", "v1_8_0"
    resets_advertised: tuple[str, ...] | None = (
        "On",
        "ForceOff",
        "GracefulShutdownGracefulRestart",  # quirk 27: a comma is missing in the firmware
        "ForceRestart",
        "Nmi",
        "ForceOn",
    )
    targets = ("None", "Pxe", "Floppy", "Cd", "Usb", "Hdd", "BiosSetup", "UsbCd", "UefiBootNext", "UefiHttp")

    def root_document(self, bmc: BmcState) -> Document:
        return {
            "@odata.type": "#ServiceRoot.v1_5_2.ServiceRoot",
            "@odata.id": self.root,
            "Id": "RootService",
            "Name": "Root Service",
            "RedfishVersion": self.version,
            "UUID": bmc.uuid,
            "Vendor": self.vendor,
            "Product": None,
            "Systems": ref(f"{self.root}/Systems"),
            "Chassis": ref(f"{self.root}/Chassis"),
            "Managers": ref(f"{self.root}/Managers"),
            "SessionService": ref(f"{self.root}/SessionService"),
            "Links": {"Sessions": ref(self.sessions)},
            "Oem": {"Supermicro": {"DumpService": ref(f"{self.root}/Oem/Supermicro/DumpService")}},
        }

    def fixed_documents(self, bmc: BmcState) -> dict[str, Document]:
        return {
            **super().fixed_documents(bmc),
            self.manager: {
                "@odata.type": "#Manager.v1_7_0.Manager",
                "@odata.id": self.manager,
                "Id": "1",
                "Name": "Manager",
                "ManagerType": "BMC",
                "Model": "ASPEED",
                "FirmwareVersion": "01.73.12",
                "Links": {"ManagerForServers": [ref(self.system)]},
            },
            self.chassis: {
                "@odata.type": "#Chassis.v1_9_1.Chassis",
                "@odata.id": self.chassis,
                "Id": "1",
                "Name": "Computer System Chassis",
                "ChassisType": "Rack",
                "Links": {"ComputerSystems": [ref(self.system)]},
            },
            self.action_info: {
                "@odata.type": "#ActionInfo.v1_1_2.ActionInfo",
                "@odata.id": self.action_info,
                "Id": "ResetActionInfo",
                "Name": "Reset Action Info",
                "Parameters": [
                    {"Name": "ResetType", "Required": True, "DataType": "String", "AllowableValues": list(self.resets)}
                ],
            },
        }

    def system_document(self, bmc: BmcState) -> Document:
        inline = self.resets_advertised
        advertised = {} if inline is None else {"ResetType@Redfish.AllowableValues": list(inline)}
        return {
            "@odata.type": f"#ComputerSystem.{self.schema}.ComputerSystem",
            "@odata.id": self.system,
            "Id": "1",
            "Name": "System",
            "Description": "Description of server",
            "Status": {"State": "Enabled", "Health": "OK"},
            "SerialNumber": bmc.serial,
            "SystemType": "Physical",
            "Manufacturer": "Supermicro",
            "Model": f"SYS-{bmc.machine.model}",
            "UUID": bmc.uuid,
            "PowerState": self.power_state(bmc),
            "Boot": {**self.boot_document(bmc.hardware.boot), "BootNext": None, "BootOrder": ["Boot0003", "Boot0004"]},
            "Links": {"Chassis": [ref(self.chassis)], "ManagedBy": [ref(self.manager)]},
            "Actions": {
                "Oem": {},
                "#ComputerSystem.Reset": {
                    "target": self.reset,
                    "@Redfish.ActionInfo": self.action_info,
                    **advertised,
                },
            },
        }

    def with_defaults(self, bmc: BmcState, wanted: dict[str, str]) -> dict[str, str]:
        # By design of the vendor, what a PATCH of Boot leaves out returns to its default.
        return {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideMode": "Legacy", **wanted}

    def already_in_state(self, bmc: BmcState, reset_type: str) -> Reply:
        return self.reset_done()

    def reset_done(self) -> Reply:
        return self.error(200, "Success")
