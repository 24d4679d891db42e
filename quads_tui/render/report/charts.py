"""Charts worked out as the shapes of an SVG: the template draws them, with colours and fonts of the page's style."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..numbers import duration

LEFT, RIGHT, TOP, BOTTOM = 64.0, 12.0, 10.0, 24.0  # room for labels round the plot
_STEPS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)  # rollout seconds between two times on the axis


@dataclass(frozen=True, slots=True)
class Curve:
    """`colour` is a class of the page's style. `points` are (rollout seconds, value), ascending; `steps` hold until the next."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]
    steps: bool = False
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a row: rollout seconds."""

    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Path:
    """`kind`: classes of the page's style. `width`: of its stroke, empty where the style says it."""

    kind: str
    data: str
    width: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    x: str
    y: str
    text: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Chart:
    """`label` is for those who cannot see it. Coordinates are text, rounded already."""

    label: str
    size: tuple[str, str]
    paths: Sequence[Path]
    labels: Sequence[Label]


def curves(
    label: str,
    drawn: Sequence[Curve],
    *,
    until: float,
    unit: Callable[[float], str],
    marks: Sequence[float] = (),
    size: tuple[float, float],
    least: float = 0.0,
) -> Chart:
    """Curves over rollout time. `marks` are times of resumes, `least` is its least top.

    Raises ValueError for a value that is not finite.
    """
    top = max(least, *(value for curve in drawn for _, value in curve.points), 0.0) or 1.0
    ticks = nice(top)
    frame = _Frame(size, until, ticks[-1])
    for value in ticks:
        y = frame.y(value)
        frame.paths.append(Path("grid", f"M{LEFT:g} {y:.1f}H{size[0] - RIGHT:g}"))
        frame.labels.append(Label(f"{LEFT - 6:g}", f"{y + 4:.1f}", unit(value), "end"))
    frame.times()
    for curve in drawn:
        line = _line(curve, frame)
        if line and curve.filled:
            area = f"{line}V{frame.y(0):.1f}H{frame.x(curve.points[0][0]):.1f}Z"
            frame.paths.append(Path(f"{curve.colour} area", area))
        if line:
            frame.paths.append(Path(f"{curve.colour} line", line))
    return frame.chart(label, marks)


def rows(
    label: str, bars: Mapping[str, Sequence[tuple[int, Bar]]], count: int, *, until: float, marks: Sequence[float] = ()
) -> Chart:
    """A thin row for each of `count` things; `bars` are by their colour, each with the number of its row."""
    height = max(0.8, min(12.0, 560.0 / max(1, count)))
    frame = _Frame((1160.0, TOP + BOTTOM + height * count), until, 1.0)
    frame.times()
    for colour, placed in bars.items():
        path = "".join(
            f"M{frame.x(bar.began):.1f} {TOP + (row + 0.5) * height:.1f}h{max(0.3, frame.x(bar.ended) - frame.x(bar.began)):.1f}"
            for row, bar in placed
        )
        if path:
            frame.paths.append(Path(f"{colour} bar", path, f"{height * 0.8 if height > 3 else height:.1f}"))
    return frame.chart(label, marks)


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
    """A plot's coordinates, and what stands in it so far."""

    def __init__(self, size: tuple[float, float], until: float, top: float) -> None:
        self.size, self.until, self._top = size, until or 1.0, top
        self.paths: list[Path] = []
        self.labels: list[Label] = []

    def x(self, seconds: float) -> float:
        return LEFT + min(1.0, seconds / self.until) * (self.size[0] - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return TOP + (1.0 - min(1.0, value / self._top)) * (self.size[1] - TOP - BOTTOM)

    def times(self) -> None:
        """The axis below."""
        step = next((step for step in _STEPS if self.until / step <= 8), None) or self.until / 8
        floor = self.size[1] - BOTTOM
        for index in range(int(self.until / step) + 1):
            x = f"{self.x(index * step):.1f}"
            self.paths.append(Path("grid", f"M{x} {TOP:g}V{floor:.1f}"))
            self.labels.append(Label(x, f"{floor + 16:.1f}", duration(index * step), "middle"))

    def chart(self, label: str, marks: Sequence[float]) -> Chart:
        for mark in marks:
            x = self.x(mark)
            self.paths.append(Path("resume", f"M{x:.1f} {TOP:g}V{self.size[1] - BOTTOM:.1f}"))
            self.labels.append(Label(f"{x + 4:.1f}", f"{TOP + 10:g}", "resumed"))
        return Chart(label, (f"{self.size[0]:g}", f"{self.size[1]:g}"), self.paths, self.labels)


def _line(curve: Curve, frame: _Frame) -> str:
    path, before = "", None
    for seconds, value in curve.points:
        x, y = f"{frame.x(seconds):.1f}", f"{frame.y(value):.1f}"
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
