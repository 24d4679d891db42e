"""A panel of text lines that repaints only those that changed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from rich.text import Text
from textual.events import Click
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from .inks import Inks
from .kept_lines import KeptLines
from .turns import ROWS, Pieces

_COLOURS = 16  # spans of a line that takes as long as a row of the table


class LinePanel(KeptLines):
    """Lines of exactly its width. `put` compares with what is shown."""

    DEFAULT_CSS = "LinePanel { height: auto; width: 1fr; }"

    class Clicked(Message):
        """In the panel of this name, in this line and cell. `meta`: of the text there. `double`: the same place twice."""

        def __init__(self, panel: str, line: int, cell: int, *, meta: dict[str, Any], double: bool) -> None:
            super().__init__()
            self.panel, self.line, self.cell, self.meta, self.double = panel, line, cell, meta, double

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._lines: list[Text] = []
        self._strips: list[Strip] = []
        self._inks: Inks | None = None  # of the present theme

    @property
    def inks(self) -> Inks:
        if self._inks is None:
            self._inks = Inks(self.app.console, self.rich_style)
        return self._inks

    def put(self, lines: Sequence[Text]) -> None:
        """Show these lines; the widget's height follows their number."""
        for _ in self.putting(lines):
            pass

    def putting(self, lines: Sequence[Text]) -> Pieces:
        """The same, a few lines at a time where their number is as before; else the whole screen is painted anyway."""
        known = len(self._lines)
        changed = [row for row, line in enumerate(lines) if row >= known or not _same(line, self._lines[row])]
        if len(lines) != known:
            self._take(lines, changed)
            del self._strips[len(lines) :], self._lines[len(lines) :]
            self.styles.height = len(lines)
            self.refresh(layout=True)
            return
        while changed:
            weights = accumulate(1 + len(lines[row].spans) // _COLOURS for row in changed)
            some = changed[: max(1, sum(weight <= ROWS for weight in weights))]
            changed = changed[len(some) :]
            self._take(lines, some)
            self.refresh(*(Region(0, row, self.size.width, 1) for row in some))
            yield True

    def _take(self, lines: Sequence[Text], rows: Sequence[int]) -> None:
        """`rows`: those of the lines that changed, ascending."""
        for row in rows:
            self._lines[row : row + 1] = [lines[row]]
            self._strips[row : row + 1] = [self.inks.strip(lines[row])]

    @property
    def text(self) -> list[str]:
        """What is shown, as plain text."""
        return [line.plain for line in self._lines]

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._inks = None
        self._strips = [self.inks.strip(line) for line in self._lines]
        self.refresh()

    def on_click(self, event: Click) -> None:
        meta = event.style.meta
        self.post_message(self.Clicked(self.id or "", event.y, event.x, meta=meta, double=event.chain == 2))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        under = self.inks.under
        return self._strips[y].adjust_cell_length(width, under) if y < len(self._strips) else Strip.blank(width, under)


def _same(one: Text, other: Text) -> bool:
    return one.plain == other.plain and one.spans == other.spans and one.style == other.style
