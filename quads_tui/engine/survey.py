"""The plan's other half: every BMC looked at, side by side and beside the reading of Foreman, with nothing touched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.plan import HostPlan, Plan
from quads_tui.rollout.ports import Acts
from quads_tui.rollout.stages import Kind, Stage
from quads_tui.services.redfish import Survey, mistaken

PATIENCE = 9.5  # real seconds for one BMC, session and all: a plan is looked at, not waited for


class SurveyedBmc(Protocol):
    """What a survey needs of a BMC client. Raises StageFailure."""

    async def survey(self) -> Survey: ...
    async def macs(self) -> frozenset[str]: ...
    async def close(self) -> None: ...


class OnlyLooking:
    """Implements rollout.ports.Acts for those who may not act at all."""

    async def intend(self, act: str, detail: dict[str, object]) -> None:
        raise RuntimeError(f"a plan never acts, and this was to {act}")

    async def confirm(self) -> None:
        raise RuntimeError("a plan never acts")

    async def owned(self) -> None:
        pass

    def session(self, uri: str, is_open: bool) -> None:
        pass

    def result(self, result: str, detail: dict[str, object]) -> None:
        pass

    def note(self, text: str, waits: bool = False) -> None:
        pass


class BmcSurvey:
    """Begins at once with the hosts given (names and BMC addresses); `of` waits for it with the plan that Foreman's half made.

    `say` gets a line every two seconds.
    """

    def __init__(
        self, hosts: Collection[HostPlan], bmc: Callable[[HostPlan, Acts], SurveyedBmc], say: Callable[[str], None]
    ) -> None:
        self._say = say
        self._looks = {host.name: asyncio.create_task(self._look(bmc(host, OnlyLooking()))) for host in hosts}

    async def of(self, plan: Plan) -> Plan:
        """The plan with what the BMCs of all hosts that are to be acted on say now."""
        acted_on = [host for host in plan.hosts if not host.trouble and plan.goal(host).kind is not Kind.OWNERSHIP]
        waiting = {asyncio.create_task(self._told(host)) for host in acted_on if host.name in self._looks}
        found: dict[str, HostPlan] = {}
        count = len(waiting)
        while waiting:
            done, waiting = await asyncio.wait(waiting, timeout=2.0)
            found |= {task.result().name: task.result() for task in done}
            if waiting:
                self._say(f"{len(found)} of {count} BMCs have told")
        return replace(plan, hosts=tuple(found.get(host.name, host) for host in plan.hosts))

    async def close(self) -> None:
        """End what still goes on, and all sessions; bounded to some seconds."""
        for task in self._looks.values():
            task.cancel()
        await asyncio.gather(*self._looks.values(), return_exceptions=True)

    async def _look(self, bmc: SurveyedBmc) -> tuple[Survey, frozenset[str]]:
        loop = asyncio.get_running_loop()
        ends, macs = loop.time() + PATIENCE, frozenset[str]()
        try:
            async with asyncio.timeout_at(ends):
                told = await bmc.survey()
            with suppress(StageFailure, TimeoutError):
                async with asyncio.timeout_at(ends):  # a rollout asks for them again
                    macs = await bmc.macs()
            return told, macs
        finally:
            await bmc.close()

    async def _told(self, host: HostPlan) -> HostPlan:
        try:
            told, macs = await self._looks[host.name]
        except StageFailure as failure:
            return replace(host, bmc=f"{failure.cause.value}: {failure.reason}")
        except TimeoutError:
            return replace(host, bmc=f"unreachable: not all was told within {PATIENCE:.1f} s")
        wrong = mistaken(macs, host.mac)
        notes = list(host.notes)
        if told.mode and host.mode and told.mode.lower() != host.mode.lower():
            notes.append(f"boots in {told.mode} mode, Foreman's PXE loader is for {host.mode}")
        if told.pxe is False:
            notes.append("does not list PXE among what it can boot from")
        seen = replace(host, power=told.power, model=host.model or told.model, notes=tuple(notes))
        if not wrong:
            return seen
        return replace(seen, trouble=wrong, trouble_stage=Stage.POWER_OFF, trouble_cause=Cause.WRONG_BMC)
