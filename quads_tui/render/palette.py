"""Names of styles, and what they look like. Rendering only knows the names, so a theme is a table and nothing else.

Every state is shown by a glyph and a word as well: no theme carries anything that is not in the text. The inks of the fixed
themes were chosen to be told apart by every kind of colour sight, with a contrast of 4.5:1 or more on their ground.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, assert_never

from quads_tui.rollout.stages import HostStatus, Stage

BAD, GOOD, ATTENTION, TITLE, BADGE, QUIET, STRONG, BAR, RULE, ARMED, OVERDUE, CURSOR, SHADE, AREA, NOT_WRITTEN = (
    "quads.bad",
    "quads.good",
    "quads.attention",  # neutral: hue is for stages and trouble only
    "quads.title",
    "quads.badge",  # filled, neutral: REHEARSAL
    "quads.quiet",  # labels, units, usual values
    "quads.strong",  # the figure that answers
    "quads.bar",  # ground of header and footer
    "quads.rule",  # lines, never text
    "quads.armed",  # filled with the colour of what failed
    "quads.overdue",  # filled with the colour of installs
    "quads.cursor",  # the row under the cursor
    "quads.shade",  # ground of a time in which writes were blocked
    "quads.area",  # what is under the edge of a graph
    "quads.not_written",  # ground of the hosts that are not written yet, in the graph of all hosts
)
STYLES: Mapping[HostStatus, str] = {status: f"quads.{status.value}" for status in HostStatus}
STAGE_STYLES: Mapping[Stage, str] = {stage: f"quads.{stage.value}" for stage in Stage}
_LIFTED = "cursor."
_ON_BAR = "bar."
_GROUND = "ground."


def lifted(style: str) -> str:
    """The style as it is on the row under the cursor, whose ground is lighter."""
    return _LIFTED + style


def on_bar(style: str) -> str:
    """The style as it is on the ground of header and footer, which is reversed where there are few colours."""
    return _ON_BAR + style


def as_ground(style: str) -> str:
    """The colour of a layer of a graph (STYLES of done, STAGE_STYLES) as the ground of the layer below it."""
    return _GROUND + style


class StageColours(NamedTuple):
    """One hue: for dark and for light backgrounds, and the nearest of the terminal's own sixteen colours."""

    on_dark: str
    on_light: str
    of_terminal: str


