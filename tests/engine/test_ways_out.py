"""How a host leaves: skipped, held, failed or stopped, at every moment, and what the machine is then."""

from __future__ import annotations

import asyncio

import pytest

from quads_tui.rollout.causes import Cause, CredentialsRefused, StageFailure
from quads_tui.rollout.commands import Command, Disarm, Hold, Pause, Retry, Skip, Stop
from quads_tui.rollout.events import Commanded, HostChanged, HostNote, Intent, Notice, Outcome, StageChanged
from quads_tui.rollout.plan import HostPlan, Target
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus

from .model import Lab, busy
from .model_services import ModelBmc, ModelForeman
from .test_flow import assert_causal, ends, names
from .world import EPOCH

pytestmark = pytest.mark.looptime

NAME = names(1)[0]
SILENT = StageFailure(Cause.UNREACHABLE, "the BMC is silent")
OUT: list[tuple[type[Skip] | type[Hold], HostStatus]] = [(Skip, HostStatus.SKIPPED), (Hold, HostStatus.HELD)]


async def until(lab: Lab, stage: Stage, host: str = NAME) -> None:
    while lab.rollout.hosts[host].stage is not stage:
        await asyncio.sleep(0.1)


async def ordered(lab: Lab, *commands: Command) -> None:
    """Submit, and wait until no host can move."""
    for command in commands:
        lab.executor.submit(command)
    await asyncio.sleep(1)
    await lab.executor.settled()


def assert_disarmed(lab: Lab, name: str = NAME) -> None:
    machine = lab.machine(name)
    assert (machine.build, machine.override, machine.power, machine.wipes) == (False, False, "Off", 0)
    assert not lab.rollout.hosts[name].armed


# Before power on: an armed host is never left armed


@pytest.mark.parametrize(("order", "status"), OUT)
async def test_who_leaves_while_it_waits_for_its_write_is_off_and_has_no_pxe(order: type[Skip], status: HostStatus) -> None:
    lab = Lab([NAME])
    lab.executor.submit(Pause("writes", True))
    lab.executor.start()
    await until(lab, Stage.FOREMAN_BUILD)
    await asyncio.sleep(5)
    await ordered(lab, order((NAME,), "bad DIMM"))
    assert lab.rollout.hosts[NAME].status is status
    assert_disarmed(lab)
    assert not lab.world.writes
    await lab.end()


@pytest.mark.parametrize(("order", "status"), OUT)
async def test_who_leaves_between_its_write_and_power_on_is_out_of_build(order: type[Skip], status: HostStatus) -> None:
    lab = Lab([NAME])
    lab.executor.start()
    await until(lab, Stage.FOREMAN_BUILD)
    lab.machine(NAME).troubles = [("stale", "")] * 200  # no search shows it in build: it waits, armed
    while not lab.rollout.hosts[NAME].armed:
        await asyncio.sleep(0.1)
    await ordered(lab, order((NAME,), "bad DIMM"))
    assert lab.rollout.hosts[NAME].status is status
    assert_disarmed(lab)
    await lab.end()


@pytest.mark.parametrize(("order", "status"), OUT)
async def test_who_leaves_in_power_on_is_out_of_build_though_its_bmc_does_not_tell_its_power(
    order: type[Skip], status: HostStatus
) -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("on", busy())] * 2 + [("off?", SILENT)] * 9
    lab.executor.start()
    while lab.rollout.hosts[NAME].status is not HostStatus.WAITING:
        await asyncio.sleep(0.1)
    await ordered(lab, order((NAME,), "bad DIMM"))
    assert lab.rollout.hosts[NAME].status is status
    assert_disarmed(lab)
    await lab.end()


@pytest.mark.parametrize(("order", "status"), OUT)
async def test_who_leaves_when_it_has_booted_though_no_answer_said_so_is_not_touched(
    order: type[Skip], status: HostStatus
) -> None:
    lab = Lab([NAME])
    machine = lab.machine(NAME)
    machine.troubles = [("on", busy())]
    lab.executor.start()
    while lab.rollout.hosts[NAME].status is not HostStatus.WAITING:
        await asyncio.sleep(0.1)
    machine.power, machine.resets = "On", machine.resets + 1  # somebody pressed the button
    lab.world.boot(NAME)
    await ordered(lab, order((NAME,), "bad DIMM"))
    assert lab.rollout.hosts[NAME].status is status
    assert (machine.build, lab.world.writes[NAME], machine.wipes) == (True, 1, 1)
    assert lab.rollout.hosts[NAME].safety is Safety.INSTALLING
    await lab.end()


