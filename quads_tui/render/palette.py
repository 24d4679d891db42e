"""Names of styles, and what they look like. Rendering only knows the names, so a theme is a table and nothing else.

Every state is shown by a glyph and a word as well: no palette carries anything that is not in the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, assert_never

from quads_tui.rollout.stages import HostStatus, Stage

BAD, GOOD, ATTENTION, TITLE, BADGE, QUIET, STRONG, BAR = (
    "quads.bad",
    "quads.good",
    "quads.attention",
    "quads.title",
    "quads.badge",
    "quads.quiet",
    "quads.strong",
    "quads.bar",
)
STYLES: Mapping[HostStatus, str] = {status: f"quads.{status.value}" for status in HostStatus}


STAGE_STYLES: Mapping[Stage, str] = {stage: f"quads.{stage.value}" for stage in Stage}


class StageColours(NamedTuple):
    """One hue: for dark and for light backgrounds, and the nearest of the terminal's own sixteen colours."""

    on_dark: str
    on_light: str
    of_terminal: str


def stage_colours(stage: Stage) -> StageColours:
    match stage:
        case Stage.POWER_OFF:
            return StageColours("#6cb0ff", "#1769c2", "bright_blue")
        case Stage.PXE_SET:
            return StageColours("#ff9d57", "#c2570c", "bright_red")
        case Stage.FOREMAN_BUILD:
            return StageColours("#4fd0c7", "#0b7a75", "bright_cyan")
        case Stage.POWER_ON:
            return StageColours("#cf9df0", "#8b4fb0", "bright_magenta")
        case Stage.INSTALL:
            return StageColours("#a9d05c", "#7f9f3c", "bright_green")
        case _:
            assert_never(stage)


def _palette(
    *,
    done: str,
    bad: str,
    attention: str,
    held: str,
    badge: str,
    quiet: str = "dim",
    of_terminal: bool = False,
    plain: bool = False,
) -> dict[str, str]:
    """`of_terminal`: its own sixteen colours and no others; `plain`: none at all."""

    def stage_style(stage: Stage) -> str:
        colours = stage_colours(stage)
        return "none" if plain else colours.of_terminal if of_terminal else colours.on_dark

    def style(status: HostStatus) -> str:
        match status:
            case HostStatus.QUEUED:
                return quiet
            case HostStatus.RUNNING:
                return "none"
            case HostStatus.WAITING:
                return attention
            case HostStatus.DONE:
                return done
            case HostStatus.FAILED:
                return f"bold {bad}"
            case HostStatus.SKIPPED:
                return f"{quiet} italic"
            case HostStatus.HELD:
                return held
            case _:
                assert_never(status)

    return {
        BAD: f"bold {bad}",
        GOOD: done,
        ATTENTION: f"bold {attention}",
        TITLE: "bold reverse",
        BADGE: badge,
        QUIET: quiet,
        STRONG: "bold",
        BAR: "reverse",
        **{STYLES[status]: style(status) for status in HostStatus},
        **{STAGE_STYLES[stage]: stage_style(stage) for stage in Stage},
    }


_ON_AMBER, _ON_YELLOW = "bold #1b1b1b on #e5c07b", "bold #1b1b1b on #ffd75f"
PALETTES: Mapping[str, Mapping[str, str]] = {
    # Blue against orange: told apart by every kind of colour sight.
    "blue-orange": _palette(done="#5aa2e8", bad="#f0953f", attention="#e5c07b", held="#c792ea", badge=_ON_AMBER),
    "green-red": _palette(done="#7fc97f", bad="#ff6b6b", attention="#ffd75f", held="#c792ea", badge=_ON_YELLOW),
    # The terminal's own sixteen colours.
    "ansi": _palette(
        done="blue", bad="yellow", attention="bright_yellow", held="magenta", badge="black on yellow", of_terminal=True
    ),
    # No colour at all: bold, reverse and dim.
    "mono": _palette(done="default", bad="reverse", attention="underline", held="underline", badge="bold reverse", plain=True),
}
