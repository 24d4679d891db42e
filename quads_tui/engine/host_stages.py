"""The stages of one host: what each does to the machine and in Foreman, once. Repeating them is the flow's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, assert_never

from quads_tui.rollout.causes import AWAY, Cause, StageFailure
from quads_tui.rollout.events import HostArmed
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.plan import Goal, HostPlan
from quads_tui.rollout.stages import Kind, Stage

from .dell_boot_order import ensure_order
from .machine import HostMachine
from .memory import HostMemory
from .ports import Ports
from .side_effects import HostSideEffects
from .writes import HostWrites

_EARLY = 120.0  # own seconds; a look that was asked for earlier says nothing about the write any more


@dataclass(frozen=True, slots=True)
class _EarlyLook:
    """Is the host in build already? Asked at own time `asked`."""

    answer: asyncio.Future[bool]
    asked: float


@dataclass(slots=True, kw_only=True)
class HostStages:
    """A stage gives a reason, in words, where there is something to say about how it ended, and raises StageFailure, Unidentified
    and what the gate raises. `clear_override` gives what could not be done."""

    plan: HostPlan
    ports: Ports
    memory: HostMemory
    acts: HostSideEffects
    machine: HostMachine
    writes: HostWrites
    clear_override: Callable[[], Awaitable[str]]
    _in_build: _EarlyLook | None = field(init=False, default=None)

    @property
    def _goal(self) -> Goal:
        return self.ports.plan.goal(self.plan)

    async def identify(self, stage: Stage) -> None:
        """Know which machine this stage's acts go to, before the first of them."""
        match stage:
            case Stage.POWER_OFF:
                await self._reach()
            case Stage.PXE_SET | Stage.POWER_ON:
                await self.machine.bmc()
            case Stage.FOREMAN_BUILD | Stage.INSTALL:
                pass  # nothing goes to its BMC
            case _:
                assert_never(stage)

    async def carry_out(self, stage: Stage) -> str:
        """One attempt, after `identify`."""
        match stage:
            case Stage.POWER_OFF:
                return await self._power_off()
            case Stage.PXE_SET:
                return await self._pxe_set()
            case Stage.FOREMAN_BUILD:
                return await (self._build() if self._goal.kind is Kind.BUILD else self._own())
            case Stage.POWER_ON:
                return await self._power_on()
            case Stage.INSTALL:
                return await self._install()
        assert_never(stage)

    async def _power_off(self) -> str:
        bmc = await self.machine.bmc()
        if self._goal.kind is Kind.BUILD and self.memory.built_at is None:
            self.close()
            ask = asyncio.ensure_future(self.ports.watch.is_in_build(self.plan.name))
            self._in_build = _EarlyLook(ask, self.ports.clock.now())
        reason = await bmc.ensure_off(self.ports.clock.deadline(self.ports.limits.power_off))
        self._remember(off=True)
        return reason

    async def _reach(self) -> None:
        """A host whose BMC does not answer gives its place up: it waits outside, so that the others are not held up."""
        ports = self.ports
        if self.memory.off:
            self._remember(off=False)
        try:
            await self.machine.look()
            return
        except StageFailure as failure:
            if not failure.retryable:
                raise
            ports.gate.leave_powered_off_set(self.plan.name)
            if ports.outages.is_away(self.plan.name):
                raise
        await self.machine.look(ports.clock.deadline(ports.limits.power_off))
        await ports.gate.admit(self.plan.name, Stage.POWER_OFF)

    async def _pxe_set(self) -> str:
        bmc, ordered = await self.machine.bmc(), ""
        if self.plan.order:
            ordered = await ensure_order(self.plan, self.ports, bmc, self.acts, self.memory)
        reason = await bmc.ensure_pxe_next(self.ports.clock.deadline(self.ports.limits.pxe_set))
        self._remember(override=True, stays=bmc.pxe_persistent)
        return "; ".join(words for words in (ordered, reason) if words)

    async def _build(self) -> str:
        ports = self.ports
        if await self.writes.adopted(self.acts):
            reason = "build mode is still set in Foreman from an earlier attempt"
        else:
            self.acts.note("waiting for Foreman to report whether the host is already in build mode", waits=True)
            if await ports.gate.watch(self.plan.name, self._look_for_build(), ports.patience()):
                await self.writes.cancel(self.acts)
            for name in self.plan.parameters:
                await self.writes.parameter(self.acts, name, self._goal.target.parameters[name])
            await self.writes.build(self.acts)
            reason = ""
        ports.gate.leave_powered_off_set(self.plan.name)
        self.acts.note("written; waiting until a read of Foreman confirms build mode", waits=True)
        try:
            await ports.gate.watch(self.plan.name, ports.watch.until_in_build(self.plan.name), ports.patience())
        except TimeoutError:
            raise StageFailure(
                Cause.UNKNOWN, "Foreman accepted build mode for the host, but later reads of Foreman do not show it"
            ) from None
        return reason

    def _look_for_build(self) -> Awaitable[bool]:
        """The look that was asked for when the host was powered off, so that it does not stand dark for it; a new one later."""
        early, self._in_build = self._in_build, None
        if early is not None and self.ports.clock.now() - early.asked <= _EARLY:
            return early.answer
        if early is not None:
            early.answer.cancel()
        return self.ports.watch.is_in_build(self.plan.name)

    def close(self) -> None:
        """Nobody waits for its look at Foreman any more."""
        if self._in_build is not None:
            self._in_build.answer.cancel()
            self._in_build = None

    async def _own(self) -> str:
        ports = self.ports
        if not await self.writes.owner(self.acts):
            return "the planned owner is set already"
        self.acts.note("written; waiting until a read of Foreman confirms the new owner", waits=True)
        record = await ports.gate.watch(self.plan.name, ports.watch.record(self.plan.name), ports.patience())
        if not record.has(self._goal.target.attributes()):
            raise StageFailure(Cause.FOREMAN, "Foreman accepted the new owner, but a later read shows another owner")
        return ""

    async def _power_on(self) -> str:
        ports, memory = self.ports, self.memory
        await self._armed_for_long()
        bmc = await self.machine.bmc()
        unsure = memory.attempts[Stage.POWER_ON] > 1 or not (memory.off and memory.override)
        if unsure and await bmc.is_off():
            # Hours may have passed since it was set. A machine that is on has used it, and must not get it again.
            await bmc.ensure_pxe_next(ports.clock.deadline(ports.limits.pxe_set))
        reason = await bmc.ensure_on(ports.clock.deadline(ports.limits.power_on))
        self._remember(off=False, override=memory.stays, booted=True, installing_since=ports.clock.moment())
        ports.emit(HostArmed(ports.clock.wall(), self.plan.name, False))
        await bmc.close()
        return reason

    async def _armed_for_long(self) -> None:
        """The build token lives at least as long as the install may take, or half its life where it never lives that long."""
        ports, memory = self.ports, self.memory
        if memory.built_at is not None:
            age = memory.built_at.until(ports.clock.moment())
            life, install = ports.token_seconds, ports.limits.install
            fresh = age is not None and age * ports.clock.speed + (install if install < life else life / 2) <= life
            if not life or fresh:
                return
            self.acts.note("build mode is cancelled and set again: the build token would expire before the install ends")
            await self.writes.cancel(self.acts)  # a build that is set again while it is set keeps its old token
        await self.writes.build(self.acts)

    async def _install(self) -> str:
        ports, memory = self.ports, self.memory
        since = memory.installing_since
        gone = since.until(ports.clock.moment()) if since is not None else None  # also in an earlier process
        left = max(ports.limits.install - (gone or 0.0) * ports.clock.speed, 5 * ports.limits.poll)
        seconds = ports.clock.deadline(left) - ports.clock.now()
        try:
            record = await ports.gate.watch(self.plan.name, ports.watch.until_left(self.plan.name), seconds)
        except TimeoutError:
            record = await self._at_the_end()
        self._remember(built_at=None)
        if record.build_status == 3:
            raise StageFailure(Cause.INSTALL_FAILED, "the installer reported an error to Foreman", retryable=False)
        if record.build_status != 0:
            words = f"the host left build mode, but Foreman shows build_status {record.build_status} instead of 0 (installed)"
            raise StageFailure(Cause.UNKNOWN, words, retryable=False)
        if not is_installed(record, memory.baseline):
            words = "the host is no longer in build mode, but was not installed: somebody cancelled build mode in Foreman"
            raise StageFailure(Cause.CANCELLED, words, retryable=False)
        return await self.clear_override()  # where the BMC kept it; the host is installed whatever comes of that

    async def _at_the_end(self) -> HostRecord:
        """The host by one more read that shows it out of build. Raises StageFailure: why the install did not end in time."""
        minutes = self.ports.limits.install / 60
        try:
            record = await self._awaited_record()
        except StageFailure as failure:
            words = f"no end of the install was seen within {minutes:.0f} min, and Foreman cannot be read: {failure.reason}"
            raise StageFailure(Cause.UNKNOWN, words, retryable=False) from None
        if record is not None and record.build is False:
            return record
        if record is not None and record.build_status == 2:
            raise StageFailure(Cause.TOKEN_EXPIRED, "the build token expired before the install ended", retryable=False)
        raise StageFailure(
            Cause.INSTALL_TIMEOUT,
            f"the install did not end within {minutes:.0f} min (limits.install): the host is still in build mode",
            retryable=False,
        )

    async def _awaited_record(self) -> HostRecord | None:
        """By a read of its own; where Foreman is away, by the first look that it answers, for as long as it is waited for."""
        ports = self.ports
        try:
            return await ports.foreman.host(self.plan.name)
        except StageFailure as failure:
            if failure.cause not in AWAY:
                raise
            self.acts.note("the install deadline has passed; waiting for Foreman to report the host", waits=True)
            try:
                return await ports.gate.watch(self.plan.name, ports.watch.record(self.plan.name), ports.patience())
            except TimeoutError:
                raise failure from None

    def _remember(self, **changes: Any) -> None:
        self.ports.remember(self.plan.name, self.memory, **changes)


def is_installed(record: HostRecord, baseline: datetime | None) -> bool:
    """Whether Foreman's own clock says that an install ended after our write."""
    return record.installed_at is not None and (baseline is None or record.installed_at > baseline)
