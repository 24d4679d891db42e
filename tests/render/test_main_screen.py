"""What a stranger reads on the main screen: figures that add up, times of what is there, words instead of signs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from quads_tui.render import boxes, header, short_lines
from quads_tui.render.eta import header_words
from quads_tui.render.host_row import Columns, heading, host_row
from quads_tui.render.symbols import BRAILLE
from quads_tui.render.wait_reason import HostNote, HostWord
from quads_tui.rollout.events import HostArmed, Identified
from quads_tui.rollout.forecast import Bound, Forecast, forecast
from quads_tui.rollout.metrics import InFlight, LaneState, Meters
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import Rollout
from tests.console.feed import NOW, meters, rollout


def test_what_is_left_to_write_is_the_sum_of_the_counts_up_to_build() -> None:
    model, gauges = rollout(), meters()
    told = forecast(model, gauges, NOW)
    before = sum(model.at_stage[stage] for stage in (Stage.POWER_OFF, Stage.PXE_SET, Stage.FOREMAN_BUILD))
    for late in (0, 3):
        told = replace(told, late=frozenset(list(model.hosts)[:late]))
        assert boxes.hosts_left(model, told) == model.counts[HostStatus.QUEUED] + before - late
    assert boxes.hosts_left(model, replace(told, writes_left=0)) == 0


def test_hosts_that_are_only_powered_off_are_not_left_to_write() -> None:
    model = Rollout("r", Plan((Goal("cloud01", Kind.SPARE),), (HostPlan("h1", "https://x"),)))
    assert boxes.hosts_left(model, replace(forecast(model, Meters(), NOW), writes_left=7)) == 7


@pytest.mark.parametrize(("speed", "words"), [(1.0, "2 min ago"), (30.0, "1 h ago")])
def test_no_axis_begins_before_the_first_measurement(speed: float, words: str) -> None:
    model, gauges = rollout(60), meters()  # of two minutes
    model.time.speed = speed
    told = forecast(model, gauges, NOW)
    queue = boxes.queue_box(model, gauges, told, own=100.0, width=60, height=7)
    latency = boxes.latency_box("Foreman", [("read", gauges.foreman_reads)], speed=speed, width=120, height=7)
    assert latency[-1].plain.startswith(f"╰─ {words} ")
    assert queue[-1].plain.startswith("╰─ 2 min ago " if speed == 1 else "╰─ 51 min ago ")


@pytest.mark.parametrize("speed", [1.0, 30.0, 600.0])
def test_latencies_of_a_faster_rehearsal_are_in_its_own_time_as_all_else_is(speed: float) -> None:
    gauges = Meters(speed)
    for _ in range(120):
        gauges.foreman_reads.observe(0.08 / speed, ok=True)
        gauges.foreman_writes.observe(1.29 / speed, ok=True)
        gauges.tick(LaneState())
    both = [("read", gauges.foreman_reads), ("write", gauges.foreman_writes)]
    drawn = [line.plain for line in boxes.latency_box("Foreman", both, speed=speed, width=30, height=7)]
    assert " Foreman latency (median) " in drawn[0]
    assert "10 s" in drawn[1] and "10 ms" in drawn[-4]
    assert " write 1.3 s  read 80 ms " in drawn[-3].replace("81", "80")  # a bucket is one per cent wide
    assert "read 80 ms  write 1.3 s" in short_lines.latency_line(gauges, speed, 80).plain.replace("81", "80")


@pytest.mark.parametrize(
    ("width", "words"), [(40, "120 of 1,200 requests failed"), (28, "10.0 % of requests failed"), (24, "120 requests failed")]
)
def test_what_failed_is_always_requests(width: int, words: str) -> None:
    gauges = Meters()
    for number in range(1200):
        gauges.redfish.observe(0.1, ok=bool(number % 10))
    gauges.tick(LaneState())
    drawn = [line.plain for line in boxes.latency_box("BMC", [("Redfish", gauges.redfish)], speed=1.0, width=width, height=7)]
    assert any(f" {words}" in line for line in drawn)


def test_an_axis_of_hours_is_no_wider_than_one_of_milliseconds() -> None:
    words = [boxes.decade_words(10.0**power) for power in range(-5, 7)]
    assert max(map(len, words)) <= 7 and words[2:9] == ["1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s", "1000 s"]
    assert words[-2:] == ["1e5 s", "1e6 s"]


def test_a_look_at_the_queue_between_two_seconds_is_no_second() -> None:
    gauges, writing = Meters(), LaneState(in_flight=(InFlight("h1", "build", 1.0),))
    gauges.tick(LaneState(granted=1), at=1.0)
    gauges.look(replace(writing, depth=3))
    assert gauges.lane.depth == 3 and len(gauges.lane_depths) == 1
    gauges.tick(replace(writing, granted=9), at=2.0)
    gauges.tick(LaneState(granted=20), at=3.0)
    assert list(gauges.lane_writing) == [False, True, False]
    assert gauges.idle == (pytest.approx(2 / 3), 3), "of the moments, however many writes were between them"


def test_what_is_usual_and_what_is_the_average_say_of_how_many_writes_they_are() -> None:
    model, gauges = rollout(), meters()
    told = replace(forecast(model, gauges, NOW), writes_per_minute=34.2, lane_empty=1200.0)
    for seconds in (*[1.0] * 20, *[1.7] * 20, 9.0):  # of thirty: the median is no outlier's
        model.durations.write.add(seconds)
        model.durations.between.add(seconds)
    lines = [line.plain for line in boxes.queue_box(model, gauges, told, own=8000.0, width=120, height=7)]
    assert " writing  f01-h01   1 s so far; a write usually takes 1.7 s (last 30 writes)" in lines[1]
    count = len(model.durations.between)
    assert f" writes   34.2 a minute on average of the last {count} writes, Foreman idle " in lines[3]
    assert " % of the last 2 min, until about " in lines[3]
    narrow = [line.plain for line in boxes.queue_box(model, gauges, told, own=8000.0, width=60, height=7)]
    assert " writing  f01-h01   1 s so far, usually 1.7 s " in narrow[1]
    assert " writes   34.2 a minute on average, until about " in narrow[3] and "…" not in narrow[1] + narrow[3]


def test_the_first_line_of_a_rehearsal_has_room_for_all_it_says_at_120_columns() -> None:
    model = rollout()
    model.time.speed = 30.0
    for name in list(model.hosts)[:23]:
        model.apply(Identified(NOW, name, "UUID 1", "no MACs"))
    line = header.title_line(model, now=NOW, width=120, title="REHEARSAL", control="you have control", warnings=()).plain
    for words in (
        "cloud02  23 identities not verified ",
        " REHEARSAL: emulated time, 30x ",
        "you have control",
        "now ",
        "running ",
    ):
        assert words in line
    assert len(line) == 120 and "…" not in line


def test_that_the_machine_is_busy_never_takes_the_room_of_the_estimate() -> None:
    model = rollout()
    told = forecast(model, meters(), NOW)
    whole = header.end_line(model, now=NOW, width=180, lag=0.08, forecast=told, counted=True).plain
    assert "% sure by " in whole and "bottleneck: " in whole and "this computer is busy: it reacts 80 ms late" in whole
    wider = header.end_line(model, now=NOW, width=240, lag=0.08, forecast=told, counted=True).plain
    assert "this computer is busy: requests and screen up to 80 ms late" in wider
    model.time.speed = 30.0
    assert "it reacts 2.4 s late" in header.end_line(model, now=NOW, width=180, lag=0.08, forecast=told, counted=True).plain
    narrow = header.end_line(model, now=NOW, width=80, lag=0.08, forecast=told).plain
    assert "% sure by " in narrow and "busy" not in narrow


@pytest.mark.parametrize("lag", [0.0, 0.08])
def test_neither_a_busy_machine_nor_armed_hosts_hide_what_limits_the_end(lag: float) -> None:
    model = rollout()
    told = forecast(model, meters(), NOW)
    for name in [host.name for host in model.hosts.values() if host.status is HostStatus.FAILED][:3]:
        model.apply(HostArmed(NOW, name, True))
    line = header.end_line(model, now=NOW, width=120, lag=lag, forecast=told, counted=True).plain
    assert "bottleneck: " in line and "ARMED  next boot reinstalls them" in line and "% sure by " in line


@pytest.mark.parametrize("width", [80, 120])
def test_a_row_says_how_long_it_is_in_its_stage_or_when_it_ended_and_its_note_stays_in_its_column(width: int) -> None:
    model = rollout(60)
    columns = Columns.of(model.plan, width, BRAILLE)
    note = heading(columns).plain.index("NOTE")
    ended = {89: "89 s ago", 1800: "30 min ago", 5940: "99 min ago", 7200: "2 h ago", 3600 * 1234: "1234 h ago"}
    so_far = {89: "89 s", 1800: "30 min", 5940: "1 h 39 min", 35940: "9 h 59 min", 3600 * 1234: "1,234 h"}
    (armed,) = (model.hosts[name] for name in model.left_armed)
    running = next(host for host in model.hosts.values() if host.status is HostStatus.RUNNING)
    for host, state, words in ((armed, "ARMED ", ended), (running, "", so_far)):
        for seconds, time in words.items():
            word = HostWord.ARMED if state else HostWord.RUNNING
            now = host.since + seconds
            row = host_row(host, columns, now=now, speed=1.0, word=word, note=HostNote("BMC unreachable")).plain
            assert row.index("BMC unreachable") == note
            assert re.search(rf" {state} +{time} ", row)
    row = host_row(armed, columns, now=NOW, speed=1.0, when="Sun 23:41", word=HostWord.ARMED, note=HostNote("BMC unreachable"))
    assert "ARMED    Sun 23:41  " in row.plain and row.plain.index("BMC unreachable") == note


@pytest.mark.parametrize("width", range(60, 110, 5))
def test_who_has_control_is_said_whole_or_not_at_all(width: int) -> None:
    model = rollout(60)
    model.time.begin(NOW - 400, 30.0)
    line = header.title_line(model, now=NOW, width=width, title="REHEARSAL", control="you have control", warnings=()).plain
    assert ("you have control" in line) is ("you" in line)
    assert "REHEARSAL 30x speed" in line and line.rstrip().endswith("min") and "…" not in line


def test_what_limits_the_end_is_named_as_the_bottleneck_with_its_figures() -> None:
    told = Forecast(NOW, 600.0, 900.0, Bound.LANE, "17.6 a minute")
    time = rollout(60).time
    assert header_words(told, 120, time).endswith("  bottleneck: Foreman writes (17.6 a minute)")
    assert header_words(told, 80, time).endswith("  bottleneck: Foreman writes")
    waiting = Forecast(NOW, bound=Bound.HUMAN, why="2 held")
    assert header_words(waiting, 120, time) == "end not known yet  waiting for an operator: 2 held"


def test_below_the_table_words_of_the_first_line_are_explained_where_they_fit() -> None:
    model = rollout()
    assert header.meanings(model, 200) == ""
    model.time.speed = 30.0
    assert header.meanings(model, 200) == "   emulated: 1 h takes 2 min"
    model.apply(Identified(NOW, next(iter(model.hosts)), "UUID 1", "no MACs"))
    why = "the machine is not compared with Foreman's host"
    longest = f"   identity not verified (accepted): {why}; /verified:no lists the hosts   emulated: 1 h takes 2 min"
    assert header.meanings(model, 200) == longest
    short = "   identity not verified (accepted): /verified:no   emulated: 1 h takes 2 min"
    for room in range(len(longest)):
        assert len(header.meanings(model, room)) <= room
    assert header.meanings(model, len(longest) - 1) == short
    assert header.meanings(model, 10) == ""
