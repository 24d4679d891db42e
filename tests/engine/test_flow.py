"""The flow of hosts against a model lab in virtual time, judged by what happened to the machines."""

from __future__ import annotations

import asyncio

import pytest

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.commands import Disarm, Hold, Pause, Release, Retry, Skip, Stop, Unskip
from quads_tui.rollout.events import Intent, StageChanged
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.plan import HostPlan, Target
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout

from .model import TARGET, Lab, busy

pytestmark = pytest.mark.looptime


def names(count: int) -> list[str]:
    return [f"h{n:02}.example.com" for n in range(count)]


def ends(rollout: Rollout) -> dict[HostStatus, int]:
    return {status: count for status, count in rollout.counts.items() if count}


async def test_sixteen_hosts_end_done_with_one_write_and_one_wipe_each() -> None:
    lab = Lab(names(16))
    rollout = await lab.run()
    await lab.end()
    assert ends(rollout) == {HostStatus.DONE: 16}
    assert {machine.wipes for machine in lab.world.machines.values()} == {1}
    assert set(lab.world.writes.values()) == {1}
    assert lab.world.peak_writes == 1
    assert not +lab.world.sessions
    assert lab.world.reads["host"] == 0  # never one read per host


async def test_a_bmc_that_knows_no_one_time_boot_is_cleared_when_the_install_has_ended() -> None:
    lab = Lab(names(2))
    lab.world.pxe_persistent = True
    rollout = await lab.run()
    await lab.end()
    assert ends(rollout) == {HostStatus.DONE: 2}
    assert [(machine.wipes, machine.override) for machine in lab.world.machines.values()] == [(1, False)] * 2


async def test_every_act_has_its_intent_before_it() -> None:
    lab = Lab(names(3))
    await lab.run()
    for name in names(3):
        acts = [event.act for event in lab.journal.events if isinstance(event, Intent) and event.host == name]
        assert acts == ["reset", "override", "build", "reset"]
    numbers = [event.number for event in lab.journal.events if isinstance(event, Intent)]
    assert len(set(numbers)) == len(numbers)


async def test_stage_events_are_causal_per_attempt() -> None:
    lab = Lab(names(6))
    lab.machine(names(6)[1]).troubles = [("pxe", busy()), ("pxe", busy())]
    lab.machine(names(6)[2]).troubles = [("on", StageFailure(Cause.TIMEOUT, "never On", retryable=False))]
    await lab.run()
    assert_causal(lab.journal.events)


def assert_causal(events: list[object]) -> None:
    open_attempts: dict[tuple[str, Stage], int] = {}
    seen: dict[tuple[str, Stage], int] = {}
    for event in events:
        if not isinstance(event, StageChanged):
            continue
        key = (event.host, event.stage)
        if event.status is StageStatus.STARTED:
            assert key not in open_attempts
            assert event.attempt == seen.get(key, 0) + 1
            open_attempts[key] = seen[key] = event.attempt
        else:
            assert open_attempts.pop(key) == event.attempt
    assert not open_attempts


async def test_wipe_false_moves_ownership_and_touches_no_power() -> None:
    lab = Lab(names(4), kind=Kind.OWNERSHIP, target=Target(owner_id=41))
    rollout = await lab.run()
    assert ends(rollout) == {HostStatus.DONE: 4}
    assert {(m.resets, m.wipes, m.build, m.wanted["owner_id"]) for m in lab.world.machines.values()} == {(0, 0, False, 41)}
    stages = {event.stage for event in lab.journal.events if isinstance(event, StageChanged)}
    assert stages == {Stage.FOREMAN_BUILD}


async def test_the_spare_pool_is_powered_off_without_a_write() -> None:
    lab = Lab(names(4), kind=Kind.SPARE)
    rollout = await lab.run()
    assert ends(rollout) == {HostStatus.DONE: 4}
    assert {machine.power for machine in lab.world.machines.values()} == {"Off"}
    assert not lab.world.writes


async def test_a_transient_trouble_is_retried_and_the_host_ends_done() -> None:
    lab = Lab(names(2))
    lab.machine(names(2)[0]).troubles = [("off", busy()), ("build", StageFailure(Cause.BUSY, "503", after=7.0))]
    rollout = await lab.run()
    assert ends(rollout) == {HostStatus.DONE: 2}
    assert rollout.hosts[names(2)[0]].attempts == {
        Stage.POWER_OFF: 2,
        Stage.PXE_SET: 1,
        Stage.FOREMAN_BUILD: 2,
        Stage.POWER_ON: 1,
        Stage.INSTALL: 1,
    }


