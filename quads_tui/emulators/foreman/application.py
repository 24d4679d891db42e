"""The application behind the web server: a thread, authentication, the route and its handler."""

from __future__ import annotations

import json
import random
from typing import Any

from aiohttp import web

from ..interfaces import Time, seeded
from . import host_routes, lab_routes, parameter_routes, user_routes
from .answers import GENERIC_500, Answer, Refusal, bare, denied, json_answer, message, page
from .apidoc import apidoc
from .documents import allowed
from .records import User
from .routing import ApiRequest, Foreman, route
from .sessions import Sessions
from .traffic import WRITES, Exchange
from .unattended import Unattended
from .web_server import Overloaded, WebServer, Work

ROUTES = (*host_routes.ROUTES, *parameter_routes.ROUTES, *lab_routes.ROUTES, *user_routes.ROUTES)
COOKIE = "_session_id"
LINE = 8190  # bytes of a request line that Apache takes
UNKNOWN = Answer(404, '{"status": 404, "error": "Not Found"}')


class Application:
    def __init__(self, foreman: Foreman, time: Time, seed: int) -> None:
        options = foreman.options
        self.foreman = foreman
        self.sessions = Sessions(foreman.database, options, seeded(seed, "foreman", "sessions"))
        self._options = options
        self._time = time
        self._seed = seed
        self._generators: dict[str, random.Random] = {}
        self._sweeper: random.Random = seeded(seed, "foreman", "sweeper")
        self._web_server = WebServer(options.workers, options.threads, options.queue_limit)
        self.unattended = Unattended(foreman, self._web_server, time, self._generator)

    async def answer(
        self, request: web.Request, exchange: Exchange, body: bytes, delay: float, headers: dict[str, str]
    ) -> Answer:
        """The answer to a request; `headers` receives what goes with it, `delay` is spent first, in a thread."""
        path = request.path
        if len(request.raw_path) > LINE:
            return page(414, "Request-URI Too Long")
        if path.startswith("/unattended/"):
            return await self.unattended.answer(request.method, path, request.query, body)
        if path == "/apidoc/v2.json":  # without a login, as Foreman's own default is
            return json_answer(apidoc(ROUTES, self._options.version))
        if not path.startswith("/api/"):
            return UNKNOWN
        try:
            async with self._web_server.thread() as worker:
                exchange.started = self._time.now()
                work = Work(self._time, worker, self._generator(exchange.host or ""))
                await work.wait(delay)
                try:
                    answer = await self._action(request, work, body, headers, worker.busy)
                except Refusal as refusal:
                    answer = refusal.answer
                headers |= {
                    "Foreman_version": self._options.version, "Foreman_api_version": "2",
                    "Foreman_current_organization": "; ANY", "Foreman_current_location": "; ANY",
                    "X-Runtime": f"{work.elapsed() / self._time.speed:.6f}",
                    "Cache-Control": "max-age=0, private, must-revalidate",
                    "X-Request-Id": f"{exchange.connection:08x}-{round(exchange.arrived * 1000):012x}",
                }  # fmt: skip
                return answer
        except Overloaded:
            return page(503, "Service Unavailable")

    def _generator(self, host: str) -> random.Random:
        """Each host has its own, so that how long its work takes does not depend on other hosts."""
        if host not in self._generators:
            self._generators[host] = seeded(self._seed, "foreman", "costs", host)
        return self._generators[host]

    async def _action(self, request: web.Request, work: Work, body: bytes, headers: dict[str, str], busy: int) -> Answer:
        path = request.path.removeprefix("/api/").removeprefix("v2/").rstrip("/")
        given = _parsed(request, body)
        if path == "ping":  # needs no login, so it does not show whether a password is right
            return json_answer({"results": {"foreman": {"database": {"active": True, "duration_ms": "0"}}}})
        caller = await self._caller(request, work, headers)
        if self._sweeper.random() >= (1.0 - self._options.faults.sweeper) ** (busy - 1):
            return json_answer({"error": {"message": GENERIC_500}}, 500)
        if request.method in WRITES and body and request.content_type != "application/json":
            kind = request.headers.get("Content-Type", "")
            raise message(
                415,
                f"Media type in 'Content-Type: {kind}' is unsupported in API v2 for POST and PUT requests. "
                "Please use 'Content-Type: application/json'.",
            )
        found = route(ROUTES, request.method, path)
        if found is None:
            return UNKNOWN
        one, keys = found
        if one.permission is not None and not allowed(caller, one.permission):
            raise denied(one.permission)
        query = request.query
        return await one.handler(ApiRequest(self.foreman, work, caller, query, lambda name: query.getall(name, []), given, keys))

    async def _caller(self, request: web.Request, work: Work, headers: dict[str, str]) -> User:
        costs = self._options.costs
        cookie = request.cookies.get(COOKIE)
        caller = self.sessions.resume(cookie)
        if caller is None:
            await work.cpu(costs.login)
            caller, cookie = self.sessions.login(request.headers.get("Authorization"), request.remote or "")
        else:
            await work.cpu(costs.cookie)
        # A real server is https only; on plain http a client would drop a cookie marked secure.
        secure = " secure;" if request.secure else ""
        headers["Set-Cookie"] = f"{COOKIE}={cookie}; path=/;{secure} HttpOnly; SameSite=Lax"
        return caller


def _parsed(request: web.Request, body: bytes) -> dict[str, Any]:
    if not body or request.content_type != "application/json":
        return {}
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise bare(400, {"status": 400, "error": f"There was a problem in the JSON you submitted: {error}"})
    return given if isinstance(given, dict) else {}
