"""The HTTP client on the wire: what is sent how often, what is bounded, what is told."""

from __future__ import annotations

import asyncio
import socket
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from quads_tui.inputs import TlsPolicy
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.metrics import Meter
from quads_tui.services.http import Http
from quads_tui.services.responses import RequestFailed, Response
from tests.clocks import FastClock
from tests.waiting import until

from .rawserver import HangUp, RawServer, Request, Write, reply


class Bench:
    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.meter = Meter()
        self.http = Http(FastClock(), handshakes=4, on_exchange=self.exchanges.append)
        self.servers: list[RawServer] = []

    async def serve(self, answer: Callable[[Request, Write], Awaitable[None]]) -> RawServer:
        self.servers.append(await RawServer(answer).start())
        return self.servers[-1]

    async def ask(self, method: str, url: str, **options: Any) -> Response:
        settings: dict[str, Any] = {"connect": 2.0, "total": 2.0, "service": "redfish", "tls": TlsPolicy(), **options}
        return await self.http.request(method, url, meter=self.meter, **settings)

    async def none(self, method: str, url: str, **options: Any) -> RequestFailed:
        with pytest.raises(RequestFailed) as caught:
            await self.ask(method, url, **options)
        return caught.value


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.http.close()
    for server in bench.servers:
        await server.close()


async def good(request: Request, write: Write) -> None:
    await write(reply())


