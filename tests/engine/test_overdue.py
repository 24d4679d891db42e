"""Hosts whose installs take far longer than those of their kind: named, watched, and never in the way of the forecast."""

from __future__ import annotations

import statistics
from dataclasses import replace

import pytest

from benchmarks.forecast import CEILING, Watched, watched
from benchmarks.makespan import instance
from quads_tui.render.eta import header_words
from quads_tui.render.sentences import progress, status
from quads_tui.render.wait_reason import why
from quads_tui.rollout.forecast import forecast
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.rollout_time import RolloutTime
from quads_tui.rollout.stages import HostStatus
from tests.effort import tries
from tests.rollout.simulated_rollout import NOW, Course

pytestmark = pytest.mark.xdist_group("overdue")  # the rollouts are simulated once


@pytest.fixture(scope="module")
def runs() -> list[Watched]:
    """Rollouts of 90 hosts, of which 4 % never end their installs, with the history of each host."""
    return [watched(instance(90, 7.7, seed, past=10), 0.04, seed) for seed in range(tries(2, 4))]


def test_hosts_that_hang_leave_the_forecast_of_the_good_ones_unbiased(runs: list[Watched]) -> None:
    errors = [run.error(0.25) for run in runs]
    assert None not in errors
    lasted = statistics.mean(run.good_end - run.began for run in runs)
    assert statistics.median(abs(error or 0.0) for error in errors) < 0.1 * lasted
    assert abs(statistics.mean(error or 0.0 for error in errors)) < 0.1 * lasted
    assert sum(run.kept(0.25) for run in runs) >= len(runs) - 1


def test_every_host_that_hangs_is_named_and_hardly_another_one(runs: list[Watched]) -> None:
    for run in runs:
        assert run.bad <= run.named
        assert len(run.named - run.bad) <= 1


def test_each_is_watched_until_the_deadline_of_its_install_and_no_longer(runs: list[Watched]) -> None:
    for run in runs:
        last = next(made for made in reversed(run.forecasts) if made.overdue)
        until = {one.name: one.until or 0.0 for one in last.overdue}
        first = next(made for made in run.forecasts if any(one.name in until for one in made.overdue))
        for one in first.overdue:
            if one.name in until:
                assert one.until == pytest.approx(until[one.name], abs=1.0)
        assert all(when >= last.at for when in until.values())


def test_the_forecast_is_hardly_wider_than_one_that_knows_the_distributions(runs: list[Watched]) -> None:
    known = [run.known(0.25) for run in runs]
    assert statistics.median(run.spread(0.25) for run in runs) <= 1.2 * statistics.median(one.spread for one in known)


def test_once_the_good_ones_are_done_the_end_is_told_by_the_overdue_hosts_alone(runs: list[Watched]) -> None:
    run = runs[0]
    made = next(made for made in run.forecasts if made.at > run.good_end + 30.0 and len(made.overdue) == len(run.bad))
    assert (made.p50, made.p90) == (0.0, 0.0)
    assert f"{len(made.overdue)} overdue" in header_words(made, 80, RolloutTime())


def late_course() -> Course:
    made = Course(["R650"] * 12)
    for place in range(10):
        made.done(1000.0 - 6.0 * place, 900.0)
    made.installing(2000.0)
    made.installing(700.0)
    names = {host: [1000.0, 1200.0] for host in made.rollout.hosts}
    made.rollout.durations.seed({}, {"hosts": names, "install": CEILING})
    return made


def test_an_overdue_host_is_named_in_header_status_and_note_with_the_time_until_which_it_is_watched() -> None:
    rollout = late_course().rollout
    made = forecast(rollout, Meters(), NOW)
    assert [one.name for one in made.overdue] == ["h0010"]
    assert made.overdue[0].until == pytest.approx(NOW + CEILING - 2000.0)
    assert "1 overdue: h0010, watched until " in header_words(made, 120, RolloutTime())
    assert any(line.startswith("Overdue: h0010, watched until ") for line in status(rollout, Meters(), made, NOW))
    assert why(rollout.hosts["h0010"], rollout, Meters(), made, NOW).startswith("overdue: installing for 33 min, watched until ")
    assert not why(rollout.hosts["h0011"], rollout, Meters(), made, NOW).startswith("overdue")
    assert rollout.hosts["h0010"].status is HostStatus.RUNNING  # nothing gave it up
    alone = replace(made, p50=0.0, p90=0.0)
    assert "The good hosts are done; 1 overdue: h0010, watched until" in progress(rollout, alone, NOW)


def test_without_a_history_nobody_is_overdue() -> None:
    made = late_course()
    made.rollout.durations.seed({})
    assert forecast(made.rollout, Meters(), NOW).overdue == ()
