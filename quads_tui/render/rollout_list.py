"""The start screen as lines: rollouts that run, that are unfinished, and recent ones; and what a new one can be made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from rich.text import Text

from .line import cut
from .numbers import duration
from .palette import ATTENTION, BAD, GOOD, QUIET, STRONG, TITLE


class RowGroup(StrEnum):
    """In the order in which the start screen shows them."""

    HERE = "here"
    RUNNING = "running"
    UNFINISHED = "unfinished"
    RECENT = "recent"


def _title(group: RowGroup) -> str:
    match group:
        case RowGroup.HERE:
            return "Running in this console"
        case RowGroup.RUNNING:
            return "Running elsewhere"
        case RowGroup.UNFINISHED:
            return "Unfinished"
        case RowGroup.RECENT:
            return "Recent"
        case _:
            assert_never(group)


def _style(group: RowGroup) -> str:
    match group:
        case RowGroup.HERE | RowGroup.RUNNING:
            return GOOD
        case RowGroup.UNFINISHED:
            return ATTENTION
        case RowGroup.RECENT:
            return ""
        case _:
            assert_never(group)


@dataclass(frozen=True, slots=True)
class Row:
    """One rollout as the start screen shows it. `words`: how it stands."""

    rollout: str
    group: RowGroup
    cloud: str = ""
    created: str = ""  # local time, in words
    seconds: float = 0.0  # its own
    hosts: int = 0
    done: int = 0
    failed: int = 0
    armed: int = 0
    words: str = ""


def sort_rows(rows: Sequence[Row]) -> list[Row]:
    """Group by group; within one as they came."""
    groups = list(RowGroup)
    return sorted(rows, key=lambda row: groups.index(row.group))


def head(rows: Sequence[Row], width: int) -> list[Text]:
    """The totals over all that run."""
    running = [row for row in rows if row.group in (RowGroup.HERE, RowGroup.RUNNING)]
    first = Text(" quads-tui ", TITLE)
    if running:
        done, failed, armed, hosts = (sum(getattr(row, name) for row in running) for name in ("done", "failed", "armed", "hosts"))
        first.append(f"  {len(running)} running: {done} done, {failed} failed")
        first.append(f", {armed} armed" if armed else "").append(f" of {hosts} hosts")
    else:
        first.append("  no rollout is running")
    unfinished = sum(row.group is RowGroup.UNFINISHED for row in rows)
    first.append(f"   {unfinished} unfinished" if unfinished else "", ATTENTION)
    first.truncate(width, overflow="ellipsis", pad=True)
    return [first, Text(" " * width)]


def listing(rows: Sequence[Row], cursor: int, width: int) -> tuple[list[Text], int]:
    """`rows` as `sort_rows` gave them, with the title of each group; and the line on which the cursor stands."""
    lines: list[Text] = []
    group: RowGroup | None = None
    at = 0
    for number, row in enumerate(rows):
        if row.group is not group:
            group = row.group
            lines += [Text(" " * width)] * bool(lines) + [Text(cut(f" {_title(row.group)}", width), STRONG)]
            lines.append(Text(cut(f"   {_columns(width, *_HEAD)}", width), QUIET))
        if number == cursor:
            at = len(lines)
        figures = (str(row.hosts), str(row.done), str(row.failed or "-"), str(row.armed or "-"))
        text = _columns(width, row.rollout, row.cloud, row.created, *figures, duration(row.seconds), row.words)
        style = "reverse" if number == cursor else BAD if row.failed and row.group is not RowGroup.RECENT else _style(row.group)
        lines.append(Text(cut(f" {'>' if number == cursor else ' '} {text}", width), style))
    return lines, at


_HEAD = ("ROLLOUT", "CLOUD", "STARTED", "HOSTS", "DONE", "FAIL", "ARMED", "TIME", "STATE")


def _columns(width: int, rollout: str, cloud: str, created: str, *rest: str) -> str:
    """Narrow terminals do without what the name tells as well: the cloud and when it began."""
    hosts, done, failed, armed, time, words = rest
    wide = f"{cut(cloud, 9)} {cut(created, 16)} " if width >= 110 else ""
    return f"{cut(rollout, 30)} {wide}{hosts:>5} {done:>5} {failed:>5} {armed:>5} {time:>10} {words}"
