"""The Redfish service of one BMC: what each path answers, and the two things that change anything, PATCH of Boot and Reset."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Any

from aiohttp import web

from quads_tui.emulators.bmc.bmc import Bmc
from quads_tui.emulators.bmc.faults import Fault
from quads_tui.emulators.bmc.hardware import Phase
from quads_tui.emulators.bmc.replies import (
    Document,
    Rendered,
    Reply,
    Request,
    collection,
    dumps,
    json_reply,
    kind_of,
    metadata,
)
from quads_tui.emulators.bmc.transmission import gone
from quads_tui.emulators.interfaces import lognormal

BOOT_MEMBERS = ("BootSourceOverrideTarget", "BootSourceOverrideEnabled", "BootSourceOverrideMode")


class RedfishService:
    """`reply` is instant; the fleet adds the latency, and through `queue` one request waits for another.

    requests: how many came in. connections: how many carried any. peak: how many were asked at the same time, at most.
    restarts: of the BMC, as it was told to.
    """

    def __init__(self, bmc: Bmc, fault: Fault) -> None:
        self.bmc, self.fault = bmc, fault
        self.family, self.hardware = bmc.family, bmc.hardware
        self.queue = asyncio.Lock()
        self.requests = self.connections = self.peak = 0
        self.restarts = 0
        self._latency = bmc.draws.next("latency")  # one stream, since every request draws from it
        self._under_way: list[web.BaseRequest] = []
        self._authorizations = 0
        self._documents: dict[str, Document] | None = None  # those that never change
        self._rendered: dict[str, Rendered] = {}
        self._current: dict[str, Rendered] = {}  # those that follow the machine's state
        self._current_of = -1  # `Hardware.changed` when they were rendered
        self._spelling: dict[str, str] = {}
        fault.attached(bmc)

    def latency(self, request: Request) -> float:
        """Emulated seconds until this reply is ready (redfish captures: median a third of a second, long tail)."""
        draw = self._latency
        if request.method == "POST" and request.path == self.family.sessions:
            return draw.uniform(0.5, 2.0)
        if draw.random() < 0.001:
            return draw.uniform(20.0, 60.0)
        return min(8.0, lognormal(draw, *self.family.latency)) * self.fault.latency_factor

    def begin(self, incoming: web.BaseRequest, *, reused: bool) -> None:
        """A request came in; `reused`: not the first of its connection. One whose client hung up no longer counts for `peak`."""
        self.requests += 1
        self.connections += not reused
        self._under_way.append(incoming)
        self.peak = max(self.peak, sum(not gone(one) for one in self._under_way))

    def end(self, incoming: web.BaseRequest) -> None:
        """Its reply is sent, or its connection is gone."""
        self._under_way.remove(incoming)

    def press_power_button(self, power: str) -> bool:
        """Somebody at the rack presses the button until the machine is `power` (On or Off); True when that changed anything."""
        reset_type = {"On": "On", "Off": "ForceOff"}[power]
        if not self.hardware.would_change(reset_type):
            return False
        if reset_type == "On" and self.fault.ignores_reset(self.bmc, reset_type):
            return False
        return self.hardware.act(reset_type, "button")

    # -- documents ---------------------------------------------------------------------------------------------------

    def document(self, path: str) -> Rendered | None:
        """Body and ETag of a resource, or None where there is none."""
        if self._current_of != self.hardware.changed:
            current = self.family.current_documents(self.bmc)
            self._current = {key: self.family.rendered(key, value) for key, value in current.items()}
            self._current_of = self.hardware.changed
        found = self._current.get(path) or self._rendered.get(path)
        if found is not None:
            return found
        unchanging = self._fixed_documents().get(path)
        if unchanging is not None:
            self._rendered[path] = self.family.rendered(path, unchanging)
            return self._rendered[path]
        return self._session_resource(path) or self._event_log(path)

    def _event_log(self, path: str) -> Rendered | None:
        """Made when it is asked for, which is seldom."""
        family = self.family
        if not family.log_services or not path.startswith(family.log_services):
            return None
        found = family.log_documents(self.bmc).get(path)
        return None if found is None else family.rendered(path, found)

    def _fixed_documents(self) -> dict[str, Document]:
        if self._documents is None:
            self._documents = {**self.family.fixed_documents(self.bmc), **self.family.network_documents(self.bmc)}
            self._documents[self.family.manager] = self.family.with_reset(self._documents[self.family.manager])
        return self._documents

    def _session_resource(self, path: str) -> Rendered | None:
        family = self.family
        if path == family.sessions:
            members = [f"{path}/{session.id}" for session in self.bmc.sessions.open()]
            return family.rendered(path, collection(path, "Session", "Session Collection", members))
        if path.startswith(family.sessions + "/"):
            session = self.bmc.sessions.find(path.rpartition("/")[2])
            return None if session is None else family.rendered(path, family.session_document(session))
        return None

    def _canonical(self, path: str) -> str:
        """The path as the documents spell it; some firmware does not care about case."""
        if not self.family.ignores_case:
            return path
        if not self._spelling:
            current = self.family.current_documents(self.bmc)
            known = (*self._fixed_documents(), *current, self.family.reset, self.family.manager_reset, self.family.sessions)
            self._spelling = {name.lower(): name for name in known}
        return self._spelling.get(path.lower(), path)

    # -- one request -------------------------------------------------------------------------------------------------

    def reply(self, request: Request) -> Reply:
        """What this request gets, and what it does to the machine."""
        request.path = self._canonical(request.path)
        reply = self.fault.before(self.bmc, request) or self.healthy_reply(request)
        self.fault.after(self.bmc, request, reply)
        return reply

    def healthy_reply(self, request: Request) -> Reply:
        """What the request gets where no fault steps in, and what it does to the machine."""
        family = self.family
        early = self._protocol(request)
        if early is not None:
            return early
        # A member may be created at the collection or at its Members property (DSP0266).
        if request.method == "POST" and request.path in (family.sessions, f"{family.sessions}/Members"):
            return self._log_in(request)
        if not self._public(request) and not self._authorized(request):
            return family.unauthorized()
        if request.path == f"{family.root}/$metadata" and request.method == "GET":
            return self._metadata()
        if (reply := family.own_reply(self.bmc, request)) is not None:
            return reply
        found = self.document(request.path)
        if request.method in ("GET", "HEAD"):
            return self._get(request, found)
        if request.method == "POST" and request.path == family.reset:
            if request.reused and family.resets_reused_connections:
                return Reply(0, connection_reset=True)
            return self._reset(request)
        if request.method == "POST" and request.path == family.manager_reset:
            return self._restart(request)
        if request.method == "PATCH" and found is not None:
            return self._patch(request, found.etag)
        if request.method == "DELETE" and found is not None and self.bmc.sessions.delete(request.path.rpartition("/")[2]):
            return Reply(204)
        if found is None and request.path not in (family.reset, family.manager_reset):
            return family.error(404, ("ResourceMissingAtURI", request.path))
        return self._not_allowed(request)

    def _protocol(self, request: Request) -> Reply | None:
        """What is decided before anybody asks who it is."""
        if request.path == "/redfish" and request.method == "GET":
            return json_reply(200, {"v1": "/redfish/v1/"})
        if not request.slash and request.path in self.family.redirected_paths and request.method in ("GET", "POST"):
            location = request.path + "/" + (f"?{request.query}" if request.query else "")
            return Reply(self.family.redirect_status, b"", {"Location": location})
        if self.bmc.requests_until_ready:
            self.bmc.requests_until_ready -= 1
            return self.family.not_ready(1)
        if self.family.strict:
            version = request.headers.get("odata-version", "4.0")
            if version != "4.0":
                return self.family.error(412, "PreconditionFailed")
            kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
            if request.method in ("POST", "PATCH", "PUT") and request.body and kind != "application/json":
                return self.family.error(415, "UnrecognizedRequestBody")
        return None

    def _public(self, request: Request) -> bool:
        """The service root and its metadata answer without credentials (DSP0266 on authentication)."""
        root = self.family.root
        return request.method in ("GET", "HEAD") and request.path in (root, f"{root}/odata", f"{root}/$metadata")

    def _metadata(self) -> Reply:
        """The OData metadata document: which schemas this service's resources are of."""
        documents = (*self._fixed_documents().values(), *self.family.live_documents(self.bmc).values())
        kinds = {kind_of(document) for document in documents} - {""}
        return Reply(200, metadata(kinds), {"Content-Type": "application/xml;charset=utf-8"})

    def _authorized(self, request: Request) -> bool:
        self._authorizations += 1
        if self.family.unauthorized_every and self._authorizations % self.family.unauthorized_every == 0:
            return False
        token = request.headers.get("x-auth-token")
        if token is not None:
            return self.bmc.sessions.use(token) is not None
        given = request.headers.get("authorization", "")
        # The scheme's name is case-insensitive, and the decoded text is what counts (RFC 7617).
        scheme, _, value = given.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            username, _, password = base64.b64decode(value).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            username = password = ""
        return self.bmc.admits(username, password)

    def _log_in(self, request: Request) -> Reply:
        try:
            wanted = request.json()
            user, password = wanted["UserName"], wanted["Password"]
        except ValueError:
            return self.family.error(400, "MalformedJSON")
        except (KeyError, TypeError):
            return self.family.error(400, ("PropertyMissing", "UserName"))
        if not self.bmc.admits(user, password):
            return self.family.unauthorized()
        session = self.bmc.sessions.create(user, request.client)
        if session is None:
            return self.family.sessions_full()
        document = self.family.session_document(session)
        headers = {"X-Auth-Token": session.token, "Location": document["@odata.id"]}
        return json_reply(201, document, headers)

    def _get(self, request: Request, found: Rendered | None) -> Reply:
        if found is None:
            if request.path in (self.family.reset, self.family.manager_reset):
                return self._not_allowed(request)
            return self.family.error(404, ("ResourceMissingAtURI", request.path))
        body, etag, kind = found
        headers = {} if etag is None else {"ETag": etag}
        if self.family.strict:
            if request.query and "$" in request.query:
                return self.family.error(501, "QueryNotSupported")
            headers["Allow"] = self._allowed(request.path)
            if kind:
                headers["Link"] = f"<http://redfish.dmtf.org/schemas/v1/{kind}.json>; rel=describedby"
            if etag is not None and request.headers.get("if-none-match") == etag:
                return Reply(304, b"", headers)
        return Reply(200, b"" if request.method == "HEAD" else body, headers)

    def _allowed(self, path: str) -> str:
        family = self.family
        if path in (family.reset, family.manager_reset):
            return "POST"
        if path == family.sessions:
            return "GET, HEAD, POST"
        if path.startswith(family.sessions + "/"):
            return "GET, HEAD, DELETE"
        return "GET, HEAD, PATCH" if path in self._current else "GET, HEAD"

    def _not_allowed(self, request: Request) -> Reply:
        return self.family.error(405, "OperationNotAllowed", headers={"Allow": self._allowed(request.path)})

    # -- changes -----------------------------------------------------------------------------------------------------

    def _patch(self, request: Request, etag: str | None) -> Reply:
        family = self.family
        if request.path not in self._current:
            return self._not_allowed(request)
        early = family.precondition(self.bmc, request, etag)
        if early is not None:
            return early
        try:
            body = request.json()
        except ValueError:
            return family.error(400, "MalformedJSON")
        wanted = self._boot_members(body)
        if isinstance(wanted, Reply):
            return wanted
        if family.locks_in_post and self.hardware.phase == Phase.POST:
            return family.in_post()
        if request.path != family.system:
            return family.patch_settings(self.bmc, request.path, wanted) or self._not_allowed(request)
        refusal = family.refuse_boot_change(self.bmc, wanted)
        if refusal is not None:
            return refusal
        self.bmc.set_boot(family.with_defaults(self.bmc, wanted))
        return family.patched(self.bmc)

    def _boot_members(self, body: Any) -> dict[str, str] | Reply:
        """The Boot members of a PATCH body, checked one by one; or the refusal."""
        family = self.family
        if not isinstance(body, dict):
            return family.error(400, "UnrecognizedRequestBody")
        if not body:
            return family.error(400, "NoOperation")
        known = dumps(family.system_document(self.bmc))
        for key in body:
            if key != "Boot":
                exists = f'"{key}":'.encode() in known
                return family.error(400, ("PropertyNotWritable" if exists else "PropertyUnknown", key))
        boot = body["Boot"]
        if not isinstance(boot, dict) or not boot:
            return family.error(400, ("PropertyValueTypeError", str(boot), "Boot"))
        values = dict(zip(BOOT_MEMBERS, (family.targets, family.enabled, family.modes), strict=True))
        if not family.modes:
            del values["BootSourceOverrideMode"]
        for key, value in boot.items():
            if key not in values:
                exists = f'"{key}":'.encode() in known
                return family.error(400, ("PropertyNotWritable" if exists else "PropertyUnknown", key))
            if value not in values[key]:
                return family.error(400, ("PropertyValueNotInList", str(value), key))
        return boot

    def _reset_type(self, request: Request, action: str, resets: tuple[str, ...]) -> str | Reply:
        """The ResetType of an action, or the refusal."""
        family = self.family
        try:
            body = request.json() if request.body else {}
        except ValueError:
            return family.error(400, "MalformedJSON")
        if not isinstance(body, dict):
            return family.error(400, "UnrecognizedRequestBody")
        kind = body.get("ResetType")
        if kind is None:
            return family.error(400, ("ActionParameterMissing", action, "ResetType"))
        if kind not in resets:
            return family.error(400, ("ActionParameterValueNotInList", str(kind), "ResetType"))
        if family.strict and len(body) > 1:
            extra = next(key for key in body if key != "ResetType")
            return family.error(400, ("ActionParameterUnknown", action, extra))
        return str(kind)

    def _restart(self, request: Request) -> Reply:
        """The BMC itself: away for a while, its sessions lost; the machine goes on."""
        kind = self._reset_type(request, "Manager.Reset", self.family.manager_resets)
        if isinstance(kind, Reply):
            return kind
        self.restarts += 1
        self.hardware.note(f"the BMC restarts ({kind})")
        self.fault.restart(self.bmc)
        return self.family.reset_done()

    def _reset(self, request: Request) -> Reply:
        family = self.family
        kind = self._reset_type(request, "ComputerSystem.Reset", family.resets)
        if isinstance(kind, Reply):
            return kind
        if not self.hardware.would_change(kind) and kind != "Nmi":
            return family.already_in_state(self.bmc, kind)
        refusal = family.refuse_reset(self.bmc, kind)
        if refusal is not None:
            return refusal
        if self.fault.ignores_reset(self.bmc, kind):
            self.hardware.note(f"{kind} accepted and lost")
        elif kind in family.hanging_resets:
            self.hardware.hang(kind)
            self.hardware.resets += 1
        elif kind != "Nmi" and self.hardware.act(kind, "Redfish"):
            self.hardware.resets += 1
        return family.reset_done()
