"""A Foreman whose answers are huge, broken or of wrong types: bounded in time, and never believed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from quads_tui.emulators.foreman import Answer, ForemanOptions, json_answer, page
from quads_tui.rollout.causes import StageFailure, Unreadable
from quads_tui.rollout.foreman_host import HostRecord, SomeUnreadable
from quads_tui.rollout.ports import Probe, UnknownOutcome
from quads_tui.services.big_answers import read_ahead
from quads_tui.services.foreman import NameUnknown, pick, session
from quads_tui.services.foreman.errors import checked_write, explain, failure, without_tags
from quads_tui.services.responses import NotJson, Response

from .foreman_bench import HOST, HOSTS, open_bench

HELD = 0.05  # seconds of CPU that the loop may be held
HTML = "text/html"


def cpu(work: Callable[[], object]) -> float:
    """Seconds of CPU that this thread spends on it: other programs do not count."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


# Errors


@pytest.mark.parametrize(
    "body",
    [
        b"<!--" * 5000,
        b"<" * 30_000_000,
        b"<title>" * 5000,
        b"<h1" * 7000,
        b"<script>" * 4000,
        b"<style>x</style" * 2000,
        b"&" * 20_000,
        b"&#" + b"1" * 30_000 + b";",
        b"<title>&#x" + b"f" * 30_000,
        b'{"error": {"message": "' + b"x" * 30_000_000 + b'"}}',
        b"[" * 30_000_000,
        b"[[],[]," * 4_000_000,
        b"[" + b"[]," * 10_000 + b"0]",
        b'{"error": {"errors": {' + b",".join(b'"%d": []' % number for number in range(3000)) + b"}}}",
        b"\xff" * 1_000_000,
        "\u0130<ScRiPt>".encode() * 3000,
        b" " * 1_000_000,
    ],
    ids=lambda body: repr(body[:12]),
)
def test_e3_an_error_of_any_size_and_shape_is_explained_without_holding_the_loop(body: bytes) -> None:
    answer = Response(422, body=body)
    assert min(cpu(lambda: failure(answer)) for _ in range(3)) < HELD
    assert explain(answer).startswith("Foreman 422")
    assert len(explain(answer)) < 450


def test_e3_cleaning_a_page_is_linear() -> None:
    """Twice the page costs about twice, where a regular expression took four times as long."""

    def least(text: str) -> float:
        return min(cpu(lambda: without_tags(text)) for _ in range(3))

    for piece in ("<!--", "<script>", "<", "<a><!-- x -->"):
        assert least(piece * 16_000) < 24 * least(piece * 2000) + 0.01, piece


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<html><body>a<!-- <b>no</b> -->b<script>if (a<b) {}</script>c</body></html>", "a b c"),
        ("<STYLE>h1 {}</STYLE><p>Proxy &lt;Error&gt; &amp;&#32;co", "Proxy <Error> & co"),
        ("<html><title>  Log in &ndash; SSO</title><h1>no</h1>", "Log in – SSO"),
        ("<html><title>unclosed", "unclosed"),
        ("<p>seen<!-- never closed", "seen"),
    ],
)
def test_e3_a_page_reads_as_its_text(text: str, words: str) -> None:
    assert explain(Response(502, body=text.encode())) == f"Foreman 502 (a web page, not the API): {words}"


def test_e3_an_error_that_is_too_long_to_be_parsed_is_not_taken_for_the_applications_own() -> None:
    """A 500 of the application has ended its work; of what is not parsed nobody knows who speaks."""
    with pytest.raises(UnknownOutcome) as unknown:
        checked_write(Response(500, body=b'{"error": {"message": "' + b"x" * (1 << 20) + b'"}}'))
    assert not unknown.value.server_done
    with pytest.raises(StageFailure) as refused:
        checked_write(Response(422, body=b'{"error": {"message": "' + b"x" * (1 << 20) + b'"}}'))
    assert not refused.value.retryable


async def test_e3_a_refusal_of_30_mb_is_a_refusal() -> None:
    """Its status counts, and no more of its body is read than an error may have."""
    async with open_bench() as bench:
        await bench.foreman.login()
        bench.server.answer_with(Answer(403, "x" * 30_000_000, "text/plain"), count=9, path=f"/hosts/{HOST}$")
        with pytest.raises(StageFailure, match="Foreman 403: xxx"):
            await bench.foreman.host(HOST)


# Names


def test_e3_the_nearest_of_200_000_names_are_found_in_bounded_time() -> None:
    known = {f"RHEL {number}.{'x' * 200}": number for number in range(200_000)} | {"RHEL 9.4": 1}
    with pytest.raises(NameUnknown):
        pick("operating system", "RHEL 9.5", known)
    names = dict.fromkeys([*(f"Fedora {number}" for number in range(100_000)), "RHEL 9.4"], 1)

    def unknown() -> None:
        with pytest.raises(NameUnknown) as failure:
            pick("operating system", "rhel 9.4", names)
        assert failure.value.nearest[0] == "RHEL 9.4"

    assert min(cpu(unknown) for _ in range(3)) < 3 * HELD  # of 100,000 names: linear, with room for a slow machine


