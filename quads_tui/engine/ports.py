"""What the flow of one host meets: the services, the lane, the gate, the journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from quads_tui.rollout.bmc_report import BmcReport
from quads_tui.rollout.causes import StageFailure
from quads_tui.rollout.events import Event, Notice, Remembered
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.plan import HostPlan, Plan, Target
from quads_tui.rollout.ports import Clock, Gate, Lane, Probe, QueueAway, SideEffects, Ticket

from .claims import Machines
from .hooks import Hooks
from .memory import HostMemory

_AGAIN = 1.0  # own seconds between two tries of a database that is away


class BmcPort(Protocol):
    """One host's BMC. Deadlines are moments of own time, not durations.

    Everything raises StageFailure (the cause, and whether another attempt may help), and Unidentified where nothing tells whether
    it is still the pinned machine; what acts also raises what SideEffects.intend raises. Texts that are given are reasons, empty
    where there is nothing to say. What is said to be done was read back.
    """

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

    async def observe(self, deadline: float | None = None) -> object:
        """A fresh look that acts on nothing. Without a deadline: each request once, and what does not answer fails at once."""
        ...

    pxe_persistent: bool  # ensure_pxe_next left a PXE boot that no boot uses up

    async def ensure_off(self, deadline: float) -> str:
        """Off, seen twice; forced where it is on."""
        ...

    async def ensure_pxe_next(self, deadline: float) -> str:
        """PXE for exactly the next boot; the boot mode (UEFI or Legacy) stays as it is. Sets `pxe_persistent`."""
        ...

    async def ensure_on(self, deadline: float, *, pxe: bool = True) -> str:
        """On, seen twice. `pxe` False: the boot is to be one of the disk."""
        ...

    async def restart(self, deadline: float) -> str:
        """Restart the BMC itself, once, and return when it answers again, with what came of it. The machine is not touched.

        The sessions there are forgotten.
        """
        ...

    async def clear_override(self, deadline: float) -> str:
        """No PXE boot is set any more, whoever set it."""
        ...

    async def pxe_armed(self) -> bool:
        """Whether the next boot is a PXE boot. Patient for a minute."""
        ...

    async def stage_order(self, order: Sequence[str], deadline: float) -> str:
        """Dell's own boot order: `order` (Dell's names of devices) for good. Gives why no restart is needed; empty: a job waits
        for one."""
        ...

    async def order_job(self, deadline: float) -> str:
        """What the job of `stage_order` is at, in words; empty when none waits or runs."""
        ...

    async def verify_order(self, order: Sequence[str], deadline: float) -> None:
        """Return when a fresh read shows this order."""
        ...

    async def is_off(self) -> bool:
        """Whether a fresh look shows Off. Patient for a minute."""
        ...

    async def report(self) -> BmcReport:
        """What an operator who asks is shown: reads only, each request made once."""
        ...

    def allow_login(self) -> None:
        """An operator asks for this host: a password that its BMC refused may be sent again."""
        ...

    async def end_sessions(self, uris: Sequence[str], peer: str, login: float | None = None) -> None:
        """Delete sessions that an earlier process left at `peer` (empty: nobody knows where); what does not go is noted.

        `login`: the wall time of a login whose session was not recorded any more.
        """
        ...

    async def close(self) -> None:
        """End our session, in a few real seconds at most."""
        ...


class ForemanPort(Protocol):
    """The writes, one Ticket each, and the reads that settle them (Foreman API v2).

    Raises StageFailure in Foreman's own words, and CredentialsRefused when it does not take our login; writes also UnknownOutcome
    when no answer settles them, and what Ticket.confirm raises. They give the host as Foreman answered it. `progress`: a UUID of
    this write alone, by which its task list is found.
    """

    async def build(self, ticket: Ticket, host: str, target: Target, progress: str) -> HostRecord:
        """The one PUT: os, ptable, medium, owner and build together."""
        ...

    async def cancel_build(self, ticket: Ticket, host: str, progress: str) -> HostRecord:
        """Out of build mode: its token dies, its PXE configuration points to the disk again."""
        ...

    async def set_owner(self, ticket: Ticket, host: str, target: Target, progress: str) -> HostRecord:
        """The target's attributes alone; the host is not built."""
        ...

    async def give_back(self, ticket: Ticket, host: str, owner_id: int, owner_type: str, progress: str) -> HostRecord:
        """This owner, and out of build mode. `owner_type`: User or Usergroup."""
        ...

    async def rebuild_config(self, ticket: Ticket, host: str) -> None:
        """Have the PXE files of the host's present state written again."""
        ...

    async def parameter_id(self, host: str, name: str) -> str:
        """Of the host's own parameter; empty where it has none of this name."""
        ...

    async def set_parameter(self, ticket: Ticket, host: str, name: str, value: str, known: str) -> None:
        """One host parameter; the others are left alone. `known`: its id, as `parameter_id` gave it shortly before."""
        ...

    async def host(self, name: str) -> HostRecord | None:
        """One host by a fresh read; None when Foreman has none of this name, or hides it from us."""
        ...

    async def provisioning_macs(self, host: str) -> frozenset[str]:
        """MACs of the interfaces that Foreman provisions this host through; empty where it has none, or no such host."""
        ...

    async def probe_host(self, name: str, wanted: dict[str, object], progress: str) -> Probe:
        """What became of a write of `wanted` (members of PUT /hosts/:id), by its task list and a fresh read."""
        ...

    async def rolled_back(self, progress: str) -> bool:
        """Whether the task list of a PUT says that it failed and was taken back. False where the server keeps none any more."""
        ...

    async def probe_parameter(self, host: str, name: str, value: str) -> Probe:
        """Whether the host's own parameter has this value, by a fresh read."""
        ...


