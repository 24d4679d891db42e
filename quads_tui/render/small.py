"""What a terminal shows that is too small for the screen: whole words, as many as it has room for."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

Size = tuple[int, int]
"""Columns and lines."""
SMALLEST: Size = (60, 16)
"""In which a question and most screens can be read."""


def is_too_small(size: Size, needed: Size) -> bool:
    return size[0] < needed[0] or size[1] < needed[1]


def too_small(size: Size, needed: Size, news: str = "") -> Sequence[str]:
    """The lines that say so, down to none. `news`: a sentence that is shown where there is room."""
    width, height = size
    need = f"The screen needs at least {needed[0]}x{needed[1]}"
    here = f"{need}; this terminal is {width}x{height}."
    advice = f"{here} Make it larger, or use --plain."
    for words in (f"{advice} {news}", advice, here, f"{need}.", f"Needs {needed[0]}x{needed[1]}.", f"{needed[0]}x{needed[1]}"):
        lines = textwrap.wrap(words, max(1, width), break_long_words=False, break_on_hyphens=False)
        if len(lines) <= height and all(len(line) <= width for line in lines):
            return lines
    return ()
