"""Names of styles, and what they look like. Rendering only knows the names, so a theme is a table and nothing else.

Every state is told by a glyph and a word as well: no palette carries anything that is not in the text.
"""

from __future__ import annotations

from collections.abc import Mapping

from quads_tui.rollout.stages import HostStatus

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


def _palette(done: str, bad: str, attention: str, held: str, badge: str, quiet: str = "dim") -> dict[str, str]:
    return {
        BAD: f"bold {bad}",
        GOOD: done,
        ATTENTION: f"bold {attention}",
        TITLE: "bold reverse",
        BADGE: badge,
        QUIET: quiet,
        STRONG: "bold",
        BAR: "reverse",
        STYLES[HostStatus.QUEUED]: quiet,
        STYLES[HostStatus.RUNNING]: "none",
        STYLES[HostStatus.WAITING]: attention,
        STYLES[HostStatus.DONE]: done,
        STYLES[HostStatus.FAILED]: f"bold {bad}",
        STYLES[HostStatus.SKIPPED]: f"{quiet} italic",
        STYLES[HostStatus.HELD]: held,
    }


PALETTES: Mapping[str, Mapping[str, str]] = {
    # Blue against orange: told apart by every kind of colour sight.
    "blue-orange": _palette("#5aa2e8", "#f0953f", "#e5c07b", "#c792ea", "bold #1b1b1b on #e5c07b"),
    "green-red": _palette("#7fc97f", "#ff6b6b", "#ffd75f", "#c792ea", "bold #1b1b1b on #ffd75f"),
    # The terminal's own sixteen colours.
    "ansi": _palette("blue", "yellow", "bright_yellow", "magenta", "black on yellow"),
    # No colour at all: bold, reverse and dim.
    "mono": _palette("default", "reverse", "underline", "underline", "bold reverse"),
}