async def test_an_hour_behind_a_paused_lane_is_no_absence_of_foreman() -> None:
    lab = Lab(names(3))
    lab.machine(names(3)[0]).troubles = [("build", busy()), ("build", busy())]
    lab.executor.start()
    lab.executor.submit(Pause("writes", True))
    await asyncio.sleep(3600)
    lab.executor.submit(Pause("writes", False))
    await lab.executor.settled()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 3}


async def test_a_failure_before_the_write_leaves_the_machine_off_and_safe() -> None:
    lab = Lab(names(1))
    refused = StageFailure(Cause.FOREMAN, "422 conflict", retryable=False)
    lab.machine(names(1)[0]).troubles = [("build", refused)]
    rollout = await lab.run()
    host = rollout.hosts[names(1)[0]]
    machine = lab.machine(names(1)[0])
    assert (host.status, host.stage, host.cause, host.armed) == (HostStatus.FAILED, Stage.FOREMAN_BUILD, Cause.FOREMAN, False)
    assert (machine.power, machine.override, machine.build, machine.wipes) == ("Off", False, False, 0)
    assert (host.reason, host.safety) == ("422 conflict", Safety.OFF)


async def test_a_failure_after_the_write_stays_armed_and_says_so_until_disarmed() -> None:
    lab = Lab(names(1))
    name = names(1)[0]
    lab.machine(name).troubles = [("on", StageFailure(Cause.TIMEOUT, "never On", retryable=False))]
    rollout = await lab.run()
    assert rollout.hosts[name].armed
    assert rollout.hosts[name].safety is Safety.ARMED
    assert lab.machine(name).override
    assert lab.machine(name).build
    lab.executor.submit(Disarm((name,)))
    await asyncio.sleep(60)
    assert not rollout.hosts[name].armed
    assert rollout.hosts[name].safety is Safety.DISARMED
    assert (lab.machine(name).override, lab.machine(name).build) == (False, False)
    assert rollout.hosts[name].status is HostStatus.FAILED
    lab.executor.submit(Retry((name,)))
    await asyncio.sleep(1)
    await lab.executor.settled()
    assert rollout.hosts[name].status is HostStatus.DONE
    assert lab.machine(name).wipes == 1


async def test_d7_a_machine_that_may_have_booted_is_not_said_to_be_off() -> None:
    """Its BMC took the On and shows no power state that could be believed."""
    lab = Lab(names(1))
    name = names(1)[0]
    machine = lab.machine(name)
    machine.troubles = [("on", StageFailure(Cause.TIMEOUT, "still Paused after 2 On commands this attempt", retryable=False))]
    lab.executor.start()
    while lab.rollout.hosts[name].stage is not Stage.POWER_ON:
        await asyncio.sleep(0.1)
    machine.power, machine.override = "On", False
    await lab.executor.settled()
    host = lab.rollout.hosts[name]
    assert (host.status, host.stage, host.armed) == (HostStatus.FAILED, Stage.POWER_ON, False)
    assert host.safety is Safety.INSTALLING


async def test_retry_goes_on_from_the_failed_stage_without_a_second_write() -> None:
    lab = Lab(names(1))
    name = names(1)[0]
    lab.machine(name).troubles = [("on", StageFailure(Cause.TIMEOUT, "never On", retryable=False))]
    rollout = await lab.run()
    lab.executor.submit(Retry((name,)))
    await asyncio.sleep(1)
    await lab.executor.settled()
    assert rollout.hosts[name].status is HostStatus.DONE
    assert lab.world.writes[name] == 1
    assert rollout.hosts[name].attempts[Stage.POWER_OFF] == 1
    assert rollout.hosts[name].attempts[Stage.POWER_ON] == 2


async def test_a_failed_install_is_rebuilt_only_by_a_human() -> None:
    lab = Lab(names(1))
    name = names(1)[0]
    lab.machine(name).installs = "failed"
    rollout = await lab.run()
    assert (rollout.hosts[name].cause, lab.machine(name).wipes) == (Cause.INSTALL_FAILED, 1)
    lab.machine(name).installs = "built"
    lab.executor.submit(Retry((name,)))
    await asyncio.sleep(1)
    await lab.executor.settled()
    assert rollout.hosts[name].status is HostStatus.DONE
    assert lab.machine(name).wipes == 2


async def test_an_install_that_never_ends_fails_at_the_deadline_and_can_be_watched_again() -> None:
    lab = Lab(names(1))
    name = names(1)[0]
    lab.machine(name).install_seconds = 7000
    rollout = await lab.run()
    host = rollout.hosts[name]
    assert (host.status, host.cause, host.armed) == (HostStatus.FAILED, Cause.INSTALL_TIMEOUT, False)
    assert 5400 <= lab.clock.now() < 5600
    lab.executor.submit(Retry((name,)))
    await asyncio.sleep(1)
    await lab.executor.settled()
    assert host.status is HostStatus.DONE
    assert lab.machine(name).wipes == 1


