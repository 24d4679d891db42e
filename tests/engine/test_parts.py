"""What an executor is built of can be handed in."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from quads_tui.engine.build_watch import BuildWatch
from quads_tui.engine.context import RolloutContext, build_watch, rollout_gate, write_lane
from quads_tui.engine.gate import RolloutGate
from quads_tui.engine.lane import WriteLane
from quads_tui.engine.ports import RolloutLane, RolloutWatch
from quads_tui.rollout.events import Intent

from .model import Lab
from .test_flow import ends, names

pytestmark = pytest.mark.looptime


async def test_lane_gate_watch_and_numbers_are_those_of_the_factories() -> None:
    made: dict[str, Any] = {}

    def lane(context: RolloutContext, **hears: Any) -> RolloutLane:
        return made.setdefault("lane", write_lane(replace(context, write_width=2), **hears))

    def gate(context: RolloutContext, **hears: Any) -> RolloutGate:
        return made.setdefault("gate", rollout_gate(replace(context, limits=replace(context.limits, ahead=1)), **hears))

    def watch(context: RolloutContext, **hears: Any) -> RolloutWatch:
        return made.setdefault("watch", build_watch(context, **hears))

    def numbers(context: RolloutContext) -> Callable[[], int]:
        return itertools.count(1000).__next__

    lab = Lab(names(4), parts={"make_lane": lane, "make_gate": gate, "make_watch": watch, "make_numbers": numbers})
    await lab.run()
    await lab.end()
    assert set(ends(lab.rollout).values()) == {4}
    assert isinstance(made["watch"], BuildWatch)
    assert isinstance(made["lane"], WriteLane)
    state = made["lane"].state()
    assert (state.width, state.granted) == (2, sum(lab.world.writes.values()))
    assert lab.executor.gate is made["gate"]
    assert lab.world.dark_before_write == 1
    assert min(event.number for event in lab.journal.events if isinstance(event, Intent)) == 1000
