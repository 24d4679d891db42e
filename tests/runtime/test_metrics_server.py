"""The address at which metrics are served: who is answered, and who cannot hold anything up."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from quads_tui.inputs import Listen, MetricsSite, Site, load_site
from quads_tui.render.prometheus.reading import MeasuredRollout
from quads_tui.rollout.events import Intent, Outcome
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.stages import ActResult
from quads_tui.rollout.tally import Tally
from quads_tui.rollout.view import RolloutView
from quads_tui.runtime.options import Options, Refused, Usage
from quads_tui.runtime.rollout_metrics import MetricsServers, RolloutMetrics
from tests.clocks import VirtualClock
from tests.rollout.simulated_rollout import Course
from tests.waiting import PATIENCE, until

pytest.importorskip("prometheus_client")
from quads_tui.runtime import metrics_server
from quads_tui.runtime.metrics_server import MOST_CONNECTIONS, MetricsServer

GET = "GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def measured() -> MeasuredRollout:
    view = RolloutView(rollout=Course(["R650"] * 3).rollout, meters=Meters(), clock=VirtualClock())
    requests = {"foreman_writes": 0, "foreman_reads": 0, "redfish_requests": 0}
    return MeasuredRollout(view=view, tally=Tally(), requests=lambda: requests, rehearsal=False)


@asynccontextmanager
async def serving(listen: Listen | None = None) -> AsyncIterator[MetricsServer]:
    server = MetricsServer(listen or Listen("127.0.0.1", free_port()))
    server.open()
    try:
        with server.shows(measured()):
            yield server
    finally:
        await server.close()


async def asked(server: MetricsServer, request: str | bytes) -> tuple[int, str, bytes]:
    """Status, head and body; 0 where there was no answer. Reads until the server closes."""
    reader, writer = await asyncio.open_connection(server.listen.address, server.listen.port)
    writer.write(request if isinstance(request, bytes) else request.format(host=f"localhost:{server.listen.port}").encode())
    try:
        answer = await asyncio.wait_for(reader.read(), PATIENCE)
    except ConnectionError:
        answer = b""
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head else 0), head.decode(), body


async def test_a_scrape() -> None:
    async with serving() as server:
        status, head, body = await asked(server, GET)
        assert status == 200
        assert "Content-Type: text/plain; version=0.0.4; charset=utf-8" in head
        assert "Server: quads-tui\r\n" in head
        assert b'quads_tui_hosts{cloud="cloud02",rollout="r1",status="queued"} 3.0\n' in body
        status, head, body = await asked(server, GET.replace("GET", "HEAD"))
        assert (status, body) == (200, b"")
        assert "Content-Type: text/plain; version=0.0.4" in head


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n", 404),
        ("GET /metrics/ HTTP/1.1\r\nHost: {host}\r\n\r\n", 404),
        ("POST /metrics HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000000\r\n\r\n", 405),
        ("PUT /metrics HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n", 405),
        ("GET /metrics HTTP/1.1\r\nHost: rebound.example.com\r\n\r\n", 421),
        ("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1.example.com\r\n\r\n", 421),
        ("GET /metrics HTTP/1.1\r\nHost: evil@127.0.0.1\r\n\r\n", 421),
        ("GET /metrics HTTP/1.0\r\n\r\n", 421),
        ("GET /metrics HTTP/1.1\r\nHost: [::1]:9180\r\n\r\n", 200),
        ("GET /metrics HTTP/1.1\r\nHost: {host}\r\nX: " + "x" * 100_000 + "\r\n\r\n", 400),
        ("GET /" + "x" * 100_000 + " HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        ("\x16\x03\x01\x02\r\n\r\n", 400),
    ],
)
async def test_everything_else_is_refused_and_the_connection_ends(request_: str, status: int) -> None:
    async with serving() as server:
        found, _, body = await asked(server, request_)
        assert found == status or (status == 400 and not found)  # closed before all of it was sent
        assert (b"quads_tui_hosts" in body) is (status == 200)


async def test_on_another_address_any_name_of_the_machine_is_right() -> None:
    server = MetricsServer(Listen("0.0.0.0", free_port()))
    server.open()
    try:
        server.listen = replace(server.listen, address="0.0.0.0")
        reader, writer = await asyncio.open_connection("127.0.0.1", server.listen.port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: jump.example.com:9180\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()
    finally:
        await server.close()


async def test_one_connection_one_answer_however_many_requests_it_sends() -> None:
    async with serving() as server:
        _, _, body = await asked(server, GET * 50)
        assert body.count(b"# HELP quads_tui_hosts ") == 1


async def test_clients_that_say_nothing_lose_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "LIFETIME", 0.3)
    async with serving() as server:
        silent = [await asyncio.open_connection("127.0.0.1", server.listen.port) for _ in range(MOST_CONNECTIONS + 4)]
        await until(lambda: len(server._web.connections) == MOST_CONNECTIONS)
        status, _, _ = await asked(server, GET)  # waits behind them
        assert status == 200
        assert len(server._web.connections) <= MOST_CONNECTIONS
        for reader, writer in silent:
            with pytest.raises((ConnectionError, EOFError)):
                await asyncio.wait_for(reader.readexactly(1), PATIENCE)
            writer.close()


async def test_a_flood_of_connections_is_accepted_slowly() -> None:
    """So many a second: the others wait in the kernel, where they cost the loop nothing."""
    async with serving() as server:
        accepted = 0
        accept = server._accept

        async def counted(listener: socket.socket) -> None:
            nonlocal accepted
            accepted += 1
            await accept(listener)

        server._accept = counted  # type: ignore[method-assign]
        began = asyncio.get_running_loop().time()
        clients = [asyncio.create_task(asked(server, GET)) for _ in range(12)]
        await asyncio.gather(*clients)
        seconds = asyncio.get_running_loop().time() - began
        assert accepted <= 2 + seconds / metrics_server._ACCEPT_PAUSE


async def test_the_text_is_made_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as server:
        made = 0
        text = server._exposition.text

        def counted() -> bytes:
            nonlocal made
            made += 1
            return text()

        monkeypatch.setattr(server._exposition, "text", counted)
        monkeypatch.setattr(metrics_server, "_FRESH", 1000.0)
        for _ in range(3):
            assert (await asked(server, GET))[0] == 200
        assert made == 1
        monkeypatch.setattr(metrics_server, "_FRESH", 0.0)
        await asked(server, GET)
        assert made == 2


async def test_an_error_in_the_text_is_a_500_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as server:
        monkeypatch.setattr(server._exposition, "text", lambda: 1 / 0)
        assert (await asked(server, GET))[0] == 500
        monkeypatch.undo()
        assert (await asked(server, GET))[0] == 200


def test_the_documents_numbers_are_those_of_the_code() -> None:
    page = " ".join((Path(__file__).parents[2] / "docs/metrics.md").read_text().split())
    seconds, rate = metrics_server.LIFETIME, 1 / metrics_server._ACCEPT_PAUSE
    assert (
        f"ends after {seconds:.0f} seconds at the latest; at most {MOST_CONNECTIONS} are open at once and {rate:.0f} a second"
        in page
    )


# Which address, and whether


def site(tmp_path: Path, listen: Listen | None = None) -> Site:
    path = tmp_path / "site.yaml"
    path.write_text("foreman: {url: https://f.example.com, username: q, password: x}\nredfish: {username: r, password: x}\n")
    return replace(load_site(path), metrics=MetricsSite(listen) if listen else None)


async def test_nowhere_unless_site_or_option_say_so(tmp_path: Path) -> None:
    servers, listen, told = MetricsServers(), Listen("127.0.0.1", free_port()), list[str]()
    async with servers.served(site(tmp_path), Options(), told.append) as none:
        assert none is None
    async with servers.served(site(tmp_path, listen), Options(no_metrics=True), told.append) as none:
        assert none is None
    assert not told
    async with servers.served(site(tmp_path, listen), Options(), told.append) as server:
        assert server and server.listen == listen
    other = Listen("127.0.0.1", free_port())
    async with servers.served(site(tmp_path, listen), Options(metrics=other), told.append) as server:
        assert server and server.listen == other
    assert told == [f"metrics for Prometheus: http://{one}/metrics" for one in (listen, other)]


async def test_rollouts_of_one_process_share_it_until_the_last_one_ends(tmp_path: Path) -> None:
    servers, listen, told = MetricsServers(), Listen("127.0.0.1", free_port()), list[str]()
    given = site(tmp_path, listen)
    async with servers.served(given, Options(), told.append) as first:
        async with servers.served(given, Options(), told.append) as second:
            assert first is second
        assert first and (await asked(first, GET))[0] == 200
    assert len(told) == 1
    with pytest.raises(OSError):
        await asyncio.open_connection(listen.address, listen.port)


async def test_an_address_that_others_reach_is_warned_of(tmp_path: Path) -> None:
    told: list[str] = []
    async with MetricsServers().served(site(tmp_path), Options(metrics=Listen("0.0.0.0", free_port())), told.append):
        assert told[0].startswith("warning: metrics are served at 0.0.0.0:")


async def test_a_port_that_is_taken_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = Options(metrics=Listen("127.0.0.1", taken.getsockname()[1]))
        with pytest.raises(Refused, match=r"cannot be served at 127.0.0.1:\d+: Address already in use; give another port"):
            async with MetricsServers().served(site(tmp_path), options, print):
                pass


class Heard:
    """A journal and clients, as far as metrics are concerned: whoever subscribes."""

    def __init__(self) -> None:
        self.listeners: list[Any] = []

    def subscribe(self, listener: Any) -> None:
        self.listeners.append(listener)

    def requests(self) -> dict[str, int]:
        return {"foreman_writes": 1, "foreman_reads": 0, "redfish_requests": 0}


async def test_a_rollout_is_counted_from_its_first_request_on_with_what_an_earlier_process_left() -> None:
    clients, journal = Heard(), Heard()
    async with serving() as server:
        metrics = RolloutMetrics(server, clients)  # type: ignore[arg-type]
        (on_exchange,) = clients.listeners
        on_exchange(Exchange(at=1.0, service="redfish", host="h", method="GET", path="/", status=200, seconds=0.1, error=""))
        metrics.count_events(journal, [Intent(1.0, "h0000", 7, "build", {})])  # type: ignore[arg-type]
        (on_event,) = journal.listeners
        on_event(Outcome(2.0, "h0000", 7, ActResult.APPLIED, {}))
        view = RolloutView(rollout=Course(["R650"]).rollout, meters=Meters(), clock=VirtualClock())
        view.rollout.id = "resumed"
        with metrics.served(view, rehearsal=False):
            _, _, body = await asked(server, GET)
    assert b'quads_tui_foreman_writes_total{action="build",result="applied",rollout="resumed"} 1.0\n' in body
    assert b'quads_tui_request_duration_seconds_count{rollout="resumed",service="redfish"} 1.0\n' in body
    assert b'quads_tui_hosts{cloud="cloud02",rollout="r1",status="queued"} 3.0\n' in body  # beside the other one


def test_nothing_is_counted_where_nothing_is_served() -> None:
    clients, journal = Heard(), Heard()
    metrics = RolloutMetrics(None, clients)  # type: ignore[arg-type]
    metrics.count_events(journal, [])  # type: ignore[arg-type]
    view = RolloutView(rollout=Course(["R650"]).rollout, meters=Meters(), clock=VirtualClock())
    with metrics.served(view, rehearsal=False):
        assert not clients.listeners and not journal.listeners


async def test_without_the_package_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("prometheus_client")]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("quads_tui.render.prometheus.exposition", "quads_tui.runtime.metrics_server"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(Usage, match=r"not installed: install quads-tui with its extra `metrics` .*--metrics none"):
        async with MetricsServers().served(site(tmp_path), Options(metrics=Listen("127.0.0.1", 9180)), print):
            pass


def test_without_metrics_nothing_is_imported_for_them() -> None:
    code = "import sys, quads_tui.runtime.launch, quads_tui.runtime.resume, quads_tui.cli.run, quads_tui.cli.screen"
    code += "; print({name.split('.')[0] for name in sys.modules} & {'prometheus_client'}, 'aiohttp.web' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set() False\n"
