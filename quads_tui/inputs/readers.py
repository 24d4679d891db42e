"""How each kind of value is read, named in the reference and described in JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .addresses import HOST_NAME, AddressError, bmc_url, host_name, service_url
from .diagnostics import nearest
from .section import Section
from .table import Reader, Table
from .times import BadTime, Zone, zone_named


@dataclass(frozen=True, slots=True)
class Text(Reader):
    """Text of at most `most` characters. `numbers`: an unquoted number is taken as its text. `pattern`: else it is `wrong`."""

    most: int = 255
    numbers: bool = False
    pattern: re.Pattern[str] | None = None
    wrong: str = ""

    @property
    def kind(self) -> str:
        return "text"

    def read(self, section: Section, key: str) -> str | None:
        text = section.text(key, self.expected, numbers=self.numbers, most=self.most)
        if text is None or self.pattern is None or self.pattern.fullmatch(text):
            return text
        section.add(key, f"{section.quoted(text)}{self.wrong}; expected {self.expected}")
        return None

    def schema(self) -> dict[str, Any]:
        made: dict[str, Any] = {
            "type": ["string", "number"] if self.numbers else "string",
            "minLength": 1,
            "maxLength": self.most,
        }
        return {**made, "pattern": f"^(?:{self.pattern.pattern})$"} if self.pattern is not None else made


@dataclass(frozen=True, slots=True)
class Flag(Reader):
    """true or false."""

    expected: str = "true or false"

    @property
    def kind(self) -> str:
        return "true or false"

    def read(self, section: Section, key: str) -> bool | None:
        return section.flag(key)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Number(Reader):
    """A number above 0 and at most `most`. `word`: or this word, which is read as 0."""

    expected: str = field(init=False, default="a number")
    most: int
    whole: bool = False
    word: str = ""

    @property
    def kind(self) -> str:
        return (f"`{self.word}` or " if self.word else "") + ("whole number" if self.whole else "number")

    def read(self, section: Section, key: str) -> int | float | None:
        value = section.number(key, whole=self.whole, most=self.most, word=self.word)
        return int(value) if value is not None and self.whole else value

    def schema(self) -> dict[str, Any]:
        least = {"minimum": 1} if self.whole else {"exclusiveMinimum": 0}
        number = {"type": "integer" if self.whole else "number", **least, "maximum": self.most}
        words = [self.word, False] if self.word == "off" else [self.word]  # YAML 1.1 reads off as a boolean
        return {"anyOf": [{"enum": words}, number]} if self.word else number


@dataclass(frozen=True, slots=True)
class Choice(Reader):
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def kind(self) -> str:
        return " or ".join(f"`{word}`" for word in self.words) if len(self.words) < 4 else "one of " + ", ".join(self.words)

    def read(self, section: Section, key: str) -> str | None:
        text = section.text(key, self.expected)
        if text is None or text in self.words:
            return text
        section.add(key, f"{section.quoted(text)}is not supported; expected {self.expected}")
        return None

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Texts(Reader):
    """A list of texts, each an `item`; those of a closed set are one of `words`."""

    expected: str = field(init=False, default="a list")
    item: str
    words: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return "list of " + (", ".join(f"`{word}`" for word in self.words) if self.words else f"{self.item}s")

    def read(self, section: Section, key: str) -> tuple[str, ...] | None:
        found = section.texts(key, self.item)
        for text in found:
            if self.words and text not in self.words:
                section.add(key, f"{section.quoted(text)}is not supported; {nearest(text, self.words)}")
        return found

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"enum": list(self.words)} if self.words else {"type": "string"}}


@dataclass(frozen=True, slots=True)
class Command(Reader):
    """A program and its arguments, as they were written: never a shell's line."""

    expected: str = "a list: the program and its arguments"

    @property
    def kind(self) -> str:
        return "program and arguments"

    def read(self, section: Section, key: str) -> tuple[str, ...] | None:
        nodes = section.items(key, self.expected)
        if not nodes and section.node.entries[key].value.kind == "list":
            section.add(key, f"is empty; expected {self.expected}")
        path = section.name(key)
        given = [
            section.text_of(node, f"{path}[{index}]", "text", most=4096, empty=index > 0) for index, node in enumerate(nodes)
        ]
        return tuple(node.text for node in nodes) if nodes and None not in given else None

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string"}, "minItems": 1}


