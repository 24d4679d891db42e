"""Lines of text as what textual shows. The looks of their style names are looked up once, until the theme changes."""

from __future__ import annotations

from bisect import insort

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from quads_tui.render.line import StyledLine


class Inks:
    """Of one widget and one theme; `under`: the style of the widget, below all others."""

    def __init__(self, console: Console, under: Style) -> None:
        self.under = under
        self._console = console
        self._known: dict[tuple[str | Style, ...], Style] = {}

    def strip(self, text: Text) -> Strip:
        """As Text.render and Strip.simplify make it, with the base style of the text (which render leaves out without spans)."""
        plain, spans = text.plain, text.spans
        ends = sorted(
            [(span.start, 1, number) for number, span in enumerate(spans)]
            + [(span.end, 0, number) for number, span in enumerate(spans)]
        )
        here: list[int] = []  # the spans that hold at `place`, the lowest first
        segments: list[Segment] = []
        place, start, style = 0, 0, self._look((text.style,))
        for offset, begins, number in [*ends, (len(plain), 0, -1)]:
            if offset > place:
                found = self._look((text.style, *[spans[one].style for one in here])) if here else self._look((text.style,))
                if found is not style:
                    if place > start:
                        segments.append(Segment(plain[start:place], style))
                    start, style = place, found
                place = offset
            if begins:
                insort(here, number)
            elif number in here:
                here.remove(number)
        if place > start:
            segments.append(Segment(plain[start:place], style))
        return Strip(segments)

    def row(self, line: StyledLine, cells: int) -> Strip:
        """The same of words that follow one another. `cells`: how wide they are."""
        segments, together, style = list[Segment](), "", self.under
        for words, ink in line.parts:
            if words:
                found = self._look((line.style, ink) if ink else (line.style,))
                if found is not style and together:
                    segments.append(Segment(together, style))
                    together = ""
                together, style = together + words, found
        if together:
            segments.append(Segment(together, style))
        return Strip(segments, cells)

    def _look(self, names: tuple[str | Style, ...]) -> Style:
        known = self._known.get(names)
        if known is None:
            known = self._known[names] = Style.combine([self.under, *(self._console.get_style(name) for name in names)])
        return known
