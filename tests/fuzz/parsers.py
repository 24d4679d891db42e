"""Every parser of the program by name: its samples, what it may raise, and how one input goes through it."""

from __future__ import annotations

import asyncio
import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from quads_tui.console.field import COMMAND, FILTER
from quads_tui.console.plain_session import PlainSession
from quads_tui.console.view_context import ViewContext
from quads_tui.inputs import load_assignment, load_site
from quads_tui.render.host_filter import host_filter
from quads_tui.rollout.commands import Comment, Hold, Pause, Retry, Skip, Stop, to_dict
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.events import from_row
from quads_tui.rollout.view import RolloutView
from quads_tui.runtime.control_socket import ControlServer
from quads_tui.services.foreman.errors import checked_write, explain, failure
from quads_tui.services.redfish.errors import error_response
from quads_tui.services.redfish.failures import failure_of
from quads_tui.services.responses import Response
from tests.console.feed import Clock, Recorder, meters, rollout

from .mutator import damaged
from .recorded import Instant, Played, Service, recorded

SAMPLES = Path(__file__).parents[2] / "sample_assignments"
ASSIGNMENT = b"""cloud: cloud02
description: OpenStack scale test
owner: jdoe
ticket: "3753"
ccuser: [asmith, bwong]
wipe: true
os: RHEL 9.4
ptable: generic-rhel9
medium: RHEL Local
parameters: {overcloud: "true"}
hosts:
  - f21-h17-000-r650.example.com
  - {name: f21-h18-000-r650.example.com, model: R650, bmc: "https://127.0.0.1:20001", system: Node2, location: pod2}
"""
REFUSAL = {
    "error": {
        "code": "Base.1.8.GeneralError",
        "message": "A general error has occurred. See ExtendedInfo",
        "@Message.ExtendedInfo": [
            {"MessageId": "Base.1.8.ServiceTemporarilyUnavailable", "Message": "Retry in 30 seconds.", "MessageArgs": ["30"]}
        ],
    }
}
ROWS: tuple[list[Any], ...] = (  # one of each shape of a journal's events
    ["rollout_started", 1795870153.7, "20261128-cloud02", 40, False, "me@here", 100.0],
    ["stage", 1795870153.7, "a01-h31.example.com", "install", "failed", 1, 1240.5, "why", "install-failed", "", 0],
    ["host", 1795870153.7, "a01-h31.example.com", "failed", "power_on", "refused", "HTTP 403", None, "armed", ""],
    ["host", 1795870153.7, "a01-h31.example.com", "failed", "power_on", "refused", "HTTP 403; left off", None],
    ["note", 1795870153.7, "a01-h31.example.com", "waits for the Foreman write queue (build)", True],
    [
        "intent",
        1795870153.7,
        "a01-h31.example.com",
        161,
        "build",
        {"progress": "a", "wanted": {"build": True}},
        ["a-boot", 24081.5],
    ],
    [
        "outcome",
        1795870153.7,
        "a01-h31.example.com",
        161,
        "applied",
        {"installed_at": "2025-11-23T13:07:02+00:00", "build": True},
    ],
    ["memory", 1795870153.7, "a01-h31.example.com", {"start": "install", "off": False, "built_at": ["a-boot", 24081.5]}],
    ["session", 1795870153.7, "a01-h31.example.com", "/redfish/v1/SessionService/Sessions/2", False],
    ["paused", 1795870153.7, "admission", True, "safety", "why"],
    ["rollout_ended", 1795870153.7, "operator"],
)
FOREMAN_ERRORS = (
    b'{"error": {"id": 5, "errors": {"base": ["a", "b"]}, "full_messages": ["Name has already been taken"]}}',
    b'{"error": {"message": "Access denied", "details": "Missing one of the required permissions", "missing_permissions": ["x"]}}',
    b'{"displayMessage": "PG::Error", "errors": ["deadlock detected"]}',
    b'{"error": "task failed with: lock timeout"}',
    b"<html><head><title>502 Proxy Error</title></head><body><h1>Proxy Error</h1><p>The proxy server</p></body></html>",
)
HEADERS = {
    "Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT",
    "Date": "Wed, 21 Oct 2015 07:27:00 GMT",
    "X-Runtime": "0.25",
    "Location": "/redfish/v1/Sessions/1",
}


