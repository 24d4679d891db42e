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

from quads_tui.emulators.bmc.bmc import Bmc
from quads_tui.emulators.bmc.families import family_of
from quads_tui.emulators.bmc.faults import Fault
from quads_tui.emulators.bmc.hardware import Hardware, PowerState
from quads_tui.emulators.bmc.replies import Request
from quads_tui.emulators.bmc.service import RedfishService
from quads_tui.emulators.bmc.transmission import broken, gone, send
from quads_tui.emulators.interfaces import Draws, Machine, Provisioner, Time
from quads_tui.emulators.ipmi.faults import IpmiFault
from quads_tui.emulators.ipmi.service import IpmiService

LOOPBACK = "127.0.0.1"
LEGACY_SHARE = 0.25  # of the machines boot in Legacy mode


class Fleet:
    """`serve` binds one ephemeral port per machine; which BMC is asked follows from the port that the request came in by.

    faults: by FQDN of the host. idle_off: the share of healthy hosts that are off at the start. A machine with `ipmi` has a UDP
    port instead, and is in `ipmi` instead of `services`.
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
        faults: Mapping[str, Fault] | None = None,
        idle_off: float = 0.0,
        ipmi_account: tuple[str, str] = ("", ""),
        ipmi_faults: Mapping[str, IpmiFault] | None = None,
    ) -> None:
        self.time = time
        self.bmcs: dict[str, Bmc] = {}
        self.services: dict[str, RedfishService] = {}
        self.ipmi: dict[str, IpmiService] = {}
        self._udp: dict[str, int] = {}
        self._ports: dict[int, RedfishService] = {}
        self._listeners: dict[str, asyncio.Server] = {}
        self._port: dict[str, int] = {}
        self._held: dict[str, socket.socket] = {}  # of BMCs that do not listen
        self._tasks: set[asyncio.Task[None]] = set()  # interruptions that end by themselves
        self._used: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()  # connections that carried a request
        self._ssl: ssl.SSLContext | None = None
        self._server: web.Server | None = None
        for machine in machines:
            fault = (faults or {}).get(machine.name) or Fault()
            ipmi_fault = (ipmi_faults or {}).get(machine.name) or IpmiFault()
            draws = Draws(seed, "bmc", machine.name)
            family = family_of(machine.model)
            idle = draws.next("idle").random() < idle_off and type(fault) is Fault and type(ipmi_fault) is IpmiFault
            off = fault.starts_off or idle
            mode = "Legacy" if draws.next("mode").random() < LEGACY_SHARE else "UEFI"
            hardware = Hardware(
                machine,
                timing=(ipmi_fault.timing if machine.ipmi else None) or family.timing,
                time=time,
                draws=draws,
                provisioner=provisioner,
                faults=ipmi_fault if machine.ipmi else fault,
                power=PowerState.OFF if off else PowerState.ON,
                mode=mode,
            )
            if fault.starts_off:
                hardware.reported = PowerState.ON
            mac = fault.mac or machine.mac
            bmc = Bmc(hardware, family, network=self, mac=mac, time=time, draws=draws, username=username, password=password)
            self.bmcs[machine.name] = bmc
            if machine.ipmi:
                user, secret = ipmi_account
                self.ipmi[machine.name] = IpmiService(
                    hardware, ipmi_fault, time=time, draws=draws, username=user, password=secret, guid=bmc.uuid
                )
            else:
                self.services[machine.name] = RedfishService(bmc, fault)

    async def serve(self, ssl_context: ssl.SSLContext | None = None) -> None:
        """Open all listeners. Each live connection is a file, so the soft limit goes up to the hard one."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self._ssl = ssl_context
        self._server = web.Server(self._handle, access_log=None, keepalive_timeout=30.0)
        for name, service in self.services.items():
            # The port of a BMC that is down is held by a bound socket that does not listen: it refuses connections, and no
            # other process is given its port. It is one file a BMC: twenty thousand of them are many.
            held = _bound(0)
            self._held[name] = held
            self._port[name] = held.getsockname()[1]
            self._ports[self._port[name]] = service
            if service.fault.listens:
                await self._listen(name)
            elif service.fault.listens_after:
                self._spawn(self._listen_after(name, service.fault.listens_after))

        for name, ipmi in self.ipmi.items():
            self._udp[name] = await ipmi.serve(LOOPBACK)

    def address(self, name: str) -> str:
        """The base URL of a host's BMC."""
        if name in self.ipmi:
            return f"ipmi://{LOOPBACK}:{self._udp[name]}"
        scheme = "http" if self._ssl is None else "https"
        return f"{scheme}://{LOOPBACK}:{self._port[name]}"

    async def close(self) -> None:
        """Stop listening, and end all connections and the timelines of the machines."""
        for task in list(self._tasks):
            task.cancel()
        for listener in self._listeners.values():
            listener.close()
        for ipmi in self.ipmi.values():
            ipmi.close()
        for bmc in self.bmcs.values():
            bmc.hardware.close()
        if self._server is not None:
            await self._server.shutdown(1.0)
        for held in self._held.values():
            held.close()

    def counts(self) -> dict[str, int]:
        """The "bmc" part of GET /counts."""
        bmcs, ipmi = self.bmcs.values(), self.ipmi.values()
        services: list[RedfishService | IpmiService] = [*self.services.values(), *ipmi]
        return {
            "requests": sum(service.requests for service in services),
            "connections": sum(service.connections for service in self.services.values()),
            "resets": sum(bmc.hardware.resets for bmc in bmcs),
            "sessions_open": sum(self.sessions_open(name) for name in self.bmcs),
            "peak_requests_per_bmc": max((service.peak for service in services), default=0),
            "mode_changes": sum(bmc.hardware.mode_changes for bmc in bmcs),
            "sessions_created": sum(bmc.sessions.created for bmc in bmcs) + sum(one.sessions.created for one in ipmi),
            "peak_sessions_per_bmc": max(
                max((bmc.sessions.peak for bmc in bmcs), default=0), max((one.sessions.peak for one in ipmi), default=0)
            ),
            "lockouts": sum(bmc.lockouts for bmc in bmcs) + sum(one.lockout.count for one in ipmi),
        }

    def service(self, name: str) -> RedfishService | IpmiService:
        """What answers for a host's BMC."""
        return self.ipmi[name] if name in self.ipmi else self.services[name]

    def sessions_open(self, name: str) -> int:
        """At a host's BMC."""
        return len(self.ipmi[name].sessions.open()) if name in self.ipmi else len(self.bmcs[name].sessions.open())

    # -- connections -------------------------------------------------------------------------------------------------

    async def _listen(self, name: str) -> None:
        assert self._server is not None
        loop, sock = asyncio.get_running_loop(), self._held.pop(name)
        self._listeners[name] = await loop.create_server(self._server, sock=sock, ssl=self._ssl, backlog=64)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen_after(self, host: str, seconds: float) -> None:
        await self.time.sleep(seconds)
        await self._listen(host)

    def interrupt(self, host: str, seconds: float) -> None:
        """The way to this BMC is cut for `seconds` emulated seconds: nothing arrives, nobody refuses, no session is lost."""
        self.bmcs[host].reachable.clear()
        self._spawn(self._reconnect(self.bmcs[host], seconds))

    async def _reconnect(self, bmc: Bmc, seconds: float) -> None:
        await self.time.sleep(seconds)
        bmc.reachable.set()

    def restart_bmc(self, host: str, seconds: float) -> None:
        """The BMC is away for `seconds` emulated seconds; its sessions and connections are lost at once."""
        self._spawn(self._restart(host, seconds))

    async def _restart(self, host: str, seconds: float) -> None:
        bmc, port = self.bmcs[host], self._port[host]
        await asyncio.sleep(0.05)  # the reply that is on its way still arrives
        listener = self._listeners.pop(host, None)
        if listener is None:
            return  # away already
        listener.close()
        self._held[host] = _bound(port)
        bmc.restarted()
        assert self._server is not None
        for handler in self._server.connections:
            transport = handler.transport
            if transport is not None and _port_of(transport) == port:
                transport.abort()
        await self.time.sleep(seconds)
        await self._listen(host)

    # -- requests ----------------------------------------------------------------------------------------------------

    async def _handle(self, incoming: web.BaseRequest) -> web.StreamResponse:
        transport = incoming.transport
        if transport is None:
            raise ConnectionResetError
        service = self._ports[transport.get_extra_info("sockname")[1]]
        reused = transport in self._used
        self._used.add(transport)
        service.begin(incoming, reused=reused)
        try:
            body = await incoming.read()
            path, _, query = incoming.raw_path.partition("?")
            client = str(transport.get_extra_info("peername")[0])
            headers = {key.lower(): value for key, value in incoming.headers.items()}
            request = Request(
                incoming.method, unquote(path).rstrip("/"), query, path.endswith("/"), headers, body, reused, client
            )
            async with service.queue:
                await self.time.sleep(service.latency(request))
                await service.bmc.reachable.wait()
                if gone(incoming):  # its client has hung up: a request that the switch held back never arrives
                    return broken(transport)
                reply = service.reply(request)
            return await send(reply, service.family.headers(), self.time, incoming, transport)
        finally:
            service.end(incoming)


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
