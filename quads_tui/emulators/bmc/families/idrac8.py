"""Dell iDRAC7 and iDRAC8 (12G, 13G): the old session path, no settings object, slow answers, and answers that do not fit."""

from __future__ import annotations

from quads_tui.emulators.bmc.bios import Bios
from quads_tui.emulators.bmc.families.idrac9 import Idrac9
from quads_tui.emulators.bmc.family import ENABLED, RESETS
from quads_tui.emulators.bmc.hardware import HardwareTiming
from quads_tui.emulators.bmc.replies import Document, Message, Reply
from quads_tui.emulators.bmc.state import BmcState


class Idrac8(Idrac9):
    name = "idrac8"
    models: tuple[str, ...] = ("R330", "R430", "R530", "R630", "R730", "R830", "R930", "M630", "FC430", "FC630", "730XD")
    sessions = "/redfish/v1/Sessions"
    base = "Base.1.0"
    registry = "IDRAC.1.6"
    messages = {  # noqa: RUF012
        **Idrac9.messages,
        "SYS410": Message("The operation is partially successful.", "Some of the attributes were not set.", "Warning"),
        "SYS444": Message("Unable to complete the operation because of an internal error.", "Retry the operation."),
    }
    version, firmware, generation, schema = "1.4.0", "2.83.83.83", "13G Monolithic", "v1_0_2"
    latency = (1.5, 5.0)
    timing = HardwareTiming(off=(5.0, 20.0))
    # Quirk 8: no GracefulRestart.
    advertised: tuple[str, ...] = ("On", "ForceOff", "GracefulShutdown", "ForceRestart", "PushPowerButton", "Nmi")
    resets = tuple(kind for kind in RESETS if kind != "GracefulRestart")
    enabled: tuple[str, ...] = ("Disabled", "Once")
    pxe_devices = False
    drops_with_job = False

    def live_documents(self, bmc: BmcState) -> dict[str, Document]:
        return {self.system: self.system_document(bmc)}

    def system_document(self, bmc: BmcState) -> Document:
        document = super().system_document(bmc)
        for newer in ("@Redfish.Settings", "SystemType"):
            del document[newer]
        del document["Boot"]["BootOptions"]
        return document

    def patched(self, bmc: BmcState) -> Reply:
        """Quirk 9: an error body, now and then under an error's status, for a change that was made."""
        error = self.error(400, "SYS444")
        draw = bmc.draws.next("patched")
        return error if draw.random() < 0.25 else Reply(200, error.body if draw.random() < 0.5 else b"")


class Idrac7(Idrac8):
    """The same service on 12G machines, in its first Redfish firmware, still slower."""

    name = "idrac7"
    models: tuple[str, ...] = ("R320", "R420", "R520", "R620", "R720", "R820", "R920", "M620")
    version, firmware, generation, schema = "1.0.2", "2.65.65.65", "12G Monolithic", "v1_0_0"
    latency = (2.0, 6.0)
    enabled = ENABLED

    def make_bios(self) -> Bios | None:
        return None

    def fixed_documents(self, bmc: BmcState) -> dict[str, Document]:
        documents = super().fixed_documents(bmc)
        del documents[self.manager]["Links"]["Oem"]
        return documents

    def system_document(self, bmc: BmcState) -> Document:
        document = super().system_document(bmc)
        del document["Bios"], document["Links"]["Oem"]
        return document
