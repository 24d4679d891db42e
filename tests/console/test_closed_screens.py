"""What is left of screens that were closed."""

from __future__ import annotations

import gc

from textual._styles_cache import StylesCache
from textual.widget import Widget

from .desk import desk


def kept() -> int:
    """How many widgets' drawn lines are in memory beyond those of the widgets themselves."""
    gc.collect()
    found = gc.get_objects()
    return sum(type(one) is StylesCache for one in found) - sum(isinstance(one, Widget) for one in found)


async def test_what_closed_screens_drew_is_let_go() -> None:
    """Textual kept the lines of the last 1,024 widgets: in half an hour of keys, tens of megabytes."""
    async with desk() as d:
        await d.press("g", "escape")
        before = kept()
        for _ in range(2):
            await d.press("g", "escape", "m", "escape", "question_mark", "escape")
        assert kept() <= before
