"""A rollout in the middle of its course, made of events as the engine sends them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from quads_tui.rollout.events import HostArmed, HostChanged, Intent, Outcome, RolloutStarted, StageChanged
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import ActResult, HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout

BEGAN = 1_795_000_000.0
NOW = BEGAN + 20_000.0


class Course:
    """Hosts are taken from the plan's beginning, in the order of the calls. Times are ages: seconds before NOW."""

    def __init__(
        self,
        models: Sequence[str],
        *,
        kind: Kind = Kind.BUILD,
        speed: float = 1.0,
        parameters: tuple[str, ...] = (),
        canary: int = 0,
    ) -> None:
        hosts = tuple(HostPlan(f"h{n:04}", "https://x", model, parameters=parameters) for n, model in enumerate(models))
        self.rollout = Rollout("r1", Plan((Goal("cloud02", kind),), hosts, canary=canary))
        self.rollout.apply(RolloutStarted(BEGAN, "r1", len(hosts), False, "me", speed))
        self._speed = speed
        self._names = iter(self.rollout.hosts)
        self._numbers = count(1)

    def _stage(self, host: str, stage: Stage, began: float, seconds: float | None) -> None:
        at = NOW - began / self._speed
        self.rollout.apply(StageChanged(at, host, stage, StageStatus.STARTED, 1))
        if seconds is not None:
            at = NOW - (began - seconds) / self._speed
            self.rollout.apply(StageChanged(at, host, stage, StageStatus.FINISHED, 1, seconds))

    def going_off(self, age: float) -> str:
        host = next(self._names)
        self._stage(host, Stage.POWER_OFF, age, None)
        return host

    def in_lane(self, age: float) -> str:
        host = next(self._names)
        self._stage(host, Stage.POWER_OFF, age + 45.0, 30.0)
        self._stage(host, Stage.PXE_SET, age + 15.0, 15.0)
        self._stage(host, Stage.FOREMAN_BUILD, age, None)
        return host

    def written(self, age: float) -> str:
        """Its write was applied; no search shows it yet."""
        host = self.in_lane(age + 10.0)
        number = next(self._numbers)
        self.rollout.apply(Intent(NOW - (age + 3.0) / self._speed, host, number, "build", {}))
        self.rollout.apply(Outcome(NOW - age / self._speed, host, number, ActResult.APPLIED, {}))
        self.rollout.apply(HostArmed(NOW - age / self._speed, host, True))
        return host

    def installing(self, age: float) -> str:
        host = self.written(age + 60.0)
        self._stage_ends(host, Stage.FOREMAN_BUILD, age + 48.0, 22.0)
        self._stage(host, Stage.POWER_ON, age + 48.0, 48.0)
        self._stage(host, Stage.INSTALL, age, None)
        return host

    def done(self, ago: float, install: float) -> str:
        host = self.installing(ago + install)
        self._stage_ends(host, Stage.INSTALL, ago, install)
        self.rollout.apply(HostChanged(NOW - ago / self._speed, host, HostStatus.DONE))
        return host

    def _stage_ends(self, host: str, stage: Stage, ago: float, seconds: float) -> None:
        self.rollout.apply(StageChanged(NOW - ago / self._speed, host, stage, StageStatus.FINISHED, 1, seconds))


def course(
    *, done: Sequence[float] = (), installing: Sequence[float] = (), lane: int = 0, queued: int = 0, models: int = 1
) -> Course:
    """`done`: install times; `installing`: ages. Writes came every 6 s."""
    total = len(done) + len(installing) + lane + queued
    made = Course([f"m{n % models}" for n in range(total)])
    for place, seconds in enumerate(done):
        made.done(6.0 * (len(done) - place), seconds)
    for age in sorted(installing, reverse=True):
        made.installing(age)
    for place in range(lane):
        made.in_lane(6.0 * (lane - place))
    return made
