"""Rollouts over a Foreman that is not readable for a while, or never again for one host."""

from __future__ import annotations

import pytest

from quads_tui.emulators.foreman import Answer, json_answer
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.stages import HostStatus

from .foreman_bench import HOST, HOSTS, Bench, open_bench

ODD = json_answer({"subtotal": "one", "results": {}})
PARAMETERS = f"/hosts/{HOST}/parameters$"


def _reads(bench: Bench, end: str) -> int:
    return sum(entry.method == "GET" and entry.path.endswith(end) for entry in bench.server.log)


async def test_searches_that_are_not_readable_for_a_while_cost_nothing_but_time() -> None:
    async with open_bench() as bench:
        bench.booting = lambda name: bench.server.answer_with(ODD, count=6, method="GET", path="/api/hosts$")
        assert await bench.provision() == {HostStatus.DONE: 1}, bench.told
        assert bench.server.host_counts(HOST)["built"] == 1
        assert bench.server.counts()["writes"] == 1
        assert any("not readable now: unexpected response from Foreman /hosts: not a list" in line for line in bench.told)


async def test_a_read_of_a_stage_is_asked_again_for_as_long_as_the_stage_may_take() -> None:
    """More often than there are attempts (3): nothing was done yet, and nothing is wrong with the host."""
    async with open_bench() as bench:
        bench.server.answer_with(ODD, count=5, method="GET", path=PARAMETERS)
        assert await bench.provision(parameters={"overcloud": "false"}) == {HostStatus.DONE: 1}, bench.told
        assert _reads(bench, f"{HOST}/parameters") == 6


async def test_a_host_that_is_never_readable_again_fails_alone_at_the_deadline_of_its_stage() -> None:
    async with open_bench() as bench:
        bench.server.answer_with(ODD, count=10_000, method="GET", path=PARAMETERS)
        ends = await bench.provision(HOSTS[:3], parameters={"overcloud": "false"})
        assert ends == {HostStatus.DONE: 2, HostStatus.FAILED: 1}, bench.told
        assert bench.server.host_counts(HOST)["armings"] == 0
        assert "not readable now: unexpected response from Foreman" in " ".join(bench.told)
        assert 4 <= _reads(bench, f"{HOST}/parameters") < 40  # backoffs that grow


async def test_a_foreman_that_wants_to_be_left_alone_is_left_alone_by_everybody() -> None:
    """One request is told so; the others, reads and writes, are not sent before its time is over."""
    later = Answer(503, '{"message": "Foreman is in maintenance mode"}', headers={"Retry-After": "600"})
    async with open_bench() as bench:
        await bench.foreman.login()
        before = len(bench.server.log)
        bench.server.answer_with(later, path=f"/hosts/{HOST}$")
        waits = []
        for work in (bench.foreman.host(HOST), bench.foreman.host(HOSTS[1]), bench.foreman.names(), bench.foreman.login()):
            with pytest.raises(StageFailure, match="Foreman 503: Foreman is in maintenance mode") as busy:
                await work
            assert busy.value.cause is Cause.BUSY
            waits.append(busy.value.after)
        assert len(bench.server.log) == before + 1
        assert all(after is not None and 0 < after <= 600 for after in waits)


async def test_a_put_that_is_told_to_come_later_is_sent_later() -> None:
    later = Answer(503, '{"message": "Foreman is in maintenance mode"}', headers={"Retry-After": "1"})
    async with open_bench() as bench:
        bench.server.answer_with(later, count=2, method="PUT")
        assert await bench.provision() == {HostStatus.DONE: 1}, bench.told
        assert bench.server.counts()["writes"] == 3


async def test_the_answer_to_the_put_that_cannot_be_read_is_settled_by_reads() -> None:
    """Another host's record, and one without installed_at, from which the end of the install could not be told."""
    for odd in ({"name": HOSTS[1], "id": 2, "build": True, "installed_at": None}, {"name": HOST, "id": 1, "build": True}):
        async with open_bench() as bench:
            bench.server.answer_with(json_answer(odd), method="PUT")
            assert await bench.provision() == {HostStatus.DONE: 1}, bench.told
            assert bench.server.host_counts(HOST)["built"] == 1
            assert any("its answer cannot be read: Foreman " in line for line in bench.told)


async def test_a_password_that_is_refused_in_the_middle_is_sent_once() -> None:
    """It was changed while the rollout runs: one login is refused, then no request goes out any more."""
    refused = json_answer({"error": {"message": "Unable to authenticate user admin"}}, 401)
    async with open_bench() as bench:
        await bench.foreman.login()
        bench.server.answer_with(refused, count=10_000)
        before = len(bench.server.log)
        for _ in range(5):
            try:
                await bench.foreman.host(HOST)
            except Exception as why:
                bench.says(why)
        assert [entry.path for entry in bench.server.log][before:] == [f"/api/hosts/{HOST}", "/api/status"]
        assert len(set(bench.told)) == 1
        assert "no more requests are sent" in bench.told[0]
