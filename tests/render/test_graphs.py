"""The screen of graphs: one axis of time, layers that add up, gaps where nothing was, figures of the time that is shown."""

from __future__ import annotations

import pytest
from rich.text import Text

from quads_tui.render import graphs
from quads_tui.render.boxes import latency_box
from quads_tui.render.plot import Layer, placed, places, points, stacked
from quads_tui.render.time_axis import TimeAxis
from quads_tui.rollout.events import HostChanged, Intent, Outcome, RolloutEnded, RolloutStarted, StageChanged
from quads_tui.rollout.forecast import forecast
from quads_tui.rollout.metrics import LaneState, Meters
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import ActResult, HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout
from tests.console.feed import NOW, meters, rollout

START = NOW - 600
NAMES = [f"h{number}.example.com" for number in range(10)]


def told(speed: float = 1.0) -> tuple[Rollout, Meters]:
    """Ten real minutes: a host is written each minute and built a minute later, but for the minutes 4 and 5, in which writes are
    blocked and nobody is asked anything; the last one fails. A request takes 20 ms of rollout time.
    """
    model = Rollout("r", Plan((Goal("cloud02", Kind.BUILD),), tuple(HostPlan(name, "https://x") for name in NAMES)))
    model.apply(RolloutStarted(START, "r", len(NAMES), False, "me", speed))
    measured = Meters(speed)
    for second in range(600):
        minute, at = second // 60, START + second
        quiet = minute in (4, 5)
        if second % 60 == 30 and not quiet:
            name = NAMES[minute]
            model.apply(StageChanged(at, name, Stage.FOREMAN_BUILD, StageStatus.STARTED, 1))
            model.apply(Intent(at, name, second, "build", {}))
            model.apply(Outcome(at + 1, name, second, ActResult.APPLIED, {}))
            model.apply(StageChanged(at + 1, name, Stage.INSTALL, StageStatus.STARTED, 1))
            if minute not in (0, 6):
                model.apply(HostChanged(at + 2, NAMES[minute - 1], HostStatus.FAILED if minute == 9 else HostStatus.DONE))
        if not quiet:
            measured.redfish.observe(0.02 / speed, ok=True)
        measured.tick(LaneState(depth=0 if quiet else 1 + minute, shut="result unknown" if quiet else ""), at=at + 1)
    return model, measured


def drawn(model: Rollout, measured: Meters, *, width: int = 120, height: int = 36, window: str = "whole run") -> list[str]:
    known = forecast(model, measured, NOW)
    lines = graphs.screen(model, measured, known, now=NOW, own=100.0, width=width, height=height, window=window)
    return [line.plain for line in lines]


def panel(lines: list[str], title: str) -> list[str]:
    """Its lines without the title."""
    start = next(row for row, line in enumerate(lines) if f"── {title}  " in line) + 1
    end = next(row for row in range(start, len(lines)) if lines[row].startswith((" ──", "        ")) and lines[row][7] != "│")
    return lines[start:end]


@pytest.mark.parametrize("speed", [1.0, 30.0])
def test_all_panels_show_the_same_time_and_the_figures_of_it(speed: float) -> None:
    model, measured = told(speed)
    lines = drawn(model, measured)
    hosts = panel(lines, "Hosts")
    legend = [line[-32:].strip(" ▅▇✗").rsplit(maxsplit=1) for line in hosts]
    figures = {entry[0]: int(entry[1]) for entry in legend if entry}
    assert figures == {"not written": 2, "Power on, Install": 2, "done": 5, "failed": 1}
    (ready, _, _) = panel(lines, "Foreman write queue")
    assert ready.rstrip().endswith("peak 10  10")
    rate = panel(lines, "Foreman writes")
    assert [line[-23:].split()[-1] for line in rate[:2]] == ["8", f"{0.885 / speed:.1f}"]
    assert rate[2].rstrip().endswith("2 min" if speed == 1 else "1 h")
    assert "writes blocked" in lines[-1]
    redfish = panel(lines, "Redfish")
    assert [line[-23:].split()[-2:] for line in redfish[:2]] == [["20", "ms"], ["20", "ms"]]
    assert redfish[2].split()[-1] == "480"


def test_a_quiet_time_is_a_gap_and_zero_is_a_line() -> None:
    model, measured = told()
    lines = drawn(model, measured)
    cells = slice(8, 8 + 120 - 8 - 32 - 2)
    rows = panel(lines, "Redfish")
    curve = "".join("x" if any(row[cell] not in " │┤" for row in rows) else " " for cell in range(cells.start, cells.stop))
    before, after = curve.split(maxsplit=1)
    gap = len(curve) - len(before) - len(after)
    assert set(before + after) == {"x"}
    assert (len(before), gap) == (pytest.approx(78 * 0.4, abs=1), pytest.approx(78 * 0.2, abs=2))
    bottom = panel(lines, "Foreman write queue")[-1][cells]
    assert bottom.count("▁") >= gap - 2  # nobody was ready, which is a number


def test_the_window_shows_its_time_and_its_figures_only() -> None:
    model, measured = rollout(), meters()
    whole, recent = drawn(model, measured), drawn(model, measured, window="30 min")
    assert "-30 min" in recent[-1]
    assert "-30 min" not in whole[-1]
    written = [panel(lines, "Foreman writes")[0].split()[-1] for lines in (whole, recent)]
    assert int(written[0]) > int(written[1])


