"""The emulated Foreman as a server: from the socket to the handlers and back."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from ..interfaces import Machine, Time, seeded
from .answers import Answer, page
from .application import COOKIE, LINE, Application
from .builds import Builds
from .careless import Careless
from .database import DISPLACED, ELSEWHERE, Database
from .documents import HostBodies
from .faults import BEFORE, FaultInjector, InjectedFault, given
from .fields import host_fields
from .listener import Listener
from .membership import Membership
from .options import ForemanOptions
from .routing import Foreman
from .saving import Saving
from .traffic import Connection, Exchange, Traffic


class ForemanEmulator:
    """A Foreman of `machines`; also the interfaces.Provisioner that booting machines talk to."""

    def __init__(
        self,
        machines: Sequence[Machine],
        *,
        time: Time,
        seed: int = 1,
        options: ForemanOptions = ForemanOptions(),  # noqa: B008
    ) -> None:
        self.time = time
        self.options = options
        database = Database(machines, time, seed, options)
        builds = Builds(database, options)
        self.foreman = Foreman(
            options, database, HostBodies(database), builds, Saving(database, builds, options),
            Membership(database, options), host_fields(database),
        )  # fmt: skip
        self._application = Application(self.foreman, time, seed)
        self._faults = FaultInjector(seeded(seed, "foreman", "overlap"))
        self._traffic = Traffic(options.log_length)
        self._careless: Careless | None = None
        self._running: set[asyncio.Task[Answer]] = set()
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None

    # What tests and benchmarks judge by

    @property
    def log(self) -> deque[Exchange]:
        """The last requests, oldest first."""
        return self._traffic.log

    def counts(self) -> dict[str, int]:
        """Requests below /api as they arrived, retries and logins included; peaks are of requests at the same time.
        `write_milliseconds`: emulated, the mean of the PUTs in the log.
        """
        traffic, sessions = self._traffic, self._application.sessions
        puts = [each.ended - each.arrived for each in traffic.log if each.method == "PUT" and each.ended]
        return {
            "writes": traffic.writes, "reads": traffic.reads, "logins": sessions.logins,
            "connections": traffic.peak_connections, "peak_writes": traffic.peak_writes,
            "peak_writes_per_host": traffic.peak_writes_per_host,
            "write_milliseconds": round(1000 * sum(puts) / max(1, len(puts))),
            "connections_opened": traffic.opened, "resets": traffic.resets, "failed_logins": sessions.failed,
            "errors_500": traffic.statuses[500], "errors_422": traffic.statuses[422], "unauthorized": traffic.statuses[401],
            "search_queries": self.foreman.searches, "unattended": self._application.unattended.calls,
            "orchestrations": self.foreman.builds.deployed, "pxe_lost": self.foreman.builds.lost,
        }  # fmt: skip

    def secrets(self) -> set[str]:
        """What it has heard and repeats, once it does."""
        return self._careless.secrets.all if self._careless is not None else set()

    def boots(self, name: str, mode: str) -> None:
        """The host's PXE loader fits this boot mode (UEFI or Legacy)."""
        host = self.foreman.database.hosts.get(name)
        if host is not None:
            host.pxe_loader = "Grub2 UEFI" if mode == "UEFI" else "PXELinux BIOS"
            host.revision += 1

    def host_counts(self, name: str) -> dict[str, Any]:
        """`built`, `failed`, `armings` and `writes` are how many times; `pxe` is the PXE file's content.

        A machine that this Foreman does not know has counts of zero, no status and no owner.
        """
        host = self.foreman.database.hosts.get(name)
        if host is None:
            return dict.fromkeys(("built", "failed", "armings", "writes"), 0) | {
                "in_build": False, "status": None, "owner": None, "pxe": None,
            }  # fmt: skip
        return {
            "built": host.times_built, "failed": host.times_failed, "armings": host.times_armed, "in_build": host.build,
            "status": host.status(self.time.now()), "writes": self._traffic.writes_to[name],
            "owner": self.foreman.database.owner_login(host), "pxe": self.foreman.database.pxe_files.get(host.mac),
        }  # fmt: skip

    def inject(self, fault: str, *, count: int = 1, method: str | None = None, path: str = "", seconds: float = 0.0) -> None:
        """The next `count` requests of this method whose path matches the expression suffer `fault`, a name of InjectedFault."""
        self._faults.inject(fault, count=count, method=method, path=path, seconds=seconds)

    def answer_with(self, answer: Answer, *, count: int = 1, method: str | None = None, path: str = "") -> None:
        """The next `count` such requests are answered with this and not executed."""
        self._faults.inject(InjectedFault.GIVEN, count=count, method=method, path=path, answer=answer)

    def delete_pxe(self, host: str) -> None:
        """The smart proxy loses the host's PXE file: it boots its disk."""
        self.foreman.database.pxe_files.pop(self.foreman.database.hosts[host].mac, None)

    def control(self, wanted: dict[str, Any]) -> None:
        """What its administrator does; see Control's page. Raises LookupError and TypeError for what cannot be done."""
        database = self.foreman.database
        if wanted.get("repeats_secrets"):
            self._careless = Careless()
        for login in wanted.get("elsewhere", ()):
            database.by_login[login].organizations = (ELSEWHERE,)
        for login in wanted.get("displaced", ()):
            database.by_login[login].locations = (DISPLACED,)
        for name, mac in wanted.get("bonded", {}).items():
            database.bond(database.hosts[name], mac)
        if "permissions" in wanted:
            database.restrict(frozenset(wanted["permissions"]))

    def reset_handshakes(self, count: int) -> None:
        """The next `count` connections are reset before their handshake."""
        self._faults.handshakes = count

    def clear_injections(self) -> None:
        self._faults.clear()

    def expire_sessions(self) -> None:
        """Every session is now older than the idle limit: its next use is answered with one empty 401."""
        self._application.sessions.expire()

    def forget_sessions(self) -> None:
        """Every cookie is unknown from now on, as after a restart."""
        self._application.sessions.forget()

    # The provisioning side

    def live_token(self, host: str) -> str | None:
        row = self.foreman.database.hosts.get(host)
        return None if row is None else self.foreman.builds.live_token(row)

    async def built(self, host: str, token: str) -> bool:
        return await self._application.unattended.finished(token, None) == 201

    async def failed(self, host: str, token: str, log: str) -> bool:
        return await self._application.unattended.finished(token, log) == 201

    # The server

    def application(self) -> web.Application:
        application = web.Application(client_max_size=1 << 20)
        application.router.add_route("*", "/{path:.*}", self._serve)
        return application

    async def serve(self, host: str = "127.0.0.1", port: int = 0, ssl_context: ssl.SSLContext | None = None) -> str:
        """Listens and returns the base URL, without a slash at its end."""
        self._closing.clear()
        self._runner = web.AppRunner(
            self.application(), access_log=None, keepalive_timeout=self.options.keep_alive, max_line_size=8 * LINE,
            shutdown_timeout=0.2,
        )  # fmt: skip
        await self._runner.setup()
        assert self._runner.server is not None
        self._listener = Listener(self._runner.server, self._faults, self._traffic, ssl_context)
        self.foreman.url = f"{'https' if ssl_context else 'http'}://{host}:{self._listener.start(host, port)}"
        return self.foreman.url

    async def close(self) -> None:
        """Stop listening; requests that are still worked on are given up."""
        self._closing.set()
        if self._listener is not None:
            await self._listener.close()
        for task in self._running:
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            return web.Response()
        connection = self._traffic.connection(transport)
        if connection.closes_on_reuse:
            return self._broken(request)
        body = await request.read()  # before the request counts: a client that breaks off in its body has not asked anything
        path = request.path
        injection = self._faults.take(request.method, path)
        if injection is None and self._careless is not None and (refusal := self._careless.refusal(request)) is not None:
            injection = given(refusal)
        exchange = Exchange(
            request.method, path, request.query_string, self.time.now(), connection.number, COOKIE in request.cookies,
            self._host_of(path), fault=injection.fault if injection else None,
        )  # fmt: skip
        self._traffic.log.append(exchange)
        overlaps = self._traffic.begin(exchange)
        fault = injection.fault if injection else None
        answer = (injection.answer or BEFORE.get(injection.fault)) if injection else None
        if overlaps and answer is None and self.options.faults.concurrency_2019:
            fault, answer = self._faults.overlap()
            exchange.fault = fault
        if answer is not None or fault is InjectedFault.RESET_BEFORE_APPLY:
            # The time that such an answer takes is a read's: the work was given up before it was done.
            exchange.applied = False
            await self.time.sleep(self.options.costs.show.median)
            self._traffic.end(exchange)
            return self._broken(request) if answer is None else self._response(request, exchange, connection, answer, {})
        headers: dict[str, str] = {}
        delay = injection.seconds if injection is not None and injection.fault is InjectedFault.SLOW else 0.0
        task = asyncio.create_task(self._application.answer(request, exchange, body, delay, headers))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: self._traffic.end(exchange))
        try:
            async with asyncio.timeout(self.options.front_timeout / self.time.speed):
                answer = await asyncio.shield(task)
        except TimeoutError:
            answer = page(504, "Gateway Timeout")
        if self._careless is not None:
            answer = self._careless.spoken(request, answer, headers)
        if fault in (InjectedFault.TAKEN_BACK, InjectedFault.TAKEN_BACK_UNHEARD) and exchange.host is not None:
            answer = self.foreman.builds.taken_back(self.foreman.database.hosts[exchange.host])
        if fault in (InjectedFault.ANSWER_LOST_AFTER_APPLY, InjectedFault.TAKEN_BACK_UNHEARD):
            return self._broken(request)
        if fault is InjectedFault.ANSWER_NEVER:
            await self._silence(transport)
            return self._broken(request)
        if fault is InjectedFault.DISCONNECT_ON_REUSE:
            connection.closes_on_reuse = True
        if fault is InjectedFault.TRUNCATED:
            answer = Answer(answer.status, answer.text[: len(answer.text) // 2], answer.content_type)
        return self._response(request, exchange, connection, answer, headers)

    def _host_of(self, path: str) -> str | None:
        parts = path.split("/")
        if "hosts" not in parts:
            return None
        at = parts.index("hosts") + 1
        host = self.foreman.database.host(parts[at]) if at < len(parts) else None
        return host.name if host else None

    def _broken(self, request: web.Request) -> web.Response:
        self._traffic.reset(request.transport)
        return web.Response()

    async def _silence(self, transport: asyncio.BaseTransport) -> None:
        while not transport.is_closing() and not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await self._closing.wait()

    def _response(
        self, request: web.Request, exchange: Exchange, connection: Connection, answer: Answer, headers: dict[str, str]
    ) -> web.Response:
        exchange.ended = self.time.now()
        exchange.status = answer.status
        self._traffic.statuses[answer.status] += 1
        connection.responses += 1
        left = self.options.responses_per_connection - connection.responses
        response = web.Response(
            status=answer.status,
            body=answer.text.encode(),
            content_type=answer.content_type,
            charset="utf-8",
            headers={**headers, **answer.headers},
        )
        if left > 0:
            response.headers["Keep-Alive"] = f"timeout={round(self.options.keep_alive)}, max={left}"
        else:
            response.force_close()
        return response
