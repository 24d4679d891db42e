"""How long a rollout has run, in its own time: a night between the end of a process and its resume took none of it.

The one home of this fact: screen, JSON, list and report read it here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from .events import Event, RolloutEnded, RolloutStarted
from .text import clean


@dataclass(slots=True)
class Run:
    """One process that carried the rollout. `end` is None without an entry that ends it: killed, or still at work."""

    started: float
    last: float  # real time of its last sign of life
    speed: float
    resumed: bool
    who: str
    end: str | None = None  # else empty, operator, safety, time limit, SIGINT or SIGTERM


class RunTime:
    """The processes that carried the rollout, by its events and by other signs of life (`alive`)."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self._starts: list[float] = []
        self._before = 0.0  # own seconds of all runs but the last

    def apply(self, event: Event) -> None:
        """Every event, in their order."""
        if isinstance(event, RolloutStarted):
            if self.runs:
                self._before += _took(self.runs[-1])
            self.runs.append(Run(event.at, event.at, event.speed, event.resumed, clean(event.who)))
            self._starts.append(event.at)
        elif self.runs:
            run = self.runs[-1]
            if event.at > run.last:
                run.last = event.at
            if isinstance(event, RolloutEnded):
                run.end = clean(event.reason)

    def alive(self, sampled: Iterable[float]) -> None:
        """Real times at which the process of that moment was at work although nothing happened: those of the samples.

        The start of that process must have been applied before.
        """
        for at in sampled:
            place = self.run(at)
            if place < 0 or self.runs[place].end is not None or at <= self.runs[place].last:
                continue
            run = self.runs[place]
            if place < len(self.runs) - 1:
                self._before += (at - run.last) * run.speed
            run.last = at

    @property
    def last(self) -> float:
        """Real time of the last sign of life; 0 before the first start."""
        return self.runs[-1].last if self.runs else 0.0

    @property
    def total(self) -> float:
        """Own seconds until the last sign of life."""
        return self._before + _took(self.runs[-1]) if self.runs else 0.0

    def now(self, at: float) -> float:
        """Own seconds at real time `at`, while the last process is still at work; those until its end where it has ended."""
        if not self.runs:
            return 0.0
        run = self.runs[-1]
        return self._before + max(0.0, (at if run.end is None else run.last) - run.started) * run.speed

    def run(self, at: float) -> int:
        """Which run this real time belongs to, from 0; -1 before the first."""
        return bisect_right(self._starts, at) - 1

    def own(self, at: float) -> float:
        """Own seconds at a past time. Times outside of every run count as the end of the run before them; 0 before the first."""
        place = self.run(at)
        if place < 0:
            return 0.0
        run = self.runs[place]
        return self._before_run(place) + max(0.0, min(at, run.last) - run.started) * run.speed

    def _before_run(self, place: int) -> float:
        return self._before - sum(_took(run) for run in self.runs[place:-1])


def _took(run: Run) -> float:
    return max(0.0, run.last - run.started) * run.speed


def run_time_of(events: Iterable[Event], sampled: Iterable[float] = ()) -> RunTime:
    """`sampled`: real times of the samples."""
    made = RunTime()
    for event in events:
        made.apply(event)
    made.alive(sampled)
    return made