@dataclass(frozen=True)
class Parser:
    """`feed` takes one input and the dice for what else is to be chosen. `share`: of all inputs, cheaper parsers get more."""

    samples: Sequence[bytes]
    feed: Callable[[bytes, Random], None]
    share: int = 4
    declared: tuple[type[Exception], ...] = (QuadsTuiError,)


@contextmanager
def parsers() -> Iterator[Mapping[str, Parser]]:
    """All of them; their files and loop end with it."""
    loop = asyncio.new_event_loop()
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as place:
        try:
            yield {**_files(Path(place)), **_pure(), **_clients(loop), **_socket(loop, Path(place))}
        finally:
            loop.close()


def _files(place: Path) -> dict[str, Parser]:
    """YAML and host lists, through a file as the operator's."""

    def through(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Random], None]:
        def feed(data: bytes, _: Random) -> None:
            path = place / name
            path.write_bytes(data)
            read(path)

        return feed

    hosts = place / "with-hosts.yaml"
    hosts.write_bytes(ASSIGNMENT + b"hosts_file: some.hosts\n")
    export = (SAMPLES / "quads-export.yaml").read_bytes()
    small = [(SAMPLES / name).read_bytes() for name in ("cloud02-3-hosts.yaml", "cloud09-no-wipe.yaml")]
    return {
        "assignment": Parser([ASSIGNMENT, *small], through("a.yaml", load_assignment), share=2),
        "site": Parser([_site()], through("site.yaml", load_site), share=1),
        "export": Parser(
            [export[:6000], export], through("e.yaml", lambda path: load_assignment(path, cloud="cloud02")), share=1
        ),
        "hosts file": Parser(
            [b"# pod 2\nf21-h20-000-r650.example.com f21-h21-000-r650.example.com\n\nF21-H22.example.com.\n"],
            through("some.hosts", lambda _: load_assignment(hosts)),
            share=2,
        ),
    }


