"""Serves the metrics of the rollouts of this process to Prometheus, on the program's own loop.

Whoever connects, and whatever they send, costs the loop little: one connection after the other is accepted, so many a second and
so many at once; each has a few seconds and gets one answer; and the text is made once a second at most.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aiohttp import web

from quads_tui.inputs import Listen
from quads_tui.inputs.addresses import is_loopback
from quads_tui.render.prometheus.exposition import CONTENT_TYPE, Exposition
from quads_tui.render.prometheus.reading import MeasuredRollout
from quads_tui.rollout.loop_lag import probe_lag
from quads_tui.rollout.tally import Histogram

from .options import Refused

log = logging.getLogger(__name__)

PATH = "/metrics"
MOST_CONNECTIONS = 8  # at once; further ones wait in the kernel, as many as _BACKLOG
LIFETIME = 5.0  # real seconds of a connection
_BACKLOG = 16
_ACCEPT_PAUSE = 0.02  # real seconds from one connection to the next
_NO_FILES_PAUSE = 1.0  # real seconds until the next try, when the process may open no more files
_FRESH = 1.0  # real seconds for which a text is served again
_LINE = 4096  # bytes of one line of a request's head
_LAG_PROBE = 0.05  # real seconds between two probes of the loop
_LAG_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class MetricsServer:
    """One address. `users`: how many rollouts want it served."""

    def __init__(self, listen: Listen) -> None:
        self.users = 0
        self.listen = listen
        self._rollouts: list[MeasuredRollout] = []
        self._lag = Histogram(_LAG_BOUNDS)
        self._exposition = Exposition(lambda: self._rollouts, self._lag)
        self._made: tuple[float, bytes] | None = None  # when, by the loop's time
        self._web = web.Server(self._handle, access_log=None, lingering_time=0.0, max_line_size=_LINE, max_field_size=_LINE)
        self._listener: socket.socket | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        return f"http://{self.listen}{PATH}"

    def open(self) -> None:
        """Raises Refused where the address cannot be used."""
        listen = self.listen
        listener = socket.socket(socket.AF_INET6 if ":" in listen.address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of a process before may still be ending
            if listener.family is socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.setblocking(False)
            listener.bind((listen.address, listen.port))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            why = error.strerror or str(error)
            remedy = "give another port with --metrics PORT, or start without metrics: --metrics none"
            raise Refused([f"metrics cannot be served at {listen}: {why}; {remedy}"]) from None
        self._listener = listener
        self._tasks = [asyncio.create_task(work) for work in (self._serve(listener), probe_lag(self._lag.observe, _LAG_PROBE))]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()
        await self._web.shutdown(0.0)

    @contextmanager
    def shows(self, measured: MeasuredRollout) -> Iterator[None]:
        """The metrics of this rollout are among those that are served."""
        self._rollouts.append(measured)
        self._made = None
        try:
            yield
        finally:
            self._rollouts.remove(measured)
            self._made = None

    async def _serve(self, listener: socket.socket) -> None:
        while True:
            if len(self._web.connections) < MOST_CONNECTIONS:
                await self._accept(listener)
            await asyncio.sleep(_ACCEPT_PAUSE)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            peer, _ = await loop.sock_accept(listener)
        except OSError:
            await asyncio.sleep(_NO_FILES_PAUSE)
            return
        with suppress(OSError):  # it has gone again
            transport, _ = await loop.connect_accepted_socket(self._web, peer)
            loop.call_later(LIFETIME, transport.abort)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        response = self._answer(request)
        response.force_close()
        response.headers["Server"] = "quads-tui"  # and not the versions of Python and aiohttp
        return response

    def _answer(self, request: web.BaseRequest) -> web.Response:
        if self.listen.is_loopback and not _is_loopback_host(request.headers.get("Host", "")):
            # A page in a browser of this machine can have its own name resolved to 127.0.0.1, and read what is served there.
            return web.Response(status=421, text="Misdirected request: use the name localhost or a loopback address\n")
        if request.path != PATH:
            return web.Response(status=404, text=f"Not found: metrics are at {PATH}\n")
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"}, text="Method not allowed\n")
        try:
            return web.Response(body=self._text(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})
        except Exception:
            log.exception("the metrics could not be made")
            return web.Response(status=500, text="Internal error\n")

    def _text(self) -> bytes:
        now = asyncio.get_running_loop().time()
        if self._made is None or now - self._made[0] >= _FRESH:
            self._made = now, self._exposition.text()
        return self._made[1]


def _is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine's loopback, with or without a port."""
    return "@" not in host and is_loopback(f"http://{host}")
