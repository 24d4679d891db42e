"""Dell iDRAC10 (17G): Boot is writable on the settings object alone, the first If-Match fails, and On fails just after Off."""

from __future__ import annotations

from quads_tui.emulators.bmc.families.idrac9 import CONTEXT, Idrac9
from quads_tui.emulators.bmc.replies import Document, Reply, Request
from quads_tui.emulators.bmc.state import BmcState

SETTLES = 60.0  # emulated seconds after an Off in which On is in conflict with what still goes on


class Idrac10(Idrac9):
    name = "idrac10"
    models: tuple[str, ...] = ("R470", "R570", "R670", "R770", "R6715", "R6725", "R7715", "R7725", "XE9712", "XE9780")
    base = "Base.1.18"
    registry = "IDRAC.3.0"
    version, firmware, generation, schema = "1.20.1", "1.20.50.50", "17G Monolithic", "v1_22_0"
    etags = "strong"
    advertised = ("On", "ForceOff", "ForceRestart", "GracefulRestart", "GracefulShutdown", "PowerCycle")

    job_created = 201

    @property
    def sources_page(self) -> str:
        return f"{self.system}/Oem/Dell/DellBootSources"

    @property
    def jobs_page(self) -> str:
        return f"{self.manager}/Oem/Dell/Jobs"

    @property
    def _settings(self) -> str:
        return f"{self.system}/Settings"

    def live_documents(self, bmc: BmcState) -> dict[str, Document]:
        return {
            self.system: self.system_document(bmc),
            self._settings: {
                "@odata.context": f"{CONTEXT}ComputerSystem.ComputerSystem",
                "@odata.id": self._settings,
                "@odata.type": f"#ComputerSystem.{self.schema}.ComputerSystem",
                "Id": "Settings",
                "Name": "Settings",
                "Boot": {"BootOrder": ["Boot0000", "Boot0001"], **self.boot_document(bmc.hardware.boot)},
            },
        }

    def precondition(self, bmc: BmcState, request: Request, etag: str | None) -> Reply | None:
        """Quirk 13: the first If-Match never matches."""
        given = request.headers.get("if-match")
        if given in (None, "*"):
            return None
        if given != etag or "matched once" not in bmc.firmware_memory:
            bmc.firmware_memory.add("matched once")
            return self.error(412, "PreconditionFailed")
        return None

    def refuse_boot_change(self, bmc: BmcState, wanted: dict[str, str]) -> Reply | None:
        """Quirk 12: on the system itself Boot is read-only."""
        return self.error(400, ("PropertyNotWritable", "Boot"))

    def patch_settings(self, bmc: BmcState, path: str, wanted: dict[str, str]) -> Reply | None:
        if path != self._settings:
            return None
        if wanted.get("BootSourceOverrideMode", bmc.hardware.boot.mode) != bmc.hardware.boot.mode:
            return super().patch_settings(bmc, path, {"BootSourceOverrideMode": wanted["BootSourceOverrideMode"]})
        bmc.set_boot(wanted)
        return self.patched(bmc)

    def refuse_reset(self, bmc: BmcState, reset_type: str) -> Reply | None:
        """Quirk 2: for up to a minute after Off, On is a conflict though nothing of it can be seen."""
        if reset_type == "On" and bmc.time.now() < bmc.hardware.off_since + SETTLES:
            return self.error(409, ("ActionParameterValueConflict", "ResetType", "On"))
        return None
