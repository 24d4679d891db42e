"""No step of the loop is long, whatever a server sends: CPU seconds of each step, with the servers on a loop of another thread."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any

import pytest
import trustme

from quads_tui.inputs import TlsPolicy
from quads_tui.rollout.metrics import Meter
from quads_tui.services.http import Http
from quads_tui.services.responses import NotJson, Response
from tests.clocks import FastClock
from tests.villain.elsewhere import Elsewhere, held
from tests.villain.steps import HELD, TRIES

from .rawserver import RawServer, Request, Write, reply

DOCUMENTS = {
    "lists": b"[" + b"[]," * 340_000 + b"[]]",
    "quotes": b'{"a": "' + b'\\"' * 500_000 + b'\\ud800"}',
    "no document": b'["",' * 250_000,
    "objects": b"[" + b'{"a":1,"b":[]},' * 65_000 + b"{}]",
}


async def longest_step(wire: bytes, context: ssl.SSLContext | None = None, *, limit: float = HELD) -> tuple[float, Response]:
    """Of the first try that is below the limit, or of the best one."""
    elsewhere = Elsewhere()

    async def answer(request: Request, write: Write) -> None:
        await write(wire)

    server = await elsewhere(RawServer(answer).start(context))
    http = Http(FastClock())
    given: dict[str, Any] = {"service": "redfish", "meter": Meter(), "tls": TlsPolicy("off"), "connect": 60.0, "total": 120.0}
    try:
        await http.request("GET", f"{server.url}/warm", **given)
        longest = []
        for _ in range(TRIES):
            with held() as steps:
                found = await http.request("GET", f"{server.url}/x", **given)
                with suppress(NotJson):
                    found.json()
                with suppress(NotJson):
                    found.first_json()
            longest.append(max(steps))
            if longest[-1] < limit:
                break
        return min(longest), found
    finally:
        await http.close()
        await elsewhere(server.close())
        await elsewhere.close()


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_f_a_big_document_holds_no_step_of_the_loop(name: str) -> None:
    longest, found = await longest_step(reply(body=DOCUMENTS[name]))
    assert found.body == DOCUMENTS[name]
    assert longest < HELD


async def test_f_a_refusal_full_of_quotes_holds_no_step_of_the_loop() -> None:
    """Its text is looked for in what is left of it after a repair, which took 40 ms."""
    longest, _ = await longest_step(reply(b"{" + b'"\\' * 500_000, "503 Busy"), limit=HELD / 2)
    assert longest < HELD / 2


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_f_chunks_of_one_byte_hold_no_step_of_the_loop(tls: bool) -> None:
    """asyncio read 256 KB of them in one step, and aiohttp parsed those for 60 ms."""
    context: ssl.SSLContext | None = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    size = 150_000
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * size + b"2\r\n{}\r\n0\r\n\r\n"
    longest, found = await longest_step(wire, context)
    assert len(found.body) == size + 2
    assert longest < HELD
