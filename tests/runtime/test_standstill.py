"""The time of a rollout while its database does not answer, and what its journal tells of it."""

from __future__ import annotations

import pytest

from quads_tui.engine.stoppable_clock import StoppableClock
from quads_tui.rollout.breaker import BreakerState
from quads_tui.rollout.events import Event, Notice, OutageChanged
from quads_tui.rollout.moments import Moment
from quads_tui.rollout.outages import DATABASE
from quads_tui.runtime.standstill import Standstill


class Clock(StoppableClock):
    real_seconds = 0.0

    def wall(self) -> float:
        return 1_795_000_000.0 + self.real_seconds

    def moment(self) -> Moment:
        return Moment("boot", self.real_seconds)


@pytest.mark.parametrize(("seconds", "told"), [(45.0, True), (2.0, False)])
def test_the_journal_tells_how_long_the_rollout_stood_still(seconds: float, told: bool) -> None:
    clock, events = Clock(20.0), list[Event]()
    standstill = Standstill(clock)
    standstill.emit = events.append
    began = clock.wall()
    standstill.on_away("no answer within 1 s")
    stood_at = clock.now()
    clock.real_seconds += seconds
    assert clock.now() == stood_at
    standstill.on_away("")
    standstill.on_away("")
    outage = OutageChanged(clock.wall(), DATABASE, BreakerState.CLOSED, began, why="no answer within 1 s")
    notice = Notice(clock.wall(), "warning", f"the {DATABASE} did not answer for 15 min: the rollout stood still meanwhile")
    assert events == [outage, notice] * told


def test_before_its_engine_runs_nobody_is_told() -> None:
    clock = Clock(20.0)
    standstill = Standstill(clock)
    standstill.on_away("no answer within 1 s")
    clock.real_seconds += 45.0
    standstill.on_away("")
