"""Curves in cells: an area with its edge, and points on a logarithmic axis. A second without a value is a gap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log

from rich.text import Text

_SIDES = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))  # dots of the left and the right column, from below
_BLOCKS = " ▁▂▃▄▅▆▇█"
_ASCII = " .:#"
PER_CELL = {"braille": 2, "block": 1, "ascii": 1}
"""Points that a cell shows side by side, by the kind of its symbols."""

Value = float | None


def columns(values: Sequence[Value], seconds: int, count: int, merge: Callable[..., float] = max) -> list[Value]:
    """The newest `seconds` of values, one a second, as `count` columns, the newest at the right; None where nothing was."""
    newest = list(values)[-seconds:]
    padded = [None] * (seconds - len(newest)) + newest
    found: list[Value] = []
    for column in range(count):
        start = column * seconds // count
        part = [value for value in padded[start : max(start + 1, (column + 1) * seconds // count)] if value is not None]
        found.append(merge(part) if part else None)
    return found


def rounded_top(value: float) -> int:
    """The top of a linear axis: a round number that is not below the value."""
    for unit in (1, 10, 100, 1_000, 10_000, 100_000):
        for step in (1, 2, 4, 6, 8):
            if value <= step * unit:
                return step * unit
    return int(value) + 1


def area(
    kind: str,
    values: Sequence[Value],
    height: int,
    top: float,
    *,
    edge: str,
    below: str,
    shade: Sequence[bool] = (),
    shaded: str = "",
) -> list[Text]:
    """Filled from below up to each value, of a linear axis from 0 to `top`; the cell of the top has the style `edge`.

    `values`: PER_CELL[kind] to a cell. `shade`: a cell each, of those that get the style `shaded` as ground.
    """
    per, steps = PER_CELL[kind], 4 if kind == "braille" else len(_BLOCKS if kind == "block" else _ASCII) - 1
    levels = [0 if not value else max(1, round(min(value, top) / top * steps * height)) for value in values]
    lines = []
    for row in range(height - 1, -1, -1):
        line = Text()
        for cell in range(len(levels) // per):
            part = [level - row * steps for level in levels[per * cell : per * (cell + 1)]]
            style = edge if any(0 < level <= steps for level in part) else below
            line.append(_filled(kind, part), style)
            if cell < len(shade) and shade[cell]:
                line.stylize(shaded, cell, cell + 1)
        lines.append(line)
    return lines


def _filled(kind: str, levels: Sequence[int]) -> str:
    if kind != "braille":
        steps = _BLOCKS if kind == "block" else _ASCII
        return steps[min(len(steps) - 1, max(0, levels[0]))]
    dots = 0x2800
    for side, level in zip(_SIDES, levels, strict=True):
        for dot in side[: min(4, max(0, level))]:
            dots |= dot
    return chr(dots)


def points(kind: str, curves: Sequence[tuple[Sequence[Value], str]], height: int, low: float, high: float) -> list[Text]:
    """Points of several curves on a logarithmic axis from `low` to `high`; the last curve is drawn over the others.

    What is above the top is marked in the top row. Each curve has its style; PER_CELL[kind] values to a cell.
    """
    per, steps = PER_CELL[kind], 4 if kind == "braille" else 1
    cells = len(curves[0][0]) // per if curves else 0
    rows = [[(" ", "") for _ in range(cells)] for _ in range(height)]
    dots: dict[tuple[int, int], int] = {}
    for values, style in curves:
        for place, value in enumerate(values[: cells * per]):
            if not value:
                continue
            share = log(max(value, low) / low) / log(high / low)
            step = min(height * steps - 1, int(share * height * steps))
            row, cell = height - 1 - step // steps, place // per
            if value > high:
                rows[0][cell] = ("^" if kind == "ascii" else "▲", style)
            elif kind == "braille":
                dots[row, cell] = dots.get((row, cell), 0x2800) | _SIDES[place % per][step % steps]
                rows[row][cell] = (chr(dots[row, cell]), style)
            else:
                rows[row][cell] = ("." if kind == "ascii" else "▪", style)
    return [Text.assemble(*row) for row in rows]
