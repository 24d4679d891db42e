"""Which processes carried a rollout, and its own time by them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace

from quads_tui.rollout.events import Event, RolloutEnded, RolloutStarted
from quads_tui.rollout.rollout_time import RolloutTime
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


def time_of(runs: Iterable[Run]) -> RolloutTime:
    """The rollout's own time, which ended with the last entry of the last process."""
    time = RolloutTime()
    for run in runs:
        time.begin(run.started, run.speed)
        time.heard(run.last)
    time.carried = False
    return time
