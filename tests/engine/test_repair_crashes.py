"""What a process that dies in the middle of a repair leaves behind, and what a resume makes of it."""

from __future__ import annotations

import asyncio

import pytest

from quads_tui.rollout.commands import Command, GiveBack, PowerCycle, RestartBmc
from quads_tui.rollout.events import Outcome, RepairChanged
from quads_tui.rollout.repairs import BMC_RESET, GIVE_BACK, Repair, RepairStatus
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import ActResult, HostStatus
from tests.clocks import in_virtual_time

from .test_repairs import FORMER, failed_at_power_on, failed_to_install, intents, repairs
from .test_ways_out import ordered
from .timeline import NAME

pytestmark = pytest.mark.looptime


def events_of(command: Command) -> tuple[int, int]:
    """How many events there are before the order, and at its end."""

    async def whole() -> tuple[int, int]:
        lab = await failed_at_power_on()
        before = len(lab.journal.events)
        await ordered(lab, command)
        return before, len(lab.journal.events)

    return in_virtual_time(whole)


@pytest.mark.parametrize(
    "command", [PowerCycle((NAME,)), GiveBack((NAME,)), RestartBmc((NAME,))], ids=lambda one: type(one).__name__
)
def test_a_kill_at_every_journal_write_of_a_repair_repeats_nothing(command: Command) -> None:
    before, last = events_of(command)
    assert last - before >= 5
    for at in range(before + 1, last + 1):

        async def once(at: int = at) -> None:
            lab = await failed_at_power_on()
            machine = lab.machine(NAME)
            machine.power = "On"
            resets, writes = machine.resets, lab.world.writes[NAME]
            lab.journal.crash_at = at
            lab.executor.submit(command)
            await lab.journal.crashed.wait()
            await asyncio.sleep(at % 3 * 30)
            await lab.crash()
            lab.resume()
            await lab.run()
            host = lab.rollout.hosts[NAME]
            await lab.end()
            assert host.repair is None, at
            assert host.status is HostStatus.FAILED, at
            assert (machine.wipes, lab.world.peak_writes) == (0, 1), at
            begun = any(isinstance(event, RepairChanged) for event in lab.journal.events)
            match command:
                case PowerCycle():
                    assert len(intents(lab, "reset")) <= 4, at  # power off and on of the rollout, and of the repair, at most
                    assert machine.resets - resets <= 2, at
                    assert not (machine.build and machine.override and machine.resets > resets), at
                case GiveBack():
                    absent = {
                        one.number for one in lab.journal.events if isinstance(one, Outcome) and one.result is ActResult.ABSENT
                    }
                    assert sum(one.number not in absent for one in intents(lab, GIVE_BACK)) <= 1, at
                    assert not begun or machine.wanted["owner_id"] == FORMER, at
                    assert lab.world.writes[NAME] - writes <= 2, at
                case _:
                    assert machine.restarts <= 1, at
                    assert machine.resets == resets, at
            settled = {event.number for event in lab.journal.events if isinstance(event, Outcome)}
            assert {one.number for one in intents(lab, BMC_RESET) + intents(lab, GIVE_BACK)} <= settled, at
            assert not lab.world.violations, at

        in_virtual_time(once)


async def test_a_bmc_restart_that_a_dying_process_sent_is_looked_at_and_not_sent_again() -> None:
    lab = await failed_at_power_on()
    lab.executor.submit(RestartBmc((NAME,)))
    while not lab.machine(NAME).restarts:
        await asyncio.sleep(1)
    await lab.crash()
    lab.resume()
    await lab.run()
    assert lab.machine(NAME).restarts == 1
    assert repairs(lab)[-1] == (
        Repair.BMC_RESTART.value,
        RepairStatus.FAILED.value,
        "interrupted: quads-tui exited; a reset may have been sent; the BMC answers now",
    )
    outcome = next(event for event in reversed(lab.journal.events) if isinstance(event, Outcome))
    assert (outcome.number, outcome.result) == (intents(lab, BMC_RESET)[0].number, ActResult.UNKNOWN)
    await lab.end()


async def test_a_power_cycle_that_was_cut_off_between_off_and_on_says_that_the_host_is_off() -> None:
    lab = await failed_to_install()
    lab.executor.submit(PowerCycle((NAME,)))
    while lab.machine(NAME).power == "On":
        await asyncio.sleep(1)
    await lab.crash()
    lab.resume()
    await lab.run()
    host = lab.rollout.hosts[NAME]
    assert (host.safety, lab.machine(NAME).power) == (Safety.OFF, "Off")
    assert host.repaired == "power cycle failed: interrupted: quads-tui exited; the BMC shows Off now"
    await lab.end()
