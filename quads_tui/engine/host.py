"""What the flow of one host meets and remembers: its ports, its memory, its acts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol

from quads_tui.inputs import Limits
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import BmcSession, Event, HostNote, Intent, Outcome, Remembered
from quads_tui.rollout.identity import Identity, identity_from
from quads_tui.rollout.moments import LONG_AGO, Moment, moment_from
from quads_tui.rollout.plan import HostPlan, Plan, Target
from quads_tui.rollout.ports import Clock, Gate, Lane, NotSent, Probe, SideEffects, Ticket
from quads_tui.rollout.stages import Kind, Stage
from quads_tui.services.foreman import HostRecord

from .claims import Machines
from .gate import DISARM
from .hooks import Hooks


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

    pxe_stays: bool  # ensure_pxe_next left a PXE boot that no boot uses up

    async def ensure_off(self, deadline: float) -> str: ...
    async def ensure_pxe_next(self, deadline: float) -> str: ...
    async def ensure_on(self, deadline: float) -> str: ...
    async def clear_override(self, deadline: float) -> str: ...
    async def pxe_armed(self) -> bool: ...
    async def stage_order(self, order: Sequence[str], deadline: float) -> str: ...
    async def order_job(self, deadline: float) -> str: ...
    async def verify_order(self, order: Sequence[str], deadline: float) -> None: ...
    async def is_off(self) -> bool: ...
    async def end_sessions(self, uris: Sequence[str], peer: str) -> None: ...
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


def longest_intent(clock: Clock) -> float:
    """Real seconds from an intent to its first byte: what was decided on an older look is decided anew.

    A resume that finds an intent without an outcome reckons that it was sent this long after.
    """
    return clock.real(10.0, 3.0)


@dataclass(slots=True)
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
    touched: Callable[[str], bool]  # whether this host's machine or its build was acted on, in earlier processes too
    plan: Plan
    limits: Limits
    token_seconds: float  # how long a build token lives; 0: for ever
    hooks: Hooks
    rollout: str  # its id
    machines: Machines
    protected_machines: Mapping[str, Identity]  # of protected hosts, as far as Foreman and their names tell, by name

    def remember(self, host: str, memory: HostMemory) -> None:
        """To the journal, before the outcome of the act that it comes from: a crash between the two forgets neither."""
        self.emit(Remembered(self.clock.wall(), host, memory.facts()))


@dataclass(slots=True)
class HostMemory:
    """What the flow knows of a host from one retry to the next. All of it is in the journal: see `facts`."""

    start: Stage
    attempts: dict[Stage, int] = field(default_factory=dict)
    off: bool = False  # we saw it Off, and nobody was to power it on since
    override: bool = False  # we set its one-time PXE boot, and no boot has used it
    stays: bool = False  # its BMC keeps that set over boots: to be cleared when the install has ended
    built_at: Moment | None = None  # when our build write was applied; None: not in build through us
    left_in_build: bool = False  # in build through a write of ours that a retry no longer counts on, and nobody took it out since
    baseline: datetime | None = None  # installed_at in Foreman's answer to that write
    pxe_lost: bool = False  # in build, but Foreman took our PUT back, and with it the PXE files of the build that stands
    booted: bool = False  # On was seen after it: it may be installing
    installing_since: Moment | None = None  # when that was; None: the install gets its whole deadline anew
    failed: tuple[Stage, Cause] | None = None
    identity: Identity | None = None  # the machine that its acts go to
    asked: Identity | None = None  # it is held until a human says whether this is its machine
    accepted: Identity | None = None  # a human said so
    resumed: bool = False  # another process brought it here: what Foreman and the BMC say now decides where it goes on
    ending: asyncio.Task[None] | None = None  # of the sessions that process left at its BMC: nothing else goes there before
    settling: asyncio.Task[None] | None = None  # its write of that process, while nobody knows what became of it

    def facts(self) -> dict[str, Any]:
        """As JSON types, without what the stage events tell."""
        return {
            "start": self.start.value,
            "off": self.off,
            "override": self.override,
            "stays": self.stays,
            "built_at": self.built_at,
            "left_in_build": self.left_in_build,
            "baseline": self.baseline.isoformat() if self.baseline else None,
            "pxe_lost": self.pxe_lost,
            "booted": self.booted,
            "installing_since": self.installing_since,
            "failed": [part.value for part in self.failed] if self.failed else None,
            "identity": asdict(self.identity) if self.identity else None,
            "asked": asdict(self.asked) if self.asked else None,
            "accepted": asdict(self.accepted) if self.accepted else None,
        }

    def recall(self, facts: Mapping[str, Any]) -> None:
        """The inverse of `facts`."""
        self.start = Stage(facts["start"])
        self.stays = facts.get("stays", False)
        self.off, self.override, self.booted = facts["off"], facts["override"], facts["booted"]
        self.built_at, self.installing_since = (
            None if facts[name] is None else moment_from(facts[name]) for name in ("built_at", "installing_since")
        )
        self.baseline = datetime.fromisoformat(facts["baseline"]) if facts["baseline"] else None
        self.pxe_lost = facts.get("pxe_lost", False)  # journals of before have none
        self.left_in_build = facts.get("left_in_build", False)
        self.failed = (Stage(facts["failed"][0]), Cause(facts["failed"][1])) if facts["failed"] else None
        self.identity, self.asked, self.accepted = (
            identity_from(facts[name]) if facts.get(name) else None for name in ("identity", "asked", "accepted")
        )

    @property
    def in_build(self) -> bool:
        """Through us, as far as we know."""
        return self.built_at is not None or self.left_in_build

    @property
    def stands(self) -> bool:
        """Something of ours stands on its machine, or in Foreman for it: in build, or PXE is set."""
        return self.in_build or self.override

    def forget_build(self) -> None:
        """The write that put it in build counts no longer; that it stands in build does, for who makes it safe."""
        self.left_in_build, self.built_at = self.in_build, None

    def rewind(self, from_start: bool, kind: Kind) -> None:
        """Where a human's retry takes the host up. Watching again helps only a host that may still be installing."""
        stage, cause = self.failed or (self.start, Cause.UNKNOWN)
        over = stage is Stage.INSTALL and (self.built_at is None or cause is Cause.TOKEN_EXPIRED)
        if from_start or over or (kind is Kind.BUILD and self.built_at is None):
            # Without a write of ours that counts the machine may have been switched on since: it is seen Off again first.
            self.forget_build()
            self.start, self.booted, self.off = kind.stages[0], False, False
        else:
            self.start = stage
        self.installing_since, self.failed = None, None


