"""The restart of the BMC itself by IPMI (2.0, 20.2 Cold Reset), which many BMCs carry out before they answer."""

from __future__ import annotations

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.ports import REFUSALS, NotSent
from quads_tui.rollout.repairs import BMC_RESET
from quads_tui.rollout.stages import ActResult

from ..bmc_restart import power_after, restart_words, unproven, until_back
from .connection import Unanswered
from .machine import Machine
from .requests import COLD_RESET, STATUS


class ColdReset:
    """One reset, sent once, until the BMC answers again or `deadline` (own time) has passed."""

    def __init__(self, machine: Machine, deadline: float) -> None:
        self._machine, self._deadline = machine, deadline
        self._connection = machine.connection
        self._clock = machine.connection.clock

    async def run(self) -> str:
        """What came of it, in words. Raises StageFailure and what SideEffects.intend raises."""
        before = await self._power()
        lost = await self._send(before)
        self._connection.acts.note("waiting until the BMC answers again after its cold reset", waits=True)
        back = await until_back(self._clock, self._deadline, self._answers)
        if lost and not back.away:
            raise unproven(COLD_RESET.what, lost)
        now = await power_after(self._clock, before, self._power)
        return restart_words(COLD_RESET.what, back, before, now)

    async def _power(self) -> str:
        return (await self._machine.look(self._deadline)).power

    async def _answers(self) -> bool:
        try:
            await self._machine.look(None)
        except StageFailure as failure:
            if not failure.retryable:
                raise
            return False
        return True

    async def _send(self, power: str) -> str:
        """Why its result is unknown; empty: it was accepted."""
        acts = self._connection.acts
        await acts.intend(BMC_RESET, {"type": "cold", "power": power})
        try:
            refusal = await self._connection.command(COLD_RESET, STATUS)
        except Unanswered as lost:
            acts.result(ActResult.UNKNOWN, {"error": lost.reason})
            return lost.reason
        except StageFailure as failure:
            acts.result(ActResult.ABSENT, {"error": failure.reason})
            raise
        except NotSent as no:
            acts.result(ActResult.ABSENT, {"error": f"not sent: {no}"})
            raise StageFailure(Cause.BUSY, f"{COLD_RESET.what} was not sent: {no}") from None
        except REFUSALS as no:
            acts.result(ActResult.ABSENT, {"error": f"not sent: {str(no) or 'the rollout is stopping'}"})
            raise
        except BaseException:
            acts.result(ActResult.UNKNOWN, {"error": "interrupted"})
            raise
        acts.result(ActResult.REFUSED if refusal else ActResult.ANSWERED, {"status": refusal.code if refusal else 0})
        if refusal is not None:
            raise StageFailure(Cause.REFUSED, f"the BMC refuses {COLD_RESET.what}: {refusal}", retryable=False)
        return ""
