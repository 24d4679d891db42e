"""Widgets whose lines textual need not collect again for every paint of another widget."""

from __future__ import annotations

from collections.abc import Mapping

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class KeptLines(Widget):
    """Lines that `render_line` draws as wide as the widget, which has no border, padding or opacity.

    Textual asks all widgets for all of their lines whenever a line of one of them is painted. These keep theirs, as the app's
    filters have left them, and draw only those that are to be repainted. What is relied on in textual is pinned by
    tests/terminal/test_driver.py.
    """

    def __init__(self, name: str) -> None:
        self._drawn: dict[int, Strip] = {}  # by line
        self._filtered: dict[int, Strip] = {}  # the same, ready for the terminal
        self._span: tuple[int, int] | None = None  # the cells that the terminal shows of each
        super().__init__(id=name)

    def kept(self, y: int) -> Strip | None:
        """The line as it was drawn last; None: it is to be repainted."""
        return self._drawn.get(y)

    def replace(self, lines: Mapping[int, Strip]) -> None:
        """Show these lines from the next paint on."""
        if lines:
            width = self.size.width
            self.refresh(*(Region(0, y, width, 1) for y in lines))
            self._drawn.update(lines)

    def render_lines(self, crop: Region) -> list[Strip]:
        filtered = self._filtered
        if self._span != crop.column_span:
            self._span = crop.column_span
            self._drawn.clear()
            filtered.clear()
        if missing := [y for y in crop.line_range if y not in filtered]:
            filters, background = self.get_line_filters(), self.background_colors[1]
            for y in missing:
                strip = self._drawn.get(y)
                if strip is None:
                    strip = self._drawn[y] = self.render_line(y)
                for one in filters:
                    strip = strip.apply_filter(one, background)
                filtered[y] = strip.crop(*self._span)
        return [filtered[y] for y in crop.line_range]

    def _set_dirty(self, *regions: Region) -> None:
        """Before every change of what is seen: new lines, styles, sizes."""
        for kept in (self._drawn, self._filtered):
            if not regions:
                kept.clear()
            for region in regions:
                for y in region.line_range:
                    kept.pop(y, None)
        super()._set_dirty(*regions)
