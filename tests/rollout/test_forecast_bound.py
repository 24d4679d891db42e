"""What the end waits for, said at every moment of a rollout; also before it is known how quick anything is."""

from __future__ import annotations

import pytest

from quads_tui.rollout.forecast import Bound, forecast
from quads_tui.rollout.metrics import LaneState, Meters

from .simulated_rollout import NOW, Course, course


def shut(depth: int = 3) -> Meters:
    meters = Meters()
    for _ in range(20):
        meters.tick(LaneState(depth=depth, shut="outcome unknown (no answer in time)"))
    return meters


@pytest.mark.parametrize("written", [1, 2, 3, 4])
def test_a_shut_lane_is_the_bound_from_the_first_verified_write_on(written: int) -> None:
    """Below three writes no rate is known: the words come without it."""
    made = Course(["m"] * 30)
    for place in range(written):
        made.installing(60.0 + 6.0 * place)
    for _ in range(3):
        made.in_lane(30.0)
    told = forecast(made.rollout, shut(), NOW)
    assert told.bound is Bound.LANE
    assert "blocked: outcome unknown (no answer in time)" in told.why
    assert ("a minute" in told.why) is (told.writes_per_minute is not None)


@pytest.mark.parametrize("installing", [1, 2, 3])
def test_a_crowded_lane_is_the_bound_with_its_rate_once_it_is_known(installing: int) -> None:
    made = course(installing=[100.0 + 50 * number for number in range(installing)], lane=5, queued=20)
    meters = Meters()
    for _ in range(20):
        meters.tick(LaneState(depth=5))
    told = forecast(made.rollout, meters, NOW)
    assert told.bound is Bound.LANE
    assert "25 left" in told.why
