"""The graphs of the services and of the Foreman write queue: four boxes side by side, or four over one another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from rich.text import Text

from quads_tui.rollout.metrics import Meter, Meters

from .graphs import PER_CELL, graph, held, squeezed
from .host_row import cut
from .numbers import count as counted
from .numbers import duration, latency
from .overview import queue_words
from .palette import STRONG
from .symbols import BRAILLE, Symbols

WINDOWS = {"5 min": 300, "30 min": 1800, "whole run": 0}
"""Real seconds that a graph shows; 0: all there is."""


def small(meters: Meters, now: float, width: int, height: int, lane: str = "", symbols: Symbols = BRAILLE) -> list[Text]:
    """Four boxes side by side, five with IPMI, of the newest seconds. `now` is rollout time; `lane`: forecast of the queue."""
    services = _services(meters)
    inner = width // (len(services) + 1) - 2
    rows = height - 3
    count = PER_CELL[symbols.graphs] * inner
    boxes = []
    for title, meter in services:
        newest = list(islice(reversed(meter.points), count))[::-1]
        lines = graph(symbols.graphs, held(p.p50 for p in newest), inner, rows, held(p.p95 for p in newest))
        errors = counted(meter.errors, "error")
        boxes.append(_box(title, lines, _foot(meter, (f"{errors} since start", errors), inner), inner, symbols))
    depths = list(islice(reversed(meters.lane_depths), count))[::-1]
    lines = graph(symbols.graphs, depths, inner, rows)
    boxes.append(_box(f"Write queue, {meters.lane.width} at a time", lines, _lane_foot(meters, now, lane, inner), inner, symbols))
    return [Text(cut("".join(box[row] for box in boxes), width)) for row in range(height)]


def large(
    meters: Meters, now: float, width: int, height: int, window: str, lane: str = "", symbols: Symbols = BRAILLE
) -> list[Text]:
    """The same over one another, over one of WINDOWS."""
    seconds = WINDOWS[window]
    inner = width - 2
    count = PER_CELL[symbols.graphs] * inner
    head = Text(cut(f" Latencies and the Foreman write queue: {window}   t window   b symbols   esc back", width), STRONG)
    services = _services(meters)
    rows, extra = divmod(max(8, height - 1), len(services) + 1)
    lines = [head]
    for number, (title, meter) in enumerate(services):
        points = list(islice(reversed(meter.points), seconds))[::-1] if seconds else list(meter.whole)
        p50, p95 = (squeezed(held(values), count) for values in ((p.p50 for p in points), (p.p95 for p in points)))
        drawn = graph(symbols.graphs, p50, inner, rows - 3 + (number < extra), p95)
        errors = f"{counted(sum(point.errors for point in points), 'error')} in this window"
        lines += _texts(_box(title, drawn, _foot(meter, (errors,), inner), inner, symbols), width)
    depths = list(islice(reversed(meters.lane_depths), seconds))[::-1] if seconds else list(meters.lane_whole)
    drawn = graph(symbols.graphs, squeezed(depths, count), inner, rows - 3)
    most = f"most hosts ready in this window: {max(depths, default=0):.0f}"
    title = f"Foreman write queue, {meters.lane.width} at a time, {most}"
    lines += _texts(_box(title, drawn, _lane_foot(meters, now, lane, inner), inner, symbols), width)
    return lines[:height]


def _services(meters: Meters) -> Sequence[tuple[str, Meter]]:
    return (
        *((("Redfish p50/p95", meters.redfish),) if meters.redfish.total or not meters.ipmi.total else ()),
        *((("IPMI p50/p95", meters.ipmi),) if meters.ipmi.total else ()),
        ("Foreman reads", meters.foreman_reads),
        ("Foreman writes", meters.foreman_writes),
    )


def _foot(meter: Meter, errors: Sequence[str], width: int) -> str:
    """As much as goes in: p50 and p95, errors (the longest way first), Foreman's own time (what is above it is queueing and the
    wire), requests.
    """
    parts = [(f"{latency(meter.p50)} / {latency(meter.p95)}",), errors]
    parts += [(f"Foreman's own time {latency(meter.work)}",)] if meter.work else []
    return _fitting([*parts, (f"{counted(meter.total, 'request')} since start",)], width)


def _lane_foot(meters: Meters, now: float, lane: str, width: int) -> str:
    """As much as goes in: ready, left, until when and how quick, how long the next one has waited, what is being written."""
    state = meters.lane
    if state.shut:
        return queue_words(state)
    parts = [f"{state.depth} ready", *lane.split(", ")]
    parts += [f"next waits {duration(state.head_age)}"] if state.head else []
    parts += [f"writing {flight.host.partition('.')[0]} {max(0.0, now - flight.since):.0f} s" for flight in state.in_flight]
    return _fitting([(part,) for part in parts], width)


def _fitting(parts: Sequence[Sequence[str]], width: int) -> str:
    """The first of them, whole; each is the first of its ways that fits."""
    foot = ""
    for ways in parts:
        between = "  " if foot else ""
        part = next((way for way in ways if len(foot) + len(between) + len(way) <= width), None)
        if part is None:
            break
        foot += between + part if part else ""
    return foot


def _box(title: str, lines: list[str], foot: str, inner: int, symbols: Symbols) -> list[str]:
    top_left, top_right, low_left, low_right, line, side = symbols.box
    head = cut(f" {title} ", min(inner, len(title) + 2), symbols.ellipsis)
    return [
        f"{top_left}{head}{line * (inner - len(head))}{top_right}",
        *(f"{side}{row}{side}" for row in lines),
        f"{side}{cut(foot, inner, symbols.ellipsis)}{side}",
        f"{low_left}{line * inner}{low_right}",
    ]


def _texts(lines: list[str], width: int) -> list[Text]:
    return [Text(cut(line, width)) for line in lines]
