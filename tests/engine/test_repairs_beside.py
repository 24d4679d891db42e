"""Repairs and what else goes on at their BMCs, racks and hosts: neighbours, other rollouts, outages, an operator who asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import pairwise

import pytest

from quads_tui.engine import repairs as repairs_module
from quads_tui.engine.claims import Machines
from quads_tui.engine.side_effects import HostSideEffects
from quads_tui.rollout.commands import AskBmc, Command, Disarm, GiveBack, PowerCycle, RecordRowCommand, RestartBmc
from quads_tui.rollout.events import BmcReported, HostNote, Intent, OutageChanged
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.plan import HostPlan, Plan
from quads_tui.rollout.repair_rules import Neighbours

from .model import Lab
from .test_flow import names
from .test_repairs import failed_at_power_on, failed_to_install, lab_of, repairs, two_behind_one_bmc
from .test_ways_out import ordered
from .timeline import NAME, audit

pytestmark = pytest.mark.looptime


async def test_the_bmc_of_a_neighbour_is_asked_after_a_restart() -> None:
    lab, hosts = await two_behind_one_bmc()
    await ordered(lab, RestartBmc((hosts[0],)))
    lab.executor.submit(AskBmc(tuple(hosts)))
    await asyncio.sleep(5)
    assert sum(isinstance(event, BmcReported) for event in lab.journal.events) == 2
    await lab.end()


async def test_the_bmc_of_a_failed_host_is_asked_after_a_resume_that_deleted_sessions_there() -> None:
    lab = await failed_at_power_on()
    lab.executor.submit(PowerCycle((NAME,)))
    while not lab.world.left[NAME]:
        await asyncio.sleep(0.1)
    await lab.crash()
    lab.resume()
    await lab.run()
    await asyncio.sleep(60)
    lab.executor.submit(AskBmc((NAME,)))
    await asyncio.sleep(5)
    assert sum(isinstance(event, BmcReported) for event in lab.journal.events) == 1
    await lab.end()


@pytest.mark.parametrize("command", [PowerCycle((NAME,)), GiveBack((NAME,))])
async def test_a_host_that_another_rollout_works_on_is_left_to_it(command: Command) -> None:
    machines = Machines()
    lab = lab_of([NAME], machines=machines)
    lab.machine(NAME).installs = "failed"
    await lab.run()
    identity = lab.executor._memories[NAME].identity
    assert identity is not None
    assert not machines.claim("r2", NAME, identity)
    lab.machine(NAME).build = True  # through that rollout
    writes = dict(lab.world.writes)
    await ordered(lab, command)
    assert audit(lab.journal.events)[-1].endswith(f"no host; not possible for {NAME}: rollout r2 works on it")
    assert (lab.machine(NAME).build, dict(lab.world.writes)) == (True, writes)
    await lab.end()


async def test_restarts_of_many_bmcs_compare_the_hosts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """700 at once held the loop for seconds: each of them compared all hosts anew, and then once more."""
    hosts = names(30)
    lab = await failed_to_install(hosts)
    made: list[Plan] = []

    class Counted(Neighbours):
        def __init__(self, plan: Plan, machines: Mapping[str, Identity] | None = None) -> None:
            made.append(plan)
            super().__init__(plan, machines)

    monkeypatch.setattr(repairs_module, "Neighbours", Counted)
    await ordered(lab, RestartBmc(tuple(hosts)))
    assert sum(lab.machine(name).restarts for name in hosts) == 30
    assert len(made) == 1
    await lab.end()


async def test_hosts_that_are_power_cycled_together_come_on_one_after_another() -> None:
    hosts = names(5)
    lab = await failed_to_install(hosts)
    await ordered(lab, PowerCycle(tuple(hosts)))
    on = [event.at for event in lab.journal.events if isinstance(event, Intent) and event.detail.get("type") == "On"][-5:]
    assert all(later - earlier > 0.9 for earlier, later in pairwise(on))
    await lab.end()


async def test_a_stop_does_not_wait_for_those_whose_turn_has_not_come() -> None:
    hosts = names(100)
    lab = await failed_to_install(hosts)
    resets = sum(lab.machine(name).resets for name in hosts)
    lab.executor.submit(PowerCycle(tuple(hosts)))
    await asyncio.sleep(0.5)
    lab.executor.stop("operator")
    began = lab.clock.now()
    while len(lab.executor._tasks):
        await asyncio.sleep(1)
    assert lab.clock.now() - began < 60
    assert sum(lab.machine(name).resets for name in hosts) <= resets + 1
    assert all(lab.rollout.hosts[name].repair is None for name in hosts)
    await lab.end()


async def test_bmcs_that_are_restarted_together_are_no_dead_rack() -> None:
    hosts = names(4)
    plans = {name: HostPlan(name, f"https://mgmt-{name}", rack="r7") for name in hosts}
    lab = Lab(hosts, plans=plans)
    for name in hosts:
        lab.machine(name).installs = "failed"
    await lab.run()
    lab.executor.submit(RestartBmc(tuple(hosts)))
    while not all(lab.machine(name).silent for name in hosts):
        await asyncio.sleep(1)
    for name in hosts:  # what the looks at a BMC that is away report
        HostSideEffects(name, lab.executor._ports).heard("connection refused")
    assert not [event for event in lab.journal.events if isinstance(event, OutageChanged)]
    await ordered(lab)
    for name in hosts:
        HostSideEffects(name, lab.executor._ports).heard("connection refused")
    assert [event for event in lab.journal.events if isinstance(event, OutageChanged)]
    await lab.end()


async def test_a_row_command_is_recorded_once_for_a_host() -> None:
    lab = await failed_at_power_on()
    before = sum(isinstance(event, HostNote) for event in lab.journal.events)
    await ordered(lab, RecordRowCommand((NAME,) * 1000, "x"))
    assert sum(isinstance(event, HostNote) for event in lab.journal.events) == before + 1
    await lab.end()


async def test_no_bmc_is_restarted_while_a_neighbour_is_disarmed() -> None:
    """The restart waits for an answer to an operator; the disarm that was ordered meanwhile is at the BMC then."""
    lab, hosts = await two_behind_one_bmc()
    for command in (AskBmc((hosts[0],)), RestartBmc((hosts[0],)), Disarm((hosts[1],))):
        lab.executor.submit(command)
    await ordered(lab)
    assert repairs(lab)[-1] == ("bmc_restart", "failed", f"{hosts[1]} is being worked on")
    assert [lab.machine(name).restarts for name in hosts] == [0, 0]
    assert not lab.rollout.hosts[hosts[1]].armed
    await lab.end()


async def test_a_host_that_belongs_to_somebody_else_by_now_is_not_power_cycled() -> None:
    lab = await failed_to_install()
    machine = lab.machine(NAME)
    machine.wanted["owner_id"], machine.build, resets = 99, True, machine.resets
    await ordered(lab, PowerCycle((NAME,)))
    assert repairs(lab)[-1][1:] == ("failed", "Foreman shows another owner now (User 99), not the one of this rollout")
    assert (machine.build, machine.resets, machine.power) == (True, resets, "On")
    await lab.end()
