"""`--until`: no host begins that would not be done by then; who has begun is finished, and what is left is said."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random

import pytest

from quads_tui.rollout.commands import Skip, Unskip
from quads_tui.rollout.events import HostChanged, HostNote, Notice, StageChanged
from quads_tui.rollout.forecast import forecast
from quads_tui.rollout.learned import ENOUGH, HostResult, LearnedDurations, build_type
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from quads_tui.rollout.time_limit import not_begun

from .model import Lab

pytestmark = pytest.mark.looptime
INSTALL = 1200.0
CEILING = 5400.0


def lab(count: int, minutes: float, *, history: int = 0, write: float = 10.0) -> Lab:
    """A limit so many minutes from the start; `history`: earlier rollouts of each host. Installs of a model differ little."""
    names = [f"h{number:03}" for number in range(count)]
    made = Lab(names, plans={name: HostPlan(name, f"https://mgmt-{name}", "R650") for name in names}, write_seconds=write)
    luck = Random(7)
    for name in names:
        made.machine(name).install_seconds = INSTALL * luck.lognormvariate(0.0, 0.1)
    made.plan = replace(made.plan, until=made.clock.wall() + 60.0 * minutes)
    made.replan([])
    if history:
        learned, type = LearnedDurations(), build_type(made.plan, made.plan.hosts[0])
        for name in names:
            for number in range(history):
                took = {Stage.POWER_OFF: 9.0, Stage.PXE_SET: 2.0, Stage.FOREMAN_BUILD: 6.0, Stage.POWER_ON: 15.0}
                took[Stage.INSTALL] = made.machine(name).install_seconds * luck.lognormvariate(0.0, 0.05)
                learned.add(name, HostResult(f"r{number}", float(number), type, HostStatus.DONE, seconds=took))
        learned.between = [write] * 20
        made.rollout.durations.seed(learned.seeds(made.plan), learned.expectations(made.plan, CEILING))
    return made


def begun(made: Lab) -> dict[str, float]:
    first: dict[str, float] = {}
    for event in made.journal.events:
        if isinstance(event, StageChanged) and event.status is StageStatus.STARTED:
            first.setdefault(event.host, event.at)
    return first


def done(made: Lab) -> dict[str, float]:
    ends = (event for event in made.journal.events if isinstance(event, HostChanged))
    return {event.host: event.at for event in ends if event.status is HostStatus.DONE}


async def test_who_begins_is_done_in_time_and_the_others_are_named() -> None:
    made = lab(120, 35, history=4)
    await made.run()
    left = not_begun(made.rollout)
    ends = done(made)
    assert made.executor.out_of_time
    assert not made.executor.held_back
    assert len(ends) + len(left) == 120
    assert 20 < len(left) < 100
    assert sum(at > made.plan.until for at in ends.values()) <= 0.1 * len(ends)
    assert max(ends.values()) > made.plan.until - 300.0  # and no time was given away
    said = [event for event in made.journal.events if isinstance(event, Notice)]
    assert len(said) == 1
    assert said[0].text.startswith(
        f"{len(left)} hosts were not begun, because they are less than 90 % likely to be done by the time limit"
    )
    notes = {event.host: event.text for event in made.journal.events if isinstance(event, HostNote) and event.waits}
    assert all("time limit" in notes[host] for host in left)
    await made.end()
    assert not made.world.violations


async def test_while_nothing_is_known_an_install_may_take_as_long_as_its_deadline() -> None:
    made = lab(120, 100)
    await made.run()
    first, late = begun(made), not_begun(made.rollout)
    began = made.journal.events[0].at
    early = {host: at for host, at in first.items() if at < began + INSTALL * 0.7}
    assert max(early.values()) < began + 600.0  # 90 minutes are counted for an install, and some for what precedes it
    ends = done(made)
    assert ENOUGH < len(early) < len(first)
    following = min(at for host, at in first.items() if host not in early)
    assert ENOUGH <= sum(ends[host] <= following for host in early) < len(early)  # as soon as enough installs had been seen
    assert not late
    assert all(at <= made.plan.until for at in done(made).values())
    await made.end()


async def test_a_host_under_way_is_finished_whatever_the_time() -> None:
    made = lab(3, 97)
    for name in made.world.machines:
        made.machine(name).install_seconds = 5000.0
        made.machine(name).off_seconds = 170.0
        made.machine(name).troubles = []
    await made.run()
    assert len(done(made)) == 3
    await made.end()


async def test_where_no_host_fits_the_rollout_stands_at_once_and_a_resume_goes_on() -> None:
    made = lab(5, 60)
    await made.run()
    assert made.executor.out_of_time
    assert not begun(made)
    await made.end()
    assert not made.rollout.settled
    made.plan = replace(made.plan, until=made.clock.wall() + 3 * 3600.0)
    made.resume()
    await made.run()
    assert made.rollout.settled
    assert len(done(made)) == 5
    await made.end()


async def test_a_resume_keeps_the_limit_and_finishes_who_was_under_way() -> None:
    made = lab(60, 35, history=4)
    made.executor.start()
    await made.clock.sleep(300.0)
    await made.crash()
    under_way = set(begun(made))
    await made.clock.sleep(3600.0)
    made.resume()
    await made.run()
    assert set(begun(made)) == under_way
    assert set(done(made)) == under_way
    assert made.executor.out_of_time
    await made.end()


async def test_a_host_that_was_skipped_and_taken_in_again_is_named_with_the_others() -> None:
    made = lab(5, 60)
    name = next(iter(made.rollout.hosts))
    made.executor.start()
    made.executor.submit(Skip((name,), "x"))
    await asyncio.sleep(5)
    made.executor.submit(Unskip((name,)))
    await asyncio.sleep(5)
    assert made.executor.out_of_time
    assert not_begun(made.rollout) == list(made.rollout.hosts)
    await made.end()


async def test_while_this_process_lets_no_host_begin_the_time_limit_leaves_none() -> None:
    made = lab(6, 300)
    made.executor.block_new_hosts("nobody reads")
    made.executor.start()
    settled = asyncio.ensure_future(made.executor.settled())
    await asyncio.sleep(60)
    assert not settled.done()
    assert not made.executor.out_of_time
    made.executor.block_new_hosts("")
    await settled
    assert len(done(made)) == 6
    await made.end()


async def test_where_no_host_fits_any_more_once_this_process_goes_on_the_rollout_stands() -> None:
    made = lab(6, 100)
    made.executor.block_new_hosts("nobody reads")
    made.executor.start()
    settled = asyncio.ensure_future(made.executor.settled())
    await asyncio.sleep(3600)
    made.executor.block_new_hosts("")
    await asyncio.wait_for(settled, 60)
    assert made.executor.out_of_time
    assert not_begun(made.rollout) == list(made.rollout.hosts)
    await made.end()


async def test_while_all_wait_for_the_first_of_their_type_the_lane_is_not_slow() -> None:
    """What was not written for twenty minutes, since nothing was to be written, takes no time of the others."""
    made = lab(60, 48, history=4, write=5.0)
    seeds = made.rollout.durations
    made.plan = replace(made.plan, canary=2)
    made.replan([])
    made.rollout.durations.expected = seeds.expected
    for stage in Stage:
        for seconds in seeds.samples("R650", stage).ordered:
            made.rollout.durations._add("R650", stage, seconds)
    for _ in range(20):
        made.rollout.durations.between.add(5.0)
    await made.run()
    assert not not_begun(made.rollout)
    assert len(done(made)) == 60
    await made.end()


async def test_the_forecast_leaves_out_who_will_not_be_begun() -> None:
    made = lab(120, 35, history=4)
    made.executor.start()
    await made.clock.sleep(120.0)
    told = forecast(made.rollout, made.world.meters, made.clock.wall())
    await made.executor.settled()
    left = not_begun(made.rollout)
    assert abs(len(told.late) - len(left)) <= 10
    assert told.p90 is not None
    assert told.at + told.p90 <= made.plan.until + 600.0
    await made.end()
