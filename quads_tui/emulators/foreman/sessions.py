"""Who is calling: Basic authentication, session cookies and the lock-out after too many failures."""

from __future__ import annotations

import base64
import binascii
import random
import time
from collections import deque
from dataclasses import dataclass

from .answers import Answer, Refusal, message
from .database import Database
from .options import ForemanOptions
from .records import User

FAILURES_WITHIN = 300.0  # seconds


@dataclass(slots=True)
class Session:
    user: User
    used: float  # real seconds: session times are the server's own, whatever the emulated speed


class Sessions:
    """Sessions and failed logins. All times here are real seconds."""

    def __init__(self, database: Database, options: ForemanOptions, generator: random.Random) -> None:
        self._database = database
        self._options = options
        self._generator = generator
        self._sessions: dict[str, Session] = {}
        self._failures: dict[str, deque[float]] = {}
        self.logins = 0
        self.failed = 0

    def resume(self, cookie: str | None) -> User | None:
        """The user of a live session; None for no or an unknown one. An idle session is refused once, with an empty 401."""
        session = self._sessions.get(cookie) if cookie else None
        if session is None or cookie is None:
            return None
        now = time.monotonic()
        if now - session.used > self._options.session_idle:
            del self._sessions[cookie]
            raise Refusal(Answer(401, "", "text/plain"))
        session.used = now
        return session.user

    def login(self, authorization: str | None, address: str) -> tuple[User, str]:
        """A user and a new session from a Basic header. Raises Refusal with 401."""
        now = time.monotonic()
        failures = self._failures.setdefault(address, deque())
        while failures and now - failures[0] > FAILURES_WITHIN:
            failures.popleft()
        if len(failures) >= self._options.failed_logins and now - failures[-1] < self._options.lockout:
            raise message(401, "Too many tries, please try again in a few minutes.")
        name, password = _basic(authorization)
        user = self._database.by_login.get(name)
        if user is None or password is None or user.password != password:
            failures.append(now)
            self.failed += 1
            raise message(401, f"Unable to authenticate user {name}")
        self.logins += 1
        user.last_login = self._database.time.utc()
        cookie = f"{self._generator.getrandbits(128):032x}"
        self._sessions[cookie] = Session(user, now)
        return user, cookie

    def expire(self) -> None:
        """Every session becomes too old, as after an hour without a request."""
        for session in self._sessions.values():
            session.used -= self._options.session_idle + 1.0

    def forget(self) -> None:
        """Every session is gone, as after a restart of Foreman with an empty session store."""
        self._sessions.clear()


def _basic(header: str | None) -> tuple[str, str | None]:
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return "", None
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return "", None
    return name, password
