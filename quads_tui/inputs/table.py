"""The declarative table of an input file: one row a key, which is read, checked, documented and sampled from that row.

A `Reader` says how one kind of value is written; a `Key` is one row; a `Table` is one mapping of a file, such as `foreman`.
What concerns several keys of a mapping at once is the table's `check`. docs.py makes the reference, the JSON schemas and the
sample site file out of the same rows.
"""

from __future__ import annotations

import ast
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import KW_ONLY, MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from .diagnostics import Report
from .section import Section
from .yaml_reader import Node

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reader(ABC):
    """How one kind of value is written. `expected` ends the messages: "expected a user's name"."""

    expected: str

    @property
    @abstractmethod
    def kind(self) -> str:
        """The type's short name for the reference, such as `text` or `whole number`."""

    @abstractmethod
    def read(self, section: Section, key: str) -> Any:
        """The value of a key that is there; None after a problem was noted."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """The value in JSON Schema (2020-12)."""

    @property
    def table(self) -> Table[Any] | None:
        """The rows of a value that is a mapping, or a list of mappings."""
        return None


@dataclass(frozen=True, slots=True)
class Key:
    """One row.

    `help` is a sentence without its full stop; left empty, it is the text below the field of the same name. `default` says what
    holds without the key; left empty, it is the default of that field. `unit` is that of a number (s). `sample` is the value as
    YAML, on one line; a mapping's own rows have theirs. `optional`: the sample file has it as a comment. `field` is the member
    that gets the value, where it is named otherwise.
    """

    name: str
    reader: Reader
    help: str = ""
    _: KW_ONLY
    required: bool = False
    default: str = ""
    unit: str = ""
    sample: str = ""
    optional: bool = False
    field: str = ""


@dataclass(frozen=True, slots=True)
class Table(Generic[T]):
    """One mapping of a file. `into` takes the values under the names of their fields, those that were given and are good.

    `check` sees the values by key before that; it may note problems and warnings, and change values. `hidden`: neither keys nor
    values may be shown, since they may be secrets. `single`: takes exactly one of its keys, `needs`: at least one of these (both
    for the schema; the messages are those of the reader and the check). `shape`: the dataclass that has the defaults and the
    texts below its fields, where `into` is a function.
    """

    into: Callable[..., T]
    keys: tuple[Key, ...]
    check: Callable[[Section, dict[str, Any]], None] | None = None
    hidden: bool = False
    single: bool = False
    needs: tuple[str, ...] = ()
    shape: type[Any] | None = None
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(key.name for key in self.keys))

    def read(self, report: Report, node: Node, path: str = "", /, **more: Any) -> T | None:
        """What the mapping at `path` says, with `more` members that no key gives; None without a required key's value."""
        section = Section(report, node, path, self.names, hidden=self.hidden)
        values: dict[str, Any] = {}
        for key in self.keys:
            if not section.has(key.name):
                if key.required:
                    section.child(key.name, required=key.reader.expected)
            elif (value := key.reader.read(section, key.name)) is not None:
                values[key.name] = value
        if self.check is not None:
            self.check(section, values)
        if any(key.required and key.name not in values for key in self.keys):
            return None
        return self.into(**{key.field or key.name: values[key.name] for key in self.keys if key.name in values}, **more)

    def default(self, key: Key) -> str:
        """What holds without the key, as YAML or in words; empty where that is nothing."""
        shape = self.shape or self.into
        if key.default or not is_dataclass(shape):
            return key.default
        found = {member.name: member.default for member in fields(shape)}.get(key.field or key.name, MISSING)
        if isinstance(found, bool):
            return "true" if found else "false"
        if isinstance(found, int | float):
            return f"{found:.15g}"
        return str(found) if isinstance(found, str | Path) else ""

    def help(self, key: Key) -> str:
        """What the key means, without a full stop."""
        return key.help or field_docstrings(cast("Hashable", self.shape or self.into))[key.field or key.name].removesuffix(".")

    def schema(self) -> dict[str, Any]:
        """The mapping in JSON Schema."""
        made: dict[str, Any] = {
            "type": "object",
            "additionalProperties": False,
            "properties": {key.name: self._property(key) for key in self.keys},
        }
        if required := [key.name for key in self.keys if key.required]:
            made["required"] = required
        if self.single:
            made |= {"minProperties": 1, "maxProperties": 1}
        if self.needs:
            made["anyOf"] = [{"required": [name]} for name in self.needs]
        return made

    def _property(self, key: Key) -> dict[str, Any]:
        default = self.default(key)
        unit = f" ({key.unit})" if key.unit else ""
        known = f" Default: {default}." if default else ""
        return {**key.reader.schema(), "description": f"{self.help(key)}{unit}.{known}"}


@cache
def field_docstrings(shape: Hashable) -> dict[str, str]:
    """The texts below the fields of a dataclass, by field. Reads its source, so it is for the reference and the schemas only."""
    members = ast.parse(inspect.getsource(cast("type[Any]", shape))).body[0]
    found: dict[str, str] = {}
    for member, below in pairwise(getattr(members, "body", [])):
        if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name) and isinstance(below, ast.Expr):
            found[member.target.id] = str(getattr(below.value, "value", ""))
    return found
