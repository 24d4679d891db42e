"""The boxes over the table: what limits the rollout now (Foreman writes, then installs), and how quick the services are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil, log10
from typing import NamedTuple

from rich.text import Text

from quads_tui.rollout.forecast import Forecast
from quads_tui.rollout.metrics import Meter, MeterPoint, Meters, Window
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import Rollout

from .line import fitted
from .names import brief
from .numbers import count as counted
from .numbers import duration, latency
from .palette import BAD, OVERDUE, QUIET, RULE, SHADE, STAGE_STYLES, STRONG, STYLES
from .plot import PER_CELL, area, columns, points, rounded_top
from .symbols import BRAILLE, Symbols

_GAP = "   "
_LABEL = 9  # cells of the labels within a box
_WORDS = 36  # cells of a box of latencies from which on it has room for whole words
_QUEUE, LATENCIES = 1800, 300  # rollout seconds that the graphs show, where that many columns are not more
_RECENT = 0.15  # of that time: what was used in it is used at present
_LEAST = 20  # real seconds that they show, also in the first of them


def box(title: Text, state: Text, lines: Sequence[Text], foot: tuple[str, str, str], width: int, symbols: Symbols) -> list[Text]:
    """A frame with its title and state (right) in the upper border, and the time axis in the lower one: from, what, until."""
    top_left, top_right, low_left, low_right, line, side = symbols.box
    head = Text().append(f"{top_left}{line}", RULE).append(" ").append_text(title).append(" ")
    right = (
        Text(" ").append_text(state).append(" ").append(f"{line}{top_right}", RULE)
        if state.plain
        else Text(f"{line}{top_right}", RULE)
    )
    head.append(line * max(0, width - head.cell_len - right.cell_len), RULE)
    head.append_text(right)
    since, what, until = foot
    if what and sum(len(words) + 2 for words in foot if words) + 4 > width:
        what = ""  # whole or not at all
    low = (
        Text()
        .append(f"{low_left}{line}", RULE)
        .append(f" {since} " if since else "", QUIET)
        .append(f" {what} " if what else "", QUIET)
    )
    end = Text(f" {until} " if until else "", QUIET).append(f"{line}{low_right}", RULE)
    low.append(line * max(0, width - low.cell_len - end.cell_len), RULE).append_text(end)
    body = [
        Text().append(side, RULE).append_text(fitted(one, width - 2, ellipsis=symbols.ellipsis)).append(side, RULE)
        for one in lines
    ]
    return [fitted(head, width, ellipsis=symbols.ellipsis), *body, fitted(low, width, ellipsis=symbols.ellipsis)]


def rows_of(width: int, height: int) -> int:
    """Of the boxes on a screen of this size; 2: there is only room for their figures."""
    return 2 if width < 100 or height < 34 else 9 if height >= 52 else 7


def beside(boxes: Sequence[Sequence[Text]]) -> list[Text]:
    """Boxes of the same height, side by side."""
    return [Text.assemble(*(one[row] for one in boxes)) for row in range(len(boxes[0]))]


def _labelled(label: str, *parts: tuple[str, str]) -> Text:
    line = Text().append(f" {label:<{_LABEL}}", QUIET)
    for words, style in parts:
        line.append(words, style)
    return line


class Span(NamedTuple):
    """The time that a graph shows, in real seconds."""

    seconds: int
    since: str  # the words of its axis

    @classmethod
    def of(cls, speed: float, columns: int, wanted: int, kept: int) -> Span:
        """`wanted` rollout seconds; more where the graph has more columns than that has real seconds, but never much more than
        the `kept` ones of which there is a value."""
        seconds = min(max(columns, round(wanted / speed)), max(kept, _LEAST))
        return cls(seconds, ago(seconds * speed))


def ago(seconds: float) -> str:
    """The words at the beginning of a time axis that ends now."""
    return f"{duration(seconds)} ago"


# The write queue, while writes are left


def queue_box(
    rollout: Rollout,
    meters: Meters,
    forecast: Forecast,
    *,
    own: float,
    width: int,
    height: int,
    symbols: Symbols = BRAILLE,
) -> list[Text]:
    """What Foreman is writing, who is next, how quick it is and until when. `own`: now, by the rollout's own clock."""
    lane, left = meters.lane, hosts_left(rollout, forecast)
    state = Text().append(f"{lane.depth:,}", STRONG).append(" ready, ").append(f"{left:,}", STRONG).append(" left to write")
    lines = [_writing(rollout, meters, own, width - 2), _next(meters, width - 2), _rate(rollout, meters, forecast, width - 2)]
    per = PER_CELL[symbols.graphs]
    rows, cells = height - 2 - len(lines), width - 9
    span = Span.of(rollout.speed, per * cells, _QUEUE, len(meters.lane_depths))
    depths = columns(meters.lane_depths, span.seconds, per * cells)
    blocked = [bool(value) for value in columns(meters.lane_blocked, span.seconds, cells)]
    top = rounded_top(max((value for value in depths if value), default=1.0))
    drawn = area(
        symbols.graphs,
        depths,
        rows,
        top,
        style=STAGE_STYLES[Stage.FOREMAN_BUILD],
        shade=blocked,
        shaded=SHADE,
    )
    lines += _with_axis(drawn, f"{top:,}", "0", 5, symbols)
    what = "hosts ready; shaded: writes blocked" if any(blocked) else "hosts ready for their write"
    return box(Text("Foreman write queue", STRONG), state, lines, (span.since, what, "now"), width, symbols)


