"""The families, by name, and which models carry which."""

from quads_tui.emulators.bmc.families.conformant import Conformant
from quads_tui.emulators.bmc.families.idrac9 import Idrac9
from quads_tui.emulators.bmc.families.ilo5 import Ilo5
from quads_tui.emulators.bmc.families.smc_x11 import SmcX11
from quads_tui.emulators.bmc.family import Family

FAMILIES: dict[str, Family] = {family.name: family for family in (Idrac9(), Ilo5(), SmcX11(), Conformant())}


def family_of(model: str) -> Family:
    """The BMC that a model (R650, DL360, 1029U..., upper or lower case) has."""
    name = model.upper()
    if name.startswith(("DL", "BL", "ML")):
        return FAMILIES["ilo5"]
    if name.startswith(("1029", "5039", "6018", "6029", "6048", "6049", "SYS-")):
        return FAMILIES["smc_x11"]
    if name.startswith(("R", "FC", "XE", "M6", "740XD", "730XD")):
        return FAMILIES["idrac9"]
    return FAMILIES["conformant"]
