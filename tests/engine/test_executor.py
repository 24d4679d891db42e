"""What the executor tells of itself and samples, what it does with errors, at its end, at a resume, and with QUADS."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from quads_tui.engine.gate import RolloutGate
from quads_tui.rollout.causes import Cause, CredentialsRefused, StageFailure
from quads_tui.rollout.commands import Pause, Retry
from quads_tui.rollout.events import HostChanged, HostNote, Intent, LaneNarrowed, RolloutStarted
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.moments import Moment
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.ports import JournalBroken
from quads_tui.rollout.stages import HostStatus, Stage

from .model import Lab
from .model_services import ModelBmc
from .test_flow import ends, names
from .test_quads import Server
from .test_ways_out import ordered, until
from .timeline import NAME, ended, notices, whole
from .world import MemoryJournal

pytestmark = pytest.mark.looptime


# What it tells of itself


async def test_the_start_is_told_with_who_and_how_many() -> None:
    lab = Lab(names(3))
    lab.executor.start()
    await asyncio.sleep(20)
    await lab.crash()
    lab.resume()
    await whole(lab)
    starts = [event for event in lab.journal.events if isinstance(event, RolloutStarted)]
    assert [(one.rollout, one.hosts, one.resumed, one.who, one.speed) for one in starts] == [
        ("r1", 3, False, "me@here", 1.0),
        ("r1", 3, True, "me@here", 1.0),
    ]
    assert len({event.number for event in lab.journal.events if isinstance(event, Intent)}) == len(
        [event for event in lab.journal.events if isinstance(event, Intent)]
    )


async def test_a_lane_that_was_narrowed_is_told_and_stays_so() -> None:
    lab = Lab(names(4), write_width=3)
    lab.machine(NAME).troubles = [("build", StageFailure(Cause.FOREMAN, "409", conflict=True))]
    await lab.run()
    await lab.end()
    assert [event.why for event in lab.journal.events if isinstance(event, LaneNarrowed)] == [f"{NAME}: 409"]
    words = f"two writes may have overlapped at Foreman; write concurrency reduced to 1: {NAME}: 409"
    assert notices(lab.journal.events) == [f"error: {words}"]
    assert lab.executor.lane.state().width == 1
    lab.resume()
    assert lab.executor.lane.state().width == 1


async def test_the_samples_show_the_lane_the_places_and_the_latencies(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[tuple[float, dict[str, Any]]] = []
    monkeypatch.setattr(MemoryJournal, "sample", lambda journal, at, data: kept.append((at, data)))
    lab = Lab(names(5), sample_seconds=10.0137)
    meters = lab.executor._context.meters
    lab.executor.submit(Pause("writes", True))
    lab.executor.start()
    began = lab.clock.wall()
    await asyncio.sleep(35)
    for seconds in (0.1, 0.123456, 0.765432):
        meters.redfish.observe(seconds, ok=seconds < 0.2, work=0.054321)
    meters.foreman_reads.observe(0.2, ok=True)
    await asyncio.sleep(10.5)
    at, sample = kept[-1]
    assert [round(moment - began) for moment, _ in kept] == [10, 20, 30, 40]
    state = lab.executor.lane.state()
    assert (sample["depth"], sample["in_flight"], sample["granted"], sample["powered_off_waiting"]) == (1, 0, 0, 3)
    assert sample["head_age"] != round(sample["head_age"])
    assert sample["head_age"] == round(state.head_age - (lab.clock.wall() - at), 1)
    assert sample["lane"] == {"width": 1, "head": NAME, "paused": True, "shut": "paused", "in_flight": []}
    assert sample["redfish"] == [0.1235, 0.7654, 3, 1, 0.0543]
    assert sample["foreman_reads"] == [0.2, 0.2, 1, 0, 0.0]
    assert sample["foreman_writes"] == [0.0, 0.0, 0, 0, 0.0]
    assert kept[-2][1]["redfish"] == [0.0, 0.0, 0, 0, 0.0]
    lab.executor.submit(Pause("writes", False))
    await lab.executor.settled()
    await lab.end()
    assert kept[-1][1]["granted"] == 5
    assert len(meters.lane_depths) == len(kept)


# Errors of ours, and what stops a rollout


@pytest.mark.parametrize("stage", [Stage.PXE_SET, Stage.INSTALL])  # with acts to come, and without
async def test_a_journal_that_breaks_stops_the_rollout_once_and_says_so(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> None:
    lab = Lab(names(1))
    lab.executor.start()
    await until(lab, stage)
    record = MemoryJournal.record

    def broken(journal: MemoryJournal, event: object) -> None:
        raise JournalBroken("no space left")

    monkeypatch.setattr(MemoryJournal, "record", broken)
    await lab.executor.settled()
    assert lab.executor.stopped == "safety"
    assert [notice.text for notice in lab.rollout.notices if "stopped" in notice.text] == ["stopped: no space left"]
    await lab.executor.finish()
    monkeypatch.setattr(MemoryJournal, "record", record)
    assert not +lab.world.sessions


async def test_an_error_of_ours_after_a_host_has_ended_is_a_notice_and_the_host_stays_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    close = ModelBmc.close

    async def breaks(bmc: ModelBmc) -> None:
        await close(bmc)
        if lab.rollout.hosts[bmc._host].status.is_final:
            raise ValueError("x")

    lab = Lab(names(2))
    with monkeypatch.context() as patched:
        patched.setattr(ModelBmc, "close", breaks)
        await lab.run()
    assert sorted(notices(lab.journal.events)) == [f"error: {name}: internal error: ValueError" for name in names(2)]
    assert ends(lab.rollout) == {HostStatus.DONE: 2}
    await lab.end()


async def test_an_error_of_ours_before_a_host_has_ended_fails_it_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    admit = RolloutGate.admit

    async def breaks(gate: RolloutGate, host: str, stage: Stage) -> None:
        if (host, stage) == (NAME, Stage.PXE_SET):
            raise ValueError("x")
        await admit(gate, host, stage)

    lab = Lab(names(2))
    with monkeypatch.context() as patched:
        patched.setattr(RolloutGate, "admit", breaks)
        await lab.run()
    changed = [event for event in lab.journal.events if isinstance(event, HostChanged) and event.host == NAME]
    assert [(one.status, one.stage, one.cause, one.reason) for one in changed] == [
        (HostStatus.FAILED, Stage.POWER_OFF, Cause.UNKNOWN, "internal error: ValueError")
    ]
    assert not lab.executor.stopped
    await ordered(lab, Retry((NAME,)))
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 2}


async def test_refused_credentials_in_a_host_stop_the_rollout_with_the_reason() -> None:
    lab = Lab(names(2))
    lab.machine(NAME).troubles = [("shown", CredentialsRefused("Foreman 401"))]
    lab.machine(NAME).troubles += [("build", "answer lost")]
    await lab.run()
    await lab.end()
    assert notices(lab.journal.events) == ["error: stopped: Foreman 401"]
    assert ended(lab.journal.events) == ["safety"]


# The end


async def test_what_is_under_way_at_a_stop_gets_twenty_seconds() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).on_seconds = 300.0
    lab.executor.start()
    while not any(isinstance(event, Intent) and event.detail.get("type") == "On" for event in lab.journal.events):
        await asyncio.sleep(0.1)
    began = lab.clock.now()
    await lab.executor.finish("SIGTERM")
    assert lab.clock.now() - began == pytest.approx(20, abs=0.5)
    assert not +lab.world.sessions
    assert ended(lab.journal.events) == ["SIGTERM"]


async def test_a_write_that_is_under_way_at_a_stop_is_waited_for() -> None:
    lab = Lab([NAME], write_seconds=15.0)
    lab.executor.start()
    while not lab.world.writing:
        await asyncio.sleep(0.1)
    began = lab.clock.now()
    await lab.executor.finish("SIGTERM")
    assert 14 < lab.clock.now() - began < 16
    assert lab.machine(NAME).build
    assert lab.rollout.hosts[NAME].armed


# Resuming


@pytest.mark.parametrize(("asleep", "begins"), [(0.0, 40), (20.0, 30), (45.0, 5)])
async def test_a_host_whose_bmc_was_reset_waits_until_that_must_show(asleep: float, begins: int) -> None:
    """40 s after the Reset at the latest moment at which it may have been sent: 10 s after its intent."""
    lab = Lab(names(2), planned=names(1))
    lab.executor.start()
    while not any(isinstance(event, Intent) and event.act == "reset" for event in lab.journal.events):
        await asyncio.sleep(0.01)
    await lab.crash()
    await asyncio.sleep(asleep)
    lab.resume()
    died = lab.clock.wall()
    await whole(lab)
    notes = [event.text for event in lab.journal.events if isinstance(event, HostNote) and event.text.startswith("starts")]
    assert notes == [f"starts in {begins} s: its BMC may not show the effect of the last reset yet"]
    first = next(event for event in lab.journal.events if getattr(event, "at", 0) > died and isinstance(event, HostNote) is False)
    assert first.at - died >= begins - 1
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    assert lab.machine(NAME).wipes == 1


async def test_hosts_that_had_not_begun_begin_as_new_ones_at_a_resume() -> None:
    lab = Lab(names(6))
    lab.executor.start()
    await until(lab, Stage.PXE_SET)
    await lab.crash()
    lab.resume()
    lab.executor.submit(Pause("admission", True))
    lab.executor.start()
    await asyncio.sleep(2000)
    again = {event.host for event in lab.journal.events if isinstance(event, HostChanged) and event.reason == "resuming"}
    assert again == set(names(3))
    assert ends(lab.rollout) == {HostStatus.DONE: 3, HostStatus.QUEUED: 3}
    await ordered(lab, Pause("admission", False))
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 6}


async def test_a_pause_of_writes_is_in_force_at_a_resume() -> None:
    lab = Lab([NAME])
    lab.executor.submit(Pause("writes", True))
    lab.executor.start()
    await until(lab, Stage.FOREMAN_BUILD)
    await lab.crash()
    lab.resume()
    lab.executor.start()
    assert lab.executor.lane.state().paused
    await asyncio.sleep(600)
    assert not lab.world.writes
    await lab.crash()


async def test_a_resume_with_nothing_left_to_do_ends_at_once() -> None:
    lab = await whole(Lab([NAME]))
    lab.resume()
    began = lab.clock.now()
    await whole(lab)
    assert lab.clock.now() == began
    assert ends(lab.rollout) == {HostStatus.DONE: 1}


async def test_a_write_that_another_rollout_left_is_waited_for_and_told() -> None:
    lab = Lab([NAME], left_write=Moment("virtual", 0.0), limits=Limits(write_deadline=100.0))
    await asyncio.sleep(30)
    began = lab.clock.now()
    lab.executor.start()
    await asyncio.sleep(1)
    state = lab.executor.lane.state()
    assert (state.in_flight[0].host, state.in_flight[0].act) == ("another rollout", "write")
    assert notices(lab.journal.events) == [
        "warning: another rollout exited before the result of its last Foreman write was known: "
        "nothing is written to Foreman until the deadline of that write has passed"
    ]
    await asyncio.wait_for(lab.executor.settled(), 3600)
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    written = next(event.at for event in lab.journal.events if isinstance(event, Intent) and event.act == "build")
    gone = 30 - 10  # it may have been sent 10 s after that moment
    assert 100 - gone < written - (lab.clock.wall() - lab.clock.now()) - began <= 100 - gone + 15


# QUADS


async def test_quads_hears_of_the_rollout_and_what_it_has_not_taken_over_is_owed() -> None:
    server = Server()
    plans = {name: HostPlan(name, "x", cloud="cloud02", schedule=number) for number, name in enumerate(names(2), 1)}
    lab = Lab(names(2), plans=plans, quads=server)
    server.away = True
    await lab.run()
    assert lab.executor.owed_to_quads > 0
    server.away = False
    await lab.end()
    assert lab.executor.owed_to_quads == 0
    assert lab.executor.undecided_in_quads == []
    assert {what for what, *_ in server.told} >= {"begun", "schedule"}
    assert ended(lab.journal.events) == [""]


async def test_quads_is_told_while_the_rollout_runs() -> None:
    server = Server()
    plans = {NAME: HostPlan(NAME, "x", cloud="cloud02", schedule=1)}
    lab = Lab([NAME], plans=plans, quads=server)
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    await asyncio.sleep(30)
    assert ("begun", NAME) in server.told
    await lab.executor.settled()
    await lab.end()


async def test_a_quads_that_does_not_answer_holds_up_the_end_for_ten_seconds_only() -> None:
    server = Server()
    server.slow = 10_000.0
    lab = Lab([NAME], plans={NAME: HostPlan(NAME, "x", cloud="cloud02", schedule=1)}, quads=server)
    await lab.run()
    began = lab.clock.now()
    await lab.end()
    assert lab.clock.now() - began == pytest.approx(10, abs=0.1)
    assert lab.executor.owed_to_quads > 0


async def test_without_quads_nothing_is_owed() -> None:
    lab = Lab([NAME])
    assert (lab.executor.owed_to_quads, lab.executor.undecided_in_quads) == (0, [])
