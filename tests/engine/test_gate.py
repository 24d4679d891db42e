"""The gate's rules, one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from quads_tui.engine.gate import DISARM, RolloutGate
from quads_tui.engine.host_order import HostOrder
from quads_tui.rollout.ports import Held, Skipped, Stopping
from quads_tui.rollout.stages import Kind, Stage
from tests.clocks import VirtualClock

HOSTS = frozenset(f"h{n}" for n in range(10))


def gate(kind: Kind = Kind.BUILD, ahead: int = 3, protected: frozenset[str] = frozenset()) -> RolloutGate:
    return gate_of(VirtualClock(), kinds=dict.fromkeys(HOSTS, kind), protected=protected, ahead=ahead)


def gate_of(
    clock: VirtualClock,
    *,
    places: Iterable[str] = (),
    hears: Callable[[str, bool], None] = lambda host, taken: None,
    ahead: int = 20,
    kinds: Mapping[str, Kind],
    **given: Any,
) -> RolloutGate:
    """With places that nobody but the gate takes; `hears` of each."""
    taken_now = dict.fromkeys(places)

    def on_place(host: str, taken: bool) -> None:
        if taken:
            taken_now[host] = None
        else:
            del taken_now[host]
        hears(host, taken)

    order = HostOrder(sorted(kinds), lambda host: None, clock)
    return RolloutGate(
        clock, kinds=kinds, ahead=lambda: ahead, order=order, powered_off_waiting=taken_now, on_place=on_place, **given
    )


@pytest.mark.parametrize(
    ("host", "act", "prepare", "raised"),
    [
        ("h1", "reset", lambda g: None, None),
        ("stranger", "reset", lambda g: None, Held),
        ("h1", "reset", lambda g: g.exclude("h1", Skipped, "why"), Skipped),
        ("h1", DISARM, lambda g: g.exclude("h1", Skipped, "why"), None),
        ("h1", "build", lambda g: g.exclude("h1", Held, "why"), Held),
        ("h1", DISARM, lambda g: g.exclude("h1", Held, "why"), None),
        ("h2", "build", lambda g: g.exclude("h1", Held, "why"), None),
        ("h1", "reset", lambda g: (g.exclude("h1", Skipped, "why"), g.readmit("h1")), None),
        ("h1", "reset", lambda g: g.stop(), Stopping),
        ("h1", DISARM, lambda g: g.stop(), Stopping),
    ],
)
async def test_who_may_act(host: str, act: str, prepare: object, raised: type[Exception] | None) -> None:
    g = gate()
    prepare(g)  # type: ignore[operator]
    if raised is None:
        await g.enter(host, act)
    else:
        with pytest.raises(raised):
            await g.enter(host, act)


@pytest.mark.parametrize("act", ["reset", "build", DISARM])
async def test_a_protected_host_is_never_touched_even_when_planned(act: str) -> None:
    with pytest.raises(Held, match="protected"):
        await gate(protected=frozenset({"h1"})).enter("h1", act)


async def admitted(g: RolloutGate, hosts: Iterable[int], stage: Stage = Stage.POWER_OFF) -> dict[str, asyncio.Task[None]]:
    """All of them come to the gate together."""
    tasks = {f"h{n}": asyncio.ensure_future(g.admit(f"h{n}", stage)) for n in hosts}
    await asyncio.sleep(1)
    return tasks


def inside(tasks: dict[str, asyncio.Task[None]]) -> list[str]:
    return [name for name, task in tasks.items() if task.done()]


@pytest.mark.looptime
async def test_three_hosts_are_powered_off_until_the_first_write_is_verified_then_ahead() -> None:
    g = gate(ahead=5)
    tasks = await admitted(g, range(9))
    assert inside(tasks) == ["h0", "h1", "h2"]
    g.first_write_verified()
    await asyncio.sleep(1)
    assert inside(tasks) == ["h0", "h1", "h2", "h3", "h4"]
    await g.admit("h1", Stage.FOREMAN_BUILD)  # its place is its own until it is written
    g.leave_powered_off_set("h1")
    await asyncio.sleep(1)
    assert inside(tasks) == ["h0", "h1", "h2", "h3", "h4", "h5"]
    assert g.powered_off_waiting == 5
    for task in tasks.values():
        task.cancel()


@pytest.mark.looptime
async def test_ahead_holds_before_the_first_write_too() -> None:
    tasks = await admitted(gate(ahead=1), range(3))
    assert inside(tasks) == ["h0"]


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("racks", "models", "chosen"),
    [
        ("aaabbbcccc", "xxxxxxxxxx", ["h0", "h3", "h6"]),
        ("aaaaaaabbb", "xxxxxxxxxx", ["h0", "h1", "h7"]),
        ("aaaaaaaaaa", "xxxxxxyyzz", ["h0", "h6", "h8"]),
        ("aabbccddee", "xxxxyyyyzz", ["h0", "h4", "h8"]),
        ("aaaaaaaaaa", "xxxxxxxxxx", ["h0", "h1", "h2"]),
    ],
)
async def test_the_first_hosts_are_of_different_racks_and_models_where_there_are_such(
    racks: str, models: str, chosen: list[str]
) -> None:
    names = [f"h{n}" for n in range(10)]
    g = gate_of(
        VirtualClock(),
        kinds=dict.fromkeys(HOSTS, Kind.BUILD),
        protected=frozenset(),
        ahead=20,
        racks=dict(zip(names, racks, strict=True)),
        models=dict(zip(names, models, strict=True)),
    )
    assert inside(await admitted(g, range(10))) == chosen


@pytest.mark.looptime
async def test_one_of_the_first_hosts_is_written_at_a_time_and_a_failed_one_goes_behind_the_others() -> None:
    said: list[tuple[str, str]] = []
    g = gate_of(
        VirtualClock(),
        kinds=dict.fromkeys(HOSTS, Kind.BUILD),
        protected=frozenset(),
        ahead=20,
        waits=lambda host, why: said.append((host, why)),
    )
    await admitted(g, range(3))
    turns = await admitted(g, range(3), Stage.FOREMAN_BUILD)
    assert inside(turns) == ["h0"]
    assert said == [(f"h{n}", "ready; the first write to Foreman (for h0) is not verified yet") for n in (1, 2)]
    g.turn_over("h0")
    again = asyncio.ensure_future(g.admit("h0", Stage.FOREMAN_BUILD))
    await asyncio.sleep(1)
    assert inside(turns) == ["h0", "h1"]
    g.turn_over("h1")
    await asyncio.sleep(1)
    assert inside(turns) == ["h0", "h1", "h2"]
    assert not again.done()
    g.leave_powered_off_set("h2")  # answered, and not verified yet
    await asyncio.sleep(1)
    assert (g.powered_off_waiting, again.done()) == (3, False)
    g.first_write_verified()
    await asyncio.sleep(1)
    assert again.done()
    assert g.powered_off_waiting == 2


@pytest.mark.looptime
async def test_hosts_that_are_retried_together_at_the_write_are_written_one_at_a_time_too() -> None:
    """They stand off from their first try and have no place any more: they come to the gate at the write itself."""
    said: list[tuple[str, str]] = []
    g = gate_of(
        VirtualClock(),
        kinds=dict.fromkeys(HOSTS, Kind.BUILD),
        protected=frozenset(),
        ahead=20,
        waits=lambda host, why: said.append((host, why)),
    )
    for n in range(3):
        g.mark_begun(f"h{n}")
    turns = await admitted(g, range(3), Stage.FOREMAN_BUILD)
    assert inside(turns) == ["h0"]
    assert said == [(f"h{n}", "ready; the first write to Foreman (for h0) is not verified yet") for n in (1, 2)]
    g.turn_over("h0")
    await asyncio.sleep(1)
    assert inside(turns) == ["h0", "h1"]
    g.first_write_verified()
    await asyncio.sleep(1)
    assert inside(turns) == ["h0", "h1", "h2"]


@pytest.mark.looptime
async def test_a_host_that_a_service_refused_keeps_its_place_one_of_a_bad_bmc_returns_it() -> None:
    g = gate(ahead=20)
    tasks = await admitted(g, range(6))
    g.keep("h0")
    for name in ("h0", "h1"):  # both have ended
        g.gone(name)
    await asyncio.sleep(1)
    assert inside(tasks) == ["h0", "h1", "h2", "h3"]
    assert g.powered_off_waiting == 3
    g.clear_kept()
    await asyncio.sleep(1)
    assert inside(tasks) == ["h0", "h1", "h2", "h3", "h4"]
    for task in tasks.values():
        task.cancel()


@pytest.mark.looptime
async def test_retries_stand_behind_new_hosts_until_the_first_write_is_verified() -> None:
    g = gate_of(
        VirtualClock(),
        kinds=dict.fromkeys(HOSTS, Kind.BUILD),
        protected=frozenset(),
        ahead=20,
        racks={f"h{n}": "b" if n else "a" for n in range(10)},  # the host that comes again is of the better rack
    )
    await admitted(g, range(3))
    g.leave_powered_off_set("h0")  # its BMC does not answer: it waits outside
    again = asyncio.ensure_future(g.admit("h0", Stage.POWER_OFF))
    new = await admitted(g, range(3, 5))
    assert (inside(new), again.done()) == (["h3"], False)
    g.leave_powered_off_set("h1")
    await asyncio.sleep(1)
    assert (inside(new), again.done()) == (["h3", "h4"], False)
    g.leave_powered_off_set("h2")
    await again
    assert g.powered_off_waiting == 3


@pytest.mark.looptime
async def test_new_hosts_of_a_held_model_wait_and_the_others_go_on() -> None:
    said: list[tuple[str, str]] = []
    g = gate_of(
        VirtualClock(),
        kinds=dict.fromkeys(HOSTS, Kind.BUILD),
        protected=frozenset(),
        ahead=20,
        models={f"h{n}": "R650" if n % 2 else "R660" for n in range(10)},
        waits=lambda host, why: said.append((host, why)),
    )
    g.first_write_verified()
    await g.admit("h1", Stage.POWER_OFF)
    g.hold_model("R650", True)
    tasks = await admitted(g, range(2, 8))
    assert inside(tasks) == ["h2", "h4", "h6"]
    assert said[0] == ("h3", "new hosts of model R650 are paused")
    await g.admit("h1", Stage.POWER_OFF)  # it has begun
    g.hold_model("R650", False)
    await asyncio.sleep(1)
    assert len(inside(tasks)) == 6


@pytest.mark.looptime
async def test_a_skipped_host_leaves_the_queue_at_once_and_takes_no_place() -> None:
    g = gate(ahead=1)
    await g.admit("h0", Stage.POWER_OFF)
    waiting = asyncio.ensure_future(g.admit("h1", Stage.POWER_OFF))
    behind = asyncio.ensure_future(g.admit("h2", Stage.POWER_OFF))
    await asyncio.sleep(1)
    g.exclude("h1", Skipped, "broken disk")
    with pytest.raises(Skipped, match="broken disk"):
        await waiting
    g.leave_powered_off_set("h0")
    await behind
    assert g.powered_off_waiting == 1


@pytest.mark.looptime
async def test_after_the_first_write_who_had_a_place_before_does_not_queue_behind_those_who_had_none() -> None:
    g = gate(ahead=1)
    g.first_write_verified()
    for name in ("h0", "h1"):
        await g.admit(name, Stage.POWER_OFF)
        g.leave_powered_off_set(name)  # its BMC did not answer: it waited outside
    await g.admit("h2", Stage.POWER_OFF)
    order: list[str] = []

    async def want(name: str) -> None:
        await g.admit(name, Stage.POWER_OFF)
        order.append(name)
        g.leave_powered_off_set(name)

    tasks = [asyncio.ensure_future(want(name)) for name in ("h3", "h4", "h0")]
    await asyncio.sleep(1)
    g.leave_powered_off_set("h2")
    await asyncio.gather(*tasks)
    assert order == ["h0", "h3", "h4"]


@pytest.mark.looptime
async def test_pause_holds_back_who_has_not_begun_and_nobody_else() -> None:
    g = gate(ahead=3)
    g.first_write_verified()
    g.pause(True)
    new = asyncio.ensure_future(g.admit("h0", Stage.POWER_OFF))
    await g.admit("h1", Stage.POWER_ON)
    await asyncio.sleep(1)
    assert not new.done()
    g.pause(False)
    await new


@pytest.mark.looptime
async def test_f5_what_this_process_lacks_holds_back_who_has_not_begun_beside_any_pause() -> None:
    said: list[tuple[str, str]] = []
    kinds = dict.fromkeys(HOSTS, Kind.BUILD)
    g = gate_of(VirtualClock(), kinds=kinds, protected=frozenset(), ahead=3, waits=lambda host, why: said.append((host, why)))
    g.first_write_verified()
    g.block("the reader of --json does not read")
    new = asyncio.ensure_future(g.admit("h0", Stage.POWER_OFF))
    await g.admit("h1", Stage.POWER_ON)
    await asyncio.sleep(1)
    assert said == [("h0", "new hosts are paused: the reader of --json does not read")]
    g.pause(True)
    g.block("")
    await asyncio.sleep(1)
    assert not new.done()  # the operator's pause stands
    g.pause(False)
    await new


@pytest.mark.parametrize("kind", [Kind.SPARE, Kind.OWNERSHIP])
async def test_ahead_is_for_hosts_that_wait_for_the_lane(kind: Kind) -> None:
    g = gate(kind=kind, ahead=1)
    for n in range(5):
        entering = asyncio.ensure_future(g.admit(f"h{n}", kind.stages[0]))
        await asyncio.sleep(0)
        assert entering.done(), "it waited for a place ahead of the lane"


@pytest.mark.looptime
async def test_watch_ends_with_its_answer_its_deadline_or_the_operator() -> None:
    g = gate()
    clock = VirtualClock()

    async def answer() -> str:
        await asyncio.sleep(5)
        return "built"

    assert await g.watch("h1", answer(), 10) == "built"
    with pytest.raises(TimeoutError):
        await g.watch("h1", answer(), 2)
    watching = asyncio.ensure_future(g.watch("h1", asyncio.sleep(1000), None))
    began = clock.now()
    asyncio.get_running_loop().call_later(3, g.exclude, "h1", Skipped, "enough")
    with pytest.raises(Skipped, match="enough"):
        await watching
    assert clock.now() - began == pytest.approx(3)
    stopped = asyncio.ensure_future(g.watch("h2", asyncio.sleep(1000), None))
    await asyncio.sleep(1)
    g.stop()
    with pytest.raises(Stopping):
        await stopped
