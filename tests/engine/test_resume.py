"""A console that dies at any moment, and the one that goes on: no host lost, none wiped twice, one write at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quads_tui.engine.resume_state import recall
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.commands import Hold, Pause, Retry, Skip
from quads_tui.rollout.events import Event, Intent, Notice, StageChanged
from quads_tui.rollout.plan import Target
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from tests.clocks import in_virtual_time
from tests.effort import WHOLE, tries

from .model import Lab
from .test_flow import assert_causal, ends, names

pytestmark = pytest.mark.looptime


async def run_and_crash(lab: Lab, at: int) -> bool:
    """Start, die when `at` events are on disk. False when the rollout ended before."""
    lab.journal.crash_at = at
    lab.executor.start()
    crashed = asyncio.ensure_future(lab.journal.crashed.wait())
    settled = asyncio.ensure_future(lab.executor.settled())
    await asyncio.wait((crashed, settled), return_when=asyncio.FIRST_COMPLETED)
    died = lab.journal.dead
    await lab.crash()
    return died


async def resumed_to_the_end(lab: Lab) -> None:
    lab.resume()
    await lab.run()
    await lab.end()


def assert_whole(lab: Lab) -> None:
    """The same end as without the crash, judged by the machines."""
    assert ends(lab.rollout) == {HostStatus.DONE: len(lab.plan.hosts)}
    assert {(m.wipes, m.power, m.build, m.override) for m in lab.world.machines.values()} == {(1, "On", False, False)}
    assert lab.world.peak_writes == 1
    assert max(lab.world.writes.values()) == 1  # a write that had arrived was adopted, not sent again
    assert not lab.world.violations
    assert max(m.resets for m in lab.world.machines.values()) == 2


def events_of_a_run(count: int) -> list[Event]:
    async def whole() -> list[Event]:
        lab = Lab(names(count))
        await lab.run()
        await lab.end()
        return list(lab.journal.events)

    return in_virtual_time(whole)


def some_of(events: list[Event]) -> Iterator[int]:
    """Where the console dies: after the first event of each sort, and after every third one; the three hosts do the same."""
    sorts: set[str] = set()
    for at, event in enumerate(events, 1):
        sort = str((type(event), *(getattr(event, name, None) for name in ("stage", "status", "act", "result"))))
        if WHOLE or at % 3 == 0 or sort not in sorts:
            yield at
        sorts.add(sort)


def test_a_kill_at_every_journal_write_loses_no_host_and_wipes_none_twice() -> None:
    events = events_of_a_run(3)
    assert len(events) > 60
    for at in some_of(events[:-1]):

        async def once(at: int = at) -> None:
            lab = Lab(names(3))
            await run_and_crash(lab, at)
            await asyncio.sleep(at % 7 * 20)  # somebody notices, sooner or later
            await resumed_to_the_end(lab)
            assert_whole(lab)
            assert_causal(lab.journal.events)

        in_virtual_time(once)


def test_two_kills_and_late_resumes() -> None:
    last = len(events_of_a_run(3))

    @settings(max_examples=tries(40, 80), deadline=None)
    @given(st.integers(1, last), st.integers(1, last), st.sampled_from([0.0, 5.0, 100.0, 700.0, 4000.0]))
    def schedules(first: int, second: int, pause: float) -> None:
        async def once() -> None:
            lab = Lab(names(3))
            await run_and_crash(lab, first)
            await asyncio.sleep(pause)
            lab.resume()
            await run_and_crash(lab, len(lab.journal.events) + second)
            await asyncio.sleep(pause)
            await resumed_to_the_end(lab)
            assert_whole(lab)
            assert_causal(lab.journal.events)

        in_virtual_time(once)

    schedules()


async def test_no_write_leaves_before_the_unsettled_one_is_settled() -> None:
    lab = Lab(names(4))
    lab.executor.start()
    while not any(isinstance(event, Intent) and event.act == "build" for event in lab.journal.events):
        await asyncio.sleep(0.1)
    intent = next(event for event in lab.journal.events if isinstance(event, Intent) and event.act == "build")
    await lab.crash()
    for task in list(lab.world.tasks):  # the request never reached Foreman
        task.cancel()
    lab.world.writing = 0
    before = sum(lab.world.writes.values())
    lab.resume()
    lab.executor.start()
    while sum(lab.world.writes.values()) == before:
        await asyncio.sleep(0.1)
    assert lab.clock.wall() - intent.at > 180  # the write deadline, counted from the intent
    await lab.executor.settled()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 4}


async def test_a_second_kill_while_a_reset_is_on_its_way_sends_no_other() -> None:
    lab = Lab(names(1))
    lab.machine(names(1)[0]).on_seconds = 35.0  # some BMCs tell that late
    lab.executor.start()
    while not any(isinstance(event, Intent) and event.detail == {"type": "On"} for event in lab.journal.events):
        await asyncio.sleep(0.1)
    await asyncio.sleep(1)  # sent, and not yet to be seen
    for _ in range(3):
        await lab.crash()
        lab.resume()
        lab.executor.start()
        await asyncio.sleep(1)
    await lab.executor.settled()
    await lab.end()
    assert_whole(lab)


async def test_a_host_that_is_installing_is_watched_and_not_touched() -> None:
    lab = Lab(names(2))
    lab.executor.start()
    while lab.rollout.at_stage[Stage.INSTALL] < 2:
        await asyncio.sleep(1)
    await lab.crash()
    lab.resume()
    await lab.run()
    await lab.end()
    assert_whole(lab)
    again = [e for e in lab.journal.events if isinstance(e, StageChanged) and e.attempt > 1]
    assert {event.stage for event in again} == {Stage.INSTALL}


async def test_a_host_that_was_built_meanwhile_is_done() -> None:
    lab = Lab(names(2))
    lab.executor.start()
    while lab.rollout.at_stage[Stage.INSTALL] < 2:
        await asyncio.sleep(1)
    await lab.crash()
    await asyncio.sleep(5000)
    resets = [machine.resets for machine in lab.world.machines.values()]
    await resumed_to_the_end(lab)
    assert_whole(lab)
    assert resets == [machine.resets for machine in lab.world.machines.values()]


async def test_ended_hosts_stay_ended_and_may_be_retried() -> None:
    lab = Lab(names(3))
    broken = names(3)[1]
    lab.machine(broken).troubles = [("pxe", StageFailure(Cause.REFUSED, "no licence", retryable=False))]
    lab.executor.start()
    while lab.rollout.counts[HostStatus.FAILED] == 0 or lab.rollout.at_stage[Stage.INSTALL] < 2:
        await asyncio.sleep(1)
    await lab.crash()
    lab.resume()
    await lab.run()
    assert ends(lab.rollout) == {HostStatus.DONE: 2, HostStatus.FAILED: 1}
    assert len(lab.rollout.groups) == 1
    lab.executor.submit(Retry((broken,)))
    await asyncio.sleep(1)
    await lab.executor.settled()
    await lab.end()
    assert_whole(lab)


async def test_an_order_that_had_not_taken_effect_is_kept() -> None:
    lab = Lab(names(2))
    skipped, held = names(2)
    lab.executor.start()
    while lab.rollout.hosts[skipped].stage is not Stage.PXE_SET:
        await asyncio.sleep(0.1)
    lab.executor.submit(Skip((skipped,), "leave it"))
    lab.executor.submit(Hold((held,), "wait"))
    while not any(event.kind == "ordered" and event.host == held for event in lab.journal.events):
        await asyncio.sleep(0)
    await lab.crash()
    lab.resume()
    await lab.run()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.SKIPPED: 1, HostStatus.HELD: 1}
    assert not lab.world.writes


async def test_a_pause_outlives_the_console() -> None:
    lab = Lab(names(2))
    lab.executor.start()
    lab.executor.submit(Pause("writes", True))
    await asyncio.sleep(100)
    await lab.crash()
    lab.resume()
    lab.executor.start()
    await asyncio.sleep(1000)
    assert not lab.world.writes
    assert "writes" in lab.rollout.paused
    lab.executor.submit(Pause("writes", False))
    await lab.executor.settled()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 2}


@pytest.mark.parametrize(("kind", "target"), [(Kind.OWNERSHIP, Target(owner_id=41)), (Kind.SPARE, Target())])
def test_kinds_without_a_build_go_on_too(kind: Kind, target: Target) -> None:
    for at in range(1, 25):

        async def once(at: int = at) -> None:
            lab = Lab(names(3), kind=kind, target=target)
            await run_and_crash(lab, at)
            await resumed_to_the_end(lab)
            assert ends(lab.rollout) == {HostStatus.DONE: 3}
            assert {m.wipes for m in lab.world.machines.values()} == {0}
            assert lab.world.peak_writes <= 1
            assert set(lab.world.writes.values()) == ({1} if kind is Kind.OWNERSHIP else set()), f"killed at {at}"

        in_virtual_time(once)


async def test_the_memory_in_the_journal_is_the_flows_own() -> None:
    lab = Lab(names(6))
    lab.machine(names(6)[1]).installs = "failed"
    lab.machine(names(6)[2]).installs = "never"
    lab.machine(names(6)[3]).troubles = [("on", StageFailure(Cause.TIMEOUT, "never On", retryable=False))]
    lab.machine(names(6)[4]).troubles = [("build", StageFailure(Cause.FOREMAN, "422", retryable=False))]
    await lab.run()
    lab.executor.submit(Skip((names(6)[3],), "enough"))
    await asyncio.sleep(1)
    await lab.executor.settled()
    await lab.end()
    told = recall(lab.plan, lab.journal.events).memories
    live = lab.executor._memories
    assert {name: (memory.facts(), memory.attempts) for name, memory in told.items()} == {
        name: (memory.facts(), memory.attempts) for name, memory in live.items()
    }
    assert not [e for e in lab.journal.events if isinstance(e, StageChanged) and e.status is StageStatus.SKIPPED]


@pytest.mark.parametrize("at", range(1, 26))
async def test_lost_pxe_files_are_rebuilt_whenever_the_console_dies(at: int) -> None:
    lab = Lab(names(1))
    name = names(1)[0]
    lab.world.takes_back = True
    lab.machine(name).troubles = [("build", "answer lost")]
    if await run_and_crash(lab, at):
        await resumed_to_the_end(lab)
    assert not lab.world.violations
    assert (ends(lab.rollout), lab.machine(name).wipes) == ({HostStatus.DONE: 1}, 1)
    assert lab.machine(name).rebuilds >= 1
    assert lab.world.peak_writes == 1


async def test_a_lane_that_went_back_to_one_stays_so_after_a_resume() -> None:
    lab = Lab(names(6), write_width=3)
    lab.machine(names(6)[2]).troubles = [("build", StageFailure(Cause.FOREMAN, "409 conflict", conflict=True))]
    assert lab.executor.lane.state().width == 3
    lab.executor.start()
    while not lab.rollout.narrowed:
        await asyncio.sleep(1)
    assert [(notice.level, names(6)[2] in notice.text) for notice in lab.rollout.notices if isinstance(notice, Notice)] == [
        ("error", True)
    ]
    await lab.crash()
    lab.resume()
    assert lab.executor.lane.state().width == 1
    await lab.run()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 6}
