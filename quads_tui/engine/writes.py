"""A host's writes to Foreman: each through the lane, with its intent on disk first, and settled when the method returns."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

from quads_tui.rollout.causes import FOREMAN, Cause, StageFailure, Unreadable
from quads_tui.rollout.events import HostArmed, Intent
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.plan import HostPlan, Target
from quads_tui.rollout.ports import REFUSALS, NotSent, OutcomeHidden, Probe, QueueAway, Ticket, WriteAbsent
from quads_tui.rollout.repairs import GIVE_BACK
from quads_tui.rollout.stages import ActResult, Stage
from quads_tui.rollout.waits import FOR_ITS_TURN

from .memory import HostMemory
from .ports import Ports
from .side_effects import HostSideEffects

T = TypeVar("T")

_MOST_TRIES = 10  # of a write that the last check holds back
_NOT_AS_WRITTEN = (
    "Foreman accepted the write, but shows other values than were written (of build mode, owner, operating system, partition "
    "table or medium): check the host in Foreman"
)
_HIDDEN = (
    "the result of the last write is unknown: it can no longer arrive, but the record of this host in Foreman cannot be read or "
    "is missing. The host may be in build mode: check it in Foreman before you retry"
)
_TOLD = ("wanted", "progress")  # of an intent to other consoles: the value of a parameter may be a secret
_LONGEST_PAUSE = 30.0  # own seconds between two tries that the last check did not let out


class _Absent(StageFailure):
    """A write without an answer was settled: it did not happen."""


def outcome_hidden() -> StageFailure:
    """Why a host whose memory has `unread` goes no further by itself."""
    return StageFailure(Cause.UNKNOWN, _HIDDEN, retryable=False, service=FOREMAN)


class HostWrites:
    """Raises StageFailure when Foreman refuses, and what the gate raises when the host's turn comes."""

    def __init__(self, host: str, ports: Ports, memory: HostMemory, target: Target) -> None:
        self._host = host
        self._ports = ports
        self._memory = memory
        self._target = target
        self.carried_at = 0.0  # own time at which the last write left the lane's queue

    async def adopted(self, acts: HostSideEffects) -> bool:
        """Whether our build write of an earlier attempt still stands as we want it."""
        memory = self._memory
        if memory.built_at is None:
            return False
        wanted = {**self._target.attributes(), "build": True}
        record = await self._ports.foreman.host(self._host)
        if record is not None and record.has(wanted) and record.build_status == 1:
            await self._rebuilt(acts)
            return True
        memory.forget_build()
        memory.pxe_lost = False
        self._remember()
        return False

    async def build(self, acts: HostSideEffects) -> None:
        """The one PUT. From its answer on the host is armed.

        Foreman takes back a PUT whose orchestration failed by deleting PXE files, not by restoring them. Where the host stands
        in build as we want it all the same (another write armed it), they are missing: Foreman is asked to write them again.
        """
        ports, target = self._ports, self._target
        wanted = {**target.attributes(), "build": True}
        try:
            record = await self._write(
                acts, "build", wanted, lambda ticket, progress: ports.foreman.build(ticket, self._host, target, progress)
            )
        except StageFailure as failure:
            if isinstance(failure, _Absent) or failure.cause is not Cause.FOREMAN or not failure.retryable:
                raise  # just looked at; or a validation, after which nothing was begun and nothing deleted
            shown = await ports.foreman.host(self._host)
            if shown is None or not shown.has(wanted):
                raise
            acts.note(f"the write failed, but the host is in build mode as planned, through another write: {failure.reason}")
            self._built(shown, pxe_lost=True)
            record = shown
        if not record.has(wanted):
            raise StageFailure(Cause.FOREMAN, _NOT_AS_WRITTEN)
        await self._rebuilt(acts)

    async def _rebuilt(self, acts: HostSideEffects) -> None:
        """PXE files that Foreman deleted are written again."""
        memory, ports = self._memory, self._ports
        if not memory.pxe_lost:
            return

        async def send(ticket: Ticket) -> bool:
            await ports.foreman.rebuild_config(ticket, self._host)
            return True

        acts.note("in build mode, but Foreman deleted the PXE files of the host: asking Foreman to write them again")
        await self._carried(acts, "rebuild", {}, send, self._unseen)
        memory.pxe_lost = False
        self._remember()
        acts.result(ActResult.APPLIED, {})

    async def _unseen(self) -> Probe:
        """No read shows a PXE file. Once the write deadline is over the request has ended, and asking again does no harm."""
        return Probe.ABSENT

    async def cancel(self, acts: HostSideEffects) -> None:
        """Out of build mode."""
        ports = self._ports
        wanted: dict[str, object] = {"build": False}
        record = await self._write(
            acts, "cancel", wanted, lambda ticket, progress: ports.foreman.cancel_build(ticket, self._host, progress)
        )
        if not record.has(wanted):
            raise StageFailure(
                Cause.FOREMAN, "Foreman accepted the cancellation of build mode, but still shows the host in build mode"
            )

    async def owner(self, acts: HostSideEffects) -> bool:
        """Ownership alone (`wipe: false`). False: an earlier write has done it, of another process or of an earlier attempt."""
        ports, memory = self._ports, self._memory
        if memory.attempts.get(Stage.FOREMAN_BUILD, 1) > 1:  # an attempt that a crash interrupted counts too
            record = await ports.foreman.host(self._host)
            if record is not None and record.has(self._target.attributes()):
                return False
        await self._write(
            acts,
            "owner",
            self._target.attributes(),
            lambda ticket, progress: ports.foreman.set_owner(ticket, self._host, self._target, progress),
        )
        return True

    async def give_back(self, acts: HostSideEffects, host: HostPlan) -> None:
        """The owner that it had when the plan was made, and out of build mode."""
        ports, owner, kind = self._ports, host.owner_id, host.owner_type
        if owner is None:
            raise StageFailure(Cause.UNKNOWN, "its former owner is not known", retryable=False)
        wanted: dict[str, object] = {"owner_id": owner, "owner_type": kind, "build": False}
        record = await self._write(
            acts, GIVE_BACK, wanted, lambda ticket, progress: ports.foreman.give_back(ticket, self._host, owner, kind, progress)
        )
        if not record.has(wanted):
            raise StageFailure(Cause.FOREMAN, "Foreman accepted the former owner, but shows other values than were written")

    async def parameter(self, acts: HostSideEffects, name: str, value: str) -> None:
        """One host parameter."""
        ports = self._ports
        known = await ports.foreman.parameter_id(self._host, name)  # before its turn: nothing is read between intent and write

        async def send(ticket: Ticket) -> bool:
            await ports.foreman.set_parameter(ticket, self._host, name, value, known)
            return True

        async def probe() -> Probe:
            return await ports.foreman.probe_parameter(self._host, name, value)

        await self._carried(acts, "parameter", {"name": name, "value": value}, send, probe)
        acts.result(ActResult.APPLIED, {})

    async def _write(
        self,
        acts: HostSideEffects,
        act: str,
        wanted: dict[str, object],
        send: Callable[[Ticket, str], Awaitable[HostRecord]],
    ) -> HostRecord:
        """One write of the host itself."""
        progress = str(uuid.uuid4())

        async def probe() -> Probe:
            return await self._ports.foreman.probe_host(self._host, wanted, progress)

        detail: dict[str, object] = {"progress": progress, "wanted": wanted}
        record = await self._carried(acts, act, detail, lambda ticket: send(ticket, progress), probe)
        lost = False
        if record is None:  # settled by reads: it took effect, so whatever comes now, the host is to be taken out of build again
            self._memory.left_in_build |= act == "build"
            self._remember()
            try:
                record = await self._shown()
            except StageFailure:
                acts.result(ActResult.APPLIED, {})
                raise
            lost = act == "build" and await self._taken_back(progress)
        if record is None:
            raise StageFailure(Cause.UNKNOWN, "after the write, Foreman has no host of this name: it was renamed or deleted")
        self._applied(acts, act, wanted, record, lost)
        return record

    def _applied(self, acts: HostSideEffects, act: str, wanted: dict[str, object], record: HostRecord, lost: bool) -> None:
        """What follows from a write that took effect: first to the memory, then the outcome."""
        if act == "build" and record.has(wanted):
            self._built(record, pxe_lost=lost)
        elif act in ("cancel", GIVE_BACK) and record.has(wanted):
            self._memory.built_at, self._memory.left_in_build, self._memory.pxe_lost = None, False, False
            self._remember()
        installed = record.installed_at.isoformat() if record.installed_at else None
        acts.result(ActResult.APPLIED, {"installed_at": installed, "build": record.build})

    def _built(self, record: HostRecord, *, pxe_lost: bool) -> None:
        memory, clock = self._memory, self._ports.clock
        memory.built_at, memory.baseline, memory.pxe_lost = clock.moment(), record.installed_at, pxe_lost
        memory.left_in_build = False
        self._remember()
        self._ports.emit(HostArmed(clock.wall(), self._host, True))

    async def settle(self, intent: Intent, place: Ticket) -> None:
        """A write of a process that died: find out what became of it. The lane is shut for `place` until that is known."""
        ports, acts = self._ports, HostSideEffects(self._host, self._ports, last=intent.number)
        detail = intent.detail

        async def probe() -> Probe:
            if intent.act == "parameter":
                return await ports.foreman.probe_parameter(self._host, detail["name"], detail["value"])
            if intent.act == "rebuild":
                return await self._unseen()
            return await ports.foreman.probe_host(self._host, detail["wanted"], detail["progress"])

        words = (
            f"quads-tui exited during a write for this host ({intent.act}): Foreman writes are blocked until its result is known"
        )
        acts.note(words, waits=True)
        try:
            await ports.lane.settle(place, probe)
        except WriteAbsent:
            acts.result(ActResult.ABSENT, {"why": "checked after quads-tui exited: the write did not take effect"})
            return
        except OutcomeHidden as hidden:
            self._unread(acts, intent.act, hidden)
            return
        try:
            record = await self._shown()
        except StageFailure:
            record = None
            self._memory.left_in_build |= intent.act == "build"
            self._remember()
        if intent.act == "parameter" or record is None:
            acts.result(ActResult.APPLIED, {})
        else:
            lost = intent.act == "build" and await self._taken_back(detail["progress"])
            self._applied(acts, intent.act, detail["wanted"], record, lost)

    def _unread(self, acts: HostSideEffects, act: str, hidden: OutcomeHidden) -> None:
        """First to the memory: a resume that finds the outcome must not take the host for one that was never written."""
        self._memory.unread = True
        self._memory.left_in_build |= act == "build"
        self._remember()
        acts.result(ActResult.UNKNOWN, {"why": f"{hidden}; no read of this host has shown its result"})

    async def _taken_back(self, progress: str) -> bool:
        """As `rolled_back`; where Foreman does not tell now, the PXE files count as lost: writing them again does no harm."""
        try:
            return await self._ports.foreman.rolled_back(progress)
        except StageFailure:
            return True

    async def _shown(self) -> HostRecord | None:
        """The host as Foreman shows it now, however long Foreman is away: the look before it succeeded.

        Raises StageFailure where Foreman answers, and the record cannot be read until the deadline of the stage.
        """
        clock, limits = self._ports.clock, self._ports.limits
        until = clock.deadline(limits.foreman_build)
        while True:
            try:
                return await self._ports.foreman.host(self._host)
            except Unreadable as odd:
                if clock.now() > until:
                    words = f"the write took effect, but the host in Foreman is {odd.reason}"
                    raise StageFailure(Cause.UNKNOWN, words, retryable=False) from None
            except StageFailure:
                pass
            await clock.sleep(limits.poll)

    def _remember(self) -> None:
        self._ports.remember(self._host, self._memory)

    async def _carried(
        self,
        acts: HostSideEffects,
        act: str,
        detail: dict[str, object],
        send: Callable[[Ticket], Awaitable[T]],
        probe: Callable[[], Awaitable[Probe]],
    ) -> T | None:
        """A write that the last check did not let out queues again, some times. Raises StageFailure."""

        async def carry(ticket: Ticket) -> T:
            self.carried_at = self._ports.clock.now()
            await acts.intend(act, detail)
            try:
                return await send(ticket)
            except (NotSent, *REFUSALS) as no:
                acts.result(ActResult.ABSENT, {"why": f"not sent: {str(no) or 'the rollout is stopping'}"})
                raise

        tries = 0
        while True:
            acts.note(f"{FOR_ITS_TURN}in the Foreman write queue ({act})", waits=True)
            try:
                return await self._sent(acts, act, detail, carry, probe)
            except QueueAway as away:
                acts.note(f"the write ({act}) was not sent, and waits: {away}")
            except NotSent as no:
                tries += 1
                if tries >= _MOST_TRIES:
                    raise StageFailure(
                        Cause.BUSY, f"the write ({act}) was not sent in {tries} tries: {no}", service=FOREMAN
                    ) from None
                acts.note(f"the write ({act}) was not sent, and is tried again: {no}")
                await self._ports.clock.sleep(min(2.0 ** (tries - 1), _LONGEST_PAUSE))

    async def _sent(
        self,
        acts: HostSideEffects,
        act: str,
        detail: dict[str, object],
        carry: Callable[[Ticket], Awaitable[T]],
        probe: Callable[[], Awaitable[Probe]],
    ) -> T | None:
        told = {name: detail[name] for name in _TOLD if name in detail}
        try:
            return await self._ports.lane.write(self._host, act, carry, probe, acts.confirm, told)
        except WriteAbsent as absent:
            acts.result(ActResult.ABSENT, {"why": str(absent)})
            raise _Absent(Cause.FOREMAN, f"the write did not take effect: {absent}") from None
        except OutcomeHidden as hidden:
            self._unread(acts, act, hidden)
            raise outcome_hidden() from None
        except StageFailure as failure:
            acts.result(ActResult.REFUSED, {"why": failure.reason})
            raise
