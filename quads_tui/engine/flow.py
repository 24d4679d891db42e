"""The flow of one host: observe, decide, write the intent, act, verify by a fresh read.

`provision` knows the ports and nothing behind them. Whatever happens to a host ends as an event: done, failed with a cause and a
reason, skipped or held. Only the end of the process cancels it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable
from typing import Any, TypeVar

from quads_tui.rollout.causes import AWAY, FOREMAN, Cause, CredentialsRefused, ServiceGone, StageFailure, Unidentified, Unreadable
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.events import HostArmed, HostChanged, StageChanged
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.ports import Held, JournalBroken, Skipped, Stopping
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus

from .host_stages import HostStages, is_installed
from .machine import Asked, HostMachine
from .memory import HostMemory
from .ports import Ports
from .side_effects import HostSideEffects
from .writes import HostWrites, outcome_hidden

log = logging.getLogger(__name__)

T = TypeVar("T")


class _StageGaveUp(QuadsTuiError):
    """A stage failed for good."""

    def __init__(self, stage: Stage, failure: StageFailure) -> None:
        super().__init__(failure.reason)
        self.stage = stage
        self.failure = failure


async def provision(host: HostPlan, ports: Ports, memory: HostMemory) -> None:
    """Take one host through its stages from `memory.start`.

    Raises only what stops the whole rollout: Stopping, JournalBroken, CredentialsRefused and ServiceGone.
    """
    await _Flow(host, ports, memory).run()


async def disarm(host: HostPlan, ports: Ports, memory: HostMemory) -> str:
    """Take an ended host out of build and clear its boot override; gives what could not be done, empty when it is safe."""
    flow = _Flow(host, ports, memory)
    try:
        return await flow.disarm()
    finally:
        await flow.close()


class _Flow:
    def __init__(self, host: HostPlan, ports: Ports, memory: HostMemory) -> None:
        self._plan = host
        self._host = host.name
        self._ports = ports
        self._memory = memory
        self._acts = HostSideEffects(host.name, ports)
        self._machine = HostMachine(host, ports, memory)
        self._goal = ports.plan.goal(host)
        self._writes = HostWrites(host.name, ports, memory, self._goal.target)
        self._stages = HostStages(
            plan=host,
            ports=ports,
            memory=memory,
            acts=self._acts,
            machine=self._machine,
            writes=self._writes,
            clear_override=self._clear_override,
        )

    async def run(self) -> None:
        memory, stages = self._memory, self._goal.kind.stages
        try:
            if self._plan.blocker and self._plan.blocker_stage is not None:
                cause = self._plan.blocker_cause or Cause.UNKNOWN
                raise await self._ended_in(self._plan.blocker_stage, StageFailure(cause, self._plan.blocker))
            await self._alone_at_the_bmc()
            if memory.resumed:
                await self._find_place()
            for stage in stages[stages.index(memory.start) :]:
                memory.start = stage
                await self._attempts(stage)
            self._change(HostStatus.DONE, reason="")
        except _StageGaveUp as ended:
            await self._failed(ended)
        except (Skipped, Held) as out:
            await self._left(out)
        finally:
            self._ports.gate.leave_powered_off_set(self._host)
            await self.close()

    async def close(self) -> None:
        self._stages.close()
        await self._machine.close()
        if not self._memory.stands:
            self._ports.machines.release(self._ports.rollout, self._host)

    # Attempts

    async def _ended_in(self, stage: Stage, failure: StageFailure) -> _StageGaveUp:
        """This stage cannot be done: nothing before it is begun either."""
        await self._ports.gate.enter(self._host, "plan")
        attempt = self._begin(stage)
        self._end(stage, attempt, StageStatus.FAILED, 0.0, failure.reason, failure)
        return _StageGaveUp(stage, failure)

    async def _find_place(self) -> None:
        """After another process: what Foreman and the BMC say now decides where the host goes on; nothing is done here."""
        memory = self._memory
        await self._settled()
        if memory.unread:
            raise await self._ended_in(memory.start, outcome_hidden())
        first = self._goal.kind.stages[0]
        if memory.booted:
            memory.start = Stage.INSTALL  # once booted into the installer it is watched; only a human has it rebuilt
        elif memory.built_at is None:
            memory.start = first
        else:
            record = await self._fresh_record()
            if record.build is not False:
                pass  # in build through us: the stage it was in sees what is done already
            elif is_installed(record, memory.baseline) or not await self._is_off():
                memory.start, memory.booted = Stage.INSTALL, True  # built meanwhile; or booted, and out of build: install tells
            else:
                self._acts.note(
                    "the host is off and no longer in build mode (cancelled in Foreman): starting again from the first stage"
                )
                memory.start, memory.built_at = first, None
        if memory.booted:  # the other process may have ended before it could tell
            self._ports.emit(HostArmed(self._ports.clock.wall(), self._host, False))
        self._remember(off=False, resumed=False)

    async def _is_off(self) -> bool:
        """By a fresh look that decides where the host goes on. A BMC that does not tell ends the host as failed."""
        try:
            return await self._recognised(self._look_for_off())
        except StageFailure as failure:
            raise await self._ended_in(self._memory.start, failure) from None

    async def _look_for_off(self) -> bool:
        return await (await self._machine.bmc()).is_off()

    async def _recognised(self, work: Awaitable[T]) -> T:
        """A machine about which nothing is known is a question to the operator."""
        try:
            return await work
        except Unidentified as unknown:
            raise await self._machine.asked(unknown) from None

    async def _alone_at_the_bmc(self) -> None:
        """Wait until the sessions that another process left there are deleted, or cannot be."""
        if self._memory.ending is not None:
            await asyncio.shield(self._memory.ending)
            self._memory.ending = None

    async def _settled(self) -> None:
        """Wait until it is known what became of the other process's write."""
        if self._memory.settling is not None:
            await asyncio.shield(self._memory.settling)
            self._memory.settling = None

    async def _fresh_record(self) -> HostRecord:
        """From a shared look. A host that Foreman no longer shows ends as failed; a Foreman that is away ends the rollout."""
        ports = self._ports
        self._acts.note("waiting for the next read of this host in Foreman", waits=True)
        try:
            return await ports.gate.watch(self._host, ports.watch.record(self._host), ports.patience())
        except TimeoutError:
            pass
        try:
            record = await ports.foreman.host(self._host)
        except Unreadable as failure:
            raise await self._ended_in(self._memory.start, failure) from None
        except StageFailure as failure:
            raise ServiceGone(f"Foreman cannot be read: {failure.reason}") from None
        if record is None:
            gone = StageFailure(Cause.UNKNOWN_HOST, "Foreman no longer has a host of this name", retryable=False)
            raise await self._ended_in(self._memory.start, gone)
        return record

    async def _attempts(self, stage: Stage) -> None:
        """One stage, repeated while another attempt may help."""
        clock, limits = self._ports.clock, self._ports.limits
        tries, gone, lost = 0, 0.0, 0.0
        unread, until = 0, 0.0
        while True:
            lost += await self._rack_answers(stage)
            await self._ports.gate.admit(self._host, stage)
            attempt = self._begin(stage)
            began = clock.now()
            try:
                reason = await self._guarded(stage)
            except StageFailure as failure:
                self._end(stage, attempt, StageStatus.FAILED, clock.now() - began, failure.reason, failure)
                asked = stage is Stage.FOREMAN_BUILD or failure.service == FOREMAN
                away = asked and failure.cause in AWAY
                if away:
                    # Foreman is away for all hosts: this one keeps its place, so that no further ones are powered off.
                    gone += clock.now() - max(began, self._writes.carried_at)
                    if gone > limits.foreman_build:
                        raise ServiceGone(f"Foreman has been unavailable for {gone / 60:.0f} min: {failure.reason}") from None
                elif lost <= limits.rack_outage and self._ports.outages.explains(self._host, failure, began):
                    lost += clock.now() - began  # its whole rack was away: no attempt of its own was used up
                elif isinstance(failure, Unreadable):  # of this moment, and nothing was done: until the deadline of the stage
                    until = until if unread else clock.deadline(getattr(limits, stage.value))
                    unread += 1
                    tries = tries if clock.now() < until else limits.attempts
                else:
                    tries, gone, unread = tries + 1, 0.0, 0
                if not failure.retryable or tries >= limits.attempts:
                    raise _StageGaveUp(stage, failure) from None
                if not self._memory.off:  # on while it waits for its next attempt: it keeps no place
                    self._ports.gate.leave_powered_off_set(self._host)
                failed_at = clock.now()
                if not (stage.is_at_bmc and self._ports.outages.is_away(self._host)):
                    await self._wait_for_next(stage, failure, unread or tries)
                gone += clock.now() - failed_at if away else 0.0
            except (Skipped, Held) as out:
                self._end(stage, attempt, StageStatus.SKIPPED, clock.now() - began, str(out))
                raise
            except (Stopping, JournalBroken, CredentialsRefused):
                self._end(
                    stage,
                    attempt,
                    StageStatus.SKIPPED,
                    clock.now() - began,
                    "this stage was not finished: the rollout was stopped",
                )
                raise
            else:
                self._end(stage, attempt, StageStatus.FINISHED, clock.now() - began, reason)
                return

    async def _rack_answers(self, stage: Stage) -> float:
        """Where the stage needs the host's BMC: wait until its rack answers, and try it when asked to. Gives own seconds."""
        ports = self._ports
        if not (stage.is_at_bmc and ports.outages.is_away(self._host)) or not self._memory.attempts:
            return 0.0  # hosts that have not begun wait at the gate
        began = ports.clock.now()
        ports.gate.yield_place(self._host)
        why = ports.outages.why(self._host)
        self._change(HostStatus.WAITING, stage=stage, cause=Cause.UNREACHABLE, reason=why)
        while await ports.gate.watch(self._host, ports.outages.turn(self._host)):
            try:
                await self._machine.look()
            except StageFailure:
                pass  # whether its BMC answered at all was heard
            finally:
                ports.outages.tried(self._host)
        return ports.clock.now() - began

    async def _guarded(self, stage: Stage) -> str:
        """An error of ours fails this host and is told; it never ends the others."""
        try:
            return await self._recognised(self._carried_out(stage))
        except (StageFailure, Skipped, Held, Stopping, JournalBroken, CredentialsRefused):
            raise
        except TimeoutError:
            raise StageFailure(Cause.TIMEOUT, "the stage did not finish before its deadline") from None
        except Exception as error:
            log.error(
                "%s in %s of %s", type(error).__name__, stage, self._host, exc_info=(type(error), error, error.__traceback__)
            )
            words = f"internal error: {type(error).__name__}"
            raise StageFailure(Cause.UNKNOWN, words, retryable=False, service="quads-tui") from None

    async def _carried_out(self, stage: Stage) -> str:
        """Nothing is done before it is known to which machine, hooks included."""
        await self._stages.identify(stage)
        await self._ports.hooks.before(stage, self._plan, self._acts)
        reason = await self._stages.carry_out(stage)
        await self._ports.hooks.after(stage, self._plan, self._acts)
        return reason

    async def _wait_for_next(self, stage: Stage, failure: StageFailure, tries: int) -> None:
        clock, limits = self._ports.clock, self._ports.limits
        pause = min(limits.backoff * 2 ** max(0, tries - 1), limits.backoff_max) * random.uniform(0.7, 1.3)
        if failure.after is not None:
            pause = max(pause, failure.after * clock.speed)  # what a server says counts in real seconds
        until = clock.wall() + clock.real(pause)
        self._change(HostStatus.WAITING, stage=stage, cause=failure.cause, reason=failure.reason, until=until)
        await self._ports.gate.watch(self._host, clock.sleep(pause))

    # Ways out

    async def _failed(self, ended: _StageGaveUp) -> None:
        """Before the build write the machine is made safe; after it, it stays armed for the retry, and the event says so."""
        memory, failure = self._memory, ended.failure
        self._remember(failed=(ended.stage, failure.cause))
        prepared = memory.stands
        trouble = await self._clear_override() if memory.built_at is None else ""
        armed = memory.in_build and await self._still_armed(ended.stage)
        self._ports.emit(HostArmed(self._ports.clock.wall(), self._host, armed))
        safety = Safety.ARMED if armed else self._safety(prepared, trouble)
        if safety is Safety.OFF and ended.stage is Stage.POWER_ON and not await self._shows_off():
            # It was told to boot, and PXE is used up: the one thing that is certain is that nobody saw it off.
            self._remember(off=False)
            safety = Safety.UNKNOWN if memory.built_at is None else Safety.INSTALLING
        self._change(
            HostStatus.FAILED,
            stage=ended.stage,
            cause=failure.cause,
            reason=failure.reason,
            safety=safety,
            not_disarmed=trouble,
        )

    def _safety(self, prepared: bool, trouble: str) -> Safety:
        """What a host that is not armed was left as. `prepared`: something of ours stood on it before it was made safe."""
        memory = self._memory
        if trouble or memory.unread:
            return Safety.UNKNOWN
        if memory.off:
            return Safety.OFF
        if memory.booted:
            return Safety.INSTALLING if memory.in_build else Safety.UNKNOWN
        if prepared and not memory.stands:
            return Safety.DISARMED
        return Safety.UNKNOWN if self._ports.touched(self._host) else Safety.UNTOUCHED

    async def _still_armed(self, stage: Stage) -> bool:
        """Whether the next boot wipes the host: it is in build, and its BMC still holds the PXE override (or does not say)."""
        if stage in (Stage.POWER_OFF, Stage.PXE_SET, Stage.FOREMAN_BUILD):
            return self._memory.override
        try:
            return await (await self._machine.bmc()).pxe_armed()
        except (StageFailure, Held):
            return True

    async def _left(self, out: Skipped | Held) -> None:
        """Skipped or held: an armed host is disarmed, an installing one only no longer watched."""
        memory = self._memory
        status = HostStatus.SKIPPED if isinstance(out, Skipped) else HostStatus.HELD
        failed, trouble = (memory.start, Cause.UNKNOWN), ""
        safety = Safety.INSTALLING
        if memory.booted and memory.start is Stage.INSTALL:
            failed = (Stage.INSTALL, Cause.INSTALL_TIMEOUT)
        elif await self._booting():
            failed = (Stage.INSTALL, Cause.INSTALL_TIMEOUT)
            if armed := await self._still_armed(Stage.POWER_ON):  # the boot that is under way did not use PXE up
                safety = Safety.ARMED
            self._ports.emit(HostArmed(self._ports.clock.wall(), self._host, armed))
        else:
            prepared = memory.stands
            trouble = await self.disarm()
            safety = self._safety(prepared, trouble)
            if not trouble:
                failed = (self._goal.kind.stages[0], Cause.UNKNOWN)
        self._remember(failed=failed, asked=out.machine if isinstance(out, Asked) else None)
        self._change(status, stage=memory.start, reason=str(out), safety=safety, not_disarmed=trouble)

    async def _shows_off(self) -> bool:
        try:
            return await self._look_for_off()
        except (StageFailure, Held):
            return False

    async def _booting(self) -> bool:
        """In build, and its BMC shows that it was powered on though the stage did not come to its end."""
        if self._memory.start is not Stage.POWER_ON or self._memory.built_at is None:
            return False
        try:
            return not await self._look_for_off()
        except (StageFailure, Held):
            return False

    async def disarm(self) -> str:
        """Out of build through the lane, read back; override cleared. What could not be done, in words."""
        memory = self._memory
        acts = HostSideEffects(self._host, self._ports, disarming=True)
        await self._alone_at_the_bmc()
        await self._settled()
        try:
            if memory.in_build:
                await self._writes.cancel(acts)
            trouble = await self._clear_override()
        except StageFailure as failure:
            trouble = failure.reason
        except (Held, Skipped) as no:
            trouble = str(no)
        if not memory.in_build:
            self._ports.emit(HostArmed(self._ports.clock.wall(), self._host, False))
        return trouble

    async def _clear_override(self) -> str:
        if not self._memory.override:
            return ""
        try:
            await self._machine.clear_override(self._ports.clock.deadline(self._ports.limits.pxe_set))
        except (StageFailure, Held) as no:
            build = "" if self._memory.in_build else "; build mode is not set by this rollout"
            return f"its boot override could not be cleared: {no}{build}"
        self._remember(override=False)
        return ""

    # Events

    def _remember(self, **changes: Any) -> None:
        self._ports.remember(self._host, self._memory, **changes)

    def _begin(self, stage: Stage) -> int:
        attempt = self._memory.attempts[stage] = self._memory.attempts.get(stage, 0) + 1
        self._ports.emit(StageChanged(self._ports.clock.wall(), self._host, stage, StageStatus.STARTED, attempt))
        return attempt

    def _end(
        self, stage: Stage, attempt: int, status: StageStatus, seconds: float, reason: str = "", no: StageFailure | None = None
    ) -> None:
        why = (no.cause, no.service, no.status) if no is not None else (None,)
        now = self._ports.clock.wall()
        self._ports.emit(StageChanged(now, self._host, stage, status, attempt, round(seconds, 3), reason, *why))

    def _change(
        self,
        status: HostStatus,
        *,
        stage: Stage | None = None,
        cause: Cause | None = None,
        reason: str = "",
        until: float | None = None,
        safety: Safety | None = None,
        not_disarmed: str = "",
    ) -> None:
        now = self._ports.clock.wall()
        self._ports.emit(HostChanged(now, self._host, status, stage, cause, reason, until, safety, not_disarmed))
