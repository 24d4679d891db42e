"""The rollout's own time: real time x speed from its start on. Every clock time that people read goes through here.

At speed 1 its clock is that on the wall. The clock runs on while no process carries the rollout, as the installs do; how long the
rollout took is counted only while one did: a night between a kill and its resume took none of it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from .time_words import clock_time, time_of_day


@dataclass(slots=True)
class _Run:
    """A process that carried the rollout. Real times, but `before`: own seconds that the processes before it took."""

    began: float
    last: float  # its last sign of life
    speed: float
    before: float


class RolloutTime:
    """`speed`: own seconds in a real one, of the process that carries the rollout or did so last."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.carried = True  # a process carries it now
        self._runs: list[_Run] = []

    def begin(self, at: float, speed: float) -> None:
        """A process begins to carry it at real time `at`."""
        before = self._runs[-1] if self._runs else None
        took = before.before + (before.last - before.began) * before.speed if before else 0.0
        self._runs.append(_Run(at, at, speed, took))
        self.speed = speed

    def heard(self, at: float) -> None:
        """A sign of life at real time `at` of the process that carries it."""
        if self._runs and at > self._runs[-1].last:
            self._runs[-1].last = at

    @property
    def is_real(self) -> bool:
        """Its clock is that on the wall."""
        return self.speed == 1.0

    @property
    def last(self) -> float:
        """Real time of the last sign of life; 0 before the first."""
        return self._runs[-1].last if self._runs else 0.0

    @property
    def total(self) -> float:
        """Own seconds that processes carried it, up to the last sign of life."""
        return self.own(self.last)

    def run(self, at: float) -> int:
        """Which process carried it at this real time, or last before, from 0; -1 before the first."""
        return bisect_right(self._runs, at, key=lambda run: run.began) - 1

    def speed_at(self, at: float) -> float:
        """Own seconds in a real one at real time `at`: of the process that carried it then, or last before."""
        place = self.run(at)
        return self.speed if place < 0 else self._runs[place].speed

    @property
    def interruptions(self) -> list[tuple[float, float]]:
        """Real times from when to when no process carried it."""
        return [(run.last, following.began) for run, following in pairwise(self._runs)]

    def own(self, at: float) -> float:
        """Own seconds that processes carried it until real time `at`: between two of them none pass."""
        place = self.run(at)
        if place < 0:
            return 0.0
        run = self._runs[place]
        until = at if self.carried and place == len(self._runs) - 1 else min(at, run.last)
        return run.before + max(0.0, until - run.began) * run.speed

    def shown_at(self, at: float) -> float:
        """What the clock of the rollout shows at real time `at`, as seconds since 1970."""
        if self.is_real or not self._runs or at <= self._runs[0].began:
            return at
        return self._runs[0].began + (at - self._runs[0].began) * self.speed

    def clock(self, at: float, now: float) -> str:
        """23:41, or with its day where it is far from `now`; both real times."""
        return clock_time(self.shown_at(at), self.shown_at(now))

    def time_of_day(self, at: float) -> str:
        """23:41:05, at real time `at`."""
        return time_of_day(self.shown_at(at))

    @property
    def speed_words(self) -> str:
        """30x speed: said where its times are read, so that nobody takes them for those on the wall; nothing where they are."""
        return "" if self.is_real else f"{self.speed:g}x speed"