class HostSideEffects:
    """Implements rollout.ports.Acts for one host."""

    def __init__(self, host: str, ports: Ports, *, disarming: bool = False, last: int = 0) -> None:
        """`last`: the number of an intent whose outcome is still to be told."""
        self._host = host
        self._ports = ports
        self._disarming = disarming
        self._last = last
        self._act = ""
        self._intended = LONG_AGO

    async def intend(self, act: str, detail: dict[str, object]) -> None:
        ports, self._act = self._ports, DISARM if self._disarming else act
        await ports.gate.enter(self._host, self._act)
        self._last, self._intended = ports.number(), ports.clock.moment()
        await ports.commit(Intent(ports.clock.wall(), self._host, self._last, act, dict(detail), self._intended))

    async def confirm(self) -> None:
        gone = self._intended.until(self._ports.clock.moment())
        if gone is None or gone > longest_intent(self._ports.clock):
            raise NotSent("too long ago since it was decided")
        await self._ports.gate.enter(self._host, self._act)
        await self._ports.owned()

    async def owned(self) -> None:
        await self._ports.owned()

    def result(self, result: str, detail: dict[str, object]) -> None:
        self._ports.emit(Outcome(self._ports.clock.wall(), self._host, self._last, result, dict(detail)))

    def session(self, uri: str, is_open: bool) -> None:
        self._ports.emit(BmcSession(self._ports.clock.wall(), self._host, uri, is_open))

    def note(self, text: str, waits: bool = False) -> None:
        self._ports.emit(HostNote(self._ports.clock.wall(), self._host, text, waits))
