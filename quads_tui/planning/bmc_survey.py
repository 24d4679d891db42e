"""The BMC survey of a plan: every BMC is read, many at once, and none is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import Protocol, TypeVar

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.counts import count
from quads_tui.rollout.identity import Comparison, Identity, compared, mac_of
from quads_tui.rollout.plan import NOT_ASKED, HostPlan, Plan
from quads_tui.rollout.ports import SideEffects
from quads_tui.rollout.stages import ActResult, Kind, Stage
from quads_tui.services.survey import Survey

T = TypeVar("T")

ANSWER_TIMEOUT = 9.5  # real seconds without an answer from one BMC: an operator waits for the plan
BMC_TIMEOUT = 15.0  # real seconds for all requests to one BMC; what is missing then is read before the first action on its host
SURVEY_TIMEOUT = 60.0  # real seconds for all BMCs; those not surveyed by then are read before the first action on their hosts
_CONCURRENT = 128  # BMCs
_SLOW = 1.0  # real seconds after which a BMC no longer counts against _CONCURRENT
_NICS = "its network interfaces were not reported"
_PROGRESS_INTERVAL = 2.0  # real seconds between two lines of progress
NO_ACTIONS = (
    "busy: its BMC does not report its actions (it may be starting); the BMC is read again before the first action on its host"
)
NO_OVERRIDE = "its BMC offers no boot override (neither in Boot nor in a settings object): PXE cannot be set"
NO_FORCE_OFF = "its BMC offers no reset type that powers it off (ForceOff or equivalent)"


class SurveyedBmc(Protocol):
    """What a survey needs of a BMC client. Raises StageFailure."""

    async def survey(self) -> Survey: ...
    async def identify(self, macs: Collection[str], deadline: float | None = None, whole: bool = False) -> Identity: ...
    async def close(self) -> None: ...


class ReadOnlySideEffects:
    """Implements rollout.ports.SideEffects for readers: every attempt to act is an error of the program."""

    async def intend(self, act: str, detail: dict[str, object]) -> None:
        raise RuntimeError(f"the plan must not act, but tried to {act}")

    async def confirm(self) -> None:
        raise RuntimeError("the plan must not act")

    async def before_login(self) -> None:
        pass

    def session(self, uri: str, is_open: bool) -> None:
        pass

    def refused(self, times: int) -> None:
        pass

    def heard(self, why: str = "") -> None:
        pass

    def result(self, result: ActResult, detail: dict[str, object]) -> None:
        pass

    def note(self, text: str, waits: bool = False) -> None:
        pass


class BmcSurvey:
    """Asks the BMCs of a plan.

    `provisioning` reads from Foreman the MACs that it provisions a host through, where the one in its record is not found.
    `notify` gets a progress line every two seconds.
    """

    def __init__(
        self,
        bmc: Callable[[HostPlan, SideEffects], SurveyedBmc],
        provisioning: Callable[[str], Awaitable[Collection[str]]],
        notify: Callable[[str], None],
    ) -> None:
        self._bmc = bmc
        self._provisioning_macs = provisioning
        self._notify = notify
        self._timeouts: dict[str, asyncio.Timeout] = {}  # of the current request, by name
        self._deadlines: dict[str, float] = {}  # of all requests, by name (loop time)
        self._turns = asyncio.Semaphore(_CONCURRENT)

    async def run(self, plan: Plan, only: Collection[str] | None = None) -> Plan:
        """The plan with the current findings of the BMCs of its hosts, or only of those in `only`."""
        asked = [host for host in plan.hosts if plan.reaches_bmc(host) and (only is None or host.name in only)]
        whole = any(one.machine.macs for one in plan.protected)  # a protected machine may be recognised by any of its MACs
        tasks = {asyncio.create_task(self._survey_in_turn(host, plan.goal(host).kind, whole)): host for host in asked}
        try:
            unfinished = await self._wait_for_all(tasks)
        finally:
            for task in tasks:
                task.cancel()  # this also closes its session, within seconds
            await asyncio.gather(*tasks, return_exceptions=True)
        found = {host.name: replace(host, bmc=NOT_ASKED) if task in unfinished else task.result() for task, host in tasks.items()}
        return replace(plan, hosts=tuple(found.get(host.name, host) for host in plan.hosts))

    async def _wait_for_all(self, tasks: Collection[asyncio.Task[HostPlan]]) -> set[asyncio.Task[HostPlan]]:
        """Returns those that are unfinished after SURVEY_TIMEOUT."""
        loop, left = asyncio.get_running_loop(), set(tasks)
        deadline = loop.time() + SURVEY_TIMEOUT
        while left and (seconds := deadline - loop.time()) > 0:
            _, left = await asyncio.wait(left, timeout=min(_PROGRESS_INTERVAL, seconds))
            if left:
                self._notify(f"{len(tasks) - len(left)} of {count(len(tasks), 'BMC')} answered")
        if left:
            self._notify(
                f"{count(len(left), 'BMC')} not surveyed after {SURVEY_TIMEOUT:.0f} s:"
                " each is read before the first action on its host"
            )
        return left

    def on_answer(self, name: str) -> None:
        """The host's BMC answered a request: restart its ANSWER_TIMEOUT."""
        timeout, deadline = self._timeouts.get(name), self._deadlines.get(name, 0.0)
        if timeout is not None and not timeout.expired():
            timeout.reschedule(min(deadline, asyncio.get_running_loop().time() + ANSWER_TIMEOUT))

    async def _with_timeout(self, name: str, answer: Awaitable[T], missed: str) -> tuple[T | None, str]:
        """The answer of a BMC, or None and the reason."""
        now = asyncio.get_running_loop().time()
        deadline = self._deadlines.setdefault(name, now + BMC_TIMEOUT)
        try:
            async with asyncio.timeout_at(min(deadline, now + ANSWER_TIMEOUT)) as self._timeouts[name]:
                return await answer, ""
        except StageFailure as failure:
            return None, f"{failure.cause.value}: {failure.reason}"
        except TimeoutError:
            if asyncio.get_running_loop().time() >= deadline:  # it answers, and slowly
                return (
                    None,
                    f"busy: {missed} within {BMC_TIMEOUT:.0f} s; the BMC is read again before the first action on its host",
                )
            return None, f"unreachable: {missed}, the BMC sent no data for {ANSWER_TIMEOUT:.1f} s"
        finally:
            self._timeouts.pop(name, None)

    async def _survey_in_turn(self, host: HostPlan, kind: Kind, whole: bool) -> HostPlan:
        """At most _CONCURRENT at once; a slow one gives its turn to others after _SLOW."""
        async with self._turns:
            task = asyncio.create_task(self._survey_host(host, kind, whole))
            try:
                await asyncio.wait({task}, timeout=_SLOW)
            except asyncio.CancelledError:
                task.cancel()
                await asyncio.wait({task})
                raise
        return await task

    async def _survey_host(self, host: HostPlan, kind: Kind, whole: bool) -> HostPlan:
        """The host with what its BMC answered in time; HostPlan.bmc contains the reason if something is missing."""
        bmc, name = self._bmc(host, ReadOnlySideEffects()), host.name
        try:
            survey, why = await self._with_timeout(name, bmc.survey(), "no complete answer")
            if survey is None:
                return replace(host, bmc=why)
            machine, why = await self._with_timeout(name, bmc.identify(_foreman_macs(host), whole=whole), _NICS)
            if machine is None and not survey.identity.system and host.mac:  # none of its systems has the primary interface's MAC
                host = await self._with_provisioning_mac(host)
                machine, why = await self._with_timeout(name, bmc.identify(_foreman_macs(host), whole=whole), _NICS)
            half = False in (survey.acts, survey.override, survey.force_off)
            if machine is not None and (not survey.identity.system or half):
                # Which of its systems is meant is known only now; and one answer that lacks something may be half an answer.
                second, why = await self._with_timeout(name, bmc.survey(), "no complete answer")
                survey = second or replace(survey, override=None, force_off=None)
            why = why or ("" if survey.acts else NO_ACTIONS)
        finally:
            await bmc.close()
        host = _with_findings(
            replace(host, bmc=why), kind, survey, machine.with_known(survey.identity) if machine else survey.identity
        )
        return host if machine is None or host.blocker else await self._with_comparison(host, machine)

    async def _with_provisioning_mac(self, host: HostPlan) -> HostPlan:
        """With the MAC of the provisioning interface, where Foreman has another one than the primary interface."""
        try:
            provisioning = await self._provisioning_macs(host.name)
        except StageFailure:
            return host
        return replace(host, mac=min(provisioning)) if provisioning else host

    async def _with_comparison(self, host: HostPlan, machine: Identity) -> HostPlan:
        """Compared with the MACs in Foreman, unless redfish.check_macs is off for the host."""
        if not host.compared:
            return host
        result, why = compared(machine, _foreman_macs(host))
        if result is not Comparison.SAME and machine.macs:
            # The primary interface may be a bond with a MAC of its own; what counts is the one that provisions.
            try:
                provisioning = await self._provisioning_macs(host.name)
            except StageFailure as failure:
                return replace(host, unverified=f"the network interfaces of the host in Foreman cannot be read: {failure.reason}")
            if provisioning:
                result, why = compared(machine, provisioning)
                host = replace(host, mac=min(provisioning))
        if result is Comparison.OTHER:
            return replace(host, blocker=why, blocker_stage=Stage.POWER_OFF, blocker_cause=Cause.WRONG_BMC)
        return replace(host, unverified=why)


