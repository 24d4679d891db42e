"""Patterns that an operator writes: of host names, and of the rack in a host name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

from .section import Section

_HOSTS = re.compile(r"[a-z0-9.*?\[\]!-]+")
LOOKED_AT = 64  # first characters of a host name, in which its rack must stand
_STEPS = 300_000  # that matching one name may take: some milliseconds
RACK_EXPECTED = r"a regular expression with one group, such as ^([a-z]\d+)-"


def read_patterns(section: Section, key: str) -> tuple[str, ...]:
    """A list of patterns of host names (* and ?), in lower case."""
    found = []
    for index, node in enumerate(section.items(key, "a list of patterns of host names")):
        path = f"{section.name(key)}[{index}]"
        text = section.text_of(node, path, "a pattern of host names such as f21-*")
        if text is None:
            continue
        pattern = text.lower().removesuffix(".")
        if _HOSTS.fullmatch(pattern):
            found.append(pattern)
        else:
            section.report.add(node.line, path, f'"{text[:80]}" fits no host name; expected a pattern such as f21-*')
    return tuple(found)


def fits(host: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(host, pattern) for pattern in patterns)


def read_rack(section: Section) -> re.Pattern[str] | None:
    """The expression whose first group is the rack. One that a host name could keep busy is a problem: it would hold the loop."""
    text = section.text("racks", RACK_EXPECTED)
    if text is None:
        return None
    try:
        pattern = re.compile(text, re.ASCII)
        steps = _steps(_parser.parse(text, re.ASCII)) * (1 if text.startswith(("^", r"\A")) else LOOKED_AT)
    except (re.error, OverflowError, RecursionError) as error:
        section.add("racks", f"is no regular expression: {error}; expected {RACK_EXPECTED}")
        return None
    if not pattern.groups:
        section.add("racks", f"has no group; expected {RACK_EXPECTED}")
    elif steps > _STEPS:
        section.add("racks", "could take too long on some names; expected ^ at its start, and no more than three of * and +")
    else:
        return pattern
    return None


def _steps(parsed: Any) -> int:
    """An upper bound of the ways in which one name can be matched from one place; more than _STEPS is not counted out."""
    steps = 1
    for what, given in parsed:
        if what in (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT):
            least, most, body = given
            most = min(int(most), LOOKED_AT)
            inner = _steps(body)
            steps *= (most - min(int(least), most) + 1) * (inner**most if most < 20 or inner == 1 else _STEPS + 1)
        elif what is _constants.BRANCH:
            steps *= sum(_steps(branch) for branch in given[1])
        elif what is _constants.SUBPATTERN:
            steps *= _steps(given[3])
        elif what in (_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY, _constants.AT):
            continue
        else:  # look-around, conditions, references to groups: not needed for a rack, and not to be bounded
            return _STEPS + 1
        if steps > _STEPS:
            return _STEPS + 1
    return steps
