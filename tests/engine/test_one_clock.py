"""Time between processes is the system's; and what was decided is asked once more before its first byte."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from quads_tui.engine.clock import RealClock
from quads_tui.rollout.commands import Hold, Pause, Skip
from quads_tui.rollout.events import BmcSession, HostNote, Intent, Notice, Outcome, Remembered
from quads_tui.rollout.moments import LONG_AGO, Moment, moment_from
from quads_tui.rollout.ports import TakenOver
from quads_tui.rollout.stages import HostStatus, Stage
from tests.clocks import in_virtual_time
from tests.effort import tries

from .model import Lab
from .random_schedule import Schedule
from .schedules import Run
from .test_flow import ends, names

pytestmark = pytest.mark.looptime
STEPS = (-600.0, 600.0)


def test_moments_tell_nothing_across_boots() -> None:
    before, now = Moment("a", 10.0), Moment("a", 25.0)
    assert before.until(now) == 15.0
    assert now.until(before) is None
    assert before.until(Moment("b", 25.0)) is None
    assert LONG_AGO.until(now) is None and LONG_AGO.until(LONG_AGO) is None
    for kept in (None, 1_795_000_000.0, "x", [], ["a"], [1, 2], {"boot": "a"}):
        assert moment_from(kept) == LONG_AGO
    assert moment_from(["a", 10.0]) == before


def test_two_clocks_of_this_boot_agree() -> None:
    assert (gone := RealClock(30.0).moment().until(RealClock(1.0).moment())) is not None and gone < 60


async def begun(lab: Lab, wanted: Callable[[Intent], bool]) -> Intent:
    """Run until such an intent is on disk."""
    lab.executor.start()
    while True:
        for event in lab.journal.events:
            if isinstance(event, Intent) and wanted(event):
                return event
        await asyncio.sleep(0.1)


def never_arrived(lab: Lab) -> None:
    for task in list(lab.world.tasks):
        task.cancel()
    lab.world.writing = 0


@pytest.mark.parametrize("step", [*STEPS, 0.0])
@pytest.mark.parametrize("boot", ["the same boot", "another boot", "an old journal"])
async def test_c3_a_write_on_the_wire_is_waited_for_whatever_the_wall_clock_says(step: float, boot: str) -> None:
    lab = Lab(names(2))
    intent = await begun(lab, lambda intent: intent.act == "build")
    await lab.crash()
    never_arrived(lab)
    before, sent_at = sum(lab.world.writes.values()), lab.clock.now()
    await asyncio.sleep(100)
    lab.clock.stepped += step
    if boot == "another boot":
        lab.clock.boot = "the next one"
    if boot == "an old journal":
        for event in lab.journal.events:
            if isinstance(event, Intent):
                event.moment = LONG_AGO
    lab.resume()
    resumed_at = lab.clock.now()
    lab.executor.start()
    while sum(lab.world.writes.values()) == before:
        await asyncio.sleep(0.1)
    waited = lab.clock.now() - (sent_at if boot == "the same boot" else resumed_at)
    assert 180 <= waited < 240, f"{waited} s after {intent}"
    await lab.executor.settled()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 2}


@pytest.mark.parametrize("step", STEPS)
async def test_c3_a_reset_is_not_repeated_before_its_bmc_can_show_it(step: float) -> None:
    lab = Lab(names(1))
    lab.machine(names(1)[0]).on_seconds = 35.0
    await begun(lab, lambda intent: intent.detail.get("type") == "On")
    await asyncio.sleep(1)
    await lab.crash()
    lab.clock.stepped += step
    lab.resume()
    await lab.run()
    await lab.end()
    assert not lab.world.violations
    assert lab.machine(names(1)[0]).resets == 2


@pytest.mark.parametrize("step", STEPS)
async def test_c3_the_install_deadline_and_the_tokens_age_do_not_step(step: float) -> None:
    lab = Lab(names(1))
    host = lab.machine(names(1)[0])
    host.installs = "never"
    await begun(lab, lambda intent: intent.detail.get("type") == "On")
    lab.clock.stepped += step  # before On is seen: between the build write and the look at its token's age
    await asyncio.sleep(60)
    lab.clock.stepped -= 2 * step
    began = lab.clock.now()
    await lab.executor.settled()
    assert abs(lab.clock.now() - began - 5400) < 120, "90 minutes, whatever the clock on the wall says"
    await lab.end()
    assert lab.world.writes[names(1)[0]] == 1, "not armed anew"


async def test_c3_old_journals_still_tell_that_a_host_is_in_build() -> None:
    lab = Lab(names(1))
    await begun(lab, lambda intent: intent.detail.get("type") == "On")
    await asyncio.sleep(30)
    await lab.crash()
    for event in lab.journal.events:  # as the version before kept it
        if isinstance(event, Remembered):
            for fact in ("built_at", "installing_since"):
                event.facts[fact] = 1_795_000_000.0 if event.facts[fact] else None
    lab.resume()
    await lab.run()
    await lab.end()
    assert (ends(lab.rollout), lab.machine(names(1)[0]).wipes) == ({HostStatus.DONE: 1}, 1)


def outcome(schedule: Schedule) -> tuple[object, ...]:
    async def whole() -> tuple[object, ...]:
        run = Run(schedule)
        await run.go()
        run.judge()
        lab = run.lab
        hosts = [(host.status, host.stage, host.reason) for host in lab.rollout.hosts.values()]
        machines = [(m.power, m.wipes, m.resets, m.build, m.override) for m in lab.world.machines.values()]
        return hosts, machines, lab.world.writes, lab.clock.now()

    return in_virtual_time(whole)


def test_c3_steps_of_the_wall_clock_change_no_outcome() -> None:
    """The same schedule, without a random step and with many: the same ends, acts and times."""
    for number in range(tries(15, 30)):
        schedule = replace(Schedule.of(number), steps=[])
        luck = random.Random(number)
        stepped = replace(schedule, steps=[(luck.uniform(0, 1500), luck.choice(STEPS)) for _ in range(6)])
        random.seed(number)
        plain = outcome(schedule)
        random.seed(number)
        assert outcome(stepped) == plain, stepped


# The first byte


async def held_up(lab: Lab, seconds: float, then: Callable[[], None] = lambda: None) -> None:
    """What happens between an intent and its first byte: the process lies still, and the world goes on."""
    await asyncio.sleep(seconds)
    then()
    await asyncio.sleep(0.1)


def between(lab: Lab, what: Callable[[], Awaitable[None]], *, act: str, power: str = "") -> None:
    """It happens before the first byte of the first such act."""

    async def once() -> None:
        last = [event for event in lab.journal.events if isinstance(event, Intent)][-1]
        if last.act == act and last.detail.get("type", "") == power:
            await what()
        else:
            lab.world.between.insert(0, once)

    lab.world.between.append(once)


def outcomes(lab: Lab) -> list[str]:
    return [event.result for event in lab.journal.events if isinstance(event, Outcome)]


async def test_first_byte_a_host_that_is_skipped_meanwhile_is_not_written() -> None:
    lab = Lab(names(1))
    between(lab, lambda: held_up(lab, 1, lambda: lab.executor.submit(Skip(tuple(names(1)), "needed"))), act="build")
    await lab.run()
    await lab.end()
    assert sum(lab.world.builds.values()) == 0
    assert "absent" in outcomes(lab)
    assert ends(lab.rollout) == {HostStatus.SKIPPED: 1}


@pytest.mark.parametrize("power", ["ForceOff", "On"])
async def test_first_byte_a_reset_of_a_host_that_is_held_meanwhile_is_not_sent(power: str) -> None:
    lab = Lab(names(1))

    async def hold() -> None:
        lab.executor.submit(Hold(tuple(names(1)), "wait"))
        await asyncio.sleep(1)

    between(lab, hold, act="reset", power=power)
    await lab.run()
    await lab.end()
    machine = lab.machine(names(1)[0])
    assert (machine.resets, machine.wipes, machine.build) == (0 if power == "ForceOff" else 1, 0, False)
    assert ends(lab.rollout) == {HostStatus.HELD: 1}


async def test_first_byte_a_write_that_was_granted_before_the_pause_goes_back_into_the_queue() -> None:
    lab = Lab(names(2))

    async def pause() -> None:
        lab.executor.submit(Pause("writes", True))
        await asyncio.sleep(1)

    between(lab, pause, act="build")
    lab.executor.start()
    await asyncio.sleep(300)
    assert sum(lab.world.writes.values()) == 0
    assert lab.executor.lane.state().in_flight == ()
    lab.executor.submit(Pause("writes", False))
    await lab.executor.settled()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 2}
    notes = [event.text for event in lab.journal.events if isinstance(event, HostNote)]
    assert "the write (build) was not sent, and is tried again: Foreman writes are paused" in notes
    assert {lab.rollout.hosts[host].attempts[Stage.FOREMAN_BUILD] for host in names(2)} == {1}


async def test_first_byte_what_was_decided_long_ago_is_decided_anew() -> None:
    lab = Lab(names(1))
    between(lab, lambda: held_up(lab, 25), act="build")
    await lab.run()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    intents = [event for event in lab.journal.events if isinstance(event, Intent) and event.act == "build"]
    assert len(intents) == 2
    assert [e.result for e in lab.journal.events if isinstance(e, Outcome) and e.number == intents[0].number] == ["absent"]
    assert sum(lab.world.builds.values()) == 1


@pytest.mark.parametrize(("act", "power"), [("build", ""), ("reset", "ForceOff"), ("reset", "On"), ("override", "")])
async def test_first_byte_a_rollout_that_was_taken_over_sends_nothing_and_says_so(act: str, power: str) -> None:
    lab = Lab(names(1))

    async def take_over() -> None:
        lab.journal.taken_over = True

    between(lab, take_over, act=act, power=power)
    await lab.run()
    at_once = [(m.resets, m.override, m.build) for m in lab.world.machines.values()], lab.world.writes.copy()
    await lab.end()
    assert ([(m.resets, m.override, m.build) for m in lab.world.machines.values()], lab.world.writes) == at_once
    assert lab.executor.stopped == "safety"
    assert any(isinstance(event, Notice) and "taken over" in event.text for event in lab.journal.events)
    assert outcomes(lab)[-1] == "absent"


async def test_first_byte_locks_that_were_taken_over_stop_all_of_it() -> None:
    lab = Lab(names(2))

    def lost() -> None:
        raise TakenOver("the lock is no longer ours")

    lab.locked = lost
    lab.resume()
    await lab.run()
    await lab.end()
    assert (lab.executor.stopped, sum(lab.world.writes.values())) == ("safety", 0)
    assert {machine.resets for machine in lab.world.machines.values()} == {0}


# Sessions


async def test_c5_what_a_killed_process_left_is_deleted_before_anything_else() -> None:
    for at in (20, 30, 40, 60, 80):
        lab = Lab(names(4))
        lab.journal.crash_at = at
        lab.executor.start()
        await lab.journal.crashed.wait()
        await lab.crash()
        lab.resume()
        await lab.run()
        await lab.end()
        assert ends(lab.rollout) == {HostStatus.DONE: 4}
        assert not any(lab.world.left.values())


async def test_c5_hosts_that_have_ended_leave_no_session_either() -> None:
    lab = Lab(names(2))
    await lab.run()
    await lab.crash()
    host = names(2)[0]
    lab.world.left[host].add("/Sessions/77")
    lab.journal.events.append(BmcSession(1.0, host, "/Sessions/77", True))
    lab.resume()
    await lab.run()
    await lab.end()
    assert not any(lab.world.left.values())
    assert lab.machine(host).resets == 2


async def test_c5_a_login_without_a_recorded_end_is_followed_up_by_the_resume() -> None:
    lab = Lab(names(3))
    await lab.run()
    await lab.crash()
    interrupted, refused, fine = names(3)
    lab.world.left[interrupted].add("/Sessions/77")
    lab.world.left[refused].add("/Sessions/of-somebody-else")
    lab.journal.events += [BmcSession(1.0, interrupted, "", True)]
    lab.journal.events += [BmcSession(1.0, refused, "", True), BmcSession(1.0, refused, "", False)]
    lab.journal.events += [BmcSession(1.0, fine, "", True), BmcSession(1.0, fine, "/Sessions/78", True)]
    lab.world.left[fine].add("/Sessions/78")
    lab.resume()
    await lab.run()
    await lab.end()
    assert dict(lab.world.left) | {} == {interrupted: set(), refused: {"/Sessions/of-somebody-else"}, fine: set()}
    assert [event.uri for event in lab.journal.events if isinstance(event, BmcSession) and event.at > 1.0][:2] == [
        "",
        "/Sessions/1",
    ]
