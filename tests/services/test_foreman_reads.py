"""What the Foreman client makes of answers that a real server gives seldom, from a server that answers bytes."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from urllib.parse import unquote_plus

import pytest

from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.foreman_host import SomeUnreadable
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.ports import Probe
from quads_tui.services.foreman import Foreman
from quads_tui.services.foreman.session import ForemanSession
from quads_tui.services.http import Http
from tests.clocks import FastClock

from .rawserver import RawServer, Request, Write, reply

HOST = "f21-h01-000-r650.example.com"
WANTED = {"build": True, "owner_id": 41}
Answers = dict[str, tuple[str, object]]  # by the beginning of the path below /api/: status and body


class Bench:
    """`answers` may be changed at any time; what is not in it is 404."""

    def __init__(self, server: RawServer, http: Http, answers: Answers) -> None:
        self.server = server
        self.answers = answers
        self.foreman = Foreman(
            ForemanSession(
                http,
                url=server.url,
                username="admin",
                password=Secret("changeme"),
                tls=TlsPolicy(),
                clock=FastClock(),
                limits=Limits(),
                reads=Meter(),
                writes=Meter(),
            )
        )

    def asked(self, start: str) -> list[Request]:
        return [request for request in self.server.seen if request.path.startswith(f"/api/{start}")]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    answers: Answers = {"status": ("200 OK", {"version": "3.12.0"})}

    async def answer(request: Request, write: Write) -> None:
        found = next((told for start, told in answers.items() if request.path.startswith(f"/api/{start}")), None)
        status, body = found or ("404 Not Found", {"error": {"message": "Resource not found"}})
        if callable(body):
            body = body(request)
        await write(reply(json.dumps(body).encode(), status, Set_Cookie="_session_id=abc; path=/"))

    server = await RawServer(answer).start()
    http = Http(FastClock())
    yield Bench(server, http, answers)
    await http.close()
    await server.close()


def host(**members: object) -> tuple[str, object]:
    return "200 OK", {"name": HOST, "id": 7, "build": False, "installed_at": None, "owner_id": 40, **members}


def tasks(*states: str) -> tuple[str, object]:
    return "200 OK", {"results": [{"name": f"task {number}", "status": state} for number, state in enumerate(states)]}


NO_LIST = ("404 Not Found", {"error": {"message": "Resource task not found"}})
REFUSED = ("403 Forbidden", {"error": {"message": "Access denied"}})


@pytest.mark.parametrize(
    ("told", "shown", "probe"),
    [
        # A write that Foreman still works at is never "absent", and never "applied" before its end.
        (tasks("pending"), host(), Probe.UNREADABLE),
        (tasks("running"), host(), Probe.UNREADABLE),
        (tasks("completed", "running"), host(), Probe.UNREADABLE),
        (tasks("completed", "pending"), host(build=True, owner_id=41), Probe.UNREADABLE),
        (tasks("failed", "pending"), host(), Probe.UNREADABLE),
        (tasks("completed"), host(), Probe.ABSENT),
        (tasks("completed"), host(build=True, owner_id=41), Probe.CONFIRMED),
        (tasks("completed"), host(build=True, owner_id=40), Probe.ABSENT),
        (tasks("failed"), host(), Probe.NEVER),
        (tasks("completed", "rollbacked"), host(), Probe.NEVER),
        (tasks("conflict"), host(), Probe.NEVER),
        (NO_LIST, host(), Probe.ABSENT),
        (REFUSED, host(), Probe.ABSENT),
        (NO_LIST, host(build=True, owner_id=41), Probe.APPLIED),
        (NO_LIST, NO_LIST, Probe.UNREADABLE),  # a host that is not shown tells nothing of a write, nor does one beside no other
        (tasks("failed"), NO_LIST, Probe.UNREADABLE),
        (NO_LIST, ("200 OK", {"name": HOST}), Probe.UNREADABLE),
    ],
)
async def test_what_became_of_a_write(bench: Bench, told: tuple[str, object], shown: tuple[str, object], probe: Probe) -> None:
    bench.answers |= {"orchestration/": told, "hosts/": shown}
    assert await bench.foreman.probe_host(HOST, WANTED, "7b0c3a52") is probe


OTHER = "f21-h02-000-r650.example.com"
ODD_RECORDS = {
    "gone": ("404 Not Found", {"error": {"message": "Resource host not found by id"}}),
    "broken": ("200 OK", lambda request: "{"),
    "no record": ("200 OK", {"name": HOST}),
    "wrong type": host(installed_at=[]),
    "renamed": host(name="f21-h03-000-r650.example.com"),
    "error": ("500 Internal Server Error", {"error": {"message": "undefined method for nil"}}),
    "hidden": REFUSED,
}


@pytest.mark.parametrize("shown", ODD_RECORDS.values(), ids=ODD_RECORDS)
async def test_a_host_is_odd_alone_where_foreman_shows_another_one(bench: Bench, shown: tuple[str, object]) -> None:
    listed = "200 OK", {"subtotal": 2, "results": [{"id": 7, "name": HOST}, {"id": 8, "name": OTHER}]}
    other = "200 OK", {"name": OTHER, "id": 8, "build": False, "installed_at": None}
    bench.answers |= {"orchestration/": NO_LIST, f"hosts/{HOST}": shown, "hosts?": listed, f"hosts/{OTHER}": other}

    async def probes() -> set[Probe]:
        return {
            await bench.foreman.probe_host(HOST, WANTED, "7b0c3a52"),
            await bench.foreman.probe_parameter(HOST, "rack", "b"),
        }

    assert await probes() == {Probe.ODD}
    assert len(bench.asked("hosts?")) == 1  # the other one is known from then on
    bench.answers["orchestration/"] = tasks("running")  # something of ours is at work: this may come of it
    assert await bench.foreman.probe_host(HOST, WANTED, "7b0c3a52") is Probe.UNREADABLE
    bench.answers["orchestration/"] = NO_LIST
    for one in (other, shown, ("502 Bad Gateway", "")):
        bench.answers[f"hosts/{OTHER}"] = one
        assert await probes() == {Probe.ODD if one is other else Probe.UNREADABLE}  # odd for all: nothing is told of this host
    bench.answers[f"hosts/{OTHER}"] = other
    assert await probes() == {Probe.ODD}
    bench.answers[f"hosts/{HOST}"] = "503 Service Unavailable", {"error": {"message": "restarting"}}
    assert await probes() == {Probe.UNREADABLE}


async def test_no_host_is_odd_alone_where_foreman_lists_no_other(bench: Bench) -> None:
    bench.answers |= {"orchestration/": NO_LIST, f"hosts/{HOST}": NO_LIST}
    for listed in ([], [{"id": 7, "name": HOST}], [{"id": 7}], {}):
        bench.answers["hosts?"] = "200 OK", {"subtotal": 1, "results": listed}
        assert await bench.foreman.probe_host(HOST, WANTED, "7b0c3a52") is Probe.UNREADABLE


@pytest.mark.parametrize(
    ("told", "probe"),
    [(tasks("completed"), Probe.CONFIRMED), (NO_LIST, Probe.LIKELY), (tasks("running"), Probe.UNREADABLE)],
)
async def test_out_of_build_is_also_what_others_leave_behind(bench: Bench, told: tuple[str, object], probe: Probe) -> None:
    bench.answers |= {"orchestration/": told, "hosts/": host()}
    assert await bench.foreman.probe_host(HOST, {"build": False}, "7b0c3a52") is probe


@pytest.mark.parametrize(
    ("states", "back"),
    [
        (("failed",), True), (("rollbacked", "completed"), True), (("conflict",), True), (("failed", "running"), False),
        (("rollbacked", "pending"), False), (("completed",), False), ((), False),
    ],
)  # fmt: skip
async def test_a_write_was_taken_back_when_its_tasks_have_ended_and_one_failed(
    bench: Bench, states: tuple[str, ...], back: bool
) -> None:
    bench.answers["orchestration/"] = tasks(*states)
    assert await bench.foreman.rolled_back("7b0c3a52") is back


@pytest.mark.parametrize(
    ("answer", "probe"),
    [
        (("200 OK", {"results": [{"name": "rack", "value": "b"}]}), Probe.APPLIED),
        (("200 OK", {"results": [{"name": "rack", "value": "a"}]}), Probe.ABSENT),
        (("200 OK", {"results": [{"name": "rack2", "value": "b"}]}), Probe.ABSENT),
        (("200 OK", {"results": []}), Probe.ABSENT),
        (REFUSED, Probe.UNREADABLE),
        (NO_LIST, Probe.UNREADABLE),
    ],
)
async def test_what_became_of_a_parameter(bench: Bench, answer: tuple[str, object], probe: Probe) -> None:
    bench.answers["hosts/"] = answer
    assert await bench.foreman.probe_parameter(HOST, "rack", "b") is probe


# Lists


@pytest.mark.parametrize(
    ("answer", "cause", "words"),
    [
        (REFUSED, Cause.REFUSED, "Access denied"),
        (NO_LIST, Cause.UNKNOWN_HOST, "Resource task not found"),
        (("200 OK", {"results": []}), Cause.PROTOCOL, "hosts"),
        (("200 OK", {"subtotal": 1}), Cause.PROTOCOL, "hosts"),
        (("200 OK", []), Cause.PROTOCOL, "hosts"),
        (("200 OK", {"subtotal": 3, "results": [{"id": 1, "name": HOST}]}), Cause.PROTOCOL, "hosts: 1 of 3"),
    ],
)
async def test_a_list_that_is_none_is_a_failure_and_never_an_empty_answer(
    bench: Bench, answer: tuple[str, object], cause: Cause, words: str
) -> None:
    bench.answers["hosts"] = answer
    with pytest.raises(StageFailure) as failure:
        await bench.foreman.in_build()
    assert failure.value.cause is cause
    assert words in failure.value.reason


def searched(request: Request) -> list[str]:
    """The host names in a search of `name ^ (...)`."""
    found = re.search(r"name \^ \(([^)]*)\)", unquote_plus(request.path))
    return found[1].split(", ") if found else []


@pytest.mark.parametrize("count", [1, 80, 700])
@pytest.mark.parametrize("length", [30, 200])
async def test_records_are_asked_for_in_requests_that_apache_takes(bench: Bench, count: int, length: int) -> None:
    """Each name once, and no request line over 8 KiB."""

    def found(request: Request) -> object:
        items = [{"name": name, "id": int(name[1:5]) + 1, "build": False, "installed_at": None} for name in searched(request)]
        return {"subtotal": len(items), "results": items}

    answer: Callable[[Request], object] = found
    bench.answers["hosts"] = ("200 OK", answer)
    names = [f"h{number:04}.{'x' * 50}.{'y' * 50}.{'z' * 50}.{'w' * 60}"[: length - 4] + ".com" for number in range(count)]
    records = await bench.foreman.records(names)
    asked = bench.asked("hosts")
    assert sorted(name for request in asked for name in searched(request)) == sorted(names)
    assert set(records) == set(names)
    assert max(len(request.path) for request in asked) < 8_000
    assert len(asked) <= 1 + count * (length + 6) // 3_000


async def test_a_foreman_that_ignores_the_search_is_read_by_exact_names(bench: Bench) -> None:
    """Each search brings all hosts: a host that comes twice is one, and the records of others are nobody's trouble."""
    names = [f"h{number:03}.{'x' * 60}.example.com" for number in range(90)]
    items = [{"name": name, "id": number + 1, "build": False, "installed_at": None} for number, name in enumerate(names)]
    stranger = {"name": "other.example.com", "id": 900, "build": "?"}
    bench.answers["hosts"] = "200 OK", {"subtotal": 91, "results": [*items, stranger]}
    assert set(await bench.foreman.records(names)) == set(names)
    assert len(bench.asked("hosts")) > 1
    for damage, words in (({"id": 901}, "two hosts named h000"), ({"build": "?"}, "build")):
        bench.answers["hosts"] = "200 OK", {"subtotal": 92, "results": [*items, stranger, {**items[0], "id": 901} | damage]}
        with pytest.raises(SomeUnreadable, match=words) as odd:
            await bench.foreman.records(names)
        assert len(odd.value.records) >= 89


async def test_one_session_cookie_serves_all_requests(bench: Bench) -> None:
    bench.answers["hosts/"] = host()
    await bench.foreman.host(HOST)
    await bench.foreman.host(HOST)
    assert len(bench.asked("status")) == 1
    assert [request.headers.get("cookie") for request in bench.server.seen] == [None, "_session_id=abc", "_session_id=abc"]
