"""The hosts of a rollout that are still to end, sorted by what is left for them: a look at one moment, for the forecast."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Generator, Mapping
from heapq import merge
from itertools import chain, islice
from math import exp, log, sqrt
from typing import NamedTuple

from .canary_turns import CanaryTurns
from .durations import Samples
from .lognormal import NINE_OF_TEN, LogMoments, Lognormal, fit
from .pieces import PIECE
from .stages import HostStatus, Kind, Stage
from .state import HostState, Rollout

_OVERDUE = (0.25, 1.0)  # longer in a stage than anybody before: this much of that again, at p50 and p90
_SPREAD = 0.25  # how far the installs of one model lie apart (of the logarithm), before any are seen
_WEIGHT = 3.0  # hosts that this expectation counts as; so much counts what is known of all models, for one of them
_FINENESS = 16  # parties that the hosts of one model are put into by their age, up to the usual duration
_MOST = 4 * _FINENESS
_STEP = 1 / 16  # of the logarithm of seconds
_PREPARING = tuple(stage for stage in Stage if stage.is_before_write)
_LAST = {kind: kind.stages[-1] for kind in Kind}
_UNWRITTEN = (Stage.FOREMAN_BUILD, *reversed(_PREPARING), None)  # in the order in which they come to the lane


class OverdueHost(NamedTuple):
    """Its install takes longer than that of nearly all hosts of its kind. It is watched, and done if Foreman reports it built."""

    name: str
    until: float | None  # real time at which it is given up; None: not known


class Likeness(NamedTuple):
    """What hosts have in common whose last stage takes as long: the model, the stage, and how far they are known to lie from
    others of the model (of the logarithm of seconds, in steps of _STEP)."""

    model: str
    last: Stage
    apart: int = 0
    spread: float = 0.0  # of the installs of one host; 0: not known


class HostGroup(NamedTuple):
    """Hosts that are alike; `many` of them will end at all, which need not be a whole number.

    `p50` and `p90`: own seconds until they begin the last of their stages; `age`: since they did.
    """

    key: Likeness
    many: float
    unwritten: bool
    p50: float = 0.0
    p90: float = 0.0
    age: float = 0.0


class RemainingHosts:
    """One pass over the hosts, in pieces: whoever asks may do something else at each `yield`.

    A host that changes in between is taken as it was or as it is: both were true while it was looked at.
    """

    def __init__(self, rollout: Rollout, now: float) -> None:
        self._durations, self._now, self._speed = rollout.durations, now, rollout.speed
        self._unwritten: dict[Stage | None, list[HostState]] = {stage: [] for stage in _UNWRITTEN}
        self._last: dict[Likeness, dict[int, list[float]]] = {}  # ages of those in their last stage, near ones together
        self._before: list[tuple[HostState, Stage]] = []  # written, or with nothing to write; and their last stage
        self._whole: dict[tuple[str, Stage, int], float] = {}  # what a stage takes, at p50 (0) and p90 (1)
        self._fits: dict[tuple[str | None, Stage], Lognormal] = {}
        self._usual: dict[tuple[str, Stage], Lognormal] = {}  # of those that ended
        self.not_begun: Counter[str] = Counter()  # by model
        self.overdue: list[OverdueHost] = []
        self.writes_left = 0
        self._canaries = CanaryTurns(rollout, now)

    def look(self, rollout: Rollout) -> Generator[None]:
        """At all hosts: before anything else is asked."""
        kinds, written, writes = self._durations.kinds, self._durations.written, self._durations.writes
        widths = {stage: max(1.0, self._durations.samples(None, stage).quantile(0.5) / _FINENESS) for stage in Stage}
        ended = {status for status in HostStatus if status.is_final}
        for number, host in enumerate(rollout.hosts.values()):
            if not number % PIECE:
                yield
            status = host.status
            if status in ended:
                continue
            stage, kind = host.stage, kinds[host.name]
            last = _LAST[kind]
            if stage is last and status is HostStatus.RUNNING and (last is not Stage.FOREMAN_BUILD or host.name in written):
                age = self._age(host)
                if last is Stage.INSTALL and self._is_overdue(host, age):
                    continue
                place = min(int(age / widths[last]), _MOST)
                self._last.setdefault(self._likeness(host, last), {}).setdefault(place, []).append(age)
                continue
            if status is HostStatus.QUEUED and (stage is None or stage is kind.stages[0]):
                self.not_begun[host.model] += 1
            if kind is not Kind.SPARE and host.name not in written and stage in self._unwritten:
                self._unwritten[stage].append(host)
                self.writes_left += writes[host.name]
            else:
                self._before.append((host, last))
        yield from self._sort_by_turn(rollout)
        self._unwritten[None] = yield from self._canaries.arrange(self._unwritten[None])

    def to_begin(self) -> Generator[None, None, list[str]]:
        """Hosts on which nothing was started, in the order of their turns."""
        spare, others = (host for host, _ in self._before), self._unwritten[None]
        found: list[str] = []
        for number, host in enumerate(chain(spare, others)):
            if not number % PIECE:
                yield
            if host.stage is None and host.status is HostStatus.QUEUED:
                found.append(host.name)
        return found

    def leave_out(self, hosts: Collection[str]) -> Generator[None]:
        """They are not begun."""
        unwritten: list[HostState] = []
        for number, host in enumerate(self._unwritten[None]):
            if not number % PIECE:
                yield
            if host.name in hosts:
                self.writes_left -= self._durations.writes[host.name]
                self.not_begun[host.model] -= 1
            else:
                unwritten.append(host)
        self._unwritten[None] = unwritten
        before: list[tuple[HostState, Stage]] = []
        for number, pair in enumerate(self._before):
            if not number % PIECE:
                yield
            if pair[0].name not in hosts:
                before.append(pair)
        self._before = before

    def _likeness(self, host: HostState, last: Stage) -> Likeness:
        apart, spread = self._durations.expected.apart.get(host.name, (0.0, 0.0)) if last is Stage.INSTALL else (0.0, 0.0)
        return Likeness(host.model, last, round(apart / _STEP), spread)

    def _is_overdue(self, host: HostState, age: float) -> bool:
        expected = self._durations.expected
        after = expected.overdue_after.get(host.name)
        if after is None or age <= after:
            return False
        left = None if expected.install is None else (expected.install - age) / self._speed
        self.overdue.append(OverdueHost(host.name, None if left is None else self._now + max(0.0, left)))
        return True

    def _sort_by_turn(self, rollout: Rollout) -> Generator[None]:
        """As they are begun and written: what the operator named, then the longest expected rest."""
        if not self._durations.expected.tails and not rollout.write_next:
            return
        expected, usual = self._durations.expected.tails, {}

        def key(host: HostState) -> tuple[bool, float]:
            tail = expected.get(host.name)
            if tail is None:
                if host.model not in usual:
                    usual[host.model] = self._durations.tail(host.name) or 0.0
                tail = usual[host.model]
            return host.name not in rollout.write_next, -tail

        for stage, hosts in self._unwritten.items():
            runs = []  # sorted pieces
            for start in range(0, len(hosts), PIECE):
                yield
                runs.append(sorted(hosts[start : start + PIECE], key=key))
            merged = merge(*runs, key=key)
            self._unwritten[stage] = hosts = []
            while piece := list(islice(merged, PIECE)):
                yield
                hosts += piece

    def turns(self, between: float) -> Generator[None, None, dict[str, float]]:
        """Own seconds until each host's own write is applied, where one comes every `between` seconds."""
        turns: dict[str, float] = {}
        writes, ahead = self._durations.writes, 0
        fresh: dict[str, float] = {}  # by model, until one that has not begun may come to the lane
        for stage, hosts in self._unwritten.items():
            for number, host in enumerate(hosts):
                if not number % PIECE:
                    yield
                name = host.name
                ahead += writes[name]
                if stage is not None:
                    ready = self._ready(host)
                elif host.model in fresh:
                    ready = fresh[host.model]
                else:
                    ready = fresh[host.model] = self._ready(host)
                soonest = max(ahead * between, ready + between)
                turns[name] = self._canaries.turn(name, soonest, ready, writes[name] * between, turns)
        return turns

    def groups(self, turns: Mapping[str, float], slower: float) -> Generator[None, None, list[HostGroup]]:
        """`slower`: how many times as long the lane may take as `turns` say."""
        found: list[HostGroup] = []
        for number, (key, near) in enumerate(self._last.items()):
            if not number % PIECE:
                yield
            for ages in near.values():
                age = sum(ages) / len(ages)
                found.append(HostGroup(key, len(ages) * self._good(key, age), False, age=age))
        found += yield from self._on_their_way()
        found += yield from self._yet_to_be_written(turns, slower)
        return found

    def spread(self, key: Likeness, known: int) -> tuple[Lognormal, Lognormal] | None:
        """How long the stage takes on this model: the likeliest, and as slow as the samples leave open. None: not known."""
        model, last = key.model, key.last
        if self._durations.ended(None, last).count < known:
            return None
        seen = self._durations.ended(model, last).count
        found = self._fits.get((model, last))
        if found is None:
            found = self._fits[model, last] = self._fitted(model, last, seen)
        apart = found.spread if seen >= _WEIGHT else max(found.spread, self._all(last).spread)
        if key.spread:
            apart = min(apart, key.spread)
            found = Lognormal(found.middle + key.apart * _STEP, apart)
        return found, found.slower(NINE_OF_TEN * apart / sqrt(seen + 1.0))

    def _good(self, key: Likeness, age: float) -> float:
        """How likely it is that a host ends at all, after so long in its last stage: the others hang, and delay no good host."""
        model, last = key.model, key.last
        hanging = self._durations.expected.hanging if last is Stage.INSTALL else 0.0
        if not hanging:
            return 1.0
        if age <= 0.0:
            return 1.0 - hanging
        usual = self._usual.get((model, last))
        if usual is None:
            ended = self._durations.ended(model, last)
            ended = ended if ended.count >= _WEIGHT else self._durations.ended(None, last)
            if not ended.count:
                return 1.0 - hanging
            usual = self._usual[model, last] = fit(ended, spread=_SPREAD, weight=_WEIGHT)
        still = (1.0 - hanging) * usual.survival(age / exp(key.apart * _STEP))
        return still / (still + hanging)

    def _all(self, last: Stage) -> Lognormal:
        """Of all models."""
        found = self._fits.get((None, last))
        if found is None:
            found = self._fits[None, last] = self._fitted(None, last, _WEIGHT)
        return found

    def _fitted(self, model: str | None, last: Stage, seen: float) -> Lognormal:
        running = [
            (sum(ages) / len(ages) / exp(key.apart * _STEP), len(ages) * self._good(key, sum(ages) / len(ages)))
            for key, near in self._last.items()
            if key.last is last and model in (None, key.model)
            for ages in near.values()
        ]
        if len(running) > 2 * PIECE:  # a fit looks at each a dozen times: near ages together
            near_ones: dict[int, float] = {}
            for age, many in running:
                step = round(2 / _STEP * log(max(age, 1.0)))
                near_ones[step] = near_ones.get(step, 0.0) + many
            running = [(exp(step * _STEP / 2), many) for step, many in near_ones.items()]
        ended = self._durations.ended(model, last)
        if seen < _WEIGHT:
            ended += LogMoments.like(Lognormal(self._all(last).middle, _SPREAD), _WEIGHT - seen)
        return fit(ended, running, spread=_SPREAD, weight=_WEIGHT)

    def _age(self, host: HostState) -> float:
        since = host.since
        if host.stage is Stage.INSTALL:
            since = self._durations.installing.get(host.name, since)
        elif host.stage is Stage.FOREMAN_BUILD:
            since = self._durations.written.get(host.name, since)
        return max(0.0, (self._now - since) * self._speed)

    def _ready(self, host: HostState) -> float:
        """Own seconds until the host may come to the lane."""
        if self._durations.kinds[host.name] is not Kind.BUILD or host.stage is Stage.FOREMAN_BUILD:
            return self._wait(host)
        first = _PREPARING.index(host.stage) if host.stage in _PREPARING else 0
        return self._wait(host) + sum(self._stage(host, stage, 0) for stage in _PREPARING[first:])

    def _wait(self, host: HostState) -> float:
        """Until its next attempt."""
        due = host.until if host.status is HostStatus.WAITING else None
        return max(0.0, (due - self._now) * self._speed) if due is not None else 0.0

    def _stage(self, host: HostState, stage: Stage, which: int) -> float:
        """What is left of this stage for the host, at p50 or p90; all of it where it has not begun."""
        if host.stage is stage and host.status is HostStatus.RUNNING:
            return left(self._durations.samples(host.model, stage), self._age(host), which)
        key = (host.model, stage, which)
        if key not in self._whole:
            self._whole[key] = left(self._durations.samples(host.model, stage), 0.0, which)
        return self._whole[key]

    def _on_their_way(self) -> Generator[None, None, list[HostGroup]]:
        """To their last stage: each for itself, but those that are equal to the second."""
        found: dict[tuple[Likeness, int, int], int] = {}
        for number, (host, last) in enumerate(self._before):
            if not number % PIECE:
                yield
            p50, wide, begun = self._wait(host), 0.0, False
            for stage in self._durations.kinds[host.name].stages:
                begun = begun or host.stage in (None, stage)
                if begun and stage is not last:
                    half, most = (self._stage(host, stage, which) for which in (0, 1))
                    p50, wide = p50 + half, wide + (most - half) ** 2
            key = self._likeness(host, last), round(p50), round(p50 + sqrt(wide))
            found[key] = found.get(key, 0) + 1
        return [
            HostGroup(key, count * self._good(key, 0.0), False, float(p50), float(p90))
            for (key, p50, p90), count in found.items()
        ]

    def _yet_to_be_written(self, turns: Mapping[str, float], slower: float) -> Generator[None, None, list[HostGroup]]:
        """The last eight one by one, those before them in parties that grow: they seldom decide."""
        found: dict[tuple[Likeness, Kind, int], list[float]] = {}
        behind, kinds = self.unwritten, self._durations.kinds
        for hosts in self._unwritten.values():
            for host in hosts:
                if not behind % PIECE:
                    yield
                behind -= 1
                bits = behind.bit_length()
                place = behind if bits < 4 else 4 * bits + (behind >> (bits - 2))
                kind = kinds[host.name]
                found.setdefault((self._likeness(host, _LAST[kind]), kind, place), []).append(turns[host.name])
        afters = {which: self._after(*which) for which in {(key.model, kind) for key, kind, _ in found}}
        parties = []
        for number, ((key, kind, _), theirs) in enumerate(found.items()):
            if not number % PIECE:
                yield
            turn = sum(theirs) / len(theirs)
            after, wide = afters[key.model, kind]
            wide = sqrt(wide + (turn * (slower - 1.0)) ** 2)
            parties.append(HostGroup(key, len(theirs) * self._good(key, 0.0), True, turn + after, turn + after + wide))
        return parties

    def _after(self, model: str, kind: Kind) -> tuple[float, float]:
        """Between a host's write and its last stage: the median, and the square of what p90 adds."""
        after, wide = 0.0, 0.0
        for stage in kind.stages[:-1]:
            if stage.is_before_write:
                continue
            samples = self._durations.samples(model, stage)
            half, most = left(samples, 0.0, 0), left(samples, 0.0, 1)
            after, wide = after + half, wide + (most - half) ** 2
        return after, wide

    @property
    def unwritten(self) -> int:
        return sum(map(len, self._unwritten.values()))


def left(samples: Samples, age: float, which: int) -> float:
    """What is left of a stage after `age` seconds of it, at p50 (0) or p90 (1); never under zero."""
    ordered = samples.ordered
    first = bisect_right(ordered, age) if age > 0.0 else 0
    if first == len(ordered):
        return age * _OVERDUE[which] if ordered else 0.0
    among = len(ordered) - first
    return ordered[first + min(among - 1, int((0.5, 0.9)[which] * among))] - age
