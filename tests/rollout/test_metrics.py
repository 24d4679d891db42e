"""Meters: the server's own work beside the wall time, in the process that measures and in one that reads its samples."""

from __future__ import annotations

import random
from typing import Any

import pytest

from quads_tui.rollout.metrics import (
    METERS,
    DownsampledSeries,
    LaneState,
    Meter,
    MeterPoint,
    Meters,
    Window,
    lane_facts,
    quantile,
)


def test_work_is_metered_beside_wall_time_and_only_where_the_server_tells() -> None:
    meter = Meter()
    for number in range(10):
        meter.observe(0.5, True, 0.1 if number < 9 else None)
    meter.tick()
    assert (meter.p50, meter.work, meter.points[-1]) == (0.5, 0.1, MeterPoint(0.5, 0.5, 10, 0, 0.1))
    meter.observe(0.5, True)
    meter.tick()
    assert meter.points[-1].work == 0.0
    assert meter.work == 0.1  # of the last exchanges that told


def test_samples_with_and_without_the_servers_work_are_taken() -> None:
    meters = Meters()
    facts = {"depth": 0, "head_age": 0.0, "granted": 0, "lane": lane_facts(meters.lane, 0.0)}
    point = [0.5, 0.6, 4, 1]
    meters.restore(facts | {"redfish": point, "foreman_reads": [*point, 0.2], "foreman_writes": [*point, 0.0]}, 0.0, speed=1.0)
    assert (meters.redfish.work, meters.foreman_reads.work, meters.foreman_reads.p95) == (0.0, 0.2, 0.6)


def test_the_whole_run_keeps_its_peaks_and_its_counts_in_bounded_room() -> None:
    whole: DownsampledSeries[int] = DownsampledSeries(max, size=16)
    for second in range(1000):
        whole.add(99 if second == 500 else 1)
    kept = list(whole)
    assert len(kept) <= 17
    assert kept.count(99) == 1
    assert abs(kept.index(99) - len(kept) / 2) <= 1
    meter = Meter(history=10)
    for second in range(5000):
        for _ in range(second % 3):
            meter.observe(0.2, ok=second != 77)
        meter.tick()
    points = list(meter.whole)
    assert sum(point.exchanges for point in points) == meter.total
    assert sum(point.errors for point in points) == meter.errors > 0
    assert {round(point.p50, 6) for point in points if point.exchanges} == {0.2}


@pytest.mark.parametrize("speed", [1.0, 30.0])
def test_the_figures_of_a_window_are_those_of_its_exchanges_and_a_quiet_minute_is_none(speed: float) -> None:
    luck, meter, told = random.Random(3), Meter(speed=speed), list[list[float]]()
    for second in range(600):
        seconds = [luck.lognormvariate(-3, 1) for _ in range(luck.randrange(0, 40))] if not 300 <= second < 360 else []
        told.append(seconds)
        for value in seconds:
            meter.observe(value, ok=value < 0.5)
        meter.tick()
        if second in (20, 400):  # those of a window that was asked for are kept up to date
            for count in (45, 100):
                meter.over(count)
    for count, wanted in ((45, told[-45:]), (100, told[-100:]), (300, told[-300:]), (0, told)):
        ordered = sorted(value * speed for second in wanted for value in second)
        window = meter.over(count)
        assert window.exchanges == len(ordered)
        assert window.errors == sum(value >= 0.5 * speed for value in ordered)
        assert window.p50 == pytest.approx(quantile(ordered, 0.5), rel=0.01)
        assert window.p95 == pytest.approx(quantile(ordered, 0.95), rel=0.01)
    for point, seconds in zip(meter.points, told, strict=True):
        ordered = sorted(value * speed for value in seconds)
        assert point[:3] == pytest.approx((quantile(ordered, 0.5), quantile(ordered, 0.95), len(ordered)))
    assert Meter().over(300) == Window()
    assert {point.exchanges for point in list(meter.points)[300:360]} == {0}


def measured(speed: float, seconds: int = 40) -> tuple[Meters, list[dict[str, Any]]]:
    """What a process at this speed measured, and the samples that it kept."""
    luck, meters, kept = random.Random(7), Meters(speed), list[dict[str, Any]]()
    for second in range(seconds):
        for meter, median in ((meters.redfish, 0.02), (meters.foreman_writes, 0.043)):
            for _ in range(0 if second % 5 == 3 else luck.randrange(1, 9)):
                meter.observe(median * luck.lognormvariate(0, 0.3), ok=luck.random() > 0.1, work=median / 2)
        meters.tick(LaneState(depth=second), at=1000.0 + second)
        points = {name: list(getattr(meters, name).sampled) for name in METERS}
        kept.append({"depth": second, "head_age": 0.0, "granted": 0, "lane": lane_facts(meters.lane, 0.0), **points})
    return meters, kept


def test_samples_keep_real_seconds_and_every_screen_shows_those_of_the_rollout() -> None:
    meters, kept = measured(30.0)
    _, real = measured(1.0)
    for one, other in zip(kept, real, strict=True):
        assert one.keys() == other.keys()
        for name in METERS:
            assert one[name] == pytest.approx(other[name]), "a sample does not depend on the speed"
    watched, resumed = Meters(), Meters(30.0)
    for second, facts in enumerate(kept):
        watched.restore(facts, 0.0, 1000.0 + second, speed=30.0)
        resumed.recall(facts, 1000.0 + second, speed=30.0)
    for name in METERS:
        here, there, again = (getattr(one, name) for one in (meters, watched, resumed))
        for mine, other, recalled in zip(here.points, there.points, again.whole, strict=True):
            assert mine == pytest.approx(other) and mine == pytest.approx(recalled)
        assert there.over(0)[2:] == here.over(0)[2:] == again.over(0)[2:]
        assert there.over(0).p50 == pytest.approx(here.over(0).p50, rel=0.2)
    assert 1.1 < meters.foreman_writes.over(0).p50 < 1.5  # 43 ms on the wire
    assert 0.5 < watched.foreman_writes.work < 0.7


def test_each_process_of_a_rollout_is_counted_at_its_own_speed() -> None:
    meters = Meters(10.0)
    _, kept = measured(1.0, 1)
    facts = kept[0] | {"redfish": [0.1, 0.2, 4, 0, 0.0]}
    meters.recall(facts, 1000.0, speed=30.0)
    meters.redfish.observe(0.1, ok=True)
    meters.tick(LaneState(), at=1060.0)
    assert [point.p50 for point in meters.redfish.whole] == pytest.approx([3.0, 1.0])
