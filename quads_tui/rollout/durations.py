"""How quick a rollout is, kept event by event: the seconds of every stage by model, and from one Foreman write to the next."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from math import log, sqrt
from typing import Any

from .events import (
    FOREMAN_ACTS,
    Event,
    HostAhead,
    HostChanged,
    Intent,
    OutageChanged,
    Outcome,
    Paused,
    RolloutStarted,
    StageChanged,
)
from .learned import SEEDS, Expectations, is_seconds
from .lognormal import LogMoments
from .metrics import quantile
from .outages import DATABASE
from .plan import Plan
from .stages import ActResult, HostStatus, Kind, Stage, StageStatus

KEPT = 200  # samples of one thing: enough for its p90, and what the rollout is now outweighs what it was hours ago
WRITES = "write"  # beside the stages: seconds from one applied write to the next
_OWN = 3  # samples of a model from which on they are believed more than those of all models
_STAGES = frozenset(stage.value for stage in Stage)


class Samples:
    """The newest seconds of one thing."""

    def __init__(self, limit: int = KEPT) -> None:
        self._seconds: deque[float] = deque(maxlen=limit)
        self._logarithms: deque[float] = deque(maxlen=limit)
        self._total = 0.0
        self._squares = 0.0
        self._log_total = 0.0
        self._log_squares = 0.0
        self._ordered: list[float] | None = None

    def __len__(self) -> int:
        return len(self._seconds)

    def add(self, seconds: float, apart: float = 0.0) -> None:
        """`apart`: how far the host is known to lie from others (of the logarithm); `ended` is of what it took but for that."""
        values = [(seconds, log(max(seconds, 0.1)) - apart, 1)]
        if len(self._seconds) == self._seconds.maxlen:
            values.append((self._seconds[0], self._logarithms[0], -1))
        self._seconds.append(seconds)
        self._logarithms.append(values[0][1])
        self._ordered = None
        for value, logarithm, sign in values:
            self._total += sign * value
            self._squares += sign * value * value
            self._log_total += sign * logarithm
            self._log_squares += sign * logarithm**2

    @property
    def ended(self) -> LogMoments:
        """Of the logarithms, for a fit."""
        return LogMoments(len(self), self._log_total, self._log_squares)

    @property
    def ordered(self) -> list[float]:
        """Ascending."""
        if self._ordered is None:
            self._ordered = sorted(self._seconds)
        return self._ordered

    @property
    def newest(self) -> list[float]:
        """As they came."""
        return list(self._seconds)

    @property
    def mean(self) -> float:
        return max(0.0, self._total) / len(self) if self._seconds else 0.0

    @property
    def deviation(self) -> float:
        return sqrt(max(0.0, self._squares / len(self) - self.mean**2)) if self._seconds else 0.0

    def quantile(self, share: float) -> float:
        return quantile(self.ordered, share)


class Attempts:
    """Which ends of a stage tell how long it takes. They do not where the attempt failed, where all was right already
    (finished with a reason: the time to look, not to do), and where only the rest of a stage was left that a dying process had
    cut off."""

    def __init__(self) -> None:
        self._cut: set[tuple[str, Stage]] = set()

    def is_duration(self, event: StageChanged) -> bool:
        """Asked once about every event, in their order."""
        if event.status is StageStatus.STARTED:
            return False
        key = (event.host, event.stage)
        rest = key in self._cut
        (self._cut.add if event.status is StageStatus.SKIPPED else self._cut.discard)(key)
        return event.status is StageStatus.FINISHED and not event.reason and not rest


class DurationStats:
    """All of a rollout. Seconds are its own. Of `foreman_build` only what follows the write's answer: the rest is the lane's."""

    def __init__(self, plan: Plan) -> None:
        self._models = {host.name: host.model for host in plan.hosts}
        goals = {goal.cloud: goal.kind for goal in plan.goals}
        only = plan.goals[0].kind if len(goals) == 1 else None
        self.kinds: dict[str, Kind] = {host.name: only or goals[host.cloud] for host in plan.hosts}
        builds = {host.name for host in plan.hosts if self.kinds[host.name] is Kind.BUILD}
        self.writes: dict[str, int] = {  # to be made for a host, by the plan
            host.name: 1 + host.in_build + len(host.parameters) if host.name in builds else 1 for host in plan.hosts
        }
        self.writes_applied = 0  # to Foreman, since the start
        self.written: dict[str, float] = {}  # hosts whose own write is applied: real time of that
        self.installing: dict[str, float] = {}  # real time at which it began, also in an earlier process
        self.between = Samples(60)  # from one applied write to the next
        self.last_write: float | None = None  # real time; None where the time since says nothing about the lane
        self.write = Samples(30)  # one write at Foreman, from its intent to its answer
        self.ready = Samples(60)  # from a host's place ahead of the write until it may be written: powered off, PXE set
        self._placed: dict[str, float] = {}  # hosts that are made ready: real time at which they got their places
        self._samples: dict[tuple[str, Stage], Samples] = {}
        self._all: dict[Stage, Samples] = {stage: Samples() for stage in Stage}
        self._tails: dict[tuple[str, Kind], float | None] = {}  # by model, until another sample comes
        self.expected = Expectations()  # by what the site has learned before
        self.taken: dict[str, dict[Stage, float]] = {}  # by host: what its stages took
        self.given_up: dict[str, float] = {}  # hosts whose install was watched in vain, and for how long
        self._attempts = Attempts()
        # The write of a host that is on its way: number, act, and real time, unless an earlier process sent it.
        self._acts: dict[str, tuple[int, str, float | None]] = {}
        self._speed = 1.0

    def apply(self, event: Event) -> None:
        if isinstance(event, StageChanged):
            self._apply_stage(event)
        elif isinstance(event, Intent):
            if event.act in FOREMAN_ACTS:
                self._acts[event.host] = (event.number, event.act, event.at)
        elif isinstance(event, Outcome):
            number, act, began = self._acts.get(event.host, (0, "", 0.0))
            if number == event.number:
                del self._acts[event.host]
                if event.result is ActResult.APPLIED:
                    if began is not None:
                        self.write.add(max(0.0, event.at - began) * self._speed)
                    self._wrote(event.host, act, event.at)
        elif isinstance(event, HostAhead):
            if event.ahead:
                self._placed[event.host] = event.at
            else:
                self._placed.pop(event.host, None)
        elif isinstance(event, HostChanged):
            if event.status.is_final:
                since = self.installing.pop(event.host, None)
                if since is not None and event.status is not HostStatus.DONE:
                    self.given_up[event.host] = max(0.0, event.at - since) * self._speed
        elif isinstance(event, RolloutStarted):
            self._speed = event.speed
            self._forget_begun()
        elif isinstance(event, OutageChanged) and event.service == DATABASE:
            self._forget_begun()
        elif isinstance(event, Paused | OutageChanged):
            self.last_write = None

    def _forget_begun(self) -> None:
        """What was under way when another process ended, or the rollout stood still, took as long as nobody went on: that says
        nothing."""
        self.last_write = None
        self._placed.clear()
        self._acts = {host: (number, act, None) for host, (number, act, _) in self._acts.items()}

    def first_write_verified(self) -> None:
        """The time to the second write says nothing about the lane: until now one write was out at a time."""
        self.last_write = None

    def lane_was_idle(self) -> None:
        """Hosts waited for the first of their type: the time to the next write says nothing about the lane."""
        self.last_write = None

    def samples(self, model: str | None, stage: Stage) -> Samples:
        """Of the model where it has some, else (and for None) of all models."""
        own = None if model is None else self._samples.get((model, stage))
        return own if own is not None and len(own) >= _OWN else self._all[stage]

    def tail(self, host: str) -> float | None:
        """Own seconds that the host is expected to take after its write, by its past, else by that of its kind, else by what was
        seen of its model or of all in this rollout; None: nothing is known."""
        if (learned := self.expected.tails.get(host)) is not None:
            return learned
        key = self._models.get(host, ""), self.kinds[host]
        if key not in self._tails:
            stages = [self.samples(key[0], stage) for stage in key[1].stages if not stage.is_before_write]
            self._tails[key] = sum(found.mean for found in stages) if any(map(len, stages)) else None
        return self._tails[key]

    def ended(self, model: str | None, stage: Stage) -> LogMoments:
        """For a fit: of one model, or of all (None)."""
        if model is None:
            return self._all[stage].ended
        own = self._samples.get((model, stage))
        return own.ended if own is not None else LogMoments()

    def seed(self, kept: Mapping[str, Any], learned: Mapping[str, Any] | None = None) -> None:
        """Begin with the seconds of earlier rollouts, by model and stage, those between writes by the model "" and WRITES, and
        with what is expected of the hosts (`learned`: see Expectations). What is no number of seconds is passed over: journals
        are files."""
        self.expected = Expectations(learned)
        for model, stages in kept.items():
            for name, seconds in stages.items() if isinstance(stages, Mapping) else ():
                values = [float(value) for value in seconds if is_seconds(value)][-SEEDS:] if isinstance(seconds, list) else []
                for value in values:
                    if name == WRITES:
                        self.between.add(value)
                    elif name in _STAGES:
                        self._add(model, Stage(name), value)

    def _apply_stage(self, event: StageChanged) -> None:
        host, stage = event.host, event.stage
        counts = self._attempts.is_duration(event)
        if event.status is StageStatus.STARTED:
            if stage is Stage.POWER_OFF:
                self.written.pop(host, None)
            if stage is Stage.INSTALL:
                self.installing.setdefault(host, event.at)
            if stage is Stage.FOREMAN_BUILD and host in self._placed:
                self.ready.add(max(0.0, event.at - self._placed.pop(host)) * self._speed)
            return
        seconds = event.seconds
        if stage is Stage.FOREMAN_BUILD and event.status is StageStatus.FINISHED:
            written = self.written.setdefault(host, event.at)
            seconds = (event.at - written) * self._speed
        if counts:
            apart = self.expected.apart.get(host, (0.0, 0.0))[0] if stage is Stage.INSTALL else 0.0
            self._add(self._models.get(host, ""), stage, max(0.0, seconds), apart)
            self.taken.setdefault(host, {})[stage] = max(0.0, seconds)

    def _wrote(self, host: str, act: str, at: float) -> None:
        self.writes_applied += 1
        if self.last_write is not None:
            self.between.add(max(0.0, at - self.last_write) * self._speed)
        self.last_write = at
        if act in ("build", "owner"):
            self.written[host] = at
        elif act == "cancel":
            self.written.pop(host, None)

    def _add(self, model: str, stage: Stage, seconds: float, apart: float = 0.0) -> None:
        own = self._samples.get((model, stage))
        if own is None:
            own = self._samples[model, stage] = Samples()
        self._tails.clear()
        own.add(seconds, apart)
        self._all[stage].add(seconds, apart)
