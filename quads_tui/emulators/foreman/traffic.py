"""What reached the server: the request log, its counts and its connections."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter, deque
from dataclasses import dataclass

WRITES = frozenset(("POST", "PUT", "PATCH", "DELETE"))
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close at once, with a reset


@dataclass(slots=True)
class Exchange:
    """A request as the server saw it; times in emulated seconds, `status` 0 while it has none or was never answered."""

    method: str
    path: str
    query: str
    arrived: float
    connection: int
    had_cookie: bool
    host: str | None
    started: float = 0.0
    ended: float = 0.0
    status: int = 0
    fault: str | None = None
    applied: bool = True


@dataclass(slots=True)
class Connection:
    number: int
    transport: asyncio.BaseTransport
    responses: int = 0
    closes_on_reuse: bool = False


class Traffic:
    """Counters of all that came in; peaks are of the same time."""

    def __init__(self, log_length: int) -> None:
        self.log: deque[Exchange] = deque(maxlen=log_length)
        self.reads = 0
        self.writes = 0
        self.statuses: Counter[int] = Counter()
        self.resets = 0
        self.opened = 0
        self.peak_connections = 0
        self.peak_writes = 0
        self.peak_writes_per_host = 0
        self.writing = 0
        self.writes_to: Counter[str] = Counter()
        self._writing_to: Counter[str] = Counter()
        self._open: dict[int, Connection] = {}

    def connection(self, transport: asyncio.BaseTransport) -> Connection:
        """The connection that a request came on; a new one is counted, and those that have closed are let go."""
        known = self._open.get(id(transport))
        if known is None:
            self._open = {key: one for key, one in self._open.items() if not one.transport.is_closing()}
            self.opened += 1
            known = self._open[id(transport)] = Connection(self.opened, transport)
            self.peak_connections = max(self.peak_connections, len(self._open))
        return known

    def begin(self, exchange: Exchange) -> bool:
        """Count a request to the API; whether it is a write that overlaps another one."""
        if not exchange.path.startswith("/api/"):
            return False
        if exchange.method not in WRITES:
            self.reads += 1
            return False
        self.writes += 1
        overlaps = self.writing > 0
        self.writing += 1
        self.peak_writes = max(self.peak_writes, self.writing)
        if exchange.host is not None:
            self.writes_to[exchange.host] += 1
            self._writing_to[exchange.host] += 1
            self.peak_writes_per_host = max(self.peak_writes_per_host, self._writing_to[exchange.host])
        return overlaps

    def end(self, exchange: Exchange) -> None:
        """The work of a write is over, whether or not anybody still waits for its answer."""
        if exchange.method in WRITES and exchange.path.startswith("/api/"):
            self.writing -= 1
            if exchange.host is not None:
                self._writing_to[exchange.host] -= 1

    def reset(self, transport: asyncio.BaseTransport | None) -> None:
        """Breaks a connection with a TCP reset instead of a close."""
        self.resets += 1
        if transport is None:
            return
        peer = transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        if isinstance(transport, asyncio.Transport):
            transport.abort()
