"""What is drawn in the fixed themes can be read: every text stands out from its ground as WCAG asks it (4.5:1).

Measured on the screens as they are drawn. Lines, bars and graphs are no text; what a dialog covers is dimmed on purpose.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.strip import Strip

from quads_tui.console.command_line import CommandLine
from quads_tui.console.field import Field
from quads_tui.console.line_panel import LinePanel
from quads_tui.render.palette import PALETTES
from quads_tui.rollout.events import HostChanged, Notice, Paused
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout

from .desk import Desk, desk
from .feed import NOW, rollout

LEAST = 4.5
SCREENS = {
    "table": ["j", "space"],
    "nothing": ["slash", "~"],
    "broken": ["slash", "["],
    "causes": ["F", "j"],
    "clouds": ["C"],
    "map": ["M", "down"],
    "graphs": ["v"],
    "host": ["enter"],
    "messages": ["m"],
    "command": ["colon", "t", "tab"],
    "palette": ["ctrl+p"],
    "question": ["r"],
    "reason": ["s", "y"],
}


def is_line(character: str) -> bool:
    """Box drawing, blocks, braille, and blanks."""
    return character.isspace() or "─" <= character <= "▟" or "⠀" <= character <= "⣿"


def luminance(colour: tuple[int, int, int]) -> float:
    red, green, blue = ((c / 255 / 12.92) if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(style: Style) -> float:
    assert style.color is not None
    assert style.bgcolor is not None
    pair = sorted(luminance(tuple(colour.get_truecolor())) for colour in (style.color, style.bgcolor))
    return (pair[1] + 0.05) / (pair[0] + 0.05)


def drawn(d: Desk) -> Iterator[Segment]:
    """The text of the screen, or of the dialog over it."""
    width, height = d.app.size
    strips: list[Strip] = d.app.screen._compositor.render_strips()[:height]
    if isinstance(d.app.screen, ModalScreen) and not isinstance(d.app.screen, CommandLine):
        region = d.app.screen.query_one(Vertical).region
        strips = [strip.crop(region.x, region.right) for strip in strips[region.y : region.bottom]]
    for strip in strips:
        yield from (segment for segment in strip.crop(0, width) if not all(map(is_line, segment.text)))


def everything() -> Rollout:
    """Hosts in every state, a pause, and messages of every level."""
    model = rollout(60)
    names = list(model.hosts)
    model.apply(HostChanged(NOW, names[0], HostStatus.SKIPPED, Stage.POWER_OFF, None, "broken fan"))
    model.apply(HostChanged(NOW, names[1], HostStatus.HELD, Stage.POWER_OFF, None, "held"))
    model.apply(HostChanged(NOW, names[2], HostStatus.WAITING, Stage.PXE_SET, None, "busy"))
    model.apply(Paused(NOW, "writes", True, "me", "Foreman hangs"))
    for level in ("info", "warning", "error"):
        model.apply(Notice(NOW, level, f"{level}: read me"))
    return model


async def screens(d: Desk, themes: Sequence[str], *names: str) -> AsyncIterator[tuple[str, str]]:
    """Theme and name of each of these screens, while it is shown: in each theme, from the one of the screen before."""
    for number, name in enumerate(names or SCREENS):
        await d.press(*SCREENS[name])
        for theme in reversed(themes) if number % 2 else themes:
            if theme != d.app.palette:
                d.app.choose_palette(theme)
                d.app.panels()
                await d.pilot.pause()
            yield theme, name
        await d.press("escape", "escape")
        assert d.app.screen is d.app._main


@pytest.mark.parametrize("size", [(120, 40), (200, 60)], ids="{0[0]}x{0[1]}".format)
async def test_every_text_can_be_read_in_the_fixed_themes(size: tuple[int, int]) -> None:
    async with desk(everything(), size) as d:
        weak: dict[str, str] = {}
        async for theme, name in screens(d, ("dark", "light"), *(() if size[0] < 200 else ("table", "map"))):
            for segment in drawn(d):
                assert segment.style is not None
                if (found := contrast(segment.style)) < LEAST:
                    weak.setdefault(f"{theme} {name}: {segment.style}"[:60], f"{found:.2f} {segment.text[:20]}")
        assert not weak, "\n".join(f"{place} {text}" for place, text in weak.items())
        assert not d.control.orders


async def test_themes_of_the_terminals_own_colours_use_no_others_and_no_bright_ones_on_a_light_ground() -> None:
    bright = {"bright_yellow", "bright_cyan", "yellow", "bright_white", "white"}
    async with desk(everything()) as d:
        async for theme, name in screens(
            d, ("ansi", "ansi-light", "mono"), "table", "causes", "map", "palette", "question", "command"
        ):
            for segment in drawn(d):
                style = segment.style
                assert style is not None
                where, ink, ground = (theme, name, segment), style.color, style.bgcolor
                assert all(colour is None or colour.is_system_defined or colour.is_default for colour in (ink, ground)), where
                on_ground = (ground is None or ground.is_default) and not style.reverse
                plain = ink is None or ink.is_default
                assert plain or theme != "mono", where
                assert plain or ink.name not in bright or not (on_ground and theme == "ansi-light"), where
                assert plain or ink.name not in bright or not (on_ground and "failed" in segment.text), where


def look(style: Style | None) -> tuple[object, ...]:
    assert style is not None
    return style.reverse, style.bgcolor, style.underline


async def test_the_cursor_is_seen_in_every_theme() -> None:
    async with desk(everything()) as d:

        def looks(words: str) -> set[tuple[object, ...]]:
            """Of the piece of the screen that begins with these words."""
            rows = d.app.screen._compositor.render_strips()
            return {look(piece.style) for row in rows for piece in row if piece.text.strip().startswith(words)}

        first, second = (d.model.hosts[name].short for name in d.app.table.shown[:2])
        async for theme, name in screens(d, list(PALETTES), "table", "causes", "map", "command", "broken"):
            if name == "table":
                third = d.model.hosts[d.app.table.cursor].short
                assert looks(third).isdisjoint(looks(first) | looks(second)), theme
            elif name == "causes":
                top = d.app.screen.query_one("#body", LinePanel).region.y + 1
                first_group, here = (set(map(look, styles(d, row))) for row in (top, top + 1))
                assert here.isdisjoint(first_group), theme
            elif name == "map":
                assert looks(d.app.context.symbols.here), theme
            elif name == "command":
                assert looks("symbols").isdisjoint(looks("theme")), theme
            else:
                assert len(set(map(look, styles(d, d.app.screen.query_one(Field).region.y)))) > 1, theme


def styles(d: Desk, row: int) -> Sequence[Style | None]:
    """Of the pieces of this line of the screen."""
    return [piece.style for piece in d.app.screen._compositor.render_strips()[row]]
