"""A BMC that repeats passwords, Basic headers and tokens in its texts."""

from __future__ import annotations

import json

from quads_tui.emulators.bmc.bmc import Bmc
from quads_tui.emulators.bmc.faults import Fault
from quads_tui.emulators.bmc.replies import Reply, Request, dumps, json_reply
from quads_tui.emulators.repeated_secrets import RepeatedSecrets


class RepeatsSecrets(Fault):
    """Each kind of request is refused once, with what was heard in every text; with `lasting`, each change of Boot for good.

    So are the texts of every other refusal, and the members that are for people alone.
    """

    def __init__(self, *, lasting: bool = False) -> None:
        self.lasting = lasting
        self.secrets = RepeatedSecrets()
        self.refused: set[str] = set()

    def before(self, bmc: Bmc, request: Request) -> Reply | None:
        self.secrets.hear(request.headers, request.body)
        if self.lasting and request.method == "PATCH":
            return self._refusal(403)
        kind = self._kind(bmc, request)
        if not kind or kind in self.refused:
            return None
        self.refused.add(kind)
        return self._refusal(500 if kind == "DELETE" else 503)

    def after(self, bmc: Bmc, request: Request, reply: Reply) -> None:
        self.secrets.hear({name.lower(): value for name, value in reply.headers.items()})
        words = self.secrets.words()
        reply.headers["Server"] = words
        if request.method == "GET" and request.path == bmc.family.system and reply.status == 200:
            reply.body = dumps({**json.loads(reply.body), "AssetTag": words, "Description": words})
        elif reply.status >= 400:
            reply.body = self._refusal(reply.status).body

    def _kind(self, bmc: Bmc, request: Request) -> str:
        if "x-auth-token" not in request.headers:
            return ""
        return request.method if request.path in (bmc.family.system, bmc.family.reset) or request.method != "GET" else ""

    def _refusal(self, status: int) -> Reply:
        words = self.secrets.words()
        message = {"MessageId": "Base.1.12.InternalError", "Message": words, "MessageArgs": [words], "Resolution": words}
        error = {"code": "Base.1.12.GeneralError", "message": words, "@Message.ExtendedInfo": [message]}
        return json_reply(status, {"error": error}, {"WWW-Authenticate": words} if status == 401 else None)
