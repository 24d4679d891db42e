"""An assignment whose hosts are in several rollouts, one for each location: QUADS hears that it is complete when all of them are."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from quads_tui.rollout.plan import Plan
from quads_tui.rollout.stages import HostStatus

from .test_quads import HOSTS, PLAN, Server, exchange, history

PARTS = [Plan((replace(PLAN.goals[0], partial=True),), hosts) for hosts in (HOSTS[:1], HOSTS[1:])]
COMPLETE = ("assignment", 7, True, False)


class Asked(Server):
    """It answers by what it was told."""

    async def all_built(self, cloud: str) -> bool:
        self.built = {told[1] for told in self.told if told[0] == "host"} == {host.name for host in HOSTS}
        return await super().all_built(cloud)


@pytest.mark.looptime
async def test_the_last_part_that_is_done_completes_it() -> None:
    server = Asked()
    first, second = (exchange(server, plan)[0] for plan in PARTS)
    tasks = [asyncio.create_task(part.run()) for part in (first, second)]
    for event in history(0):
        first.on_event(event)
    await asyncio.sleep(600)
    assert first.undecided == ["cloud02"]
    assert COMPLETE not in server.told
    for number in (1, 2):
        for event in history(number):
            second.on_event(event)
    await asyncio.sleep(130)
    assert COMPLETE in server.told
    assert (first.undecided, second.undecided) == ([], [])
    for task in tasks:
        task.cancel()


@pytest.mark.looptime
async def test_a_failed_host_of_another_part_leaves_it_open() -> None:
    server = Asked()
    first, second = (exchange(server, plan)[0] for plan in PARTS)
    for number, part, end in ((0, first, HostStatus.DONE), (1, second, HostStatus.DONE), (2, second, HostStatus.FAILED)):
        for event in history(number, end):
            part.on_event(event)
    for part in (second, first):
        await part.flush(5)
        assert part.undecided == ["cloud02"]
    assert COMPLETE not in server.told