# What could not be made safe is said


@pytest.mark.parametrize("trouble", [("clear", SILENT), ("cancel", StageFailure(Cause.FOREMAN, "Foreman is silent"))])
@pytest.mark.parametrize(("order", "status"), OUT)
async def test_what_cannot_be_disarmed_is_said_with_its_reason(
    order: type[Skip], status: HostStatus, trouble: tuple[str, StageFailure]
) -> None:
    lab = Lab([NAME])
    lab.executor.start()
    await until(lab, Stage.FOREMAN_BUILD)
    lab.machine(NAME).troubles = [("stale", "")] * 200 + [trouble]
    while not lab.rollout.hosts[NAME].armed:
        await asyncio.sleep(0.1)
    await ordered(lab, order((NAME,), "bad DIMM"))
    host = lab.rollout.hosts[NAME]
    assert host.status is status
    assert trouble[1].reason in host.not_disarmed
    assert host.reason == "bad DIMM"
    assert host.safety is (Safety.ARMED if host.armed else Safety.UNKNOWN)
    assert host.armed is lab.machine(NAME).build
    await lab.end()


async def test_a_failed_host_whose_bmc_does_not_tell_counts_as_armed() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [
        ("on", StageFailure(Cause.TIMEOUT, "never On", retryable=False)),
        ("armed?", SILENT),
    ]
    rollout = await lab.run()
    assert rollout.hosts[NAME].status is HostStatus.FAILED
    assert rollout.hosts[NAME].armed
    await lab.end()


async def test_a_disarm_that_fails_is_told_and_the_host_stays_armed() -> None:
    lab = Lab([NAME])
    never = StageFailure(Cause.TIMEOUT, "never On", retryable=False)
    lab.machine(NAME).troubles = [("on", never), ("cancel", StageFailure(Cause.FOREMAN, "Foreman is silent"))]
    rollout = await lab.run()
    await ordered(lab, Disarm((NAME,)))
    assert rollout.hosts[NAME].armed
    assert any(
        NAME in notice.text and "Foreman is silent" in notice.text for notice in rollout.notices if isinstance(notice, Notice)
    )
    await ordered(lab, Disarm((NAME,)))
    assert_disarmed(lab)
    await lab.end()


async def test_a_skip_that_comes_while_a_host_is_disarmed_ends_it_skipped() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("on", StageFailure(Cause.TIMEOUT, "never On", retryable=False))]
    rollout = await lab.run()
    lab.executor.submit(Disarm((NAME,)))
    await asyncio.sleep(0.5)  # its write is under way
    await ordered(lab, Skip((NAME,), "enough"))
    assert rollout.hosts[NAME].status is HostStatus.SKIPPED
    assert_disarmed(lab)
    await lab.end()


# Orders that come too late


@pytest.mark.parametrize("order", [Skip, Hold])
async def test_a_host_that_is_done_cannot_be_skipped_or_held(order: type[Skip]) -> None:
    lab = Lab([NAME])
    rollout = await lab.run()
    acts = sum(isinstance(event, Intent) for event in lab.journal.events)
    await ordered(lab, order((NAME,), "too late"))
    assert rollout.hosts[NAME].status is HostStatus.DONE
    assert "not possible for 1" in [event.text for event in lab.journal.events if isinstance(event, Commanded)][-1]
    assert sum(isinstance(event, Intent) for event in lab.journal.events) == acts
    assert lab.machine(NAME).power == "On"
    await lab.end()


# Failures