def stage_colours(stage: Stage) -> StageColours:
    match stage:
        case Stage.POWER_OFF:
            return StageColours("#dea9cf", "#7e2570", "magenta")
        case Stage.PXE_SET:
            return StageColours("#a796fb", "#5234a2", "bright_magenta")
        case Stage.FOREMAN_BUILD:
            return StageColours("#ead974", "#786a25", "bright_yellow")
        case Stage.POWER_ON:
            return StageColours("#8ef2f8", "#074343", "bright_cyan")
        case Stage.INSTALL:
            return StageColours("#5b82cc", "#236ec6", "bright_blue")
        case _:
            assert_never(stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours by what they are for. `ground`: empty where it is the terminal's own. `lifts`: other inks on the cursor's row."""

    stages: Mapping[Stage, str]
    done: str
    failed: str
    text: str
    bright: str
    dim: str
    rule: str
    area: str
    ground: str
    surface: str
    cursor: str
    on_filled: str
    badge: str
    lifts: Mapping[str, str]
    panel: str = ""  # ground of dialogs
    filled_on_bar: str = ""  # what is filled in header and footer, where these are reversed
    light: bool = False

    def styles(self) -> dict[str, str]:
        """By the names above."""
        layers = {
            STYLES[HostStatus.DONE]: self.done,
            **{STAGE_STYLES[stage]: ink for stage, ink in self.stages.items()},
        }
        inks = {
            BAD: f"bold {self.failed}",
            GOOD: self.done,
            ATTENTION: f"bold {self.bright}",
            TITLE: f"bold {self.bright}",
            BADGE: self.badge,
            QUIET: self.dim,
            STRONG: f"bold {self.bright}",
            RULE: self.rule,
            AREA: self.area,
            STYLES[HostStatus.QUEUED]: self.dim,
            STYLES[HostStatus.RUNNING]: self.text,
            STYLES[HostStatus.WAITING]: f"bold {self.bright}",
            STYLES[HostStatus.FAILED]: f"bold {self.failed}",
            STYLES[HostStatus.SKIPPED]: self.dim,
            STYLES[HostStatus.HELD]: f"bold {self.bright}",
            **layers,
        }
        filled = {
            ARMED: f"bold {self.on_filled} on {self.failed}",
            OVERDUE: f"bold {self.on_filled} on {self.stages[Stage.INSTALL]}",
        }
        grounds = {BAR: self.surface, CURSOR: self.cursor, SHADE: f"on {self.rule}" if self.ground else "none"}
        grounds |= {NOT_WRITTEN: f"on {self.panel}" if self.panel else "none"}
        grounds |= {as_ground(name): f"on {ink}" for name, ink in layers.items()}
        plain = self.cursor.startswith("reverse")  # with few colours the row is reversed: an ink there would be its ground
        on_cursor = {lifted(name): "none" if plain else self.lifts.get(ink, ink) for name, ink in inks.items()}
        on_filled = {lifted(name): style for name, style in filled.items()}
        on_bars = {QUIET: self.dim, RULE: self.rule, BADGE: self.badge, CURSOR: self.cursor}
        if self.filled_on_bar:
            on_bars = {QUIET: "none", RULE: "none", BADGE: self.filled_on_bar, CURSOR: self.filled_on_bar}
        named = {on_bar(name): style for name, style in on_bars.items()}
        return inks | filled | grounds | on_cursor | on_filled | named


def _fixed(light: bool, inks: Mapping[Stage, str], **colours: str) -> Theme:
    text, ground = colours["text"], colours["ground"]
    lifts = {
        colours["dim"]: colours.pop("dim_lifted"),
        inks[Stage.INSTALL]: colours.pop("install_lifted"),
        f"bold {colours['failed']}": f"bold {colours.pop('failed_lifted')}",
    }
    if "build_lifted" in colours:
        lifts[inks[Stage.FOREMAN_BUILD]] = colours.pop("build_lifted")
    return Theme(
        stages=inks,
        done=colours["done"],
        failed=colours["failed"],
        text=text,
        bright=colours["bright"],
        dim=colours["dim"],
        rule=colours["rule"],
        area=colours["area"],
        ground=ground,
        surface=f"{text} on {colours['surface']}",
        cursor=f"{text} on {colours['cursor']}",
        on_filled=colours["on_filled"],
        badge=f"bold {ground} on {text}",
        lifts=lifts,
        panel=colours.get("panel", colours["surface"]),
        light=light,
    )


def _of_terminal(*, light: bool) -> Theme:
    """Its own sixteen colours and no others. On a light ground the bright ones cannot be read."""
    inks = {stage: stage_colours(stage).of_terminal for stage in Stage}
    if light:
        inks = {
            stage: "default" if ink in ("bright_yellow", "bright_cyan") else ink.removeprefix("bright_")
            for stage, ink in inks.items()
        }
    return Theme(
        stages=inks,
        done="green",
        failed="red" if light else "bright_red",
        text="default",
        bright="default",
        dim="default" if light else "bright_black",
        rule="bright_black",
        area="bright_black",
        ground="",
        surface="reverse",
        cursor="reverse",
        on_filled="white" if light else "black",
        badge="bold reverse",
        filled_on_bar="bold not reverse",
        lifts={},
        light=light,
    )


_MONO = Theme(
    stages=dict.fromkeys(Stage, "default"),
    done="default",
    failed="default",
    text="default",
    bright="default",
    dim="dim",
    rule="dim",
    area="dim",
    ground="",
    surface="reverse",
    cursor="reverse",
    on_filled="default",
    badge="bold reverse",
    filled_on_bar="bold not reverse",
    lifts={},
)
THEMES: Mapping[str, Theme] = {
    "dark": _fixed(
        False,
        {stage: stage_colours(stage).on_dark for stage in Stage},
        done="#66ac81",
        failed="#ff550d",
        text="#c9ced6",
        bright="#ffffff",
        dim="#8b919d",
        rule="#3d4450",
        area="#4a5160",
        ground="#14161b",
        surface="#1f232b",
        cursor="#2d3340",
        on_filled="#101216",
        dim_lifted="#b3b9c4",
        install_lifted="#89abec",
        failed_lifted="#ff8049",
    ),
    "light": _fixed(
        True,
        {stage: stage_colours(stage).on_light for stage in Stage},
        done="#2d644e",
        failed="#df0b10",
        text="#2b3038",
        bright="#000000",
        dim="#646a74",
        rule="#b9bfc8",
        area="#c3c8d0",
        ground="#fbfbf9",
        surface="#eceef1",
        panel="#f6f7f8",
        cursor="#d9dee6",
        on_filled="#ffffff",
        dim_lifted="#4a505a",
        install_lifted="#1a58a3",
        failed_lifted="#b8080c",
        build_lifted="#675a1d",
    ),
    "ansi": _of_terminal(light=False),
    "ansi-light": _of_terminal(light=True),
    "mono": _MONO,  # no colour at all: bold, reverse and dim
}
# Nothing can be filled without colours: reversed, and on the cursor's row, which is reversed, underlined.
_MONO_FILLED = {ARMED: "bold reverse", OVERDUE: "reverse", lifted(ARMED): "bold underline", lifted(OVERDUE): "underline"}
PALETTES: Mapping[str, Mapping[str, str]] = {
    name: theme.styles() | (_MONO_FILLED if theme is _MONO else {}) for name, theme in THEMES.items()
}
