"""A believable rollout and meters for screens, without any engine."""

from __future__ import annotations

import random

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.commands import Command
from quads_tui.rollout.events import HostArmed, HostChanged, HostNote, RolloutStarted, StageChanged
from quads_tui.rollout.meters import InFlight, LaneState, Meters
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout

NOW = 1_795_000_000.0
FAILURES = (
    (Stage.POWER_OFF, Cause.UNREACHABLE, "mgmt refused the connection"),
    (Stage.PXE_SET, Cause.REFUSED, "Not licensed to perform this request"),
    (Stage.FOREMAN_BUILD, Cause.FOREMAN, "Foreman 422: DHCP conflict [/redfish/v1/Systems]"),
    (Stage.INSTALL, Cause.INSTALL_FAILED, "the installer reported an error to Foreman"),
)


class Clock:
    """Stands still. Implements what the console reads of ports.Clock."""

    speed = 1.0

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> float:
        return self.at - NOW + 8000

    def wall(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None: ...

    async def sleep_real(self, seconds: float) -> None: ...

    def real(self, seconds: float, floor: float = 0.0) -> float:
        return seconds

    def deadline(self, seconds: float) -> float:
        return self.now() + seconds


class Recorder:
    """Implements ports.Control: keeps what was ordered."""

    def __init__(self) -> None:
        self.orders: list[Command] = []

    def submit(self, command: Command) -> None:
        self.orders.append(command)


def rollout(count: int = 700, seed: int = 5) -> Rollout:
    """Two hours in: most done, some in every stage, some failed in four ways, one armed, the rest queued."""
    luck = random.Random(seed)
    models = ("r640", "r650", "fc640", "1029u", "dl360")
    hosts = tuple(
        HostPlan(f"f{n // 40:02}-h{n % 40:02}-000-{luck.choice(models)}.example.com", f"https://127.0.0.1:{20000 + n}", "R650")
        for n in range(count)
    )
    model = Rollout("20261122-2200-cloud02", Plan((Goal("cloud02", Kind.BUILD, "scale test", "jdoe", "3753"),), hosts))
    model.apply(RolloutStarted(NOW - 7200, "r", count, False, "jdoe@jump", 1.0))
    stages = list(Stage)
    for number, host in enumerate(hosts):
        at = NOW - luck.uniform(60, 900)
        share = number / count
        reached = 5 if share < 0.55 else luck.randrange(5) if share < 0.85 else -1
        for stage in stages[: max(0, reached)]:
            model.apply(StageChanged(at, host.name, stage, StageStatus.STARTED, 1))
            model.apply(StageChanged(at, host.name, stage, StageStatus.FINISHED, 1, 12.0))
        if reached == 5:
            model.apply(HostChanged(at, host.name, HostStatus.DONE))
        elif reached >= 0:
            model.apply(StageChanged(at, host.name, stages[reached], StageStatus.STARTED, 1))
            model.apply(HostNote(at, host.name, "waiting for Off, last PowerState On", True))
    for number, (stage, cause, reason) in enumerate(FAILURES * 3):
        host = hosts[(number * 37 + 11) % count]
        model.apply(StageChanged(NOW - 600, host.name, stage, StageStatus.STARTED, 2))
        model.apply(StageChanged(NOW - 540, host.name, stage, StageStatus.FAILED, 2, 60.0, reason, cause))
        model.apply(HostChanged(NOW - 540, host.name, HostStatus.FAILED, stage, cause, reason))
    model.apply(HostArmed(NOW - 540, hosts[11 % count].name, True))
    model.dirty.clear()
    return model


def meters(seed: int = 5) -> Meters:
    luck = random.Random(seed)
    made = Meters()
    for second in range(120):
        for meter, median in ((made.redfish, 0.3), (made.foreman_reads, 0.08), (made.foreman_writes, 0.9)):
            for _ in range(luck.randrange(1, 6)):
                meter.observe(luck.lognormvariate(0, 0.4) * median, ok=luck.random() > 0.02)
        made.tick(LaneState(depth=max(0, 20 - second // 8), granted=second))
    made.lane = LaneState(depth=5, head="f01-h02", head_age=14.0, in_flight=(InFlight("f01-h01", "build", 7999.0),), granted=120)
    return made
