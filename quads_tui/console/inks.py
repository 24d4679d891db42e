"""Lines of text as what textual shows. The looks of their style names are looked up once, until the theme changes."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip


class Inks:
    """Of one widget and one theme; `under`: the style of the widget, below all others."""

    def __init__(self, console: Console, under: Style) -> None:
        self.under = under
        self._console = console
        self._known: dict[tuple[str | Style, ...], Style] = {}

    def strip(self, text: Text, cells: int | None = None) -> Strip:
        """As Text.render and Strip.simplify make it, with the base style of the text (which render leaves out without spans).
        `cells`: its width, where that is known."""
        plain, segments = text.plain, list[Segment]()
        start, place, style = 0, 0, self._look((text.style,))
        for end, found in self._apart(text) or self._layered(text):
            if end > place:
                if found is not style:
                    if place > start:
                        segments.append(Segment(plain[start:place], style))
                    start, style = place, found
                place = end
        if place > start:
            segments.append(Segment(plain[start:place], style))
        return Strip(segments, cells)

    def _apart(self, text: Text) -> list[tuple[int, Style]]:
        """Up to where each style goes, for spans that follow one another, as most do; else nothing."""
        base = text.style
        ends, place, under = [], 0, self._look((base,))
        for start, end, ink in text.spans:
            if start < place or end < start:
                return []
            ends += [(start, under), (end, self._look((base, ink)))]
            place = end
        return [*ends, (len(text.plain), under)]

    def _layered(self, text: Text) -> Iterator[tuple[int, Style]]:
        """The same for spans that may lie on one another."""
        spans = text.spans
        ends = sorted(
            [(span.start, 1, number) for number, span in enumerate(spans)]
            + [(span.end, 0, number) for number, span in enumerate(spans)]
        )
        here: list[int] = []  # the spans that hold up to `offset`, the lowest first
        for offset, begins, number in [*ends, (len(text.plain), 0, -1)]:
            yield offset, self._look((text.style, *[spans[one].style for one in here]))
            if begins:
                insort(here, number)
            elif number in here:
                here.remove(number)

    def _look(self, names: tuple[str | Style, ...]) -> Style:
        known = self._known.get(names)
        if known is None:
            known = self._known[names] = Style.combine([self.under, *(self._console.get_style(name) for name in names)])
        return known
