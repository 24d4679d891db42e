"""What a resume must find out before it acts: what Foreman and the machines became while nobody ran the rollout."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.commands import Hold, Pause, Skip
from quads_tui.rollout.events import HookRan, HostNote, Intent, StageChanged
from quads_tui.rollout.hooks import Hook
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus

from .model import TARGET, Lab
from .test_flow import assert_causal, ends, names
from .world import EPOCH

pytestmark = pytest.mark.looptime

NAME = names(1)[0]


def dark(lab: Lab) -> int:
    return sum(machine.power == "Off" and not machine.build for machine in lab.world.machines.values())


def finished(lab: Lab, stage: Stage) -> int:
    return sum(
        isinstance(event, StageChanged) and event.stage is stage and event.status is StageStatus.FINISHED
        for event in lab.journal.events
    )


def builds(lab: Lab) -> int:
    return sum(isinstance(event, Intent) and event.act == "build" for event in lab.journal.events)


async def armed_and_killed(count: int = 1) -> Lab:
    """The first host's write was applied, it was not powered on, and the console died."""
    lab = Lab(names(count))
    lab.machine(NAME).troubles = [("on", StageFailure(Cause.BUSY, "busy", after=100.0))]
    lab.executor.start()
    while lab.rollout.hosts[NAME].status is not HostStatus.WAITING:
        await asyncio.sleep(0.1)
    await lab.crash()
    return lab


async def to_the_end(lab: Lab) -> None:
    lab.resume()
    await lab.run()
    await lab.end()
    assert_causal(lab.journal.events)
    assert lab.world.peak_writes <= 1


# Whether a build was verified


async def test_a_resume_keeps_few_hosts_dark_until_a_build_is_verified() -> None:
    lab = Lab(names(30))
    lab.executor.submit(Pause("writes", True))
    lab.executor.start()
    while not finished(lab, Stage.PXE_SET):
        await asyncio.sleep(1)
    await lab.crash()
    lab.resume()
    lab.executor.start()
    await asyncio.sleep(900)
    assert 1 <= dark(lab) <= 3
    lab.executor.submit(Pause("writes", False))
    await lab.executor.settled()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 30}


async def test_a_resume_remembers_that_a_build_was_verified() -> None:
    lab = Lab(names(30))
    lab.executor.start()
    while not finished(lab, Stage.FOREMAN_BUILD):
        await asyncio.sleep(0.1)
    await lab.crash()  # in this very moment: nobody else has gone dark yet
    lab.resume()
    lab.executor.submit(Pause("writes", True))
    lab.executor.start()
    await asyncio.sleep(900)
    assert dark(lab) > 3
    await lab.crash()


# Orders


async def test_a_skip_stays_a_skip_and_a_hold_a_hold() -> None:
    lab = Lab(names(2))
    skipped, held = names(2)
    lab.executor.start()
    while lab.rollout.hosts[skipped].stage is not Stage.PXE_SET:
        await asyncio.sleep(0.1)
    lab.executor.submit(Skip((skipped,), "leave it"))
    lab.executor.submit(Hold((held,), "wait for Jane"))
    while not any(event.kind == "ordered" and event.host == held for event in lab.journal.events):
        await asyncio.sleep(0)
    await lab.crash()
    await to_the_end(lab)
    assert (lab.rollout.hosts[skipped].status, lab.rollout.hosts[held].status) == (HostStatus.SKIPPED, HostStatus.HELD)
    assert "leave it" in lab.rollout.hosts[skipped].reason
    assert "wait for Jane" in lab.rollout.hosts[held].reason


# Hooks of a cloud

HOOK = Hook("tenant", ("true",), "before", Stage.POWER_OFF, per_cloud=True)


