"""The time limit on the screen, in sentences and in a host's NOTE."""

from __future__ import annotations

from dataclasses import replace

from quads_tui.render.header import end_line
from quads_tui.render.sentences import progress, status
from quads_tui.render.wait_reason import why
from quads_tui.rollout.forecast import Forecast, forecast
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.state import Rollout
from tests.rollout.simulated_rollout import NOW, course


def limited(minutes: float, installing: int) -> tuple[Rollout, Forecast]:
    """40 installs of 20 minutes were seen; 200 hosts wait, and Foreman was not written for a while."""
    made = course(done=[1200.0 + place for place in range(40)], installing=[60.0] * installing, queued=200).rollout
    made.plan = replace(made.plan, until=NOW + 60.0 * minutes)
    return made, forecast(made, Meters(), NOW)


def test_the_header_has_the_limit_and_how_many_hosts_it_leaves() -> None:
    rollout, told = limited(70.0, 5)
    assert 20 < len(told.late) < 180
    first = end_line(rollout, now=NOW, width=200, lag=0.0, forecast=told).plain
    assert "until " in first
    assert f": {len(told.late)} NOT BEGUN" in first
    assert "will not be begun" in " ".join(status(rollout, Meters(), told, NOW))
    late, fits = next(iter(told.late)), next(host for host in told.turns if host not in told.late)
    assert why(rollout.hosts[late], rollout, Meters(), told, NOW).startswith(
        "not begun: less than 90 % likely to be done by the time limit, "
    )
    assert "time limit" not in why(rollout.hosts[fits], rollout, Meters(), told, NOW)


def test_a_limit_that_leaves_nobody_is_shown_without_alarm() -> None:
    rollout, told = limited(600.0, 5)
    assert not told.late
    assert "NOT BEGUN" not in end_line(rollout, now=NOW, width=200, lag=0.0, forecast=told).plain


def test_when_the_limit_leaves_all_that_remain_no_more_hosts_are_begun() -> None:
    rollout, told = limited(5.0, 0)
    assert len(told.late) == 200
    assert (told.p50, told.writes_left) == (0.0, 0)
    assert "No more hosts are begun: 200 hosts would not be done by the time limit." in progress(rollout, told, NOW)
