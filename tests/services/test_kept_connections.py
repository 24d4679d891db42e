"""Writes on connections that have carried requests before: when, and that what is lost there is never sent again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp.client_proto import ResponseHandler

from quads_tui.services import kept_connections
from quads_tui.services.kept_connections import KeptConnections, Reuse
from tests.waiting import until

from .rawserver import HangUp, RawServer, Request, Write, reply
from .test_http import Bench, good

PROVED, TRIED = {"reuse": Reuse.PROVED}, {"reuse": Reuse.TRIED}


@pytest.fixture(autouse=True)
def at_ease(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection counts as just used for as long as a busy machine may take to the next request of a test."""
    monkeypatch.setattr(kept_connections, "_RECENT", dict.fromkeys(Reuse, 240.0))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.http.close()
    for server in bench.servers:
        await server.close()


def connections(server: RawServer) -> list[tuple[str, int]]:
    """Each request's method, and the number of its connection."""
    return [(request.method, request.connection) for request in server.seen]


async def test_a_write_that_may_be_sent_again_tries_a_used_connection_and_others_follow(bench: Bench) -> None:
    server = await bench.serve(good)
    await bench.ask("GET", server.url + "/x")
    await bench.ask("POST", server.url + "/x", **PROVED)  # nothing is known of this server yet
    await bench.ask("PATCH", server.url + "/x", **TRIED)
    await bench.ask("POST", server.url + "/x", **PROVED)
    await bench.ask("GET", server.url + "/x")
    await bench.ask("POST", server.url + "/x")
    assert connections(server) == [("GET", 1), ("POST", 2), ("PATCH", 1), ("POST", 1), ("GET", 1), ("POST", 3)]
    assert [request.headers.get("connection") for request in server.seen[1:4]] == ["close", None, None]


async def test_what_one_server_proves_counts_for_no_other(bench: Bench) -> None:
    one, other = await bench.serve(good), await bench.serve(good)
    for server in (one, other):
        await bench.ask("GET", server.url + "/x")
    await bench.ask("DELETE", one.url + "/x", **TRIED)
    await bench.ask("POST", other.url + "/x", **PROVED)
    assert (connections(one)[-1], connections(other)[-1]) == (("DELETE", 1), ("POST", 2))


async def test_a_write_on_a_new_connection_proves_nothing(bench: Bench) -> None:
    server = await bench.serve(good)
    await bench.ask("PATCH", server.url + "/x", **TRIED)
    await bench.ask("POST", server.url + "/x", **PROVED)
    assert connections(server) == [("PATCH", 1), ("POST", 2)]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH"])
