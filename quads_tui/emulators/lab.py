"""The machines of the emulated lab: realistic names (rack, unit, blade, model) and the mix of a scale lab."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase

from quads_tui.emulators.bmc.families import FAMILIES, family_of
from quads_tui.emulators.errors import OptionsError
from quads_tui.emulators.interfaces import Machine, seeded

DOMAIN = "example.com"
# Model, and its share of a fleet in per cent: mostly Dell of five generations, a good part Supermicro, a few of all others.
MIX: tuple[tuple[str, int], ...] = (
    ("R650", 13),
    ("R640", 11),
    ("FC640", 8),
    ("R750", 6),
    ("R740XD", 4),
    ("R660", 2),
    ("R7425", 1),
    ("R630", 6),
    ("R730XD", 5),
    ("R930", 2),
    ("R620", 2),
    ("R670", 5),
    ("1029U", 8),
    ("6049R", 4),
    ("5039MS", 3),
    ("6048R", 5),
    ("120U", 2),
    ("621C", 2),
    ("DL360", 5),
    ("DL320", 2),
    ("SR650", 1),
    ("GB200", 1),
    ("DGXH100", 1),
    ("3500RX", 1),
)
# One machine of each family comes early, so that three hosts already show three vendors and two dozen show all. A family that
# has no model here comes right after these.
FIRST_MODELS = (
    "R650",
    "1029U",
    "DL360",
    "3500RX",
    "R630",
    "6048R",
    "R670",
    "DL320",
    "120U",
    "621C",
    "SR650",
    "GB200",
    "DGXH100",
    "R620",
)
IPMI_MODEL = "6048R"  # boards whose Redfish needs a licence to set a boot device
IPMI_SHARE = 0.4  # of them are driven by IPMI, those that come early not included
UNITS = 36  # rack units that carry machines
BLADES = 4  # sleds of one FX2 chassis


@dataclass(frozen=True, slots=True)
class Lab:
    """What is emulated, and the assignment that it is for."""

    machines: tuple[Machine, ...]
    cloud: str = "cloud02"
    os: str = "RHEL 9.4"
    ptable: str = "generic-rhel9"
    medium: str = "RHEL Local"


def mac_of(seed: int, name: str) -> str:
    """The MAC of a host's provisioning NIC, in lower case with colons."""
    generator = seeded(seed, "mac", name)
    return "b0:7b:25:" + ":".join(f"{generator.getrandbits(8):02x}" for _ in range(3))


def speaks_ipmi(seed: int, name: str, model: str) -> bool:
    """Whether the BMC of a generated machine speaks IPMI and no usable Redfish."""
    return model == IPMI_MODEL and seeded(seed, "ipmi", name).random() < IPMI_SHARE


def _first_models() -> tuple[str, ...]:
    shown = {family_of(model).name for model in FIRST_MODELS}
    return FIRST_MODELS + tuple(family.models[0] for family in FAMILIES.values() if family.name not in shown)


def generated(count: int, seed: int, *, ipmi: bool = False) -> Lab:
    """`count` machines with generated names; the same seed gives the same lab, and a smaller one is its beginning.

    `ipmi`: some of them have BMCs that speak IPMI; else all speak Redfish.
    """
    generator = seeded(seed, "lab")
    models = [model for model, _ in MIX]
    weights = [share for _, share in MIX]
    first = _first_models()
    machines: list[Machine] = []
    macs: set[str] = set()
    slot = 0
    while len(machines) < count:
        model = first[slot] if slot < len(first) else generator.choices(models, weights)[0]
        rack, unit = divmod(slot, UNITS)
        place = f"{ascii_lowercase[rack // 30 % 26]}{rack % 30 + 1:02d}-h{unit + 1:02d}"
        blades = [f"b{blade:02d}" for blade in range(1, BLADES + 1)] if model == "FC640" else ["000"]
        for blade in blades[: count - len(machines)]:
            name = f"{place}-{blade}-{model.lower()}.{DOMAIN}"
            mac = mac_of(seed, name)
            while mac in macs:  # among thousands two are drawn alike
                mac = mac_of(seed, f"{name} {mac}")
            macs.add(mac)
            without_redfish = ipmi and slot >= len(first) and speaks_ipmi(seed, name, model)
            machines.append(Machine(name, model, mac, without_redfish))
        slot += 1
    return Lab(tuple(machines))


def from_file(path: Path, seed: int) -> Lab:
    """The lab of a JSON file `{"cloud", "os", "ptable", "medium", "hosts": [{"name", "model", "ipmi"}]}`.

    A host without a model is given that of its name's last part; ValueError where the file is something else.
    """
    try:
        data = json.loads(path.read_text())
        hosts = [(str(host["name"]).lower().rstrip("."), host.get("model"), bool(host.get("ipmi"))) for host in data["hosts"]]
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise OptionsError(f"{path}: not a fleet file: {error!r}") from error
    machines = tuple(Machine(name, model or _model_of(name), mac_of(seed, name), ipmi) for name, model, ipmi in hosts)
    wanted = {key: str(data[key]) for key in ("cloud", "os", "ptable", "medium") if data.get(key)}
    return Lab(machines, **wanted)


def _model_of(name: str) -> str:
    return name.partition(".")[0].rpartition("-")[2].upper()
