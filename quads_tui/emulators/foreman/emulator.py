"""The emulated Foreman as a server: from the socket to the handlers and back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from ..world import Machine, Time, seeded
from . import host_routes, lab_routes, people_routes
from .answers import GENERIC_500, Answer, Refusal, bare, denied, json_answer, message, page
from .builds import Builds
from .calls import Call, Foreman, route
from .database import Database
from .documents import HostBodies, allowed
from .fields import host_fields
from .mishaps import BEFORE, Fault, Injection, Mishaps
from .options import ForemanOptions
from .puma import Overloaded, Puma, Work
from .saving import Saving
from .sessions import Sessions
from .traffic import WRITES, Connection, Exchange, Traffic

ROUTES = (*host_routes.ROUTES, *lab_routes.ROUTES, *people_routes.ROUTES)
LINE = 8190  # bytes of a request line that Apache takes; the same is aiohttp's own limit
COOKIE = "_session_id"


class ForemanEmulator:
    """A Foreman of `machines`; also the world.Provisioner that booting machines talk to."""

    def __init__(
        self, machines: Sequence[Machine], *, time: Time, seed: int = 1, options: ForemanOptions = ForemanOptions()  # noqa: B008
    ) -> None:
        self.time = time
        self.options = options
        database = Database(machines, time, seed, options)
        builds = Builds(database, options)
        self.foreman = Foreman(
            options, database, HostBodies(database), builds, Saving(database, builds, options), host_fields(database)
        )
        self._seed = seed
        self._puma = Puma(options.workers, options.threads, options.queue_limit)
        self._sessions = Sessions(database, options, seeded(seed, "foreman", "sessions"))
        self._mishaps = Mishaps(seeded(seed, "foreman", "overlap"))
        self._traffic = Traffic(options.log_length)
        self._costs = seeded(seed, "foreman", "costs")
        self._sweeper = seeded(seed, "foreman", "sweeper")
        self._running: set[asyncio.Task[Answer]] = set()
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    # What tests and benchmarks judge by

    @property
    def log(self) -> deque[Exchange]:
        """The last requests, oldest first."""
        return self._traffic.log

    def counts(self) -> dict[str, int]:
        """Requests below /api as they arrived, retries and logins included; CONTRACT 4, and more."""
        traffic, sessions = self._traffic, self._sessions
        return {
            "writes": traffic.writes, "reads": traffic.reads, "logins": sessions.logins,
            "connections": traffic.peak_connections, "peak_writes": traffic.peak_writes,
            "peak_writes_per_host": traffic.peak_writes_per_host,
            "connections_opened": traffic.opened, "resets": traffic.resets, "failed_logins": sessions.failed,
            "errors_500": traffic.statuses[500], "errors_422": traffic.statuses[422], "unauthorized": traffic.statuses[401],
            "search_queries": self.foreman.searches, "unattended": traffic.unattended,
            "orchestrations": self.foreman.builds.deployed, "pxe_lost": self.foreman.builds.lost,
        }  # fmt: skip

    def host_counts(self, name: str) -> dict[str, Any]:
        """`built`, `failed`, `armed` and `writes` are times; `pxe` is the PXE file's content. KeyError for an unknown host."""
        host = self.foreman.database.hosts[name]
        return {
            "built": host.times_built, "failed": host.times_failed, "armed": host.times_armed, "in_build": host.build,
            "status": host.status(self.time.now()), "writes": self._traffic.writes_to[name],
            "owner": self.foreman.database.owner_login(host), "pxe": self.foreman.database.pxe_files.get(host.mac),
        }  # fmt: skip

    def inject(
        self, fault: Fault, *, count: int = 1, method: str | None = None, path: str = "", seconds: float = 0.0
    ) -> None:
        """The next `count` requests of this method whose path matches the expression suffer `fault`."""
        self._mishaps.inject(fault, count, method, path, seconds)

    def clear_injections(self) -> None:
        self._mishaps.clear()

    def expire_sessions(self) -> None:
        """Every session is now older than the idle limit: its next use is answered with one empty 401."""
        self._sessions.expire()

    def forget_sessions(self) -> None:
        """Every cookie is unknown from now on, as after a restart."""
        self._sessions.forget()

    # The provisioning side

    def live_token(self, host: str) -> str | None:
        row = self.foreman.database.hosts.get(host)
        return None if row is None else self.foreman.builds.live_token(row)

    async def built(self, host: str, token: str) -> bool:
        return await self._installed(token, None)

    async def failed(self, host: str, token: str, log: str) -> bool:
        return await self._installed(token, log)

    async def _installed(self, token: str, errors: str | None) -> bool:
        self._traffic.unattended += 1
        builds, hosts = self.foreman.builds, self.foreman.database.hosts
        async with self._puma.thread() as worker:
            host = builds.by_token(hosts, token)
            if host is None or not host.build:
                return False
            async with host.saving:
                # Two installers of one token: the second finds the host out of build mode.
                if not host.build:
                    return False
                await builds.finish(host, Work(self.time, worker, self._costs), errors=errors)
        return True

    # The server

    def application(self) -> web.Application:
        application = web.Application(client_max_size=1 << 20)
        application.router.add_route("*", "/{path:.*}", self._serve)
        return application

    async def serve(self, host: str = "127.0.0.1", port: int = 0, ssl_context: ssl.SSLContext | None = None) -> str:
        """Listens and returns the base URL, without a slash at its end."""
        self._runner = web.AppRunner(
            self.application(), access_log=None, keepalive_timeout=self.options.keep_alive, max_line_size=8 * LINE,
            shutdown_timeout=0.2,
        )  # fmt: skip
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=ssl_context, backlog=128)
        await site.start()
        port = self._runner.addresses[0][1]
        return f"{'https' if ssl_context else 'http'}://{host}:{port}"

    async def close(self) -> None:
        self._closing.set()
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
        path = request.path
        injection = self._mishaps.take(request.method, path)
        exchange = Exchange(
            request.method, path, request.query_string, self.time.now(), connection.number, COOKIE in request.cookies,
            self._host_of(path), fault=injection.fault if injection else None,
        )  # fmt: skip
        self._traffic.log.append(exchange)
        overlaps = self._traffic.begin(exchange)
        fault: str | None = injection.fault if injection else None
        answer = BEFORE.get(fault or "")
        if overlaps and answer is None and self.options.faults.concurrency_2019:
            chosen, answer = self._mishaps.overlap()
            fault = chosen
            exchange.fault = chosen or "overlap_500"
        if answer is not None or fault == "reset_before_apply":
            # The time that such an answer takes is a read's: the work was given up before it was done.
            exchange.applied = False
            await self.time.sleep(self.options.costs.show.median)
            self._traffic.end(exchange)
            return self._broken(request) if answer is None else self._response(request, exchange, connection, answer, {})
        headers: dict[str, str] = {}
        body = await request.read()
        task = asyncio.create_task(self._answered(request, exchange, body, injection, headers))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: self._traffic.end(exchange))
        try:
            answer = await asyncio.wait_for(asyncio.shield(task), self.options.front_timeout / self.time.speed)
        except TimeoutError:
            answer = page(504, "Gateway Timeout")
        if fault == "answer_lost_after_apply":
            return self._broken(request)
        if fault == "answer_never":
            await self._silence(transport)
            return self._broken(request)
        if fault == "disconnect_on_reuse":
            connection.closes_on_reuse = True
        if fault == "truncated":
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
                await asyncio.wait_for(self._closing.wait(), 0.02)

    def _response(
        self, request: web.Request, exchange: Exchange, connection: Connection, answer: Answer, headers: dict[str, str]
    ) -> web.Response:
        exchange.ended = self.time.now()
        exchange.status = answer.status
        self._traffic.statuses[answer.status] += 1
        connection.responses += 1
        left = self.options.responses_per_connection - connection.responses
        response = web.Response(
            status=answer.status, body=answer.text.encode(), content_type=answer.content_type, charset="utf-8", headers=headers
        )
        if left > 0:
            response.headers["Keep-Alive"] = f"timeout={round(self.options.keep_alive)}, max={left}"
        else:
            response.force_close()
        return response

    async def _answered(
        self, request: web.Request, exchange: Exchange, body: bytes, injection: Injection | None, headers: dict[str, str]
    ) -> Answer:
        """The application's answer; `headers` receives what goes with it."""
        if len(request.raw_path) > LINE:
            return page(414, "Request-URI Too Long")
        try:
            async with self._puma.thread() as worker:
                exchange.started = self.time.now()
                work = Work(self.time, worker, self._costs)
                if injection is not None and injection.fault == "slow":
                    await work.wait(float(injection.seconds))
                try:
                    answer = await self._action(request, work, body, headers, worker.busy)
                except Refusal as refusal:
                    answer = refusal.answer
                headers |= {
                    "Foreman_version": self.options.version, "Foreman_api_version": "2",
                    "Foreman_current_organization": "; ANY", "Foreman_current_location": "; ANY",
                    "X-Runtime": f"{work.elapsed():.6f}", "Cache-Control": "max-age=0, private, must-revalidate",
                    "X-Request-Id": f"{connection_id(exchange)}",
                }  # fmt: skip
                return answer
        except Overloaded:
            return page(503, "Service Unavailable")

    async def _action(self, request: web.Request, work: Work, body: bytes, headers: dict[str, str], busy: int) -> Answer:
        path = request.path.removeprefix("/api/").removeprefix("v2/").rstrip("/")
        if not request.path.startswith("/api/"):
            return json_answer({"status": 404, "error": "Not Found"}, 404)
        given = _parsed(request, body)
        caller = await self._caller(request, work, headers)
        if self._sweeper.random() >= (1.0 - self.options.faults.sweeper) ** (busy - 1):
            return json_answer({"error": {"message": GENERIC_500}}, 500)
        if request.method in WRITES and body and request.content_type != "application/json":
            text = f"Media type in 'Content-Type: {request.headers.get('Content-Type', '')}' is unsupported in API v2 for POST and PUT requests. Please use 'Content-Type: application/json'."
            raise message(415, text)
        found = route(ROUTES, request.method, path)
        if found is None:
            return json_answer({"status": 404, "error": "Not Found"}, 404)
        one, keys = found
        if one.permission is not None and not allowed(caller, one.permission):
            raise denied(one.permission)
        call = Call(self.foreman, work, caller, request.query, lambda name: request.query.getall(name, []), given, keys)
        return await one.handler(call)

    async def _caller(self, request: web.Request, work: Work, headers: dict[str, str]) -> Any:
        costs = self.options.costs
        cookie = request.cookies.get(COOKIE)
        caller = self._sessions.resume(cookie)
        if caller is None:
            await work.cpu(costs.login)
            caller, cookie = self._sessions.login(request.headers.get("Authorization"), request.remote or "")
        else:
            await work.cpu(costs.cookie)
        secure = " secure;" if request.secure else ""
        headers["Set-Cookie"] = f"{COOKIE}={cookie}; path=/;{secure} HttpOnly; SameSite=Lax"
        return caller


def connection_id(exchange: Exchange) -> str:
    return f"{exchange.connection:08x}-{round(exchange.arrived * 1000):012x}"


def _parsed(request: web.Request, body: bytes) -> dict[str, Any]:
    if not body or request.content_type != "application/json":
        return {}
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise bare(400, {"status": 400, "error": f"There was a problem in the JSON you submitted: {error}"})
    return given if isinstance(given, dict) else {}