class WatchPort(Protocol):
    """Looks at Foreman that all hosts share. They wait for as long as no look tells: whoever asks sets the time."""

    async def is_in_build(self, host: str) -> bool:
        """Whether Foreman has the host in build, by a look that begins after this call."""
        ...

    async def until_in_build(self, host: str) -> None:
        """Return when such a look shows the host in build."""
        ...

    async def until_left(self, host: str) -> HostRecord:
        """The host's record from the first look that shows it out of build."""
        ...

    async def record(self, host: str) -> HostRecord:
        """A fresh full record."""
        ...


class OutagePort(Protocol):
    """What the host's rack has to say about its BMC: fewer failures of many hosts, one outage."""

    def heard(self, host: str, why: str) -> None:
        """The host's BMC answered, or (`why`, in words) did not."""
        ...

    def is_away(self, host: str) -> bool:
        """The BMCs of its rack do not answer."""
        ...

    def why(self, host: str) -> str:
        """What its rack's trouble is, in words."""
        ...

    def explains(self, host: str, failure: StageFailure, began: float) -> bool:
        """Whether an attempt that began at own time `began` failed because the host's whole rack was away, or Foreman too."""
        ...

    async def turn(self, host: str) -> bool:
        """Wait for the host's rack. True: it is this host's turn to try its BMC, and to say `tried`; False: the rack answers."""
        ...

    def tried(self, host: str) -> None:
        """The host has tried its BMC; what came of it was heard."""
        ...


class RolloutWatch(WatchPort, Protocol):
    """The looks, and the task that makes them."""

    def look(self) -> None:
        """Look at Foreman once, though nobody asks."""
        ...

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

    def hold(self, why: str) -> None:
        """As `pause` while there is a reason (in words), but for writes that make a host safe."""
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
    owned: Callable[[], Awaitable[None]]  # raises TakenOver, and QueueAway where a database must tell and does not
    number: Callable[[], int]  # of intents, unique in the journal
    touched: Callable[[str], bool]  # whether this host's machine or its build was acted on, in earlier processes too
    plan: Plan
    limits: Limits
    token_seconds: float  # how long a build token lives; 0: for ever
    hooks: Hooks
    outages: OutagePort
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

    async def until_owned(self) -> None:
        """As `owned`; a database that is away is waited for."""
        while True:
            try:
                return await self.owned()
            except QueueAway:
                await self.clock.sleep(_AGAIN)

    def patience(self) -> float:
        """Own seconds for Foreman to show what it accepted."""
        return self.clock.deadline(self.limits.foreman_build) - self.clock.now()

    def notice(self, level: str, text: str) -> None:
        """A line for the operator, of no host; `level`: info, warning or error."""
        self.emit(Notice(self.clock.wall(), level, text))
