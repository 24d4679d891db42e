"""When things happened in the rollout's own time: a night between a kill and its resume took none of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate

from quads_tui.rollout.events import Event, RolloutEnded, RolloutStarted
from quads_tui.rollout.text import clean

from .document import Run


def runs_of(events: Iterable[Event], sampled: Sequence[float] = ()) -> list[Run]:
    """The processes that carried the rollout. `sampled`: real times, ascending, of samples: signs of life between events."""
    runs: list[Run] = []
    last: list[float] = []  # of each run, its last entry
    for event in events:
        if isinstance(event, RolloutStarted):
            runs.append(Run(event.at, event.at, event.speed, event.resumed, clean(event.who), None))
            last.append(event.at)
        elif runs:
            last[-1] = max(last[-1], event.at)
            if isinstance(event, RolloutEnded):
                runs[-1] = replace(runs[-1], end=clean(event.reason))
    runs = [replace(run, last=at) for run, at in zip(runs, last, strict=True)]
    for index, run in enumerate(runs):
        limit = runs[index + 1].started if index + 1 < len(runs) else float("inf")
        place = bisect_right(sampled, limit)
        if run.end is None and place and run.last < sampled[place - 1] < limit:
            runs[index] = replace(run, last=sampled[place - 1])
    return runs


class Elapsed:
    """Real time to own seconds since the start."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self._starts = [run.started for run in runs]
        self._before = [0.0, *accumulate(max(0.0, run.last - run.started) * run.speed for run in runs)]

    @property
    def total(self) -> float:
        return self._before[-1]

    def run(self, at: float) -> int:
        """Which run this real time belongs to, from 0; -1 before the first."""
        return bisect_right(self._starts, at) - 1

    def own(self, at: float) -> float:
        """Times outside of every run count as the nearest end of the run before them; 0 before the first."""
        place = self.run(at)
        if place < 0:
            return 0.0
        run = self._runs[place]
        return self._before[place] + max(0.0, min(at, run.last) - run.started) * run.speed
