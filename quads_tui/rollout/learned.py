"""What a site has learned from its rollouts: how long stages take, by model, os and medium, and how its hosts fared.

Of every thing a sample of all that was seen is kept, of bounded size, in which the slow ones and the new ones count no more than
the others. A host that was given up or stopped counts as censored: it took at least so long. Seconds are the rollout's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from math import inf, log, sqrt
from random import Random
from typing import Any, NamedTuple, TypeGuard

from quads_tui.rollout.counts import count

from .plan import Goal, HostPlan, Plan
from .stages import HostStatus, Kind, Stage

ENOUGH = 30  # samples of a kind of host from which on anything is decided by them
SAMPLE = 200  # seconds kept of one thing
FORGETS = 5000  # seen samples from which on a new one counts as one of so many: what changes at a site is learned in the end
ROLLOUTS = 10  # kept of one host
HOSTS = 20_000  # kept of a site, those of the newest rollouts
MARGIN = 1.25  # times the p99: nearly no host that is to be built takes longer
SEEDS = 100  # seconds of one thing that a new rollout begins with
_FAILS = (2, 3)  # so many failures among the last so many rollouts are worth a word in the plan
_LONGEST = 1e6
_FAR = 3.0  # of the logarithm: twenty times as long
_TAIL = tuple(stage for stage in Stage if not stage.is_before_write)
VERSION = 1


class BuildType(NamedTuple):
    """What decides how long a host takes. Empty: any."""

    model: str = ""
    os: str = ""
    medium: str = ""

    @property
    def levels(self) -> tuple[BuildType, ...]:
        """The type itself, its model, all."""
        return tuple(dict.fromkeys((self, BuildType(self.model), BuildType())))


def build_type(plan: Plan, host: HostPlan) -> BuildType:
    goal: Goal = plan.goal(host)
    return BuildType(host.model, goal.os, goal.medium) if goal.kind is Kind.BUILD else BuildType(host.model)


class DurationSample:
    """A uniform sample of all seconds of one thing (Vitter's algorithm R); which are kept depends on nothing but their number."""

    def __init__(self, seen: int = 0, ended: Iterable[float] = (), censored: Iterable[float] = ()) -> None:
        self._kept = [(seconds, False) for seconds in ended] + [(seconds, True) for seconds in censored]
        self.seen = max(seen, len(self._kept))

    def add(self, seconds: float, censored: bool = False) -> None:
        self.__dict__.pop("_curve", None)
        self.seen += 1
        if len(self._kept) < SAMPLE:
            self._kept.append((seconds, censored))
        elif (place := Random(self.seen).randrange(min(self.seen, FORGETS))) < len(self._kept):
            self._kept[place] = (seconds, censored)

    @property
    def ended(self) -> list[float]:
        return [seconds for seconds, censored in self._kept if not censored]

    @property
    def censored(self) -> list[float]:
        return [seconds for seconds, censored in self._kept if censored]

    @property
    def enough(self) -> bool:
        return len(self.ended) >= ENOUGH

    @property
    def ends(self) -> float:
        """The share that ends at all, as far as was waited; 1 where nothing is known."""
        return self._curve[-1][1] if self._curve else 1.0

    @property
    def mean(self) -> float:
        """Of those that end."""
        before, total = 0.0, 0.0
        for seconds, share in self._curve:
            total, before = total + seconds * (share - before), share
        return total / before if before else 0.0

    def quantile(self, share: float) -> float:
        """Of those that end: hosts that hang make no other one slower. 0 for none."""
        wanted = share * self.ends
        return next(
            (seconds for seconds, reached in self._curve if reached >= wanted), self._curve[-1][0] if self._curve else 0.0
        )

    def spread(self, count: int = SEEDS) -> list[float]:
        """So many seconds, or as many as there are, that lie apart as all do; in no order of their size."""
        count = min(count, len(self.ended))
        found = [self.quantile((place + 0.5) / count) for place in range(count)]
        Random(count).shuffle(found)
        return found

    @cached_property
    def _curve(self) -> list[tuple[float, float]]:
        """(seconds, share that has ended by then), ascending: Kaplan and Meier's estimate."""
        curve: list[tuple[float, float]] = []
        going_on, at_risk = 1.0, len(self._kept)
        for seconds, censored in sorted(self._kept):
            if not censored:
                going_on *= 1.0 - 1.0 / at_risk
                curve.append((seconds, 1.0 - going_on))
            at_risk -= 1
        return curve


@dataclass(frozen=True, slots=True)
class HostResult:
    """One host in one rollout. `seconds`: of the stages that it finished; of the Build only what follows the write's answer."""

    rollout: str
    at: float  # real time of the rollout's start
    type: BuildType
    status: HostStatus
    stage: Stage | None = None  # where it ended, or stands
    cause: str = ""
    seconds: Mapping[Stage, float] = field(default_factory=dict)
    given_up: float | None = None  # how long its install was watched in vain

    @property
    def tail(self) -> float | None:
        """From its write until it was built; None for a host that was not."""
        if self.status is not HostStatus.DONE or Stage.INSTALL not in self.seconds:
            return None
        return sum(self.seconds.get(stage, 0.0) for stage in _TAIL)


class LearnedDurations:
    """Of one site, that is one Foreman."""

    def __init__(self) -> None:
        self.samples: dict[tuple[BuildType, Stage], DurationSample] = {}
        self.between: list[float] = []  # from one write to the next in the last rollout that wrote
        self.hosts: dict[str, list[HostResult]] = {}  # the newest rollout last
        self._ordering: _Ordering | None = None

    def add(self, host: str, result: HostResult) -> None:
        """One that is told again, since its rollout was resumed, takes the place of what was told before."""
        self._ordering = None
        results = self.hosts.setdefault(host, [])
        before = next((one for one in results if one.rollout == result.rollout), None)
        known = before.seconds if before else {}
        for stage, seconds in result.seconds.items():
            if known.get(stage) != seconds:
                self._sample(result.type, stage, seconds)
        if result.given_up is not None and (before is None or before.given_up != result.given_up):
            self._sample(result.type, Stage.INSTALL, result.given_up, censored=True)
        if before is not None:
            results.remove(before)
        results.append(result)
        results.sort(key=lambda one: one.at)
        del results[:-ROLLOUTS]

    def trim(self) -> None:
        """To the hosts of the newest rollouts."""
        newest = sorted(self.hosts, key=lambda host: -self.hosts[host][-1].at)
        self.hosts = {host: self.hosts[host] for host in islice(newest, HOSTS)}

    def sample(self, type: BuildType, stage: Stage) -> DurationSample | None:
        """Of the type, else of its model, else of all: the first of which enough is known."""
        found = (self.samples.get((level, stage)) for level in type.levels)
        return next((one for one in found if one is not None and one.enough), None)

    def overdue_after(self, type: BuildType) -> float | None:
        """Seconds of install after which a host of this type is overdue; None: not known."""
        found = self.sample(type, Stage.INSTALL)
        return None if found is None else MARGIN * found.quantile(0.99)

    def tail(self, host: str, type: BuildType) -> float | None:
        """Seconds that the host is expected to take after its write: as its type does, and as it did itself before, since the
        time of a machine's self-test repeats."""
        return self._ordered().tail(host, type)

    def built_since(self, at: float) -> set[BuildType]:
        """The types of which a host was built in a rollout that was started after this real time."""
        results = (one for of_host in self.hosts.values() for one in of_host)
        return {one.type for one in results if one.at >= at and one.status is HostStatus.DONE}

    def failing(self, host: str) -> str:
        """What to say of a host that failed in two of its last three rollouts; empty for all others."""
        fails, among = _FAILS
        last = self.hosts.get(host, [])[-among:]
        failed = [one for one in last if one.status is HostStatus.FAILED]
        if len(failed) < fails:
            return ""
        where = Counter(f"{one.stage.label}, {one.cause}" if one.stage else one.cause for one in failed).most_common(1)[0][0]
        return f"failed in {len(failed)} of its last {count(len(last), 'rollout')} ({where})"

    def seeds(self, plan: Plan) -> dict[str, dict[str, list[float]]]:
        """What a rollout of this plan begins with, as DurationStats.seed takes it."""
        types = Counter(build_type(plan, host) for host in plan.hosts)
        found: dict[str, dict[str, list[float]]] = {"": {"write": self.between}} if self.between else {}
        for type, _ in sorted(types.items(), key=lambda item: item[1]):  # of two types of a model the commoner one
            levels = type.levels[:-1] or type.levels  # another model says nothing of this one
            for stage in Stage:
                for level in levels:
                    one = self.samples.get((level, stage))
                    if one is not None and one.ended and (one.enough or level == levels[-1]):
                        found.setdefault(type.model, {})[stage.value] = [round(seconds, 1) for seconds in one.spread()]
                        break
        return found

    def expectations(self, plan: Plan, install: float) -> dict[str, Any]:
        """Of the plan's hosts, as JSON types: see Expectations. `install`: seconds after which an install is given up."""
        hosts: dict[str, list[float | None]] = {}
        ordering = self._ordered()
        overdue = {type: self.overdue_after(type) for type in {build_type(plan, host) for host in plan.hosts}}
        for host in plan.hosts:
            type = build_type(plan, host)
            if plan.goal(host).kind is Kind.BUILD:
                hosts[host.name] = [ordering.tail(host.name, type), overdue[type], *ordering.apart(host.name, type)]
        everything = self.samples.get((BuildType(), Stage.INSTALL))
        hanging = 1.0 - everything.ends if everything is not None and everything.enough else 0.0
        return {"hosts": hosts, "hanging": hanging, "install": install}

    def _ordered(self) -> _Ordering:
        if self._ordering is None:
            self._ordering = _Ordering(self)
        return self._ordering

    def _sample(self, type: BuildType, stage: Stage, seconds: float, censored: bool = False) -> None:
        for level in type.levels:
            self.samples.setdefault((level, stage), DurationSample()).add(seconds, censored)


class _Ordering:
    """What hosts of each type take after their writes, and how far each host's own past is to be believed beside that."""

    def __init__(self, learned: LearnedDurations) -> None:
        tails = {
            host: [(one.type, one.tail) for one in results if one.tail is not None] for host, results in learned.hosts.items()
        }
        sums: dict[BuildType, tuple[int, float]] = {}
        for of_host in tails.values():
            for type, tail in of_host:
                for level in type.levels:
                    count, total = sums.get(level, (0, 0.0))
                    sums[level] = count + 1, total + tail
        self._means = {level: total / count for level, (count, total) in sums.items() if count >= ENOUGH}
        self._usual = {level: total / count for level, (count, total) in sums.items()}
        self._apart: dict[str, tuple[int, float]] = {}  # by host: how many, and their mean distance from what is usual
        within, between, repeated = 0.0, 0.0, 0
        for host, of_host in tails.items():
            apart = [tail - self._usual[type] for type, tail in of_host]
            if not apart:
                continue
            mean = sum(apart) / len(apart)
            self._apart[host] = len(apart), mean
            if len(apart) > 1:
                repeated += 1
                one = sum((each - mean) ** 2 for each in apart) / (len(apart) - 1)
                within, between = within + one, between + max(0.0, mean**2 - one / len(apart))
        self._noise = 1.0  # how much more one install differs from the next than hosts differ from each other
        if repeated:
            self._noise = within / between if between else (inf if within else 0.0)

        self._middles, self._spreads = self._fitted(tails)

    def _fitted(
        self, tails: Mapping[str, list[tuple[BuildType, float]]]
    ) -> tuple[dict[BuildType, float], dict[BuildType, float]]:
        """Of each type the mean of the logarithms, and the seconds by which a host of it misses what it is expected to take."""
        logs: dict[BuildType, list[float]] = {}
        squares: dict[BuildType, list[float]] = {}
        for host, of_host in tails.items():
            for type, tail in of_host:
                expected = self.tail(host, type)
                logs.setdefault(type, []).append(log(max(tail, 1.0)))
                if expected and len(of_host) > 1:  # what is expected was made of this one too
                    missed = (tail - expected) ** 2
                    squares.setdefault(type, []).append(missed * len(of_host) / (len(of_host) - 1))
        middles = {type: sum(of_type) / len(of_type) for type, of_type in logs.items() if len(of_type) >= ENOUGH}
        return middles, {type: sqrt(sum(each) / len(each)) for type, each in squares.items() if len(each) >= ENOUGH}

    def apart(self, host: str, type: BuildType) -> tuple[float | None, float | None]:
        """How far the host lies from its type, and the spread of its own installs: both of the natural logarithm of seconds."""
        tail, middle, spread = self.tail(host, type), self._middles.get(type), self._spreads.get(type)
        if host not in self._apart or tail is None or middle is None or spread is None:
            return None, None
        tail = max(tail, 1.0)  # what machines differ in is their self-test: the rest varies by as many seconds on quick ones
        return round(log(tail) - middle, 4), round(max(0.01, spread * sqrt(1.0 + 1.0 / self._apart[host][0]) / tail), 2)

    def tail(self, host: str, type: BuildType) -> float | None:
        usual = next((self._means[level] for level in type.levels if level in self._means), None)
        count, apart = self._apart.get(host, (0, 0.0))
        if not count:
            return usual
        usual = next(self._usual[level] for level in type.levels if level in self._usual)  # `apart` is from these, however few
        return max(0.0, usual + apart * count / (count + self._noise))


class Expectations:
    """What is expected of the hosts of a rollout by what its site has learned, as its journal keeps it."""

    def __init__(self, kept: Mapping[str, Any] | None = None) -> None:
        """What is no number of seconds is passed over: journals are files."""
        kept = kept or {}
        self.tails: dict[str, float] = {}  # own seconds from the write on
        self.overdue_after: dict[str, float] = {}  # own seconds of install
        self.apart: dict[str, tuple[float, float]] = {}  # how far from its model, and its spread: of the logarithm of seconds
        hosts = kept.get("hosts")
        for host, known in hosts.items() if isinstance(hosts, Mapping) else ():
            tail, overdue, apart, spread = [*known, None, None, None, None][:4] if isinstance(known, list) else [None] * 4
            if is_seconds(tail):
                self.tails[host] = float(tail)
            if is_seconds(overdue):
                self.overdue_after[host] = float(overdue)
            if isinstance(apart, float) and isinstance(spread, float) and abs(apart) < _FAR and 0.0 < spread < _FAR:
                self.apart[host] = apart, spread
        install = kept.get("install")
        self.install = float(install) if is_seconds(install) else None  # own seconds after which an install is given up
        hanging = kept.get("hanging")
        self.hanging = min(0.5, float(hanging)) if is_seconds(hanging) else 0.0  # share of the installs that never end


def is_seconds(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LONGEST
