"""The plan's other half: every BMC looked at, side by side, with nothing touched."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import Protocol, TypeVar

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.identity import Comparison, Identity, compared, mac_of
from quads_tui.rollout.plan import NOT_ASKED, HostPlan, Plan
from quads_tui.rollout.ports import SideEffects
from quads_tui.rollout.stages import Kind, Stage
from quads_tui.services.redfish import Survey

T = TypeVar("T")

PATIENCE = 9.5  # real seconds for one BMC to answer, from its last answer on: a plan is looked at, not waited for
LONGEST = 15.0  # real seconds for all that one BMC is asked; what it has not told by then is asked again before its first act
WHOLE = 60.0  # real seconds for all of them; those that were not asked by then are asked before their first act
_AT_ONCE = 128  # BMCs that are at work
_SLOW = 1.0  # real seconds after which a BMC counts as waited for, not as at work
_NICS = "its network interfaces were not told"
_SAID = 2.0  # real seconds between two lines of progress
NO_OVERRIDE = "its BMC offers no boot override (its Boot has none, and no settings object): PXE cannot be set"
NO_FORCE_OFF = "its BMC offers no reset that powers it off (neither ForceOff nor one like it)"


class SurveyedBmc(Protocol):
    """What a survey needs of a BMC client. Raises StageFailure."""

    async def survey(self) -> Survey: ...
    async def identify(self, macs: Collection[str], deadline: float | None = None, whole: bool = False) -> Identity: ...
    async def close(self) -> None: ...


class OnlyLooking:
    """Implements rollout.ports.SideEffects for those who may not act at all."""

    async def intend(self, act: str, detail: dict[str, object]) -> None:
        raise RuntimeError(f"a plan never acts, and this was to {act}")

    async def confirm(self) -> None:
        raise RuntimeError("a plan never acts")

    async def before_login(self) -> None:
        pass

    def session(self, uri: str, is_open: bool) -> None:
        pass

    def result(self, result: str, detail: dict[str, object]) -> None:
        pass

    def note(self, text: str, waits: bool = False) -> None:
        pass


class BmcSurvey:
    """Asks the BMCs of a plan.

    `provisioning` asks Foreman for the MACs that it provisions a host through: only where the one in its record is not found.
    `say` gets a line every two seconds.
    """

    def __init__(
        self,
        bmc: Callable[[HostPlan, SideEffects], SurveyedBmc],
        provisioning: Callable[[str], Awaitable[Collection[str]]],
        say: Callable[[str], None],
    ) -> None:
        self._bmc = bmc
        self._provisioning = provisioning
        self._say = say
        self._patience: dict[str, asyncio.Timeout] = {}  # what is waited for now, by name
        self._ends: dict[str, float] = {}  # when that is over whatever comes, by name
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def of(self, plan: Plan, only: Collection[str] | None = None) -> Plan:
        """The plan with what the BMCs of all its hosts that are to be acted on say now, or of those in `only`."""
        asked = [host for host in plan.hosts if plan.reaches_bmc(host) and (only is None or host.name in only)]
        whole = any(one.machine.macs for one in plan.protected)  # a protected machine may be told by any of its MACs
        looks = {asyncio.create_task(self._begun(host, plan.goal(host).kind, whole)): host for host in asked}
        try:
            late = await self._awaited(looks)
        finally:
            for look in looks:
                look.cancel()  # and with it its session: bounded to some seconds
            await asyncio.gather(*looks, return_exceptions=True)
        found = {host.name: replace(host, bmc=NOT_ASKED) if look in late else look.result() for look, host in looks.items()}
        return replace(plan, hosts=tuple(found.get(host.name, host) for host in plan.hosts))

    async def _awaited(self, looks: Collection[asyncio.Task[HostPlan]]) -> set[asyncio.Task[HostPlan]]:
        """Those that have not ended when the time for all is over."""
        loop, left = asyncio.get_running_loop(), set(looks)
        ends = loop.time() + WHOLE
        while left and (seconds := ends - loop.time()) > 0:
            _, left = await asyncio.wait(left, timeout=min(_SAID, seconds))
            if left:
                self._say(f"{len(looks) - len(left)} of {len(looks)} BMCs answered")
        if left:
            self._say(f"{len(left)} BMCs not asked yet after {WHOLE:.0f} s: asked before the first act on their hosts")
        return left

    def heard(self, name: str) -> None:
        """The host's BMC answered something: it is not silent, whatever else there is to ask it."""
        patience, ends = self._patience.get(name), self._ends.get(name, 0.0)
        if patience is not None and not patience.expired():
            patience.reschedule(min(ends, asyncio.get_running_loop().time() + PATIENCE))

    async def _in_time(self, name: str, answer: Awaitable[T], missed: str) -> tuple[T | None, str]:
        """What a BMC answers, or None and why there is nothing."""
        now = asyncio.get_running_loop().time()
        ends = self._ends.setdefault(name, now + LONGEST)
        try:
            async with asyncio.timeout_at(min(ends, now + PATIENCE)) as self._patience[name]:
                return await answer, ""
        except StageFailure as failure:
            return None, f"{failure.cause.value}: {failure.reason}"
        except TimeoutError:
            if asyncio.get_running_loop().time() >= ends:  # it answers, and slowly
                return None, f"busy: {missed} within {LONGEST:.0f} s; asked again before its first act"
            return None, f"unreachable: {missed}, and nothing for {PATIENCE:.1f} s"
        finally:
            self._patience.pop(name, None)

    async def _begun(self, host: HostPlan, kind: Kind, whole: bool) -> HostPlan:
        """Many at once, but not so many that they wait for this machine; a slow one makes room for others meanwhile."""
        async with self._places:
            look = asyncio.create_task(self._look(host, kind, whole))
            try:
                await asyncio.wait({look}, timeout=_SLOW)
            except asyncio.CancelledError:
                look.cancel()
                await asyncio.wait({look})
                raise
        return await look

    async def _look(self, host: HostPlan, kind: Kind, whole: bool) -> HostPlan:
        """The host with what its BMC told in time; HostPlan.bmc says why something is missing."""
        bmc, name = self._bmc(host, OnlyLooking()), host.name
        try:
            told, why = await self._in_time(name, bmc.survey(), "no complete answer")
            if told is None:
                return replace(host, bmc=why)
            machine, why = await self._in_time(name, bmc.identify(_wanted(host), whole=whole), _NICS)
            if machine is None and not told.identity.system and host.mac:  # none of its systems has the primary interface's MAC
                host = await self._provisioned(host)
                machine, why = await self._in_time(name, bmc.identify(_wanted(host), whole=whole), _NICS)
            if machine is not None and (not told.identity.system or False in (told.override, told.force_off)):
                # Which of its systems is meant is known only now; and one answer that lacks something may be half an answer.
                again, why = await self._in_time(name, bmc.survey(), "no complete answer")
                told = again or replace(told, override=None, force_off=None)
        finally:
            await bmc.close()
        host = _seen(replace(host, bmc=why), kind, told, machine.with_known(told.identity) if machine else told.identity)
        return host if machine is None or host.blocker else await self._compared(host, machine)

    async def _provisioned(self, host: HostPlan) -> HostPlan:
        """With the MAC of the interface that provisions, where Foreman tells another one than the primary's."""
        try:
            provisioning = await self._provisioning(host.name)
        except StageFailure:
            return host
        return replace(host, mac=min(provisioning)) if provisioning else host

    async def _compared(self, host: HostPlan, machine: Identity) -> HostPlan:
        """Against what Foreman knows of the host's NICs, where that is wanted."""
        if not host.compared:
            return host
        result, why = compared(machine, _wanted(host))
        if result is not Comparison.SAME and machine.macs:
            # The primary interface may be a bond with a MAC of its own; what counts is the one that provisions.
            try:
                provisioning = await self._provisioning(host.name)
            except StageFailure as failure:
                return replace(host, unverified=f"Foreman does not tell its interfaces: {failure.reason}")
            if provisioning:
                result, why = compared(machine, provisioning)
                host = replace(host, mac=min(provisioning))
        if result is Comparison.OTHER:
            return replace(host, blocker=why, blocker_stage=Stage.POWER_OFF, blocker_cause=Cause.WRONG_BMC)
        return replace(host, unverified=why)


