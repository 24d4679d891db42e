"""What the end waits for, said at every moment of a rollout; also before it is known how quick anything is."""

from __future__ import annotations

import pytest

from quads_tui.rollout.events import Paused
from quads_tui.rollout.forecast import Bound, Forecast, forecast
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


MANY = [1200.0 + 10 * number for number in range(20)]


def told(made: Course, *depths: int) -> Forecast:
    """With so many hosts in the write queue, second by second."""
    meters = Meters()
    for depth in depths:
        meters.tick(LaneState(depth=depth))
    return forecast(made.rollout, meters, NOW)


def going(off: int, *, installing: int = 5, lane: int = 0, queued: int = 0) -> Course:
    """`off`: hosts that are powered off now. Twenty are done, and a write comes every six seconds."""
    made = course(done=MANY, installing=[100.0] * installing, lane=lane, queued=off + queued)
    for _ in range(off):
        made.going_off(20.0)
    return made


def test_hosts_that_are_powered_off_while_none_is_ready_wait_for_their_bmcs() -> None:
    """Also where some were ready a moment ago: the screen shows 0 ready beside it."""
    for depths in ([0] * 20, [5] * 19 + [0]):
        made = told(going(30, queued=100), *depths)
        assert (made.bound, made.why) == (Bound.BMC, "30 hosts waiting for their BMCs")
    assert told(going(3, installing=50), *[0] * 20).bound is Bound.BMC, "the last hosts"


def test_hosts_that_queue_wait_for_foreman_also_while_others_are_powered_off() -> None:
    assert told(going(30, lane=10, queued=200), *[10] * 20).bound is Bound.LANE


def test_a_queue_of_a_moment_is_none() -> None:
    assert told(going(30, lane=1, queued=200), *[0] * 19, 1).bound is Bound.BMC


@pytest.mark.parametrize(("lane", "bound"), [(1, Bound.INSTALL), (100, Bound.LANE)])
def test_the_last_few_writes_are_not_what_the_end_waits_for(lane: int, bound: Bound) -> None:
    """One takes a minute of the half hour that is left; a hundred take most of it."""
    assert told(going(0, lane=lane), *[lane] * 20).bound is bound


def test_all_written_the_end_waits_for_installs() -> None:
    made = told(going(0, installing=50), *[0] * 20)
    assert (made.bound, made.why) == (Bound.INSTALL, "50 installing, usually 22 min")


def test_before_the_first_write_is_verified_it_is_the_one_that_has_the_host() -> None:
    made = Course(["m"] * 30)
    made.going_off(10.0)
    assert told(made, 0).bound is Bound.BMC
    made.in_lane(5.0)
    assert told(made, 1).bound is Bound.LANE


def test_who_is_held_by_a_pause_waits_for_it() -> None:
    made = going(0, queued=20)
    made.rollout.apply(Paused(NOW, "admission", True, "me", "looking"))
    assert (told(made, 0).bound, told(made, 0).why) == (Bound.HUMAN, "new hosts are paused: looking")


def test_who_waits_for_a_canary_waits_for_its_install() -> None:
    made = Course(["m"] * 30, canary=1)
    first = made.installing(100.0)
    found = told(made, 0)
    assert (found.bound, found.why) == (Bound.INSTALL, f"waiting for the first m to be built: {first}")


def test_many_hosts_that_queue_are_the_bottleneck_even_where_one_slow_install_ends_last() -> None:
    """Whoever reads of 200 hosts to be written, with 10 of them in the queue, is not told of installs."""
    made = Course(["slow"] * 7 + ["a"] * 230)
    for place in range(6):
        made.done(6.0 * place, 9000.0)
    made.rollout.durations.lane_was_idle()
    made.installing(900.0)
    for place in range(30, 0, -1):
        made.done(6.0 * place, 600.0)
    for place in range(10):
        made.in_lane(6.0 * place)
    found = told(made, *[10] * 20)
    assert found.p50 and found.lane_empty and found.lane_empty + 600.0 < found.p50
    assert (found.bound, found.writes_left) == (Bound.LANE, 200)
