"""What this process has learned of each BMC: which way of a step worked there, and how often it refused our password.

A step that differs from firmware to firmware is a ladder: its ways are tried in turn until a read proves one. That one comes
first the next time, whichever client asks (the survey, each attempt of a host and each host behind the same BMC have clients of
their own). What a BMC refused is not remembered: a refusal may be of this moment.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from quads_tui.rollout.identity import Identity, bmc_of

Way = TypeVar("Way", bound=Hashable)

_SURVEY_HOLDS = 7200.0  # own seconds: 700 hosts at 8 s a write begin the last of them after an hour and a half
_TIMES = 100  # kept of a model, the newest
_ENOUGH_TIMES = 10
_CLOSED_AT_ONCE = 32  # sessions: each costs a handshake, and a busy machine must come round within the seconds of one
MOST_REFUSALS = 2  # BMCs lock a user out, or block the client's address, after a few


class Step(StrEnum):
    """A step that BMCs want done in different ways."""

    LOGIN = "login"
    LOGOUT = "logout"
    IF_MATCH = "entity tag"
    OVERRIDE = "place of the boot override"
    SET = "setting the boot override"
    CLEAR = "taking the boot override back"
    OFF = "power off"
    ON = "power on"


@dataclass(frozen=True, slots=True)
class Surveyed:
    """The only machine behind a BMC, as the survey has read it."""

    identity: Identity
    path: str  # of its system, as the BMC hands it out
    whole: bool  # all its NICs were read
    at: float  # own time

    def serves(self, macs: Collection[str], whole: bool, now: float) -> bool:
        """Whether the lists of systems and NICs need not be read again, if UUID and serial number (or none) are the same now.

        The UUID is what a machine is recognised by at another address, too (same_after_move).
        """
        told = bool(self.identity.uuid and set(macs) & set(self.identity.macs))
        return told and (self.whole or not whole) and now - self.at <= _SURVEY_HOLDS


class Learned:
    """Of one BMC."""

    def __init__(self) -> None:
        self.bmc = ""  # as rollout.identity.bmc_of has it; empty before it has answered
        self.refusals = 0  # of our password in a row, over all clients, and as far as the journal tells over processes
        self.cleared = False  # in this process: what an earlier one counted, perhaps under another name, holds no more
        self.refused: dict[str, list[str]] = {}  # by what it answered: to which ways of a login
        self.surveyed: Surveyed | None = None  # good for one further identification
        self.sessions: set[str] = set()  # paths of those that clients of this process have made and not deleted yet
        self.logging_in = asyncio.Lock()  # one at a time: what one learns of the password the next one knows
        self._worked: dict[Step, Hashable] = {}

    def ordered(self, step: Step, ways: Iterable[Way]) -> list[Way]:
        """The ways, each once, the one that worked first; one that is not among them counts for nothing."""
        listed = list(dict.fromkeys(ways))
        worked = self._worked.get(step)
        return sorted(listed, key=lambda way: way != worked)

    def worked(self, step: Step, way: Hashable) -> None:
        """A read has proved it."""
        self._worked[step] = way

    def failed(self, step: Step, way: Hashable) -> None:
        """It did not work any more: the ladder's own order holds again."""
        if self._worked.get(step) == way:
            del self._worked[step]

    def has_worked(self, step: Step, way: Hashable) -> bool:
        return self._worked.get(step) == way

    @property
    def locked(self) -> bool:
        """The password was refused so often that only an operator may have it sent again."""
        return self.refusals >= MOST_REFUSALS

    def allow_login(self) -> None:
        """An operator asks for another try, or the BMC took the password."""
        self.refusals, self.cleared = 0, True
        self.refused.clear()


class PowerTimes:
    """Own seconds from an accepted Reset until the power was seen as wanted, by model and ResetType."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], deque[float]] = {}

    def add(self, model: str, reset: str, seconds: float) -> None:
        self._seen.setdefault((model, reset), deque(maxlen=_TIMES)).append(seconds)

    def earliest(self, model: str, reset: str) -> float:
        """Before that one in ten machines at most has shown it; 0 while too few were seen."""
        seen = sorted(self._seen.get((model, reset), ()))
        return seen[len(seen) // 10] if len(seen) >= _ENOUGH_TIMES else 0.0


class LearnedBmcs:
    """Of all BMCs of a process, by the addresses that lead to them. Two names of one BMC share what is known of it.

    `closing`: the turns of their sessions to be deleted.
    """

    def __init__(self) -> None:
        self.power_times = PowerTimes()
        self.closing = asyncio.Semaphore(_CLOSED_AT_ONCE)
        self._by_address: dict[str, Learned] = {}
        self._by_bmc: dict[str, Learned] = {}

    def of(self, address: str) -> Learned:
        """`address`: scheme, host and port, as its clients have it."""
        return self._by_address.setdefault(address.rstrip("/").lower(), Learned())

    def answered(self, address: str, peer: str) -> None:
        """`peer` (IP address and port) answers at this address now."""
        before, bmc = self.of(address), bmc_of(peer)
        if before.bmc == bmc:
            return
        now = self._by_bmc.get(bmc)
        if now is None:
            now = Learned() if before.bmc else before
            now.bmc = bmc
            self._by_bmc[bmc] = now
        elif not before.bmc and not now.cleared and before.refusals > now.refusals:
            now.refusals, now.refused = before.refusals, before.refused
        self._by_address[address.rstrip("/").lower()] = now
