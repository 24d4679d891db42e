"""The control socket: orders for a whole lab, and clients that send or do anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from quads_tui.rollout.commands import Command, Comment, GiveBack, Hold, Pause, PowerCycle, RestartBmc, Stop
from quads_tui.runtime import control_socket
from quads_tui.runtime.control_socket import ControlServer, NotRunning, RemoteControl
from tests.waiting import until


class Orders:
    def __init__(self) -> None:
        self.all: list[Command] = []
        self.who: list[str] = []

    def submit(self, command: Command, who: str) -> None:
        self.all.append(command)
        self.who.append(who)


class Server:
    """A control server, whom it took orders from, and who has control."""

    def __init__(self, directory: Path) -> None:
        self.orders = Orders()
        self.holders: list[str] = []
        self.directory = directory
        self.server = ControlServer(directory, self.orders, self.holders.append)

    async def client(self, who: str, on_holder: Callable[[str], None] = lambda who: None) -> RemoteControl:
        client = RemoteControl(self.directory, who, on_holder)
        await client.connect()
        await until(lambda: self.holders and self.holders[-1] == who)
        return client

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        with control_socket._SocketPath(self.directory) as path:
            return await asyncio.open_unix_connection(path)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = Server(tmp_path)
    await made.server.open()
    yield made
    await made.server.close()


async def test_an_order_of_20000_hosts(server: Server) -> None:
    client = await server.client("anna")
    names = tuple(f"{'x' * 60}{number:05}.{'y' * 63}.{'z' * 63}.{'example' * 8}" for number in range(20_000))
    client.submit(Hold(names, "a reason"))
    await until(lambda: server.orders.all)
    assert server.orders.all == [Hold(names, "a reason")]
    client.close()


async def test_a_command_is_its_users_who_sent_it(server: Server) -> None:
    client = await server.client("ann@jump, process 4711")
    client.submit(Comment(("a01",), "PSU replaced"))
    await until(lambda: server.orders.all)
    assert (server.orders.all, server.orders.who) == ([Comment(("a01",), "PSU replaced")], ["ann@jump"])
    client.close()


@pytest.mark.parametrize("command", [RestartBmc(("a01", "a02")), PowerCycle(("a01",)), GiveBack(("a01",))])
async def test_who_took_control_orders_repairs(server: Server, command: Command) -> None:
    client = await server.client("anna")
    client.submit(command)
    await until(lambda: server.orders.all)
    assert server.orders.all == [command]
    client.close()


GARBAGE = [
    b"\x00\xff\xfe\x80 no UTF-8\n",
    b"\n",
    b"{\n",
    b"[" * 100_000 + b"\n",
    b'{"command": "stop", "more": 1}\n',
    b'{"command": ["stop"]}\n',
    b'{"command": {"a": 1}}\n',
    b'{"command": "hold", "hosts": "a01", "reason": "x"}\n',
    b'{"command": "hold", "hosts": [["a01"]], "reason": "x"}\n',
    b'{"command": "pause", "what": "admission", "paused": 1}\n',
    b'{"command": "pause", "what": null, "paused": true}\n',
    b"9" * 10_000 + b"\n",
    b"NaN\n",
    b'"' + b"x" * 1_000_000 + b'"\n',
]


async def test_garbage_in_a_line_is_answered_and_the_next_order_is_taken(server: Server) -> None:
    reader, writer = await server.raw()
    writer.write(b'{"who": "anna"}\n')
    assert json.loads(await reader.readline()) == {"holder": ""}
    for line in GARBAGE:
        writer.write(line)
        assert list(json.loads(await reader.readline())) == ["error"], line
    writer.write(b'{"command": "pause", "what": "admission", "paused": true}\n')
    await until(lambda: server.orders.all)
    writer.write(b'{"command": "stop"}')  # half a line: its end never comes
    writer.close()
    await until(lambda: server.server.holder == "")
    assert server.orders.all == [Pause("admission", True)]


async def test_orders_that_come_all_at_once_do_not_keep_the_loop(server: Server) -> None:
    _, writer = await server.raw()
    writer.write(b'{"who": "anna"}\n' + b'{"command": "pause", "what": "admission", "paused": true}\n' * 1000)
    most = before = 0
    while before < 1000:
        await asyncio.sleep(0)
        most, before = max(most, len(server.orders.all) - before), len(server.orders.all)
    assert most <= 10
    writer.close()


@pytest.mark.parametrize(
    "hello", [b"\xff\n", b"[1]\n", b'{"who": 1}\n', b'{"who": "' + b"x" * 2000 + b'"}\n', b"{}\n", b'{"who"', b""]
)
async def test_who_does_not_say_who_it_is_never_has_control(server: Server, hello: bytes) -> None:
    holder = await server.client("anna")
    reader, writer = await server.raw()
    writer.write(hello + b'{"command": "stop"}\n' * bool(hello.endswith(b"\n")))
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    holder.submit(Pause("admission", True))
    await until(lambda: server.orders.all)
    assert server.orders.all == [Pause("admission", True)]
    assert server.holders == ["anna"]
    holder.close()


async def test_a_line_without_end_ends_its_client_only(server: Server) -> None:
    holder = await server.client("anna")
    _, writer = await server.raw()
    writer.write(b'{"who": "endless"}\n')
    await until(lambda: server.holders[-1] == "endless")
    with pytest.raises(ConnectionError):
        while True:
            writer.write(b"x" * 1_000_000)
            await writer.drain()
            await asyncio.sleep(0)
    await until(lambda: server.holders[-1] == "anna")
    holder.submit(Stop())
    await until(lambda: server.orders.all)
    holder.close()


async def test_many_clients_and_slow_ones_keep_nobody_out_for_long(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_socket, "_HELLO_TIMEOUT", 0.3)
    silent = [await server.raw() for _ in range(3 * control_socket._MAX_CLIENTS)]
    await until(lambda: all(reader.at_eof() for reader, _ in silent) or not server.server._connected)
    client = await server.client("anna")
    client.submit(Stop())
    await until(lambda: server.orders.all == [Stop()])
    for _, writer in silent:
        writer.close()
    client.close()


async def test_who_does_not_read_is_dropped(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_socket, "_MAX_UNSENT", 1000)
    _, slow = await server.raw()
    slow.write(b'{"who": "slow"}\n')
    await until(lambda: server.holders and server.holders[-1] == "slow")
    while server.server.holder:
        for _ in range(1000):
            slow.write(b"garbage\n")
        await asyncio.sleep(0)
        if slow.is_closing():
            break
    await until(lambda: server.server.holder == "")
    slow.close()


async def test_a_client_follows_to_the_process_that_runs_it_next(tmp_path: Path) -> None:
    first = Server(tmp_path)
    await first.server.open()
    client = await first.client("anna")
    running = asyncio.create_task(client.run())
    await first.server.close()
    await running  # it has noticed
    client.submit(Stop())  # to nobody
    with pytest.raises(NotRunning):
        await client.connect()
    second = Server(tmp_path)
    await second.server.open()
    await client.connect()
    client.submit(Pause("admission", True))
    await until(lambda: second.orders.all)
    assert (first.orders.all, second.orders.all) == ([], [Pause("admission", True)])
    client.close()
    await second.server.close()
