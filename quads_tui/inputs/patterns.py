"""Patterns that an operator writes: of host names, of the rack in a host name, and of where hosts are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

from .section import Section
from .table import Reader

_HOSTS = re.compile(r"[a-z0-9.*?\[\]!-]+")
LOOKED_AT = 64  # first characters of a host name, in which its rack must stand
_STEPS = 300_000  # that matching one name may take: some milliseconds


@dataclass(frozen=True, slots=True)
class Patterns(Reader):
    """A list of patterns of host names (* and ?), in lower case."""

    expected: str = "a list of patterns of host names"

    @property
    def kind(self) -> str:
        return "list of patterns"

    def read(self, section: Section, key: str) -> tuple[str, ...]:
        found = []
        for index, node in enumerate(section.items(key, self.expected)):
            path = f"{section.name(key)}[{index}]"
            text = section.text_of(node, path, "a pattern of host names such as f21-*")
            if text is None:
                continue
            pattern = text.lower().removesuffix(".")
            if _HOSTS.fullmatch(pattern):
                found.append(pattern)
            else:
                message = f'"{text[:80]}" contains characters that no host name has; expected a pattern such as f21-*'
                section.report.add(node.line, path, message)
        return tuple(found)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string", "minLength": 1}}


@dataclass(frozen=True, slots=True)
class Unchecked(Patterns):
    """true or false for all hosts, or the patterns of those for which it is off: read as these patterns."""

    expected: str = "true, false, or a list of patterns of the hosts that are not compared"

    @property
    def kind(self) -> str:
        return "true, false, or list of patterns"

    def read(self, section: Section, key: str) -> tuple[str, ...]:
        node = section.node.entries[key].value
        if node.kind == "bool":
            return () if section.flag(key) else ("*",)
        return Patterns.read(self, section, key)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, Patterns.schema(self)]}


def fits(host: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns, in lower case, is that of the host."""
    return any(fnmatchcase(host, pattern) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class RackExpression(Reader):
    """An expression whose first group is the rack. One that a host name could keep busy is a problem: it would hold the loop."""

    expected: str = r"a regular expression with one group, such as ^([a-z]\d+)-"

    @property
    def kind(self) -> str:
        return "regular expression"

    def read(self, section: Section, key: str) -> re.Pattern[str] | None:
        text = section.text(key, self.expected)
        if text is None:
            return None
        pattern, why = bounded_expression(text, self.expected)
        if pattern is not None and not pattern.groups:
            why = f"has no group in parentheses; expected {self.expected}"
        if why:
            section.add(key, why)
            return None
        return pattern

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "regex", "minLength": 1, "maxLength": 255}


@dataclass(frozen=True, slots=True)
class Locations(Reader):
    """Where the BMCs of hosts are whose name fits a regular expression."""

    expected: str = "a mapping of patterns such as ^pod2- to names of locations"

    @property
    def kind(self) -> str:
        return "mapping of patterns to names"

    def read(self, section: Section, key: str) -> tuple[tuple[re.Pattern[str], str], ...]:
        node = section.node.entries[key].value
        if node.kind != "map":
            section.wrong(node, section.name(key), self.expected)
        found = []
        for text, entry in node.entries.items():
            path = f"{section.name(key)}.{text}"
            pattern, why = bounded_expression(text, "a regular expression such as ^pod2-")
            location = section.text_of(entry.value, path, "the name of a location, such as pod2", most=100)
            if pattern is None:
                section.report.add(entry.line, path, why)
            elif location is not None:
                found.append((pattern, location))
        return tuple(found)

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 100}}


def bounded_expression(text: str, expected: str) -> tuple[re.Pattern[str] | None, str]:
    """The expression, or None and what is wrong with it: it is none, or one that a host name could keep busy."""
    try:
        pattern = re.compile(text, re.ASCII)
        steps = _steps(_parser.parse(text, re.ASCII)) * (1 if text.startswith(("^", r"\A")) else LOOKED_AT)
    except (re.error, OverflowError, RecursionError) as error:
        return None, f"is not a regular expression: {error}; expected {expected}"
    if steps > _STEPS:
        return None, "could take too long to match some names; expected ^ at its start, and at most three * or +"
    return pattern, ""


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