async def test_e3_a_foreman_of_many_systems_is_asked_for_the_one_and_for_one_page() -> None:
    titles = (*(f"RHEL 7.{number}" for number in range(3000)), "RHEL 9.4")
    async with open_bench(
        ForemanOptions(operatingsystems=titles, installed=("RHEL 9.4", "generic-rhel9", "RHEL Local"))
    ) as bench:
        await bench.foreman.login()
        assert await bench.foreman.find("operating system", "RHEL 9.4")
        with pytest.raises(NameUnknown, match="nearest: RHEL 7"):
            await bench.foreman.find("operating system", "RHEL 7.x")
        asked = [entry for entry in bench.server.log if entry.path.endswith("/operatingsystems")]
        assert len(asked) == 3


# Big answers


@pytest.mark.parametrize(
    "body",
    [b"[" + b"[]," * 60_000 + b"0]", b"[" + b"0," * 60_000 + b"0]", b'["' + b"x" * 4_000_000 + b'"]'],
    ids=["lists", "numbers", "text"],
)
async def test_e3_a_big_answer_is_read_beside_the_loop(body: bytes) -> None:
    """The thread of the loop does next to nothing of it."""
    spent = []
    for _ in range(3):
        answer = Response(200, body=body)
        began = time.thread_time()
        await read_ahead(answer)
        found = answer.json()
        spent.append(time.thread_time() - began)
    assert min(spent) < HELD
    assert found == json.loads(body)


async def test_e3_more_values_than_any_answer_has_are_not_read() -> None:
    answer = Response(200, body=b"[" + b"0," * 3_000_000 + b"0]")
    await read_ahead(answer)
    with pytest.raises(NotJson, match="values, more than"):
        answer.json()


def test_e3_a_page_of_500_full_hosts_is_read_at_once() -> None:
    """What the bounds of big_answers rest on: six milliseconds, and a good many times that on a slow machine."""
    members = {f"member_{number}": (number, None, "x" * 20)[number % 3] for number in range(77)}
    body = json.dumps({"results": [{**members, "id": number} for number in range(500)]}).encode()
    assert min(cpu(lambda: Response(200, body=body).json()) for _ in range(3)) < HELD


async def test_e3_an_index_is_read_in_pages_of_500() -> None:
    async with open_bench(ForemanOptions(clouds=tuple(f"cloud{number:02}" for number in range(1200)))) as bench:
        assert len(await bench.foreman.users()) >= 1200
        pages = [entry.query for entry in bench.server.log if entry.path.endswith("/users")]
        assert pages == ["per_page=500", "per_page=500&page=2", "per_page=500&page=3"]


# Types


def told(**members: object) -> dict[str, object]:
    """A host as Foreman shows it, as far as it is read."""
    return {"name": HOST, "id": 7, "build": False, "build_status": 0, "installed_at": None, "owner_id": 40} | members


@pytest.mark.parametrize(
    "members",
    [
        {"id": [1, 2]}, {"id": True}, {"id": "7"}, {"id": 10**30}, {"id": -1}, {"id": 7.0}, {"id": None}, {"build": 1},
        {"build": "true"}, {"build": None}, {"build_status": True}, {"build_status": "0"}, {"build_status": -1},
        {"build_status": 10**30}, {"installed_at": 1700000000}, {"installed_at": "yesterday"}, {"installed_at": ""},
        {"installed_at": "2026-13-45 22:04:31 UTC"}, {"installed_at": "0001-01-01T00:00:00+14:00"},
        {"installed_at": "9999-12-31 23:59:59 UTC"}, {"installed_at": "2026-11-22 22:04:31 UTC" + "0" * 100_000},
        {"installed_at": "२०२६-११-२२ 22:04:31 UTC"}, {"installed_at": ["2026-11-22"]}, {"owner_id": {"id": 1}},
        {"owner_type": 5}, {"operatingsystem_id": "12"}, {"ptable_id": [1]}, {"medium_id": False}, {"managed": "yes"},
        {"mac": ["52:54:00:00:00:01"]}, {"pxe_loader": 3}, {"organization_id": "x"}, {"name": 5}, {"name": ""},
        {"name": ["a"]}, {"name": "other.example.com"}, {"name": "x" * 100_000},
    ],
    ids=lambda members: json.dumps(members)[:40],
)  # fmt: skip
async def test_a_record_with_a_member_of_a_wrong_type_is_not_believed(members: dict[str, object]) -> None:
    with pytest.raises(Unreadable, match=r"^not readable now: Foreman ") as failure:
        HostRecord.read(told(**members), HOST)
    assert failure.value.retryable
    assert len(failure.value.reason) < 300


