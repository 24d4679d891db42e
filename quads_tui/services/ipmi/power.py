"""Power on and off by IPMI: observe, decide, act, verify. A chassis control command is never sent blindly again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.counts import count
from quads_tui.rollout.ports import REFUSALS, NotSent
from quads_tui.rollout.stages import ActResult

from .connection import Unanswered
from .errors import PRIVILEGE_CODE, CommandRefusal
from .machine import Machine
from .requests import POWER, STATUS, Request

_STEPS = (4.0, 5.0, 6.0, 8.0)  # own seconds between looks: each is a process and a login; few machines are off, or on, within 4 s
_BETWEEN_EQUAL = 2.0  # two equal looks this far apart count
_AMBIGUOUS = 15.0  # how long to look after a command without an answer
_IGNORED = 60.0  # an accepted command without effect; some machines show On after 40 s
_CONFLICT = 10.0  # after a refusal
_MOST_ACCEPTED, _MOST_LOST, _MOST_REFUSED = 2, 3, 8
_RESETS = {"Off": "ForceOff", "On": "On"}  # as they are called in the journal, whatever the BMC speaks


class PowerChange:
    """One way to On or Off, until it is seen twice or `deadline` (own time) has passed.

    `before` is done before each command, and gives what is to be set in the command's own session.
    """

    def __init__(
        self,
        machine: Machine,
        target: str,
        deadline: float,
        before: Callable[[], Awaitable[Sequence[Request]]] | None = None,
    ) -> None:
        self._machine, self._target, self._deadline, self._before = machine, target, deadline, before
        self._connection = machine.connection
        self._clock = machine.connection.clock
        self._accepted = self._lost = self._refused = 0
        self._may_send_at = self._clock.now()
        self._last = ""

    async def run(self) -> str:
        """The note for the stage: empty when a command of ours did it. Raises StageFailure and what SideEffects.intend raises."""
        step = 0
        while True:
            power = (await self._machine.look(self._deadline)).power
            if power == self._target and await self._again():
                return "" if self._accepted or self._lost else f"was {self._target.lower()} already"
            if power != self._target and self._clock.now() >= self._may_send_at:
                await self._command(power, await self._before() if self._before is not None else ())
                step = 0
            await self._pause(_STEPS[min(step, len(_STEPS) - 1)], power)
            step += 1

    async def _again(self) -> bool:
        await self._clock.sleep(_BETWEEN_EQUAL)
        return (await self._machine.look(self._deadline)).power == self._target

    async def _pause(self, seconds: float, power: str) -> None:
        now = self._clock.now()
        if now >= self._deadline:
            last = f"; {self._last}" if self._last else ""
            tried = (
                f" after {count(self._accepted, f'{POWER[self._target].what} command')} (this attempt)"
                if self._accepted
                else ": the BMC accepted no command"
            )
            raise StageFailure(Cause.TIMEOUT if self._accepted else Cause.BUSY, f"stayed {power}{tried}{last}")
        await self._clock.sleep(min(seconds, max(self._deadline - now, 0.01)))

    async def _command(self, power: str, before: Sequence[Request]) -> None:
        if self._lost >= _MOST_LOST:
            raise StageFailure(Cause.UNREACHABLE, f"the answer was lost {self._lost} times: {self._last}")
        acts, request = self._connection.acts, POWER[self._target]
        await acts.intend("reset", {"type": _RESETS[self._target], "power": power})
        try:
            refusal = await self._connection.command(request, STATUS, before)
        except Unanswered as lost:
            acts.result(ActResult.UNKNOWN, {"error": lost.reason})
            self._lost += 1
            self._later(_AMBIGUOUS, lost.reason)
            acts.note(f"outcome of {request.what} unknown: {lost.reason}")
        except StageFailure as failure:
            acts.result(ActResult.ABSENT, {"error": failure.reason})
            if not failure.retryable:
                raise
            self._not_sent(failure.reason)
        except NotSent as no:
            acts.result(ActResult.ABSENT, {"error": f"not sent: {no}"})
            self._not_sent(str(no))
        except REFUSALS as no:
            acts.result(ActResult.ABSENT, {"error": f"not sent: {str(no) or 'the rollout is stopping'}"})
            raise
        except BaseException:
            acts.result(ActResult.UNKNOWN, {"error": "interrupted"})
            raise
        else:
            acts.result(ActResult.ANSWERED, {"status": refusal.code if refusal else 0})
            self._answered(refusal)

    def _answered(self, refusal: CommandRefusal | None) -> None:
        what = POWER[self._target].what
        if refusal is None:
            self._accepted += 1
            self._later(_IGNORED if self._accepted < _MOST_ACCEPTED else float("inf"), "")
            self._connection.acts.note(f"{what} accepted")
            return
        words = f"the BMC refuses {what}: {refusal}"
        if refusal.code == PRIVILEGE_CODE:
            raise StageFailure(Cause.REFUSED, words, retryable=False)
        self._refused += 1
        if self._refused > _MOST_REFUSED:
            raise StageFailure(Cause.REFUSED, words)
        self._later(_CONFLICT, words)
        self._connection.acts.note(f"trying again: {words}", waits=True)

    def _not_sent(self, why: str) -> None:
        """Nothing was done; another look, and another try soon."""
        self._later(1.0, f"not sent: {why}")

    def _later(self, seconds: float, why: str) -> None:
        self._may_send_at = self._clock.now() + seconds
        self._last = why or self._last
