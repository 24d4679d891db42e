"""A believable rollout and meters for screens, without any engine."""

from __future__ import annotations

import pickle
import random
from functools import cache

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.commands import Command
from quads_tui.rollout.events import Event, HostArmed, HostChanged, HostNote, Intent, Outcome, RolloutStarted, StageChanged
from quads_tui.rollout.metrics import InFlight, LaneState, Meters
from quads_tui.rollout.moments import Moment
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import ActResult, HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout

NOW = 1_795_000_000.0
AHEAD = 20  # hosts that stand before the write lane, as limits.ahead has it
FAILURES = (
    (Stage.POWER_OFF, Cause.UNREACHABLE, "mgmt refused the connection", Safety.UNTOUCHED),
    (Stage.PXE_SET, Cause.REFUSED, "Not licensed to perform this request", Safety.OFF),
    (Stage.FOREMAN_BUILD, Cause.FOREMAN, "Foreman 422: DHCP conflict [/redfish/v1/Systems]", Safety.OFF),
    (Stage.INSTALL, Cause.INSTALL_FAILED, "the installer reported an error to Foreman", Safety.UNKNOWN),
)
_STAGES = list(Stage)
_TAKES = {Stage.POWER_OFF: 20.0, Stage.PXE_SET: 8.0, Stage.FOREMAN_BUILD: 45.0, Stage.POWER_ON: 15.0, Stage.INSTALL: 1300.0}


class Clock:
    """Stands still. Implements what the console reads of ports.Clock."""

    speed = 1.0

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> float:
        return self.at - NOW + 8000

    def wall(self) -> float:
        return self.at

    def moment(self) -> Moment:
        return Moment("feed", self.now())

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

    def submit(self, command: Command, who: str = "") -> None:
        self.orders.append(command)


def rollout(count: int = 700, seed: int = 5) -> Rollout:
    """Two hours in: most done, some in every stage, some failed in four ways, one armed, the rest queued."""
    made: Rollout = pickle.loads(_rollout(count, seed))
    return made


@cache
def _rollout(count: int, seed: int) -> bytes:
    """Its 7,000 events are applied once; a copy of what came of them costs a sixth of that."""
    luck = random.Random(seed)
    models = ("r640", "r650", "fc640", "1029u", "dl360")
    hosts = tuple(
        HostPlan(f"f{n // 40:02}-h{n % 40:02}-000-{luck.choice(models)}.example.com", f"https://127.0.0.1:{20000 + n}", "R650")
        for n in range(count)
    )
    model = Rollout("20261122-2200-cloud02", Plan((Goal("cloud02", Kind.BUILD, "scale test", "jdoe", "3753"),), hosts))
    model.apply(RolloutStarted(NOW - 7200, "r", count, False, "jdoe@jump", 1.0))
    events: list[Event] = []
    failing = {(number * 37 + 11) % count: failure for number, failure in enumerate(FAILURES * 3)}
    written = dark = 0
    between = min(14.0, 6500.0 / count)  # seconds from one write to the next
    for number, host in enumerate(hosts):
        share = number / count
        reached = 5 if share < 0.55 else luck.randrange(5) if share < 0.85 else -1
        failure = failing.get(number)
        if reached in range(3):
            dark += 1
            reached = reached if dark <= AHEAD else 3 + luck.randrange(2)
        reached = _STAGES.index(failure[0]) if failure else reached
        if reached < 0:
            events.append(HostNote(NOW - 7000, host.name, "20 hosts stand ready for the write lane (limits.ahead)", True))
            continue
        written += reached > 2
        at = NOW - 7000 + between * written - luck.uniform(0, 5)
        for stage in _STAGES[:reached]:
            took = luck.lognormvariate(0, 0.2) * _TAKES[stage]
            events.append(StageChanged(at, host.name, stage, StageStatus.STARTED, 1))
            at += min(took, NOW - at - 20)
            if stage is Stage.FOREMAN_BUILD:
                events.append(Intent(at - 2, host.name, number, "build", {}))
                events.append(Outcome(at - 1, host.name, number, ActResult.APPLIED, {}))
            events.append(StageChanged(at, host.name, stage, StageStatus.FINISHED, 1, took))
        if reached == len(_STAGES):
            events.append(HostChanged(at, host.name, HostStatus.DONE))
            continue
        stage = _STAGES[reached]
        events.append(StageChanged(at, host.name, stage, StageStatus.STARTED, 2 if failure else 1))
        if failure:
            _, cause, reason, safety = failure
            events.append(StageChanged(at + 10, host.name, stage, StageStatus.FAILED, 2, 10.0, reason, cause))
            events.append(HostChanged(at + 10, host.name, HostStatus.FAILED, stage, cause, reason, None, safety))
        elif stage is Stage.POWER_OFF:
            events.append(HostNote(at, host.name, "waiting for Off, last PowerState On", True))
    for event in sorted(events, key=lambda event: event.at):
        model.apply(event)
    model.apply(HostArmed(NOW - 540, hosts[11 % count].name, True))
    model.dirty.clear()
    return pickle.dumps(model)


def meters(seed: int = 5) -> Meters:
    """Of the same two hours."""
    made: Meters = pickle.loads(_meters(seed))
    return made


@cache
def _meters(seed: int) -> bytes:
    luck = random.Random(seed)
    made = Meters()
    for second in range(120):
        for meter, median in ((made.redfish, 0.3), (made.foreman_reads, 0.08), (made.foreman_writes, 0.9)):
            for _ in range(luck.randrange(1, 6)):
                meter.observe(luck.lognormvariate(0, 0.4) * median, ok=luck.random() > 0.02)
        writing = (InFlight("f01-h00", "build", 0.0),) if second % 8 else ()
        made.tick(LaneState(depth=max(0, 20 - second // 8), granted=second, in_flight=writing), at=NOW - 7140 + 60 * second)
    made.lane = LaneState(depth=5, head="f01-h02", head_age=14.0, in_flight=(InFlight("f01-h01", "build", 7999.0),), granted=120)
    return pickle.dumps(made)
