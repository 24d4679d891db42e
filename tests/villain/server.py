"""A villain: it stands between the program and an emulated server, and answers honestly, or not at all as that one did."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

import aiohttp

from tests.services.rawserver import HangUp, RawServer, Request, Write, reply

from . import documents, wire
from .hand import BIG_KINDS, FEW_KINDS, KINDS, SLOW_KINDS, Answer, Hand

__all__ = ["BIG_KINDS", "FEW_KINDS", "KINDS", "SLOW_KINDS", "Collector", "Villain", "documents", "wire"]

_HOP = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive", "content-encoding"})


class Collector:
    """Where redirects and references lead: it records every request. None may ever come."""

    def __init__(self) -> None:
        self.server = RawServer(self._answer)

    async def start(self) -> Collector:
        await self.server.start()
        return self

    async def _answer(self, request: Request, write: Write) -> None:
        await write(reply())

    @property
    def heard(self) -> list[str]:
        """Each request in one text, credentials and all."""
        return [f"{one.method} {one.path} {one.headers} {one.body!r}" for one in self.server.seen]


class Villain:
    """`kinds` are its tricks, one after the other; `upstream` is the emulated server, or empty."""

    def __init__(
        self,
        upstream: str,
        collector: str,
        *,
        seed: int,
        kinds: Sequence[str],
        share: float = 1.0,
        spares: Callable[[Request], bool] = lambda request: False,
    ) -> None:
        """`share` of the requests are answered with a trick; those that `spares` names never are."""
        self.done: Counter[str] = Counter()
        self.server = RawServer(self._answer)
        self._upstream = upstream.rstrip("/")
        self._collector = collector
        self._rng = Random(seed)
        self._kinds = list(kinds)
        self._played = 0
        self._share = share
        self._spares = spares
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> Villain:
        await self.server.start()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=ssl._create_unverified_context(), limit=8),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        return self

    @property
    def url(self) -> str:
        return self.server.url

    async def close(self) -> None:
        await self.server.close()
        if self._session is not None:
            await self._session.close()

    async def _answer(self, request: Request, write: Write) -> None:
        honest = await self._ask(request)
        if self._spares(request) or self._rng.random() >= self._share:
            await write(honest.wire())
            return
        kind = self._kinds[self._played % len(self._kinds)]
        self._played += 1
        self.done[kind] += 1
        await KINDS[kind](Hand(request, honest, write, Random(self._rng.random()), self._collector))

    async def _ask(self, request: Request) -> Answer:
        if not self._upstream:
            return Answer()
        assert self._session is not None
        headers = {name: text for name, text in request.headers.items() if name not in ("host", "content-length", "connection")}
        try:
            async with self._session.request(
                request.method, self._upstream + request.path, headers=headers, data=request.body or None, allow_redirects=False
            ) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            raise HangUp from None
        kept = tuple((name, text) for name, text in answer.headers.items() if name.lower() not in _HOP)
        return Answer(answer.status, re.sub(r"[\r\n]", " ", answer.reason or ""), kept, body)


async def closed(*villains: Villain) -> None:
    await asyncio.gather(*(villain.close() for villain in villains))
