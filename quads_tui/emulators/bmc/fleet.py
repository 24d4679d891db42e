"""All BMCs of the lab: a listener each on loopback, one HTTP machinery, one queue per BMC, and the counters."""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
import weakref
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from quads_tui.emulators.bmc.families import family_of
from quads_tui.emulators.bmc.faults import Trouble
from quads_tui.emulators.bmc.hardware import Hardware
from quads_tui.emulators.bmc.replies import Call
from quads_tui.emulators.bmc.service import Bmc
from quads_tui.emulators.bmc.transmission import broken, gone, send
from quads_tui.emulators.interfaces import Machine, Provisioner, Time, seeded

LOOPBACK = "127.0.0.1"


class Fleet:
    """`serve` binds one ephemeral port per machine; which BMC is asked follows from the port that the request came in by.

    `troubles`: what is wrong with a host, by FQDN. `idle_off`: the share of healthy hosts that stand Off at the start.
    """

    def __init__(
        self,
        machines: Sequence[Machine],
        *,
        time: Time,
        seed: int,
        provisioner: Provisioner,
        username: str,
        password: str,
        troubles: Mapping[str, Trouble] | None = None,
        idle_off: float = 0.0,
    ) -> None:
        self.time = time
        self.bmcs: dict[str, Bmc] = {}
        self._ports: dict[int, Bmc] = {}
        self._listeners: dict[str, asyncio.Server] = {}
        self._held: dict[str, socket.socket] = {}
        self._reopenings: set[asyncio.Task[None]] = set()
        self._used: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()  # connections that carried a request
        self._ssl: ssl.SSLContext | None = None
        self._server: web.Server | None = None
        for machine in machines:
            luck = seeded(seed, "bmc", machine.name)
            family = family_of(machine.model)
            trouble = (troubles or {}).get(machine.name) or Trouble()
            off = trouble.starts_off or (type(trouble) is Trouble and luck.random() < idle_off)
            mode = "Legacy" if luck.random() < 0.25 else "UEFI"
            hardware = Hardware(machine, family.nature, time, luck, provisioner, trouble, power="Off" if off else "On", mode=mode)
            if trouble.starts_off:
                hardware.reported = "On"
            self.bmcs[machine.name] = Bmc(
                machine, family, hardware, trouble, time=time, luck=luck, username=username, password=password
            )

    async def serve(self, ssl_context: ssl.SSLContext | None = None) -> None:
        """Open all listeners. Each live connection is a file, so the soft limit goes up to the hard one."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self._ssl = ssl_context
        self._server = web.Server(self._handle, access_log=None, keepalive_timeout=30.0)
        for name, bmc in self.bmcs.items():
            # Every port is held by a bound socket that never listens, so that a BMC which is down refuses connections
            # and nobody else is given its port.
            held = _bound(0)
            self._held[name] = held
            self._ports[held.getsockname()[1]] = bmc
            bmc.restart = lambda seconds, name=name: self._spawn(self._away(name, seconds))  # type: ignore[misc]
            bmc.cut = lambda seconds, bmc=bmc: self._spawn(self._cut(bmc, seconds))  # type: ignore[misc]
            if bmc.trouble.listens:
                await self._listen(name)
            elif bmc.trouble.wakes_after:
                self._spawn(self._wake(name, bmc.trouble.wakes_after))

    def address(self, name: str) -> str:
        """The base URL of a host's BMC."""
        scheme = "http" if self._ssl is None else "https"
        return f"{scheme}://{LOOPBACK}:{self._held[name].getsockname()[1]}"

    async def close(self) -> None:
        for task in list(self._reopenings):
            task.cancel()
        for listener in self._listeners.values():
            listener.close()
        for bmc in self.bmcs.values():
            bmc.hardware.close()
        if self._server is not None:
            await self._server.shutdown(1.0)
        for held in self._held.values():
            held.close()

    def counts(self) -> dict[str, int]:
        """The "bmc" part of what the emulators tell."""
        bmcs = self.bmcs.values()
        return {
            "requests": sum(bmc.requests for bmc in bmcs),
            "resets": sum(bmc.hardware.resets for bmc in bmcs),
            "sessions_open": sum(len(bmc.sessions.open()) for bmc in bmcs),
            "peak_requests_per_bmc": max((bmc.peak for bmc in bmcs), default=0),
            "mode_changes": sum(bmc.hardware.mode_changes for bmc in bmcs),
            "sessions_created": sum(bmc.sessions.created for bmc in bmcs),
            "peak_sessions_per_bmc": max((bmc.sessions.peak for bmc in bmcs), default=0),
            "lockouts": sum(bmc.lockouts for bmc in bmcs),
        }

    # -- connections -------------------------------------------------------------------------------------------------

    async def _listen(self, name: str) -> None:
        assert self._server is not None
        sock = _bound(self._held[name].getsockname()[1])
        loop = asyncio.get_running_loop()
        self._listeners[name] = await loop.create_server(self._server, sock=sock, ssl=self._ssl, backlog=64)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._reopenings.add(task)
        task.add_done_callback(self._reopenings.discard)

    async def _wake(self, name: str, seconds: float) -> None:
        """A BMC that is down at first comes up after `seconds` emulated seconds."""
        await self.time.sleep(seconds)
        await self._listen(name)

    async def _cut(self, bmc: Bmc, seconds: float) -> None:
        """The way to this BMC is cut for `seconds` emulated seconds: nothing arrives, nobody refuses, no session is lost."""
        bmc.reachable.clear()
        await self.time.sleep(seconds)
        bmc.reachable.set()

    async def _away(self, name: str, seconds: float) -> None:
        """The BMC goes away for `seconds` emulated seconds; its sessions and connections are lost at once."""
        bmc, port = self.bmcs[name], self._held[name].getsockname()[1]
        await asyncio.sleep(0.05)  # the answer that is on its way still arrives
        listener = self._listeners.pop(name, None)
        if listener is None:
            return  # away already
        listener.close()
        bmc.started()
        assert self._server is not None
        for handler in self._server.connections:
            transport = handler.transport
            if transport is not None and _port_of(transport) == port:
                transport.abort()
        await self.time.sleep(seconds)
        await self._listen(name)

    # -- requests ----------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError
        bmc = self._ports[transport.get_extra_info("sockname")[1]]
        reused = transport in self._used
        self._used.add(transport)
        bmc.requests += 1
        bmc.take_in(request)
        try:
            body = await request.read()
            path, _, query = request.raw_path.partition("?")
            headers = {key.lower(): value for key, value in request.headers.items()}
            call = Call(request.method, unquote(path).rstrip("/"), query, path.endswith("/"), headers, body, reused)
            async with bmc.queue:
                await self.time.sleep(bmc.latency(call))
                await bmc.reachable.wait()
                if gone(request):  # nobody waits for it any more: what a switch held back never came
                    return broken(transport)
                reply = bmc.answer(call)
            return await send(bmc, reply, request, transport)
        finally:
            bmc.let_go(request)


def _bound(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((LOOPBACK, port))
    sock.setblocking(False)
    return sock


def _port_of(transport: asyncio.BaseTransport) -> int | None:
    """The port of ours that the connection came to; None once it is closing."""
    name = transport.get_extra_info("sockname")
    return int(name[1]) if name else None