async def test_an_unusable_host_has_its_failed_stage_event() -> None:
    blocked = HostPlan(NAME, "x", blocker="no such host", blocker_stage=Stage.FOREMAN_BUILD, blocker_cause=Cause.UNKNOWN_HOST)
    lab = Lab([NAME], plans={NAME: blocked})
    await lab.run()
    await lab.end()
    told = [event for event in lab.journal.events if isinstance(event, StageChanged)]
    assert [(event.stage, event.status, event.attempt) for event in told] == [
        (Stage.FOREMAN_BUILD, StageStatus.STARTED, 1),
        (Stage.FOREMAN_BUILD, StageStatus.FAILED, 1),
    ]
    assert (told[1].reason, told[1].cause) == ("no such host", Cause.UNKNOWN_HOST)


@pytest.mark.parametrize("act", ["off", "pxe", "on"])
@pytest.mark.parametrize("cause", [Cause.UNREACHABLE, Cause.BUSY])
async def test_a_bmc_that_stays_away_fails_its_own_host_and_stops_nobody(act: str, cause: Cause) -> None:
    lab = Lab(names(4))
    lab.machine(NAME).troubles = [(act, StageFailure(cause, "the BMC is silent"))] * 999
    lab.executor.start()
    await lab.executor.settled()
    assert lab.executor.stopped == ""
    assert ends(lab.rollout) == {HostStatus.FAILED: 1, HostStatus.DONE: 3}
    assert lab.rollout.hosts[NAME].cause is cause
    await lab.end()


@pytest.mark.parametrize("status", [1, 2, 4])
async def test_an_install_that_ends_with_another_build_status_is_not_done(status: int) -> None:
    lab = Lab([NAME])
    machine = lab.machine(NAME)
    machine.installs = "never"
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    await asyncio.sleep(100)
    machine.build, machine.build_status, machine.installed_at = False, status, EPOCH.replace(year=2027)
    await lab.executor.settled()
    host = lab.rollout.hosts[NAME]
    assert (host.status, host.stage, host.cause) == (HostStatus.FAILED, Stage.INSTALL, Cause.UNKNOWN)
    assert f"build_status {status}" in host.reason
    assert machine.wipes == 1
    await lab.end()


async def test_an_owner_that_foreman_accepts_and_does_not_show_is_a_failure() -> None:
    lab = Lab([NAME], kind=Kind.OWNERSHIP, target=Target(owner_id=41))
    lab.machine(NAME).troubles = [("owner", "ignored")] * 9
    rollout = await lab.run()
    host = rollout.hosts[NAME]
    assert (host.status, host.stage, host.cause) == (HostStatus.FAILED, Stage.FOREMAN_BUILD, Cause.FOREMAN)
    assert "shows another owner" in host.reason
    await lab.end()


# A stop


@pytest.mark.parametrize("reason", ["SIGTERM", "operator"])
async def test_a_stop_lets_what_is_under_way_end_and_its_session_close(reason: str) -> None:
    lab = Lab(names(3))
    lab.executor.start()
    while not any(isinstance(event, Intent) and event.act == "reset" for event in lab.journal.events):
        await asyncio.sleep(0.1)
    await asyncio.sleep(2)  # a Reset is on its way: 9 s
    await lab.executor.finish(reason)
    assert not +lab.world.sessions
    intents = {event.number for event in lab.journal.events if isinstance(event, Intent)}
    assert intents == {event.number for event in lab.journal.events if isinstance(event, Outcome)}
    assert_causal(lab.journal.events)
    assert lab.executor.stopped == reason


async def test_a_stop_empties_the_queue_for_writes_at_once() -> None:
    lab = Lab(names(3))
    lab.executor.submit(Pause("writes", True))
    lab.executor.start()
    await until(lab, Stage.FOREMAN_BUILD)
    while not lab.executor.lane.state().depth:
        await asyncio.sleep(0.1)
    began = lab.clock.now()
    await lab.executor.finish("SIGTERM")
    assert lab.executor.lane.state().depth == 0
    assert lab.clock.now() - began < 5
    last = [event for event in lab.journal.events if isinstance(event, StageChanged) and event.host == NAME][-1]
    assert (last.stage, last.status) == (Stage.FOREMAN_BUILD, StageStatus.SKIPPED)
    assert not +lab.world.sessions


