"""A line a rollout: the history of a state directory.

`rollouts` prints it from summaries, so it imports nothing that replays a rollout: that would cost more than all the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from quads_tui.rollout.text import clean
from quads_tui.rollout.time_words import date_and_time, duration, rfc3339

from .names import short_clouds_name

_NUMBERS = ("HOSTS", "DONE", "FAILED", "ARMED", "UNFINISHED")
_MORE = ("SKIPPED", "HELD")  # the first to go where there is no room
_LEAST = 5  # cells of a number
_GAP = "  "
_LONGEST_STATE, _SHORT_STATE = len("stopped (time limit), rehearsal"), len("unfinished, rehearsal")


class State(StrEnum):
    """How a rollout stands."""

    UNPLANNED = "unplanned"  # no plan: its process died while planning, or still plans
    RUNNING = "running"  # a process holds its journal
    UNFINISHED = "unfinished"  # no end, and nobody at work: its process was killed
    STOPPED = "stopped"  # by an operator, a signal or a safety limit, with hosts unfinished
    DONE = "done"
    ENDED = "ended"  # nothing left to do, at least one host failed, skipped or held


@dataclass(frozen=True, slots=True)
class Entry:
    """One rollout of the listing. `seconds` are its own; `open` hosts stand at no end."""

    rollout: str
    created_at: float
    who: str
    cloud: str
    kind: str
    rehearsal: bool
    state: State
    end_reason: str
    seconds: float
    hosts: int
    done: int
    failed: int
    skipped: int
    held: int
    open: int
    armed: int
    clouds: tuple[dict[str, Any], ...] = ()  # of each cloud: its name, kind and counts

    @property
    def cloud_column(self) -> str:
        """Its cloud, or how many it has."""
        return short_clouds_name([cloud["cloud"] for cloud in self.clouds]) if len(self.clouds) > 1 else self.cloud


def members(found: Entry) -> dict[str, Any]:
    """The same as JSON types: `created_at` in RFC 3339, everything else by its name."""
    return {**asdict(found), "created_at": rfc3339(found.created_at)}


@dataclass(frozen=True, slots=True)
class Listing:
    """The columns of the list, the most useful first. `name`: cells of the longest id; `width`: of a terminal; None: no limit."""

    name: int
    width: int | None = None

    @property
    def columns(self) -> list[tuple[str, int]]:
        """Each with its cells: as many as there is room for, in their order."""
        state = _LONGEST_STATE if self.width is None or self.width >= 100 else _SHORT_STATE
        wanted = [("ROLLOUT", self.name), ("STATE", state), *((name, max(_LEAST, len(name))) for name in _NUMBERS)]
        wanted += [("TIME", 10), ("CLOUD", 9), ("CREATED", 16), *((name, max(_LEAST, len(name))) for name in _MORE)]
        used, fitting = -len(_GAP), 0
        for _, cells in wanted:
            used += len(_GAP) + cells
            fitting += self.width is None or used <= self.width
        return wanted[: max(1, fitting)]

    def heading(self) -> str:
        return self._row({name: name for name, _ in self.columns})

    def line(self, found: Entry) -> str:
        """One rollout, in columns under `heading`. Local time."""
        words = found.state.value + (f" ({found.end_reason})" if found.end_reason else "")
        words += ", rehearsal" if found.rehearsal else ""
        numbers = {
            "HOSTS": found.hosts,
            "DONE": found.done,
            "FAILED": found.failed,
            "ARMED": found.armed,
            "UNFINISHED": found.open,
            "SKIPPED": found.skipped,
            "HELD": found.held,
        }
        cells = {name: str(number or "-") for name, number in numbers.items()}
        cells |= {"ROLLOUT": found.rollout, "STATE": words, "TIME": duration(found.seconds)}
        return self._row(cells | {"CLOUD": found.cloud_column, "CREATED": _local(found.created_at)})

    def damaged(self, rollout: str, why: str) -> str:
        """A journal that cannot be read is a line that says so."""
        text = f"{clean(rollout, 200):<{self.name}}  cannot be read: {clean(why, 300)}"
        return text if self.width is None else _cut(text, self.width).rstrip()

    def _row(self, cells: Mapping[str, str]) -> str:
        parts = []
        for name, room in self.columns:
            text = cells[name]
            if name in (*_NUMBERS, *_MORE, "TIME"):
                parts.append(text.rjust(room))
            else:
                parts.append(text.ljust(room) if self.width is None else _cut(text, room))
        line = _GAP.join(parts)
        return (line if self.width is None else _cut(line, self.width)).rstrip()


def _cut(text: str, width: int) -> str:
    from .line import cut  # on terminals only

    return cut(text, width)


def _local(at: float) -> str:
    return date_and_time(at) if at else ""
