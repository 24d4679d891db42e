"""Small graphs: braille with two points a cell, blocks, or ASCII."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_LEFT = (0x00, 0x40, 0x44, 0x46, 0x47)  # dots of the left column, from none to four, filled from below
_RIGHT = (0x00, 0x80, 0xA0, 0xB0, 0xB8)
_SIDES = ((_LEFT, (0x40, 0x04, 0x02, 0x01)), (_RIGHT, (0x80, 0x20, 0x10, 0x08)))  # filled, and single dots from below
_BLOCKS = " ▁▂▃▄▅▆▇█"
_ASCII = " .:#"
PER_CELL = {"braille": 2, "block": 1, "ascii": 1}
"""Points that a cell of a graph shows, by the kind of its symbols."""


def graph(kind: str, values: Sequence[float], width: int, height: int, above: Sequence[float] = ()) -> list[str]:
    """The newest values as `height` lines of `width` cells, newest right, scaled to the maximum of both.

    `values` are filled from below; `above` (as many, or none) are marks over them: p50 and p95 in one picture.
    """
    if kind == "braille":
        return braille(values, width, height, above)
    steps = _BLOCKS if kind == "block" else _ASCII
    filled, marks = _newest(values, width), _newest(above, width)
    levels, points = _levels(filled, marks, height * (len(steps) - 1))
    lines = []
    for row in range(height - 1, -1, -1):
        base = row * (len(steps) - 1)
        cells = []
        for level, point in zip(levels, points, strict=True):
            cell = steps[min(len(steps) - 1, max(0, level - base))]
            cells.append("'" if cell == " " and base < point <= base + len(steps) - 1 else cell)
        lines.append("".join(cells))
    return lines


def braille(values: Sequence[float], width: int, height: int, above: Sequence[float] = ()) -> list[str]:
    """As `graph`, with twice as many points across and four times as many up."""
    levels, points = _levels(_newest(values, 2 * width), _newest(above, 2 * width), height * 4)
    lines = []
    for row in range(height - 1, -1, -1):
        cells = []
        for column in range(width):
            cell = 0x2800
            for side, (bars, single) in enumerate(_SIDES):
                level, point = levels[2 * column + side] - row * 4, points[2 * column + side] - row * 4
                cell |= bars[min(4, max(0, level))] | (single[point - 1] if 1 <= point <= 4 else 0)
            cells.append(chr(cell))
        lines.append("".join(cells))
    return lines


def _levels(filled: Sequence[float], marks: Sequence[float], steps: int) -> tuple[list[int], list[int]]:
    top = max(*filled, *marks) or 1.0

    def level(value: float) -> int:
        return 0 if value <= 0 else max(1, round(value / top * steps))

    return [level(value) for value in filled], [level(value) for value in marks]


def _newest(values: Sequence[float], count: int) -> list[float]:
    shown = list(values)[-count:]
    return [0.0] * (count - len(shown)) + shown


def squeezed(values: Sequence[float], count: int) -> list[float]:
    """At most `count` values: neighbours are told by the highest of them, so that no peak is lost."""
    size = -(-len(values) // count) if count else 1
    return list(values) if size <= 1 else [max(values[start : start + size]) for start in range(0, len(values), size)]


def held(points: Iterable[float]) -> list[float]:
    """Seconds without an exchange show the value before them: a gap would read as fast."""
    last, values = 0.0, []
    for point in points:
        last = point or last
        values.append(last)
    return values
