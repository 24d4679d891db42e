"""Logins, lists, versions and latencies: what is read, and when nothing of it may be believed."""

from __future__ import annotations

import asyncio
import re

from quads_tui.emulators.foreman import Answer, Cost, Costs, ForemanOptions, json_answer
from quads_tui.render.boxes import latency_box
from quads_tui.rollout.causes import CredentialsRefused
from quads_tui.rollout.stages import HostStatus

from ..foreman_bench import HOST, HOSTS, Bench
from .rule import NOTHING, Rule, answered, suffering, told

LOCKED = "no more requests are sent: Foreman locks an address out after 30 failed logins"
ONE_OF_MANY = {"total": 30, "subtotal": 30, "page": 1, "per_page": 30, "results": [{"id": 201, "name": HOST}]}


async def _expired_for_many(bench: Bench) -> None:
    await bench.foreman.login()
    bench.server.expire_sessions()
    assert None not in await asyncio.gather(*(bench.foreman.host(name) for name in HOSTS))
    assert bench.server.counts()["logins"] <= 1 + bench.site.limits.foreman_connections


async def _wrong_password(bench: Bench) -> None:
    for _ in range(3):
        await told(bench, bench.foreman.in_build())


async def _locked_out(bench: Bench) -> None:
    bench.server.answer_with(json_answer({"error": {"message": "Too many tries, please try again in a few minutes."}}, 401))
    for work in (bench.foreman.login(), bench.foreman.names(), bench.foreman.host(HOST)):
        try:
            await work
        except CredentialsRefused as refused:
            bench.says(refused)


async def _last_of_thirty(bench: Bench) -> None:
    assert await bench.foreman.names() == frozenset(HOSTS)
    assert await bench.provision((HOSTS[-1],), parameters={"overcloud": "true"}) == {HostStatus.DONE: 1}


def _list_is(body: object) -> Answer:
    return body if isinstance(body, Answer) else json_answer(body)


def _listed(broken: str, answers: str, body: object, does: str, reads: str, count: int) -> Rule:
    async def play(bench: Bench) -> None:
        await bench.foreman.login()
        bench.server.answer_with(_list_is(body), count=99, path="/api/hosts$")
        await told(bench, bench.foreman.in_build())

    return Rule(broken, answers, does, reads, play, {"reads": count, "writes": 0})


async def _cut_off(bench: Bench) -> None:
    await bench.foreman.login()
    bench.server.inject("truncated", path=f"/hosts/{HOST}$")
    await told(bench, bench.foreman.host(HOST))


async def _queueing(bench: Bench) -> None:
    await asyncio.gather(*(bench.foreman.host(name) for name in HOSTS))
    meter = bench.meters.foreman_reads
    meter.tick()
    assert meter.p50 > 3 * meter.work > 0
    assert meter.points[-1].work == meter.work
    *_, foot, _ = latency_box("Foreman reads", [("", meter)], speed=1.0, width=120, height=7)
    bench.says(re.sub(r"\d+ ms|\d+(\.\d)? s", "#", foot.plain.strip("│ ")))


async def _provisioned(bench: Bench) -> None:
    assert await bench.provision((HOSTS[-1],), parameters={"overcloud": "true"}) == {HostStatus.DONE: 1}


def _version(version: str, reads: str = NOTHING) -> Rule:
    return Rule(
        "the version is one of 1.24 to 3.16" if reads else f"every version is served: {version}",
        f"Foreman_version: {version}, and its rules",
        "goes on, with a warning in the plan" if reads else "finds everything beyond the first page, one write",
        reads,
        _provisioned,
        {"writes": 1, "logins": 1},
        ForemanOptions(version=version),
    )


RULES = (
    Rule(
        "the session lives: it expired before a write",
        "401, empty, not executed",
        "logs in once and sends the write under the same ticket",
        NOTHING,
        suffering("empty_401"),
        {"writes": 2, "logins": 2, "failed_logins": 0},
    ),
    Rule(
        "the session lives: it expired under thirty reads at once",
        "401, empty, then a login",
        "logs in once; only what was on its way with the old cookie may cost a login as well",
        NOTHING,
        _expired_for_many,
        {"failed_logins": 0, "writes": 0},
    ),
    Rule(
        "a login helps: every write is answered as if the session were old",
        "401, empty, each time",
        "one login per attempt, then the attempt has failed; three attempts",
        "Foreman 401 with an empty body; the host stays powered off",
        answered(Answer(401, "", "text/plain"), count=99),
        {"writes": 6, "logins": 4, "failed_logins": 0},
    ),
    Rule(
        "name and password are right",
        "401 `{error: {message}}`",
        "sends nothing more, whatever is asked: never a lock-out",
        f"Foreman 401: Unable to authenticate user admin (user admin); {LOCKED}",
        _wrong_password,
        {"reads": 1, "failed_logins": 1},
        password="wrong",
    ),
    Rule(
        "our address is not locked out",
        "401 Too many tries",
        "sends nothing more",
        f"Foreman 401: Too many tries, please try again in a few minutes. (user admin); {LOCKED}",
        _locked_out,
        {"reads": 1, "logins": 0},
    ),
    Rule(
        "per_page is obeyed: no page holds more than seven",
        "7 results a page, whatever is asked for",
        "asks for every further page, in the size that it was given; thirty hosts are thirty",
        NOTHING,
        _last_of_thirty,
        {"writes": 1, "failed_logins": 0},
        ForemanOptions(page_limit=7),
    ),
    _listed(
        "pages go on until all is told: the same page again",
        "subtotal 30, the same one host on each page",
        ONE_OF_MANY,
        "believes none of it: a list with holes would make hosts look built",
        "not readable now: incomplete list from Foreman /hosts: 1 of 30",
        3,
    ),
    _listed(
        "an index is a list",
        "200 `{}`",
        {},
        "believes none of it: no list is not an empty list",
        "not readable now: unexpected response from Foreman /hosts: not a list",
        2,
    ),
    _listed(
        "the API answers: a login page stands in front of it",
        "200, an HTML page",
        Answer(200, "<!DOCTYPE html><html><head><title>Log in &ndash; SSO</title></head><body>...</body></html>", "text/html"),
        "believes none of it",
        "not readable now: no JSON from Foreman: Foreman 200 (a web page, not the API): Log in – SSO",
        2,
    ),
    Rule(
        "a body is whole",
        "200, the JSON ends in the middle",
        "believes none of it",
        "not readable now: no JSON from Foreman: broken JSON: Unterminated string starting at character 1806 of 1816",
        _cut_off,
        {"reads": 2},
    ),
    Rule(
        "a kept connection stays open",
        "resets the connection at its next request",
        "sends the read once more on a new connection",
        NOTHING,
        suffering("disconnect_on_reuse", method="GET"),
        {"writes": 1, "logins": 1},
    ),
    Rule(
        "requests find a free thread: thirty reads, one thread",
        "X-Runtime far below the wall time",
        "meters both: what is above the work is queueing",
        "all 31 requests answered   Foreman's own time #",
        _queueing,
        {"reads": 31, "writes": 0},
        ForemanOptions(workers=1, threads=1, costs=Costs(show=Cost(5.0, 5.5))),
    ),
    _version("1.24.3"),
    _version("2.1.4"),
    _version("2.5.4"),
    _version("3.5.0-rc1"),
    _version("3.16.0-develop"),
    _version("1.20.4", "http://foreman is Foreman 1.20.4; supported: 1.24 to 3.16"),
    _version("4.0.0", "http://foreman is Foreman 4.0.0; supported: 1.24 to 3.16"),
)
