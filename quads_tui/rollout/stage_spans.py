"""What one host went through: its timeline, and when it was in which stage. Lists, since of thousands of hosts most have few
entries, and the smallest deque takes as much room as eighty of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .stages import Stage

LINES, ATTEMPTS = 200, 40  # of a host that are kept, the newest


class TimelineEntry(NamedTuple):
    """One line of a timeline: real time, the stage it belongs to, clean text."""

    at: float
    stage: Stage | None
    text: str


class Timeline(list[TimelineEntry]):
    """The oldest first; at most LINES."""

    __slots__ = ()

    def add(self, *entries: TimelineEntry) -> None:
        self.extend(entries)
        del self[:-LINES]


@dataclass(slots=True)
class StageSpan:
    """One attempt of a stage, in real time."""

    stage: Stage
    began: float
    written: float | None = None  # Build: when its write to Foreman was sent; before, the host waited for its turn
    ended: float | None = None


class StageSpans(list[StageSpan]):
    """The oldest first; at most ATTEMPTS."""

    __slots__ = ()

    def begin(self, stage: Stage, at: float) -> None:
        self.end(at)
        self.append(StageSpan(stage, at))
        del self[:-ATTEMPTS]

    def write(self, at: float) -> None:
        """A write to Foreman was sent; the first one of an attempt counts."""
        if self and self[-1].written is None:
            self[-1].written = at

    def end(self, at: float) -> None:
        if self and self[-1].ended is None:
            self[-1].ended = at
