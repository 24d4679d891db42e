"""The rollout's own time: its clock, how long it took, and what a resume makes of both."""

from __future__ import annotations

import pytest

from quads_tui.render.report.elapsed import runs_of, time_of
from quads_tui.rollout.events import Event, HostChanged, Notice, RolloutStarted, StageChanged
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.rollout_time import RolloutTime
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout

AT = 1_795_000_000.0
NIGHT = 30_000.0


def replayed(*events: Event) -> Rollout:
    rollout = Rollout("r1", Plan((Goal("cloud02", Kind.BUILD),), (HostPlan("h1", "https://x", "R650"),)))
    for event in events:
        rollout.apply(event)
    return rollout


def started(at: float, speed: float, *, resumed: bool = False, last_seen: float = 0.0) -> RolloutStarted:
    return RolloutStarted(at, "r1", 1, resumed, "me", speed, last_seen)


def test_the_clock_of_a_faster_rehearsal_begins_with_it_and_that_of_a_real_rollout_is_on_the_wall() -> None:
    fast, real = replayed(started(AT, 30.0)).time, replayed(started(AT, 1.0)).time
    assert [fast.shown_at(at) - AT for at in (AT - 60, AT, AT + 10, AT + 120)] == [-60, 0, 300, 3600]
    assert [real.shown_at(at) - AT for at in (AT - 60, AT + 120)] == [-60, 120]
    assert (fast.speed_words, real.speed_words) == ("30x speed", "")
    assert fast.clock(AT + 120, AT) == real.clock(AT + 3600, AT)
    assert fast.time_of_day(AT + 120) == real.time_of_day(AT + 3600)


@pytest.mark.parametrize("speed", [1.0, 30.0])
def test_a_night_between_a_kill_and_its_resume_is_no_run_time_and_the_clock_runs_on(speed: float) -> None:
    morning = AT + NIGHT
    rollout = replayed(started(AT, speed), Notice(AT + 100, "info", "x"), started(morning, speed, resumed=True))
    assert [rollout.seconds(at) / speed for at in (AT + 40, morning, morning + 7)] == [40, 100, 107]
    assert rollout.time.own(AT + 5000) == 100 * speed
    assert rollout.time.shown_at(morning) == AT + NIGHT * speed


def test_a_resume_knows_from_the_samples_how_long_the_process_before_lived_as_the_report_does() -> None:
    first, again = started(AT, 30.0), started(AT + NIGHT, 30.0, resumed=True, last_seen=AT + 250)
    events: list[Event] = [first, Notice(AT + 100, "info", "x"), again, Notice(again.at + 50, "info", "x")]
    rollout = replayed(*events)
    assert rollout.seconds(again.at + 50) == 300 * 30.0
    assert time_of(runs_of(events, [AT + 1, AT + 250])).total == 300 * 30.0


def test_while_nobody_carries_it_the_run_time_stands_still() -> None:
    time = RolloutTime()
    assert (time.own(AT), time.total, time.last, time.shown_at(AT)) == (0, 0, 0, AT)
    time.begin(AT, 2.0)
    time.heard(AT + 10)
    assert time.own(AT + 60) == 120
    time.carried = False
    assert (time.own(AT + 60), time.total) == (20, 20)


def test_an_install_that_a_resume_watches_on_began_when_it_began() -> None:
    """The row and the words beside it tell the same time."""
    rollout = replayed(
        started(AT, 1.0),
        StageChanged(AT + 10, "h1", Stage.INSTALL, StageStatus.STARTED, 1),
        started(AT + 2000, 1.0, resumed=True),
        StageChanged(AT + 2000, "h1", Stage.INSTALL, StageStatus.SKIPPED, 1),
        HostChanged(AT + 2000, "h1", HostStatus.QUEUED, Stage.INSTALL, None, "resuming"),
        StageChanged(AT + 2005, "h1", Stage.INSTALL, StageStatus.STARTED, 2),
    )
    assert rollout.hosts["h1"].since == AT + 10 == rollout.durations.installing["h1"]


def test_what_is_measured_counts_at_the_speed_of_the_process_that_ran_then() -> None:
    assert RolloutTime(5.0).speed_at(AT) == 5.0
    time = replayed(started(AT, 30.0), started(AT + 100, 10.0, resumed=True)).time
    assert [time.speed_at(at) for at in (AT - 1, AT, AT + 99, AT + 100, AT + 500)] == [10.0, 30.0, 30.0, 10.0, 10.0]