async def test_nothing_begins_after_a_stop() -> None:
    lab = Lab(names(3))
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    await ordered(lab, Stop())
    await lab.end()
    changes = len([event for event in lab.journal.events if isinstance(event, HostChanged)])
    for command in (Retry((NAME,)), Skip((NAME,), ""), Hold((NAME,), ""), Disarm((NAME,))):
        lab.executor.submit(command)
    await asyncio.sleep(100)
    assert len([event for event in lab.journal.events if isinstance(event, HostChanged)]) == changes


async def test_refused_credentials_in_the_shared_look_stop_the_rollout_and_say_why() -> None:
    lab = Lab(names(3))
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    lab.world.no_looks = CredentialsRefused("Foreman 401: wrong password")
    began = lab.clock.now()
    await lab.executor.settled()
    assert lab.clock.now() - began < 120
    await lab.end()
    assert lab.executor.stopped == "safety"
    assert "wrong password" in [notice.text for notice in lab.rollout.notices if isinstance(notice, Notice)][-1]


async def test_a_stop_waits_for_a_bmc_session_to_close_though_its_act_takes_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its patience for the acts under way it cuts them off, and what they leave is still closed."""
    close = ModelBmc.close

    async def slow(bmc: ModelBmc) -> None:
        await asyncio.sleep(3)
        await close(bmc)

    monkeypatch.setattr(ModelBmc, "close", slow)
    lab = Lab([NAME])
    lab.machine(NAME).on_seconds = 300.0
    lab.executor.start()
    while not any(isinstance(event, Intent) and event.detail.get("type") == "On" for event in lab.journal.events):
        await asyncio.sleep(0.1)
    await asyncio.sleep(2)
    assert +lab.world.sessions
    await lab.executor.finish("SIGTERM")
    assert not +lab.world.sessions
    assert lab.executor.lane.state().in_flight == ()


# A host that waits says what for


async def test_a_host_that_may_not_begin_says_why() -> None:
    lab = Lab(names(5))
    lab.executor.submit(Pause("admission", True))
    lab.executor.start()
    await asyncio.sleep(30)
    notes = {event.host: event.text for event in lab.journal.events if isinstance(event, HostNote) and event.waits}
    assert set(notes) == set(names(5))
    assert all("paused" in text for text in notes.values())
    lab.executor.submit(Pause("admission", False))
    await lab.executor.settled()
    assert ends(lab.rollout) == {HostStatus.DONE: 5}
    await lab.end()


async def test_a_host_behind_the_first_build_says_so() -> None:
    lab = Lab(names(9))
    lab.executor.submit(Pause("writes", True))
    lab.executor.start()
    await asyncio.sleep(300)
    last = names(9)[-1]
    notes = [event.text for event in lab.journal.events if isinstance(event, HostNote) and event.host == last and event.waits]
    assert "verified" in notes[-1]
    assert lab.machine(last).resets == 0
    await lab.crash()


# Errors of ours


async def test_an_error_of_ours_outside_the_stages_fails_the_host_and_tells_its_traceback_to_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks(bmc: ModelBmc) -> bool:
        raise ValueError("x")

    lab = Lab(names(2))
    lab.machine(NAME).installs = "never"
    with monkeypatch.context() as patched:
        patched.setattr(ModelBmc, "pxe_armed", breaks)
        await lab.run()
    host = lab.rollout.hosts[NAME]
    assert (host.status, host.cause, host.note) == (HostStatus.FAILED, Cause.UNKNOWN, "internal error: ValueError")
    assert ends(lab.rollout) == {HostStatus.FAILED: 1, HostStatus.DONE: 1}
    assert "breaks" in caplog.text
    lab.machine(NAME).installs = "built"
    await ordered(lab, Retry((NAME,), from_start=True))
    assert ends(lab.rollout) == {HostStatus.DONE: 2}
    await lab.end()


async def test_an_error_of_ours_in_what_all_hosts_depend_on_stops_the_rollout_with_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(foreman: ModelForeman) -> frozenset[str]:
        raise KeyError("x")

    monkeypatch.setattr(ModelForeman, "in_build", breaks)
    lab = Lab(names(2))
    await asyncio.wait_for(lab.run(), 3600)
    assert lab.executor.stopped == "safety"
    assert lab.rollout.notices[-1].text == "stopped: internal error: KeyError, while reading Foreman"
    await lab.end()
