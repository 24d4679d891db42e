"""What an installer talks to: /unattended/provision, /unattended/built and /unattended/failed, without a login."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from ..interfaces import Time
from .answers import Answer
from .records import Host, Token
from .routing import Foreman
from .web_server import WebServer, Work

LOG_LIMIT = 64 << 10  # bytes of an installer's log that are kept


class Unattended:
    def __init__(self, foreman: Foreman, web_server: WebServer, time: Time, generator: Callable[[str], random.Random]) -> None:
        self._foreman = foreman
        self._web_server = web_server
        self._time = time
        self._generator = generator
        self.calls = 0

    async def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        """201 with an empty body for `built` and `failed`; 404 unknown host, 405 not in build mode, 401 expired token."""
        action = path.removeprefix("/unattended/").rstrip("/")
        value = query.get("token", "")
        if action == "built" or (action == "failed" and method == "POST"):
            log = body[:LOG_LIMIT].decode(errors="replace") if action == "failed" else None
            return Answer(await self.finished(value, log), "", "text/plain")
        host, token = self._by_token(value)
        if action != "provision" or host is None or token is None:
            return Answer(404, "unable to find provisioning template", "text/plain")
        if token.expires <= self._time.now():
            return Answer(401, "token expired", "text/plain")
        title = host.os.title if host.os else ""
        return Answer(200, f"# kickstart for {host.name}, {title}\n", "text/plain")

    async def finished(self, value: str, errors: str | None) -> int:
        """Ends build mode for the host of this token, which may have expired; the HTTP status."""
        self.calls += 1
        async with self._web_server.thread() as worker:
            host, _ = self._by_token(value)
            if host is None:
                return 404
            async with host.saving:
                if not host.build:  # another request ended it while this one waited for the row
                    return 405
                await self._foreman.builds.finish(host, Work(self._time, worker, self._generator(host.name)), errors=errors)
        return 201

    def _by_token(self, value: str) -> tuple[Host | None, Token | None]:
        for host in self._foreman.database.hosts.values():
            for token in (host.token, *host.older_tokens):
                if token is not None and token.value == value:
                    return host, token
        return None, None