@pytest.mark.parametrize("after", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"])
async def test_a_write_that_dies_on_a_used_connection_is_sent_once_and_the_next_has_one_of_its_own(
    bench: Bench, method: str, after: bytes
) -> None:
    async def answer(request: Request, write: Write) -> None:
        if request.method == method and request.number > 1:
            await write(after)
            raise HangUp
        await write(reply())

    server = await bench.serve(answer)
    await bench.ask("GET", server.url + "/x")
    error = await bench.none(method, server.url + "/x", json={"a": 1}, **TRIED)
    assert (error.sent, server.methods[method], bench.http.requests["redfish", True]) == (True, 1, 1)
    await bench.ask("GET", server.url + "/x")
    await bench.ask(method, server.url + "/x", **TRIED)
    await bench.ask("GET", server.url + "/x")
    await bench.ask(method, server.url + "/x", **PROVED)
    assert connections(server) == [("GET", 1), (method, 1), ("GET", 2), (method, 3), ("GET", 2), (method, 4)]


async def test_a_write_without_an_answer_on_a_used_connection_ends_their_use(bench: Bench) -> None:
    async def answer(request: Request, write: Write) -> None:
        if request.path == "/hangs":
            await asyncio.sleep(240)
        await write(reply())

    server = await bench.serve(answer)
    await bench.ask("GET", server.url + "/x")
    await bench.ask("PATCH", server.url + "/x", **TRIED)
    error = await bench.none("POST", server.url + "/hangs", total=0.2, **PROVED)
    assert (error.sent, error.kind, server.methods["POST"]) == (True, "timeout", 1)
    await bench.ask("GET", server.url + "/x")
    await bench.ask("POST", server.url + "/x", **PROVED)
    assert connections(server)[-3:] == [("POST", 1), ("GET", 2), ("POST", 3)]


async def test_a_read_that_dies_on_a_connection_just_used_ends_their_use_by_writes(bench: Bench) -> None:
    async def answer(request: Request, write: Write) -> None:
        if request.connection == 1 and request.number == 3:
            raise HangUp
        await write(reply())

    server = await bench.serve(answer)
    await bench.ask("GET", server.url + "/x")
    await bench.ask("PATCH", server.url + "/x", **TRIED)
    await bench.ask("GET", server.url + "/x")
    await bench.ask("GET", server.url + "/x")
    await bench.ask("PATCH", server.url + "/x", **TRIED)
    assert connections(server)[2:] == [("GET", 1), ("GET", 2), ("GET", 3), ("PATCH", 4)]


async def test_a_connection_that_was_idle_is_not_used_by_a_write(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await bench.serve(good)
    await bench.ask("GET", server.url + "/x")
    monkeypatch.setattr(kept_connections, "_RECENT", dict.fromkeys(Reuse, -1.0))
    asked: list[str] = []

    async def check(peer: str) -> None:
        asked.append(peer)

    await bench.ask("PATCH", server.url + "/x", before_send=check, **TRIED)
    await bench.ask("GET", server.url + "/x")  # on the idle one, which was not closed for the write
    assert (connections(server), len(asked)) == ([("GET", 1), ("PATCH", 2), ("GET", 1)], 1)
    assert bench.http.requests == {("redfish", False): 2, ("redfish", True): 1}
    assert (len(bench.exchanges), bench.meter.total) == (3, 3)


async def test_a_write_that_does_no_harm_when_it_is_lost_uses_a_connection_for_longer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await bench.serve(good)
    await bench.ask("GET", server.url + "/x")
    await bench.ask("PATCH", server.url + "/x", **TRIED)
    monkeypatch.setitem(kept_connections._RECENT, Reuse.PROVED, -1.0)
    await bench.ask("POST", server.url + "/x", **PROVED)
    await bench.ask("DELETE", server.url + "/x", **TRIED)
    assert connections(server)[1:] == [("PATCH", 1), ("POST", 2), ("DELETE", 1)]


async def test_a_connection_that_ends_during_the_last_check_gets_nothing_and_the_check_is_asked_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = asyncio.Event()
    used: list[ResponseHandler] = []

    async def answer(request: Request, write: Write) -> None:
        await write(reply())
        if request.method == "GET":
            await ends.wait()
            raise HangUp

    server = await bench.serve(answer)
    monkeypatch.setattr(KeptConnections, "answered", remembering(KeptConnections.answered, used))
    await bench.ask("GET", server.url + "/x")
    asked: list[int] = []

    async def check(peer: str) -> None:
        asked.append(len(server.seen))
        ends.set()
        await until(lambda: not used[0].is_connected())

    await bench.ask("PATCH", server.url + "/x", before_send=check, **TRIED)
    assert (connections(server), asked) == ([("GET", 1), ("PATCH", 2)], [1, 1])


async def test_what_the_last_check_refuses_on_a_used_connection_is_not_sent(bench: Bench) -> None:
    class Refusal(Exception):
        pass

    async def check(peer: str) -> None:
        raise Refusal

    server = await bench.serve(good)
    await bench.ask("GET", server.url + "/x")
    with pytest.raises(Refusal):
        await bench.ask("PATCH", server.url + "/x", before_send=check, **TRIED)
    assert connections(server) == [("GET", 1)]


async def test_only_an_empty_connection_that_stands_and_answered_a_moment_ago_suits(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptConnections()
    connection = ResponseHandler(asyncio.get_running_loop())
    connection.connection_made(asyncio.Transport())
    monkeypatch.setattr(asyncio.Transport, "is_closing", lambda _: False)
    assert not kept.suits(connection, Reuse.PROVED), "nothing has answered on it"
    kept.answered(connection, "192.0.2.1:443")
    assert kept.suits(connection, Reuse.PROVED)
    monkeypatch.setattr(kept_connections, "_RECENT", dict.fromkeys(Reuse, -1.0))
    assert not kept.suits(connection, Reuse.PROVED), "idle"
    monkeypatch.setattr(kept_connections, "_RECENT", dict.fromkeys(Reuse, 240.0))
    monkeypatch.setattr(asyncio.Transport, "is_closing", lambda _: True)
    assert not kept.suits(connection, Reuse.PROVED), "it ends"
    monkeypatch.setattr(asyncio.Transport, "is_closing", lambda _: False)
    connection.set_response_params()
    connection.data_received(reply(b'{"nobody": "asked for this"}'))
    assert not kept.suits(connection, Reuse.PROVED), "an answer lies in it that no request has asked for"


def remembering(
    answered: Callable[[KeptConnections, ResponseHandler, str], None], used: list[ResponseHandler]
) -> Callable[[KeptConnections, ResponseHandler, str], None]:
    """`answered` that puts each connection into `used` first."""

    def remember(kept: KeptConnections, connection: ResponseHandler, place: str) -> None:
        used.append(connection)
        answered(kept, connection, place)

    return remember
