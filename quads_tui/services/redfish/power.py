"""Power on and off: observe, decide, act, verify. A Reset is never sent blindly again.

What a BMC offers instead of ForceOff or On is sent only where it does not know the plain value. A graceful way takes minutes and
may be ignored; the power button changes what is there: it is pressed once, when nothing but the other state was seen for longer
than a BMC may be late.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from itertools import accumulate

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.counts import count
from quads_tui.rollout.ports import REFUSALS, NotSent
from quads_tui.rollout.stages import ActResult
from quads_tui.rollout.text import clean
from quads_tui.services.responses import FailureKind, RequestFailed

from .errors import ErrorResponse, error_response
from .failures import failure_from, failure_of
from .learned import Step
from .login import Busy
from .quirks import BUTTON, RESET_INSTEAD, Meaning, reset_types
from .resources import OFF, ON, POWERING_OFF, POWERING_ON, System
from .system import Machine

# Between looks: few machines are off within 4 s, and a look is late by half a step. A machine that is on boots by itself: nobody
# waits for that look, so it comes late rather than often.
_STEPS = {
    OFF: (4.0, 5.0, 6.0, 8.0),
    ON: (20.0, 12.0),
}
_LATEST_FIRST = 30.0  # a first look after that would be late where machines differ
_BETWEEN_EQUAL = 2.0  # two equal looks this far apart count: a BMC's first word after a reset is often the old one
_AMBIGUOUS = 15.0  # how long to look after a Reset whose answer was lost
_IGNORED = 40.0  # an accepted Reset without effect; BMCs report the power up to 35 s late
_INSTEAD = 90.0  # until what stood in for a plain value must have shown, before the next one is tried
_SURE = 60.0  # how long the other state must have been seen before the button: going off takes 15 s, its report up to 35 s more
_STUCK = 50.0  # how long a state that passes, or that is not known, is waited for before it is no longer believed
_CONFLICT = 10.0  # iDRAC10 refuses On for up to a minute after off
_MOST_REFUSED = 8
_MOST_ACCEPTED = 2  # one more for a Reset that was accepted and ignored
_MOST_LOST = 3
_CHANGING = {OFF: POWERING_OFF, ON: POWERING_ON}
_RESETS = {OFF: "ForceOff", ON: "On"}
_LADDERS = {OFF: Step.OFF, ON: Step.ON}


class PowerChange:
    """One way to On or Off, until it is reached or `deadline` (own time) has passed."""

    def __init__(self, machine: Machine, target: str, deadline: float) -> None:
        self._machine = machine
        self._connection = machine.connection
        self._clock = machine.connection.clock
        self._target = target
        self._deadline = deadline
        self._wanted = _RESETS[target]
        self._accepted: Counter[str] = Counter()  # by ResetType
        self._spent: set[str] = set()  # ResetTypes that this BMC does not know, or that stood in and had their time
        self._seen = ("", 0.0)  # the power of the last look, and since when (own time) each look has shown it
        self._odd_since: float | None = None  # own time since when it shows neither On nor Off
        self._accepted_at = 0.0  # own time of the last one
        self._first_look = 0.0  # own seconds after the Reset that was accepted now; 0: as _STEPS has it
        self._lost = 0
        self._refused = 0
        self._may_send_at = self._clock.now()  # own time
        self._last = ""  # the last error of a Reset, for the failure's reason

    async def run(self) -> str:
        """The note for the stage: empty when a Reset of ours did it. Raises StageFailure and what SideEffects.intend raises."""
        step, steps = 0, _STEPS[self._target]
        while True:
            system = await self._machine.look(self._deadline)
            if system.power != self._seen[0]:
                self._seen = (system.power, self._clock.now())
            if system.power in (ON, OFF, ""):
                self._odd_since = None
            elif self._odd_since is None:
                self._odd_since = self._clock.now()
            if system.power == self._target and await self._again():
                for kind in list(self._accepted)[-1:]:
                    self._connection.learned.worked(_LADDERS[self._target], kind)
                    if self._accepted.total() == 1 and not self._lost:
                        self._connection.power_times.add(system.model, kind, self._seen[1] - self._accepted_at)
                return "" if self._accepted or self._lost else f"was {self._target.lower()} already"
            if self._should_send(system) and await self._reset(system):
                step = 0
            first, self._first_look = self._first_look, 0.0
            if first > steps[0]:
                pause, step = first, bisect_right(tuple(accumulate(steps)), first)
            else:
                pause, step = steps[min(step, len(steps) - 1)], step + 1
            await self._pause(pause, system)

    async def _again(self) -> bool:
        await self._clock.sleep(_BETWEEN_EQUAL)
        return (await self._machine.look(self._deadline)).power == self._target

    def _should_send(self, system: System) -> bool:
        """Only on a clear, fresh sight of the other state. What is changing or not known is looked at again, for a while.

        A machine that comes on is not hurried; where the BMC tells nothing at all there is nothing to act on.
        """
        now = self._clock.now()
        if now < self._may_send_at or system.power in ("", self._target):
            return False
        if system.power in (ON, OFF) or (system.power == POWERING_ON and self._target == OFF):
            return True
        stuck = self._odd_since is not None and now - self._odd_since >= _STUCK
        return stuck and system.power != POWERING_ON

    async def _pause(self, seconds: float, system: System) -> None:
        now = self._clock.now()
        if now >= self._deadline:
            state = f"stayed {system.power}" if system.power else "power state unknown"
            last = f"; the BMC answered: {self._last}" if self._last else ""
            sent = ", ".join(count(times, f"{kind} command") for kind, times in self._accepted.items())
            refused = f"the BMC did not accept {self._wanted}" if self._last else f"{self._wanted} was not sent"
            tried = f" after {sent} (this attempt)" if sent else f": {refused}"
            raise StageFailure(Cause.TIMEOUT if self._accepted else Cause.BUSY, f"{state}{tried}{last}")
        if now < self._may_send_at:
            seconds = min(seconds, self._may_send_at - now)
        if self._odd_since is not None and now < self._odd_since + _STUCK:
            seconds = min(seconds, self._odd_since + _STUCK - now)
        await self._clock.sleep(min(seconds, max(self._deadline - now, 0.01)))

    async def _reset(self, system: System) -> bool:
        """Whether one was tried."""
        if not system.reset_target:
            self._wait_on("the BMC offers no Reset action for this system", None)
            return True
        if self._lost >= _MOST_LOST:
            raise StageFailure(Cause.UNREACHABLE, f"the answer to {self._wanted} was lost {self._lost} times: {self._last}")
        acts = self._connection.acts
        offered = await self._machine.reset_types(system, self._deadline)
        ladder = self._connection.learned.ordered(_LADDERS[self._target], reset_types(self._wanted, offered))
        wanted, *others = [kind for kind in ladder if kind not in self._spent] or [self._wanted]
        if wanted == BUTTON and (system.power not in (ON, OFF) or self._clock.now() < self._seen[1] + _SURE):
            return False
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
                self._may_send_at = self._clock.now() + self._patience(wanted, others, system.model)
                acts.note(f"{wanted} accepted ({answer.status})")
            else:
                await self._answered(wanted, error_response(answer), others)
        return True

    def _patience(self, accepted: str, others: list[str], model: str) -> float:
        """Own seconds until the next Reset, after one that was accepted; infinite where none follows."""
        self._accepted[accepted] += 1
        self._accepted_at = self._clock.now()
        self._first_look = min(self._connection.power_times.earliest(model, accepted), _LATEST_FIRST)
        if accepted in RESET_INSTEAD[self._wanted]:
            self._spent.add(accepted)
            return _INSTEAD if others else float("inf")
        return _IGNORED if self._accepted[accepted] < _MOST_ACCEPTED else float("inf")

    async def _answered(self, wanted: str, refusal: ErrorResponse, others: list[str]) -> None:
        """Not a success: whatever the words are, the next look at the power decides. `others`: what may be sent instead."""
        self._last = refusal.text
        self._connection.learned.failed(_LADDERS[self._target], wanted)
        if others and (refusal.means(Meaning.UNKNOWN_VALUE) or refusal.status == 501):
            self._spent.add(wanted)
            self._refused += 1
            self._connection.acts.note(f"the BMC does not support {wanted}: {clean(refusal.text)}")
            return
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
        # What it did may show late, and pressing the button again would take it back.
        self._may_send_at = self._clock.now() + (_SURE if wanted == BUTTON else _AMBIGUOUS)
        self._connection.acts.note(f"outcome of {wanted} unknown: {clean(why)}")

    def _wait_on(self, why: str, seconds: float | None) -> None:
        """Refused or not reached: another try after a while, and only so often."""
        self._refused += 1
        self._last = clean(why)
        if self._refused > _MOST_REFUSED:
            raise StageFailure(Cause.REFUSED, f"{self._wanted} is refused: {self._last}")
        pause = seconds if seconds is not None else min(2.0**self._refused, 30.0)
        self._may_send_at = self._clock.now() + pause
        self._connection.acts.note(f"trying again: {self._last}", waits=True)