@dataclass(frozen=True, slots=True)
class Address(Reader):
    """The http or https address of a service; `path`: one may follow the host."""

    path: bool

    @property
    def kind(self) -> str:
        return "address"

    def read(self, section: Section, key: str) -> str | None:
        text = section.text(key, self.expected, most=1000)
        try:
            return None if text is None else service_url(text, path=self.path)
        except AddressError as error:
            section.add(key, str(error))
            return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^@?#\\s]+$", "maxLength": 1000}


@dataclass(frozen=True, slots=True)
class BmcAddress(Reader):
    """The address of a BMC, for Redfish or for IPMI."""

    expected: str = "an address such as https://mgmt-host.example.com or ipmi://mgmt-host.example.com"

    @property
    def kind(self) -> str:
        return "address"

    def read(self, section: Section, key: str) -> str | None:
        text = section.text(key, self.expected, most=1000)
        try:
            return None if text is None else bmc_url(text)
        except AddressError as error:
            section.add(key, str(error))
            return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^([Hh][Tt][Tt][Pp][Ss]?|[Ii][Pp][Mm][Ii])://[^@?#\\s]+$", "maxLength": 1000}


@dataclass(frozen=True, slots=True)
class HostNames(Reader):
    """A list of exact host names, in lower case."""

    expected: str = "a list of host names"

    @property
    def kind(self) -> str:
        return "list of host names"

    def read(self, section: Section, key: str) -> frozenset[str]:
        names = set()
        for index, node in enumerate(section.items(key, self.expected)):
            path = f"{section.name(key)}[{index}]"
            text = section.text_of(node, path, HOST_NAME)
            try:
                names |= {host_name(text)} if text is not None else set()
            except AddressError as error:
                section.report.add(node.line, path, f'"{(text or "")[:80]}" {error}')
        return frozenset(names)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string"}}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, or a directory that this user may not look into
        return False


@dataclass(frozen=True, slots=True)
class FilePath(Reader):
    """The path of a file, relative to the file that names it. `must_exist`: looked for at once."""

    expected: str = "a file's path"
    must_exist: bool = False

    @property
    def kind(self) -> str:
        return "path"

    def read(self, section: Section, key: str) -> Path | None:
        text = section.text(key, self.expected, most=4096)
        path = section.report.file.parent / text if text else None
        if path is not None and self.must_exist and not _is_file(path):
            section.add(key, f"there is no such file; expected {self.expected}")
        return path

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": 4096}


@dataclass(frozen=True, slots=True)
class TimeZone(Reader):
    """A named time zone."""

    expected: str = "a time zone such as Europe/Berlin"

    @property
    def kind(self) -> str:
        return "time zone"

    def read(self, section: Section, key: str) -> Zone | None:
        name = section.text(key, self.expected)
        try:
            return None if name is None else zone_named(name)
        except BadTime as error:
            section.add(key, f'"{name}" {error}')
            return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True, slots=True)
class Mapping(Reader):
    """A mapping with rows of its own."""

    expected: str = field(init=False, default="a mapping")
    rows: Table[Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "expected", f"a mapping with {', '.join(self.rows.names)}")

    @property
    def kind(self) -> str:
        return "mapping"

    @property
    def table(self) -> Table[Any]:
        return self.rows

    def read(self, section: Section, key: str) -> Any:
        return self.rows.read(section.report, section.node.entries[key].value, section.name(key))

    def schema(self) -> dict[str, Any]:
        return self.rows.schema()


@dataclass(frozen=True, slots=True)
class Mappings(Reader):
    """A list of at most `most` mappings with the same rows. `unique` names what no two of them may have alike."""

    expected: str = field(init=False, default="a list of mappings")
    rows: Table[Any]
    most: int
    unique: Callable[[Any], str]
    noun: str

    @property
    def kind(self) -> str:
        return "list of mappings"

    @property
    def table(self) -> Table[Any]:
        return self.rows

    def read(self, section: Section, key: str) -> tuple[Any, ...]:
        found: dict[str, Any] = {}
        nodes = section.items(key, self.expected)
        for index, node in enumerate(nodes):
            path = f"{section.name(key)}[{index}]"
            one = self.rows.read(section.report, node, path)
            if one is not None and self.unique(one) in found:
                message = f"the {self.noun} {self.unique(one)} is listed twice; expected it once"
                section.report.add(node.entries["name"].line, f"{path}.name", message)
            elif one is not None:
                found[self.unique(one)] = one
        if len(nodes) > self.most:
            message = f"there are {len(nodes)} {self.noun}s; expected at most {self.most}"
            section.report.add(nodes[self.most].line, section.name(key), message)
        return tuple(found.values())

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.rows.schema(), "maxItems": self.most}
