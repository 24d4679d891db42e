"""How many hosts stood where over time: what is kept equals a full count, in bounded room, whoever applies the events."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator

from quads_tui.rollout.events import Event, HostChanged, Intent, Outcome, RolloutStarted, StageChanged
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stage_history import SIZE, StageCounts
from quads_tui.rollout.stages import ActResult, HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout

NAMES = [f"h{number}.example.com" for number in range(30)]


def rollout() -> Rollout:
    return Rollout("r", Plan((Goal("cloud02", Kind.BUILD),), tuple(HostPlan(name, "https://x") for name in NAMES)))


def happened(seconds: float, count: int, seed: int = 1) -> list[Event]:
    """Hosts that go through their stages, fail, are retried and retry, at any time of so many seconds."""
    luck = random.Random(seed)
    events: list[Event] = [RolloutStarted(1000.0, "r", len(NAMES), False, "me", 1.0)]
    for number, at in enumerate(sorted(1000.0 + luck.uniform(0, seconds) for _ in range(count))):
        name, stage = luck.choice(NAMES), luck.choice(list(Stage))
        kind = luck.random()
        if kind < 0.6:
            events.append(StageChanged(at, name, stage, StageStatus.STARTED, 1))
        elif kind < 0.8:
            events.append(HostChanged(at, name, luck.choice(list(HostStatus)), stage))
        else:
            events += [Intent(at, name, number, "build", {}), Outcome(at, name, number, ActResult.APPLIED, {})]
    return events


def counted(events: list[Event], times: list[float]) -> Iterator[StageCounts]:
    """Full counts of what happened before each of these times; both ascend."""
    model, applied, left = rollout(), 0, deque(events)
    for until in times:
        while left and left[0].at < until:
            model.apply(event := left.popleft())
            applied += isinstance(event, Outcome)
        hosts = model.hosts.values()
        moving = [host.stage for host in hosts if host.status in (HostStatus.RUNNING, HostStatus.WAITING)]
        ends = [sum(host.status is status for host in hosts) for status in HostStatus if status.is_final]
        stages = tuple(moving.count(stage) for stage in Stage)
        yield StageCounts(until, len(NAMES) - sum(stages) - sum(ends), stages, *ends, applied)


def test_what_is_kept_equals_a_full_count_at_its_time() -> None:
    events, model = happened(600, 400), rollout()
    for event in events:
        model.apply(event)
    points = model.stage_history.points(model.stage_counts(1600.0))
    assert 200 < len(points) < 402
    assert points == sorted(points)
    some = [*points[::20], points[-1]]
    assert some == list(counted(events, [point.at for point in some]))
    for point in some:
        assert sum(point.stages) + point.not_started + sum(point[3:7]) == len(NAMES)


def test_a_day_takes_no_more_room_than_an_hour_and_the_latest_of_each_time_is_kept() -> None:
    events, model = happened(86_400, 20_000), rollout()
    for event in events:
        model.apply(event)
    points = model.stage_history.points(model.stage_counts(90_000.0))
    assert SIZE / 2 < len(points) <= SIZE + 1
    some = points[:: len(points) // 5]
    assert some == list(counted(events, [point.at for point in some]))


def test_a_resume_gets_the_same_points_and_knows_when_nobody_ran_it() -> None:
    events = happened(600, 400)
    before = [event for event in events if event.at < 1200.0]
    after = [event for event in events if event.at > 1300.0]
    again = RolloutStarted(1300.0, "r", len(NAMES), True, "me", 1.0)
    one, other = rollout(), rollout()
    for event in [*before, again, *after]:
        one.apply(event)
    for event in before:  # a replay, event by event
        other.apply(event)
    for event in [again, *after]:
        other.apply(event)
    newest = one.stage_counts(1600.0)
    assert other.stage_history.points(newest) == one.stage_history.points(newest)
    assert one.time.interruptions == other.time.interruptions == [(before[-1].at, 1300.0)]


def test_a_clock_that_is_set_back_or_a_damaged_time_stops_nothing() -> None:
    model = rollout()
    model.apply(RolloutStarted(9000.0, "r", len(NAMES), False, "me", 1.0))
    for number, at in enumerate((9100.0, 9200.0, float("nan"), 9300.0, 5000.0, 5010.0, 5020.0)):
        model.apply(StageChanged(at, NAMES[number], Stage.POWER_OFF, StageStatus.STARTED, 1))
    points = model.stage_history.points(model.stage_counts(5030.0))
    assert [point.at for point in points] == sorted(point.at for point in points)
    assert [point.at_stage(Stage.POWER_OFF) for point in points][-3:] == [5, 6, 7]
    assert points[-1].not_written == len(NAMES)
