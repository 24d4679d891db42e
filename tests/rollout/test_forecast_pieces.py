"""No piece of a forecast grows with the hosts: it is made beside a loop that nothing may hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from quads_tui.rollout import (
    canary,
    canary_turns,
    completion_time,
    durations,
    forecast,
    lognormal,
    remaining_hosts,
    stages,
    state,
    time_limit,
)
from quads_tui.rollout.events import RolloutStarted
from quads_tui.rollout.forecast import Forecast, forecast_in_pieces
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.state import Rollout
from tests.counted_work import counted

from .simulated_rollout import BEGAN, NOW, course

PARTS = (canary, canary_turns, completion_time, durations, forecast, lognormal, remaining_hosts, stages, state, time_limit)


def in_its_course(hosts: int) -> Rollout:
    """A quarter is done, an eighth installs, the others have not begun."""
    return course(
        done=[2400.0 + n for n in range(hosts // 4)],
        installing=[10.0 * (n % 100) for n in range(hosts // 8)],
        lane=20,
        queued=hosts // 2,
    ).rollout


def with_history(model: Rollout) -> None:
    """So that the turns of its hosts are sorted."""
    model.durations.expected.tails.update({host: 2000.0 + n % 77 for n, host in enumerate(model.hosts)})


def with_limit(model: Rollout) -> None:
    """Half of those that have not begun come too late."""
    model.plan = replace(model.plan, until=NOW + 3000.0 + 3.0 * len(model.hosts) / 4)


def longest_piece(model: Rollout) -> tuple[int, Forecast]:
    """Its steps, and the forecast."""
    pieces, longest = forecast_in_pieces(model, Meters(), NOW), 0
    while True:
        with counted(*PARTS) as work:
            try:
                next(pieces)
            except StopIteration as end:
                made: Forecast = end.value
                return max(longest, work.steps), made
        longest = max(longest, work.steps)


@pytest.mark.parametrize("given", [lambda model: None, with_history, with_limit])
def test_no_piece_grows_with_the_hosts(given: Callable[[Rollout], None]) -> None:
    steps = []
    for hosts in (1000, 3000):
        model = in_its_course(hosts)
        given(model)
        longest, made = longest_piece(model)
        steps.append(longest)
        assert made.p50 is not None and bool(made.late) is (given is with_limit)
    assert steps[1] < 1.25 * steps[0], steps


def test_nor_where_all_wait_for_the_first_of_their_type() -> None:
    steps = []
    for hosts in (1000, 3000):
        seen = in_its_course(20).plan
        plan = replace(seen, hosts=tuple(replace(seen.hosts[0], name=f"w{n:04}") for n in range(hosts)), canary=2)
        model = Rollout("r1", plan)
        model.apply(RolloutStarted(BEGAN, "r1", hosts, False, "me", 1.0))
        model.durations.seed({"": {"write": [6.0] * 5}, "m0": {"install": [2400.0] * 3}})
        with_history(model)
        longest, made = longest_piece(model)
        steps.append(longest)
        assert len(made.turns) == hosts
    assert steps[1] < 1.25 * steps[0], steps
