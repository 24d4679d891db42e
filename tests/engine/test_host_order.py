"""Whose turn is next: the operator's hosts, then the longest expected rest, and nobody is passed over for ever."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quads_tui.engine.host_order import HostOrder
from quads_tui.engine.write_queue import WriteQueue
from quads_tui.rollout.commands import Pause, WriteNext
from quads_tui.rollout.learned import BuildType, HostResult, LearnedDurations
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.stages import HostStatus, Stage
from tests.clocks import VirtualClock, in_virtual_time

from .model import Lab

NAMES = [f"h{number:02}.example.com" for number in range(24)]
LONG = NAMES[16:]  # a model that installs longer, at the end of the plan


def lab_of(limits: Limits | None = None, kept: bool = True) -> Lab:
    plans = {name: HostPlan(name, f"https://mgmt-{name}", model="slow" if name in LONG else "quick") for name in NAMES}
    lab = Lab(NAMES, plans=plans, limits=limits, write_seconds=20)
    if kept:
        lab.rollout.durations.seed({"slow": {"install": [1500.0] * 5}, "quick": {"install": [600.0] * 5}})
    return lab


def written(lab: Lab) -> list[str]:
    return [host for _, host in lab.world.write_ends]


@pytest.mark.looptime
async def test_what_takes_longest_is_begun_and_written_first() -> None:
    lab = lab_of()
    await lab.run()
    await lab.end()
    assert lab.rollout.counts[HostStatus.DONE] == len(NAMES)
    assert set(LONG) <= set(
        written(lab)[: len(LONG) + 2]
    )  # one of the three before the first verified write is of the other model


@pytest.mark.looptime
async def test_among_hosts_of_one_model_those_that_took_longest_before_are_begun_and_written_first() -> None:
    """A machine's self-test repeats from boot to boot: the slow ones of earlier rollouts stand all over the plan."""
    slow = {name for number, name in enumerate(NAMES) if number % 6 == 5}
    plans = {name: HostPlan(name, f"https://mgmt-{name}", model="R650") for name in NAMES}
    lab = Lab(NAMES, plans=plans, write_seconds=20)
    learned = LearnedDurations()
    for name in NAMES:
        for rollout in range(3):
            took = {Stage.INSTALL: 1500.0 + rollout if name in slow else 600.0 + rollout}
            result = HostResult(f"r{rollout}", float(rollout), BuildType("R650"), HostStatus.DONE, seconds=took)
            learned.add(name, result)
    plan = lab.rollout.plan
    lab.rollout.durations.seed(learned.seeds(plan), learned.expectations(plan, 5400.0))
    await lab.run()
    await lab.end()
    assert lab.rollout.counts[HostStatus.DONE] == len(NAMES)
    assert slow <= set(written(lab)[: len(slow) + 1])
    assert not lab.world.violations


@pytest.mark.looptime
async def test_hosts_of_which_nothing_is_known_go_in_the_order_of_the_plan() -> None:
    lab = lab_of(kept=False)
    await lab.run()
    await lab.end()
    first = written(lab)[3:12]
    assert first == sorted(first)


@pytest.mark.looptime
async def test_the_operators_hosts_are_written_before_all_others_and_after_a_crash_too() -> None:
    lab = lab_of()
    lab.executor.start()
    await asyncio.sleep(1)
    lab.executor.submit(WriteNext((NAMES[9], NAMES[4], "nobody.example.com")))
    while len(written(lab)) < 2:
        await asyncio.sleep(1)
    assert lab.rollout.write_next == {NAMES[9]: None, NAMES[4]: None}
    await lab.crash()
    lab.resume()
    assert list(lab.rollout.write_next) == [NAMES[9], NAMES[4]]
    await lab.run()
    await lab.end()
    assert lab.rollout.counts[HostStatus.DONE] == len(NAMES)
    named = [written(lab).index(name) for name in (NAMES[9], NAMES[4])]
    assert named == sorted(named)
    assert max(named) <= 5  # those that were powered off when they were named may be written before
    assert not lab.world.violations


@pytest.mark.looptime
async def test_before_the_first_verified_write_the_operators_hosts_are_begun_first_whatever_their_racks() -> None:
    """The spread over racks and models gives way to the operator; three hosts at most and one write at a time do not."""
    plans = {name: HostPlan(name, f"https://mgmt-{name}", "R650", rack=f"f{place // 8}") for place, name in enumerate(NAMES)}
    lab = Lab(NAMES, plans=plans, write_seconds=20)
    lab.executor.submit(Pause("admission", True))
    lab.executor.start()
    await asyncio.sleep(1)
    named = (NAMES[15], NAMES[12], NAMES[14], NAMES[13])
    lab.executor.submit(WriteNext(named))
    lab.executor.submit(Pause("admission", False))
    while not lab.world.writing:
        await asyncio.sleep(0.1)
    assert set(lab.rollout.powered_off_waiting) == set(named[:3])
    await lab.executor.settled()
    await lab.end()
    assert set(written(lab)[:4]) == set(named)
    assert (lab.rollout.counts[HostStatus.DONE], lab.world.peak_writes) == (len(NAMES), 1)
    assert not lab.world.violations


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.floats(0, 1e4)), min_size=1, max_size=24, unique_by=lambda pair: pair[0]))
def test_a_write_that_has_waited_long_enough_goes_before_every_newcomer(tails: list[tuple[str, float]]) -> None:
    async def served() -> None:
        clock = VirtualClock()
        known = dict(tails)
        order = HostOrder(NAMES, known.get, clock)
        order.refresh()
        old = order.key(tails[0][0], since=0.0, dark=True)
        assert all(old < order.key(host, since=1001.0, dark=True) for host in known)
        assert len({order.key(host, since=0.0) for host in NAMES}) == len(NAMES)  # never a tie

    in_virtual_time(served)


@given(st.lists(st.sampled_from(range(24)), max_size=60), st.integers(1, 3))
def test_every_write_that_waits_is_served_once_whatever_its_rank(hosts: list[int], width: int) -> None:
    async def served() -> None:
        clock = VirtualClock()
        order = HostOrder(NAMES, lambda host: float(NAMES.index(host) % 5), clock)
        handle = WriteQueue().handle(clock, width, order)
        done: list[str] = []
        at_once: dict[str, int] = {}

        async def confirm(_: object) -> None: ...

        async def write(host: str) -> None:
            ticket = await handle.place(host, "build", confirm)
            at_once[host] = at_once.get(host, 0) + 1
            assert at_once[host] == 1
            assert len(handle.in_flight) <= width
            await asyncio.sleep(1)
            at_once[host] -= 1
            done.append(host)
            handle.release(ticket)
            if len(done) % 7 == 0:
                order.name_next(NAMES[len(done) % len(NAMES)])

        await asyncio.gather(*(write(NAMES[host]) for host in hosts))
        assert sorted(done) == sorted(NAMES[host] for host in hosts)
        assert not handle.waiters

    in_virtual_time(served)
