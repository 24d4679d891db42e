"""Supermicro X12 and X13: as X11, with a vendor or without, and boot progress."""

from __future__ import annotations

from quads_tui.emulators.bmc.families.smc_x11 import SmcX11
from quads_tui.emulators.bmc.hardware import Boot
from quads_tui.emulators.bmc.replies import Document
from quads_tui.emulators.bmc.state import BmcState

PROGRESS = {"off": "None", "post": "PCIResourceConfigStarted", "installer": "OSBootStarted", "os": "OSRunning"}


class SmcX12(SmcX11):
    name = "smc_x12"
    log_services = "/redfish/v1/Systems/1/LogServices"
    log_name = "Log1"
    models: tuple[str, ...] = ("110P", "120U", "220U", "510T", "620U")
    vendor: str | None = "Supermicro"
    base = "Base.v1_10_0"
    version, schema = "1.14.0", "v1_16_0"

    def system_document(self, bmc: BmcState) -> Document:
        return {
            **super().system_document(bmc),
            "BootProgress": {"LastState": PROGRESS.get(bmc.hardware.phase, "OSBootStarted")},
        }


class SmcX13(SmcX12):
    """Allowables in the ActionInfo alone, and Pxe left standing beside Disabled from the first day on (quirk 28)."""

    name = "smc_x13"
    models: tuple[str, ...] = ("111E", "121H", "221H", "621C", "821GE")
    vendor = None
    base = "Base.v1_15_0"
    version, schema = "1.17.0", "v1_18_0"
    resets_advertised = None

    def boot_document(self, boot: Boot) -> Document:
        shown = Boot("Pxe", boot.enabled, boot.mode) if boot.enabled == "Disabled" else boot
        return super().boot_document(shown)
