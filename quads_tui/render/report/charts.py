"""Charts as inline SVG: colours and fonts come from the page's style, so that they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..progress import clock_text
from .escape import html

LEFT, RIGHT, TOP, BOTTOM = 52.0, 12.0, 10.0, 24.0  # room for labels round the plot
_STEPS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)  # own seconds between two times on the axis


@dataclass(frozen=True, slots=True)
class Curve:
    """`colour` is a class of the page's style. `points` are (own seconds, value), ascending; `steps` hold until the next."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]
    steps: bool = False
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a row: own seconds."""

    began: float
    ended: float


def curves(
    label: str,
    drawn: Sequence[Curve],
    *,
    until: float,
    unit: Callable[[float], str],
    marks: Sequence[float] = (),
    size: tuple[float, float],
    least: float = 0.0,
) -> str:
    """Curves over own time. `label` is for those who cannot see it, `marks` are times of resumes, `least` is its least top.

    Raises ValueError for a value that is not finite.
    """
    top = max(least, *(value for curve in drawn for _, value in curve.points), 0.0) or 1.0
    ticks = nice(top)
    frame = _Frame(size, until, ticks[-1])
    parts = [_open(label, size)]
    for value in ticks:
        y = frame.y(value)
        parts.append(f'<path class="grid" d="M{LEFT:g} {y:.1f}H{size[0] - RIGHT:g}"/>')
        parts.append(f'<text class="axis" x="{LEFT - 6:g}" y="{y + 4:.1f}" text-anchor="end">{html(unit(value))}</text>')
    parts += _times(frame)
    for curve in drawn:
        line = _line(curve, frame)
        if line and curve.filled:
            parts.append(f'<path class="{curve.colour} area" d="{line}V{frame.y(0):.1f}H{frame.x(curve.points[0][0]):.1f}Z"/>')
        if line:
            parts.append(f'<path class="{curve.colour} line" d="{line}"/>')
    return "".join([*parts, *_marks(frame, marks), "</svg>"])


def rows(
    label: str, bars: Mapping[str, Sequence[tuple[int, Bar]]], count: int, *, until: float, marks: Sequence[float] = ()
) -> str:
    """A thin row for each of `count` things; `bars` are by their colour, each with the number of its row."""
    height = max(0.8, min(12.0, 560.0 / max(1, count)))
    size = (1160.0, TOP + BOTTOM + height * count)
    frame = _Frame(size, until, 1.0)
    parts = [_open(label, size), *_times(frame)]
    for colour, placed in bars.items():
        path = "".join(
            f"M{frame.x(bar.began):.1f} {TOP + (row + 0.5) * height:.1f}h{max(0.3, frame.x(bar.ended) - frame.x(bar.began)):.1f}"
            for row, bar in placed
        )
        if path:
            parts.append(f'<path class="{colour} bar" stroke-width="{height * 0.8 if height > 3 else height:.1f}" d="{path}"/>')
    return "".join([*parts, *_marks(frame, marks), "</svg>"])


def nice(top: float) -> list[float]:
    """Round values from 0 to at least `top`, six at most. Raises ValueError for a top that is not finite."""
    if not math.isfinite(top):
        raise ValueError(f"{top} cannot be drawn")
    step = 10.0**-6
    while True:
        for factor in (1, 2, 5):
            if step * factor * 5 >= top:
                steps = -(-top // (step * factor))
                return [step * factor * index for index in range(int(steps) + 1)]
        step *= 10


class _Frame:
    def __init__(self, size: tuple[float, float], until: float, top: float) -> None:
        self.size, self.until, self._top = size, until or 1.0, top

    def x(self, own: float) -> float:
        return LEFT + min(1.0, own / self.until) * (self.size[0] - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return TOP + (1.0 - min(1.0, value / self._top)) * (self.size[1] - TOP - BOTTOM)


def _open(label: str, size: tuple[float, float]) -> str:
    return f'<svg viewBox="0 0 {size[0]:g} {size[1]:g}" role="img" aria-label="{html(label)}">'


def _times(frame: _Frame) -> list[str]:
    step = next((step for step in _STEPS if frame.until / step <= 8), None) or frame.until / 8
    floor = frame.size[1] - BOTTOM
    parts = []
    for index in range(int(frame.until / step) + 1):
        x, hour = frame.x(index * step), clock_text(index * step)[:-3]
        parts.append(f'<path class="grid" d="M{x:.1f} {TOP:g}V{floor:.1f}"/>')
        parts.append(f'<text class="axis" x="{x:.1f}" y="{floor + 16:.1f}" text-anchor="middle">{hour}</text>')
    return parts


def _marks(frame: _Frame, marks: Sequence[float]) -> list[str]:
    floor = frame.size[1] - BOTTOM
    parts = []
    for mark in marks:
        x = frame.x(mark)
        parts.append(f'<path class="resume" d="M{x:.1f} {TOP:g}V{floor:.1f}"/>')
        parts.append(f'<text class="axis" x="{x + 4:.1f}" y="{TOP + 10:g}">resumed</text>')
    return parts


def _line(curve: Curve, frame: _Frame) -> str:
    path, before = "", None
    for own, value in curve.points:
        x, y = f"{frame.x(own):.1f}", f"{frame.y(value):.1f}"
        if not path:
            path = f"M{x} {y}"
        elif curve.steps:
            path += f"H{x}" + (f"V{y}" if y != before else "")
        else:
            path += f"L{x} {y}"
        before = y
    if path and curve.steps:
        path += f"H{frame.x(frame.until):.1f}"
    return path
