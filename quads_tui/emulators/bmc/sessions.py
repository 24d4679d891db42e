"""The sessions of one BMC. Their timeouts are real seconds, as are all times that a server itself announces."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from quads_tui.emulators.interfaces import Draws, Time

LOCK_AFTER = 5  # wrong passwords
LOCK_WITHIN = 300.0  # emulated seconds in which they count
LOCK_FOR = 300.0  # emulated seconds


@dataclass(slots=True)
class Session:
    id: str
    token: str
    user: str
    used: float  # time.monotonic()
    client: str = ""  # IP address
    created: float = field(default_factory=time.time)


class Sessions:
    """At most `cap` at once; one that was not used for `timeout` real seconds is gone."""

    def __init__(self, cap: int, timeout: float, draws: Draws) -> None:
        self.cap, self.timeout, self._draws = cap, timeout, draws
        self._by_token: dict[str, Session] = {}
        self.created = self.peak = 0

    def _sweep(self) -> None:
        oldest = time.monotonic() - self.timeout
        for token in [token for token, session in self._by_token.items() if session.used < oldest]:
            del self._by_token[token]

    def open(self) -> list[Session]:
        """The live sessions."""
        self._sweep()
        return list(self._by_token.values())

    def create(self, user: str, client: str = "") -> Session | None:
        """A new session, or None when the cap is reached."""
        self._sweep()
        if len(self._by_token) >= self.cap:
            return None
        self.created += 1
        token = f"{self._draws.next('token').getrandbits(128):032x}"
        session = Session(str(self.created), token, user, time.monotonic(), client)
        self._by_token[token] = session
        self.peak = max(self.peak, len(self._by_token))
        return session

    def use(self, token: str) -> Session | None:
        """The live session of this token, with its idle time back at zero; None where there is none."""
        session = self._by_token.get(token)
        if session is None:
            return None
        now = time.monotonic()
        if now - session.used > self.timeout:
            del self._by_token[token]
            return None
        session.used = now
        return session

    def find(self, id: str) -> Session | None:
        return next((session for session in self.open() if session.id == id), None)

    def delete(self, id: str) -> bool:
        """Whether there was one to delete."""
        session = self.find(id)
        if session is None:
            return False
        del self._by_token[session.token]
        return True

    def clear(self) -> None:
        """The BMC restarted."""
        self._by_token.clear()


class LoginLockout:
    """Locks the user out after a series of wrong passwords. `count`: how often that happened. `refused`: logins in all."""

    def __init__(self, clock: Time) -> None:
        self._time = clock
        self._wrong: list[float] = []
        self._until = 0.0
        self.count = self.refused = 0

    def admits(self, correct: bool) -> bool:
        """Count one login with a right or a wrong password; whether it succeeds."""
        now = self._time.now()
        if now < self._until:
            self.refused += 1
            return False
        if correct:
            self._wrong.clear()
            return True
        self.refused += 1
        self._wrong = [when for when in self._wrong if when > now - LOCK_WITHIN] + [now]
        if len(self._wrong) >= LOCK_AFTER:
            self._wrong.clear()
            self._until = now + LOCK_FOR
            self.count += 1
        return False