@pytest.mark.parametrize("missing", ["name", "id", "build", "installed_at"])
def test_a_record_that_lacks_what_decides_is_not_believed(missing: str) -> None:
    body = told()
    del body[missing]
    with pytest.raises(Unreadable):
        HostRecord.read(body, HOST)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-11-22 22:04:31 UTC", "2026-11-22T22:04:31+00:00"),
        ("2026-11-22T22:04:31.120Z", "2026-11-22T22:04:31.120000+00:00"),
        ("2026-11-22 23:04:31 +0100", "2026-11-22T22:04:31+00:00"),  # of a user with a time zone
        ("2026-11-22 22:04:31", "2026-11-22T22:04:31+00:00"),
    ],
)
def test_times_as_foreman_writes_them(text: str, iso: str) -> None:
    found = HostRecord.read(told(installed_at=text), HOST).installed_at
    assert found is not None
    assert found.isoformat() == iso


async def test_one_record_that_cannot_be_read_does_not_hide_the_others() -> None:
    async with open_bench() as bench:
        await bench.foreman.login()
        items = [told(), told(name=HOSTS[1], id=[8])]
        bench.server.answer_with(json_answer({"subtotal": 2, "results": items}), path="/hosts$")
        with pytest.raises(Unreadable, match="with id"):
            await bench.foreman.records(HOSTS[:2])
        items[1]["id"], items[1]["build"] = 8, 1
        bench.server.answer_with(json_answer({"subtotal": 2, "results": items}), path="/hosts$")
        with pytest.raises(SomeUnreadable, match=f"{HOSTS[1]} with build '1'") as some:
            await bench.foreman.records(HOSTS[:2])
        assert set(some.value.records) == {HOST}


LISTS: tuple[object, ...] = (
    {"subtotal": "1", "results": [{"id": 1, "name": HOST}]},
    {"subtotal": True, "results": [{"id": 1, "name": HOST}]},
    {"subtotal": -1, "results": []},
    {"subtotal": 1.0, "results": [{"id": 1, "name": HOST}]},
    {"subtotal": 10**30, "results": [{"id": 1, "name": HOST}]},
    {"subtotal": 1, "results": {"1": {"id": 1, "name": HOST}}},
    {"subtotal": 1, "results": None},
    {"subtotal": 1, "results": [None]},
    {"subtotal": 1, "results": [[1, HOST]]},
    {"subtotal": 1, "results": [{"id": [1], "name": HOST}]},
    {"subtotal": 1, "results": [{"id": {}, "name": HOST}]},
    {"subtotal": 1, "results": [{"id": True, "name": HOST}]},
    {"subtotal": 1, "results": [{"name": HOST}]},
    {"subtotal": 1, "results": [{"id": 1, "name": [HOST]}]},
    {"subtotal": 1, "results": [{"id": 1}]},
    [],
    "hosts",
    None,
)


@pytest.mark.parametrize("body", LISTS, ids=lambda body: json.dumps(body)[:60])
async def test_a_list_of_wrong_types_is_not_believed(body: object) -> None:
    async with open_bench() as bench:
        await bench.foreman.login()
        bench.server.answer_with(json_answer(body), count=9, path="/api/hosts$")
        with pytest.raises(Unreadable, match=r"^not readable now: "):
            await bench.foreman.in_build()
        plan_of = bench.plan((HOST,), "RHEL Local", True, {})
        with pytest.raises(Unreadable):  # the program ends with status 3 at any StageFailure of the plan
            await plan_of
        assert bench.server.counts()["writes"] == 0


async def test_a_list_without_an_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """One new host a page, for ever."""
    monkeypatch.setattr(session, "_MOST_PAGES", 20)
    async with open_bench() as bench:
        await bench.foreman.login()
        for number in range(1, 30):
            item = {"id": number, "name": f"h{number}"}
            bench.server.answer_with(json_answer({"subtotal": 99_999, "results": [item]}), path="/api/hosts$")
        with pytest.raises(Unreadable, match="incomplete list from Foreman /hosts: 20 of 99999 on 20 pages"):
            await bench.foreman.in_build()


async def test_a_list_that_changes_between_its_pages_is_read_again() -> None:
    """What moved from page 2 to page 1 meanwhile was seen on neither."""
    async with open_bench(ForemanOptions(page_limit=20)) as bench:
        await bench.foreman.login()
        first = [{"id": number, "name": f"h{number}"} for number in range(1, 21)]
        bench.server.answer_with(json_answer({"subtotal": 31, "results": first}), path="/api/hosts$")
        assert await bench.foreman.names() == frozenset(HOSTS)


