"""What the flow of one host meets: the services, the lane, the gate, the journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from quads_tui.rollout.events import Event, Notice, Remembered
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.plan import HostPlan, Plan, Target
from quads_tui.rollout.ports import Clock, Gate, Lane, Probe, SideEffects, Ticket

from .claims import Machines
from .hooks import Hooks
from .memory import HostMemory


class BmcPort(Protocol):
    """One host's BMC. Deadlines in own time; raises StageFailure, and what Acts.intend raises."""

    async def identify(self, macs: Collection[str], deadline: float | None = None, whole: bool = False) -> Identity:
        """The machine behind this BMC, fresh; of several systems the one with one of these MACs. Once pinned: that one only.

        Its NICs are read up to the first of these MACs, or, with `whole`, all of them.
        """
        ...

    def pin(self, identity: Identity) -> None:
        """From now on every fresh read re-checks path, UUID, serial and peer, and acts go to that peer.

        A changed fact is StageFailure(WRONG_BMC, retryable=False) that names both; another address about which nothing is known
        is Unidentified.
        """
        ...

    async def observe(self, deadline: float | None = None) -> object: ...

    pxe_persistent: bool  # ensure_pxe_next left a PXE boot that no boot uses up

    async def ensure_off(self, deadline: float) -> str: ...
    async def ensure_pxe_next(self, deadline: float) -> str: ...
    async def ensure_on(self, deadline: float) -> str: ...
    async def clear_override(self, deadline: float) -> str: ...
    async def pxe_armed(self) -> bool: ...
    async def stage_order(self, order: Sequence[str], deadline: float) -> str: ...
    async def order_job(self, deadline: float) -> str: ...
    async def verify_order(self, order: Sequence[str], deadline: float) -> None: ...
    async def is_off(self) -> bool: ...
    async def end_sessions(self, uris: Sequence[str], peer: str, login: float | None = None) -> None: ...
    async def close(self) -> None: ...


class ForemanPort(Protocol):
    """The writes, one Ticket each, and the reads that settle them."""

    async def build(self, ticket: Ticket, host: str, target: Target, progress: str) -> HostRecord: ...
    async def cancel_build(self, ticket: Ticket, host: str, progress: str) -> HostRecord: ...
    async def set_owner(self, ticket: Ticket, host: str, target: Target, progress: str) -> HostRecord: ...
    async def rebuild_config(self, ticket: Ticket, host: str) -> None: ...
    async def parameter_id(self, host: str, name: str) -> str: ...
    async def set_parameter(self, ticket: Ticket, host: str, name: str, value: str, known: str) -> None: ...
    async def host(self, name: str) -> HostRecord | None: ...
    async def provisioning_macs(self, host: str) -> frozenset[str]: ...
    async def probe_host(self, name: str, wanted: dict[str, object], progress: str) -> Probe: ...
    async def rolled_back(self, progress: str) -> bool: ...
    async def probe_parameter(self, host: str, name: str, value: str) -> Probe: ...


class WatchPort(Protocol):
    """Looks at Foreman that all hosts share."""

    async def is_in_build(self, host: str) -> bool: ...
    async def until_in_build(self, host: str) -> None: ...
    async def until_left(self, host: str) -> HostRecord: ...
    async def record(self, host: str) -> HostRecord: ...


class RolloutWatch(WatchPort, Protocol):
    """The looks, and the task that makes them."""

    async def run(self) -> None:
        """Until cancelled."""
        ...


class RolloutLane(Lane, Protocol):
    """The lane as the executor of one rollout steers it."""

    def pause(self, paused: bool) -> None:
        """Paused: no ticket is granted; what is in flight ends as it would."""
        ...

    def withdraw(self, host: str, why: Exception) -> None:
        """The host leaves the queue with this exception; a write of its own that is in flight is not touched."""
        ...

    async def drained(self, timeout: float) -> bool:
        """Wait real seconds for the writes in flight to be settled; False when some are not."""
        ...

    def leave(self) -> None:
        """The rollout is over. A write without an outcome keeps other rollouts waiting until the write deadline."""
        ...


@dataclass(slots=True, kw_only=True)
class Ports:
    """All that a flow meets. `emit` applies and records an event; `commit` returns when it is on disk."""

    clock: Clock
    lane: Lane
    gate: Gate
    watch: WatchPort
    foreman: ForemanPort
    bmc: Callable[[HostPlan, SideEffects], BmcPort]
    emit: Callable[[Event], None]
    commit: Callable[[Event], Awaitable[None]]
    owned: Callable[[], Awaitable[None]]  # raises TakenOver
    number: Callable[[], int]  # of intents, unique in the journal
    plan: Plan
    limits: Limits
    token_seconds: float  # how long a build token lives; 0: for ever
    hooks: Hooks
    rollout: str  # its id
    machines: Machines
    protected_machines: Mapping[str, Identity]  # of protected hosts, as far as Foreman and their names tell, by name

    def remember(self, host: str, memory: HostMemory, **changes: Any) -> None:
        """Change these members, and write the memory to the journal.

        Before the outcome of the act that the change comes from: a crash between the two forgets neither.
        """
        for name, value in changes.items():
            setattr(memory, name, value)
        self.emit(Remembered(self.clock.wall(), host, memory.facts()))

    def patience(self) -> float:
        """Own seconds for Foreman to show what it accepted."""
        return self.clock.deadline(self.limits.foreman_build) - self.clock.now()

    def notice(self, level: str, text: str) -> None:
        """A line for the operator, of no host; `level`: info, warning or error."""
        self.emit(Notice(self.clock.wall(), level, text))
