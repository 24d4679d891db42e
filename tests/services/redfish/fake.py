"""A BMC of a few dozen lines that does what the specification says until a test tells it to misbehave."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.waiting import until

SYSTEM = "/redfish/v1/Systems/1"
RESET = SYSTEM + "/Actions/ComputerSystem.Reset"
SESSIONS = "/redfish/v1/SessionService/Sessions"
SETTINGS = SYSTEM + "/Settings"
USER, PASSWORD = "root", "calvin"

Doing = Callable[["FakeBmc", web.Request, Any], Awaitable[web.StreamResponse | None]]


def linked(*paths: str) -> list[dict[str, str]]:
    """References, as members of a collection."""
    return [{"@odata.id": path} for path in paths]


def error(status: int, key: str, message: str = "", **headers: str) -> web.Response:
    """An error body as DSP0266 has it."""
    info = {
        "MessageId": f"Base.1.12.{key}",
        "Message": message or f"Words about {key}.",
        "MessageArgs": [],
        "Severity": "Warning",
    }
    body = {
        "error": {"code": "Base.1.12.GeneralError", "message": "A general error has occurred.", "@Message.ExtendedInfo": [info]}
    }
    return web.json_response(body, status=status, headers={name.replace("_", "-"): text for name, text in headers.items()})


@dataclass
class Rule:
    method: str
    path: str  # an ending
    doing: Doing
    times: int


@dataclass
class FakeBmc:
    power: str = "On"
    boot: dict[str, Any] = field(
        default_factory=lambda: {
            "BootSourceOverrideTarget": "None",
            "BootSourceOverrideEnabled": "Disabled",
            "BootSourceOverrideMode": "UEFI",
        }
    )
    root: dict[str, Any] = field(
        default_factory=lambda: {
            "RedfishVersion": "1.11.0",
            "Vendor": "Contoso",
            "Systems": {"@odata.id": "/redfish/v1/Systems"},
            "Links": {"Sessions": {"@odata.id": SESSIONS}},
        }
    )
    system: dict[str, Any] = field(default_factory=dict)  # overrides members of the system; None deletes
    documents: dict[str, Any] = field(default_factory=dict)  # further documents by path
    members: Any = field(default_factory=lambda: [{"@odata.id": SYSTEM}])
    resets: list[str] = field(default_factory=list)
    applied: list[str] = field(default_factory=list)
    patches: list[tuple[str, dict[str, Any], str | None]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=dict)
    created: int = 0
    refused_logins: int = 0
    modes: list[str] = field(default_factory=list)  # every mode that was set by a PATCH
    peak: int = 0
    rules: list[Rule] = field(default_factory=list)
    etag: str | None = None
    wants_etag: bool = False
    delay: float = 0.0
    takes: Callable[[str, dict[str, Any]], web.Response | None] | None = None  # judge of PATCH bodies
    _busy: int = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> FakeBmc:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.server = TestServer(app, host=host, port=port, scheme="https" if tls else "http")
        await self.server.start_server(ssl=tls)
        return self

    @property
    def address(self) -> str:
        return f"http://{self.server.host}:{self.server.port}"

    def when(self, method: str, path: str, doing: Doing | web.Response, times: int = 1) -> None:
        """The next `times` requests of this method whose path ends like this meet `doing` first; None goes on as usual."""
        if isinstance(doing, web.Response):
            status, body, headers = doing.status, doing.body, dict(doing.headers)

            async def fixed(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
                return web.Response(status=status, body=body, headers=headers)

            doing = fixed
        self.rules.append(Rule(method, path, doing, times))

    def count(self, text: str) -> int:
        return sum(text in line for line in self.log)

    async def idle(self) -> None:
        """Until no request is under way, those included whose client has left."""
        await until(lambda: not self._busy)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self._busy += 1
        self.peak = max(self.peak, self._busy)
        try:
            data = json.loads(await request.read() or b"null")
            self.log.append(f"{request.method} {request.raw_path}")
            if self.delay:
                await asyncio.sleep(self.delay)
            for rule in self.rules:
                if rule.times and rule.method == request.method and request.path.endswith(rule.path):
                    rule.times -= 1
                    answer = await rule.doing(self, request, data)
                    if answer is not None:
                        return answer
                    break
            return self.answer(request, data)
        finally:
            self._busy -= 1

    def answer(self, request: web.Request, data: Any) -> web.Response:
        path, method = request.path.rstrip("/"), request.method
        if path == "/redfish/v1":
            return web.json_response(self.root)
        if path == SESSIONS and method == "POST":
            return self._log_in(data)
        token = request.headers.get("X-Auth-Token", "")
        if token not in self.sessions and not self._basic(request):
            return error(401, "NoValidSession", "There is no valid session.")
        if path in self.sessions.values() and method == "DELETE":
            self.sessions = {token: where for token, where in self.sessions.items() if where != path}
            return web.Response(status=204)
        if path == RESET and method == "POST":
            return self.reset(data["ResetType"])
        if method == "PATCH" and path in (SYSTEM, SETTINGS):
            return self._patch(path, request, data)
        if method == "GET":
            document = self.document(path)
            if document is not None:
                return web.json_response(document, headers={"ETag": self.etag} if self.etag and path == SYSTEM else {})
        return error(404, "ResourceMissingAtURI")

    def document(self, path: str) -> Any:
        if path in self.documents:
            return self.documents[path]
        if path == "/redfish/v1/Systems":
            return {"Members": self.members}
        if path != SYSTEM:
            return None
        document: dict[str, Any] = {
            "@odata.id": SYSTEM,
            "SystemType": "Physical",
            "PowerState": self.power,
            "Boot": self.boot,
            "Model": "C-1",
            "UUID": "0-1",
            "Manufacturer": "Contoso",
            "Actions": {
                "#ComputerSystem.Reset": {
                    "target": RESET,
                    "ResetType@Redfish.AllowableValues": ["On", "ForceOff", "ForceRestart"],
                }
            },
            **self.system,
        }
        return {name: value for name, value in document.items() if value is not None}

    def reset(self, kind: str) -> web.Response:
        self.resets.append(kind)
        wanted = {"ForceOff": "Off", "On": "On", "ForceOn": "On"}[kind]
        if self.power == wanted:
            return error(409, "PSU501", f"Server is already powered {wanted.upper()}.")
        self.apply(kind)
        return web.Response(status=204)

    def apply(self, kind: str) -> None:
        self.applied.append(kind)
        self.power = {"ForceOff": "Off", "On": "On", "ForceOn": "On"}[kind]

    def merge(self, body: dict[str, Any]) -> None:
        self.boot.update(body["Boot"])
        if "BootSourceOverrideMode" in body["Boot"]:
            self.modes.append(body["Boot"]["BootSourceOverrideMode"])

    def _patch(self, path: str, request: web.Request, data: Any) -> web.Response:
        match = request.headers.get("If-Match")
        self.patches.append((path, data, match))
        if self.wants_etag and match is None:
            return error(428, "PreconditionRequired")
        if match is not None and self.etag and match not in (self.etag, "*"):
            return error(412, "PreconditionFailed")
        refusal = self.takes(path, data) if self.takes else None
        if refusal is not None:
            return refusal
        self.merge(data)
        return web.Response(status=204)

    def _log_in(self, data: Any) -> web.Response:
        if data != {"UserName": USER, "Password": PASSWORD}:
            self.refused_logins += 1
            return error(401, "ResourceAtUriUnauthorized", "Wrong name or password.")
        self.created += 1
        token, where = f"token-{self.created}", f"{SESSIONS}/{self.created}"
        self.sessions[token] = where
        return web.json_response({"@odata.id": where}, status=201, headers={"X-Auth-Token": token, "Location": where})

    def _basic(self, request: web.Request) -> bool:
        header = request.headers.get("Authorization", "")
        if not header:
            return False
        good = header == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self.refused_logins += not good
        return good


async def hang_up(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
    """The connection dies before anything was done."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def apply_and_hang_up(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
    """It is done, and the answer is lost."""
    if request.method == "POST":
        bmc.resets.append(data["ResetType"])
        bmc.apply(data["ResetType"])
    else:
        bmc.merge(data)
    return await hang_up(bmc, request, data)
