"""Lines that are kept are those that textual would draw, on all screens, in all themes and after every change."""

from __future__ import annotations

from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from quads_tui.console.kept_lines import KeptLines
from quads_tui.render.palette import PALETTES
from quads_tui.rollout.events import HostNote

from .desk import Desk, desk
from .feed import NOW, rollout

PLACES = ("v", "M", "enter", "F", "slash", "colon", "ctrl+p", "r", "question_mark")


def cells(lines: list[Strip]) -> list[list[tuple[str, Style | None]]]:
    return [[(letter, segment.style) for segment in line for letter in segment.text] for line in lines]


def compare(d: Desk, where: object) -> None:
    widgets = [widget for screen in d.app.screen_stack for widget in screen.query(KeptLines) if widget.size]
    assert widgets
    for widget in widgets:
        kept = widget.render_lines(widget.size.region)
        assert not any(widget.styles.gutter), "they are drawn without border and padding"
        for again in (widget._drawn, widget._filtered):
            again.clear()
        widget._styles_cache.clear()
        drawn = Widget.render_lines(widget, widget.size.region)  # as textual does it, with all that styles may ask for
        assert cells(kept) == cells(drawn), (where, widget.id)


async def test_lines_of_all_screens_and_themes_are_as_textual_draws_them() -> None:
    async with desk(rollout(60), (200, 60)) as d:
        for place in PLACES:
            await d.press(place)
            compare(d, place)
            await d.press("escape")
        for theme in PALETTES:
            d.app.choose_palette(theme)
            await d.pilot.pause()
            compare(d, theme)


async def test_lines_are_drawn_anew_in_another_size_and_when_hosts_change() -> None:
    async with desk(rollout(60), (120, 40)) as d:
        for size in ((200, 60), (90, 30)):
            await d.pilot.resize_terminal(*size)
            await d.pilot.pause()
            compare(d, size)
            d.model.apply(HostNote(NOW, d.app.table.shown[20], f"another note at {size}"))
            d.app.frame()
            await d.pilot.pause()
            await d.press("space", "down", "o")
            d.app.panels()
            await d.pilot.pause()
            compare(d, size)