def test_what_is_not_used_at_present_has_no_figure_in_the_box_of_latencies() -> None:
    gauges = Meters()
    gauges.ipmi.observe(3.0, ok=True)
    seen = []
    for _ in range(120):
        gauges.redfish.observe(0.5, ok=True)
        gauges.tick(gauges.lane)
        both = (("Redfish", gauges.redfish), ("IPMI", gauges.ipmi))
        shown = "".join(line.plain for line in latency_box("BMC", both, speed=1.0, width=30, height=8))
        seen.append(("IPMI idle" in shown, "IPMI 3" in shown, "Redfish" in shown))
    assert (seen[0], seen[-1]) == ((False, True, True), (True, False, True))
    assert seen == sorted(seen), "once it is idle it stays so"


@pytest.mark.parametrize("ipmi", [0, 3])
def test_the_graphs_fit_every_screen(ipmi: int) -> None:
    model, gauges = rollout(60), meters()
    for seconds in range(ipmi):
        gauges.ipmi.observe(1.0 + 50 * seconds, ok=True)
    gauges.tick(gauges.lane)
    for height in range(19, 57):
        lines = drawn(model, gauges, width=80, height=height, window=("whole run", "30 min")[height % 2])
        assert len(lines) == height
        assert {len(line) for line in lines} == {80}
        assert ("IPMI" in "".join(lines)) is bool(ipmi)
        if any("── Under way" in line for line in lines):
            named = "".join(lines)
            for whole, short in (("Power off, PXE", "OFF, PXE"), ("Build", "BLD"), ("Power on", "ON")):
                assert f" {whole} " in named or f" {short} " in named
        for titles in (("Hosts",), ("Foreman write queue",), ("Redfish", "BMC")):
            assert sum(f"── {title}" in line for line in lines for title in titles) == 1


def test_an_interruption_is_a_gap_and_the_end_is_an_end() -> None:
    model, measured = told()
    model.apply(RolloutEnded(NOW, ""))
    model.apply(RolloutStarted(NOW + 600, "r", len(NAMES), True, "me", 1.0))
    model.apply(RolloutEnded(NOW + 1200, ""))
    axis = TimeAxis.of(model, NOW + 9999, 0)
    assert axis == (START, NOW + 1200)
    known = [counts is not None for counts in axis.counts(model, 30)]
    assert known == [True] * 10 + [False] * 10 + [True] * 10
    lines = graphs.screen(
        model, measured, forecast(model, measured, NOW), now=NOW, own=0.0, width=80, height=24, window="whole run"
    )
    assert lines[-1].plain.split("writes blocked")[0].rstrip().endswith("end")


def test_a_cell_shows_two_layers_and_what_is_there_is_seen() -> None:
    layers = [Layer("a", "on a", "#"), Layer("b", "on b", "+"), Layer("", "on rest", " ")]
    upper, lower = stacked(layers, [(4, 4, 8), (0, 0, 16), (16, 0, 0), (0.01, 0.01, 0), None], 2, 16.0)
    assert (upper.plain, lower.plain) == ("  █  ", "▄ █▁ ")
    assert styles(upper) == [("", "on rest"), ("", "on rest"), ("a", ""), ("", ""), ("", "")]
    assert styles(lower) == [("a", "on b"), ("", "on rest"), ("a", ""), ("a", "on b"), ("", "")]
    upper, lower = stacked(layers, [(4, 4, 8), (0, 0, 16), (16, 0, 0)], 2, 16.0, blocks=False)
    assert (upper.plain, lower.plain) == ("  #", "# #")


def styles(line: Text) -> list[tuple[str, str]]:
    """Ink and ground of each cell."""
    found = [["", ""] for _ in line.plain]
    for span in line.spans:
        for cell in range(span.start, span.end):
            found[cell][str(span.style).startswith("on")] = str(span.style)
    return [(ink, ground) for ink, ground in found]


def test_what_counts_for_a_time_is_placed_in_all_columns_of_it() -> None:
    spans = [(0.0, 2.0), (2.0, 3.0), (6.0, 7.0), (-5.0, -1.0), (8.0, 9.0)]
    for count, wanted in ((8, [1, 1, 5, None, None, None, 2, None]), (2, [5, 2])):
        assert placed(zip(places(spans, 0.0, 8.0, count), (1, 5, 2, 9, 7), strict=True), count, max) == wanted


def test_points_on_a_linear_axis_have_a_zero() -> None:
    (upper, lower) = points("block", [([0.0, None, 9.0, 20.0], "p")], 2, 0.0, 10.0, linear=True)
    assert (upper.plain, lower.plain) == ("  ▪▲", "▪   ")


def test_the_first_minute_has_an_axis() -> None:
    model = Rollout("r", Plan((Goal("cloud02", Kind.BUILD),), tuple(HostPlan(name, "https://x") for name in NAMES)))
    assert len(drawn(model, Meters())) == 36
    model.apply(RolloutStarted(NOW, "r", len(NAMES), False, "me", 1.0))
    assert len(drawn(model, Meters())) == 36


@pytest.mark.parametrize(("width", "whole"), [(80, False), (120, True)])
def test_stages_have_their_whole_names_where_there_is_room(width: int, whole: bool) -> None:
    lines = drawn(rollout(), meters(), width=width, height=50)
    legend = [line[-32 if whole else -24 :].strip() for line in panel(lines, "Under way")]
    assert any(("▁ Power off, PXE " if whole else "▁ OFF, PXE ") in line for line in legend)
    assert any("▃ Build " in line for line in legend) and any("▄ Power on " in line for line in legend)
    assert any("▅ Power on, Install " in line for line in panel(lines, "Hosts"))
    assert not any("…" in line for line in lines)
