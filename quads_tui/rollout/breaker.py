"""A circuit breaker: whether something that many hosts depend on may be asked, by how it answered so far.

Pure: times are own seconds that the caller gives. Its words and its history are in outages.py.
"""

from __future__ import annotations

from enum import StrEnum
from math import inf

MOMENT = 0.01  # own seconds: a wait may end this much too early


class BreakerState(StrEnum):
    CLOSED = "closed"  # it answers: everybody may ask
    OPEN = "open"  # it does not: nobody asks before the next try
    HALF_OPEN = "half_open"  # that one try is under way


class Breaker:
    """`budget`: failures in a row until it opens, and the most retries that are ever in reserve. `refund`: what an answer gives
    back of it; so more than one failure for every 1 / `refund` answers opens it too, however they are mixed.

    While it is open there is one try at a time: after `first` seconds, then after twice as many each time, at most `longest`.
    """

    def __init__(self, *, budget: float, refund: float, first: float, longest: float) -> None:
        self.state = BreakerState.CLOSED
        self.since = 0.0  # when it opened
        self.until = 0.0  # OPEN: when the next try is due
        self.closed_at = -inf
        self._budget = self._left = budget
        self._refund = refund
        self._first, self._longest = first, longest
        self._tries = 0
        self._given_up = False

    @property
    def is_closed(self) -> bool:
        return self.state is BreakerState.CLOSED

    def failed(self, now: float, after: float = 0.0) -> bool:
        """Asked, and no answer. `after`: how long the service itself asks to be left alone. True: the state is another one."""
        if self.state is BreakerState.OPEN:
            self.until = max(self.until, now + after)  # one that was asked before it opened
            return False
        if self.is_closed:
            self._left -= 1.0
            if self._left > 0.0 or self._given_up:
                return False
            self.since = now
            if now - self.closed_at > self._longest:
                self._tries = 0  # else it is the same trouble again
        self.open(now, after)
        return True

    def answered(self, now: float) -> bool:
        """True: the state is another one."""
        if self.is_closed and not self._given_up:
            self._left = min(self._budget, self._left + self._refund)
            return False
        changed = not self.is_closed
        self.state, self.closed_at, self._given_up = BreakerState.CLOSED, now, False
        self._left = min(1.0, self._budget)  # on trial: the next failure opens it
        return changed

    def open(self, now: float, after: float = 0.0) -> None:
        """Open, whatever it was: on a resume, or after a try that failed."""
        if self.is_closed:
            self.since = now
        self.state = BreakerState.OPEN
        self.until = now + max(after, min(self._first * 2.0**self._tries, self._longest))
        self._tries += 1

    def due(self, now: float) -> bool:
        """Whether it is time for the one try: then it is under way from now on."""
        if self.state is not BreakerState.OPEN or now < self.until - MOMENT:
            return False
        self.state = BreakerState.HALF_OPEN
        return True

    def give_up(self) -> None:
        """It has been open for too long: closed, and it does not open again before there was an answer."""
        self.state, self.closed_at, self._given_up = BreakerState.CLOSED, -inf, True
