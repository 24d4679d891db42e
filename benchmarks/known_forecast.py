"""The forecast of one who knows the true distributions from which the benchmark draws its hosts: what no program can surpass.

It knows each host's time for its self-test, how the other steps of a machine are spread, the share of hosts that hang (not
which), in which order and how quickly the hosts are written, and how long the engine itself takes beside the machines' own steps.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import inf, log
from statistics import mean

from .makespan import AGENT, INSTALL, MODELS, REBOOT, Instance, drawn

_DRAWN = 20_000
_STEP = 1.0  # seconds


@dataclass(frozen=True)
class Course:
    """What happened in one rollout. Seconds since its beginning."""

    given: Instance
    written: Mapping[str, float]  # in the order of the writes: when each was carried out
    done: Mapping[str, float]

    @property
    def own(self) -> list[float]:
        """What the engine took of each host's time after the write, its power on included."""
        hosts = self.given.hosts
        return [at - self.written[host] - hosts[host].after for host, at in self.done.items()]

    @property
    def interval(self) -> float:
        """From one write to the next, after the first ones."""
        ends = list(self.written.values())[3:]
        return (ends[-1] - ends[0]) / (len(ends) - 1)


@cache
def _spread(model: str) -> Sequence[float]:
    """What a host of the model takes beside its self-test, ascending."""
    chance = random.Random(f"known {model}")
    kind = MODELS.index(model)
    return sorted(drawn(chance, *REBOOT) + drawn(chance, *INSTALL[kind]) + AGENT for _ in range(_DRAWN))


def _ended(model: str, fixed: float, own: Sequence[float], seconds: float) -> float:
    """The probability that a host which ends at all has ended so long after its write."""
    values = _spread(model)
    return mean(bisect_right(values, seconds - fixed - each) for each in own) / len(values)


def known_forecast(course: Course, at: float, bad: float) -> tuple[float, float]:
    """Seconds from `at` until all good hosts are done: p50 and p90."""
    own = sorted(course.own)
    own = [own[int((place + 0.5) * len(own) / 8)] for place in range(min(8, len(own)))]
    hosts, names = course.given.hosts, list(course.written)
    first = next((place for place, name in enumerate(names) if course.written[name] > at), len(names))
    last = course.written[names[first - 1]] if first else 0.0
    waits: list[tuple[str, float, float]] = []  # model, self-tests, since the write (negative: until it)
    for place, name in enumerate(names):
        if course.done.get(name, inf) <= at:
            continue
        since = at - course.written[name] if place < first else at - max(at, last + (place - first + 1) * course.interval)
        waits.append((hosts[name].model, 2 * hosts[name].post, since))
    running = []
    for model, fixed, since in waits:
        before = _ended(model, fixed, own, since) if since > 0 else 0.0
        still = (1.0 - bad) * (1.0 - before)
        good = still / (still + bad) if still else 0.0
        running.append((model, fixed, since, before, good))

    def all_ended(seconds: float) -> float:
        """The logarithm of its probability."""
        total = 0.0
        for model, fixed, since, before, good in running:
            if good <= 0.0 or before >= 1.0:
                continue
            more = (_ended(model, fixed, own, since + seconds) - before) / (1.0 - before)
            chance = 1.0 - good * (1.0 - max(0.0, more))
            if chance <= 0.0:
                return -inf
            total += log(chance)
        return total

    return _reached(all_ended, log(0.5)), _reached(all_ended, log(0.9))


def _reached(chance: Callable[[float], float], wanted: float) -> float:
    low, high = 0.0, 60.0
    while chance(high) < wanted and high < 1e5:
        low, high = high, 2 * high
    while high - low > _STEP:
        middle = (low + high) / 2
        low, high = (low, middle) if chance(middle) >= wanted else (middle, high)
    return high
