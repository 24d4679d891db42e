"""The whole screen of graphs: hosts over time, the Foreman write queue, latencies.

All panels have one axis of time, so that what happened together stands in one column. The figures at the right are of that time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.text import Text

from quads_tui.rollout.forecast import Forecast
from quads_tui.rollout.metrics import Meter, Meters, Window
from quads_tui.rollout.stage_history import StageCounts
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout

from .boxes import bmc_curves, decade_words, decades
from .line import fitted
from .numbers import duration, latency
from .palette import BAD, NOT_WRITTEN, QUIET, RULE, SHADE, STAGE_STYLES, STRONG, STYLES, as_ground
from .plot import PER_CELL, Layer, Value, area, placed, places, points, rounded_top, stacked
from .symbols import BRAILLE, Symbols
from .time_axis import TimeAxis

WINDOWS = {"whole run": 0, "30 min": 1800}
"""Rollout seconds that the graphs show; 0: all there is."""
_LABEL = 8  # cells of the labels of the y axis
_CLOCK = 5  # cells of a time of this day
_LEGEND, _WIDE_LEGEND = 24, 32  # cells of the figures at the right: the wide ones have room for the stages' whole names
_WIDE = 110  # cells from which on they are wide
_PREPARING = (Stage.POWER_OFF, Stage.PXE_SET)  # drawn as one: both are short
_WISHES = ("hosts", "redfish", "hosts", "under way", "reads", "writes", "hosts", "queue", "foreman", "rate", "under way", "ipmi")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    """One of them. `draw`: from rows to labels of the y axis, lines and figures."""

    title: str
    note: str
    least: int  # rows
    draw: Callable[[int], tuple[Sequence[str], Sequence[Text], Sequence[Text]]]
    right: Text


def screen(
    rollout: Rollout,
    meters: Meters,
    forecast: Forecast,
    *,
    now: float,
    own: float,
    width: int,
    height: int,
    window: str,
    symbols: Symbols = BRAILLE,
    coloured: bool = True,
) -> list[Text]:
    """As many of the panels as go into `height`, and the axis. `now`: real time; `own`: by the rollout's own clock.

    `coloured`: the layers are told apart by their colours, else by glyphs.
    """
    drawn = _Graphs(
        rollout,
        meters,
        forecast,
        now=now,
        own=own,
        width=width,
        window=window,
        symbols=symbols,
        coloured=coloured,
    )
    axis = 2 if height >= 30 else 1
    panels = drawn.panels(height - axis)
    rows = {name: panel.least for name, panel in panels.items()}
    spare = height - axis - sum(panel.least + 1 for panel in panels.values())
    while spare > 0:
        for name in [name for name in _WISHES if name in panels][:spare]:
            rows[name] += 1
            spare -= 1
    lines: list[Text] = []
    for name, panel in panels.items():
        lines.append(_titled(panel, width, symbols))
        lines += _framed(panel, rows[name], width, drawn.legend, symbols)
    return [*lines, *drawn.axis(axis, width)]


def _titled(panel: _Panel, width: int, symbols: Symbols) -> Text:
    line = symbols.box[-2]
    head = Text().append(f" {line}{line} ", RULE).append(panel.title, STRONG).append(f"  {panel.note} ", QUIET)
    right = Text(" ").append_text(panel.right).append(f" {line} ", RULE) if panel.right.plain else Text()
    head.append(line * max(0, width - 1 - head.cell_len - right.cell_len), RULE)
    return fitted(head.append_text(right), width, ellipsis=symbols.ellipsis)


def _framed(panel: _Panel, rows: int, width: int, cells: int, symbols: Symbols) -> list[Text]:
    """`cells`: of the figures."""
    labels, drawn, legend = panel.draw(rows)
    lines = []
    for row in range(rows):
        label = labels[row] if row < len(labels) else ""
        line = Text().append(f"{label:>{_LABEL - 1}}", QUIET).append(symbols.tick if label else symbols.box[-1], RULE)
        line.append_text(drawn[row])
        figures = fitted(legend[row], cells - 1, ellipsis=symbols.ellipsis) if row < len(legend) else Text()
        lines.append(fitted(line.append("  ").append_text(figures), width, ellipsis=symbols.ellipsis))
    return lines


def _axis_labels(rows: int, top: str, middle: str, bottom: str) -> list[str]:
    labels = [""] * rows
    if rows > 1:
        labels[-1] = bottom
    if rows >= 5:
        labels[rows // 2] = middle
    labels[0] = top
    return labels


class _Graphs:
    """What the panels have in common."""

    def __init__(
        self,
        rollout: Rollout,
        meters: Meters,
        forecast: Forecast,
        *,
        now: float,
        own: float,
        width: int,
        window: str,
        symbols: Symbols,
        coloured: bool,
    ) -> None:
        self.legend = _WIDE_LEGEND if width >= _WIDE else _LEGEND  # cells
        cells = width - _LABEL - self.legend - 2
        self._rollout, self._meters, self._forecast = rollout, meters, forecast
        self._own = own
        self._cells = cells
        self._symbols = symbols
        self._blocks = coloured and symbols.graphs != "ascii"
        self._area = "ascii" if symbols.graphs == "ascii" else "block"
        self._dots = PER_CELL[symbols.graphs] * cells
        self._whole = not WINDOWS[window]
        self._axis = TimeAxis.of(rollout, now, WINDOWS[window])
        self._seconds = 0 if self._whole else round(WINDOWS[window] / rollout.speed)
        spans = meters.spans(self._whole)
        self._cell_places = places(spans, *self._axis, cells)
        self._dot_places = places(spans, *self._axis, self._dots)
        self._counts = self._axis.counts(rollout, cells)
        self._shade = self._blocked()

    def panels(self, height: int) -> dict[str, _Panel]:
        """By name, from above; the least important are left out where there is no room."""
        meters = self._meters
        found = {
            "hosts": self._panel("Hosts", f"stacked, all {len(self._rollout.hosts):,}", self._hosts, least=4),
            "under way": self._panel("Under way", "before the install, on a separate scale", self._under_way),
            "queue": self._panel("Foreman write queue", "hosts ready", self._queue, right=self._writing()),
            "rate": self._panel("Foreman writes", "a minute", self._rate),
        }
        apart = dict(found)
        for name, title, meter in (
            ("redfish", "Redfish", meters.redfish),
            *((("ipmi", "IPMI", meters.ipmi),) if meters.ipmi.total else ()),
            ("reads", "Foreman reads", meters.foreman_reads),
            ("writes", "Foreman writes", meters.foreman_writes),
        ):
            apart[name] = self._service(title, [("", meter)])
        together = dict(found)
        title, bmcs = bmc_curves(meters)
        together["redfish"] = self._service(title, bmcs)
        together["foreman"] = self._service("Foreman", [("read", meters.foreman_reads), ("write", meters.foreman_writes)])
        ways = [apart, together]
        for dropped in ("rate", "under way"):
            ways.append({name: panel for name, panel in ways[-1].items() if name != dropped})
        return next((way for way in ways if sum(panel.least + 1 for panel in way.values()) <= height), ways[-1])

    def axis(self, rows: int, width: int) -> list[Text]:
        """The labels of the time, below a line with their ticks where there is room."""
        ticks, words = self._axis.lines(self._rollout, self._cells, self._whole, self._symbols)
        key = Text().append("  ", SHADE).append(" writes blocked", QUIET) if any(self._shade) else Text()
        lines = [Text(" " * _LABEL).append_text(ticks), Text(" " * _LABEL).append_text(words).append("  ").append_text(key)]
        return [fitted(line, width, ellipsis=self._symbols.ellipsis) for line in lines[-rows:]]

    def _figure(
        self, words: str, value: str, *, key: tuple[str, str] | None = None, style: str = STRONG, most: str = "", short: str = ""
    ) -> Text:
        """One line of figures: `key` is glyph and style of what is drawn; `short`: the words where there is no room for them."""
        line = Text()
        if key is not None:
            line.append(*key).append(" ")
        right = Text().append(f"peak {most} " if most else "", QUIET).append(value, style)
        if short and line.cell_len + len(words) + 1 + right.cell_len > self.legend - 1:
            words = short
        return fitted(line.append(words, "" if value not in ("0", "none") else QUIET), self.legend - 1, right)

    def _panel(
        self,
        title: str,
        note: str,
        draw: Callable[[int], tuple[Sequence[str], Sequence[Text], Sequence[Text]]],
        *,
        least: int = 2,
        right: Text | None = None,
    ) -> _Panel:
        return _Panel(title=title, note=note, least=least, draw=draw, right=right or Text())

    def _blocked(self) -> list[bool]:
        """The columns in which nobody might write for a quarter of the time or more."""
        meters = self._meters
        blocked = meters.blocked_whole if self._whole else meters.lane_blocked
        step = meters.times_whole.step if self._whole else 1
        parts = [(columns, (int(value), step)) for columns, value in zip(self._cell_places, blocked, strict=False)]
        found = placed(parts, self._cells, lambda one, two: (one[0] + two[0], one[1] + two[1]))
        return [part is not None and 4 * part[0] >= part[1] for part in found]

    # Hosts

    def _stack(self, layers: Sequence[Layer], columns: Sequence[Sequence[float] | None], rows: int, top: float) -> list[Text]:
        return stacked(layers, columns, rows, top, blocks=self._blocks, shade=self._shade, shaded=SHADE)

    def _layer(self, style: str, glyph: str) -> Layer:
        return Layer(style, as_ground(style), glyph)

    def _hosts(self, rows: int) -> tuple[Sequence[str], Sequence[Text], Sequence[Text]]:
        """Done, installing and not written on one another; in the last row what failed, on a scale of its own."""
        symbols, hosts = self._symbols, len(self._rollout.hosts)
        done, install = STYLES[HostStatus.DONE], STAGE_STYLES[Stage.INSTALL]
        after = (Stage.POWER_ON, Stage.INSTALL)
        layers = [
            self._layer(done, symbols.done),
            self._layer(install, symbols.heights[Stage.INSTALL]),
            Layer("", NOT_WRITTEN, symbols.none),
        ]
        columns = [
            None if counts is None else (counts.done, counts.at_stage(*after), counts.not_written) for counts in self._counts
        ]
        drawn = self._stack(layers, columns, rows - 1, max(1, hosts))
        failed = [None if counts is None else float(counts.failed) for counts in self._counts]
        top = rounded_top(max((value for value in failed if value), default=1.0))
        drawn += area(self._area, failed, 1, top, style=BAD, shade=self._shade, shaded=SHADE)
        now = self._newest
        legend = [
            self._figure("not written", f"{now.not_written:,}", key=(" ", NOT_WRITTEN)),
            self._stages(after, key=(symbols.heights[Stage.INSTALL], install)),
            self._figure("done", f"{now.done:,}", key=(symbols.done, done)),
        ]
        for words, count in (("skipped", now.skipped), ("held", now.held)):
            legend += [self._figure(words, f"{count:,}", key=(" ", ""))] if count else []
        legend = legend[: rows - 1]
        legend += [Text()] * (rows - 1 - len(legend))
        legend.append(self._figure("failed", f"{now.failed:,}", key=(symbols.failed, BAD), style=BAD if now.failed else QUIET))
        labels = _axis_labels(rows - 1, f"{hosts:,}", f"{hosts // 2:,}", "0")
        return [*labels, f"{top:,}"], drawn, legend

    def _under_way(self, rows: int) -> tuple[Sequence[str], Sequence[Text], Sequence[Text]]:
        """The stages between not started and installing, which have few hosts at a time."""
        symbols = self._symbols
        kinds = ((Stage.POWER_ON,), (Stage.FOREMAN_BUILD,), _PREPARING)
        columns = [None if counts is None else [counts.at_stage(*stages) for stages in kinds] for counts in self._counts]
        layers = [self._layer(STAGE_STYLES[stages[0]], symbols.heights[stages[0]]) for stages in kinds]
        top = rounded_top(max((sum(values) for values in columns if values), default=1))
        legend = []
        for place, stages in enumerate(kinds):
            most = max((values[place] for values in columns if values), default=0)
            key = (symbols.heights[stages[0]], STAGE_STYLES[stages[0]])
            legend.append(self._stages(stages, key=key, most=f"{most:,}"))
        if rows < len(kinds):
            legend = self._in_two_lines(kinds)
        return _axis_labels(rows, f"{top:,}", f"{top / 2:g}", "0"), self._stack(layers, columns, rows, top), legend[::-1]

    def _stages(self, stages: Sequence[Stage], *, key: tuple[str, str], most: str = "") -> Text:
        """How many hosts stand at these stages now."""
        words, short = (", ".join(names) for names in zip(*((stage.label, stage.short) for stage in stages), strict=True))
        count = f"{self._newest.at_stage(*stages):>{3 if most else 0},}"
        return self._figure(words, count, key=key, most=most, short=short)

    def _in_two_lines(self, kinds: Sequence[Sequence[Stage]]) -> list[Text]:
        """The figures of now alone, from below: the last kind above the others."""

        def lines(whole: bool) -> list[Text]:
            parts = []
            for stages in kinds:
                words = ", ".join(stage.label if whole else stage.short for stage in stages)
                count = self._newest.at_stage(*stages)
                key = Text().append(self._symbols.heights[stages[0]], STAGE_STYLES[stages[0]])
                parts.append(key.append(f" {words} ", "" if count else QUIET).append(f"{count:,}", STRONG if count else QUIET))
            first, second, last = parts
            return [second.append("   ").append_text(first), last]

        found = lines(whole=True)
        return found if max(line.cell_len for line in found) < self.legend else lines(whole=False)

    @property
    def _newest(self) -> StageCounts:
        return self._rollout.stage_counts(self._axis.end)

    # The write queue

    def _writing(self) -> Text:
        """Which host Foreman is writing now, or why none."""
        lane = self._meters.lane
        if lane.shut:
            return Text().append("blocked: ", BAD).append(lane.shut[:50], BAD)
        if lane.paused:
            return Text("paused", STRONG)
        if not lane.in_flight:
            return Text()
        flight = lane.in_flight[0]
        since = duration(max(0.0, self._own - flight.since))
        return (
            Text()
            .append("writing ", QUIET)
            .append(flight.host.partition(".")[0], STAGE_STYLES[Stage.FOREMAN_BUILD])
            .append(f"  {since}")
        )

    def _queue(self, rows: int) -> tuple[Sequence[str], Sequence[Text], Sequence[Text]]:
        meters, forecast = self._meters, self._forecast
        depths = meters.lane_whole if self._whole else meters.lane_depths
        found = placed(zip(self._cell_places, map(float, depths), strict=False), self._cells, max)
        most = max((depth for depth in found if depth), default=0.0)
        top = rounded_top(max(1.0, most))
        build = STAGE_STYLES[Stage.FOREMAN_BUILD]
        drawn = area(self._area, found, rows, top, style=build, zero=RULE, shade=self._shade, shaded=SHADE)
        legend = [
            self._figure("ready", f"{meters.lane.depth:>3,}", most=f"{most:,.0f}"),
            self._figure("left to write", f"{forecast.writes_left:,}"),
        ]
        if forecast.written_at is not None and forecast.writes_left:
            at = self._rollout.time.clock(forecast.written_at, forecast.at)
            legend.append(self._figure("final write about" if len(at) <= _CLOCK else "final write", at))
        return _axis_labels(rows, f"{top:,}", f"{top / 2:g}", "0"), drawn, legend

    def _rate(self, rows: int) -> tuple[Sequence[str], Sequence[Text], Sequence[Text]]:
        """Writes that were applied, of each column a minute of rollout time; and how long nobody might write."""
        counts, minutes = self._counts, self._axis.seconds(self._rollout) / self._cells / 60
        rates: list[Value] = []
        for before, after in zip([None, *counts[:-1]], counts, strict=True):
            rates.append(None if before is None or after is None else (after.writes - before.writes) / minutes)
        known = [rate for rate in rates if rate is not None]
        top = rounded_top(max(known, default=1.0) or 1.0)
        per = PER_CELL[self._symbols.graphs]
        curve = [(tuple(rate for rate in rates for _ in range(per)), STAGE_STYLES[Stage.FOREMAN_BUILD])]
        drawn = points(self._symbols.graphs, curve, rows, 0.0, top, linear=True, shade=self._shade, shaded=SHADE)
        first = next((column for column in counts if column is not None), self._newest)
        written = self._newest.writes - first.writes
        busy = [place for place, rate in enumerate(rates) if rate]
        average = written / ((busy[-1] - busy[0] + 1) * minutes) if busy else 0.0
        legend = [self._figure("written", f"{written:,}"), self._figure("on average", f"{average:.1f}")]
        legend.append(self._figure("blocked", duration(self._blocked_seconds()) if any(self._shade) else "none"))
        return _axis_labels(rows, f"{top:,}", f"{top / 2:g}", "0"), drawn, legend

    def _blocked_seconds(self) -> float:
        """Rollout seconds of the time that is shown."""
        meters = self._meters
        seconds = sum(meters.blocked_whole) if self._whole else sum(list(meters.lane_blocked)[-self._seconds :])
        return seconds * self._rollout.speed

    # Latencies

    def _service(self, title: str, meters: Sequence[tuple[str, Meter]]) -> _Panel:
        """p50 and p95 of one meter, or the medians of two."""
        found = [(name, meter, meter.over(self._seconds)) for name, meter in meters]
        errors = sum(window.errors for _, _, window in found)
        right = Text().append(f"{errors:,} requests failed" if errors else "all answered", STRONG if errors else QUIET)
        note = f"{'median ' if len(found) > 1 else ''}latency, logarithmic"

        def draw(rows: int) -> tuple[Sequence[str], Sequence[Text], Sequence[Text]]:
            return self._latencies(found, rows)

        return self._panel(title, note, draw, right=right)

    def _latencies(
        self, found: Sequence[tuple[str, Meter, Window]], rows: int
    ) -> tuple[Sequence[str], Sequence[Text], Sequence[Text]]:
        if len(found) == 1:
            ((_, meter, window),) = found
            curves = list(zip(self._curves(meter), (QUIET, STRONG), strict=True))
            legend = [self._latency("p95", window.p95, window, STRONG), self._latency("median", window.p50, window, QUIET)]
            legend += [self._figure("in Foreman itself", latency(meter.work), style=QUIET)] if meter.work else []
            legend.append(self._figure("requests", f"{window.exchanges:,}", style=QUIET))
        else:
            styles = (QUIET, STRONG)
            curves = [(self._curves(meter)[0], style) for (_, meter, _), style in zip(found, styles, strict=True)]
            legend = [
                self._latency(name, window.p50, window, style)
                for (name, _, window), style in reversed(list(zip(found, styles, strict=True)))
            ]
        low, high = decades([value for curve, _ in curves for value in curve if value])
        drawn = points(self._symbols.graphs, curves, rows, low, high, shade=self._shade, shaded=SHADE)
        return _decade_labels(low, high, rows), drawn, legend

    def _latency(self, words: str, seconds: float, window: Window, style: str) -> Text:
        key = {"braille": "⠒⠒", "block": "▪▪", "ascii": ".."}[self._symbols.graphs]
        return self._figure(words, latency(seconds) if window.exchanges else "none", key=(key, style), style=style)

    def _curves(self, meter: Meter) -> tuple[list[Value], list[Value]]:
        """p50 and p95. A column of several points is as these merged (MeterPoint.merged); a time without a request is a gap."""
        exchanges, weighed, worst = [0] * self._dots, [0.0] * self._dots, [0.0] * self._dots
        for columns, (p50, p95, count, *_) in zip(self._dot_places, meter.whole if self._whole else meter.points, strict=False):
            if count:
                for column in columns:
                    exchanges[column] += count
                    weighed[column] += p50 * count
                    worst[column] = max(worst[column], p95)
        middle: list[Value] = [total / count if count else None for total, count in zip(weighed, exchanges, strict=True)]
        return middle, [p95 if count else None for p95, count in zip(worst, exchanges, strict=True)]


def _decade_labels(low: float, high: float, rows: int) -> list[str]:
    """Each power of ten at its row, where there is room; the top and the bottom first."""
    labels = [""] * rows
    decade, found = low, []
    while decade < high * 0.99:
        found.append(decade)
        decade *= 10
    labels[0] = decade_words(high)
    if rows > 1:
        labels[-1] = decade_words(low)
    for place, value in enumerate(found):
        row = rows - 1 - int(place / len(found) * rows)
        if not labels[row] and not (labels[row - 1] or labels[min(rows - 1, row + 1)]):
            labels[row] = decade_words(value)
    return labels
