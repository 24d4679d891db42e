"""The time after a BMC was told to restart: it goes away, and comes back. What both protocols wait for in the same way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.ports import Clock

_LOOK = 5.0  # own seconds between two looks
_GOES = 60.0  # own seconds in which a BMC that restarts is seen to be away
_SETTLES = 10.0  # own seconds from its first answer until it is asked for more: its services start one after another
_POWER = 60.0  # own seconds for which a power reading may be an old one


@dataclass(frozen=True, slots=True)
class Return:
    """`away`: it did not answer for some time, so it did restart. `seconds`: own ones, until it answered for good."""

    away: bool
    seconds: float


async def until_back(clock: Clock, deadline: float, answers: Callable[[], Awaitable[bool]]) -> Return:
    """Wait until it answers again; `answers` asks it once. Raises StageFailure when it does not until `deadline` (own time)."""
    began, away, back = clock.now(), False, False
    while True:
        await clock.sleep(_SETTLES if back else _LOOK)
        if not await answers():
            away, back = True, False
            if clock.now() >= deadline:
                minutes = (clock.now() - began) / 60
                words = f"the BMC still does not answer {minutes:.0f} min after its restart (limits.bmc_restart)"
                raise StageFailure(Cause.UNREACHABLE, words)
        elif back or (not away and clock.now() - began >= _GOES):
            return Return(away, clock.now() - began)
        else:
            back = away


async def power_after(clock: Clock, before: str, look: Callable[[], Awaitable[str]]) -> str:
    """The power by `look`, which a BMC that has just started may report wrong or late: until it is as `before`, for a while."""
    until = clock.now() + _POWER
    while (now := await look()) != before and clock.now() < until:
        await clock.sleep(_LOOK)
    return now


def restart_words(kind: str, back: Return, before: str, now: str) -> str:
    """What came of it, for the operator."""
    power = f"power {now or 'unknown'} as before" if now == before else f"power was {before or 'unknown'}, now {now or 'unknown'}"
    how = f"it answers again after {back.seconds:.0f} s" if back.away else "it kept answering: it may not have restarted"
    return f"{kind} accepted, {how}; {power}"


def unproven(kind: str, why: str) -> StageFailure:
    """The answer to the reset was lost, and nothing shows that it was carried out."""
    return StageFailure(Cause.UNREACHABLE, f"the result of {kind} is unknown ({why}), and the BMC kept answering")
