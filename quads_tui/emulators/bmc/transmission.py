"""How a reply is sent: as HTTP wants it, or broken off, byte by byte, without an end, or never."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiohttp import web

from quads_tui.emulators.bmc.replies import Reply
from quads_tui.emulators.interfaces import Time

CHECK_EVERY = 0.02  # real seconds between two checks whether the client still waits
CHUNK = 65_536
ENDLESS = 256 * 1024 * 1024  # bytes; a client that reads so far has no bound


async def send(
    reply: Reply, common_headers: dict[str, str], time: Time, incoming: web.BaseRequest, transport: asyncio.Transport
) -> web.StreamResponse:
    """The response for aiohttp to send; a reply that is to fail on its way is sent from here, and its connection broken."""
    headers: dict[str, Any] = {**common_headers, **reply.headers}
    if reply.body and "Content-Type" not in headers:
        headers["Content-Type"] = "application/json;charset=utf-8"
    if reply.never_sent:
        while not gone(incoming):  # noqa: ASYNC110 - a transport has no event for its end
            await asyncio.sleep(CHECK_EVERY)
    if reply.never_sent or reply.connection_reset:
        return broken(transport)
    if reply.truncate_at is None and not reply.seconds_per_byte and not reply.endless:
        return web.Response(status=reply.status, body=reply.body or None, headers=headers)
    response = web.StreamResponse(status=reply.status, headers=headers)
    if reply.endless:
        response.enable_chunked_encoding()
    else:
        response.content_length = len(reply.body)
    await response.prepare(incoming)
    with contextlib.suppress(ConnectionError):  # the client hung up
        await _stream(reply, time, incoming, response)
    if reply.endless or reply.truncate_at is not None:
        transport.abort()
    return response


def gone(incoming: web.BaseRequest) -> bool:
    """Has the client hung up? A transport of TLS that is lost altogether does not request itself closing, but is taken away."""
    transport = incoming.transport
    return transport is None or transport.is_closing()


def broken(transport: asyncio.Transport) -> web.StreamResponse:
    """Reset the connection; the response that is returned is never sent."""
    transport.abort()
    return web.Response()


async def _stream(reply: Reply, time: Time, incoming: web.BaseRequest, response: web.StreamResponse) -> None:
    body = reply.body
    if reply.endless:
        part = (body or b" ") * (CHUNK // max(1, len(body)) + 1)
        for _ in range(ENDLESS // len(part)):
            await asyncio.sleep(0)  # a write to a connection that was just lost does not wait for anything
            if gone(incoming):
                return
            await response.write(part)
    elif reply.seconds_per_byte:
        for place in range(len(body)):
            await time.sleep(reply.seconds_per_byte)
            if gone(incoming):
                return
            await response.write(body[place : place + 1])
    else:
        await response.write(body[: reply.truncate_at])
        await asyncio.sleep(CHECK_EVERY)  # what was written still leaves