@pytest.mark.parametrize(
    ("hook", "cloud", "ok", "again"),
    [("tenant", "cloud02", True, False), ("tenant", "cloud02", False, True), ("tenant", "cloud09", True, True),
     ("tenant", "", True, True), ("other", "cloud02", True, True)],
)  # fmt: skip
async def test_a_hook_of_a_cloud_that_ran_does_not_run_again_after_a_resume(hook: str, cloud: str, ok: bool, again: bool) -> None:
    lab = Lab([NAME], hooks=(HOOK,))
    lab.journal.record(HookRan(lab.clock.wall(), NAME, hook, cloud, ok, 1.0, ""))
    lab.resume()
    lab.executor.start()
    while not any(isinstance(event, Intent) for event in lab.journal.events):
        await asyncio.sleep(0.1)
    assert [event.act for event in lab.journal.events if isinstance(event, Intent)] == (["hook"] if again else ["reset"])
    await lab.crash()


# What became of a build that was written and not booted


async def test_a_build_that_stands_is_powered_on_without_another_write() -> None:
    lab = await armed_and_killed()
    await to_the_end(lab)
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    assert (builds(lab), lab.machine(NAME).wipes, lab.machine(NAME).resets) == (1, 1, 2)


async def test_a_build_that_somebody_cancelled_meanwhile_is_begun_anew() -> None:
    lab = await armed_and_killed()
    lab.machine(NAME).build, lab.machine(NAME).build_status = False, 0
    await to_the_end(lab)
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    assert (builds(lab), lab.machine(NAME).wipes) == (2, 1)
    again = {event.stage for event in lab.journal.events if isinstance(event, StageChanged) and event.attempt == 2}
    assert {Stage.POWER_OFF, Stage.PXE_SET, Stage.FOREMAN_BUILD, Stage.POWER_ON} <= again


async def test_a_build_that_somebody_cancelled_meanwhile_arms_nobody() -> None:
    lab = await armed_and_killed()
    machine = lab.machine(NAME)
    machine.build, machine.build_status = False, 0
    machine.troubles = [("pxe", StageFailure(Cause.REFUSED, "no licence", retryable=False))]
    await to_the_end(lab)
    host = lab.rollout.hosts[NAME]
    assert (host.status, host.stage, host.armed) == (HostStatus.FAILED, Stage.PXE_SET, False)
    assert (machine.power, machine.override, machine.build) == ("Off", False, False)


async def test_a_host_that_somebody_booted_and_that_was_built_meanwhile_is_done() -> None:
    lab = await armed_and_killed()
    machine = lab.machine(NAME)
    machine.power, machine.override, machine.build, machine.build_status = "On", False, False, 0
    machine.installed_at = EPOCH + timedelta(seconds=lab.clock.now())
    await to_the_end(lab)
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    assert (builds(lab), machine.resets, machine.power) == (1, 1, "On")
    assert lab.rollout.left_armed == []


async def test_a_host_that_was_built_meanwhile_and_switched_off_is_done_too() -> None:
    """The installer of some systems powers off at its end: Foreman's word counts, and nothing is built a second time."""
    lab = await armed_and_killed()
    machine = lab.machine(NAME)
    machine.override, machine.build, machine.build_status = False, False, 0
    machine.installed_at = EPOCH + timedelta(seconds=lab.clock.now())
    await to_the_end(lab)
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    assert (builds(lab), machine.resets) == (1, 1)
    assert lab.rollout.left_armed == []


async def test_a_host_that_runs_though_its_build_was_cancelled_is_not_switched_off() -> None:
    lab = await armed_and_killed()
    machine = lab.machine(NAME)
    machine.power, machine.override, machine.build, machine.build_status = "On", False, False, 0
    await to_the_end(lab)
    host = lab.rollout.hosts[NAME]
    assert (host.status, host.stage, host.cause) == (HostStatus.FAILED, Stage.INSTALL, Cause.CANCELLED)
    assert (builds(lab), machine.resets, machine.power, machine.wipes) == (1, 1, "On", 0)


