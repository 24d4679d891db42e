"""Takes a mapping apart key by key, with the checks that every section shares."""

from __future__ import annotations

import re
from collections.abc import Collection

from .diagnostics import Report, nearest
from .yaml_reader import Node

_FOUND = {
    "map": "a mapping", "list": "a list", "text": "text", "bool": "a boolean", "int": "a number", "float": "a number",
    "null": "no value", "date": "a date",
}  # fmt: skip
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,6})?")
# The words of YAML 1.1; `wipe: no` means what an operator means by it.
_TRUE = frozenset({"true", "yes", "on"})


class Section:
    """One mapping of a file. Each getter takes a key, or notes what is wrong and answers None."""

    def __init__(self, report: Report, node: Node, path: str, known: Collection[str], *, hidden: bool = False) -> None:
        """`hidden`: neither keys nor values of this mapping may be shown, since they may be secrets."""
        self.report, self.node, self.path, self._hidden = report, node, path, hidden
        if node.kind != "map":
            self.wrong(node, path, f"a mapping with {', '.join(known)}")
            self.node = Node(node.line, "map")
        for key, entry in self.node.entries.items():
            if key not in known:
                shown = path if hidden else self.name(key)
                hint = f"expected one of: {', '.join(sorted(known))}" if hidden else nearest(key, known)
                report.add(entry.line, shown, f"unknown key; {hint}")

    def name(self, key: str) -> str:
        """The path of a key, as it is shown."""
        return f"{self.path}.{key}" if self.path else key

    def quoted(self, text: str) -> str:
        """A value in quotes and cut, to begin a message with; nothing where values may not be shown."""
        return "" if self._hidden else f'"{text[:80]}" '

    def has(self, key: str) -> bool:
        """Whether the key is written at all."""
        return key in self.node.entries

    def line(self, key: str) -> int:
        """The line of the key, or of the mapping when it is missing."""
        return self.node.entries[key].line if key in self.node.entries else self.node.line

    def add(self, key: str, message: str) -> None:
        """Notes a problem of a key."""
        self.report.add(self.line(key), self.name(key), message)

    def wrong(self, node: Node, path: str, expected: str) -> None:
        """Notes a wrong type, once."""
        if node.kind != "bad":
            self.report.add(node.line, path, f"found {_FOUND[node.kind]}; expected {expected}")

    def child(self, key: str, *, required: str = "") -> Node | None:
        """The value of a key. `required` says what is expected of a key that must be there."""
        if key in self.node.entries:
            return self.node.entries[key].value
        if required:
            self.report.add(self.node.line, self.name(key), f"the key is missing; expected {required}")
        return None

    def text(self, key: str, expected: str, *, required: bool = False, numbers: bool = False, most: int = 255) -> str | None:
        """Text that is not empty. `numbers`: an unquoted number is taken as its text, as it was written."""
        node = self.child(key, required=expected if required else "")
        return None if node is None else self.text_of(node, self.name(key), expected, numbers=numbers, most=most)

    def text_of(
        self, node: Node, path: str, expected: str, *, numbers: bool = False, most: int = 255, empty: bool = False
    ) -> str | None:
        """The text of a node."""
        if node.kind != "text" and not (numbers and node.kind in ("int", "float")):
            quote = ", in quotes" if node.kind in ("bool", "int", "float", "date") else ""
            self.wrong(node, path, expected + quote)
            return None
        value = node.text.strip()
        if not value and not empty:
            self.report.add(node.line, path, f"is empty; expected {expected}")
        elif len(value) > most:
            self.report.add(node.line, path, f"is {len(value):,} characters long; expected at most {most:,}")
        else:
            return value
        return None

    def flag(self, key: str, *, required: bool = False) -> bool | None:
        """true or false, unquoted; YAML 1.1's yes, no, on and off are the same."""
        node = self.child(key, required="true or false" if required else "")
        if node is None or node.kind == "bad":
            return None
        if node.kind != "bool":
            self.wrong(node, self.name(key), "true or false, without quotes")
            return None
        return node.text.lower() in _TRUE

    def number(self, key: str, *, whole: bool, most: int, word: str = "") -> float | None:
        """A positive number of at most `most`, written with digits only (no hexadecimal, no 1:30). `word`: 0 for this one."""
        node = self.child(key)
        if node is None:
            return None
        expected = f"{f'{word} or ' if word else ''}a {'whole number' if whole else 'number'} above 0 and at most {most:,}"
        if word and node.text == word and node.kind in ("text", "bool"):  # off is a boolean of YAML 1.1
            return 0
        if node.kind not in ("int", "float"):
            self.wrong(node, self.name(key), f"{expected}, without quotes")
            return None
        usable = _NUMBER.fullmatch(node.text) and (not whole or node.kind == "int")
        value = float(node.text) if usable else 0.0
        if not 0 < value <= most:
            self.add(key, f"{node.text[:80]} cannot be used; expected {expected}")
            return None
        return value

    def items(self, key: str, expected: str) -> list[Node]:
        """The items of a list; none when the key is missing."""
        node = self.child(key)
        if node is None:
            return []
        if node.kind != "list":
            self.wrong(node, self.name(key), expected)
        return node.items

    def texts(self, key: str, expected: str) -> tuple[str, ...]:
        """A list of texts."""
        found = []
        for index, node in enumerate(self.items(key, f"a list of {expected}s")):
            value = self.text_of(node, f"{self.name(key)}[{index}]", expected)
            if value is not None:
                found.append(value)
        return tuple(found)
