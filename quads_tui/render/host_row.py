"""One host as one line, the order of the lines, and the filter over them. Every state is told by a glyph and a word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from rich.cells import set_cell_size
from rich.text import Text

from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from quads_tui.rollout.state import HostState

from .progress import clock_text

GLYPHS = {
    StageStatus.STARTED: "▶",
    StageStatus.FINISHED: "✓",
    StageStatus.FAILED: "✗",
    StageStatus.SKIPPED: "−",
}
STYLES = {  # blue against orange: told apart by every kind of colour sight
    HostStatus.QUEUED: "dim",
    HostStatus.RUNNING: "",
    HostStatus.WAITING: "#e5c07b",
    HostStatus.DONE: "#5aa2e8",
    HostStatus.FAILED: "bold #f0953f",
    HostStatus.SKIPPED: "dim italic",
    HostStatus.HELD: "#c792ea",
}
_RANK = {
    HostStatus.FAILED: 0,
    HostStatus.HELD: 1,
    HostStatus.WAITING: 2,
    HostStatus.RUNNING: 3,
    HostStatus.QUEUED: 4,
    HostStatus.SKIPPED: 5,
    HostStatus.DONE: 6,
}
ORDERS = ("attention", "plan", "name", "stage")
_STAGES = list(Stage)


def cut(text: str, width: int) -> str:
    """Exactly `width` cells: padded, or cut by the width that terminals give wide and combining characters."""
    return set_cell_size(text, width)


def name_width(width: int) -> int:
    return 22 if width < 110 else 30


def heading(width: int) -> Text:
    """The line above the hosts."""
    stages = " ".join(cut(stage.short, 3) for stage in Stage)
    return Text(cut(f"   {cut('HOST', name_width(width))} {stages} {cut('STATE', 9)} TRY {'TIME':>8} NOTE", width), "bold")


def host_row(host: HostState, *, now: float, speed: float, width: int, cursor: bool, marked: bool) -> Text:
    """The host's line, exactly `width` cells. `now` is real time; the time shown is the rollout's own."""
    style = STYLES[host.status]
    word = "ARMED!" if host.armed and host.status is HostStatus.FAILED else host.status.value.upper()
    if host.status is HostStatus.RUNNING and host.stage:
        word = host.stage.short.lower()
    seconds = (now - host.since) * speed if host.since and not host.status.ended else 0.0
    stages = " ".join(f" {_glyph(host, stage)} " for stage in Stage)
    tries = f"{host.attempt}" if host.attempt else ""
    line = f"{'>' if cursor else ' '}{'*' if marked else ' '} {cut(host.short, name_width(width))} {stages} "
    line += f"{cut(word, 9)} {tries:>3} {clock_text(seconds) if seconds >= 1 else '':>8} "
    note = host.reason if host.status is HostStatus.FAILED else host.note
    text = Text(cut(line + note, width), "reverse" if cursor else style)
    if marked and not cursor:
        text.stylize("bold underline", 1, 4)
    return text


def _glyph(host: HostState, stage: Stage) -> str:
    if host.status is HostStatus.WAITING and stage is host.stage:
        return "↻"
    mark = host.marks.get(stage)
    return GLYPHS[mark] if mark else "·"


def ordered(hosts: Iterable[HostState], order: str) -> list[HostState]:
    """`attention`: failed, held, waiting, then running ones with the longest in their stage first, queued, skipped, done."""
    if order == "name":
        return sorted(hosts, key=lambda host: host.name)
    if order == "stage":
        return sorted(hosts, key=lambda host: (_STAGES.index(host.stage) if host.stage else -1, host.index))
    if order == "plan":
        return sorted(hosts, key=lambda host: host.index)
    return sorted(
        hosts, key=lambda host: (_RANK[host.status], host.since if host.status is HostStatus.RUNNING else 0.0, host.index)
    )


def host_filter(words: str, failures_only: bool) -> Callable[[HostState], bool]:
    """A regular expression over name, model, state, stage, cause and note; one that is none is taken as plain text."""
    pattern = None
    if words:
        try:
            pattern = re.compile(words, re.I)
        except re.error:
            pattern = re.compile(re.escape(words), re.I)

    def shown(host: HostState) -> bool:
        if failures_only and host.status is not HostStatus.FAILED:
            return False
        if pattern is None:
            return True
        parts = (host.name, host.model, host.status.value, host.stage or "", host.cause or "", host.note, host.reason)
        return pattern.search(" ".join(parts)) is not None

    return shown
