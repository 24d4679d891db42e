"""The graphs of the services and of the write lane: four boxes side by side, or four over one another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from rich.text import Text

from quads_tui.rollout.metrics import Meter, Meters

from .graphs import PER_CELL, graph, held, milliseconds, squeezed
from .host_row import cut
from .overview import lane_words
from .palette import STRONG
from .progress import clock_text
from .symbols import BRAILLE, Symbols

WINDOWS = {"5 min": 300, "30 min": 1800, "whole run": 0}
"""Real seconds that a graph shows; 0: all there is."""


def small(meters: Meters, now: float, width: int, height: int, lane: str = "", symbols: Symbols = BRAILLE) -> list[Text]:
    """Four boxes side by side, of the newest seconds. `now` is own time; `lane`: the forecast of the lane in words."""
    inner = width // 4 - 2
    rows = height - 3
    count = PER_CELL[symbols.graphs] * inner
    boxes = []
    for title, meter in _services(meters):
        newest = list(islice(reversed(meter.points), count))[::-1]
        lines = graph(symbols.graphs, held(p.p50 for p in newest), inner, rows, held(p.p95 for p in newest))
        boxes.append(_box(title, lines, _foot(meter, inner), inner, symbols))
    depths = list(islice(reversed(meters.lane_depths), count))[::-1]
    lines = graph(symbols.graphs, depths, inner, rows)
    boxes.append(
        _box(f"Foreman write queue, {meters.lane.width} wide", lines, _lane_foot(meters, now, lane, inner), inner, symbols)
    )
    return [Text(cut("".join(box[row] for box in boxes), width)) for row in range(height)]


def large(
    meters: Meters, now: float, width: int, height: int, window: str, lane: str = "", symbols: Symbols = BRAILLE
) -> list[Text]:
    """The same four over one another, over one of WINDOWS."""
    seconds = WINDOWS[window]
    inner = width - 2
    count = PER_CELL[symbols.graphs] * inner
    head = Text(cut(f" Latencies and the write lane: {window}   t window   b symbols   esc back", width), STRONG)
    rows, extra = divmod(max(8, height - 1), 4)
    lines = [head]
    for number, (title, meter) in enumerate(_services(meters)):
        points = list(islice(reversed(meter.points), seconds))[::-1] if seconds else list(meter.whole)
        p50, p95 = (squeezed(held(values), count) for values in ((p.p50 for p in points), (p.p95 for p in points)))
        drawn = graph(symbols.graphs, p50, inner, rows - 3 + (number < extra), p95)
        errors = sum(point.errors for point in points)
        lines += _texts(_box(f"{title}, {errors} errors here", drawn, _foot(meter, inner), inner, symbols), width)
    depths = list(islice(reversed(meters.lane_depths), seconds))[::-1] if seconds else list(meters.lane_whole)
    drawn = graph(symbols.graphs, squeezed(depths, count), inner, rows - 3)
    title = f"Foreman write queue, {meters.lane.width} wide, at most {max(depths, default=0):.0f} deep here"
    lines += _texts(_box(title, drawn, _lane_foot(meters, now, lane, inner), inner, symbols), width)
    return lines[:height]


def _services(meters: Meters) -> Sequence[tuple[str, Meter]]:
    return (
        ("Redfish p50/p95", meters.redfish),
        ("Foreman reads", meters.foreman_reads),
        ("Foreman writes", meters.foreman_writes),
    )


def _foot(meter: Meter, width: int) -> str:
    """As much as goes in: p50 and p95, errors, Foreman's own work (what is above it is queueing and the wire), requests."""
    parts = [f"{milliseconds(meter.p50)} / {milliseconds(meter.p95)}", f"err {meter.errors}"]
    parts += [f"work {milliseconds(meter.work)}"] if meter.work else []
    return _fitting([*parts, f"n {meter.total}"], width)


def _lane_foot(meters: Meters, now: float, lane: str, width: int) -> str:
    """As much as goes in: depth, when it is empty, how quick it is, the age of its head, what is in flight and for how long."""
    state = meters.lane
    if state.shut:
        return lane_words(state)
    parts = [f"lane {state.depth}", *lane.split(", ")]
    parts += [f"head {clock_text(state.head_age)}"] if state.head else []
    parts += [
        f"{flight.act} of {flight.host.partition('.')[0]} {max(0.0, now - flight.since):.0f}s" for flight in state.in_flight
    ]
    return _fitting(parts, width)


def _fitting(parts: Sequence[str], width: int) -> str:
    """The first of them, whole."""
    foot = ""
    for part in filter(None, parts):
        if len(foot) + len(part) + 2 > width:
            break
        foot += f"  {part}" if foot else part
    return foot


def _box(title: str, lines: list[str], foot: str, inner: int, symbols: Symbols) -> list[str]:
    top_left, top_right, low_left, low_right, line, side = symbols.box
    head = cut(f" {title} ", min(inner, len(title) + 2))
    return [
        f"{top_left}{head}{line * (inner - len(head))}{top_right}",
        *(f"{side}{row}{side}" for row in lines),
        f"{side}{cut(foot, inner)}{side}",
        f"{low_left}{line * inner}{low_right}",
    ]


def _texts(lines: list[str], width: int) -> list[Text]:
    return [Text(cut(line, width)) for line in lines]
