"""The gate's rules, one by one."""

from __future__ import annotations

import asyncio

import pytest

from quads_tui.engine.gate import DISARM, RolloutGate
from quads_tui.rollout.ports import Held, Skipped, Stopping
from quads_tui.rollout.stages import Kind, Stage
from tests.clocks import VirtualClock

HOSTS = frozenset(f"h{n}" for n in range(10))


def gate(kind: Kind = Kind.BUILD, ahead: int = 3, protected: frozenset[str] = frozenset()) -> RolloutGate:
    return RolloutGate(VirtualClock(), kinds=dict.fromkeys(HOSTS, kind), protected=protected, ahead=ahead)


@pytest.mark.parametrize(
    ("host", "act", "prepare", "raised"),
    [
        ("h1", "reset", lambda g: None, None),
        ("stranger", "reset", lambda g: None, Held),
        ("h1", "reset", lambda g: g.take_out("h1", Skipped, "why"), Skipped),
        ("h1", DISARM, lambda g: g.take_out("h1", Skipped, "why"), None),
        ("h1", "build", lambda g: g.take_out("h1", Held, "why"), Held),
        ("h1", DISARM, lambda g: g.take_out("h1", Held, "why"), None),
        ("h2", "build", lambda g: g.take_out("h1", Held, "why"), None),
        ("h1", "reset", lambda g: (g.take_out("h1", Skipped, "why"), g.put_back("h1")), None),
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


@pytest.mark.looptime
async def test_one_host_stands_dark_until_a_build_is_proved_then_ahead() -> None:
    g = gate(ahead=3)
    tasks = {n: asyncio.ensure_future(g.admit(f"h{n}", Stage.POWER_OFF)) for n in range(8)}
    await asyncio.sleep(1)
    assert [n for n, task in tasks.items() if task.done()] == [0]
    g.proved()
    await asyncio.sleep(1)
    assert [n for n, task in tasks.items() if task.done()] == [0, 1, 2]
    await g.admit("h1", Stage.FOREMAN_BUILD)  # its place is its own through the dark stages
    g.lit("h1")
    await asyncio.sleep(1)
    assert [n for n, task in tasks.items() if task.done()] == [0, 1, 2, 3]
    assert g.dark == 3
    for task in tasks.values():
        task.cancel()


@pytest.mark.looptime
async def test_a_skipped_host_leaves_the_queue_at_once_and_takes_no_place() -> None:
    g = gate(ahead=1)
    await g.admit("h0", Stage.POWER_OFF)
    waiting = asyncio.ensure_future(g.admit("h1", Stage.POWER_OFF))
    behind = asyncio.ensure_future(g.admit("h2", Stage.POWER_OFF))
    await asyncio.sleep(1)
    g.take_out("h1", Skipped, "broken disk")
    with pytest.raises(Skipped, match="broken disk"):
        await waiting
    g.lit("h0")
    await behind
    assert g.dark == 1


@pytest.mark.looptime
async def test_who_had_a_place_before_does_not_queue_behind_those_who_had_none() -> None:
    g = gate(ahead=1)
    for name in ("h0", "h1"):
        await g.admit(name, Stage.POWER_OFF)
        g.lit(name)  # its BMC did not answer: it waited outside
    await g.admit("h2", Stage.POWER_OFF)
    order: list[str] = []

    async def want(name: str) -> None:
        await g.admit(name, Stage.POWER_OFF)
        order.append(name)
        g.lit(name)

    tasks = [asyncio.ensure_future(want(name)) for name in ("h3", "h4", "h0")]
    await asyncio.sleep(1)
    g.lit("h2")
    await asyncio.gather(*tasks)
    assert order == ["h0", "h3", "h4"]


@pytest.mark.looptime
async def test_pause_holds_back_who_has_not_begun_and_nobody_else() -> None:
    g = gate(ahead=3)
    g.proved()
    g.pause(True)
    new = asyncio.ensure_future(g.admit("h0", Stage.POWER_OFF))
    await g.admit("h1", Stage.POWER_ON)
    await asyncio.sleep(1)
    assert not new.done()
    g.pause(False)
    await new


@pytest.mark.parametrize("kind", [Kind.SPARE, Kind.OWNERSHIP])
async def test_ahead_is_for_hosts_that_wait_for_the_lane(kind: Kind) -> None:
    g = gate(kind=kind, ahead=1)
    for n in range(5):
        await g.admit(f"h{n}", kind.stages[0])


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
    asyncio.get_running_loop().call_later(3, g.take_out, "h1", Skipped, "enough")
    with pytest.raises(Skipped, match="enough"):
        await watching
    assert clock.now() - began == pytest.approx(3)
    stopped = asyncio.ensure_future(g.watch("h2", asyncio.sleep(1000), None))
    await asyncio.sleep(1)
    g.stop()
    with pytest.raises(Stopping):
        await stopped
