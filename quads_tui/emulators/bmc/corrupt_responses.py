"""Faults of the replies: bodies that are not Redfish, connections that break or stall, reads from a cache."""

from __future__ import annotations

import json

from quads_tui.emulators.bmc.bmc import Bmc
from quads_tui.emulators.bmc.faults import Fault
from quads_tui.emulators.bmc.replies import Reply, Request, dumps

PAGE = b"<!DOCTYPE html><html><head><title>Loading</title></head><body><h1>Please wait</h1></body></html>"


class CorruptReads(Fault):
    """Every third read of the system gets a corrupt reply, `times` times in all."""

    def __init__(self, times: int = 3) -> None:
        self.left = times
        self.reads = 0

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if request.method != "GET" or request.path != bmc.family.system or reply.status != 200:
            return
        self.reads += 1
        if self.left and self.reads % 3 == 2:
            self.left -= 1
            self.corrupt(reply)

    def corrupt(self, reply: Reply) -> None:
        """Change the healthy reply in place."""
        raise NotImplementedError


class HtmlPage(CorruptReads):
    """A page for people, with 200."""

    def corrupt(self, reply: Reply) -> None:
        reply.body, reply.headers = PAGE, {"Content-Type": "text/html"}


class HtmlForbidden(CorruptReads):
    """A page for people, with 403."""

    def corrupt(self, reply: Reply) -> None:
        reply.status, reply.body, reply.headers = 403, PAGE, {"Content-Type": "text/html"}


class TwoDocuments(CorruptReads):
    """The document, and at once another one."""

    def corrupt(self, reply: Reply) -> None:
        reply.body += reply.body


class InvalidUtf8(CorruptReads):
    """Bytes that are no UTF-8 in the middle of a text."""

    def corrupt(self, reply: Reply) -> None:
        reply.body = reply.body.replace(b'"Name":"', b'"Name":"\xff\xfe', 1)


class DamagedText(Fault):
    """Every document of the system is damaged, for good, where nobody needs it: `raw` is its asset tag, `behind` follows it."""

    def __init__(self, raw: bytes = b'"Gr\xfc\xdfe \xff\r\x00"', behind: bytes = b"\x00") -> None:
        self.raw, self.behind = raw, behind

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if request.method == "GET" and request.path == bmc.family.system and reply.status == 200:
            reply.body = b'{"AssetTag":' + self.raw + b"," + reply.body.lstrip()[1:] + self.behind


class DamagedMember(CorruptReads):
    """A member that decides has another type, or lost a byte."""

    def __init__(self, member: str = "PowerState", value: object = ("Off",), times: int = 3) -> None:
        super().__init__(times)
        self.member, self.value = member, value

    def corrupt(self, reply: Reply) -> None:
        reply.body = dumps({**json.loads(reply.body), self.member: self.value})


class EmptyBody(CorruptReads):
    """200 and nothing."""

    def corrupt(self, reply: Reply) -> None:
        reply.body = b""


class TruncatedBody(CorruptReads):
    """The connection closes in the middle of the body."""

    def corrupt(self, reply: Reply) -> None:
        reply.truncate_at = len(reply.body) // 2


class EndlessBody(CorruptReads):
    """The body has no end."""

    def corrupt(self, reply: Reply) -> None:
        reply.endless = True


class SlowBody(CorruptReads):
    """A byte each emulated second."""

    def corrupt(self, reply: Reply) -> None:
        reply.seconds_per_byte = 1.0


class NoReply(CorruptReads):
    """The request is taken, and nothing comes back."""

    def corrupt(self, reply: Reply) -> None:
        reply.never_sent = True


class ConnectionReset(CorruptReads):
    """The connection is reset before the answer."""

    def corrupt(self, reply: Reply) -> None:
        reply.connection_reset = True


class ResetsReusedConnections(Fault):
    """Every request on a connection that carried one before meets a reset; nothing is done."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        return Reply(0, connection_reset=True) if request.reused else None


class MembersMissing(Fault):
    """The systems collection is empty, or its Members are null, for `seconds` from the first session on."""

    def __init__(self, seconds: float = 70.0, *, null: bool = False) -> None:
        self.seconds, self.null = seconds, null
        self.until: float | None = None

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if self.until is None and reply.status == 201:
            self.until = bmc.time.now() + self.seconds
        if self.until is None or bmc.time.now() >= self.until:
            return
        if request.method == "GET" and request.path == f"{bmc.family.root}/Systems" and reply.status == 200:
            document = json.loads(reply.body)
            document.update({"Members": None if self.null else [], "Members@odata.count": 0})
            reply.body = dumps(document)


class NullMember(Fault):
    """One entry of the systems collection is null, and stays so."""

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if request.method == "GET" and request.path == f"{bmc.family.root}/Systems" and reply.status == 200:
            document = json.loads(reply.body)
            document["Members"] = [None, *document["Members"]]
            reply.body = dumps(document)


class StaleReads(Fault):
    """Reads of the system come from a cache that is renewed every `seconds`."""

    def __init__(self, seconds: float = 30.0) -> None:
        self.seconds = seconds
        self.until = 0.0
        self.kept: Reply | None = None

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        if request.method != "GET" or request.path != bmc.family.system or reply.status != 200:
            return
        now = bmc.time.now()
        if self.kept is None or now >= self.until:
            self.kept, self.until = Reply(reply.status, reply.body, dict(reply.headers)), now + self.seconds
        reply.body, reply.headers = self.kept.body, dict(self.kept.headers)


class NoActionInfo(Fault):
    """The documents refer to an ActionInfo that is not there."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.path.endswith("/ResetActionInfo"):
            return bmc.family.error(404, ("ResourceMissingAtURI", request.path))
        return None


class RefusesNames(Fault):
    """Asked by a name instead of its IP address it answers with a page and 400, as an iDRAC9 whose HostHeaderCheck is on."""

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        name = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
        if name.replace(".", "").isdigit() or name.startswith("["):
            return None
        return Reply(400, PAGE.replace(b"Loading", b"400 - Bad Request"), {"Content-Type": "text/html"})


class Redirects(Fault):
    """Whatever comes without a final slash is sent to the path that has it, by `status` 301, 307 or 308."""

    def __init__(self, status: int = 308) -> None:
        self.status = status

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        if request.slash:
            return None
        return Reply(self.status, b"", {"Location": request.path + "/" + (f"?{request.query}" if request.query else "")})


class LoginPage(CorruptReads):
    """A redirect to a page for people, by 302 or 307: the web server is up, and Redfish is not."""

    def __init__(self, status: int = 302, times: int = 3) -> None:
        super().__init__(times)
        self.status = status

    def corrupt(self, reply: Reply) -> None:
        reply.status, reply.body, reply.headers = self.status, b"", {"Location": "/login.html"}
