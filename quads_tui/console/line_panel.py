"""A panel of text lines that repaints only those that changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text
from textual.events import Click
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget


def drawn(text: Text, console: Console) -> Strip:
    """The line with its base style, which Text.render leaves out where there are no spans."""
    return Strip(text.render(console)).simplify().apply_style(console.get_style(text.style))


class LinePanel(Widget):
    """Lines of exactly its width. `put` compares with what is shown."""

    DEFAULT_CSS = "LinePanel { height: auto; width: 1fr; }"

    class Clicked(Message):
        """In the panel of this name, in this line and cell. `meta`: of the text there. `double`: the same place twice."""

        def __init__(self, panel: str, line: int, cell: int, *, meta: dict[str, Any], double: bool) -> None:
            super().__init__()
            self.panel, self.line, self.cell, self.meta, self.double = panel, line, cell, meta, double

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self._lines: list[Text] = []
        self._strips: list[Strip] = []

    def put(self, lines: Sequence[Text]) -> None:
        """Show these lines; the widget's height follows their number."""
        grown = len(lines) != len(self._lines)
        changed = [row for row, line in enumerate(lines) if row >= len(self._lines) or not _same(line, self._lines[row])]
        if not grown and not changed:
            return
        for row in changed:
            self._strips[row : row + 1] = [drawn(lines[row], self.app.console)]
        del self._strips[len(lines) :]
        self._lines = list(lines)
        if grown:
            self.styles.height = len(lines)
            self.refresh(layout=True)
        else:
            self.refresh(*(Region(0, row, self.size.width, 1) for row in changed))

    @property
    def text(self) -> list[str]:
        """What is shown, as plain text."""
        return [line.plain for line in self._lines]

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips = [drawn(line, self.app.console) for line in self._lines]
        self.refresh()

    def on_click(self, event: Click) -> None:
        meta = event.style.meta
        self.post_message(self.Clicked(self.id or "", event.y, event.x, meta=meta, double=event.chain == 2))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        strip = self._strips[y] if y < len(self._strips) else Strip.blank(width)
        return strip.adjust_cell_length(width, self.rich_style).apply_style(self.rich_style)


def _same(one: Text, other: Text) -> bool:
    return one.plain == other.plain and one.spans == other.spans and one.style == other.style
