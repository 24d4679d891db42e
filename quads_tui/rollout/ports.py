"""Where the rooms meet. The flow of a host knows these and nothing behind them, so that it runs the same on other machinery."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol, TypeVar

from .commands import Command
from .errors import QuadsTuiError
from .events import Event
from .metrics import LaneState
from .moments import Moment
from .stages import ActResult, HostStatus, Stage

T = TypeVar("T")


class Skipped(QuadsTuiError):
    """Raised by the gate: the operator took the host out of the rollout. Carries the operator's reason."""


class Held(QuadsTuiError):
    """Raised by the gate: the host waits for a human, an operator's hold or a rule of the gate. Carries the reason."""


class Stopping(QuadsTuiError):
    """Raised by the gate: the rollout is ending, no new act may begin."""


class JournalBroken(QuadsTuiError):
    """The journal can no longer be written (a full disk, say): nothing may act without its intent on disk."""


class TakenOver(JournalBroken):
    """Another process has taken this rollout, or the locks of its Foreman, over: from here nothing may be written any more."""


class NotSent(QuadsTuiError):
    """The last check before the first byte did not pass for now: nothing was sent, and the same may be tried again."""


class QueueAway(NotSent):
    """The database of the write queue did not answer in time: the write waits for it, and no try counts as used up."""


