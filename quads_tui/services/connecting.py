"""New connections to BMCs are made through a gate, and each try on the wire hears whether its connection is new.

Not by aiohttp's traces: those make a dozen calls for each request, whatever it asks for.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from .sending import SENDING, Attempt

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

_COMPUTING = 0.25  # a handshake that takes longer is waiting for the other side, not computing, and gives its place back


def _unverified() -> ssl.SSLContext:
    """As aiohttp's own for certificates that nobody verifies, or that are compared with a fingerprint, but for the list of the
    system's CAs: where there is one, OpenSSL looks for the issuer on the disk, at every handshake, and drops what it finds."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(("http/1.1",))
    return context


_UNVERIFIED = _unverified()


class GatedConnector(aiohttp.TCPConnector):
    """The connections of one session. `gate` has as many places as new connections to BMCs may be computing at once."""

    def __init__(self, gate: asyncio.Semaphore, **options: Any) -> None:
        """`options`: of TCPConnector."""
        super().__init__(**options)
        self._gate = gate

    async def connect(self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        attempt = SENDING.get().attempt
        connection = await super().connect(req, traces, timeout)
        if not attempt.connects:
            attempt.reused = True
            attempt.start()
        return connection

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        sending = SENDING.get()
        attempt = sending.attempt
        attempt.connects = True
        if sending.call.service == "redfish":  # elsewhere a few at most: Foreman must not wait behind seven hundred BMCs
            await self._enter_gate(attempt)
        attempt.start()
        protocol = await super()._create_connection(req, traces, timeout)
        attempt.leave_gate()
        return protocol

    def _get_ssl_context(self, req: aiohttp.ClientRequest) -> ssl.SSLContext | None:
        own = super()._get_ssl_context(req)
        return (
            _UNVERIFIED
            if own is not None and own.verify_mode == ssl.CERT_NONE and not isinstance(req.ssl, ssl.SSLContext)
            else own
        )

    async def _enter_gate(self, attempt: Attempt) -> None:
        await self._gate.acquire()
        timer: asyncio.TimerHandle | None = None
        held = True

        def release() -> None:
            nonlocal held
            if held:
                held = False
                self._gate.release()
            if timer is not None:
                timer.cancel()

        timer = asyncio.get_running_loop().call_later(_COMPUTING, release)
        attempt.release = release
