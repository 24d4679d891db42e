"""How many hosts stood where over the time of a rollout, from its events alone: bounded, however long it takes.

A point is kept for every second in which something happened; when they are too many, each stands for twice as long. So a day of
10,000 hosts takes as much room as an hour of 700, and a resume or a replay, which apply the same events, get the same points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, isfinite
from typing import NamedTuple

from .stages import Stage

SIZE = 1440  # points
_BACK = 60.0  # real seconds by which an event may be older than the one before; beyond that the clock was set back
_STAGES = tuple(Stage)
_BEFORE_WRITE = _STAGES.index(Stage.FOREMAN_BUILD) + 1  # stages of hosts that are not written yet


class StageCounts(NamedTuple):
    """Hosts by where they stood at real time `at`, and until the next of these. Together they are all hosts."""

    at: float
    not_started: int
    stages: tuple[int, ...]  # running and retrying, of each Stage in its order
    done: int
    failed: int
    skipped: int
    held: int
    writes: int  # to Foreman, applied since the start

    def at_stage(self, *stages: Stage) -> int:
        return sum(self.stages[_STAGES.index(stage)] for stage in stages)

    @property
    def not_written(self) -> int:
        """Hosts under way, or not started, whose write is not verified yet."""
        return self.not_started + sum(self.stages[:_BEFORE_WRITE])


class StageHistory:
    """Asked once about every event, in their order (`is_due`), and given the counts where it says so (`keep`)."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._step = 1.0  # real seconds that a point stands for
        self._due = -inf
        self._last = 0.0  # real time of the newest event
        self._points: list[StageCounts] = []

    def is_due(self, at: float) -> bool:
        """The counts have to be kept before an event of real time `at` changes them."""
        last, self._last = self._last, at
        return at >= self._due or at < last - _BACK

    def keep(self, at: float, counts: Callable[[float], StageCounts]) -> None:
        """`counts`: how hosts stood until the event of real time `at`, by the time from which on they are to count."""
        if not isfinite(at):  # a damaged journal
            return
        if at >= self._due:
            self._points += [counts(self._due)] if isfinite(self._due) else []
        elif at < self._due - self._step:
            while self._points and self._points[-1].at > at:
                self._points.pop()
        else:
            return
        while len(self._points) > self._size:
            self._halve()
        self._due = at + self._step

    def points(self, newest: StageCounts) -> Sequence[StageCounts]:
        """In the order of their times. `newest`: how hosts stand now."""
        return [*(point for point in self._points if point.at <= newest.at), newest]

    def _halve(self) -> None:
        self._step *= 2
        kept: list[StageCounts] = []
        for point in self._points:
            if kept and kept[-1].at // self._step == point.at // self._step:
                kept[-1] = point
            else:
                kept.append(point)
        self._points = kept
