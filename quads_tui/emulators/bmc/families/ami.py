"""AMI MegaRAC on a DGX board: override on /SD alone, If-Match demanded, a boot mode that is null, sessions of half a minute."""

from __future__ import annotations

from quads_tui.emulators.bmc.families.openbmc import TwoSystems
from quads_tui.emulators.bmc.family import RESETS
from quads_tui.emulators.bmc.hardware import Boot
from quads_tui.emulators.bmc.replies import Document, Message, Reply, ref
from quads_tui.emulators.bmc.state import BmcState


class Ami(TwoSystems):
    name = "ami"
    models: tuple[str, ...] = ("DGX", "SR635", "SR655")
    vendor = "AMI"
    manufacturer = "NVIDIA"
    system = "/redfish/v1/Systems/DGX"
    manager = "/redfish/v1/Managers/BMC"
    chassis = "/redfish/v1/Chassis/DGX"
    base = "Base.1.13"
    registry = "Ami.1.0"
    messages = {  # noqa: RUF012
        "OemLicenseNotPassed": Message("The feature is not licensed.", "Upload a license."),
    }
    etags = "strong"
    needs_etag = True  # quirk 40
    checks_etag = True
    session_timeout = 30.0  # quirk 47
    advertised_timeout = 30
    resets = (*RESETS, "ForceOn", "PowerCycle")
    modes = ()

    @property
    def _settings(self) -> str:
        return f"{self.system}/SD"

    def live_documents(self, bmc: BmcState) -> dict[str, Document]:
        settings = {
            "@odata.id": self._settings,
            "@odata.type": "#ComputerSystem.v1_19_0.ComputerSystem",
            "Id": "DGX",
            "Name": "DGX settings",
            "Boot": {
                **super().boot_document(bmc.hardware.boot),
                "BootSourceOverrideEnabled@Redfish.AllowableValues": list(self.enabled),
            },
        }
        return {self.system: self.system_document(bmc), self._settings: settings}

    def boot_document(self, boot: Boot) -> Document:
        """What the system itself shows: the state without any list of values, and no mode."""
        return {
            "BootSourceOverrideEnabled": boot.enabled,
            "BootSourceOverrideMode": None,
            "BootSourceOverrideTarget": boot.target,
        }

    def system_document(self, bmc: BmcState) -> Document:
        settings = {"@odata.type": "#Settings.v1_3_5.Settings", "SettingsObject": ref(self._settings)}
        return {**super().system_document(bmc), "@Redfish.Settings": settings}

    def refuse_boot_change(self, bmc: BmcState, wanted: dict[str, str]) -> Reply | None:
        return self.error(400, ("PropertyNotWritable", next(iter(wanted))))

    def patch_settings(self, bmc: BmcState, path: str, wanted: dict[str, str]) -> Reply | None:
        if path != self._settings:
            return None
        bmc.set_boot(wanted)
        return Reply(204)
