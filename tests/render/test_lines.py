"""Rendering as plain text: exact widths, whatever the names and reasons are."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from quads_tui.render import boxes, failures, graphs, header, short_lines
from quads_tui.render.detail import detail_head, history
from quads_tui.render.host_order import ORDERS, ordered
from quads_tui.render.host_row import Column, Columns, heading, host_row
from quads_tui.render.names import brief
from quads_tui.render.numbers import clock_time, duration, latency, measured
from quads_tui.render.plan_text import plan_lines
from quads_tui.render.plot import area, columns, points, rounded_top
from quads_tui.render.progress import plain_line
from quads_tui.render.sentences import status
from quads_tui.render.symbols import BRAILLE, SYMBOLS, for_terminal
from quads_tui.render.wait_reason import HostNote, HostWord, host_word
from quads_tui.rollout.breaker import BreakerState
from quads_tui.rollout.causes import FOREMAN, Cause
from quads_tui.rollout.events import HostArmed, HostChanged, OutageChanged, Paused, RolloutEnded
from quads_tui.rollout.forecast import forecast
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.metrics import LaneState
from quads_tui.rollout.plan import NOT_ASKED, Goal, HostPlan, Plan
from quads_tui.rollout.remaining_hosts import OverdueHost
from quads_tui.rollout.rollout_time import RolloutTime
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import HostState, Rollout
from quads_tui.rollout.text import clean
from tests.console.feed import NOW, meters, rollout
from tests.effort import tries


def table_columns(width: int) -> Columns:
    return Columns.of(rollout(1).plan, width, BRAILLE)


def row(host: HostState, columns: Columns, text: str = "", **more: bool) -> str:
    word = host_word(host, meters(), forecast(rollout(1), meters(), NOW))
    return host_row(host, columns, now=NOW, speed=1.0, word=word, note=HostNote(text or host.note), **more).plain


def test_a_row_says_stage_by_stage_where_the_host_stands() -> None:
    model = rollout(60)
    rows = {host.status: row(host, table_columns(110), marked=True) for host in model.hosts.values() if not host.armed}
    assert "✓✓✓✓✓ Install   done" in rows[HostStatus.DONE]
    assert rows[HostStatus.DONE][1] == "*"
    assert "····· " in rows[HostStatus.QUEUED]
    assert "►" in rows[HostStatus.RUNNING]
    assert "✗" in rows[HostStatus.FAILED]
    assert " failed " in rows[HostStatus.FAILED]
    assert "STAGE (1 to 5)  STATE" in heading(table_columns(110)).plain


def test_a_narrow_row_gives_the_room_of_the_stages_to_the_note() -> None:
    narrow = table_columns(80)
    (host,) = [host for host in rollout(60).hosts.values() if host.armed]
    line = row(host, narrow, host.reason)
    assert line.index(host.reason[:20]) == heading(narrow).plain.index("NOTE")
    assert "✗ OFF ARMED " in line


def _usual(host: HostState) -> float:
    return 1.0


def test_attention_puts_the_failed_first_and_the_done_last() -> None:
    hosts = rollout(60).hosts.values()
    statuses = [host.status for host in ordered(hosts, "attention", _usual)]
    assert statuses[0] is HostStatus.FAILED
    assert statuses[-1] is HostStatus.DONE
    assert statuses.index(HostStatus.RUNNING) < statuses.index(HostStatus.QUEUED)
    assert [host.index for host in ordered(hosts, "plan", _usual)] == list(range(60))


def test_among_the_running_the_slowest_for_its_stage_comes_first() -> None:
    hosts = [host for host in rollout(60).hosts.values() if host.status is HostStatus.RUNNING]
    slow = hosts[-1]
    assert ordered(hosts, "attention", lambda host: 3.0 if host is slow else 1.0)[0] is slow


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_shows_every_host_and_can_be_turned(order: str) -> None:
    hosts = list(rollout(60).hosts.values())
    names = {host.name for host in hosts}
    for turned in (False, True):
        assert {host.name for host in ordered(hosts, order, _usual, turned=turned)} == names


def test_armed_hosts_stand_above_all_other_failures() -> None:
    first = ordered(rollout(60).hosts.values(), "attention", _usual)[0]
    assert first.armed


CONTROL = re.compile(r"[\x00-\x1f]")
poison = st.text(max_size=80) | st.sampled_from(("[/oops]", "日本語" * 30, "é" * 90, "👩‍👩‍👧" * 20))


@given(reason=poison, name=poison, width=st.integers(80, 220), kind=st.sampled_from(sorted(SYMBOLS)))
@settings(max_examples=tries(40, 120), deadline=None)
def test_every_line_is_exactly_as_wide_as_asked(reason: str, name: str, width: int, kind: str) -> None:
    plan = Plan((Goal("cloud02", Kind.BUILD, clean(name)),), (HostPlan(clean(name) or "h", clean(name), clean(name)),))
    model = Rollout("r", plan)
    (host,) = model.hosts.values()
    model.apply(HostChanged(NOW, host.name, HostStatus.FAILED, Stage.PXE_SET, Cause.REFUSED, clean(reason)))
    symbols = SYMBOLS[kind]
    every = Columns(width, tuple(Column), hooks=("switch", "tenant"), symbols=symbols)
    exchange = Exchange(at=NOW, host=host.name, method="PATCH", path=clean(name), status=0, seconds=1.0, error=clean(reason))
    gauges, known = meters(), forecast(model, meters(), NOW)
    common: dict[str, Any] = {"now": NOW, "width": width, "symbols": symbols}
    lines = [
        host_row(host, every, now=NOW, speed=1.0, word=HostWord.FAILED, note=HostNote(clean(reason), progress=0.4), cursor=True),
        heading(every, "stage"),
        header.title_line(model, title="REHEARSAL", control="you have control", warnings=(clean(reason),), **common),
        header.end_line(model, lag=0.2, forecast=known, **common),
        header.bar(model, width, symbols),
        header.counts_line(model, width, symbols),
        *boxes.queue_box(model, gauges, known, own=100.0, height=7, width=width, symbols=symbols),
        *boxes.installs_box(model, known, height=9, **common),
        *boxes.latency_box("Redfish", [("", gauges.redfish)], speed=1.0, width=width, height=7, symbols=symbols),
        *graphs.screen(model, gauges, known, own=100.0, height=40, window="whole run", **common),
        short_lines.queue_line(model, gauges, known, own=100.0, width=width, symbols=symbols),
        short_lines.latency_line(gauges, 1.0, width, symbols),
        *failures.failures(model, width, 4, NOW, symbols),
        *failures.failures_line(model, width, NOW, symbols),
        *detail_head(host, now=NOW, time=RolloutTime(), width=width, symbols=symbols),
        *history(host, [exchange], width, RolloutTime()),
    ]
    for line in lines:
        assert cell_len(line.plain) == width, line.plain
        assert not CONTROL.search(line.plain)


def test_the_plain_line_and_the_header_say_pauses_and_a_shut_lane() -> None:
    model, gauges = rollout(60), meters()
    model.apply(Paused(NOW, "writes", True, "me", "Foreman hangs"))
    gauges.lane = LaneState(depth=3, shut="outcome unknown (timeout), look 2")
    line = plain_line(model, gauges, NOW)
    assert line.startswith("2 h  ")
    assert "Foreman writes blocked: outcome unknown (timeout), look 2" in line
    assert "Foreman writes PAUSED" in line
    head = header.end_line(model, now=NOW, width=120, lag=0.0, forecast=None)
    assert "FOREMAN WRITES PAUSED" in head.plain


def test_a_pause_stands_whole_in_a_narrow_header() -> None:
    model = rollout(60)
    model.apply(Paused(NOW, "admission", True, "me", "by the operator"))
    line = header.end_line(model, now=NOW, width=80, lag=0.0, forecast=forecast(model, meters(), NOW))
    assert "NEW HOSTS PAUSED" in line.plain


def test_a_faster_rehearsal_shows_its_own_time_everywhere_in_the_header() -> None:
    model = rollout(60)
    model.time.speed = 30.0
    late = (OverdueHost(next(iter(model.hosts)), NOW + 100.0), OverdueHost(list(model.hosts)[1], None))
    told = replace(forecast(model, meters(), NOW), p50=1800.0, p90=3600.0, at=NOW, speed=30.0, overdue=late)
    words = header.end_line(model, now=NOW, width=200, lag=0.0, forecast=told).plain
    for seconds in (1800.0, 3600.0, 3000.0):
        assert clock_time(model.time.shown_at(NOW) + seconds, model.time.shown_at(NOW)) in words


def test_hosts_on_their_way_to_their_install_are_no_alarm() -> None:
    model = rollout(60)
    on_its_way = next(host.name for host in model.hosts.values() if host.status is HostStatus.RUNNING)
    model.apply(HostArmed(NOW, on_its_way, True))
    assert len(model.armed) == 2
    assert " 1 ARMED " in header.end_line(model, now=NOW, width=120, lag=0.0, forecast=None).plain
    assert " 1 ARMED (failed) " in header.end_line(model, now=NOW, width=120, lag=0.0, forecast=None, counted=True).plain
    assert "  1 ARMED" in plain_line(model, meters(), NOW)
    assert on_its_way.partition(".")[0] not in " ".join(status(model, meters(), forecast(model, meters(), NOW), NOW)[-1:])
    model.apply(RolloutEnded(NOW, "operator"))  # nobody works on it any more
    assert " 2 ARMED " in header.end_line(model, now=NOW, width=120, lag=0.0, forecast=None).plain
    assert "  2 ARMED" in plain_line(model, meters(), NOW)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_bar_has_a_cell_at_least_for_each_kind_and_is_as_wide_as_the_screen(width: int) -> None:
    model = rollout()
    line = header.bar(model, width).plain
    assert cell_len(line) == width
    assert set(line) == {" ", *"▇▅▄▃▂▁·✗"}
    assert line.count("▇") == pytest.approx((width - 2) * model.counts[HostStatus.DONE] / 700, abs=2)


def test_an_area_fills_from_below() -> None:
    (line,) = area("braille", [0, 1, 2, 4], 1, 4.0, style="e")
    assert line.plain == chr(0x2800 | 0x80) + chr(0x2800 | 0x44 | 0xB8)
    upper, lower = area("block", [1, 2], 2, 2.0, style="e", shade=[False, True], shaded="s")
    assert (upper.plain, lower.plain) == (" █", "██")
    assert [(span.style, span.start) for span in lower.spans] == [("e", 0), ("s", 1)]


def test_when_all_is_written_the_line_of_the_queue_tells_of_the_installs() -> None:
    model, gauges = rollout(60), meters()
    told = forecast(model, gauges, NOW)
    assert short_lines.queue_line(model, gauges, told, own=100.0, width=80).plain.startswith(" writes  5 ready")
    gauges.lane = LaneState()
    line = short_lines.queue_line(model, gauges, replace(told, writes_left=0), own=100.0, width=80).plain
    assert line.startswith(f" installs  {model.at_stage[Stage.INSTALL]} under way   usually ")
    assert "nothing left to write" in line


def test_a_time_without_a_value_is_a_gap_and_no_peak_is_lost() -> None:
    assert columns([1.0, None, 5.0, 2.0], 8, 4) == [None, None, 1.0, 5.0]
    assert columns([1.0, None], 2, 4) == [1.0, 1.0, None, None]
    (upper, lower) = points("block", [([0.01, None, 1.0, 50.0], "p")], 2, 0.001, 10.0)
    assert (upper.plain, lower.plain) == ("  ▪▲", "▪   ")
    assert [rounded_top(value) for value in (0.0, 1.0, 7.0, 16.0, 61.0)] == [1, 1, 8, 20, 80]


def test_numbers_are_written_in_one_way_and_a_duration_never_like_a_clock_time() -> None:
    assert [duration(s) for s in (0, 47.4, 89.6, 719, 3570, 5040, 7200, 90_000)] == [
        "0 s",
        "47 s",
        "1 min",
        "12 min",
        "1 h",
        "1 h 24 min",
        "2 h",
        "25 h",
    ]
    assert [measured(s) for s in (0.84, 12.3, 245, 300, 3725)] == ["0.8 s", "12 s", "4 min 5 s", "5 min", "1 h 2 min"]
    assert [latency(s) for s in (0.0451, 0.9994, 1.25, 61.2)] == ["45 ms", "999 ms", "1.2 s", "61 s"]
    assert len(clock_time(NOW, NOW)) == 5
    assert len(clock_time(NOW + 86400, NOW)) == 9  # with its day


@given(st.lists(st.floats(0, 1e6), max_size=300), st.integers(1, 50))
@settings(deadline=None)
def test_no_peak_is_lost_in_few_columns(values: list[float], count: int) -> None:
    shown = columns(values, 300, count)
    assert len(shown) == count
    assert max((value for value in shown if value is not None), default=0.0) == max(values, default=0.0)


def test_the_plan_names_what_differs_and_what_cannot_be_done() -> None:
    hosts = (
        HostPlan("a.example.com", "x", "R650"),
        HostPlan("b.example.com", "x", "R650", in_build=True, notes=("already in build mode: build mode is cancelled first",)),
        HostPlan("c.example.com", "x", "", blocker="Foreman has no host of this name", blocker_stage=Stage.FOREMAN_BUILD),
    )
    text = "\n".join(plan_lines(Plan((Goal("cloud02", Kind.BUILD, "", "jdoe", "", "RHEL 9.4", "", "m"),), hosts)))
    assert "cannot be provisioned; nothing will be done to them: 1\n    c.example.com  Foreman has no host of this name" in text
    assert "warnings: 1\n    b.example.com  already in build mode: build mode is cancelled first" in text
    assert "writes   3 to Foreman" in text
    assert "ptable   as set in Foreman" in text
    assert "boot  " not in text


def test_b5_the_plan_names_every_host_that_is_not_verified_and_every_address_of_the_assignment_in_80_columns() -> None:
    def told(number: int) -> HostPlan:
        name = f"f{number:02}-h{number:02}-000-r650.example.com"
        why = f"its BMC reports no MAC address; Foreman expects the MAC b0:7b:25:00:00:{number:02x}"
        return HostPlan(
            name, f"https://mgmt-{name}", "R650", own_address=True, system="Node2", unverified=why, accepted=number > 55
        )

    silent = HostPlan("silent.example.com", "x", "R650", bmc="unreachable: no complete answer, and nothing for 9.5 s")
    late = HostPlan("late.example.com", "x", "R650", bmc=NOT_ASKED)
    lines = plan_lines(Plan((Goal("cloud02", Kind.BUILD),), (*(told(number) for number in range(60)), silent, late)))
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    assert lines[0] == "BMC addresses set in the assignment: 60"
    flat = " ".join(text.split())
    assert "not verified: these machines cannot be compared with Foreman's hosts: 56 its BMC reports no MAC address" in flat
    for number in range(60):
        assert text.count(f"  f{number:02}-h{number:02}-000-r650.example.com") == 2, number  # its address, and as not verified
    order = [
        flat.index(words) for words in ("not verified: these", "hosts whose BMC did not", "not verified, accepted by", "writes ")
    ]
    assert order == sorted(order)
    assert "BMCs     1 not surveyed yet" in text


def test_the_plan_tells_from_what_hosts_boot() -> None:
    order = ("NIC.Slot.1-1-1", "HardDisk.List.1-1")
    hosts = (
        HostPlan("a.example.com", "x", "R650", device="NIC.Integrated.1-1-1", order=order),
        HostPlan("b.example.com", "x", "R650", device="NIC.Integrated.1-1-1"),
        HostPlan("c.example.com", "x", "DL360"),
    )
    text = "\n".join(plan_lines(Plan((Goal("cloud02", Kind.BUILD),), hosts)))
    assert "boot     once from NIC.Integrated.1-1-1 (2), PXE of any NIC (1)" in text
    assert "    NIC.Slot.1-1-1, HardDisk.List.1-1  (1)" in text


def test_terminals_get_what_they_can_show() -> None:
    told = [for_terminal(*which).name for which in (("UTF-8", "xterm-256color"), ("utf8", "linux"), ("ISO-8859-1", "xterm"))]
    assert told == ["braille", "ascii", "ascii"]


def test_a_rollout_of_one_host_has_one_host() -> None:
    line = header.title_line(rollout(1), now=NOW, width=120, title="", control="", warnings=())
    assert "  1 host  " in line.plain


def test_an_outage_stands_in_the_header_among_the_causes_and_in_the_plain_line_until_its_end_or_that_of_the_rollout() -> None:
    model = rollout(60)
    groups = len(failures.failures(model, 120, 8, NOW))

    def places() -> list[str]:
        head = header.end_line(model, now=NOW, width=300, lag=0.0, forecast=None).plain
        causes = "".join(line.plain for line in failures.failures(model, 120, 8, NOW))
        return [head, causes, plain_line(model, meters(), NOW)]

    model.apply(OutageChanged(NOW, FOREMAN, BreakerState.OPEN, NOW, 0, NOW + 22, "503"))
    model.apply(OutageChanged(NOW, "rack e21", BreakerState.OPEN, NOW, 24, NOW + 40, "no route"))
    for text in places():
        assert "Foreman unavailable since " in text
        assert ", next try in 22 s" in text
        assert "rack e21: 24 BMCs do not answer since " in text
    assert len(failures.failures(model, 120, 8, NOW)) == groups + 2
    assert len(failures.failures_line(model, 80, NOW)) == 3
    model.apply(OutageChanged(NOW, "rack e21", BreakerState.CLOSED, NOW, 20))
    assert not any("rack e21" in text for text in places())
    model.apply(RolloutEnded(NOW, "safety"))
    assert not any("unavailable" in text for text in places())


@pytest.mark.parametrize("width", [80, 120, 200])
def test_no_number_of_the_counts_is_cut_and_together_they_are_all_hosts(width: int) -> None:
    model = rollout(700)
    queued = [host.name for host in model.hosts.values() if host.status is HostStatus.QUEUED]
    for name, end in zip(queued, (HostStatus.HELD, HostStatus.SKIPPED, HostStatus.SKIPPED), strict=False):
        model.apply(HostChanged(NOW, name, end, None, None, "x"))
    model.apply(HostChanged(NOW, queued[4], HostStatus.WAITING, Stage.PXE_SET, Cause.BUSY, "busy", until=NOW + 60))
    line = header.counts_line(model, width).plain
    assert "…" not in line and len(line) == width
    found = {word: int(number) for word, number in re.findall(r"(not started|[A-Za-z]+) (\d+)", line)}
    found.pop("retrying", None)  # those are counted in their stages
    assert (found["skipped"], found["held"]) == (2, 1)
    assert sum(found.values()) == 700 - (model.counts[HostStatus.FAILED] if width < header.WIDE else 0)


@pytest.mark.parametrize("speed", [1.0, 30.0])
def test_a_count_of_errors_says_in_what_time(speed: float) -> None:
    line = short_lines.latency_line(meters(), speed, 90).plain
    assert re.search(r"\d+ requests failed in (5|30) min $", line)
    assert len(short_lines.latency_line(meters(), speed, 60).plain) == 60


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a01-h27-000-r650.example.com", "a01-h27"),
        ("a01-h27-b01-fc640.example.com", "a01-h27-b01"),
        ("web-prod-01.example.com", "web-prod-01"),
        ("node7", "node7"),
        ("f21-h17-000-r650-extra", "f21-h17-000-r650-extra"),
    ],
)
def test_a_brief_name_is_that_of_one_host(name: str, shown: str) -> None:
    assert brief(name) == shown


def test_with_ipmi_no_latency_is_cut_at_80_columns() -> None:
    gauges = meters()
    for _ in range(3):
        gauges.ipmi.observe(0.698, ok=True)
        gauges.tick(gauges.lane)
    line = short_lines.latency_line(gauges, 1.0, 80).plain
    assert re.search(r"^ median: Redfish .* IPMI .* read .* write \d+ ms +\d+ failed $", line)
    assert len(line) == 80
