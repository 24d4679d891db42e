"""The BMC survey of a plan: every BMC is read, many at once, and none is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.counts import count
from quads_tui.rollout.identity import Comparison, Identity, compared, mac_of
from quads_tui.rollout.loop_lag import PunctualTime, PunctualTimer
from quads_tui.rollout.plan import NOT_ASKED, HostPlan, Plan
from quads_tui.rollout.ports import SideEffects
from quads_tui.rollout.scrub import SECRETS
from quads_tui.rollout.stages import ActResult, Kind, Stage
from quads_tui.services.survey import Survey

T = TypeVar("T")

# A BMC's seconds are those in which our event loop was punctual: on a busy machine an answer lies there and nobody reads it.
ANSWER_TIMEOUT = 9.5  # real seconds without an answer from one BMC: an operator waits for the plan
BMC_TIMEOUT = 15.0  # real seconds for all requests to one BMC; what is missing then is read before the first action on its host
SURVEY_TIMEOUT = 60.0  # real seconds for all BMCs; those not surveyed by then are read before the first action on their hosts
_CONCURRENT = 128  # BMCs
_CONCURRENT_AGAIN = 8  # BMCs that may have been unreachable through our own slowness: few, so that they are not again
_LATE = 0.2  # share of the time of a survey in which our loop was late: from there on a BMC that was not reached is asked again
_SLOW = 1.0  # real seconds after which a BMC no longer counts against _CONCURRENT
_NICS = "its network interfaces were not reported"
_NAMED = 10  # hosts
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

    def __init__(self) -> None:
        self._left: list[str] = []

    @property
    def left_session(self) -> str:
        """Which sessions stay open at the BMC, or may, in words; empty: none."""
        return "; ".join(dict.fromkeys(self._left))

    async def intend(self, act: str, detail: dict[str, object]) -> None:
        raise RuntimeError(f"the plan must not act, but tried to {act}")

    async def confirm(self) -> None:
        raise RuntimeError("the plan must not act")

    async def before_login(self) -> None:
        pass

    def session(self, uri: str, is_open: bool) -> None:
        pass

    def left(self, words: str) -> None:
        self._left.append(SECRETS.scrub(words))

    def refused(self, times: int) -> None:
        pass

    def heard(self, why: str = "") -> None:
        pass

    def result(self, result: ActResult, detail: dict[str, object]) -> None:
        pass

    def note(self, text: str, waits: bool = False) -> None:
        pass


@dataclass(slots=True)
class _Try:
    """One survey of one BMC. Times are those of PunctualTime."""

    deadline: float  # of all requests
    timeout: PunctualTimer | None = None  # of the current one
    advised: bool = False  # its failure says exactly what to do
    silent: bool = False  # it was not answered, or not in time: that may have been our own slowness


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
        self._time = PunctualTime()
        self._tries: dict[str, _Try] = {}  # by host
        self._acts: dict[str, ReadOnlySideEffects] = {}  # by host
        self._turns = asyncio.Semaphore(_CONCURRENT)
        self._again = asyncio.Semaphore(_CONCURRENT_AGAIN)

    async def run(self, plan: Plan, only: Collection[str] | None = None) -> Plan:
        """The plan with the current findings of the BMCs of its hosts, or only of those in `only`."""
        asked = [host for host in plan.hosts if plan.reaches_bmc(host) and (only is None or host.name in only)]
        whole = any(one.machine.macs for one in plan.protected)  # a protected machine may be recognised by any of its MACs
        self._acts = {host.name: ReadOnlySideEffects() for host in asked}
        tasks = {asyncio.create_task(self._survey_in_turn(host, plan.goal(host).kind, whole)): host for host in asked}
        with self._time.measured():
            try:
                unfinished = await self._wait_for_all(tasks)
            finally:
                for task in tasks:
                    task.cancel()  # this also closes its session, within seconds
                try:
                    await asyncio.gather(*tasks, return_exceptions=True)
                finally:
                    self._notify_left()
        found = {host.name: replace(host, bmc=NOT_ASKED) if task in unfinished else task.result() for task, host in tasks.items()}
        for name, acts in self._acts.items():
            found[name] = replace(found[name], left_session=acts.left_session)
        return replace(plan, hosts=tuple(found.get(host.name, host) for host in plan.hosts))

    def _notify_left(self) -> None:
        """Also of a survey that was interrupted, whose plan nobody sees."""
        if left := [name for name, acts in self._acts.items() if acts.left_session]:
            more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
            self._notify(f"sessions may be left at {count(len(left), 'BMC')} until they expire: {', '.join(left[:_NAMED])}{more}")

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
        current = self._tries.get(name)
        if current is not None and current.timeout is not None:
            current.timeout.reschedule(min(current.deadline, self._time.now() + ANSWER_TIMEOUT))

    async def _with_timeout(self, name: str, answer: Awaitable[T], missed: str) -> tuple[T | None, str]:
        """The answer of a BMC, or None and the reason."""
        current = self._tries[name]
        current.advised = False
        try:
            async with self._time.timeout_at(min(current.deadline, self._time.now() + ANSWER_TIMEOUT)) as current.timeout:
                return await answer, ""
        except StageFailure as failure:
            current.advised = failure.advises
            current.silent |= failure.retryable and failure.cause is Cause.UNREACHABLE
            return None, f"{failure.cause.value}: {failure.reason}"
        except TimeoutError:
            current.silent = True
            if self._time.now() >= current.deadline:  # it answers, and slowly
                return (
                    None,
                    f"busy: {missed} within {BMC_TIMEOUT:.0f} s; the BMC is read again before the first action on its host",
                )
            return None, f"unreachable: {missed}, the BMC sent no data for {ANSWER_TIMEOUT:.1f} s"
        finally:
            current.timeout = None

    async def _survey_in_turn(self, host: HostPlan, kind: Kind, whole: bool) -> HostPlan:
        """Where the BMC was not reached and our loop was late: once more among few. If it was late again, nothing is known."""
        async with self._turn():
            found, reliable = await self._survey_once(host, kind, whole)
        if not reliable:
            async with self._again:
                found, reliable = await self._survey_once(host, kind, whole)
        return found if reliable else replace(found, bmc=NOT_ASKED)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """At most _CONCURRENT at once; a slow BMC gives its turn to others after _SLOW."""
        await self._turns.acquire()
        slow = PunctualTimer(self._time, self._time.now() + _SLOW, self._turns.release)
        try:
            yield
        finally:
            if slow.stop():
                self._turns.release()

    async def _survey_once(self, host: HostPlan, kind: Kind, whole: bool) -> tuple[HostPlan, bool]:
        """The host, and whether that is the doing of its BMC and not of our own slowness."""
        began, late = self._time.now(), self._time.late
        current = self._tries[host.name] = _Try(began + BMC_TIMEOUT)
        found = await self._survey_host(host, kind, whole)
        found = replace(found, advised=bool(found.bmc) and current.advised)
        late = self._time.late - late
        return found, not current.silent or late < _LATE * (self._time.now() - began + late)

    async def _survey_host(self, host: HostPlan, kind: Kind, whole: bool) -> HostPlan:
        """The host with what its BMC answered in time; HostPlan.bmc contains the reason if something is missing."""
        bmc, name = self._bmc(host, self._acts[host.name]), host.name
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
