"""HPE iLO 6 (Gen11): as iLO 5, with connections that break when a Reset reuses them, and a 401 out of the blue."""

from __future__ import annotations

from quads_tui.emulators.bmc.families.ilo5 import Ilo5


class Ilo6(Ilo5):
    name = "ilo6"
    models: tuple[str, ...] = ("DL320", "DL345", "DL365", "DL110")
    base = "Base.1.18"
    registry = "iLO.2.24"
    model, generation, version, firmware = "iLO 6", "Gen11", "1.20.0", "1.64"
    resets_reused_connections = True  # quirk 30
    unauthorized_every = 50  # quirk 36: one request in fifty meets a 401 that a new login cures
