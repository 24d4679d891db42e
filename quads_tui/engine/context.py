"""What one rollout runs with, and what an executor is built of."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from quads_tui.rollout.causes import CredentialsRefused, ServiceGone
from quads_tui.rollout.hooks import CommandRunner, Hook
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.moments import Moment
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.ports import Clock, Journal, Probe, SideEffects, WriteMark
from quads_tui.rollout.shared_place import LeftWrite
from quads_tui.rollout.state import Rollout

from .ahead import AheadLimit
from .build_watch import BuildWatch, HostReads, LookPace
from .claims import Machines
from .gate import RolloutGate
from .holds import Holds
from .host_order import HostOrder
from .lane import WriteLane
from .new_host_limit import NewHostLimit
from .ports import BmcPort, ForemanPort, RolloutLane, RolloutWatch
from .quads_sync import QuadsPort
from .resume_state import Recall
from .write_queue import WriteQueue

READS = 50.0  # of Foreman in one rollout, the plan's among them; 60 are promised, and some are left for what goes wrong
READS_A_MINUTE = 7.5  # and these in each minute of its own time (8 are promised), and one a write


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutContext:
    """What a rollout runs with: its state, the services, the site's limits, and what the rollouts of this process share."""

    rollout: Rollout
    meters: Meters
    clock: Clock
    journal: Journal
    foreman: ForemanPort
    reads: HostReads
    bmc: Callable[[HostPlan, SideEffects], BmcPort]
    limits: Limits
    protected: frozenset[str]  # names of hosts that are never touched nor asked
    token_seconds: float  # how long Foreman's build tokens live; 0: for ever
    write_width: int  # writes to Foreman at once
    who: str  # user@machine
    run_command: CommandRunner  # of the hooks
    hooks: tuple[Hook, ...] = ()
    quads: QuadsPort | None = None  # None: nobody to tell
    sample_seconds: float = 1.0  # real seconds between two samples
    emulators_lag: Callable[[], Awaitable[float]] | None = None  # real seconds by which those of a rehearsal are late
    write_queue: WriteQueue | None = None  # that the rollouts of this process on the same Foreman share; None: this one's alone
    machines: Machines | None = None  # that the rollouts of this process act on; None: this one's alone
    protected_machines: Mapping[str, Identity] = field(default_factory=dict)  # of protected hosts, as far as they are known
    locked: Callable[[], None] | None = None  # raises TakenOver when the locks of the Foreman are no longer ours
    mark: WriteMark | None = None  # of writes on their way, for processes after this one
    left_write: Moment | None = None  # of another rollout, whose process died with it on its way
    recall: Recall | None = None  # of a rollout that another process began; its events are in `rollout` already


class LaneFactory(Protocol):
    """`on_narrowed` hears why the lane is one wide from now on, `on_gone` that Foreman does not tell what became of a write."""

    def __call__(
        self,
        context: RolloutContext,
        /,
        *,
        order: HostOrder,
        on_narrowed: Callable[[str], None],
        on_gone: Callable[[ServiceGone], None],
    ) -> RolloutLane: ...


class GateFactory(Protocol):
    """`waits` hears why a host waits (host, words), `on_place` of every place taken or given back (host, taken)."""

    def __call__(
        self,
        context: RolloutContext,
        /,
        *,
        order: HostOrder,
        waits: Callable[[str, str], None],
        on_place: Callable[[str, bool], None],
    ) -> RolloutGate: ...


class WatchFactory(Protocol):
    """`on_trouble` hears why a look at Foreman failed, and "" when it answers again; `on_refused` that it refuses our login.
    `pace` says when it may be looked at."""

    def __call__(
        self,
        context: RolloutContext,
        /,
        *,
        on_trouble: Callable[[str], None],
        on_refused: Callable[[CredentialsRefused], None],
        pace: LookPace,
    ) -> RolloutWatch: ...


def write_lane(
    context: RolloutContext,
    *,
    order: HostOrder,
    on_narrowed: Callable[[str], None],
    on_gone: Callable[[ServiceGone], None],
) -> RolloutLane:
    """This process's queue of writes to the Foreman; one wide where the rollout's events tell that writes met there."""
    return WriteLane(
        context.clock,
        queue=context.write_queue,
        order=order,
        width=_width(context),
        write_deadline=context.limits.write_deadline,
        on_narrowed=on_narrowed,
        mark=context.mark,
        patience=context.limits.foreman_build,
        on_gone=on_gone,
        probe_left=partial(_probe_left, context.foreman),
    )


async def _probe_left(foreman: ForemanPort, left: LeftWrite) -> Probe:
    """Without what was wanted no read tells; that write can no longer arrive all the same."""
    wanted, progress = left.detail.get("wanted"), left.detail.get("progress")
    if not isinstance(wanted, dict) or not isinstance(progress, str):
        return Probe.ABSENT
    return await foreman.probe_host(left.host, wanted, progress)


def _width(context: RolloutContext) -> int:
    return 1 if context.rollout.narrowed else context.write_width


def rollout_gate(
    context: RolloutContext,
    *,
    order: HostOrder,
    waits: Callable[[str, str], None],
    on_place: Callable[[str, bool], None],
) -> RolloutGate:
    """The gate for the hosts of the plan; its places are what the rollout's events tell, those of an earlier process included."""
    plan = context.rollout.plan
    ahead = AheadLimit(context.rollout.durations, width=lambda: _width(context), cap=context.limits.ahead)
    return RolloutGate(
        context.clock,
        kinds={host.name: plan.goal(host).kind for host in plan.hosts},
        protected=context.protected,
        ahead=ahead.places,
        order=order,
        racks={host.name: host.rack or host.name for host in plan.hosts},
        models={host.name: host.model for host in plan.hosts},
        canary=context.rollout.canaries.wait,
        type_of=context.rollout.canaries.type_of,
        powered_off_waiting=context.rollout.powered_off_waiting,
        waits=waits,
        on_place=on_place,
        limit=NewHostLimit(context.rollout, context.clock) if plan.until else None,
        holds=Holds(context.rollout, context.limits, context.clock),
    )


def build_watch(
    context: RolloutContext,
    *,
    on_trouble: Callable[[str], None],
    on_refused: Callable[[CredentialsRefused], None],
    pace: LookPace,
) -> RolloutWatch:
    """Shared looks at Foreman, at least every `limits.poll`."""
    began = context.clock.now()

    def reads_left() -> float:
        meters, minutes = context.meters, (context.clock.now() - began) / 60
        return READS + READS_A_MINUTE * minutes + meters.foreman_writes.total - meters.foreman_reads.total

    return BuildWatch(
        context.reads,
        context.clock,
        context.limits.poll,
        reads_left=reads_left,
        on_trouble=on_trouble,
        on_refused=on_refused,
        pace=pace,
    )


def intent_numbers(context: RolloutContext) -> Callable[[], int]:
    """Numbers of intents, unique in the journal: they go on after those of an earlier process."""
    numbers = itertools.count(context.recall.last_number + 1 if context.recall else 1)
    return lambda: next(numbers)