def _site() -> bytes:
    """The sample without its comments, which are most of it."""
    text = (SAMPLES / "site.yaml").read_text()
    return "".join(line + "\n" for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")).encode()


def _pure() -> dict[str, Parser]:
    """What needs neither files nor servers."""
    model = rollout(40)
    view = RolloutView(rollout=model, meters=meters(), clock=Clock())  # type: ignore[arg-type]
    session = PlainSession(ViewContext(view, lambda: 100.0), Recorder(), lambda line: _printable(line))  # type: ignore[arg-type]
    hosts = list(model.hosts.values())
    rows = [json.dumps(row).encode() for row in ROWS]

    def words(data: bytes, _: Random) -> None:
        host_filter(data.decode("utf-8", "replace")[:FILTER]).of(hosts)

    def typed(data: bytes, _: Random) -> None:
        for line in data.decode("utf-8", "replace").splitlines()[:4]:
            session.handle_line(line[:COMMAND])
        session.left = False

    def row(data: bytes, _: Random) -> None:
        try:
            found = json.loads(data)
        except RecursionError:  # a file that no journal ever was
            return
        if isinstance(found, list):
            from_row(found)

    def refusal(data: bytes, rng: Random) -> None:
        answer = _response(data, rng)
        _printable(error_response(answer).text)
        failure_of(error_response(answer))

    def foreman_refusal(data: bytes, rng: Random) -> None:
        answer = _response(data, rng)
        _printable(explain(answer))
        failure(answer)
        checked_write(answer)

    def headers(data: bytes, _: Random) -> None:
        lines = data.decode("latin-1").split("\n")
        answer = Response(503, {name: text for name, _, text in (line.partition(": ") for line in lines)}, b"{}")
        after, runtime = answer.retry_after, answer.runtime
        assert after is None or 0 <= after <= 3600, after
        assert runtime is None or 0 <= runtime < float("inf"), runtime

    return {
        "filter": Parser(
            [b"stage:install cause:401 !r650", b'"a b" ^f21.*r650$ note:x', b"safety:armed rack:f2[0-9]"], words, share=4
        ),
        "typed": Parser(
            [
                b"retry cause:401\ny\n",
                b"skip f21-h01 its disk\n",
                b"show f21\nhold all\n3\nwhy\n",
                b"status\nfailed\nhelp\npause\ny\n",
            ],
            typed,
            share=4,
        ),
        "journal row": Parser(rows, row, share=10, declared=(QuadsTuiError, ValueError)),
        "redfish error": Parser([json.dumps(REFUSAL).encode(), *FOREMAN_ERRORS], refusal, share=8),
        "foreman error": Parser([*FOREMAN_ERRORS, json.dumps(REFUSAL).encode()], foreman_refusal, share=8),
        "headers": Parser(["\n".join(f"{name}: {text}" for name, text in HEADERS.items()).encode()], headers, share=8),
    }


def _response(body: bytes, rng: Random) -> Response:
    return Response(rng.choice((400, 401, 403, 404, 409, 422, 429, 500, 502, 503)), {}, body)


def _printable(text: str) -> None:
    found = {unicodedata.category(letter) for letter in text} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not found, f"not clean: {text!r}"


def _clients(loop: asyncio.AbstractEventLoop) -> dict[str, Parser]:
    """Whole clients: one answer of one call is spoilt, the others are as the emulated service gave them."""
    services = loop.run_until_complete(recorded())
    return {name: _client(loop, service) for name, service in services.items()}


def _client(loop: asyncio.AbstractEventLoop, service: Service) -> Parser:
    bodies = sorted({service.record[key].body for keys in service.asked.values() for key in keys}, key=len)

    def feed(data: bytes, rng: Random) -> None:
        # The input only decides by its dice: what is spoilt is an answer of the call that it picks.
        name = rng.choice(list(service.asked))
        key = rng.choice(service.asked[name])
        honest = service.record[key]
        body = damaged(honest.body, bodies, rng) if rng.random() < 0.8 else data
        headers = dict(honest.headers)
        if headers and rng.random() < 0.2:
            spoilt = rng.choice(list(headers))
            headers[spoilt] = (
                damaged(headers[spoilt].encode(), bodies, rng).decode("latin-1").replace("\n", " ").replace("\r", " ")[:8000]
            )
        status = (
            honest.status
            if rng.random() < 0.8
            else rng.choice((200, 201, 202, 204, 206, 301, 302, 307, 308, 400, 401, 403, 404, 406, 412, 500, 503))
        )
        spoiled = Response(status, headers, body, honest.cookies, honest.peer)
        clock = Instant()
        http = Played(clock, service.record, key, spoiled)
        client = service.make(http, clock)
        try:
            loop.run_until_complete(service.calls[name](client))
        except QuadsTuiError as error:
            _printable(str(error))
            raise

    return Parser(bodies, feed, share=12)


def _socket(loop: asyncio.AbstractEventLoop, place: Path) -> dict[str, Parser]:
    """Lines to the control socket of a running rollout."""
    commands = (
        Retry(("a", "b")),
        Skip(("a",), "its disk"),
        Hold(("a",), ""),
        Comment(("a",), "its disk"),
        Pause("writes", True),
        Stop(),
    )
    samples = [b'{"who": "me@here"}\n' + json.dumps(to_dict(command)).encode() + b"\n" for command in commands]
    server = ControlServer(place, Recorder(), lambda holder: _printable(holder))
    failed: list[BaseException] = []
    loop.set_exception_handler(lambda _, context: failed.append(context.get("exception") or AssertionError(context["message"])))
    loop.run_until_complete(server.open())

    async def send(data: bytes) -> None:
        reader, writer = await asyncio.open_unix_connection(f"{place}/keys.sock")
        writer.write(data)
        writer.write_eof()
        while await reader.read(65536):
            pass
        writer.close()
        if failed:
            raise failed.pop()

    def feed(data: bytes, _: Random) -> None:
        try:
            # Each line is answered and other work gets its turn after it, so thousands of them take long and hold nobody.
            loop.run_until_complete(send(b"\n".join(data.split(b"\n")[:5_001])))
        except OSError:
            failed.clear()

    return {"control socket": Parser(samples, feed, share=1)}
