"""The gate's places, turns and waits: who has one, who is told of it, and that nobody keeps one for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from quads_tui.engine.gate import RolloutGate
from quads_tui.rollout.ports import Held, Skipped, Stopping
from quads_tui.rollout.stages import Kind, Stage
from tests.clocks import VirtualClock

from .test_gate import HOSTS, admitted, gate_of, inside

pytestmark = pytest.mark.looptime


class Told:
    """What the gate tells: places taken (True) or given back, and why hosts wait."""

    def __init__(self) -> None:
        self.places: list[tuple[str, bool]] = []
        self.waits: list[tuple[str, str]] = []


def gate(
    told: Told | None = None,
    *,
    ahead: int = 20,
    kinds: Mapping[str, Kind] | None = None,
    places: tuple[str, ...] = (),
    models: Mapping[str, str] | None = None,
) -> RolloutGate:
    heard = told or Told()
    return gate_of(
        VirtualClock(),
        kinds=kinds or dict.fromkeys(HOSTS, Kind.BUILD),
        protected=frozenset(),
        ahead=ahead,
        models=models,
        places=places,
        waits=lambda host, why: heard.waits.append((host, why)),
        hears=lambda host, taken: heard.places.append((host, taken)),
    )


async def cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# Places


async def test_every_place_that_is_taken_or_given_back_is_told_once() -> None:
    told = Told()
    g = gate(told)
    tasks = await admitted(g, range(5))
    assert told.places == [("h0", True), ("h1", True), ("h2", True)]
    told.places.clear()
    await g.admit("h0", Stage.PXE_SET)
    await g.admit("h0", Stage.FOREMAN_BUILD)
    g.leave_powered_off_set("h0")  # answered: as the first write it keeps its place until it is verified
    assert told.places == []
    g.first_write_verified()
    await asyncio.sleep(1)
    assert told.places == [("h0", False), ("h3", True), ("h4", True)]
    told.places.clear()
    g.leave_powered_off_set("h0")
    g.leave_powered_off_set("h1")
    g.gone("h1")
    g.gone("h2")
    assert told.places == [("h1", False), ("h2", False)]
    await cancelled(*tasks.values())


async def test_a_host_that_comes_further_than_its_write_gives_its_place_back() -> None:
    told = Told()
    g = gate(told, places=("h0", "h1", "h2"))
    waiting = asyncio.ensure_future(g.admit("h3", Stage.POWER_OFF))
    await asyncio.sleep(1)
    assert not waiting.done()
    await g.admit("h0", Stage.POWER_ON)
    await waiting
    assert told.places == [("h0", False), ("h3", True)]


async def test_hosts_that_stand_off_since_an_earlier_process_count_and_are_no_new_hosts() -> None:
    g = gate(ahead=3, places=("h0", "h1", "h2"))
    g.pause(True)
    await asyncio.wait_for(g.admit("h0", Stage.POWER_OFF), 1)
    g.pause(False)
    waiting = asyncio.ensure_future(g.admit("h3", Stage.POWER_OFF))
    await asyncio.sleep(1)
    assert (waiting.done(), g.powered_off_waiting) == (False, 3)
    await cancelled(waiting)


async def test_only_hosts_that_are_built_need_places() -> None:
    kinds = dict.fromkeys(HOSTS, Kind.BUILD) | {"h8": Kind.OWNERSHIP, "h9": Kind.SPARE}
    told = Told()
    g = gate(told, ahead=1, kinds=kinds)
    tasks = await admitted(g, range(2))
    assert inside(tasks) == ["h0"]
    for name in ("h8", "h9"):
        await asyncio.wait_for(g.admit(name, kinds[name].stages[0]), 1)
    g.pause(True)
    others = {name: asyncio.ensure_future(g.admit(name, kinds[name].stages[-1])) for name in ("h8", "h9")}
    await asyncio.sleep(1)
    assert all(task.done() for task in others.values())
    assert told.places == [("h0", True)]
    await cancelled(*tasks.values())


async def test_a_host_that_is_built_waits_for_a_place_while_others_of_another_kind_are_let_in() -> None:
    kinds = dict.fromkeys(HOSTS, Kind.BUILD) | {"h9": Kind.OWNERSHIP}
    g = gate(ahead=1, kinds=kinds)
    g.pause(True)
    tasks = await admitted(g, (0, 1))
    late = asyncio.ensure_future(g.admit("h9", Kind.OWNERSHIP.stages[0]))
    await asyncio.sleep(1)
    assert not late.done()
    g.pause(False)
    await asyncio.wait_for(late, 1)
    assert inside(tasks) == ["h0"]
    await cancelled(*tasks.values())


async def test_a_cancelled_host_takes_no_place_and_may_come_again() -> None:
    g = gate(ahead=1)
    await g.admit("h0", Stage.POWER_OFF)
    waiting = asyncio.ensure_future(g.admit("h1", Stage.POWER_OFF))
    await asyncio.sleep(1)
    assert g.waits("h1")
    await cancelled(waiting)
    assert not g.waits("h1")
    g.gone("h0")
    await asyncio.sleep(1)
    assert g.powered_off_waiting == 0
    await asyncio.wait_for(g.admit("h1", Stage.POWER_OFF), 1)


# Kept places


@pytest.mark.parametrize("order", [Skipped, Held])
async def test_a_host_that_the_operator_takes_out_keeps_no_place(order: type[Skipped] | type[Held]) -> None:
    told = Told()
    g = gate(told)
    await admitted(g, range(3))
    g.keep("h0")
    g.leave_powered_off_set("h0")
    g.gone("h0")
    assert ("h0", False) not in told.places
    g.exclude("h0", order, "why")
    assert g.is_excluded("h0")
    g.gone("h0")
    assert told.places[-1] == ("h0", False)


async def test_a_host_that_is_retried_keeps_its_place_no_longer_than_any_other() -> None:
    told = Told()
    g = gate(told)
    await admitted(g, range(3))
    g.keep("h0")
    g.gone("h0")
    g.readmit("h0")
    assert not g.is_excluded("h0")
    await g.admit("h0", Stage.POWER_OFF)
    g.gone("h0")
    assert told.places[-1] == ("h0", False)


@pytest.mark.parametrize("decide", [RolloutGate.first_write_verified, RolloutGate.clear_kept])
async def test_kept_places_are_given_back_once(decide: Callable[[RolloutGate], None]) -> None:
    told = Told()
    g = gate(told)
    tasks = await admitted(g, range(3))
    g.keep("h0")
    g.gone("h0")
    decide(g)
    assert told.places.count(("h0", False)) == 1
    again = asyncio.ensure_future(g.admit("h0", Stage.POWER_OFF))
    await asyncio.sleep(1)
    g.gone("h0")  # nothing is kept for it any more
    assert told.places.count(("h0", False)) == 2
    await cancelled(again, *tasks.values())


# Turns


async def test_a_host_that_leaves_in_its_turn_hands_it_on() -> None:
    g = gate()
    await admitted(g, range(3))
    turns = await admitted(g, range(3), Stage.FOREMAN_BUILD)
    assert inside(turns) == ["h0"]
    g.gone("h1")  # not its turn
    await asyncio.sleep(1)
    assert inside(turns) == ["h0"]
    g.gone("h0")
    await asyncio.sleep(1)
    assert inside(turns) == ["h0", "h1"]
    g.turn_over("h0")  # it has no turn any more
    await asyncio.sleep(1)
    assert inside(turns) == ["h0", "h1"]
    await cancelled(*turns.values())


async def test_a_host_that_had_its_turn_goes_behind_one_that_came_later() -> None:
    g = gate()
    await admitted(g, range(3))
    turns = await admitted(g, range(2), Stage.FOREMAN_BUILD)
    g.turn_over("h0")
    await asyncio.sleep(1)
    assert inside(turns) == ["h0", "h1"]
    again = asyncio.ensure_future(g.admit("h0", Stage.FOREMAN_BUILD))
    await asyncio.sleep(1)
    late = asyncio.ensure_future(g.admit("h2", Stage.FOREMAN_BUILD))
    await asyncio.sleep(1)
    g.turn_over("h1")
    await asyncio.sleep(1)
    assert (late.done(), again.done()) == (True, False)
    await cancelled(again, late)


async def test_a_host_that_keeps_its_place_keeps_no_turn() -> None:
    g = gate()
    await admitted(g, range(3))
    turns = await admitted(g, range(3), Stage.FOREMAN_BUILD)
    g.keep("h0")
    g.gone("h0")
    await asyncio.sleep(1)
    assert (inside(turns), g.powered_off_waiting) == (["h0", "h1"], 3)
    await cancelled(*turns.values())


async def test_the_turn_of_another_is_not_ended() -> None:
    g = gate()
    await admitted(g, range(3))
    turns = await admitted(g, range(3), Stage.FOREMAN_BUILD)
    g.turn_over("h1")
    g.leave_powered_off_set("h1")
    await asyncio.sleep(1)
    assert inside(turns) == ["h0"]
    await asyncio.wait_for(g.admit("h0", Stage.FOREMAN_BUILD), 1)  # its own turn goes on
    await cancelled(*turns.values())


async def test_a_write_that_may_be_out_since_an_earlier_process_has_the_turn() -> None:
    told = Told()
    g = gate(told, places=("h0", "h1"))
    g.write_stands("h0")
    g.write_stands("h7")  # it stands in no place: nothing waits for it
    turns = await admitted(g, (1,), Stage.FOREMAN_BUILD)
    assert inside(turns) == []
    assert told.waits == [("h1", "ready; the first write to Foreman (for h0) is not verified yet")]
    g.leave_powered_off_set("h0")
    assert ("h0", False) not in told.places
    await asyncio.wait_for(g.admit("h0", Stage.FOREMAN_BUILD), 1)
    g.turn_over("h0")
    again = asyncio.ensure_future(g.admit("h0", Stage.FOREMAN_BUILD))
    await asyncio.sleep(1)
    assert (inside(turns), again.done()) == (["h1"], False)  # it had its turn
    await cancelled(again, *turns.values())


async def test_who_had_its_turn_in_an_earlier_process_stands_behind_those_who_had_none() -> None:
    g = gate(places=("h0", "h1", "h2"))
    g.write_stands("h0")
    g.write_stands("h1")
    turns = await admitted(g, (0, 2), Stage.FOREMAN_BUILD)
    assert inside(turns) == []
    g.turn_over("h1")
    await asyncio.sleep(1)
    assert inside(turns) == ["h2"]
    await cancelled(*turns.values())


async def test_a_write_that_stands_concerns_nobody_once_the_first_one_is_verified() -> None:
    g = gate(places=("h0", "h1"))
    g.first_write_verified()
    g.write_stands("h0")
    await asyncio.wait_for(g.admit("h1", Stage.FOREMAN_BUILD), 1)
    g.leave_powered_off_set("h0")
    assert g.powered_off_waiting == 1


async def test_all_that_are_ready_are_written_when_the_first_write_is_verified() -> None:
    g = gate()
    await admitted(g, range(3))
    turns = await admitted(g, range(3), Stage.FOREMAN_BUILD)
    g.first_write_verified()
    await asyncio.sleep(1)
    assert inside(turns) == ["h0", "h1", "h2"]


# Waits


async def test_why_a_host_waits_for_a_place_is_told_with_the_number_and_the_limit() -> None:
    told = Told()
    g = gate(told, ahead=4)
    tasks = await admitted(g, range(4))
    assert told.waits == [
        (
            "h3",
            "waiting until the first write to Foreman is verified; 3 other hosts are already powered off, and no more will be until then",
        )
    ]
    told.waits.clear()
    g.first_write_verified()
    more = await admitted(g, (4,))
    assert told.waits == [
        (
            "h4",
            "waiting for Foreman writes: 4 hosts are ahead of this one; those hosts are powered off and not yet written (limits.ahead)",
        )
    ]
    await cancelled(*tasks.values(), *more.values())


async def test_why_a_host_waits_is_told_once_and_not_at_every_change() -> None:
    told = Told()
    g = gate(told)
    tasks = await admitted(g, range(5))
    assert [host for host, _ in told.waits] == ["h3", "h4"]
    g.pause(False)
    g.hold_model("other", False)
    g.leave_powered_off_set("h0")
    await asyncio.sleep(1)
    assert [host for host, _ in told.waits] == ["h3", "h4"]
    await cancelled(*tasks.values())


async def test_a_host_is_waited_for_until_it_is_let_in_or_leaves() -> None:
    g = gate(ahead=2)
    tasks = await admitted(g, range(3))
    assert [g.waits(f"h{n}") for n in range(4)] == [False, False, True, False]
    assert not g.deciding
    g.leave_powered_off_set("h0")
    assert g.deciding  # who waits may be let in at once
    await asyncio.sleep(1)
    assert not g.deciding
    assert not g.waits("h2")
    turns = await admitted(g, (1, 2), Stage.FOREMAN_BUILD)
    assert [g.waits("h1"), g.waits("h2")] == [False, True]
    await cancelled(*tasks.values(), *turns.values())


async def test_a_stop_ends_every_wait_at_once() -> None:
    g = gate(ahead=3, places=("h0", "h1", "h2"))
    g.mark_begun("h5")
    await g.admit("h0", Stage.FOREMAN_BUILD)
    waits = [
        *(await admitted(g, (1,), Stage.FOREMAN_BUILD)).values(),  # for its turn
        *(await admitted(g, (4, 5))).values(),  # to begin, and for a place again
        asyncio.ensure_future(g.watch("h0", asyncio.sleep(1000))),
    ]
    await asyncio.sleep(1)
    assert not any(task.done() for task in waits)
    g.stop()
    await asyncio.sleep(0.1)
    assert all(isinstance(task.exception(), Stopping) for task in waits)
    with pytest.raises(Stopping):
        await g.admit("h9", Stage.POWER_OFF)


async def test_a_pause_of_new_hosts_and_of_a_model_do_not_lift_each_other() -> None:
    told = Told()
    g = gate(told, models=dict.fromkeys(HOSTS, "R650"))
    g.first_write_verified()
    g.pause(True)
    g.hold_model("R650", True)
    tasks = await admitted(g, (0,))
    g.pause(False)
    await asyncio.sleep(1)
    assert inside(tasks) == []
    g.pause(True)
    g.hold_model("R650", False)
    await asyncio.sleep(1)
    assert inside(tasks) == []
    g.pause(False)
    await asyncio.sleep(1)
    assert inside(tasks) == ["h0"]
    assert told.waits[0] == ("h0", "new hosts are paused")


async def test_a_host_that_was_under_way_before_is_no_new_host() -> None:
    g = gate()
    g.first_write_verified()
    g.pause(True)
    g.mark_begun("h1")
    await asyncio.wait_for(g.admit("h1", Stage.POWER_OFF), 1)


# Watching


async def test_what_was_watched_for_ends_with_the_watching() -> None:
    g = gate()
    ended: list[str] = []

    async def answer(name: str) -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            ended.append(name)
            raise

    with pytest.raises(TimeoutError):
        await g.watch("h0", answer("too late"), 5)
    asyncio.get_running_loop().call_later(5, g.exclude, "h1", Skipped, "enough")
    with pytest.raises(Skipped):
        await g.watch("h1", answer("skipped"))
    await asyncio.sleep(0)
    assert ended == ["too late", "skipped"]


async def test_an_order_that_was_taken_back_ends_no_later_watching() -> None:
    g = gate()
    asyncio.get_running_loop().call_later(1, g.exclude, "h0", Held, "wait")
    with pytest.raises(Held, match="wait"):
        await g.watch("h0", asyncio.sleep(10))
    with pytest.raises(Held):  # and while it stands nothing is waited for
        await asyncio.wait_for(g.watch("h0", asyncio.sleep(10)), 1)
    g.readmit("h0")
    assert await g.watch("h0", asyncio.sleep(10, "answer"), 20) == "answer"


async def test_an_error_of_what_is_watched_for_is_the_watchers() -> None:
    async def fails() -> None:
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        await gate().watch("h0", fails(), 5)