def without_survey(plan: Plan) -> Plan:
    """The plan without a survey: each BMC is read before the first action on its host."""
    return replace(plan, hosts=tuple(replace(host, bmc=NOT_ASKED) if plan.reaches_bmc(host) else host for host in plan.hosts))


def _foreman_macs(host: HostPlan) -> frozenset[str]:
    """The MAC by which the machine is recognised; empty: all its NICs are read."""
    return frozenset({mac_of(host.mac)} - {""}) if host.compared else frozenset()


def _with_findings(host: HostPlan, kind: Kind, survey: Survey, machine: Identity) -> HostPlan:
    """With the findings of the survey. What would certainly fail later ends the host before anything is done to it."""
    notes = list(host.notes)
    if survey.mode and host.mode and survey.mode.lower() != host.mode.lower():
        notes.append(f"boots in {survey.mode} mode, but its PXE loader in Foreman is for {host.mode}")
    if survey.pxe is False:
        notes.append("its BMC does not list PXE as a boot source")
    if survey.override is False and host.device:
        notes.append(f"one-time boot works only from {host.device}: {NO_OVERRIDE}")
    notes = list(dict.fromkeys(notes))  # an earlier survey may have found the same
    host = replace(host, power=survey.power, model=host.model or survey.model, notes=tuple(notes), identity=machine)
    if survey.force_off is False and survey.power != "Off":
        return replace(host, blocker=NO_FORCE_OFF, blocker_stage=Stage.POWER_OFF, blocker_cause=Cause.REFUSED)
    if survey.override is False and kind is Kind.BUILD and not host.device:
        return replace(host, blocker=NO_OVERRIDE, blocker_stage=Stage.PXE_SET, blocker_cause=Cause.REFUSED)
    return host
