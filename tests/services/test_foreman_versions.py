"""Rollouts over every version of Foreman, with the rules that it has, and over proxies in front of it."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from quads_tui.emulators.foreman import ForemanOptions, redirect
from quads_tui.rollout.stages import HostStatus

from .foreman_bench import HOST, HOSTS, open_bench

VERSIONS = (
    "1.24.3", "2.0.3", "2.1.4", "2.2.0", "2.2.3", "2.3.5", "2.4.1", "2.5.0", "2.5.4", "3.0.2", "3.3.0", "3.5.0-rc1", "3.6.1", "3.9.1",
    "3.12.0", "3.16.0-develop",
)  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
async def test_e1_a_plan_and_its_writes_go_through_on_every_version(version: str) -> None:
    """Builds, a parameter and an ownership: all is found beyond the first page, and no page is larger than 500."""
    async with open_bench(ForemanOptions(version=version, in_build={HOSTS[-2]: 10.0})) as bench:
        assert await bench.provision(HOSTS[-2:], parameters={"overcloud": "false"}) == {HostStatus.DONE: 2}, bench.told
        assert await bench.provision((HOST,), wipe=False) == {HostStatus.DONE: 1}, bench.told
        assert [bench.server.host_counts(name)["built"] for name in (*HOSTS[-2:], HOST)] == [1, 1, 0]
        counts = bench.server.counts()
        assert (counts["writes"], counts["logins"], counts["errors_500"]) == (
            6,
            2,
            0,
        )  # one login a plan; a parameter each, one cancellation
        sizes = {size for entry in bench.server.log for size in parse_qs(entry.query).get("per_page", [])}
        assert all(int(size) <= 500 for size in sizes)


@pytest.mark.parametrize(
    ("status", "to", "target"),
    [
        (301, "", "nowhere"),
        (302, "/users/login", "/users/login"),
        (307, "https://sso.example.com/login?token=s3cret", "https://sso.example.com/login"),
        (308, "https://me:pw@foreman2.example.com/api/hosts", "https://foreman2.example.com/api/hosts"),
        (307, "http://[broken", "an unusable address"),
        (307, "https://sso.example.com/\u202e\x9b31m", "https://sso.example.com/ 31m"),
    ],
)
async def test_e2_a_put_that_a_proxy_sends_elsewhere_was_not_executed_and_is_sent_again(
    status: int, to: str, target: str
) -> None:
    """More often than a host has attempts: it keeps its place, since Foreman is away for all of them."""
    async with open_bench() as bench:
        bench.server.answer_with(redirect(status, to), count=5, method="PUT")
        assert await bench.provision() == {HostStatus.DONE: 1}, bench.told
        assert bench.server.host_counts(HOST)["armings"] == 1
        assert bench.server.counts()["writes"] == 6
        assert bench.lane_shut == []
        words = (
            f"Foreman {status}: a redirect to {target} instead of an answer (a proxy in front of Foreman?); it was not executed"
        )
        assert words in bench.told


async def test_e2_a_303_is_settled_by_reads() -> None:
    """It says where a result is: the request may have been executed."""
    async with open_bench() as bench:
        bench.server.answer_with(redirect(303, "/api/hosts/1"), method="PUT")
        assert await bench.provision() == {HostStatus.DONE: 1}, bench.told
        assert bench.server.host_counts(HOST)["armings"] == 1
        assert bench.lane_shut == [
            "result of the last write unknown (Foreman 303: a redirect to /api/hosts/1 instead of an answer)"
        ]
