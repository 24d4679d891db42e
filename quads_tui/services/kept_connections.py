"""Whether a write may use a connection that has carried requests before, or needs one of its own.

A server may close a kept connection at any time. A write that meets that end is not sent again, and nobody knows what became of
it: that costs the time until reads have settled it. So a write uses a connection again only where that has answered a moment ago
and nothing unread lies in it, and only at a place where no request has died on a used connection. A new connection, which proves
nothing of either, is always good enough. The moment is longer for a write that does no harm when it is lost: a new connection
costs a handshake, as much as two requests, and the sessions of a survey wait for each other to be closed.
"""

from __future__ import annotations

import time
from enum import StrEnum
from weakref import WeakKeyDictionary

from aiohttp.client_proto import ResponseHandler


class Reuse(StrEnum):
    """Of connections by one write."""

    NEVER = "never"
    PROVED = "proved"  # where this place has answered a write on a used connection
    TRIED = "tried"  # where it has not refused one: for writes that do no harm when they are lost or sent again


_RECENT = {  # real seconds since its last answer: servers close idle connections after 5 s and more
    Reuse.NEVER: 1.0,
    Reuse.PROVED: 1.0,
    Reuse.TRIED: 3.0,
}


class KeptConnections:
    """What a process has seen of kept connections, by place (IP address or name, and port)."""

    def __init__(self) -> None:
        self._answered: WeakKeyDictionary[ResponseHandler, float] = WeakKeyDictionary()  # time.monotonic() of the last answer
        self._last_answer: dict[str, float] = {}  # the same by place, of any of its connections
        self._proved: set[str] = set()
        self._broken: set[str] = set()

    def may_be_used(self, place: str, reuse: Reuse) -> bool:
        """Whether a write may use a connection again there at all. One that does not suit would be closed for nothing."""
        if not _is_recent(self._last_answer.get(place), reuse):
            return False
        match reuse:
            case Reuse.NEVER:
                return False
            case Reuse.PROVED:
                return place in self._proved
            case Reuse.TRIED:
                return place not in self._broken

    def suits(self, connection: ResponseHandler, reuse: Reuse) -> bool:
        """Whether a write may use this connection again now. What lies unread in it would be taken for the write's answer."""
        return _is_recent(self._answered.get(connection), reuse) and connection.is_connected() and not connection.should_close

    def answered(self, connection: ResponseHandler, place: str) -> None:
        """A whole answer has come on it."""
        self._answered[connection] = self._last_answer[place] = time.monotonic()

    def proved(self, place: str) -> None:
        """A write on a used connection was answered."""
        if place not in self._broken:
            self._proved.add(place)

    def broke(self, place: str) -> None:
        """A request died on a connection that had just been used: no write uses one there any more."""
        self._broken.add(place)
        self._proved.discard(place)


def _is_recent(answer: float | None, reuse: Reuse) -> bool:
    return answer is not None and time.monotonic() - answer <= _RECENT[reuse]
