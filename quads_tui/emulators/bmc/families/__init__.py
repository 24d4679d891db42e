"""The families, by name, and which models carry which."""

from quads_tui.emulators.bmc.families.ami import Ami
from quads_tui.emulators.bmc.families.conformant import Conformant
from quads_tui.emulators.bmc.families.idrac8 import Idrac7, Idrac8
from quads_tui.emulators.bmc.families.idrac9 import Idrac9
from quads_tui.emulators.bmc.families.idrac10 import Idrac10
from quads_tui.emulators.bmc.families.ilo5 import Ilo5
from quads_tui.emulators.bmc.families.ilo6 import Ilo6
from quads_tui.emulators.bmc.families.openbmc import OpenBmc
from quads_tui.emulators.bmc.families.smc_x10 import SmcX10
from quads_tui.emulators.bmc.families.smc_x11 import SmcX11
from quads_tui.emulators.bmc.families.smc_x12 import SmcX12, SmcX13
from quads_tui.emulators.bmc.families.xcc import Xcc
from quads_tui.emulators.bmc.family import Family

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Idrac7(),
        Idrac8(),
        Idrac9(),
        Idrac10(),
        Ilo5(),
        Ilo6(),
        SmcX10(),
        SmcX11(),
        SmcX12(),
        SmcX13(),
        Xcc(),
        OpenBmc(),
        Ami(),
        Conformant(),
    )
}
# How the names of models begin, the first that fits; whatever fits none has the control group's BMC.
BEGINNINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("idrac7", ("R320", "R420", "R520", "R620", "R720", "R820", "R920", "M620")),
    ("idrac8", ("R330", "R430", "R530", "R630", "R730", "R830", "R930", "M630", "FC430", "FC630", "730XD")),
    ("idrac10", ("R470", "R570", "R670", "R770", "R6715", "R6725", "R7715", "R7725", "XE9712", "XE9780")),
    ("ilo6", ("DL320", "DL345", "DL365", "DL110")),
    ("ilo5", ("DL", "BL", "ML")),
    ("smc_x10", ("6018", "6028", "6048", "1028", "2028")),
    ("smc_x12", ("110P", "120U", "220U", "510T", "620U")),
    ("smc_x13", ("111E", "121H", "221H", "621C", "821GE")),
    ("smc_x11", ("1029", "5039", "6029", "6049", "SYS-")),
    ("xcc", ("SR630", "SR650", "SR670", "SR675", "SR850")),
    ("ami", ("DGX", "SR635", "SR655")),
    ("openbmc", ("GB200", "GB300", "AC922", "S822")),
    ("idrac9", ("R", "FC", "XE", "M6", "740XD")),
)


def family_of(model: str) -> Family:
    """The BMC that a model (R650, DL360, 1029U..., upper or lower case) has."""
    name = model.upper()
    family = next((family for family, beginnings in BEGINNINGS if name.startswith(beginnings)), "conformant")
    return FAMILIES[family]