def unasked(plan: Plan) -> Plan:
    """The plan without a survey: what it would have told is asked before the first act on each host."""
    return replace(plan, hosts=tuple(replace(host, bmc=NOT_ASKED) if plan.reaches_bmc(host) else host for host in plan.hosts))


def _wanted(host: HostPlan) -> frozenset[str]:
    """The MAC by which the machine is recognised; without one all its NICs are read."""
    return frozenset({mac_of(host.mac)} - {""}) if host.compared else frozenset()


def _seen(host: HostPlan, kind: Kind, told: Survey, machine: Identity) -> HostPlan:
    """With what was told. What the acts would meet for certain ends the host before anything is done to it."""
    notes = list(host.notes)
    if told.mode and host.mode and told.mode.lower() != host.mode.lower():
        notes.append(f"boots in {told.mode} mode, Foreman's PXE loader is for {host.mode}")
    if told.pxe is False:
        notes.append("does not list PXE among what it can boot from")
    if told.override is False and host.device:
        notes.append(f"can boot once from {host.device} only: {NO_OVERRIDE}")
    notes = list(dict.fromkeys(notes))  # an earlier survey may have said the same
    host = replace(host, power=told.power, model=host.model or told.model, notes=tuple(notes), identity=machine)
    if told.force_off is False and told.power != "Off":
        return replace(host, blocker=NO_FORCE_OFF, blocker_stage=Stage.POWER_OFF, blocker_cause=Cause.REFUSED)
    if told.override is False and kind is Kind.BUILD and not host.device:
        return replace(host, blocker=NO_OVERRIDE, blocker_stage=Stage.PXE_SET, blocker_cause=Cause.REFUSED)
    return host
