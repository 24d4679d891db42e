"""Until when services want to be left alone (Retry-After and its like): one place for all clients of a process.

Whoever asks a service waits here, whatever for and through whichever client: what one heard counts for the others.
"""

from __future__ import annotations

from collections.abc import Iterable

from quads_tui.rollout.addresses import host_and_port, peer
from quads_tui.rollout.ports import Clock


class NotBefore:
    """Services go by their names here: what `name_of` gives for an address, and the IP address and port that answered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, tuple[float, str]] = {}  # own time, and the service's words

    def hear(self, names: Iterable[str], seconds: float, why: str) -> None:
        """A service asked to be left alone for so many real seconds (responses.retry_seconds), and said why.

        Of several such answers the one whose end is last counts.
        """
        until = self._clock.now() + seconds * self._clock.speed
        for name in filter(None, names):
            if until > self._until.get(name, (until - 1.0, ""))[0]:
                self._until[name] = until, why

    def left(self, names: Iterable[str]) -> tuple[float, str]:
        """Real seconds until the service may be asked, and its words; 0 where it may be asked now."""
        last = max(filter(None, map(self._until.get, names)), default=None)
        if last is None:
            return 0.0, ""
        until, why = last
        seconds = (until - self._clock.now()) / self._clock.speed
        return (seconds, why) if seconds > 0 else (0.0, "")


def name_of(address: str) -> str:
    """Of a service by its URL: host and port, an IP address spelled as a peer's."""
    try:
        host, port = host_and_port(address)
    except ValueError:  # a port that is none
        return address
    try:
        return peer(host, port)
    except ValueError:
        return f"{host}:{port}"
