"""The families, by name, and which models carry which. A family is known by its module being in this package."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from quads_tui.emulators.bmc.family import Family

DEFAULT = "conformant"  # what models have that no family names


def _found() -> dict[str, Family]:
    """An object of each class of these modules that has a name of its own, in the order of their modules and lines."""
    families: dict[str, Family] = {}
    for module in pkgutil.iter_modules(__path__):
        name = f"{__name__}.{module.name}"
        for found in vars(import_module(name)).values():
            if isinstance(found, type) and issubclass(found, Family) and found.__module__ == name and "name" in vars(found):
                families[found.name] = found()
    return families


FAMILIES: dict[str, Family] = _found()


@cache
def family_of(model: str) -> Family:
    """The BMC that a model (R650, DL360, 1029U..., upper or lower case) has: that of the longest beginning of its name."""
    name = model.upper()
    fitting = [(len(start), family) for family in FAMILIES.values() for start in family.models if name.startswith(start)]
    return max(fitting, key=lambda found: found[0])[1] if fitting else FAMILIES[DEFAULT]
