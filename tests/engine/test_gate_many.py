"""The gate with hundreds and thousands of hosts that wait: what one place costs."""

from __future__ import annotations

import asyncio

import pytest

from quads_tui.engine.gate import RolloutGate
from quads_tui.engine.host_order import HostOrder
from quads_tui.rollout.stages import Kind, Stage
from tests.clocks import VirtualClock

from .test_gate_places import cancelled, gate

pytestmark = pytest.mark.looptime


async def test_a_place_that_is_given_back_costs_no_reckoning_per_host_that_waits() -> None:
    """Several goals in one rollout: those that need no place may be behind hundreds that wait for one."""
    names = [f"h{number:03}" for number in range(300)]
    asked = 0

    def ahead() -> int:
        nonlocal asked
        asked += 1
        return 5

    clock, places = VirtualClock(), dict[str, None]()
    g = RolloutGate(
        clock,
        kinds={**dict.fromkeys(names, Kind.BUILD), names[-1]: Kind.OWNERSHIP},
        protected=frozenset(),
        ahead=ahead,
        order=HostOrder(names, lambda host: None, clock),
        powered_off_waiting=places,
        on_place=lambda host, taken: places.update({host: None}) if taken else places.pop(host, None),
    )
    g.first_write_verified()
    tasks = [asyncio.ensure_future(g.admit(name, Stage.POWER_OFF)) for name in names[:-1]]
    await asyncio.sleep(1)
    assert len(places) == 5
    asked = 0
    g.leave_powered_off_set(names[0])
    await asyncio.sleep(1)
    await g.admit(names[-1], Stage.FOREMAN_BUILD)
    assert list(places) == names[1:6] and asked < 10
    await cancelled(*tasks)


class Counted(dict[str, Kind]):
    """How often somebody asks for the kind of a host, which every look at one does."""

    asked = 0

    def __getitem__(self, host: str) -> Kind:
        self.asked += 1
        return super().__getitem__(host)


@pytest.mark.parametrize("paused", ["places", "new hosts", "a model"])
async def test_thousands_that_wait_for_the_same_are_not_looked_at_one_by_one(paused: str) -> None:
    names = [f"h{number:04}" for number in range(2000)]
    kinds = Counted({name: Kind.SPARE if number % 100 == 0 else Kind.BUILD for number, name in enumerate(names)})
    keeper = gate(kinds=kinds, ahead=2, models=dict.fromkeys(names, "R650"))
    keeper.first_write_verified()
    waiting = {name: asyncio.create_task(keeper.admit(name, Stage.POWER_OFF)) for name in names}
    await asyncio.sleep(1)
    begun = [name for name, task in waiting.items() if task.done()]
    assert len(begun) == 22  # two that have the places, and all that need none
    if paused == "new hosts":
        keeper.pause(True)
    elif paused == "a model":
        keeper.hold_model("R650", True)
    building = [name for name in begun if kinds[name] is Kind.BUILD]
    keeper.leave_powered_off_set(building[0])  # all are put in order, once
    await asyncio.sleep(1)
    kinds.asked = 0
    keeper.leave_powered_off_set(building[1])
    await asyncio.sleep(1)
    assert kinds.asked < 60
    assert sum(task.done() for task in waiting.values()) == (24 if paused == "places" else 22)
    await cancelled(*waiting.values())
