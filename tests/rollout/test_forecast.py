"""How long still: never less than nothing, never surer than likely, and right for rollouts whose end is known."""

from __future__ import annotations

import asyncio
import random
from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quads_tui.render.eta import UNKNOWN, header_words
from quads_tui.render.numbers import duration
from quads_tui.rollout.events import Paused
from quads_tui.rollout.forecast import Bound, Forecast, Outlook, forecast
from quads_tui.rollout.metrics import LaneState, Meters
from quads_tui.rollout.rollout_time import RolloutTime
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout
from tests.effort import tries

from .simulated_rollout import NOW, course
from .test_state import events, rollout

INSTALL = 1300.0


def told(model: Rollout, depth: int = 5) -> Forecast:
    meters = Meters()
    for _ in range(20):
        meters.tick(LaneState(depth=depth))
    return forecast(model, meters, NOW)


@given(st.lists(events, max_size=60), st.floats(0.0, 1e5))
def test_whatever_comes_it_is_a_forecast(given: list[object], later: float) -> None:
    model = rollout()
    for event in given:
        model.apply(event)  # type: ignore[arg-type]
    made = forecast(model, Meters(), 10.0 + later)
    assert (made.p50 is None) == (made.p90 is None)
    if made.p50 is not None and made.p90 is not None:
        assert 0.0 <= made.p50 <= made.p90
    assert made.lane_empty is None or made.lane_empty >= 0.0
    assert all(seconds >= 0.0 for seconds in made.turns.values())
    assert len(header_words(made, 40, RolloutTime())) <= 40


@settings(max_examples=tries(25, 50), deadline=None)
@given(
    st.lists(st.floats(300.0, 4000.0), min_size=5, max_size=40),
    st.lists(st.floats(1.0, 3000.0), max_size=40),
    st.integers(0, 15),
    st.integers(0, 100),
)
def test_more_to_do_is_never_sooner_done(done: list[float], installing: list[float], lane: int, queued: int) -> None:
    few = told(course(done=done, installing=installing, lane=lane, queued=queued).rollout)
    more = told(course(done=done, installing=installing, lane=lane, queued=queued + 20).rollout)
    if few.p50 is not None and more.p50 is not None and few.p90 is not None and more.p90 is not None:
        assert 0.0 <= few.p50 <= few.p90
        assert more.p50 >= few.p50 - 0.02 * few.p50 - 1.0
        assert more.p90 >= few.p90 - 0.02 * few.p90 - 1.0
    assert more.writes_left == few.writes_left + 20


def test_nothing_is_told_before_it_is_known() -> None:
    made = told(course(queued=50).rollout)
    assert made.p50 is None
    assert UNKNOWN in header_words(made, 80, RolloutTime())


def ends(seed: int, hosts: int, share: float) -> tuple[Forecast, float]:
    """A rollout whose installs take lognormal times, some share of it done; what is foretold, and when it does end."""
    luck = random.Random(seed)
    between, dark = 6.0, 200.0  # from write to write; from a write to the install's beginning
    installs = [luck.lognormvariate(log(INSTALL), 0.2) for _ in range(hosts)]
    written = int(share * hosts)
    ages = [between * (written - place) - dark for place in range(written)]  # of the installs
    begun = [(age, seconds) for age, seconds in zip(ages, installs, strict=False) if age > 0]
    made = course(
        done=sorted((s for a, s in begun if s < a), reverse=True),
        installing=[a for a, s in begun if s >= a],
        lane=5,
        queued=hosts - len(begun) - 5,
    )
    rest = [s - a for a, s in begun if s >= a]
    rest += [between * place + dark + seconds for place, seconds in enumerate(installs[len(begun) :])]
    return told(made.rollout), max(rest)


@pytest.mark.parametrize("share", [0.4, 0.6, 0.8])
def test_the_end_is_foretold_within_a_sixth_and_most_keep_p90(share: float) -> None:
    off, kept, runs = [], 0, 12
    for seed in range(runs):
        made, real = ends(seed, 600, share)
        assert made.p50 is not None
        assert made.p90 is not None
        off.append(abs(made.p50 - real) / real)
        kept += real <= made.p90
    assert sorted(off)[runs // 2] < 1 / 6
    assert kept >= 0.75 * runs


def test_it_says_what_the_end_waits_for() -> None:
    many = [INSTALL + 10 * n for n in range(20)]
    lane = told(course(done=many, installing=[100.0] * 5, lane=10, queued=300).rollout)
    assert lane.bound is Bound.LANE
    assert lane.why.endswith(" a minute")
    assert lane.lane_empty == pytest.approx(310 * 60.0 / (lane.writes_per_minute or 1), rel=0.1)
    assert lane.writes_left == 310
    assert told(course(done=many, installing=[100.0] * 50).rollout, depth=0).bound is Bound.INSTALL
    paused = course(done=many, installing=[100.0] * 5, lane=10, queued=300).rollout
    paused.apply(Paused(NOW, "writes", True, "me", "Foreman is ill"))
    held = told(paused)
    assert (held.p50, held.bound, held.why) == (None, Bound.HUMAN, "Foreman writes are paused: Foreman is ill")


def test_it_is_made_once_a_second_for_all_who_ask() -> None:
    model = course(done=[INSTALL] * 10, installing=[60.0] * 10).rollout
    outlook = Outlook(model, Meters())
    first = outlook.at(NOW)
    assert outlook.at(NOW + 0.5) is first
    assert outlook.at(NOW + 1.5) is not first


@pytest.mark.looptime
async def test_who_asks_seldom_gets_that_of_now_and_not_that_of_the_line_before() -> None:
    model = course(done=[INSTALL] * 10, installing=[60.0] * 10).rollout
    outlook = Outlook(model, Meters())
    for line in range(3):
        assert outlook.at(NOW + 10 * line).at == NOW + 10 * line
    for frame in range(1, 20):  # who asks often does not wait for it
        before = outlook.at(NOW + 20 + frame)
        await asyncio.sleep(0.1)
        assert (before.at, outlook.at(NOW + 20 + frame).at) == (NOW + 19 + frame, NOW + 20 + frame)


@pytest.mark.looptime
async def test_of_many_hosts_it_is_made_in_pieces_and_is_the_same() -> None:
    model = course(done=[INSTALL] * 300, installing=[60.0 * n for n in range(30)], lane=20, queued=5000).rollout
    outlook = Outlook(model, Meters())
    assert outlook.at(NOW).p50 is None, "the loop is not held until it is there"
    while (made := outlook.at(NOW)).at != NOW:
        await asyncio.sleep(0.01)
    assert made == forecast(model, Meters(), NOW)


def test_turns_follow_the_lane() -> None:
    model = course(done=[INSTALL] * 20, lane=5, queued=20).rollout
    made = told(model)
    order = [host.name for host in model.hosts.values() if host.stage is Stage.FOREMAN_BUILD and host.name in made.turns]
    turns = [made.turns[name] for name in order]
    assert turns == sorted(turns)
    queued = [made.turns[host.name] for host in model.hosts.values() if host.status is HostStatus.QUEUED]
    assert queued == sorted(queued)
    assert min(queued) >= max(turns)


@given(st.floats(0, 1e6))
def test_a_duration_is_short(seconds: float) -> None:
    assert len(duration(seconds)) <= 12
