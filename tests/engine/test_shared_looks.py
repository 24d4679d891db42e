"""The look at Foreman that all hosts share: what it does not show is unknown, and what ails it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from quads_tui.rollout.causes import Cause, StageFailure, Unreadable
from quads_tui.rollout.events import Notice
from quads_tui.rollout.foreman_host import HostRecord, SomeUnreadable
from quads_tui.rollout.stages import HostStatus, Stage

from .model import Lab
from .model_services import ModelForeman
from .test_flow import ends, names

pytestmark = pytest.mark.looptime


def notices(lab: Lab) -> list[str]:
    return [event.text for event in lab.journal.events if isinstance(event, Notice)]


async def installing(count: int) -> Lab:
    lab = Lab(names(count))
    lab.executor.start()
    while lab.rollout.at_stage[Stage.INSTALL] < count:
        await asyncio.sleep(1)
    return lab


async def test_a_host_that_vanishes_from_foreman_while_it_installs_is_not_done_and_hinders_nobody() -> None:
    lab = await installing(3)
    lab.machine(names(3)[1]).gone = True
    await lab.executor.settled()
    assert ends(lab.rollout) == {HostStatus.DONE: 2, HostStatus.FAILED: 1}
    assert lab.rollout.hosts[names(3)[1]].stage is Stage.INSTALL
    assert lab.executor.stopped == ""
    await lab.end()


async def test_a_host_that_comes_back_to_foreman_is_done() -> None:
    lab = await installing(2)
    lab.machine(names(2)[1]).gone = True
    await asyncio.sleep(1500)
    lab.machine(names(2)[1]).gone = False
    await lab.executor.settled()
    assert ends(lab.rollout) == {HostStatus.DONE: 2}
    await lab.end()


async def test_a_search_that_misses_a_host_in_build_ends_no_install() -> None:
    """Its record says that it is in build still: the record counts."""
    lab = await installing(2)
    for name in names(2):
        lab.machine(name).troubles = [("stale", "")] * 6
    await lab.executor.settled()
    assert ends(lab.rollout) == {HostStatus.DONE: 2}
    await lab.end()


async def test_a_foreman_that_gives_no_look_is_told_once_and_so_is_its_return() -> None:
    lab = await installing(2)
    for name in names(2):
        lab.machine(name).gone = True  # for as long as this takes
    before = len(notices(lab))
    lab.world.no_looks = StageFailure(Cause.UNREACHABLE, "connection refused")
    await asyncio.sleep(300)
    assert len(notices(lab)) == before + 1
    assert "connection refused" in notices(lab)[-1]
    lab.world.no_looks = StageFailure(Cause.BUSY, "503 maintenance")
    await asyncio.sleep(300)
    assert len(notices(lab)) == before + 2
    assert "503 maintenance" in notices(lab)[-1]
    assert lab.executor.stopped == ""
    lab.world.no_looks = None
    await asyncio.sleep(60)
    assert len(notices(lab)) == before + 3
    assert "answers again" in notices(lab)[-1]
    lab.world.no_looks = StageFailure(Cause.BUSY, "503 maintenance")  # the same again, after it was well: told again
    await asyncio.sleep(60)
    assert len(notices(lab)) == before + 4
    lab.world.no_looks = None
    for name in names(2):
        lab.machine(name).gone = False
    await lab.executor.settled()
    assert ends(lab.rollout) == {HostStatus.DONE: 2}
    await lab.end()


class OddRecord(ModelForeman):
    """The record of one host cannot be read by the shared looks."""

    async def records(self, names: Collection[str]) -> dict[str, HostRecord]:
        found = await super().records(names)
        if found.pop("h00.example.com", None) is not None:
            raise SomeUnreadable([Unreadable("Foreman shows it with id []")], found)
        return found


async def test_a_record_that_is_never_readable_costs_no_more_reads_than_were_promised() -> None:
    lab = Lab(names(3), foreman=OddRecord)
    began, meters = lab.clock.now(), lab.world.meters
    lab.executor.start()
    while not lab.rollout.settled:
        promised = 60 + 8 * (lab.clock.now() - began) / 60 + meters.foreman_writes.total
        assert meters.foreman_reads.total <= promised
        await asyncio.sleep(10)
    assert ends(lab.rollout) == {HostStatus.DONE: 3}, "by a read of its own, at the end"
    assert len(notices(lab)) == 1, "told once"
    await lab.end()