async def test_a_host_that_foreman_shows_no_more_fails_and_the_others_go_on() -> None:
    lab = await armed_and_killed(3)
    lab.machine(NAME).gone = True
    resets = lab.machine(NAME).resets
    await to_the_end(lab)
    host = lab.rollout.hosts[NAME]
    assert (host.status, host.cause) == (HostStatus.FAILED, Cause.UNKNOWN_HOST)
    assert "no longer" in host.reason
    assert lab.machine(NAME).resets == resets
    assert ends(lab.rollout) == {HostStatus.FAILED: 1, HostStatus.DONE: 2}


async def test_a_foreman_that_stays_away_at_a_resume_stops_the_rollout_and_says_so() -> None:
    lab = await armed_and_killed(3)
    lab.world.no_looks = StageFailure(Cause.UNREACHABLE, "connection refused")
    resets = [machine.resets for machine in lab.world.machines.values()]
    lab.resume()
    lab.executor.start()
    await lab.executor.settled()
    await lab.end()
    assert lab.executor.stopped == "safety"
    assert lab.rollout.notices[-1].text.startswith("stopped: Foreman ")
    assert any("connection refused" in notice.text for notice in lab.rollout.notices)
    assert lab.rollout.hosts[NAME].status is not HostStatus.FAILED
    assert lab.machine(NAME).resets == resets[0]
    assert lab.world.builds[NAME] == 1


async def test_an_armed_host_that_the_site_protects_meanwhile_is_held_and_said_to_be_not_safe() -> None:
    lab = await armed_and_killed(2)
    machine = lab.machine(NAME)
    before = (machine.power, machine.build, machine.override, machine.resets, lab.world.writes[NAME])
    lab.world.shown.clear()
    lab.resume(protected=frozenset({NAME}))
    await lab.run()
    await lab.end()
    assert NAME not in lab.world.shown, "its BMC is not even looked at"
    host = lab.rollout.hosts[NAME]
    assert (host.status, host.armed) == (HostStatus.HELD, True)
    assert "protected" in host.reason  # why it is held
    assert "protected" in host.not_disarmed
    assert host.safety is Safety.ARMED
    assert (machine.power, machine.build, machine.override, machine.resets, lab.world.writes[NAME]) == before


@pytest.mark.parametrize(("act", "turn"), [("build", True), ("parameter", False)])
async def test_the_first_build_of_a_dead_process_keeps_its_turn_and_no_other_write_does(act: str, turn: bool) -> None:
    lab = Lab(
        names(3),
        plans={name: HostPlan(name, "x", parameters=("overcloud",)) for name in names(3)},
        target=replace(TARGET, parameters={"overcloud": "true"}),
    )
    lab.machine(NAME).troubles = [(act, "lost")]
    lab.executor.start()
    while not any(isinstance(event, Intent) and event.act == act for event in lab.journal.events):
        await asyncio.sleep(0.1)
    await asyncio.sleep(20)  # the others are ready
    await lab.crash()
    lab.resume()
    began = len(lab.journal.events)
    lab.executor.start()
    await asyncio.sleep(100)
    words = f"ready; the first write to Foreman (for {NAME}) is not verified yet"
    told = {event.host for event in lab.journal.events[began:] if isinstance(event, HostNote) and event.text == words}
    assert bool(told) is turn
    await lab.executor.settled()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 3}


async def test_b1_a_place_that_a_refused_host_keeps_is_kept_over_a_crash() -> None:
    lab = Lab(names(60))
    for n, machine in enumerate(lab.world.machines.values()):
        words = f"Foreman 422: {'abc'[n % 3]} cannot be"
        machine.troubles = [("build", StageFailure(Cause.FOREMAN, words, retryable=False, service="Foreman", status=422))] * 3
    lab.executor.start()
    while HostStatus.FAILED not in ends(lab.rollout):
        await asyncio.sleep(0.001)
    await lab.crash()
    lab.resume()
    await lab.run()
    assert sum(machine.power == "Off" for machine in lab.world.machines.values()) == 3
    await lab.end()
