"""One BMC: who may ask, what each path answers, and the two things that change anything, PATCH of Boot and Reset."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from random import Random
from typing import Any

from aiohttp import web

from quads_tui.emulators.bmc.family import Family
from quads_tui.emulators.bmc.faults import Trouble
from quads_tui.emulators.bmc.hardware import Boot, Hardware
from quads_tui.emulators.bmc.replies import Call, Document, Rendered, Reply, collection, dumps, kind_of, metadata, ref
from quads_tui.emulators.bmc.sessions import Guard, Sessions
from quads_tui.emulators.bmc.transmission import gone
from quads_tui.emulators.interfaces import Machine, Time, lognormal

BOOT_MEMBERS = ("BootSourceOverrideTarget", "BootSourceOverrideEnabled", "BootSourceOverrideMode")


class Bmc:
    """The Redfish service of one machine. `answer` is instant; the fleet adds the latency and the serial queue."""

    def __init__(
        self,
        machine: Machine,
        family: Family,
        hardware: Hardware,
        trouble: Trouble,
        *,
        time: Time,
        luck: Random,
        username: str,
        password: str,
    ) -> None:
        self.machine, self.family, self.hardware, self.trouble = machine, family, hardware, trouble
        self.mac = trouble.mac or machine.mac  # of the NIC that the system boots from
        self.time, self.luck = time, luck
        self.serial = f"{luck.getrandbits(35):07X}"[:7]
        self.uuid = f"{luck.getrandbits(32):08x}-{luck.getrandbits(16):04x}-4c10-8033-{luck.getrandbits(48):012x}"
        self.sessions = Sessions(family.session_cap, family.session_timeout, luck)
        self.queue = asyncio.Lock()
        self.requests = self.peak = self.lockouts = 0
        self.cold = family.cold
        self.marks: set[str] = set()  # what a family without state must remember of this BMC
        self._authorizations = 0
        self._guard = Guard(time)
        # The fleet owns the listener and the way to it; both take emulated seconds.
        self.restart: Callable[[float], None] = lambda seconds: None
        self.cut: Callable[[float], None] = lambda seconds: None
        self.reachable = asyncio.Event()
        self.reachable.set()
        self._asking: list[web.BaseRequest] = []
        self.username, self._password = username, password
        self._basic = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        self._fixed: dict[str, Document] | None = None
        self._bodies: dict[str, Rendered] = {}
        self._live: dict[str, Rendered] = {}
        self._live_of = -1
        hardware.bios = family.bios()
        self._setup = family.setup(self, hardware.bios) if hardware.bios is not None else None
        self._names: dict[str, str] = {}

        trouble.placed(self)

    def latency(self, call: Call) -> float:
        """Emulated seconds until this answer is ready (redfish captures: median a third of a second, long tail)."""
        if call.method == "POST" and call.path == self.family.sessions:
            return self.luck.uniform(0.5, 2.0)
        if self.luck.random() < 0.001:
            return self.luck.uniform(20.0, 60.0)
        return min(8.0, lognormal(self.luck, *self.family.pace)) * self.trouble.slowness

    def take_in(self, request: web.BaseRequest) -> None:
        """A request came in; those whose client hung up no longer count as being asked."""
        self._asking.append(request)
        self.peak = max(self.peak, sum(not gone(one) for one in self._asking))

    def let_go(self, request: web.BaseRequest) -> None:
        self._asking.remove(request)

    def started(self) -> None:
        """The BMC starts anew: no session survives it, and its services need a moment."""
        self.sessions.clear()
        self.cold = self.family.cold

    def json(self, status: int, document: Document, headers: dict[str, str] | None = None) -> Reply:
        return Reply(status, dumps(document), headers or {})

    def press(self, power: str) -> bool:
        """Somebody at the rack presses the button until the machine is `power` (On or Off); True when that changed anything."""
        kind = {"On": "On", "Off": "ForceOff"}[power]
        if not self.hardware.would_change(kind) or (kind == "On" and self.trouble.swallows(self, kind)):
            return False
        return self.hardware.act(kind, "button")

    # -- documents ---------------------------------------------------------------------------------------------------

    def document(self, path: str) -> Rendered | None:
        """Body and ETag of a resource, or None where there is none."""
        if self._live_of != self.hardware.changed:
            live = self.family.live(self)
            if self.family.nics and self.family.system in live:
                live[self.family.system]["EthernetInterfaces"] = ref(self.family.interfaces)
            self._live = {key: self._rendered(key, value) for key, value in live.items()}
            self._live_of = self.hardware.changed
        found = self._live.get(path) or self._bodies.get(path)
        if found is not None:
            return found
        fixed = self._pages().get(path)
        if fixed is not None:
            self._bodies[path] = self._rendered(path, fixed)
            return self._bodies[path]
        return self._session_resource(path)

    def _pages(self) -> dict[str, Document]:
        """All resources that never change."""
        if self._fixed is None:
            self._fixed = {**self.family.fixed(self), **self.family.network(self)}
        return self._fixed

    def _rendered(self, path: str, document: Document) -> Rendered:
        body = dumps(document)
        etag = self.family.etag(path, body) if "@odata.id" in document else None
        if etag is not None:
            body = dumps({**document, "@odata.etag": etag})
        return Rendered(body, etag, kind_of(document))

    def _session_resource(self, path: str) -> Rendered | None:
        family = self.family
        if path == family.sessions:
            members = [f"{path}/{session.id}" for session in self.sessions.open()]
            return self._rendered(path, collection(path, "Session", "Session Collection", members))
        if path.startswith(family.sessions + "/"):
            session = self.sessions.find(path.rpartition("/")[2])
            return None if session is None else self._rendered(path, family.session_document(session))
        return None

    def _canonical(self, path: str) -> str:
        """The path as the documents spell it; some firmware does not care about case."""
        if not self.family.ignores_case:
            return path
        if not self._names:
            known = (*self._pages(), *self.family.live(self), self.family.reset, self.family.sessions)
            self._names = {name.lower(): name for name in known}
        return self._names.get(path.lower(), path)

    # -- one request -------------------------------------------------------------------------------------------------

    def answer(self, call: Call) -> Reply:
        """What this request gets, and what it does to the machine."""
        call.path = self._canonical(call.path)
        reply = self.trouble.answer(self, call) or self._answer(call)
        self.trouble.after(self, call, reply)
        return reply

    def _answer(self, call: Call) -> Reply:
        family = self.family
        early = self._protocol(call)
        if early is not None:
            return early
        # A member may be created at the collection or, says DSP0266, at its Members property.
        if call.method == "POST" and call.path in (family.sessions, f"{family.sessions}/Members"):
            return self._log_in(call)
        if not self._public(call) and not self._authorized(call):
            return self.unauthorized()
        if call.path == f"{family.root}/$metadata" and call.method == "GET":
            return self._metadata()
        if self._setup is not None and (reply := self._setup.answer(call)) is not None:
            return reply
        found = self.document(call.path)
        if call.method in ("GET", "HEAD"):
            return self._get(call, found)
        if call.method == "POST" and call.path == family.reset:
            return Reply(0, lost=True) if call.reused and family.drops_reused else self._reset(call)
        if call.method == "PATCH" and found is not None:
            return self._patch(call, found.etag)
        if call.method == "DELETE" and found is not None and self.sessions.delete(call.path.rpartition("/")[2]):
            return Reply(204)
        if found is None and call.path != family.reset:
            return family.error(404, ("ResourceMissingAtURI", call.path))
        return self._not_allowed(call)

    def _protocol(self, call: Call) -> Reply | None:
        """What is decided before anybody asks who it is."""
        if call.path == "/redfish" and call.method == "GET":
            return self.json(200, {"v1": "/redfish/v1/"})
        if not call.slash and call.path in self.family.slashed and call.method in ("GET", "POST"):
            location = call.path + "/" + (f"?{call.query}" if call.query else "")
            return Reply(self.family.redirect, b"", {"Location": location})
        if self.cold:
            self.cold -= 1
            return self.family.not_ready(1)
        if self.family.strict:
            version = call.headers.get("odata-version", "4.0")
            if version != "4.0":
                return self.family.error(412, "PreconditionFailed")
            kind = call.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
            if call.method in ("POST", "PATCH", "PUT") and call.body and kind != "application/json":
                return self.family.error(415, "UnrecognizedRequestBody")
        return None

    def _public(self, call: Call) -> bool:
        """The service root and its metadata answer without credentials (DSP0266 on authentication)."""
        root = self.family.root
        return call.method in ("GET", "HEAD") and call.path in (root, f"{root}/odata", f"{root}/$metadata")

    def _metadata(self) -> Reply:
        """The OData metadata document: which schemas this service's resources are of."""
        documents = (*self._pages().values(), *self.family.live(self).values())
        kinds = {kind_of(document) for document in documents} - {""}
        return Reply(200, metadata(kinds), {"Content-Type": "application/xml;charset=utf-8"})

    def _authorized(self, call: Call) -> bool:
        self._authorizations += 1
        if self.family.flakes_every and self._authorizations % self.family.flakes_every == 0:
            return False
        token = call.headers.get("x-auth-token")
        if token is not None:
            return self.sessions.use(token) is not None
        given = call.headers.get("authorization", "")
        # The scheme's name is case-insensitive, and the decoded text is what counts (RFC 7617).
        scheme, _, value = given.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            fits = given == self._basic or base64.b64decode(value).decode() == f"{self.username}:{self._password}"
        except (binascii.Error, UnicodeDecodeError):
            fits = False
        return self.admits(fits)

    def admits(self, fits: bool) -> bool:
        """Somebody named a user and a password; False for wrong ones, and for all while the user is locked out."""
        admitted = self._guard.admits(fits)
        self.lockouts = self._guard.lockouts
        return admitted

    def unauthorized(self) -> Reply:
        return self.family.error(401, "NoValidSession", headers={"WWW-Authenticate": 'Basic realm="Redfish"'})

    def _log_in(self, call: Call) -> Reply:
        try:
            wanted = call.json()
            user, password = wanted["UserName"], wanted["Password"]
        except ValueError:
            return self.family.error(400, "MalformedJSON")
        except (KeyError, TypeError):
            return self.family.error(400, ("PropertyMissing", "UserName"))
        if not self.admits((user, password) == (self.username, self._password)):
            return self.unauthorized()
        session = self.sessions.create(user)
        if session is None:
            return self.family.sessions_full()
        document = self.family.session_document(session)
        headers = {"X-Auth-Token": session.token, "Location": document["@odata.id"]}
        return self.json(201, document, headers)

    def _get(self, call: Call, found: Rendered | None) -> Reply:
        if found is None:
            if call.path == self.family.reset:
                return self._not_allowed(call)
            return self.family.error(404, ("ResourceMissingAtURI", call.path))
        body, etag, kind = found
        headers = {} if etag is None else {"ETag": etag}
        if self.family.strict:
            if call.query and "$" in call.query:
                return self.family.error(501, "QueryNotSupported")
            headers["Allow"] = self._allowed(call.path)
            if kind:
                headers["Link"] = f"<http://redfish.dmtf.org/schemas/v1/{kind}.json>; rel=describedby"
            if etag is not None and call.headers.get("if-none-match") == etag:
                return Reply(304, b"", headers)
        return Reply(200, b"" if call.method == "HEAD" else body, headers)

    def _allowed(self, path: str) -> str:
        family = self.family
        if path == family.reset:
            return "POST"
        if path == family.sessions:
            return "GET, HEAD, POST"
        if path.startswith(family.sessions + "/"):
            return "GET, HEAD, DELETE"
        return "GET, HEAD, PATCH" if path in self._live else "GET, HEAD"

    def _not_allowed(self, call: Call) -> Reply:
        return self.family.error(405, "OperationNotAllowed", headers={"Allow": self._allowed(call.path)})

    # -- changes -----------------------------------------------------------------------------------------------------

    def _patch(self, call: Call, etag: str | None) -> Reply:
        family = self.family
        if call.path not in self._live:
            return self._not_allowed(call)
        early = family.precondition(self, call, etag)
        if early is not None:
            return early
        try:
            body = call.json()
        except ValueError:
            return family.error(400, "MalformedJSON")
        wanted = self._boot_members(body)
        if isinstance(wanted, Reply):
            return wanted
        if family.locks_in_post and self.hardware.phase == "post":
            return family.in_post()
        if call.path != family.system:
            return family.settings(self, call.path, wanted) or self._not_allowed(call)
        refusal = family.refused(self, wanted)
        if refusal is not None:
            return refusal
        self.set_boot(family.completed(self, wanted))
        return family.patched(self)

    def _boot_members(self, body: Any) -> dict[str, str] | Reply:
        """The Boot members of a PATCH body, checked one by one; or the refusal."""
        family = self.family
        if not isinstance(body, dict):
            return family.error(400, "UnrecognizedRequestBody")
        if not body:
            return family.error(400, "NoOperation")
        known = dumps(family.system_document(self))
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

    def set_boot(self, wanted: dict[str, str]) -> None:
        """The override as these Boot members say; what they leave out stays."""
        now = self.hardware.boot
        target = wanted.get("BootSourceOverrideTarget", now.target)
        enabled = wanted.get("BootSourceOverrideEnabled", now.enabled)
        if target == "None":
            enabled = "Disabled"
        if enabled == "Disabled" and not self.hardware.nature.keeps_target:
            target = "None"
        self.hardware.set_boot(Boot(target, enabled, wanted.get("BootSourceOverrideMode", now.mode)))

    def _reset(self, call: Call) -> Reply:
        family, action = self.family, "ComputerSystem.Reset"
        try:
            body = call.json() if call.body else {}
        except ValueError:
            return family.error(400, "MalformedJSON")
        if not isinstance(body, dict):
            return family.error(400, "UnrecognizedRequestBody")
        kind = body.get("ResetType")
        if kind is None:
            return family.error(400, ("ActionParameterMissing", action, "ResetType"))
        if kind not in family.resets:
            return family.error(400, ("ActionParameterValueNotInList", str(kind), "ResetType"))
        if family.strict and len(body) > 1:
            extra = next(key for key in body if key != "ResetType")
            return family.error(400, ("ActionParameterUnknown", action, extra))
        if not self.hardware.would_change(kind) and kind != "Nmi":
            return family.already(self, kind)
        refusal = family.refused_reset(self, kind)
        if refusal is not None:
            return refusal
        if self.trouble.swallows(self, kind):
            self.hardware.note(f"{kind} accepted and lost")
        elif kind in family.hangs:
            self.hardware.hang(kind)
            self.hardware.resets += 1
        elif kind != "Nmi" and self.hardware.act(kind, "Redfish"):
            self.hardware.resets += 1
        return family.reset_done()
