"""Meters: the server's own work beside the wall time, in the process that measures and in one that reads its samples."""

from __future__ import annotations

import random

import pytest

from quads_tui.rollout.metrics import DownsampledSeries, Meter, MeterPoint, Meters, Window, lane_facts, quantile


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
    meters.restore(facts | {"redfish": point, "foreman_reads": [*point, 0.2], "foreman_writes": [*point, 0.0]}, 0.0)
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


def test_the_figures_of_a_window_are_those_of_its_exchanges_and_a_quiet_minute_is_none() -> None:
    luck, meter, told = random.Random(3), Meter(), list[list[float]]()
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
        ordered = sorted(value for second in wanted for value in second)
        window = meter.over(count)
        assert window.exchanges == len(ordered)
        assert window.errors == sum(value >= 0.5 for value in ordered)
        assert window.p50 == pytest.approx(quantile(ordered, 0.5), rel=0.01)
        assert window.p95 == pytest.approx(quantile(ordered, 0.95), rel=0.01)
    assert Meter().over(300) == Window()
    assert {point.exchanges for point in list(meter.points)[300:360]} == {0}
