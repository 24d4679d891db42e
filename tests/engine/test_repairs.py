"""BMC restart, power cycle and give back, on the engine's model: what they do, what they refuse, what a crash leaves of them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from quads_tui.rollout.causes import Cause, CredentialsRefused, StageFailure
from quads_tui.rollout.commands import Disarm, GiveBack, Hold, PowerCycle, RestartBmc, Retry, Skip, Unskip
from quads_tui.rollout.events import Intent, RepairChanged
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.plan import HostPlan, Plan, Protected
from quads_tui.rollout.repairs import BMC_RESET, GIVE_BACK
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Kind, Stage

from .model import Lab
from .network import Box
from .test_flow import ends, names
from .test_ways_out import ordered, until
from .timeline import NAME, audit

pytestmark = pytest.mark.looptime

NEVER_ON = StageFailure(Cause.TIMEOUT, "never On", retryable=False)
FORMER = 7


def lab_of(hosts: Collection[str], **setting: Any) -> Lab:
    """Hosts that belong to cloud01 before."""
    plans = {name: HostPlan(name, f"https://mgmt-{name}", owner_id=FORMER, owner_type="User", owner="cloud01") for name in hosts}
    lab = Lab(hosts, plans=plans, **setting)
    for name in hosts:
        lab.machine(name).wanted = {"owner_id": FORMER, "owner_type": "User"}
    return lab


async def failed_at_power_on(**setting: Any) -> Lab:
    """One host, in build mode and with PXE set."""
    lab = lab_of([NAME], **setting)
    lab.machine(NAME).troubles = [("on", NEVER_ON)]
    await lab.run()
    assert lab.rollout.hosts[NAME].armed
    return lab


async def failed_to_install(hosts: Collection[str] = (NAME,)) -> Lab:
    lab = lab_of(hosts)
    for name in hosts:
        lab.machine(name).installs = "failed"
    await lab.run()
    assert ends(lab.rollout) == {HostStatus.FAILED: len(hosts)}
    return lab


def repairs(lab: Lab) -> list[tuple[str, str, str]]:
    """What the journal tells of repairs: which, how it stands, in what words."""
    events = [event for event in lab.journal.events if isinstance(event, RepairChanged)]
    return [(event.repair.value, event.status.value, event.text) for event in events]


def intents(lab: Lab, act: str) -> list[Intent]:
    return [event for event in lab.journal.events if isinstance(event, Intent) and event.act == act]


def share_a_bmc(lab: Lab, first: str, second: str) -> None:
    """As two nodes of one chassis, by what the plan knows of them."""
    network = lab.world.network
    at = network.leads[first]
    network.boxes[at] = Box({"/redfish/v1/Systems/1": first, "/redfish/v1/Systems/2": second})
    del network.boxes[network.leads[second]]
    network.leads[second] = at
    for host, path in ((first, "/redfish/v1/Systems/1"), (second, "/redfish/v1/Systems/2")):
        plan = next(one for one in lab.plan.hosts if one.name == host)
        lab.replan([replace(plan, identity=network.told(at, path))])


async def two_behind_one_bmc() -> tuple[Lab, tuple[str, ...]]:
    """Both have failed at power on."""
    hosts = tuple(names(2))
    lab = lab_of(hosts)
    share_a_bmc(lab, *hosts)
    for name in hosts:
        lab.machine(name).troubles = [("on", NEVER_ON)]
    await lab.run()
    return lab, hosts


# Power cycle


async def test_an_armed_host_is_disarmed_before_it_is_power_cycled_and_is_not_reinstalled() -> None:
    lab = await failed_at_power_on()
    machine = lab.machine(NAME)
    machine.power = "On"
    resets = machine.resets
    await ordered(lab, PowerCycle((NAME,)))
    host = lab.rollout.hosts[NAME]
    assert (machine.power, machine.build, machine.override, machine.wipes) == ("On", False, False, 0)
    assert machine.resets == resets + 2
    assert (host.status, host.stage, host.armed, host.safety) == (HostStatus.FAILED, Stage.POWER_ON, False, Safety.DISARMED)
    assert host.repaired == "power cycle done: seen Off, then On; build mode and PXE are not set"
    assert host.full_reason.startswith("power cycle done")
    assert audit(lab.journal.events) == [f"power cycle: {NAME}"]
    assert {event.who for event in lab.journal.events if isinstance(event, RepairChanged)} == {"me@here"}
    await ordered(lab, Retry((NAME,)))  # and begins anew, with all its attempts
    assert (ends(lab.rollout), machine.wipes) == ({HostStatus.DONE: 1}, 1)
    assert host.repaired == ""
    await lab.end()
    assert not lab.world.violations


@pytest.mark.parametrize("act", ["cancel", "clear"])
async def test_no_power_act_follows_a_disarm_that_failed(act: str) -> None:
    lab = await failed_at_power_on()
    machine = lab.machine(NAME)
    machine.troubles = [(act, StageFailure(Cause.REFUSED, "silent", retryable=False))]
    resets = machine.resets
    await ordered(lab, PowerCycle((NAME,)))
    assert machine.resets == resets
    assert "not disarmed, so nothing else was done" in lab.rollout.hosts[NAME].repaired
    assert lab.rollout.hosts[NAME].repair is None
    await lab.end()


async def test_build_mode_that_somebody_else_set_is_cancelled_before_the_power_act() -> None:
    lab = await failed_to_install()
    machine = lab.machine(NAME)
    machine.build, machine.override = True, True
    await ordered(lab, PowerCycle((NAME,)))
    assert (machine.build, machine.override, machine.power, machine.wipes) == (False, False, "On", 1)
    await lab.end()


async def test_a_foreman_that_cannot_be_read_prevents_the_power_act() -> None:
    lab = await failed_to_install()
    resets = lab.machine(NAME).resets
    lab.world.no_looks = StageFailure(Cause.UNREACHABLE, "no answer")
    await ordered(lab, PowerCycle((NAME,)))
    assert lab.machine(NAME).resets == resets
    assert "Foreman cannot be read: no answer" in lab.rollout.hosts[NAME].repaired
    await lab.end()


async def test_a_power_cycle_goes_to_the_identified_machine_only() -> None:
    lab = await failed_to_install()
    lab.world.network.facts[NAME].uuid = "00000099-aaaa-4bbb-8ccc-123456789abc"
    resets = lab.machine(NAME).resets
    await ordered(lab, PowerCycle((NAME,)))
    assert lab.machine(NAME).resets == resets
    assert "another machine" in lab.rollout.hosts[NAME].repaired
    await lab.end()


async def test_a_host_that_does_not_come_on_is_said_to_be_off() -> None:
    lab = await failed_to_install()
    lab.machine(NAME).troubles = [("on", NEVER_ON)]
    await ordered(lab, PowerCycle((NAME,)))
    host = lab.rollout.hosts[NAME]
    assert (host.safety, lab.machine(NAME).power) == (Safety.OFF, "Off")
    assert "never On (done before: seen Off)" in host.repaired
    await lab.end()


async def test_a_held_host_is_power_cycled_and_stays_held() -> None:
    lab = await failed_at_power_on()
    await ordered(lab, Hold((NAME,), "look at it"))
    await ordered(lab, PowerCycle((NAME,)))
    host = lab.rollout.hosts[NAME]
    assert (host.status, host.reason, lab.machine(NAME).power) == (HostStatus.HELD, "look at it", "On")
    assert lab.machine(NAME).wipes == 0
    await lab.end()


async def test_a_host_that_is_under_way_or_done_is_refused_with_the_reason() -> None:
    lab = lab_of([NAME])
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    await ordered(lab, PowerCycle((NAME,)), GiveBack((NAME,)), RestartBmc((NAME,)))
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    await ordered(lab, PowerCycle((NAME,)), GiveBack((NAME,)))
    under_way = "it is running (Install): hold or skip it first"
    done = "it is done: it belongs to its new owner"
    assert audit(lab.journal.events) == [
        f"power cycle: no host; not possible for {NAME}: {under_way}",
        f"give back: no host; not possible for {NAME}: {under_way}",
        f"BMC restart: no host; not possible for {NAME}: {under_way}",
        f"power cycle: no host; not possible for {NAME}: {done}",
        f"give back: no host; not possible for {NAME}: {done}",
    ]
    assert lab.machine(NAME).resets == 2
    await lab.end()


async def test_while_a_repair_runs_nothing_else_begins_on_the_host() -> None:
    lab = await failed_at_power_on()
    for command in (PowerCycle((NAME,)), Retry((NAME,)), Disarm((NAME,)), Skip((NAME,), "x"), GiveBack((NAME,))):
        lab.executor.submit(command)
    await lab.executor.settled()
    assert [line.partition(":")[0] for line in audit(lab.journal.events)] == [
        "power cycle",
        "retry",
        "disarm",
        "skip",
        "give back",
    ]
    assert all("no host" in line for line in audit(lab.journal.events)[1:])
    assert ends(lab.rollout) == {HostStatus.FAILED: 1}
    await lab.end()


async def test_a_stop_ends_a_power_cycle_before_its_next_act_and_says_what_was_done() -> None:
    lab = await failed_to_install()
    lab.machine(NAME).off_seconds = 15
    lab.executor.submit(PowerCycle((NAME,)))
    while not lab.rollout.hosts[NAME].repair:
        await asyncio.sleep(1)
    while len(intents(lab, "reset")) < 3:
        await asyncio.sleep(1)
    lab.executor.stop("operator")
    await lab.end()
    assert repairs(lab)[-1][1:] == ("failed", "interrupted: the rollout was stopped (done before: seen Off)")
    assert lab.machine(NAME).power == "Off"


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Kind.SPARE, "this rollout does not install it"),
        (Kind.OWNERSHIP, "only its owner is changed by this rollout: its BMC is not contacted"),
    ],
)
async def test_hosts_that_are_not_installed_are_not_power_cycled(kind: Kind, why: str) -> None:
    lab = lab_of([NAME], kind=kind)
    lab.executor.submit(Hold((NAME,), "x"))
    await lab.run()
    await ordered(lab, PowerCycle((NAME,)))
    assert audit(lab.journal.events)[-1] == f"power cycle: no host; not possible for {NAME}: {why}"
    await lab.end()


# Give back


async def test_a_host_that_failed_to_install_is_given_back_by_one_write() -> None:
    lab = await failed_to_install()
    machine = lab.machine(NAME)
    writes = lab.world.writes[NAME]
    await ordered(lab, GiveBack((NAME,)))
    host = lab.rollout.hosts[NAME]
    assert (machine.wanted["owner_id"], machine.build, lab.world.writes[NAME]) == (FORMER, False, writes + 1)
    assert (host.status, host.given_back, host.owned) == (HostStatus.FAILED, "cloud01", False)
    assert host.full_reason.startswith("give back done: given back to cloud01; its disk may have been wiped; ")
    await ordered(lab, GiveBack((NAME,)))
    assert lab.world.writes[NAME] == writes + 1
    assert "it was given back to cloud01" in audit(lab.journal.events)[-1]
    await lab.end()


async def test_a_host_that_was_given_back_is_taken_again_by_a_restart_only() -> None:
    """A retry of all failed hosts must not wipe it under its owner."""
    lab = await failed_to_install()
    await ordered(lab, GiveBack((NAME,)))
    wipes = lab.machine(NAME).wipes
    await ordered(lab, Retry((NAME,)), Skip((NAME,), "x"))
    await ordered(lab, Unskip((NAME,)), PowerCycle((NAME,)))
    host = lab.rollout.hosts[NAME]
    assert (lab.machine(NAME).wipes, host.status, host.given_back) == (wipes, HostStatus.SKIPPED, "cloud01")
    lab.machine(NAME).installs = "built"
    await ordered(lab, Retry((NAME,), from_start=True))
    assert (ends(lab.rollout), host.given_back) == ({HostStatus.DONE: 1}, "")
    await lab.end()


async def test_an_armed_host_is_disarmed_before_it_is_given_back() -> None:
    lab = await failed_at_power_on()
    await ordered(lab, GiveBack((NAME,)))
    machine, host = lab.machine(NAME), lab.rollout.hosts[NAME]
    assert (machine.wanted["owner_id"], machine.build, machine.override) == (FORMER, False, False)
    assert (host.armed, host.given_back, host.safety) == (False, "cloud01", Safety.DISARMED)
    await lab.end()


async def test_a_host_that_cannot_be_disarmed_is_not_given_back() -> None:
    lab = await failed_at_power_on()
    lab.machine(NAME).troubles = [("clear", StageFailure(Cause.REFUSED, "silent", retryable=False))]
    await ordered(lab, GiveBack((NAME,)))
    assert lab.machine(NAME).wanted["owner_id"] == 41
    assert "not disarmed, so nothing else was done" in lab.rollout.hosts[NAME].repaired
    await lab.end()


async def test_a_host_whose_owner_somebody_changed_since_is_left_to_its_owner() -> None:
    lab = await failed_to_install()
    lab.machine(NAME).wanted["owner_id"] = 99
    writes = lab.world.writes[NAME]
    await ordered(lab, GiveBack((NAME,)))
    assert (lab.world.writes[NAME], lab.rollout.hosts[NAME].given_back) == (writes, "")
    assert "Foreman shows another owner now (User 99)" in lab.rollout.hosts[NAME].repaired
    await lab.end()


async def test_a_host_whose_former_owner_is_not_known_is_refused() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).installs = "failed"
    await lab.run()
    await ordered(lab, GiveBack((NAME,)))
    assert audit(lab.journal.events) == [f"give back: no host; not possible for {NAME}: its former owner is not known"]
    await lab.end()


async def test_a_lost_answer_to_the_give_back_is_settled_and_not_sent_again() -> None:
    lab = await failed_to_install()
    lab.machine(NAME).troubles = [("give_back", "answer lost")]
    writes = lab.world.writes[NAME]
    await ordered(lab, GiveBack((NAME,)))
    assert (lab.world.writes[NAME], lab.rollout.hosts[NAME].given_back) == (writes + 1, "cloud01")
    assert len(intents(lab, GIVE_BACK)) == 1
    await lab.end()


async def test_many_are_given_back_one_write_at_a_time() -> None:
    hosts = names(6)
    lab = await failed_to_install(hosts)
    await ordered(lab, GiveBack(tuple(hosts)))
    assert lab.world.peak_writes == 1
    assert {lab.rollout.hosts[name].given_back for name in hosts} == {"cloud01"}
    await lab.end()


# BMC restart


async def test_a_bmc_is_restarted_once_and_the_machine_is_left_alone() -> None:
    lab = await failed_at_power_on()
    machine, host = lab.machine(NAME), lab.rollout.hosts[NAME]
    before = (machine.power, machine.resets, machine.build, machine.override, host.attempts.copy(), host.safety)
    await ordered(lab, RestartBmc((NAME,)))
    assert (machine.power, machine.resets, machine.build, machine.override, host.attempts, host.safety) == before
    assert machine.restarts == 1
    assert host.repaired == f"BMC restart done: GracefulRestart accepted; power {machine.power} as before"
    assert not lab.world.left[NAME]
    await lab.end()
    assert lab.world.sessions[NAME] == 0


async def test_a_bmc_that_loses_the_boot_override_in_its_restart_leaves_the_host_unarmed() -> None:
    lab = await failed_at_power_on()
    lab.executor.submit(RestartBmc((NAME,)))
    while not lab.machine(NAME).restarts:
        await asyncio.sleep(1)
    lab.machine(NAME).override = False
    await ordered(lab)
    host = lab.rollout.hosts[NAME]
    assert (host.armed, host.safety, lab.machine(NAME).build) == (False, Safety.OFF, True)
    await ordered(lab, Retry((NAME,)))  # sets it again
    assert (ends(lab.rollout), lab.machine(NAME).wipes) == ({HostStatus.DONE: 1}, 1)
    await lab.end()


async def test_a_foreman_that_refuses_our_login_ends_the_repair_and_the_rollout() -> None:
    lab = await failed_to_install()
    lab.world.no_looks = CredentialsRefused("login refused")
    await ordered(lab, PowerCycle((NAME,)))
    assert repairs(lab)[-1] == ("power_cycle", "failed", "login refused")
    assert lab.executor.stopped == "safety"
    await lab.end()


async def test_a_bmc_that_two_hosts_share_is_restarted_once_for_both() -> None:
    lab, hosts = await two_behind_one_bmc()
    await ordered(lab, RestartBmc(tuple(hosts)))
    assert [lab.machine(name).restarts for name in hosts] == [1, 1]
    assert len(intents(lab, BMC_RESET)) == 1
    assert audit(lab.journal.events)[-1] == f"BMC restart: {', '.join(hosts)}"
    await lab.end()


async def test_it_is_refused_while_another_host_behind_the_bmc_is_under_way() -> None:
    hosts = names(2)
    lab = lab_of(hosts)
    share_a_bmc(lab, *hosts)
    lab.machine(hosts[0]).troubles = [("off", StageFailure(Cause.REFUSED, "no", retryable=False))]
    lab.executor.start()
    while lab.rollout.hosts[hosts[1]].stage is not Stage.INSTALL:
        await asyncio.sleep(1)
    await ordered(lab, RestartBmc(hosts[:1]))
    why = f"its BMC also serves {hosts[1]}, which is running (Install): hold or skip {hosts[1]} first"
    assert audit(lab.journal.events) == [f"BMC restart: no host; not possible for {hosts[0]}: {why}"]
    assert lab.machine(hosts[0]).restarts == 0
    await lab.end()


async def test_it_is_refused_where_the_bmc_is_that_of_a_protected_host() -> None:
    lab = await failed_at_power_on()
    peer = lab.world.network.leads[NAME]
    plan = Plan(lab.plan.goals, lab.plan.hosts, protected=(Protected("foreman.example.com", Identity(peer)),))
    lab.rollout.plan = plan
    await ordered(lab, RestartBmc((NAME,)))
    assert "its BMC also serves foreman.example.com, which is protected" in audit(lab.journal.events)[-1]
    assert lab.machine(NAME).restarts == 0
    await lab.end()


async def test_a_neighbour_that_is_retried_meanwhile_waits_until_the_bmc_answers_again() -> None:
    lab, hosts = await two_behind_one_bmc()
    lab.executor.submit(RestartBmc(hosts[:1]))
    while not lab.machine(hosts[0]).restarts:
        await asyncio.sleep(1)
    began = lab.clock.now()
    attempts = dict(lab.rollout.hosts[hosts[1]].attempts)
    await ordered(lab, Retry(hosts[1:]), PowerCycle(hosts[1:]))
    assert lab.rollout.hosts[hosts[1]].status is HostStatus.DONE
    assert lab.clock.now() - began > 150
    assert lab.rollout.hosts[hosts[1]].attempts[Stage.POWER_ON] == attempts[Stage.POWER_ON] + 1
    assert "no host" in audit(lab.journal.events)[-1]
    await lab.end()
    assert not lab.world.violations


async def test_a_bmc_that_refuses_is_said_so_and_nothing_was_done() -> None:
    lab = await failed_at_power_on()
    lab.machine(NAME).troubles = [("restart", StageFailure(Cause.REFUSED, "no privilege", retryable=False))]
    await ordered(lab, RestartBmc((NAME,)))
    assert repairs(lab)[-1] == ("bmc_restart", "failed", "no privilege")
    assert lab.rollout.hosts[NAME].armed
    await lab.end()
