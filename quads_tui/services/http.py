"""One metered HTTP client for every service: each wait bounded, each body bounded, no write ever repeated by itself.

Reads may use kept-alive connections. Writes go on connections of their own that are closed afterwards; one that its caller allows
to use a kept connection does so where that suits (kept_connections.py). aiohttp by itself repeats GET, PUT and DELETE when a
connection dies, whether it was reused or not; `never_twice` takes that away from it, since the server may have done what it did
not live to answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from asyncio.selector_events import _SelectorSocketTransport  # type: ignore[attr-defined]
from asyncio.sslproto import SSLProtocol
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from quads_tui.inputs import TlsPolicy
from quads_tui.rollout.addresses import ip_address
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.http_log import CANCELLED, KEPT_BODY, Exchange
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.ports import Clock
from quads_tui.rollout.text import clean

from .big_answers import read_ahead
from .connecting import GatedConnector
from .credentials import learn_received, learn_sent, without_credentials
from .kept_connections import KeptConnections, Reuse
from .not_before import NotBefore
from .request_errors import request_failed
from .responses import FailureKind, RequestFailed, Response
from .sending import SENDING, Attempt, Call, CheckedRequest, CheckRefused, Closed, NotReused, Sending, TooLong, never_twice
from .tls_errors import TlsTrouble
from .trust import Trust, TrustBroken

_KEEP_ALIVE = 10.0  # seconds; servers close at 15 and some at 5
_NAMES = 4096  # addresses that are taken apart once: each host is asked at some ten of them, again and again
_URLS = 1024  # the same of whole URLs: some ten of each host that is worked on now
_REFUSAL = 1 << 16  # bytes of an error's body that are kept: its status is worth more than its text
# aiohttp warns of what servers send, such as cookies that are none, in their own words: on the screen, and uncleaned.
logging.getLogger("aiohttp").addHandler(logging.NullHandler())
logging.getLogger("aiohttp").propagate = False
# asyncio reads up to 256 KB in one step: 60 ms of aiohttp's parser where those are chunks of one byte each.
_SelectorSocketTransport.max_size = SSLProtocol.max_size = 1 << 15


class Http:
    """All HTTP of a process. `handshakes` new connections to BMCs may be computing at once; `pins` is the file of first-use pins.

    `on_exchange` hears of every exchange, answered or not. `requests` counts what went on the wire by (service, is a write).
    `resolver` makes what turns names into addresses, for each new connection and off the loop.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        handshakes: int = 32,
        on_exchange: Callable[[Exchange], None] | None = None,
        pins: Path | None = None,
        resolver: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver,
    ) -> None:
        self.requests: Counter[tuple[str, bool]] = Counter()
        self.not_before = NotBefore(clock)
        self._clock = clock
        self._gate = asyncio.Semaphore(handshakes)
        self._on_exchange = on_exchange
        self._trust = Trust(pins)
        self._resolver = resolver
        self._connections = KeptConnections()
        self._kept: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self._unencoded: set[str] = set()  # origins that refuse `Accept-Encoding: identity`
        self._closed = False

    async def request(
        self,
        method: str,
        url: str,
        *,
        service: str,
        host: str = "",
        meter: Meter,
        tls: TlsPolicy,
        headers: Mapping[str, str] | None = None,
        json: object | None = None,
        connect: float,
        total: float,
        max_body: int = 1 << 20,
        fresh: bool = False,
        before_send: Callable[[str], Awaitable[None]] | None = None,
        at: str = "",
        reuse: Reuse = Reuse.NEVER,
    ) -> Response:
        """One request and its whole answer, whatever its status. Raises RequestFailed.

        `at`: the IP address to connect to instead of resolving the name in `url`, which stays the name for TLS and in Host.

        `before_send` is the last check: awaited with the peer's IP address and port when the connection stands and before the
        first byte of the request, each time that it goes out. What it raises comes out of here, with nothing sent and nothing
        counted; after a second without its answer it is a RequestFailed that was not sent.

        `connect` and `total` are real seconds; `total` begins when the request may go, not while it waits for our own gate.
        `fresh`: on a new connection in any case. `reuse`: whether a write may use a kept connection; where none suits, it goes on
        one of its own, and `before_send` is awaited there too.

        A read that dies on a reused connection is sent once more on a new one; nothing else is ever sent twice.
        """
        method = method.upper()
        parts = _parts(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        try:
            trusted = await self._trust.of(tls, origin)
        except TrustBroken as error:
            raise RequestFailed(str(error), sent=False, kind=FailureKind.TLS, tls=TlsTrouble.SETTINGS) from None
        call = Call(
            method=method,
            url=url,
            netloc=parts.netloc,
            place=_place(origin, at),
            path=parts.path,
            service=service,
            host=host,
            headers=headers or {},
            json=json,
            trusted=trusted,
            old_tls=tls.old,
            connect=connect,
            total=total,
            speed=self._clock.speed,
            max_body=max_body,
            before_send=before_send,
            at=at,
            reuse=reuse,
        )
        is_read = call.is_read
        kept = not fresh and (is_read or self._connections.may_be_used(call.place, reuse))
        identity = not (is_read and origin in self._unencoded)
        try:
            answer = await self._attempt(call, meter, kept=kept, identity=identity)
        except (_Stale, NotReused):
            answer = await self._attempt(call, meter, kept=False, identity=identity)
        if answer.status == 406 and is_read and identity:
            answer = await self._attempt(call, meter, kept=not fresh, identity=False, last=True)
            if answer.status != 406:
                self._unencoded.add(origin)
        await read_ahead(answer)
        try:
            await self._trust.remember(trusted)
        except TrustBroken as error:
            raise RequestFailed(str(error), sent=True, kind=FailureKind.TLS, tls=TlsTrouble.SETTINGS) from None
        return answer

    async def close(self) -> None:
        """Close all connections; requests after this are RequestFailed."""
        self._closed = True
        for session in (self._kept, self._fresh):
            if session is not None:
                await session.close()
        self._kept = self._fresh = None

    async def _attempt(self, call: Call, meter: Meter, *, kept: bool, identity: bool, last: bool = False) -> Response:
        """One exchange, metered and reported. Raises _Stale where a read may be sent once more."""
        status, error, body = 0, "", b""
        runtime: float | None = None
        attempt: Attempt | None = None
        try:
            async with asyncio.timeout(None) as bound:
                attempt = Attempt(bound, call.total)
                answer = await self._exchange(call, attempt, kept=kept, identity=identity)
            status, runtime, body = answer.status, answer.runtime, answer.body[:KEPT_BODY]
            if kept and attempt.connection is not None:
                self._connections.answered(attempt.connection, call.place)
                if attempt.reused and not call.is_read:
                    self._connections.proved(call.place)
            return answer
        except asyncio.CancelledError:
            error = CANCELLED
            raise
        except CheckRefused as refused:
            error = "not sent"
            raise refused.why from None
        except NotReused:
            error = "not sent"
            raise
        except Exception as caught:
            failed = request_failed(caught, call, sent=attempt is not None and attempt.sent)
            error = failed.reason
            if attempt is not None and attempt.reused:
                died = failed.kind in (FailureKind.RESET, FailureKind.BODY)
                if attempt.suited and (died or not call.is_read):
                    self._connections.broke(call.place)
                if died and call.is_read and not last:
                    raise _Stale(error) from None
            raise failed from None
        finally:
            assert attempt is not None
            attempt.leave_gate()
            attempt.connection = None  # the task may wait for long, and keeps its last attempt
            seconds = time.monotonic() - attempt.began
            if error not in (CANCELLED, "not sent"):
                meter.observe(seconds, 0 < status < 500, runtime)
            if self._on_exchange is not None and error != "not sent":
                self._on_exchange(
                    Exchange(
                        at=self._clock.wall(),
                        service=call.service,
                        host=call.host or call.netloc,
                        method=call.method,
                        path=clean(call.path),
                        status=status,
                        seconds=seconds,
                        error=error,
                        body=body,
                    )
                )

    async def _exchange(self, call: Call, attempt: Attempt, *, kept: bool, identity: bool) -> Response:
        headers = {"Accept": "application/json", **call.headers}
        if identity:
            headers["Accept-Encoding"] = "identity"
        if not kept:
            headers["Connection"] = "close"
        url = _as_handed_out(call.url)
        server_name = None
        if call.at:
            headers["Host"] = url.host_port_subcomponent or call.netloc
            url, server_name = url.with_host(call.at), url.raw_host
        SENDING.set(Sending(attempt, call, self.requests, self._connections))
        learn_sent(headers, call.json)
        async with self._session(kept).request(
            call.method,
            url,
            headers=headers,
            skip_auto_headers=() if identity else ("Accept-Encoding",),
            json=call.json,
            ssl=call.trusted,
            server_hostname=server_name,
            allow_redirects=False,
            timeout=_connect_timeout(call.connect),
        ) as response:
            set_cookie = "Set-Cookie" in response.headers  # of BMCs nearly none has it, and aiohttp makes a jar for each
            cookies = {name: morsel.value for name, morsel in response.cookies.items()} if set_cookie else {}
            learn_received(response.headers, cookies)
            body = bytearray()
            refusal = response.status >= 400
            most = min(call.max_body, _REFUSAL) if refusal else call.max_body
            try:
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > most:
                        response.close()
                        if not refusal:
                            raise TooLong
                        del body[most:]
                        break
            except (aiohttp.ClientPayloadError, OSError):
                if not refusal:
                    raise
                # The status of a refusal is worth more than its text (iDRAC8 breaks off the chunks of its 401).
            told = without_credentials(response.status, call.path, call.json, bytes(body))
            return Response(
                response.status,
                response.headers,
                told,
                cookies,
                attempt.peer,
                attempt.certificate,
                by_name=not _is_ip_address(server_name or url.raw_host or ""),
            )

    def _session(self, kept: bool) -> aiohttp.ClientSession:
        if self._closed:
            raise Closed
        session = self._kept if kept else self._fresh
        if session is None:
            # Its own cache of names would hand out their addresses in turns.
            how = {"keepalive_timeout": _KEEP_ALIVE} if kept else {"force_close": True}
            connector = GatedConnector(self._gate, limit=0, resolver=self._resolver(), use_dns_cache=False, **how)
            session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                middlewares=(never_twice,),
                request_class=CheckedRequest,
            )
            if kept:
                self._kept = session
            else:
                self._fresh = session
        return session


class _Stale(QuadsTuiError):
    """A read died on a reused connection."""


@lru_cache(maxsize=_URLS)
def _as_handed_out(url: str) -> URL:
    """Quoting it anew would make another name of it. What yarl works out it keeps with the URL, and of those it keeps too few."""
    return URL(url, encoded=url.isascii() and url.isprintable() and " " not in url)


@lru_cache
def _connect_timeout(seconds: float) -> aiohttp.ClientTimeout:
    """For the connection alone: the whole request has a limit of its own (Attempt)."""
    return aiohttp.ClientTimeout(total=None, connect=None, sock_connect=seconds, sock_read=None)


@lru_cache(maxsize=_NAMES)
def _is_ip_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=_NAMES)
def _place(origin: str, at: str) -> str:
    parts = urlsplit(origin)
    try:
        return f"{at or parts.hostname}:{parts.port or parts.scheme}"
    except ValueError:  # a port that is none: aiohttp refuses it
        return origin


@lru_cache(maxsize=_NAMES)
def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc:
            return parts
    except ValueError:
        pass
    raise RequestFailed("the address of the service is not an http or https URL", sent=False, kind=FailureKind.DNS)
