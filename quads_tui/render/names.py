"""Names of hosts where there is little room."""

from __future__ import annotations

import re

_LAB = re.compile(r"([a-z]\d+-h\d+)-(?:0+|(\w+))-[\w]+")  # rack, place in it, blade, model: f21-h17-b02-fc640, f21-h17-000-r650


def brief(name: str) -> str:
    """What tells the host from all others: f21-h17, f21-h17-b02; all of its short name where names are built in another way."""
    short = name.partition(".")[0]
    found = _LAB.fullmatch(short)
    return short if found is None else "-".join(part for part in found.groups() if part)
