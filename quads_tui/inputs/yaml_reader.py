"""A strict YAML reader: a tree of nodes with their lines, built from the event stream.

Nothing is ever composed or constructed: the C composer recurses and dies on 30,000 nested brackets, and a composed alias can
grow a kilobyte into gigabytes. The events come one by one; the first that nests too deep ends the reading.
YAML 1.1 rules (PyYAML) say what an unquoted word is; its text is kept as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from yaml import events
from yaml.resolver import Resolver

from .diagnostics import Report
from .files import FileError, decode, read_regular

MOST_BYTES = 5_000_000
DEEPEST = 20
MOST_NODES = 200_000  # 700 hosts with all their members are about 5,000

Kind = Literal["map", "list", "text", "bool", "int", "float", "null", "date", "bad"]

# C0, DEL, C1, bidi controls, zero-width and specials: they steer terminals or make one name look like another.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]")
# What YAML itself does not allow in a file, so that its parser would end with a message of its own.
_NOT_YAML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_KINDS: dict[str, Kind] = {"str": "text", "bool": "bool", "int": "int", "float": "float", "null": "null", "timestamp": "date"}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Node:
    """A value and its line. `bad`: already complained about, so readers stay silent about it."""

    line: int
    kind: Kind
    text: str = ""
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)


@dataclass(slots=True)
class Entry:
    """A key's line and its value."""

    line: int
    value: Node


@dataclass(slots=True)
class _Open:
    """A mapping or a list whose end has not come yet."""

    node: Node
    name: str
    key: str | None = None
    key_line: int = 0


def read_yaml(path: Path, report: Report) -> Node | None:
    """The file's one document. Problems go into `report`; None when there is no tree to look at at all."""
    try:
        data = read_regular(path, MOST_BYTES)
    except FileError as trouble:
        report.add(0, "", str(trouble))
        return None
    try:
        text = decode(data)
    except UnicodeDecodeError as error:
        report.add(data.count(b"\n", 0, error.start) + 1, "", "is not UTF-8 text; expected a YAML file in UTF-8")
        return None
    if found := _NOT_YAML.search(text):
        line = text.count("\n", 0, found.start()) + 1
        report.add(line, "", f"contains the control character U+{ord(found[0]):04X}; expected printable text")
        return None
    return _Builder(report).build(text)


class _Builder:
    def __init__(self, report: Report) -> None:
        self._report = report
        self._stack: list[_Open] = []
        self._root: Node | None = None
        self._nodes = 0
        self._documents = 0
        self._resolver: Any = Resolver()

    def build(self, text: str) -> Node | None:
        try:
            for event in _events(text):
                if not self._take(event):
                    return None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            what = getattr(error, "problem", None) or "the text cannot be read"
            self._report.add(mark.line + 1 if mark else 0, self._path(), f"is not valid YAML: {what}")
            return None
        except (RecursionError, ValueError, UnicodeError):
            self._report.add(0, "", "is not valid YAML; expected a mapping of keys and values")
            return None
        if self._root is None:
            self._report.add(0, "", "is empty; expected a mapping of keys and values")
        return self._root

    def _take(self, event: Any) -> bool:
        """One event into the tree. False ends the reading."""
        line = event.start_mark.line + 1
        if isinstance(event, events.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._report.add(line, "", "a second document begins here; expected one document in the file")
                return False
        elif isinstance(event, events.AliasEvent):
            self._report.add(line, self._path(), "is an alias (*); expected the value itself, written out")
            return self._place(Node(line, "bad"))
        elif isinstance(event, events.ScalarEvent):
            return self._place(self._scalar(event, line))
        elif isinstance(event, (events.MappingStartEvent, events.SequenceStartEvent)):
            return self._begin(event, line)
        elif isinstance(event, (events.MappingEndEvent, events.SequenceEndEvent)):
            self._stack.pop()
        return True

    def _begin(self, event: Any, line: int) -> bool:
        if len(self._stack) >= DEEPEST:
            self._report.add(line, "", f"is nested more than {DEEPEST} deep; expected a flatter file")
            return False
        self._plain(event, line)
        node = Node(line, "map" if isinstance(event, events.MappingStartEvent) else "list")
        name = self._here()
        if not self._place(node):
            return False
        self._stack.append(_Open(node, name))
        return True

    def _scalar(self, event: Any, line: int) -> Node:
        usable = self._plain(event, line)
        value: str = event.value
        kind: Kind = "text"
        if event.implicit[0]:
            tag = self._resolver.resolve(yaml.ScalarNode, value, (True, False))
            kind = _KINDS.get(tag.rpartition(":")[2], "text")
        if found := CONTROLS.search(value):
            code = ord(found[0])
            what = "a line break" if found[0] == "\n" else f"the control character U+{code:04X}"
            self._report.add(line, self._path(), f"contains {what}; expected one line of printable text")
            usable = False
        return Node(line, kind if usable else "bad", value)

    def _plain(self, event: Any, line: int) -> bool:
        """Neither an anchor nor a tag; complains otherwise."""
        if event.anchor is not None:
            self._report.add(line, self._path(), "has an anchor (&); expected a plain value")
        if event.tag is not None:
            self._report.add(line, self._path(), "has a tag (!); expected a plain value")
        return event.anchor is None and event.tag is None

    def _place(self, node: Node) -> bool:
        """Puts a node where the stream stands: document, list, key or value."""
        self._nodes += 1
        if self._nodes > MOST_NODES:
            self._report.add(node.line, "", f"contains more than {MOST_NODES:,} values; expected a smaller file")
            return False
        if not self._stack:
            self._root = node
            return True
        top = self._stack[-1]
        if top.node.kind == "list":
            top.node.items.append(node)
        elif top.key is None:
            if node.kind in ("map", "list"):
                self._report.add(
                    node.line,
                    self._path(),
                    "a list or a mapping stands in the place of a key; expected a word; { or [ at its start needs quotes",
                )
                return False  # what follows would be reported under wrong names
            top.key, top.key_line = node.text, node.line
        else:
            self._entry(top, node)
        return True

    def _entry(self, top: _Open, node: Node) -> None:
        key = top.key or ""
        if key in top.node.entries:
            first = top.node.entries[key].line
            self._report.add(top.key_line, self._path(), f"the key is given twice, first in line {first}; expected it once")
        else:
            top.node.entries[key] = Entry(top.key_line, node)
        top.key = None

    def _here(self) -> str:
        """The name of what comes next inside the innermost open mapping or list."""
        if not self._stack:
            return ""
        top = self._stack[-1]
        if top.node.kind == "list":
            return f"[{len(top.node.items)}]"
        return top.key or ""

    def _path(self) -> str:
        path = ""
        for name in [*(frame.name for frame in self._stack), self._here()]:
            if path == "password" or path.endswith(".password"):
                break  # what stands below a password may be the password
            path += name if not path or name.startswith("[") or not name else f".{name}"
        return path


def _events(text: str) -> Iterator[Any]:
    loader = _LOADER(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()
