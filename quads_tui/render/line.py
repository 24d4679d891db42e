"""Lines of exactly so many cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Span, Text

from .symbols import BRAILLE


def cut(text: str, width: int, ellipsis: str = BRAILLE.ellipsis) -> str:
    """Exactly `width` cells, by the width that terminals give wide and combining characters: padded, or cut and marked."""
    if text.isascii() and len(text) <= width:  # most text is
        return text.ljust(width)
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + ellipsis if width > 0 else ""


@dataclass(frozen=True, slots=True)
class StyledLine:
    """Words with their styles, on a common one: what is drawn so often that a Text would cost too much."""

    parts: Sequence[tuple[str, str]]
    style: str = ""

    @property
    def plain(self) -> str:
        return "".join([words for words, _ in self.parts])

    def clipped(self, width: int, ellipsis: str) -> StyledLine:
        """Exactly `width` cells of it, where it is wider."""
        parts: list[tuple[str, str]] = []
        room = width - 1
        for words, ink in self.parts:
            fits = words[: _characters(words, room)]
            parts.append((fits, ink))
            room -= cell_len(fits)
            if fits != words:
                break
        return StyledLine([*parts, (ellipsis, ""), (" " * room, "")] if width > 0 else [], self.style)


def joined(parts: Sequence[tuple[str, str]], style: str = "") -> Text:
    """Words with their styles as one line: Text.assemble, at a third of its cost."""
    spans: list[Span] = []
    place, before = 0, ""
    for words, ink in parts:
        end = place + len(words)
        if ink and ink == before:
            spans[-1] = Span(spans[-1].start, end, ink)
        elif ink and words:
            spans.append(Span(place, end, ink))
        place, before = end, ink if words else before
    return Text("".join([words for words, _ in parts]), style, spans=spans)


def fitted(left: Text, width: int, right: Text | None = None, *, ellipsis: str = BRAILLE.ellipsis) -> Text:
    """`left` from the left edge, cut where it meets `right`, which stands at the right edge. Both keep their styles."""
    room = width - (right.cell_len + 1 if right is not None and right.plain else 0)
    line = left.copy()
    if line.cell_len > room:
        line.right_crop(max(0, len(line.plain) - _characters(line.plain, room - 1)))
        line.append(ellipsis if room > 0 else "")
    line.append(" " * max(0, room - line.cell_len))
    if right is not None and right.plain:
        line.append(" ").append_text(right)
    if line.cell_len > width:  # the right part alone is too wide
        line = Text(cut(line.plain, width, ellipsis))
    return line


def _characters(text: str, width: int) -> int:
    """How many of its first characters fit into so many cells."""
    cells = 0
    for count, character in enumerate(text):
        cells += cell_len(character)
        if cells > width:
            return count
    return len(text)
