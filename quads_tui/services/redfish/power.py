"""Power on and off: observe, decide, act, verify. A Reset is never sent blindly again."""

from __future__ import annotations

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.ports import REFUSALS, NotSent
from quads_tui.rollout.stages import ActResult
from quads_tui.rollout.text import clean
from quads_tui.services.responses import FailureKind, RequestFailed

from .connection import failure_from, failure_of
from .errors import ErrorResponse, error_response
from .quirks import Meaning, reset_type
from .resources import OFF, ON, POWERING_OFF, POWERING_ON, System
from .session import Busy
from .system import Machine

_STEPS = (1.0, 2.0, 2.0, 4.0, 6.0, 8.0)
_BETWEEN_EQUAL = 2.0  # two equal looks this far apart count: a BMC's first word after a reset is often the old one
_AMBIGUOUS = 15.0  # how long to look after a Reset whose answer was lost
_IGNORED = 40.0  # an accepted Reset without effect; BMCs report the power up to 35 s late
_CONFLICT = 10.0  # iDRAC10 refuses On for up to a minute after off
_MOST_REFUSED = 8
_MOST_ACCEPTED = 2  # one more for a Reset that was accepted and ignored
_MOST_LOST = 3
_CHANGING = {OFF: POWERING_OFF, ON: POWERING_ON}
_RESETS = {OFF: "ForceOff", ON: "On"}


class PowerChange:
    """One way to On or Off, until it is reached or `deadline` (own time) has passed."""

    def __init__(self, machine: Machine, target: str, deadline: float) -> None:
        self._machine = machine
        self._connection = machine.connection
        self._clock = machine.connection.clock
        self._target = target
        self._deadline = deadline
        self._wanted = _RESETS[target]
        self._accepted = 0
        self._lost = 0
        self._refused = 0
        self._may_send_at = self._clock.now()  # own time
        self._last = ""  # the last error of a Reset, for the failure's reason

    async def run(self) -> str:
        """The note for the stage: empty when a Reset of ours did it. Raises StageFailure and what SideEffects.intend raises."""
        step = 0
        while True:
            system = await self._machine.look(self._deadline)
            if system.power == self._target and await self._again():
                return "" if self._accepted or self._lost else f"was {self._target.lower()} already"
            if self._should_send(system):
                await self._reset(system)
                step = 0
            await self._pause(_STEPS[min(step, len(_STEPS) - 1)], system)
            step += 1

    async def _again(self) -> bool:
        await self._clock.sleep(_BETWEEN_EQUAL)
        return (await self._machine.look(self._deadline)).power == self._target

    def _should_send(self, system: System) -> bool:
        """Only on a clear, fresh sight of the other state. What is changing or unknown is looked at again."""
        moving = system.power in (_CHANGING[self._target], self._target)
        against = system.power == POWERING_OFF and self._target == ON
        known = system.power in (ON, OFF, POWERING_ON, POWERING_OFF)
        return known and not moving and not against and self._clock.now() >= self._may_send_at

    async def _pause(self, seconds: float, system: System) -> None:
        now = self._clock.now()
        if now >= self._deadline:
            state = system.power or "unknown"
            last = f"; the BMC answered: {self._last}" if self._last else ""
            tried = f" after {self._accepted} x {self._wanted}" if self._accepted else f", no {self._wanted} was accepted"
            raise StageFailure(Cause.TIMEOUT if self._accepted else Cause.BUSY, f"power is still {state}{tried}{last}")
        await self._clock.sleep(min(seconds, max(self._deadline - now, 0.01)))

    async def _reset(self, system: System) -> None:
        if not system.reset_target:
            self._wait_on("the BMC offers no Reset action for this system", None)
            return
        if self._lost >= _MOST_LOST:
            raise StageFailure(Cause.UNREACHABLE, f"the answer to {self._wanted} was lost {self._lost} times: {self._last}")
        acts = self._connection.acts
        wanted = reset_type(self._wanted, await self._machine.reset_types(system, self._deadline))
        await acts.intend("reset", {"type": wanted, "power": system.power})
        try:
            answer = await self._connection.exchange("POST", system.reset_target, {"ResetType": wanted})
        except RequestFailed as error:
            acts.result(ActResult.UNKNOWN if error.sent else ActResult.ABSENT, {"error": error.reason})
            if error.sent:
                self._unsettled(wanted, error.reason)
            elif error.kind is FailureKind.TLS:
                raise failure_from(error) from None
            else:
                self._wait_on(error.reason, None)
        except (Busy, StageFailure) as error:
            acts.result(ActResult.ABSENT, {"error": str(error)})
            if isinstance(error, StageFailure):
                raise
            await self._not_now(error.response)
        except NotSent as no:
            acts.result(ActResult.ABSENT, {"error": f"not sent: {no}"})
            self._wait_on(f"{wanted} was not sent: {no}", None)
        except REFUSALS as no:
            acts.result(ActResult.ABSENT, {"error": f"not sent: {str(no) or 'the rollout is stopping'}"})
            raise
        except BaseException:
            acts.result(ActResult.UNKNOWN, {"error": "interrupted"})
            raise
        else:
            acts.result(ActResult.ANSWERED, {"status": answer.status})
            if answer.ok:
                self._accepted += 1
                self._may_send_at = self._clock.now() + _IGNORED if self._accepted < _MOST_ACCEPTED else float("inf")
                acts.note(f"{wanted} accepted ({answer.status})")
            else:
                await self._answered(wanted, error_response(answer))

    async def _answered(self, wanted: str, refusal: ErrorResponse) -> None:
        """Not a success: whatever the words are, the next look at the power decides."""
        self._last = refusal.text
        if refusal.busy:
            await self._not_now(refusal)
        elif refusal.status >= 500:
            self._unsettled(wanted, refusal.text)
        elif refusal.status in (401, 403) or refusal.means(Meaning.PASSWORD_CHANGE):
            if not refusal.page:
                raise failure_of(refusal)
            self._wait_on(refusal.text, None)
        else:
            self._wait_on(refusal.text, _CONFLICT)

    async def _not_now(self, refusal: ErrorResponse) -> None:
        """Nothing was done; wait as long as the server asks (real seconds) and look again."""
        self._wait_on(refusal.text, None)
        await self._connection.leave_alone(self._deadline, failure_of(refusal))

    def _unsettled(self, wanted: str, why: str) -> None:
        self._lost += 1
        self._last = clean(why)
        self._may_send_at = self._clock.now() + _AMBIGUOUS
        self._connection.acts.note(f"outcome of {wanted} unknown: {clean(why)}")

    def _wait_on(self, why: str, seconds: float | None) -> None:
        """Refused or not reached: another try after a while, and only so often."""
        self._refused += 1
        self._last = clean(why)
        if self._refused > _MOST_REFUSED:
            raise StageFailure(Cause.REFUSED, f"{self._wanted} is refused: {self._last}")
        pause = seconds if seconds is not None else min(2.0**self._refused, 30.0)
        self._may_send_at = self._clock.now() + pause
        self._connection.acts.note(f"waiting: {self._last}", waits=True)
