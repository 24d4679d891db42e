"""What a look at Foreman costs this process: it depends on what has changed, not on how many hosts install."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from quads_tui.engine import build_watch
from quads_tui.engine.build_watch import BuildWatch
from quads_tui.rollout.foreman_host import HostRecord
from tests.clocks import VirtualClock
from tests.counted_work import counted

from .test_flow import names

pytestmark = pytest.mark.looptime


class AllInBuild:
    """Implements HostReads."""

    def __init__(self, hosts: Collection[str]) -> None:
        self.hosts = frozenset(hosts)
        self.looks = 0

    async def in_build(self) -> frozenset[str]:
        self.looks += 1
        return self.hosts

    async def records(self, names: Collection[str]) -> dict[str, HostRecord]:
        raise AssertionError("nothing has changed")


async def steps_a_look(hosts: int) -> float:
    """While so many hosts install."""
    foreman = AllInBuild(names(hosts))
    watch = BuildWatch(foreman, VirtualClock(), 12.0)
    tasks = [asyncio.create_task(watch.run()), *(asyncio.create_task(watch.until_left(host)) for host in foreman.hosts)]
    await asyncio.sleep(1)
    before = foreman.looks
    with counted(build_watch) as work:
        await asyncio.sleep(600)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert foreman.looks - before == 50
    return work.steps / 50


async def test_a_look_costs_the_same_however_many_hosts_install() -> None:
    few, many = [await steps_a_look(hosts) for hosts in (4, 400)]
    assert many <= 1.1 * few, (few, many)


async def test_nobody_is_looked_for_once_all_who_asked_have_given_up() -> None:
    foreman = AllInBuild(names(3))
    watch = BuildWatch(foreman, VirtualClock(), 12.0)
    looking = asyncio.create_task(watch.run())
    asking = [asyncio.create_task(watch.until_left(host)) for host in foreman.hosts]
    await asyncio.sleep(30)
    for task in asking:
        task.cancel()
    looks = foreman.looks
    await asyncio.sleep(600)
    assert looks > 1 and foreman.looks == looks
    looking.cancel()
