"""A Foreman that refuses every host: real HTTP, three machines powered off, and an end."""

from __future__ import annotations

from quads_tui.emulators.foreman import ForemanFaults, ForemanOptions
from quads_tui.rollout.stages import HostStatus

from .foreman_bench import HOSTS, open_bench


async def test_b1_a_foreman_that_refuses_every_host_the_same_costs_three_of_them() -> None:
    faults = ForemanFaults(dhcp_conflict=frozenset(HOSTS))
    async with open_bench(ForemanOptions(faults=faults)) as bench:
        assert await bench.provision(HOSTS[:10]) == {HostStatus.FAILED: 3, HostStatus.QUEUED: 7}
        assert bench.rollout is not None
        assert bench.rollout.paused["admission"].startswith(
            "Foreman refused Build of 2 hosts for the same reason before the first write was verified: Foreman 422: Conflict DHCP"
        )
        assert sum(bench.server.host_counts(name)["built"] for name in HOSTS[:10]) == 0
