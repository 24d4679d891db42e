"""Dell's own boot order: a restart where it is wrong, nothing where it is right, and never a fleet that stands dark for it."""

from __future__ import annotations

import asyncio

import pytest

from quads_tui.rollout.commands import Skip
from quads_tui.rollout.events import HostNote, Intent, StageChanged
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus

from .model import Lab, busy

pytestmark = pytest.mark.looptime

NAMES = [f"h{n:02}.example.com" for n in range(4)]


def dells(wrong: int, limits: Limits | None = None) -> Lab:
    """Four machines with an order to have; the first `wrong` of them have another one."""
    lab = Lab(
        NAMES, plans={name: HostPlan(name, f"https://mgmt-{name}", order=("NIC.Slot.1-1",)) for name in NAMES}, limits=limits
    )
    for name in NAMES[:wrong]:
        lab.machine(name).ordered = False
    return lab


def acts(lab: Lab, name: str) -> list[str]:
    return [event.act for event in lab.journal.events if isinstance(event, Intent) and event.host == name]


def ended(lab: Lab, name: str) -> str:
    """What pxe_set said at its last end."""
    return [
        event.reason
        for event in lab.journal.events
        if isinstance(event, StageChanged) and (event.host, event.stage) == (name, Stage.PXE_SET)
        if event.status is not StageStatus.STARTED
    ][-1]


async def test_a_wrong_order_costs_one_restart_and_a_right_one_nothing() -> None:
    lab = dells(1)
    rollout = await lab.run()
    await lab.end()
    assert rollout.counts[HostStatus.DONE] == 4
    assert acts(lab, NAMES[0]) == ["reset", "override", "reset", "reset", "override", "build", "reset"]
    assert acts(lab, NAMES[1]) == ["reset", "override", "build", "reset"]
    assert (ended(lab, NAMES[0]), ended(lab, NAMES[1])) == (
        "the permanent boot order was changed in the BIOS",
        "the boot order is already as wanted",
    )
    notes = [event.text for event in lab.journal.events if isinstance(event, HostNote) and event.host == NAMES[0]]
    assert "waiting: JID_1 runs" in notes
    assert {machine.wipes for machine in lab.world.machines.values()} == {1}
    assert not lab.world.violations


async def test_others_go_on_while_a_job_runs() -> None:
    """The first host's restart takes an hour; it stands in nobody's way, and waits for its place before it goes dark again."""
    lab = dells(1, Limits(boot_order=7200))
    lab.machine(NAMES[0]).order_seconds = 3600
    lab.executor.start()
    await asyncio.sleep(1800)
    assert lab.rollout.counts[HostStatus.DONE] == 3
    await lab.executor.settled()
    assert lab.rollout.counts[HostStatus.DONE] == 4
    assert not lab.world.violations


async def test_a_host_that_is_in_build_is_not_restarted_before_that_is_cancelled() -> None:
    lab = dells(1)
    lab.machine(NAMES[0]).build = True
    rollout = await lab.run()
    await lab.end()
    assert rollout.counts[HostStatus.DONE] == 4
    assert ended(lab, NAMES[0]).startswith("the permanent boot order was not changed: the host is in build mode")
    assert (lab.machine(NAMES[0]).resets, lab.machine(NAMES[0]).wipes) == (2, 1)


async def test_a_job_without_end_fails_the_host_in_words() -> None:
    lab = dells(1)
    lab.machine(NAMES[0]).order_seconds = 1e6
    rollout = await lab.run()
    assert rollout.counts[HostStatus.FAILED] == 1
    assert ended(lab, NAMES[0]) == "the BIOS did not apply the permanent boot order in time (limits.boot_order): JID_1 runs"
    assert lab.machine(NAMES[0]).wipes == 0


async def test_a_second_attempt_goes_on_with_the_job_of_the_first() -> None:
    lab = dells(1)
    lab.machine(NAMES[0]).troubles = [("on", busy())]
    rollout = await lab.run()
    await lab.end()
    assert rollout.counts[HostStatus.DONE] == 4
    assert acts(lab, NAMES[0]).count("override") == 2, "the order once, PXE once"
    assert not lab.world.violations


async def test_a_skip_ends_the_wait_for_the_job() -> None:
    lab = dells(1)
    lab.machine(NAMES[0]).order_seconds = 1e6
    lab.executor.start()
    await asyncio.sleep(120)
    lab.executor.submit(Skip((NAMES[0],), "not this one"))
    await lab.executor.settled()
    assert lab.clock.now() < 1100
    assert lab.rollout.counts[HostStatus.SKIPPED] == 1
    assert acts(lab, NAMES[0]) == ["reset", "override", "reset"]