async def test_a_build_cancelled_by_somebody_is_not_called_done() -> None:
    lab = Lab(names(1))
    name = names(1)[0]
    lab.machine(name).install_seconds = 3000

    async def somebody() -> None:
        await asyncio.sleep(300)
        lab.machine(name).build, lab.machine(name).build_status = False, 0

    meddling = asyncio.ensure_future(somebody())
    rollout = await lab.run()
    await meddling
    assert (rollout.hosts[name].status, rollout.hosts[name].cause) == (HostStatus.FAILED, Cause.CANCELLED)


async def test_a_host_found_in_build_is_cancelled_first() -> None:
    lab = Lab(names(1))
    name = names(1)[0]
    lab.machine(name).build, lab.machine(name).build_status = True, 2
    rollout = await lab.run()
    assert rollout.hosts[name].status is HostStatus.DONE
    acts = [event.act for event in lab.journal.events if isinstance(event, Intent) and event.act in ("cancel", "build")]
    assert acts == ["cancel", "build"]


async def test_a_token_that_would_die_during_the_install_is_armed_anew() -> None:
    lab = Lab(names(1), token_seconds=5500.0)
    name = names(1)[0]
    lab.machine(name).troubles = [("on", StageFailure(Cause.BUSY, "busy", after=200.0))]
    rollout = await lab.run()
    assert rollout.hosts[name].status is HostStatus.DONE
    assert lab.world.writes[name] == 3  # build, cancel, build
    assert lab.machine(name).wipes == 1


async def test_a_lost_answer_is_settled_by_a_read_and_not_sent_again() -> None:
    lab = Lab(names(3))
    lab.machine(names(3)[0]).troubles = [("build", "answer lost")]
    lab.machine(names(3)[1]).troubles = [("build", "lost")]
    rollout = await lab.run()
    assert ends(rollout) == {HostStatus.DONE: 3}
    assert lab.world.writes[names(3)[0]] == 1
    assert lab.world.peak_writes == 1


async def test_an_unusable_host_fails_in_its_stage_and_nothing_is_done_to_it() -> None:
    name = names(2)[0]
    blocked = HostPlan(name, "x", blocker="no such host", blocker_stage=Stage.FOREMAN_BUILD, blocker_cause=Cause.UNKNOWN_HOST)
    lab = Lab(names(2), plans={name: blocked})
    rollout = await lab.run()
    host = rollout.hosts[name]
    assert (host.status, host.stage, host.cause) == (HostStatus.FAILED, Stage.FOREMAN_BUILD, Cause.UNKNOWN_HOST)
    assert (lab.machine(name).resets, lab.world.writes[name]) == (0, 0)
    assert rollout.hosts[names(2)[1]].status is HostStatus.DONE


async def test_parameters_that_differ_get_a_write_of_their_own() -> None:
    plans = {name: HostPlan(name, "x", parameters=("overcloud",) if name == names(2)[0] else ()) for name in names(2)}
    target = Target(**{field: getattr(TARGET, field) for field in ("owner_id", "operatingsystem_id", "ptable_id", "medium_id")},
                    parameters={"overcloud": "true"})  # fmt: skip
    lab = Lab(names(2), plans=plans, target=target)
    rollout = await lab.run()
    assert ends(rollout) == {HostStatus.DONE: 2}
    assert lab.machine(names(2)[0]).parameters == {"overcloud": "true"}
    assert [lab.world.writes[name] for name in names(2)] == [2, 1]


async def test_skip_takes_effect_before_the_next_act_and_disarms() -> None:
    lab = Lab(names(1), limits=Limits(attempts=5))
    name = names(1)[0]
    lab.machine(name).troubles = [("on", busy())] * 3
    lab.executor.start()
    while lab.rollout.hosts[name].status is not HostStatus.WAITING:
        await asyncio.sleep(1)
    assert lab.rollout.hosts[name].armed
    lab.executor.submit(Skip((name,), "bad DIMM"))
    await lab.executor.settled()
    host, machine = lab.rollout.hosts[name], lab.machine(name)
    assert (host.status, host.armed) == (HostStatus.SKIPPED, False)
    assert "bad DIMM" in host.reason
    assert (machine.power, machine.build, machine.override, machine.wipes) == ("Off", False, False, 0)
    machine.troubles = []
    lab.executor.submit(Unskip((name,)))
    await asyncio.sleep(1)
    await lab.executor.settled()
    assert (host.status, machine.wipes) == (HostStatus.DONE, 1)