async def test_reads_keep_their_connection_and_writes_never_do(bench: Bench) -> None:
    server = await bench.serve(good)
    for method in ("GET", "GET", "PUT", "GET", "POST", "PATCH", "DELETE"):
        assert (await bench.ask(method, server.url + "/x")).status == 200
    assert [request.connection for request in server.seen] == [1, 1, 2, 1, 3, 4, 5]
    assert [request.headers.get("connection") for request in server.seen[:3]] == [None, None, "close"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH"])
@pytest.mark.parametrize("warm", [False, True])
async def test_a_write_whose_connection_dies_is_not_sent_again(bench: Bench, method: str, warm: bool) -> None:
    async def answer(request: Request, write: Write) -> None:
        if request.method != "GET":
            raise HangUp
        await write(reply())

    server = await bench.serve(answer)
    if warm:
        await bench.ask("GET", server.url + "/x")  # a kept-alive connection lies ready
    error = await bench.none(method, server.url + "/x", json={"a": 1})
    assert (error.sent, error.kind) == (True, "reset")
    assert server.methods[method] == 1
    assert bench.http.requests["redfish", True] == 1


async def test_a_read_that_dies_on_a_reused_connection_is_sent_once_more(bench: Bench) -> None:
    async def answer(request: Request, write: Write) -> None:
        if request.number == 2:
            raise HangUp
        await write(reply())

    server = await bench.serve(answer)
    await bench.ask("GET", server.url + "/x")
    assert (await bench.ask("GET", server.url + "/x")).status == 200
    assert [request.connection for request in server.seen] == [1, 1, 2]
    assert bench.http.requests["redfish", False] == 3
    assert [exchange.status for exchange in bench.exchanges] == [200, 0, 200]
    assert (bench.meter.total, bench.meter.errors) == (3, 1)


async def test_a_read_that_dies_on_a_new_connection_is_not(bench: Bench) -> None:
    async def answer(request: Request, write: Write) -> None:
        raise HangUp

    server = await bench.serve(answer)
    error = await bench.none("GET", server.url + "/x")
    assert (error.sent, error.kind, len(server.seen)) == (True, "reset", 1)


async def test_refused_and_unknown_hosts_certainly_got_nothing(bench: Bench) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        error = await bench.none("POST", f"http://127.0.0.1:{held.getsockname()[1]}/x")
    assert (error.sent, error.kind) == (False, "refused")
    assert "refused the connection" in error.reason
    assert not bench.http.requests
    for url in ("http://[", "ftp://127.0.0.1/", "http://root:secret@127.0.0.1/"):
        error = await bench.none("GET", url)
        assert (error.sent, error.kind) == (False, "dns")
        assert "secret" not in error.reason


async def test_a_server_that_never_takes_the_handshake_is_not_waited_for(bench: Bench) -> None:
    server = await bench.serve(good)
    error = await bench.none("GET", server.url.replace("http:", "https:") + "/x", connect=0.1, total=5.0)
    assert (error.sent, error.kind) == (False, "timeout")


async def test_a_hanging_server_ends_at_total(bench: Bench) -> None:
    async def answer(request: Request, write: Write) -> None:
        await asyncio.sleep(30)

    server = await bench.serve(answer)
    async with asyncio.timeout(60):
        error = await bench.none("POST", server.url + "/x?token=secret", total=0.1)
    assert (error.sent, error.kind) == (True, "timeout")
    assert "POST /x within 10 s" in error.reason and "secret" not in error.reason


async def test_a_dripping_server_ends_at_total(bench: Bench) -> None:
    async def answer(request: Request, write: Write) -> None:
        await write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            await write(b" ")
            await asyncio.sleep(0.02)

    server = await bench.serve(answer)
    async with asyncio.timeout(60):
        error = await bench.none("GET", server.url + "/x", total=0.2)
    assert (error.sent, error.kind) == (True, "timeout")


async def test_an_endless_body_is_cut_off(bench: Bench) -> None:
    async def answer(request: Request, write: Write) -> None:
        await write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await write(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    server = await bench.serve(answer)
    error = await bench.none("GET", server.url + "/x", max_body=100_000)
    assert (error.sent, error.kind) == (True, "body")
    assert "100000 bytes" in error.reason


async def test_a_bomb_is_measured_after_it_was_unpacked(bench: Bench) -> None:
    packed = zlib.compress(b"x" * 5_000_000)

    async def answer(request: Request, write: Write) -> None:
        assert request.headers["accept-encoding"] == "identity"
        await write(reply(packed, Content_Encoding="deflate"))

    server = await bench.serve(answer)
    assert (await bench.none("GET", server.url + "/x")).kind == "body"


async def test_a_server_that_insists_on_compression_gets_its_way_for_reads(bench: Bench) -> None:
    async def answer(request: Request, write: Write) -> None:
        if "accept-encoding" in request.headers:
            await write(reply(b"", "406 Not Acceptable"))
        else:
            await write(reply(zlib.compress(b'{"a": 1}'), Content_Encoding="deflate"))

    server = await bench.serve(answer)
    assert (await bench.ask("GET", server.url + "/x")).json() == {"a": 1}
    assert (await bench.ask("GET", server.url + "/x")).json() == {"a": 1}
    assert len(server.seen) == 3
    assert (await bench.ask("PUT", server.url + "/x")).status == 406
    assert server.methods["PUT"] == 1


async def test_half_an_answer_is_none_but_the_status_of_a_refusal_counts(bench: Bench) -> None:
    async def answer(request: Request, write: Write) -> None:
        status = "401 Unauthorized" if request.path == "/401" else "200 OK"
        await write(f"HTTP/1.1 {status}\r\nContent-Length: 100\r\n\r\nhalf".encode())
        raise HangUp

    server = await bench.serve(answer)
    error = await bench.none("GET", server.url + "/200")
    assert (error.sent, error.kind) == (True, "body")
    assert (await bench.ask("GET", server.url + "/401")).status == 401


async def test_what_is_no_http_is_no_answer(bench: Bench) -> None:
    async def answer(request: Request, write: Write) -> None:
        await write(b"SSH-2.0-dropbear\r\n\r\n")

    server = await bench.serve(answer)
    error = await bench.none("GET", server.url + "/x")
    assert (error.sent, error.kind) == (True, "body")


async def test_redirects_are_answers_and_cookies_are_the_callers(bench: Bench) -> None:
    async def answer(request: Request, write: Write) -> None:
        await write(reply(b"", "302 Found", Location="http://127.0.0.1:1/", Set_Cookie="sid=abc; Path=/; HttpOnly"))

    server = await bench.serve(answer)
    answer_ = await bench.ask("GET", server.url + "/x")
    assert (answer_.status, answer_.headers["location"]) == (302, "http://127.0.0.1:1/")
    assert answer_.cookies == {"sid": "abc"}
    await bench.ask("GET", server.url + "/x")
    assert "cookie" not in server.seen[1].headers


async def test_the_environment_s_proxy_is_not_used(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server = await bench.serve(good)
    assert (await bench.ask("GET", server.url + "/x")).status == 200


async def test_urls_are_sent_as_they_were_handed_out(bench: Bench) -> None:
    server = await bench.serve(good)
    for path in ("/redfish/v1/Systems/a%2Fb", "/x?search=name+%5E+%28a%29", "/Systems(1)/~x"):
        await bench.ask("GET", server.url + path)
        assert server.seen[-1].path == path


async def test_the_observer_hears_of_everything_but_of_no_secret(bench: Bench) -> None:
    server = await bench.serve(good)
    await bench.ask("POST", server.url + "/s?token=q", host="h1", headers={"Authorization": "Basic xyz"}, json={"Password": "pw"})
    await bench.none("GET", "http://127.0.0.1:1/y", host="h2")
    first, second = bench.exchanges
    assert (first.host, first.method, first.path, first.status, first.error) == ("h1", "POST", "/s", 200, "")
    assert (second.host, second.status) == ("h2", 0) and "refused" in second.error
    assert not any(word in repr(bench.exchanges) for word in ("xyz", "pw", "token"))


async def test_new_connections_wait_at_the_gate_and_their_time_does_not_run_there(bench: Bench) -> None:
    """Sixteen TLS handshakes that nobody answers, four at a time: each place is given back, and each has its own full time."""
    opened = 0

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
    began = asyncio.get_running_loop().time()
    errors = await asyncio.gather(*(bench.none("GET", url, connect=0.2, total=0.3) for _ in range(16)))
    assert asyncio.get_running_loop().time() - began > 0.75  # four rounds of 0.2 s, however busy the machine is
    server.close()
    assert {error.kind for error in errors} == {"timeout"}
    assert opened == 16


async def test_a_cancelled_request_gives_its_place_back(bench: Bench) -> None:
    opened = 0

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await reader.read()
        writer.close()

    mute_server = await asyncio.start_server(mute, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{mute_server.sockets[0].getsockname()[1]}/x"
    tasks = [asyncio.create_task(bench.ask("GET", url)) for _ in range(8)]
    await until(lambda: opened == 4)  # the others stand at the gate
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    mute_server.close()
    server = await bench.serve(good)
    async with asyncio.timeout(60):
        await asyncio.gather(*(bench.ask("PUT", server.url + "/x") for _ in range(8)))
    assert {exchange.error for exchange in bench.exchanges} == {"cancelled", ""}


async def test_a_closed_client_sends_nothing(bench: Bench) -> None:
    server = await bench.serve(good)
    await bench.http.close()
    error = await bench.none("POST", server.url + "/x")
    assert not error.sent and not server.seen


async def test_the_last_check_sees_the_peer_before_the_first_byte_and_its_refusal_sends_nothing(bench: Bench) -> None:
    class Refusal(Exception):
        pass

    server = await bench.serve(good)
    peers = []

    async def check(peer: str) -> None:
        peers.append((peer, len(server.seen)))
        if len(peers) > 1:
            raise Refusal

    answer = await bench.ask("POST", server.url + "/x", before_send=check)
    assert (answer.peer, peers) == (server.url.removeprefix("http://"), [(answer.peer, 0)])
    with pytest.raises(Refusal):
        await bench.ask("POST", server.url + "/x", before_send=check)
    assert (server.connections, len(server.seen)) == (2, 1)
    assert bench.http.requests == {("redfish", True): 1}
    assert len(bench.exchanges) == 1


async def test_a_last_check_that_does_not_answer_sends_nothing(bench: Bench) -> None:
    server = await bench.serve(good)

    async def check(peer: str) -> None:
        await asyncio.Event().wait()

    failed = await bench.none("PUT", server.url + "/x", before_send=check)
    assert (failed.sent, failed.kind, server.seen) == (False, "check", [])
    assert "the last check took over 1 min 40 s" in failed.reason


async def test_a_process_that_was_frozen_after_its_last_check_sends_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await bench.serve(good)
    right, frozen = time.clock_gettime, [0.0]
    monkeypatch.setattr(time, "clock_gettime", lambda clock: right(clock) + frozen[0])

    async def check(peer: str) -> None:
        frozen[0] += 30.0  # with the answer in its hands: it goes on as if nothing had happened

    failed = await bench.none("PUT", server.url + "/x", before_send=check)
    assert (failed.sent, failed.kind, server.seen) == (False, "check", [])


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_port_that_is_none_fails_as_a_request_that_was_not_sent(bench: Bench, method: str) -> None:
    error = await bench.none(method, "https://127.0.0.1:99999/x")
    assert not error.sent
