"""A QUADS whose answers are of wrong types, sent elsewhere or too long: not believed, and asked again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from quads_tui.emulators.quads import InjectedFault
from quads_tui.rollout.ports import QuadsError
from quads_tui.services.quads import Quads

from .test_quads import BEGUN, BUILT, HOSTS, Bench, bench_of

ALWAYS = 10_000
Ask = Callable[[Quads], Awaitable[object]]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async for made in bench_of("2.2"):
        yield made


def give(bench: Bench, method: str, path: str, body: object, status: int = 200, **headers: str) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    bench.server.faults.append(InjectedFault(method, path, "given", ALWAYS, status, text, headers))  # type: ignore[arg-type]


READS: dict[str, tuple[str, Ask]] = {
    "moves": ("/moves", lambda quads: quads.moves()),
    "hosts": ("/hosts", lambda quads: quads.hosts()),
    "schedules": ("/schedules/current", lambda quads: quads.schedules("cloud02")),
    "assignment": ("/assignments/active", lambda quads: quads.assignment("cloud02")),
}


@pytest.mark.parametrize(
    ("read", "body"),
    [
        *((read, body) for read in ("moves", "hosts", "schedules") for body in ({}, None, "x", 5, [None], [[1]], {"0": {}})),
        ("moves", [{"host": ["a"], "new": "cloud02"}]),
        ("moves", [{"host": HOSTS[0], "new": None}]),
        ("moves", [{"host": HOSTS[0]}]),
        ("moves", [{"host": "x" * 100_000, "new": "cloud02"}]),
        ("moves", [{"host": f"{HOSTS[0]}\u200b", "new": "cloud02"}]),
        ("moves", [{"host": "\x1b[31mred", "new": "cloud02"}]),
        ("hosts", [{"name": HOSTS[0], "broken": "true"}]),
        ("hosts", [{"name": HOSTS[0], "retired": 1}]),
        ("hosts", [{"name": [HOSTS[0]]}]),
        ("hosts", [{"model": "R650"}]),
        ("schedules", [{"id": [1], "host": HOSTS[0]}]),
        ("schedules", [{"id": True, "host": HOSTS[0]}]),
        ("schedules", [{"id": "1", "host": HOSTS[0]}]),
        ("schedules", [{"id": 10**40, "host": HOSTS[0]}]),
        ("schedules", [{"id": 1, "host": {"name": None}}]),
        ("assignment", {"id": [1], "wipe": True}),
        ("assignment", {"id": True, "wipe": True}),
        ("assignment", {"id": 1, "wipe": 1}),
        ("assignment", {"wipe": True}),
        ("assignment", [{"id": 1}]),
        ("assignment", None),
    ],
)
async def test_an_answer_of_wrong_types_is_not_believed(bench: Bench, read: str, body: object) -> None:
    path, ask = READS[read]
    give(bench, "GET", path, body)
    with pytest.raises(QuadsError) as trouble:
        await ask(bench.quads)
    assert len(trouble.value.reason) < 200


async def test_flags_that_are_no_flags_conclude_no_cloud(bench: Bench) -> None:
    for build in ("true", 1, [True]):
        give(bench, "GET", "/schedules/current", [{"id": 1, "host": {"name": HOSTS[0], "build": build, "cloud": "cloud02"}}])
        with pytest.raises(QuadsError, match="with build"):
            await bench.quads.all_built("cloud02")
        bench.server.faults.clear()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_e2_a_proxy_that_sends_elsewhere_loses_no_update(bench: Bench, status: int) -> None:
    """Not even where its answer is JSON: that is none of QUADS' refusals, which are final."""
    give(bench, "PATCH", "/hosts", {"message": "moved"}, status, Location="https://me:pw@sso.example.com/login?token=s3cret")
    with pytest.raises(QuadsError, match=rf"HTTP {status}, a redirect to https://sso.example.com/login$") as trouble:
        await bench.quads.send_started(HOSTS[0])
    assert not trouble.value.final


@pytest.mark.parametrize("body", [None, [], '"ok"', 1])
async def test_a_patch_whose_answer_is_no_record_is_told_again(bench: Bench, body: object) -> None:
    give(bench, "PATCH", "/hosts", body)
    with pytest.raises(QuadsError, match="not a record") as trouble:
        await bench.quads.send_started(HOSTS[0])
    assert not trouble.value.final


async def test_a_flag_stored_as_a_number_is_not_the_flag(bench: Bench) -> None:
    give(bench, "PATCH", "/hosts", {"switch_config_applied": 0, "build": 0})
    with pytest.raises(QuadsError, match="did not store"):
        await bench.quads.send_started(HOSTS[0])


@pytest.mark.parametrize("token", [None, "", 5, ["x"], "x\r\nX-Other: y", "x" * 100_000, "\u00fc"])
async def test_a_token_that_is_none_is_not_sent(bench: Bench, token: object) -> None:
    give(bench, "POST", "/login", {"auth_token": token})
    with pytest.raises(QuadsError, match="without a token"):
        await bench.quads.send_started(HOSTS[0])


async def test_e3_an_error_of_30_mb_is_not_parsed(bench: Bench) -> None:
    give(bench, "GET", "/moves", '{"message": "' + "x" * 30_000_000 + '"}', 400)
    with pytest.raises(QuadsError, match="HTTP 400 and a very long error"):
        await bench.quads.moves()


async def test_times_and_schedules_still_go_out_as_they_should(bench: Bench) -> None:
    """The checks refuse nothing of an honest server."""
    assert len(await bench.quads.moves()) == len(HOSTS)
    assert set(await bench.quads.hosts()) >= set(HOSTS)
    await bench.quads.send_built(HOSTS[0], "cloud02", BUILT)
    await bench.quads.send_schedule_times(HOSTS[0], "cloud02", BEGUN, BUILT)
    assert bench.server.lab.hosts[HOSTS[0]].cloud == "cloud02"
