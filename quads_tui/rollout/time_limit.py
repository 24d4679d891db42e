"""The time limit of a rollout (`--until`): which hosts that have not begun would not be done by then, with 90 %.

What a host needs is made of the stages as they were seen, here or in earlier rollouts, and of the writes before its own. Of
installs 30 of the host's model must have been seen; until then the deadline of install is what a host may take, and other things
that nobody has seen yet take what is assumed below. A host that hangs is late whenever it begins, so the 90 % are of those
that end. Seconds are the rollout's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from functools import cached_property
from math import exp, sqrt
from typing import NamedTuple

from .durations import DurationStats
from .learned import ENOUGH
from .limits import Limits
from .lognormal import NINE_OF_TEN, Lognormal, fit
from .pieces import PIECE, at_once
from .remaining_hosts import left
from .stages import HostStatus, Kind, Stage
from .state import Rollout

_STAGE = 60.0  # a stage other than install, before any was seen
_WRITE = 30.0  # from one write to the next, before any was seen
_SPREAD, _WEIGHT = 0.25, 3.0  # of the logarithm of an install: what is expected before any is seen, and as how many it counts
_ROUND = 60.0  # ages of installs are taken together that lie as near as this


class HostNeeds(NamedTuple):
    """Seconds of the stages before and after the write, the median; and the square of what is added to both for 90 %."""

    before: float
    after: float
    wide: float
    writes: bool  # Foreman is written


class TimeLimit:
    """As things are known at one moment (real time `now`); what there is of time may be asked for later."""

    def __init__(self, rollout: Rollout, now: float) -> None:
        self._rollout = rollout
        self._durations: DurationStats = rollout.durations
        self._now = now
        self.ceiling = rollout.durations.expected.install or Limits().install
        self._parts: dict[tuple[str, Kind, tuple[float, float] | None], HostNeeds] = {}
        self._fits: dict[str, tuple[Lognormal, float] | None] = {}

    def left(self, now: float) -> float:
        """Seconds until the limit."""
        return (self._rollout.plan.until - now) * self._rollout.speed

    def needed(self, host: str, writes: float) -> float:
        """Seconds from now until a host is done that begins now and whose last write is the `writes`th from now on, with 90 %."""
        part, (mean, apart) = self._part_of(host), self._interval
        if not part.writes:
            return part.before + part.after + sqrt(part.wide)
        return max(writes * mean, part.before + mean) + part.after + sqrt(part.wide + writes * apart**2)

    def writes(self, host: str) -> int:
        return self._durations.writes[host] if Stage.FOREMAN_BUILD in self._durations.kinds[host].stages else 0

    def late(self, hosts: Sequence[str], writes: int) -> Generator[None, None, frozenset[str]]:
        """Of hosts that are begun in this order: those that would not be done in time. They are left out, so that the others come
        the sooner. `writes`: all that are to come, with those of these hosts. In pieces of many hosts."""
        for number, host in enumerate(hosts):
            if not number % PIECE:
                yield
            writes -= self.writes(host)
        self._ages = yield from self._ages_in_pieces()
        found, left, fits = [], self.left(self._now), len(self._fits)
        for number, host in enumerate(hosts):
            if not number % PIECE or len(self._fits) > fits:  # a fit is as much as a piece
                fits = len(self._fits)
                yield
            theirs = writes + self.writes(host)
            if self.needed(host, theirs) > left:
                found.append(host)
            else:
                writes = theirs
        return frozenset(found)

    def is_assumed(self, host: str) -> bool:
        """Too few installs of its model were seen: the deadline of the install stands in for them."""
        return Stage.INSTALL in self._durations.kinds[host].stages and self._fitted(self._rollout.hosts[host].model) is None

    def _part_of(self, host: str) -> HostNeeds:
        """Hosts that are alike share it."""
        key = self._rollout.hosts[host].model, self._durations.kinds[host], self._durations.expected.apart.get(host)
        found = self._parts.get(key)
        if found is None:
            found = self._parts[key] = self._made(*key)
        return found

    def _made(self, model: str, kind: Kind, own: tuple[float, float] | None) -> HostNeeds:
        before = after = wide = 0.0
        for stage in kind.stages:
            half, most = self._install(model, own) if stage is Stage.INSTALL else self._stage(model, stage)
            wide += (most - half) ** 2
            if stage.is_before_write:
                before += half
            else:
                after += half
        return HostNeeds(before, after, wide, Stage.FOREMAN_BUILD in kind.stages)

    def _stage(self, model: str, stage: Stage) -> tuple[float, float]:
        """At p50 and p90."""
        samples = self._durations.samples(model, stage)
        return (left(samples, 0.0, 0), left(samples, 0.0, 1)) if len(samples) else (_STAGE, _STAGE)

    def _install(self, model: str, own: tuple[float, float] | None) -> tuple[float, float]:
        """At p50 and p90. `own`: as Expectations.apart, where the host's own past is known."""
        fitted = self._fitted(model)
        if fitted is None:
            return self.ceiling, self.ceiling
        found, seen = fitted
        apart, spread = own or (0.0, found.spread)
        middle, spread = found.middle + apart, min(spread, found.spread)
        most = exp(middle + NINE_OF_TEN * spread * (1.0 + 1.0 / sqrt(seen)))
        return min(exp(middle), self.ceiling), min(most, self.ceiling)

    def _fitted(self, model: str) -> tuple[Lognormal, float] | None:
        """How the installs of the model lie, and of how many that is known; None: of too few."""
        if model not in self._fits:
            ended = self._durations.ended(model, Stage.INSTALL)
            running = list(self._ages.get(model, {}).items())
            known = ended.count >= ENOUGH
            self._fits[model] = (fit(ended, running, spread=_SPREAD, weight=_WEIGHT), ended.count) if known else None
        return self._fits[model]

    @cached_property
    def _ages(self) -> dict[str, Counter[float]]:
        """By model: how long installs have run, but for those that are overdue. The first to end are the quick ones."""
        return at_once(self._ages_in_pieces())

    def _ages_in_pieces(self) -> Generator[None, None, dict[str, Counter[float]]]:
        ages: dict[str, Counter[float]] = {}
        for number, (host, since) in enumerate(list(self._durations.installing.items())):
            if not number % PIECE:
                yield
            age = max(0.0, self._now - since) * self._rollout.speed
            if age <= self._durations.expected.overdue_after.get(host, self.ceiling):
                rounded = _ROUND * round(age / _ROUND)
                ages.setdefault(self._rollout.hosts[host].model, Counter())[rounded] += 1
        return ages

    @cached_property
    def _interval(self) -> tuple[float, float]:
        """Seconds from one write to the next: the mean, and what 90 % add to one."""
        between = self._durations.between
        if not len(between):
            return _WRITE, 0.0
        mean = between.mean
        if self._durations.last_write is not None:  # a lane that stands still is not as quick as it was
            since = (self._now - self._durations.last_write) * self._rollout.speed
            mean = max(mean, (mean * len(between) + since) / (len(between) + 1))
        return mean, NINE_OF_TEN * between.deviation


def assumed_words(rollout: Rollout, now: float) -> str:
    """For which hosts the time limit reckons with the deadline of install, in words; empty for none, and without a limit."""
    if not rollout.plan.until:
        return ""
    limit = TimeLimit(rollout, now)
    models = Counter(rollout.hosts[host].model for host in not_begun(rollout) if limit.is_assumed(host))
    if not models:
        return ""
    names = ", ".join(f"{count} {model or 'model unknown'}" for model, count in models.most_common())
    return (
        f"time limit: fewer than {ENOUGH} earlier installs of these models are known; until {ENOUGH} of a model have ended, each"
        f" of its installs is assumed to take the whole install deadline (limits.install, {limit.ceiling / 60:.0f} min): {names}"
    )


def has_not_begun(rollout: Rollout, host: str) -> bool:
    state = rollout.hosts[host]
    return state.status is HostStatus.QUEUED and state.stage is None


def not_begun(rollout: Rollout) -> list[str]:
    """The hosts on which nothing was started, in the order of the plan."""
    return [host for host in rollout.hosts if has_not_begun(rollout, host)]