async def test_the_page_of_another_host_is_not_this_hosts() -> None:
    async with open_bench() as bench:
        await bench.foreman.login()
        other = json_answer(told(name=HOSTS[1], interfaces=[{"mac": "52:54:00:00:00:99", "provision": True}]))
        bench.server.answer_with(other, count=9, path=f"/hosts/{HOST}$")
        for work in (bench.foreman.host(HOST), bench.foreman.provisioning_macs(HOST), bench.foreman.all_macs(HOST)):
            with pytest.raises(Unreadable, match=f"asked for {HOST} and answered with {HOSTS[1]}"):
                await work


@pytest.mark.parametrize(
    "interfaces",
    [None, {}, [None], [{"mac": 5, "provision": True}], [{"mac": "52:54:00:00:00:01", "provision": "true"}], [{"type": ["bmc"]}]],
    ids=str,
)
async def test_interfaces_of_wrong_types_are_not_compared_with(interfaces: object) -> None:
    async with open_bench() as bench:
        await bench.foreman.login()
        bench.server.answer_with(json_answer(told(interfaces=interfaces)), count=9, path=f"/hosts/{HOST}$")
        for work in (bench.foreman.provisioning_macs(HOST), bench.foreman.all_macs(HOST)):
            with pytest.raises(Unreadable):
                await work


@pytest.mark.parametrize("results", [{}, None, [None], [{"status": ["running"]}], [{"status": None}], "running"], ids=str)
async def test_a_task_list_of_wrong_types_settles_nothing(results: object) -> None:
    async with open_bench() as bench:
        await bench.foreman.login()
        bench.server.answer_with(json_answer({"results": results}), count=9, path="/tasks$")
        with pytest.raises(Unreadable):
            await bench.foreman.probe_host(HOST, {"build": True}, "7b0c3a52")


@pytest.mark.parametrize("results", [{}, None, [None], "rack"], ids=str)
async def test_parameters_that_are_no_list_settle_nothing(results: object) -> None:
    async with open_bench() as bench:
        await bench.foreman.login()
        bench.server.answer_with(json_answer({"results": results}), count=9, path="/parameters$")
        assert await bench.foreman.probe_parameter(HOST, "rack", "b") is Probe.ODD
        with pytest.raises(Unreadable):
            await bench.foreman.parameter_id(HOST, "rack")


@pytest.mark.parametrize(
    "user",
    [{"id": [1], "login": "cloud02"}, {"id": 1, "login": None}, {"id": 1, "login": "cloud02", "organizations": {}},
     {"id": 1, "login": "cloud02", "organizations": [5]}, {"id": 1, "login": "cloud02", "locations": [{"id": "5"}]}],
    ids=str,
)  # fmt: skip
async def test_users_of_wrong_types_refuse_the_plan(user: object) -> None:
    async with open_bench() as bench:
        await bench.foreman.login()
        bench.server.answer_with(json_answer({"subtotal": 1, "results": [user]}), count=9, path="/users$")
        with pytest.raises(Unreadable, match=r"Foreman (shows|lists)"):
            await bench.plan((HOST,), "RHEL Local", True, {})


@pytest.mark.parametrize("value", [[], {}, "soon", None, True], ids=str)
async def test_a_token_life_that_is_no_number_is_the_usual_one(value: object) -> None:
    async with open_bench() as bench:
        setting = {"id": "token_duration", "name": "token_duration", "value": value}
        bench.server.answer_with(json_answer({"results": [setting]}), path="/settings$")
        assert await bench.foreman.token_seconds() == 360 * 60


@pytest.mark.parametrize(("value", "minutes"), [(-5, 0), (10**30, 60 * 24 * 365), (30, 30), ("45", 45)])
async def test_a_token_life_is_bounded(value: object, minutes: float) -> None:
    async with open_bench() as bench:
        setting = {"id": "token_duration", "name": "token_duration", "value": value}
        bench.server.answer_with(json_answer({"results": [setting]}), path="/settings$")
        assert await bench.foreman.token_seconds() == minutes * 60


async def test_a_read_that_is_sent_elsewhere_is_asked_again() -> None:
    async with open_bench() as bench:
        await bench.foreman.login()
        bench.server.answer_with(Answer(302, "", HTML, {"Location": "https://sso.example.com/?secret"}), path="/hosts/")
        with pytest.raises(StageFailure) as away:
            await bench.foreman.host(HOST)
        assert away.value.retryable
        assert "Foreman 302: a redirect to https://sso.example.com/ instead of an answer" in away.value.reason
        assert await bench.foreman.host(HOST) is not None


def test_a_page_of_the_web_server_is_not_a_document() -> None:
    with pytest.raises(NotJson):
        Response(200, body=page(503, "x").text.encode()).json()