def _with_axis(drawn: Sequence[Text], top: str, bottom: str, width: int, symbols: Symbols) -> list[Text]:
    """With the labels of its y axis at the left: of the first row and of the last."""
    labels = [top, *[""] * (len(drawn) - 2), bottom] if len(drawn) > 1 else [top][: len(drawn)]
    return [
        Text().append(f"{label:>{width}}", QUIET).append(symbols.tick if label else symbols.box[-1], RULE).append_text(row)
        for label, row in zip(labels, drawn, strict=True)
    ]


def _writing(rollout: Rollout, meters: Meters, own: float, room: int) -> Text:
    lane = meters.lane
    if lane.shut:
        return _labelled("blocked", (lane.shut, BAD))
    if lane.paused:
        return _labelled("paused", (rollout.paused.get("writes", "by the operator"), STRONG))
    if not lane.in_flight:
        return _labelled("writing", (lane.elsewhere or "nothing", QUIET))
    flight = lane.in_flight[0]
    usual = rollout.durations.write
    parts = [
        (_short(flight.host), STAGE_STYLES[Stage.FOREMAN_BUILD]),
        (f"{_GAP}{duration(max(0.0, own - flight.since))}", STRONG),
    ]
    more = f"; and {counted(len(lane.in_flight) - 1, 'more host')}" if len(lane.in_flight) > 1 else ""
    time = latency(usual.quantile(0.5)) if len(usual) else ""
    whole, known = (f"; a write usually takes {time}", f", usually {time}") if time else ("", "")
    ways = (
        f" so far{whole} (last {counted(len(usual), 'write')})" if time else " so far",
        f" so far{whole}",
        f" so far{known}",
        known,
    )
    for words in ways:
        line = _labelled("writing", *parts, (words, QUIET), (more, QUIET))
        if line.cell_len <= room:
            break
    return line


def _next(meters: Meters, width: int) -> Text:
    names = [_short(name) for name, _ in sorted(meters.lane.places.items(), key=lambda item: item[1])]
    if not names:
        return _labelled(
            "next", (_short(meters.lane.head) or "no host is ready for its write", "" if meters.lane.head else QUIET)
        )
    shown: list[str] = []
    for name in names:
        name = brief(name)
        if _LABEL + sum(len(one) + 2 for one in [*shown, name]) + len("and 999 more") > width:
            break
        shown.append(name)
    more = len(names) - len(shown)
    return _labelled("next", ("  ".join(shown), ""), (f"  and {more} more" if more else "", QUIET))


def _rate(rollout: Rollout, meters: Meters, forecast: Forecast, room: int) -> Text:
    rate = forecast.writes_per_minute
    share, seconds = meters.idle
    idle = f", Foreman idle {100 * share:.0f} %" if seconds > 1 else ""
    over = f"{idle} of the last {duration(seconds * rollout.speed)}" if idle else ""
    last = "" if forecast.written_at is None else rollout.time.clock(forecast.written_at, forecast.at)
    of = f" on average of the last {counted(len(rollout.durations.between), 'write')}"
    line = Text()
    for pace, words, free in (
        (" a minute", of, over),
        (" a minute", of, idle),
        (" a minute", of, ""),
        (" a minute", " on average", ""),
        ("/min", " on average", ""),
        ("/min", "", ""),
    ):
        known = [(f"{rate:.1f}", STRONG), (pace, ""), (words, QUIET)] if rate else [("rate not known yet", QUIET)]
        end = [(", until about ", QUIET), (last, STRONG)] if last else []
        line = _labelled("writes", *known, (free, QUIET), *end)
        if line.cell_len < room:  # a blank before the frame
            break
    return line