class QuadsError(QuadsTuiError):
    """QUADS did not do it; clean words. `final`: asking again helps nobody, it understood and will not.

    `answered`: the server said so itself, about this request; else it is away.
    """

    def __init__(self, reason: str, *, final: bool = False, answered: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.answered = answered


REFUSALS = (Skipped, Held, Stopping, JournalBroken)
"""What SideEffects.intend and SideEffects.confirm raise: the act is not to be."""


class Clock(Protocol):
    """All waiting goes through one clock. Own seconds are real seconds x speed."""

    speed: float

    def now(self) -> float:
        """Own seconds, monotonic; runs on through SIGSTOP and a suspended machine."""
        ...

    def wall(self) -> float:
        """Real time, seconds since 1970 UTC. For display, `--at` and QUADS' dates only: somebody may set it at any moment."""
        ...

    def moment(self) -> Moment:
        """Now, for what is kept and reckoned from later, in another process too."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait own seconds."""
        ...

    async def sleep_real(self, seconds: float) -> None:
        """Wait real seconds: for what a server says (Retry-After), which speed never divides."""
        ...

    def real(self, seconds: float, floor: float = 0.0) -> float:
        """Own seconds as real ones, at least `floor` real seconds."""
        ...

    def deadline(self, seconds: float) -> float:
        """Own time at which a stage that begins now must have ended: never less than 10 real seconds away."""
        ...


class Journal(Protocol):
    """What survives. Order is kept; both raise JournalBroken once the journal is broken."""

    def record(self, event: Event) -> None:
        """On disk soon (well under a second)."""
        ...

    async def commit(self, event: Event) -> None:
        """On disk, with everything recorded before it, when it returns."""
        ...

    def sample(self, at: float, data: dict[str, object]) -> None:
        """A second's figures, kept apart from the events; may be lost."""
        ...

    async def owned(self, locks: Callable[[], None] | None = None) -> None:
        """Raises TakenOver when another process has opened the journal for writing since. Read afresh, off the loop.

        So is `locks`, which raises it where a lock is no longer ours: one way to another thread and back for both.
        """
        ...


class SideEffects(Protocol):
    """Given to a service so that it can ask before it acts, and say what it saw, without knowing who listens."""

    async def intend(self, act: str, detail: dict[str, object]) -> None:
        """Pass the gate, then write the intent to disk. The act may begin when it returns. Raises Skipped, Held, Stopping."""
        ...

    async def confirm(self) -> None:
        """Ask once more about the last intent, when the connection stands and before the first byte.

        Raises REFUSALS, and NotSent where the intent has grown old: then nothing may be sent.
        """
        ...

    async def before_login(self) -> None:
        """A login is about to be sent: that is on disk when this returns, so that a resume knows of it. Raises TakenOver."""
        ...

    def heard(self, why: str = "") -> None:
        """The host's BMC answered something, or (`why`, in words) nothing. Said of every exchange."""
        ...

    def result(self, result: ActResult, detail: dict[str, object]) -> None:
        """What became of the last intent."""
        ...

    def session(self, uri: str, is_open: bool) -> None:
        """A session at the host's BMC was made, or has gone; kept so that another process can delete what this one leaves.

        An empty `uri` that is not open: the login made no session.
        """
        ...

    def left(self, words: str) -> None:
        """A session stays open at the host's BMC, or may, and nobody will delete it any more."""
        ...

    def refused(self, times: int) -> None:
        """The host's BMC has refused our password so often in a row; 0: it may be sent again. Kept for later processes."""
        ...

    def note(self, text: str, waits: bool = False) -> None:
        """A line for the host's timeline."""
        ...


class Ticket(Protocol):
    """The right to send one write to Foreman, once. No write method of the Foreman client works without one."""

    number: int
    host: str

    async def confirm(self) -> None:
        """Ask lane, gate and journal once more, when the connection stands and before the first byte, of a resend too.

        Raises NotSent where the lane does not let writes through now, and REFUSALS.
        """
        ...

    def use(self) -> None:
        """Called by the client at the first byte. Raises RuntimeError when the ticket was used before or has been taken back."""
        ...


class WriteMark(Protocol):
    """Tells who writes to this Foreman after this process that a write may be on its way, wherever the journals are."""

    async def sending(self, ticket: object) -> None:
        """It is marked when this returns: before the first byte."""
        ...

    def settled(self, ticket: object) -> None:
        """What became of it is known, or it was never sent."""
        ...


class Probe(StrEnum):
    """What a read says about a write whose outcome is unknown."""

    CONFIRMED = "confirmed"  # a read shows the change, and the server says itself that it has finished with the request
    APPLIED = "applied"  # a read shows the change
    LIKELY = "likely"  # a read shows what was wanted, but others bring that about too: the request itself may still be on its way
    ABSENT = "absent"  # a read shows that it is not there (yet)
    NEVER = "never"  # not there, and the server says itself that it has finished with the request
    ODD = "odd"  # Foreman shows other hosts, but of this one no record, or one that cannot be read; it works at nothing of ours
    UNREADABLE = "unreadable"  # no answer that tells


class UnknownOutcome(QuadsTuiError):
    """A write was sent and no answer settles it: timeout, dropped line, a proxy's 502 or 504. The lane stays shut until it is.

    `server_done`: the server itself answered (a 500, a 200 that cannot be read), so nothing of the request is still going on
    there and one read settles it. `conflict`: it may come of two writes at once.
    """

    def __init__(self, reason: str, *, server_done: bool = False, conflict: bool = False) -> None:
        super().__init__(reason)
        self.server_done = server_done
        self.conflict = conflict


class WriteAbsent(QuadsTuiError):
    """A write with an unknown outcome was settled: it did not happen and will not. A resend is a new intent."""


class OutcomeHidden(QuadsTuiError):
    """A write with an unknown outcome can no longer arrive, but no read tells what it did: its host needs a human."""


class Lane(Protocol):
    """The way to Foreman's POST, PUT and DELETE."""

    async def write(
        self,
        host: str,
        act: str,
        send: Callable[[Ticket], Awaitable[T]],
        probe: Callable[[], Awaitable[Probe]],
        confirm: Callable[[], Awaitable[None]] | None = None,
        detail: Mapping[str, object] | None = None,
    ) -> T | None:
        """Wait for a place, then run `send` with a ticket, shielded: cancelling the caller never frees the lane early.

        When `send` raises UnknownOutcome the lane stays shut and asks `probe` until that settles it: None is returned when the
        write turned out applied, WriteAbsent raised when it did not happen, OutcomeHidden when its host's record stays odd after
        the write deadline. Everything else that `send` raises is an answer.

        `confirm` is what the ticket asks besides the lane before the first byte: see Ticket.confirm. `detail`: what another
        console needs to settle the write when this one is gone (LeftWrite.detail); no secret is in it.
        """
        ...

    def adopt_in_flight(self, host: str, act: str, sent_at: float) -> Ticket:
        """A write of a process that died is on its way since own time `sent_at`: its place is taken from now on."""
        ...

    async def settle(self, place: Ticket, probe: Callable[[], Awaitable[Probe]]) -> None:
        """Return when that write turned out applied, and free its place; raises WriteAbsent and OutcomeHidden as `write` does."""
        ...

    def state(self) -> LaneState: ...


class Gate(Protocol):
    """Before every act stands the gate."""

    async def enter(self, host: str, act: str) -> None:
        """Return when the act may begin. Raises Skipped, Held or Stopping."""
        ...

    def reach(self, host: str) -> None:
        """The host's BMC may be contacted, be it to look only. Raises Held."""
        ...

    async def admit(self, host: str, stage: Stage) -> None:
        """Return when the host may begin this stage: pause, the `ahead` limit. Raises as `enter`."""
        ...

    async def watch(self, host: str, wanted: Awaitable[T], seconds: float | None = None) -> T:
        """Wait for `wanted`, at most own `seconds` (TimeoutError). Skip, hold and stop end the wait, as `enter` raises."""
        ...

    def leave_powered_off_set(self, host: str) -> None:
        """The host is no longer powered off and not yet written: its build was answered, it is on, or it left the flow."""
        ...

    def yield_place(self, host: str) -> None:
        """The host waits for what others wait for too, maybe for long: another one is powered off meanwhile."""
        ...


class Executor(Protocol):
    """Runs the flow of many hosts."""

    def start(self) -> None:
        """Every host of the plan, from where it stands."""
        ...

    async def settled(self) -> None:
        """Return when no host can move without a human, or the rollout was stopped."""
        ...


class Control(Protocol):
    """The one road back from the screen: orders go into the engine's inbox; what came of them comes back as events."""

    def submit(self, command: Command) -> None: ...


RETRYABLE: Sequence[HostStatus] = (HostStatus.FAILED, HostStatus.SKIPPED, HostStatus.HELD)
"""Where a retry may start from."""
