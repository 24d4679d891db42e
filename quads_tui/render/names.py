"""Names of hosts and clouds where there is little room."""

from __future__ import annotations

import re
from collections.abc import Sequence

from quads_tui.rollout.counts import count

_LAB = re.compile(r"([a-z]\d+-h\d+)-(?:0+|(\w+))-[\w]+")  # rack, place in it, blade, model: f21-h17-b02-fc640, f21-h17-000-r650


def brief(name: str) -> str:
    """What tells the host from all others: f21-h17, f21-h17-b02; all of its short name where names are built in another way."""
    short = name.partition(".")[0]
    found = _LAB.fullmatch(short)
    return short if found is None else "-".join(part for part in found.groups() if part)


def clouds_name(clouds: Sequence[str]) -> str:
    """The name of the only cloud, the names of two, else how many there are."""
    return ", ".join(clouds) if len(clouds) <= 2 else count(len(clouds), "cloud")


def short_clouds_name(clouds: Sequence[str]) -> str:
    """The same for a narrow column: the name of the only cloud, else how many there are."""
    return clouds[0] if len(clouds) == 1 else count(len(clouds), "cloud") if clouds else ""
