"""One request on its way: what it asks for, the last check before its first byte, and that it is never sent twice."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader

from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.http_log import READS
from quads_tui.rollout.text import clean
from quads_tui.rollout.time_words import limit_words

from .kept_connections import KeptConnections, Reuse
from .last_check import LONGEST, in_time
from .responses import FailureKind, RequestFailed
from .trust import Trusted

_OTHER_ENDS: WeakKeyDictionary[ResponseHandler, tuple[str, str]] = WeakKeyDictionary()  # of each connection that stands
_INTERIM = 20  # interim responses (1xx) before the one that counts: servers send one or two


class Died(QuadsTuiError, aiohttp.ClientError):
    """A connection ended under a request."""


class CheckRefused(QuadsTuiError):
    """The last check refused: nothing of the request was written."""

    def __init__(self, why: Exception) -> None:
        super().__init__(str(why))
        self.why = why


class NotReused(QuadsTuiError):
    """The connection that was to be used again does not suit a write: nothing of the request was written."""


class TooLong(QuadsTuiError):
    """The body passed its bound."""


class TooManyInterim(QuadsTuiError):
    """Interim responses (1xx) without end: aiohttp would read them, and hold the loop, for as long as they come."""


class Closed(QuadsTuiError):
    """The client was closed."""


@dataclass(slots=True, repr=False, kw_only=True)  # not frozen: with each request one is made, at a fourth of the cost
class Call:
    """What one request asks for."""

    method: str
    url: str
    netloc: str
    place: str  # where it connects to: IP address or name, and port
    path: str
    service: str
    host: str
    headers: Mapping[str, str] = field(repr=False)
    json: object | None = field(repr=False)
    trusted: Trusted
    old_tls: bool
    connect: float
    total: float
    speed: float  # own seconds in a real one: what an operator reads of these limits is in own seconds
    max_body: int
    before_send: Callable[[str], Awaitable[None]] | None
    at: str
    reuse: Reuse  # of connections; only writes ask

    @property
    def is_read(self) -> bool:
        return self.method in READS


class Attempt:
    """One try on the wire."""

    def __init__(self, bound: asyncio.Timeout, total: float) -> None:
        self.began = time.monotonic()
        self.connects = False  # a new connection is made for it
        self.reused = False
        self.sent = False  # the connection stands and the last check passed: something of it may have reached the server
        self.peer = ""
        self.certificate = ""
        self.connection: ResponseHandler | None = None
        self.suited = False  # it was used before, and good enough for a write
        self.release: Callable[[], None] | None = None
        self._bound = bound
        self._total = total

    def start(self) -> None:
        """The waiting for our own gate is over: from here on it is the server's time."""
        self.began = time.monotonic()
        self._bound.reschedule(asyncio.get_running_loop().time() + self._total)

    def leave_gate(self) -> None:
        """Give the place among the handshakes back; more than once does no harm."""
        if self.release is not None:
            self.release()
            self.release = None


@dataclass(slots=True)  # not frozen: with each request one is made, at a fourth of the cost
class Sending:
    """The exchange that this task carries, for `CheckedRequest`, which aiohttp makes and nobody else can reach."""

    attempt: Attempt
    call: Call
    requests: Counter[tuple[str, bool]]
    kept: KeptConnections

    def judge_used(self) -> None:
        """Raises NotReused where a write came to a used connection that does not suit it (any more)."""
        attempt = self.attempt
        if attempt.reused:
            attempt.suited = attempt.connection is not None and self.kept.suits(attempt.connection, self.call.reuse)
            if not attempt.suited and not self.call.is_read:
                raise NotReused


SENDING: ContextVar[Sending] = ContextVar("SENDING")


class CheckedRequest(aiohttp.ClientRequest):
    """A request that asks once more before its first byte, on the connection that stands. aiohttp closes it when this raises."""

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        sending = SENDING.get()
        attempt, call = sending.attempt, sending.call
        attempt.connection = conn.protocol
        attempt.peer, attempt.certificate = _other_end(conn)
        sending.judge_used()
        if call.before_send is not None:
            try:
                await in_time(call.before_send(attempt.peer))
            except TimeoutError:
                where = clean(call.netloc, 100)
                words = f"not sent to {where}: the last check took over {limit_words(LONGEST * call.speed)}"
                raise CheckRefused(RequestFailed(words, sent=False, kind=FailureKind.CHECK)) from None
            except Exception as why:
                raise CheckRefused(why) from None
            sending.judge_used()  # the server may have closed it meanwhile
        attempt.sent = True
        sending.requests[call.service, not call.is_read] += 1
        if conn.protocol is not None:
            _bound_interim(conn.protocol)
        return await super().send(conn)


def _bound_interim(protocol: ResponseHandler) -> None:
    """Let aiohttp read a few responses for this request, not any number: all but the last are interim ones."""
    left = _INTERIM + 1

    async def read() -> tuple[RawResponseMessage, StreamReader]:
        nonlocal left
        if not left:
            raise TooManyInterim
        left -= 1
        return await type(protocol).read(protocol)

    protocol.read = read  # type: ignore[method-assign]


def _other_end(conn: aiohttp.connector.Connection) -> tuple[str, str]:
    """IP address and port of the other end of a connection, and the SHA-256 of the certificate that it has shown; looked at once,
    since neither changes while it stands. Empty where it is gone already."""
    transport, protocol = conn.transport, conn.protocol
    if transport is None or protocol is None:
        return "", ""
    known = _OTHER_ENDS.get(protocol)
    if known is None:
        known = _OTHER_ENDS[protocol] = _peer(transport), _certificate(transport)
    return known


def _peer(transport: asyncio.Transport) -> str:
    name = transport.get_extra_info("peername")
    if not isinstance(name, tuple) or len(name) < 2:
        return ""
    return f"[{name[0]}]:{name[1]}" if ":" in str(name[0]) else f"{name[0]}:{name[1]}"


def _certificate(transport: asyncio.Transport) -> str:
    tls = transport.get_extra_info("ssl_object")
    shown = tls.getpeercert(binary_form=True) if tls is not None else None
    return hashlib.sha256(shown).hexdigest() if shown else ""


async def never_twice(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """A middleware that keeps aiohttp from sending an idempotent request a second time."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise Died(str(error)) from error
