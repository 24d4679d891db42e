"""The server: routes, who may write, and the faults that tests inject."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import socket
import ssl
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any

from aiohttp import web

from quads_tui.emulators.errors import OptionsError
from quads_tui.emulators.interfaces import Time

from .records import ISO, STATUSES, Assignment, Host, QuadsDatabase, Schedule

_LIVES = {"2.0.5": 6000.0, "2.1": 6000.0, "2.2": 15_600.0}  # emulated seconds of a token
_HTML = "<!doctype html><html><title>500 Internal Server Error</title><h1>Internal Server Error</h1></html>"
_DATES = ("start", "end", "build_start", "build_end")
_LINGER = struct.pack("ii", 1, 0)


class FaultEffect(StrEnum):
    """What an injected fault does to a request."""

    ROLLED_BACK = "rolled-back"  # 200 and nothing changed
    EXPIRED = "expired"  # 401
    HTML = "html"  # a page with 500
    HANG = "hang"
    RESET = "reset"
    LOST = "lost"  # done, then a reset
    GIVEN = "given"  # the answer that the test gives; nothing is done


@dataclass
class InjectedFault:
    """What the next `times` requests of `method` below `path` (without /api/v3) meet.

    status, text and headers: of the answer that is given.
    """

    method: str
    path: str
    effect: FaultEffect
    times: int = 1
    status: int = 200
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class QuadsEmulator:
    """One QUADS. `generation`: "2.0.5", "2.1" or "2.2". `sqlite`: any last_build rolls a PATCH back, as that database does there.

    `zone`: of the server's clock; all its times are in it.
    """

    def __init__(
        self,
        lab: QuadsDatabase,
        *,
        time: Time,
        username: str,
        password: str,
        generation: str = "2.2",
        sqlite: bool = False,
        zone: tzinfo = UTC,
    ) -> None:
        if generation not in _LIVES:
            raise OptionsError(f"no QUADS {generation!r} here; there are {', '.join(_LIVES)}")
        self.lab = lab
        self.generation = generation
        self.faults: list[InjectedFault] = []
        self.logins = self.reads = self.writes = self.rolled_back = 0
        self.log: list[str] = []  # what was written, in order: method, path and body
        self._time = time
        self._zone = zone
        self._account = f"{username}:{password}"
        self._sqlite = sqlite
        self._tokens: dict[str, float] = {}
        self._runner: web.ServerRunner | None = None
        self._place: tuple[str, int, ssl.SSLContext | None] | None = None

    async def serve(self, host: str = "127.0.0.1", port: int = 0, context: ssl.SSLContext | None = None) -> str:
        """Listen; gives the URL."""
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=context).start()
        self._place = (host, self._runner.addresses[0][1], context)
        return f"{'https' if context else 'http'}://{host}:{self._place[1]}"

    async def stop(self) -> None:
        """From now on connections are refused. Its data stays; `start` brings it back at the same address."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def start(self) -> None:
        """Serve again after `stop`; earlier tokens are no longer valid."""
        assert self._place is not None
        self._tokens.clear()
        await self.serve(*self._place)

    async def control(self, wanted: dict[str, Any]) -> None:
        """What a person does at QUADS, or to it.

        {"down": bool}, {"broken": [FQDN]}, {"assign": {"cloud", "hosts", "wipe"}}, {"unschedule": [FQDN]},
        {"settle": {"cloud", "hosts"}} (where they are now, by schedules that have ended).

        KeyError for a host that it does not know.
        """
        for name in wanted.get("broken", ()):
            self.lab.hosts[name].broken = True
        if "assign" in wanted:
            given = wanted["assign"]
            self.lab.reassign(given["cloud"], given["hosts"], wipe=given.get("wipe", True))
        if "settle" in wanted:
            self.lab.settle(wanted["settle"]["cloud"], wanted["settle"]["hosts"])
        self.lab.unschedule(wanted.get("unschedule", ()))
        if wanted.get("down") is True:
            await self.stop()
        elif wanted.get("down") is False and self._runner is None:
            await self.start()

    def counts(self) -> dict[str, Any]:
        """As the server saw it."""
        lab = self.lab
        return {
            "logins": self.logins,
            "reads": self.reads,
            "writes": self.writes,
            "rolled_back": self.rolled_back,
            "hosts": {h.name: {"cloud": h.cloud, "build": h.build, "validated": h.validated} for h in lab.hosts.values()},
            "progress": {s.host: s.statuses for s in lab.schedules.values()},
            "assignments": {
                made.cloud: {"provisioned": made.provisioned, "validated": made.validated} for made in lab.assignments.values()
            },
            "schedules": {s.host: {"built": s.build_end is not None} for s in lab.schedules.values()},
            "dump": lab.dump(),
            "log": self.log,
        }

    # Requests

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.removeprefix("/api/v3").rstrip("/")
        if not request.path.startswith("/api/v3/"):
            return _page(404, "Not Found")
        if request.method == "GET":
            self.reads += 1
        elif path != "/login":
            self.writes += 1
        fault = self._injected(request.method, path)
        effect = fault.effect if fault is not None else None
        if fault is not None and effect is FaultEffect.GIVEN:
            return web.Response(
                status=fault.status, text=fault.text, content_type="application/json", headers=dict(fault.headers)
            )
        if effect is FaultEffect.HANG:
            await asyncio.sleep(3600)
        if effect is FaultEffect.RESET:
            return _reset(request)
        if effect is FaultEffect.HTML:
            return web.Response(status=500, text=_HTML, content_type="text/html")
        if effect is FaultEffect.EXPIRED:
            return _json({"message": "Invalid Authentication token!"}, 401)
        body = await request.read()
        try:
            data = json.loads(body) if body else {}
        except ValueError:
            return _error(400, "Bad Request", "The browser (or proxy) sent a request that this server could not understand.")
        if request.method == "GET":
            return self._get(path, request)
        if request.method == "POST" and path == "/login":
            return self._log_in(request)
        refused = self._refused(request)
        if refused is not None:
            return refused
        self.log.append(f"{request.method} {path} {json.dumps(data, sort_keys=True)}")
        if request.method == "POST" and path == "/moves/progress/batch" and self.generation >= "2.2":
            return self._begin_moves(data if isinstance(data, dict) else {})
        if request.method == "DELETE" and path.startswith("/schedules/"):
            return self._delete_schedule(path.removeprefix("/schedules/"))
        if request.method != "PATCH":
            return _error(405, "Method Not Allowed", "The method is not allowed for the requested URL.")
        answer = self._patch(path, data if isinstance(data, dict) else {}, apply=effect is not FaultEffect.ROLLED_BACK)
        if effect is FaultEffect.ROLLED_BACK:
            self.rolled_back += 1
        return _reset(request) if effect is FaultEffect.LOST else answer

    def _injected(self, method: str, path: str) -> InjectedFault | None:
        for fault in self.faults:
            if fault.times and fault.method == method and path.startswith(fault.path):
                fault.times -= 1
                fault.effect = FaultEffect(fault.effect)
                return fault
        return None

    def _log_in(self, request: web.BaseRequest) -> web.Response:
        self.logins += 1
        if not self._is_admin(request):
            return web.Response(status=401, text="Unauthorized Access")
        token = secrets.token_urlsafe(24)
        self._tokens[token] = self._time.now() + _LIVES[self.generation]
        return _json({"auth_token": token, "message": "Successful login", "status": "success", "status_code": 201})

    def _is_admin(self, request: web.BaseRequest) -> bool:
        given = request.headers.get("Authorization", "").removeprefix("Basic ")
        return given == base64.b64encode(self._account.encode()).decode()

    def _refused(self, request: web.BaseRequest) -> web.Response | None:
        given = request.headers.get("Authorization", "")
        if not given:
            return _json({"message": "Missing authentication data", "status": "fail", "status_code": 400}, 400)
        if given.startswith("Basic "):
            return None if self._is_admin(request) else _json({"message": "Invalid credentials!"}, 401)
        if self._tokens.get(given.removeprefix("Bearer "), 0.0) < self._time.now():
            return _json({"message": "Invalid Authentication token!", "status": "fail", "status_code": 401}, 401)
        return None

    # Reads

    def _get(self, path: str, request: web.BaseRequest) -> web.Response:
        lab, asked = self.lab, request.query
        at = self._now()
        if "date" in asked:
            try:
                at = datetime.strptime(asked["date"], ISO)  # noqa: DTZ007 - naive, as QUADS itself
            except ValueError:
                return web.Response(status=500, text=_HTML, content_type="text/html")
        first, _, rest = path.removeprefix("/").partition("/")
        match first, rest:
            case "version", "":
                version = self.generation if self.generation.count(".") == 2 else f"{self.generation}.0"
                return _json(f"QUADS version {version} bowie")
            case "moves", "":
                return _json(lab.moves(at))
            case "hosts", "":
                return _json([self._host(host) for host in lab.hosts.values() if asked.get("cloud") in (None, host.cloud)])
            case "hosts", name:
                host = lab.hosts.get(name)
                return _json(self._host(host)) if host else _error(400, "Bad Request", f"Host not found: {name}")
            case "clouds", "":
                return _json([lab.cloud_document(name) for name in lab.clouds])
            case "assignments", "active":
                return _json([self._made(made) for made in lab.assignments.values() if made.active])
            case "assignments", active if active.startswith("active/"):
                made = lab.active(active.removeprefix("active/"))
                return _json(self._made(made) if made else {})
            case "schedules", "current":
                # A host that it does not know filters nothing, as there.
                host_asked = asked.get("host", "")
                found = lab.current(at, host_asked if host_asked in lab.hosts else "", asked.get("cloud", ""))
                return _json([lab.schedule_document(schedule, self.generation) for schedule in found])
            case "moves", progress if progress.startswith("progress") and self.generation >= "2.2":
                return self._progress(progress.removeprefix("progress").removeprefix("/"))
        return _page(404, "Not Found")

    def _progress(self, host: str) -> web.Response:
        moving = [schedule for schedule in self.lab.schedules.values() if schedule.progress and host in ("", schedule.host)]
        if host and not moving:
            return _error(404, "Not Found", f"No move for {host}")
        documents = [self.lab.progress_document(schedule) for schedule in moving]
        return _json(documents[0] if host else documents)

    # Writes

    def _patch(self, path: str, data: dict[str, Any], apply: bool) -> web.Response:
        first, _, name = path.removeprefix("/").partition("/")
        if first == "hosts" and name in self.lab.hosts:
            return self._patch_host(self.lab.hosts[name], data, apply)
        if first == "hosts":
            return _error(400, "Bad Request", f"Host not found: {name}")
        number = int(name.rpartition("/")[2]) if name.rpartition("/")[2].isdigit() else 0
        if first == "moves" and name.startswith("progress/") and self.generation >= "2.2":
            schedule = self.lab.schedules.get(number)
            if schedule is None:
                return _error(404, "Not Found", f"No schedule {number}")
            return self._patch_progress(schedule, data, apply)
        if first == "schedules" and number in self.lab.schedules:
            return self._patch_schedule(self.lab.schedules[number], data, apply)
        if first == "assignments" and number in self.lab.assignments:
            made = self.lab.assignments[number]
            if apply:
                _set(made, data, ("provisioned", "validated", "active", "wipe"))
            return _json(self._made(made))
        if first in ("schedules", "assignments"):
            return _error(400, "Bad Request", f"{first[:-1].title()} not found: {name}")
        return _page(404, "Not Found")

    def _patch_host(self, host: Host, data: dict[str, Any], apply: bool) -> web.Response:
        """An unknown cloud is refused; a last_build that the database does not take rolls everything back, with 200."""
        cloud = data.get("cloud")
        if cloud is not None and cloud not in self.lab.clouds:
            return _error(400, "Bad Request", f"Cloud not found: {cloud}")
        built = data.get("last_build")
        moment = _moment(built)
        if built is not None and (moment is None or self._sqlite):
            apply = False
            self.rolled_back += 1
        if apply:
            host.cloud = cloud or host.cloud
            host.last_build = moment or host.last_build
            newer = ("overcloud",) if self.generation >= "2.2" else ()
            _set(host, data, ("build", "validated", "switch_config_applied", "broken", "retired", *newer))
        return _json(self._host(host))

    def _patch_schedule(self, schedule: Schedule, data: dict[str, Any], apply: bool) -> web.Response:
        """At least one date, each a time, and in an order that makes sense; compared with each other, not with what it keeps."""
        dates = {name: _moment(data[name]) for name in _DATES if data.get(name)}
        wrong = "Missing argument: start, end, build_start or build_end (specify at least one)" if not dates else ""
        if None in dates.values():
            wrong = "Invalid date format for start or end, correct format: 'YYYY-MM-DDTHH:MM'"
        for earlier, later in (("start", "end"), ("build_start", "build_end"), ("start", "build_start"), ("build_end", "end")):
            first, second = dates.get(earlier), dates.get(later)
            if not wrong and first is not None and second is not None and first > second:
                wrong = f"Invalid date range for {earlier} or {later}, {earlier} must be before {later}"
        if wrong:
            return _error(400, "Bad Request", wrong)
        for name, moment in dates.items():
            if apply:
                setattr(schedule, name, moment)
        return _json(self.lab.schedule_document(schedule, self.generation))

    def _patch_progress(self, schedule: Schedule, data: dict[str, Any], apply: bool) -> web.Response:
        if data.get("status") not in STATUSES:
            return _error(400, "Bad Request", f"Invalid status: {data.get('status')}")
        if apply:
            if data["status"] in ("completed", "failed"):
                schedule.build_end = self._now()
            schedule.statuses.append(data["status"])
            schedule.progress["error_message"] = ""
            schedule.progress |= {name: str(data[name]) for name in ("status", "message", "error_message") if data.get(name)}
        return _json(self.lab.progress_document(schedule))

    def _begin_moves(self, data: dict[str, Any]) -> web.Response:
        """All or none: a host without a current schedule is an unhandled exception in QUADS."""
        names = data.get("hostnames") or []
        if not names:
            return _json({"error": "Bad Request", "message": "hostnames list is required"}, 400)
        found = {name: next(iter(self.lab.current(self._now(), name)), None) for name in names if name in self.lab.hosts}
        if len(found) != len(names) or None in found.values():
            return web.Response(status=500, text=_HTML, content_type="text/html")
        for name, schedule in found.items():
            assert schedule is not None
            schedule.source, schedule.build_start = self.lab.hosts[name].cloud, self._now()
            schedule.progress = {"status": "pending"}
            schedule.statuses.append("pending")
        return _json({name: schedule.id for name, schedule in found.items() if schedule}, 201)

    def _delete_schedule(self, number: str) -> web.Response:
        if self.lab.schedules.pop(int(number) if number.isdigit() else 0, None) is None:
            return _error(400, "Bad Request", f"Schedule not found: {number}")
        return _json({"status_code": 200, "message": "Schedule deleted"})

    def _host(self, host: Host) -> dict[str, Any]:
        return self.lab.host_document(host, self.generation)

    def _made(self, made: Assignment) -> dict[str, Any]:
        return self.lab.assignment_document(made, self.generation)

    def _now(self) -> datetime:
        return self._time.utc().astimezone(self._zone).replace(tzinfo=None)


def _set(record: object, data: dict[str, Any], names: tuple[str, ...]) -> None:
    """Columns that are flags; null is ignored, "true" and "false" are taken as such."""
    coerced: dict[object, bool] = {True: True, False: False, "true": True, "false": False}
    for name in names:
        value = data.get(name)
        if isinstance(value, bool | str) and value in coerced:
            setattr(record, name, coerced[value])


def _moment(text: object) -> datetime | None:
    try:
        return datetime.strptime(text, ISO) if isinstance(text, str) else None  # noqa: DTZ007 - naive, as QUADS itself
    except ValueError:
        return None


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, text=json.dumps(value) + "\n", content_type="application/json")


def _error(status: int, error: str, message: str) -> web.Response:
    return _json({"error": error, "message": message, "status_code": status}, status)


def _page(status: int, title: str) -> web.Response:
    text = f"<!doctype html><title>{status} {title}</title><h1>{title}</h1>"
    return web.Response(status=status, text=text, content_type="text/html")


def _reset(request: web.BaseRequest) -> web.Response:
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        transport.abort()
    return web.Response()