def hosts_left(rollout: Rollout, forecast: Forecast) -> int:
    """Hosts that are not yet written, as the counts of the stages have them at this moment: their sum up to Build."""
    if not forecast.writes_left or Kind.SPARE in rollout.plan.kinds:  # hosts that are only powered off are never written
        return forecast.writes_left
    before = sum(rollout.at_stage[stage] for stage in Stage if stage.is_before_write or stage is Stage.FOREMAN_BUILD)
    return rollout.counts[HostStatus.QUEUED] + before - len(forecast.late)


def writes_remain(rollout: Rollout, meters: Meters, forecast: Forecast) -> bool:
    """Something is still to be written, or is on its way; also before anything was."""
    lane = meters.lane
    return bool(forecast.writes_left or lane.depth or lane.in_flight or not rollout.durations.written)


# The installs, when all is written


def installs_box(
    rollout: Rollout, forecast: Forecast, *, now: float, width: int, height: int, symbols: Symbols = BRAILLE
) -> list[Text]:
    """How long installs take, which are overdue, how many hosts were done a minute. `now`: real time."""
    running = rollout.at_stage[Stage.INSTALL]
    state = Text().append(f"{running:,}", STRONG).append(" under way")
    if forecast.overdue:
        state.append(_GAP).append(f" {len(forecast.overdue)} overdue ", OVERDUE)
    lines = [_took(rollout), _overdue(rollout, forecast, now), _labelled("Foreman", ("nothing left to write", QUIET))]
    rows, cells = height - 2 - len(lines), width - 9
    count = PER_CELL[symbols.graphs] * cells
    minutes = min(count, max(_LEAST, int((now - rollout.started_at) * rollout.speed // 60) + 1))
    done = done_by_minute(rollout, now, minutes)
    top = rounded_top(max((value for value in done if value), default=1.0))
    style, shown = STYLES[HostStatus.DONE], columns(done, minutes, count)
    lines += _with_axis(area(symbols.graphs, shown, rows, top, style=style), f"{top:,}", "0", 5, symbols)
    foot = (ago(60 * minutes), "hosts done in each minute", "now")
    return box(Text("Installs", STRONG), state, lines, foot, width, symbols)


def done_by_minute(rollout: Rollout, now: float, minutes: int) -> list[float | None]:
    """Hosts that were done in each of the last so many minutes of rollout time; None before the start."""
    ended = [host for host in rollout.hosts.values() if host.status is HostStatus.DONE]
    ages = Counter(int((now - host.since) * rollout.speed // 60) for host in ended)
    run = (now - rollout.started_at) * rollout.speed // 60
    return [float(ages[age]) if age <= run else None for age in range(minutes - 1, -1, -1)]


def _took(rollout: Rollout) -> Text:
    samples = rollout.durations.samples(None, Stage.INSTALL)
    if not len(samples):
        return _labelled("usually", ("not known: no host is built yet", QUIET))
    return _labelled(
        "usually",
        (duration(samples.quantile(0.5)), STRONG),
        (f", 90 % within {duration(samples.quantile(0.9))}", QUIET),
        (f", slowest {duration(samples.quantile(1.0))}", QUIET),
    )


def _overdue(rollout: Rollout, forecast: Forecast, now: float) -> Text:
    if not forecast.overdue:
        return _labelled("overdue", ("none", QUIET))
    parts: list[tuple[str, str]] = []
    for one in forecast.overdue[:3]:
        began = rollout.durations.installing.get(one.name, rollout.hosts[one.name].since)
        parts += [(f"{_short(one.name)} ", ""), (f"{duration((now - began) * rollout.speed)}{_GAP}", STRONG)]
    more = len(forecast.overdue) - 3
    return _labelled("overdue", *parts, (f"and {more} more" if more > 0 else "", QUIET))


# Latencies


def latency_box(
    title: str,
    meters: Sequence[tuple[str, Meter]],
    *,
    speed: float,
    width: int,
    height: int,
    symbols: Symbols = BRAILLE,
) -> list[Text]:
    """How long one service takes to answer: p50 dim and p95 bright of one meter, or the medians of two (the first
    dim, the other bright), on a logarithmic axis, with the figures of the time that is shown.
    """
    per = PER_CELL[symbols.graphs]
    cells, rows = width - 9, height - 4
    kept = max(len(meter.points) for _, meter in meters)
    span = Span.of(speed, per * cells, LATENCIES, kept)
    found = [(name, meter, meter.over(span.seconds)) for name, meter in meters]
    if len(found) == 1:
        _, meter, window = found[0]
        curves = [(_curve(meter, "p50", span, per * cells), QUIET), (_curve(meter, "p95", span, per * cells), STRONG)]
        figures, work = _quantiles(window, width), meter.work
    else:
        curves = [
            (_curve(meter, "p50", span, per * cells), style) for (_, meter, _), style in zip(found, (QUIET, STRONG), strict=True)
        ]
        figures, work = _medians([(name, window, meter.over(ceil(_RECENT * span.seconds))) for name, meter, window in found]), 0.0
    low, high = decades([value for curve, _ in curves for value in curve if value])
    lines = [
        *_with_axis(points(symbols.graphs, curves, rows, low, high), decade_words(high), decade_words(low), 6, symbols),
        figures,
        _answered([window for _, _, window in found], work, width - 2),
    ]
    what = Text().append(f"{title} latency", STRONG).append(" (median)" if len(found) > 1 else "", QUIET)
    return box(what, Text(), lines, (span.since, "", "now"), width, symbols)


def _curve(meter: Meter, which: str, span: Span, count: int) -> list[float | None]:
    """A second without a request is a gap."""
    place, newest = MeterPoint._fields.index(which), list(meter.points)[-span.seconds :]
    return columns([point[place] if point.exchanges else None for point in newest], span.seconds, count)


def _quantiles(window: Window, width: int) -> Text:
    line = Text(" ")
    if not window.exchanges:
        return line
    first, second = ("95 % in", "half in") if width >= _WORDS else ("p95", "median")
    line.append(f"{first} ", QUIET).append(latency(window.p95), STRONG)
    return line.append(f", {second} {latency(window.p50)}", QUIET)


def _medians(found: Sequence[tuple[str, Window, Window]]) -> Text:
    """The bright curve first, each with its window and the newest part of it: what is not used at present has its name, since its
    curve is there, and no figure that could be taken for one of now."""
    line = Text(" ")
    for (name, window, recent), style in reversed(list(zip(found, ("", STRONG), strict=True))):
        if recent.exchanges:
            line.append(f"{name} ", QUIET).append(f"{latency(window.p50)}  ", style)
        elif window.exchanges:
            line.append(f"{name} idle  ", QUIET)
    line.rstrip()
    return line


def _answered(windows: Sequence[Window], work: float, room: int) -> Text:
    """How many requests ended without an answer (or with one of 500 and above); then what the server says it worked itself: the
    rest is queueing and the wire."""
    requests, errors = sum(window.exchanges for window in windows), sum(window.errors for window in windows)
    line = Text(" ")
    if not requests:
        return line.append("no requests in this time", QUIET)
    if errors:
        share = max(0.1, 100.0 * errors / requests)
        ways = [
            (f"{errors:,}", f" of {requests:,} requests failed"),
            (f"{share:.1f} %", " of requests failed"),
            (f"{errors:,}", " requests failed"),
        ]
        number, words = next((way for way in ways if line.cell_len + len("".join(way)) <= room), ways[-1])
        line.append(number, STRONG).append(words)
    else:
        line.append(f"all {requests:,} requests answered", QUIET)
    own = f"{_GAP}Foreman's own time {latency(work)}" if work else ""
    return line.append(own if line.cell_len + len(own) <= room else "", QUIET)


def decade_words(seconds: float) -> str:
    """A power of ten: 10 ms, 1 s, 1e4 s."""
    if seconds >= 10_000:
        return f"1e{round(log10(seconds))} s"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds * 1000:g} ms"


def decades(values: Sequence[float]) -> tuple[float, float]:
    """The powers of ten around the values, in seconds: at least one decade."""
    low, high = 0.001, 1.0
    if values:
        low = high = 1.0
        while low > max(min(values), 1e-5):
            low /= 10
        while low * 10 <= min(values):
            low *= 10
        while high < max(values):
            high *= 10
        while high / 10 >= max(values) and high / 10 > low:
            high /= 10
    return low, max(high, low * 10)


def _short(name: str) -> str:
    return name.partition(".")[0]


def bmc_curves(meters: Meters) -> tuple[str, list[tuple[str, Meter]]]:
    """Title and meters of the box of the BMCs: where IPMI was used, of both protocols."""
    if meters.ipmi.total:
        return "BMC", [("Redfish", meters.redfish), ("IPMI", meters.ipmi)]
    return "Redfish", [("", meters.redfish)]
