"""The start screen as lines: rollouts that run, that are unfinished, and recent ones; and what a new one can be made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from .host_row import cut
from .numbers import duration
from .palette import ATTENTION, BAD, GOOD, QUIET, STRONG, TITLE

HERE, RUNNING, UNFINISHED, RECENT = "here", "running", "unfinished", "recent"
_TITLES = {
    HERE: "Running in this console",
    RUNNING: "Running elsewhere",
    UNFINISHED: "Unfinished",
    RECENT: "Recent",
}
_STYLES = {HERE: GOOD, RUNNING: GOOD, UNFINISHED: ATTENTION, RECENT: ""}


@dataclass(frozen=True, slots=True)
class Row:
    """One rollout as the start screen shows it. `group` is HERE, RUNNING, UNFINISHED or RECENT; `words`: how it stands."""

    rollout: str
    group: str
    cloud: str = ""
    created: str = ""  # local time, in words
    seconds: float = 0.0  # its own
    hosts: int = 0
    done: int = 0
    failed: int = 0
    armed: int = 0
    words: str = ""


def order(rows: Sequence[Row]) -> list[Row]:
    """Group by group; within one as they came."""
    groups = list(_TITLES)
    return sorted(rows, key=lambda row: groups.index(row.group))


def head(rows: Sequence[Row], width: int) -> list[Text]:
    """The totals over all that run."""
    running = [row for row in rows if row.group in (HERE, RUNNING)]
    first = Text(" quads-tui ", TITLE)
    if running:
        done, failed, armed, hosts = (sum(getattr(row, name) for row in running) for name in ("done", "failed", "armed", "hosts"))
        first.append(f"  {len(running)} running: {done} done, {failed} failed")
        first.append(f", {armed} armed" if armed else "").append(f" of {hosts} hosts")
    else:
        first.append("  no rollout is running")
    unfinished = sum(row.group == UNFINISHED for row in rows)
    first.append(f"   {unfinished} unfinished" if unfinished else "", ATTENTION)
    first.truncate(width, overflow="ellipsis", pad=True)
    return [first, Text(" " * width)]


def listing(rows: Sequence[Row], cursor: int, width: int) -> tuple[list[Text], int]:
    """`rows` as `order` gave them, with the title of each group; and the line on which the cursor stands."""
    lines: list[Text] = []
    group, at = "", 0
    for number, row in enumerate(rows):
        if row.group != group:
            group = row.group
            lines += [Text(" " * width)] * bool(lines) + [Text(cut(f" {_TITLES[group]}", width), STRONG)]
            lines.append(Text(cut(f"   {_columns(width, *_HEAD)}", width), QUIET))
        if number == cursor:
            at = len(lines)
        figures = (str(row.hosts), str(row.done), str(row.failed or "-"), str(row.armed or "-"))
        text = _columns(width, row.rollout, row.cloud, row.created, *figures, duration(row.seconds), row.words)
        style = "reverse" if number == cursor else BAD if row.failed and row.group != RECENT else _STYLES[row.group]
        lines.append(Text(cut(f" {'>' if number == cursor else ' '} {text}", width), style))
    return lines, at


_HEAD = ("ROLLOUT", "CLOUD", "STARTED", "HOSTS", "DONE", "FAIL", "ARMED", "TIME", "STATE")


def _columns(width: int, rollout: str, cloud: str, created: str, *rest: str) -> str:
    """Narrow terminals do without what the name tells as well: the cloud and when it began."""
    hosts, done, failed, armed, time, words = rest
    wide = f"{cut(cloud, 9)} {cut(created, 16)} " if width >= 110 else ""
    return f"{cut(rollout, 30)} {wide}{hosts:>5} {done:>5} {failed:>5} {armed:>5} {time:>10} {words}"
