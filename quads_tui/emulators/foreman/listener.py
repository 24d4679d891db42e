"""The listening socket. It accepts by itself, so that a connection can be reset before its TLS handshake."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections import deque

from aiohttp import web

from .faults import FaultInjector
from .traffic import RESET, Traffic

BURST, WITHIN = 128, 0.1  # a listen queue of 128 (net.core.somaxconn of old) overflows when more arrive in 100 ms


class Listener:
    def __init__(self, server: web.Server, faults: FaultInjector, traffic: Traffic, context: ssl.SSLContext | None) -> None:
        self._server = server
        self._faults = faults
        self._traffic = traffic
        self._context = context
        self._recent: deque[float] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket: socket.socket | None = None

    def start(self, host: str, port: int) -> int:
        """Listens and returns the port."""
        self._socket = socket.create_server((host, port), backlog=BURST)
        self._socket.setblocking(False)
        self._keep(asyncio.create_task(self._accept(self._socket)))
        bound: int = self._socket.getsockname()[1]
        return bound

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            peer, _ = await loop.sock_accept(listening)
            if self._refused():
                self._traffic.resets += 1
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                peer.close()
            else:
                self._keep(asyncio.create_task(self._connect(peer)))

    def _refused(self) -> bool:
        if self._faults.handshakes > 0:
            self._faults.handshakes -= 1
            return True
        now = time.monotonic()
        self._recent.append(now)
        while now - self._recent[0] > WITHIN:
            self._recent.popleft()
        return len(self._recent) > BURST

    async def _connect(self, peer: socket.socket) -> None:
        peer.setblocking(False)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._server, peer, ssl=self._context)
        except OSError:
            peer.close()  # the client gave up, or does not trust us
        except asyncio.CancelledError:
            peer.close()
            raise