async def test_skip_while_installing_touches_nothing() -> None:
    lab = Lab(names(1))
    name = names(1)[0]
    lab.executor.start()
    while lab.rollout.hosts[name].stage is not Stage.INSTALL:
        await asyncio.sleep(1)
    writes, resets = lab.world.writes[name], lab.machine(name).resets
    lab.executor.submit(Skip((name,), ""))
    await lab.executor.settled()
    assert lab.rollout.hosts[name].status is HostStatus.SKIPPED
    assert (lab.world.writes[name], lab.machine(name).resets) == (writes, resets)
    assert lab.machine(name).build


async def test_a_queued_host_that_is_skipped_is_never_touched() -> None:
    lab = Lab(names(5))
    held, last = names(5)[3:]
    lab.executor.start()
    await asyncio.sleep(1)
    lab.executor.submit(Skip((last,), "not today"))
    lab.executor.submit(Hold((held,), "ask Jane"))
    await asyncio.sleep(1)
    await lab.executor.settled()
    assert ends(lab.rollout) == {HostStatus.DONE: 3, HostStatus.SKIPPED: 1, HostStatus.HELD: 1}
    assert lab.machine(last).resets == lab.machine(held).resets == 0
    lab.executor.submit(Release((held,)))
    await asyncio.sleep(1)
    await lab.executor.settled()
    assert lab.rollout.hosts[held].status is HostStatus.DONE


async def test_paused_writes_hold_the_lane_and_paused_admission_the_rest() -> None:
    lab = Lab(names(30), limits=Limits(ahead=8))
    lab.executor.submit(Pause("writes", True))
    lab.executor.start()
    await asyncio.sleep(600)
    assert not lab.world.writes
    off = [machine for machine in lab.world.machines.values() if machine.power == "Off"]
    assert len(off) == 3  # until the first write is verified
    lab.executor.submit(Pause("writes", False))
    while not any(host.stage is Stage.INSTALL for host in lab.rollout.hosts.values()):
        await asyncio.sleep(1)
    lab.executor.submit(Pause("writes", True))
    await asyncio.sleep(900)
    dark = [m for m in lab.world.machines.values() if m.power == "Off" and not m.build]
    assert len(dark) == 8
    lab.executor.submit(Pause("writes", False))
    await lab.executor.settled()
    assert ends(lab.rollout) == {HostStatus.DONE: 30}


async def test_stop_begins_no_new_act_and_leaves_the_rest_unfinished() -> None:
    lab = Lab(names(10))
    lab.executor.start()
    while not lab.world.writes:
        await asyncio.sleep(1)
    lab.executor.submit(Stop())
    await lab.executor.settled()
    await lab.end()
    acts = len([event for event in lab.journal.events if isinstance(event, Intent)])
    await asyncio.sleep(4000)
    assert len([event for event in lab.journal.events if isinstance(event, Intent)]) == acts
    assert not lab.rollout.settled
    assert lab.executor.stopped == "operator"
    assert_causal(lab.journal.events)
    assert not +lab.world.sessions


async def test_a_foreman_that_is_away_costs_time_and_no_host() -> None:
    lab = Lab(names(40))
    away = StageFailure(Cause.UNREACHABLE, "Foreman refused the connection")
    for name in names(40)[5:]:
        lab.machine(name).troubles = [("build", away)] * 6
    rollout = await lab.run()
    assert ends(rollout) == {HostStatus.DONE: 40}
    assert lab.executor.stopped == ""


async def test_a_foreman_that_stays_away_stops_the_rollout_with_few_hosts_dark() -> None:
    lab = Lab(names(12), limits=Limits(ahead=5, foreman_build=120))  # seconds until it counts as away
    for name in names(12)[1:]:
        lab.machine(name).troubles = [("build", StageFailure(Cause.UNREACHABLE, "Foreman refused the connection"))] * 500
    lab.executor.start()
    await lab.executor.settled()
    await lab.end()
    assert lab.executor.stopped == "safety"
    assert lab.rollout.counts[HostStatus.FAILED] == 0
    assert sum(machine.power == "Off" for machine in lab.world.machines.values()) <= 5
    assert "Foreman has been unavailable for" in lab.rollout.notices[-1].text


async def test_protected_hosts_are_held_even_if_a_plan_names_them() -> None:
    lab = Lab(names(2), protected=frozenset({names(2)[0]}))
    rollout = await lab.run()
    assert ends(rollout) == {HostStatus.HELD: 1, HostStatus.DONE: 1}
    assert lab.machine(names(2)[0]).resets == 0
