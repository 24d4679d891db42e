"""Small graphs in braille, two points a cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_LEFT = (0x00, 0x40, 0x44, 0x46, 0x47)  # dots of the left column, from none to four, filled from below
_RIGHT = (0x00, 0x80, 0xA0, 0xB0, 0xB8)
_SIDES = ((_LEFT, (0x40, 0x04, 0x02, 0x01)), (_RIGHT, (0x80, 0x20, 0x10, 0x08)))  # filled, and single dots from below


def braille(values: Sequence[float], width: int, height: int, above: Sequence[float] = ()) -> list[str]:
    """The newest 2 x width values as `height` lines of `width` cells, newest right, scaled to the maximum.

    `values` are filled from below; `above` (as many, or none) are single dots over them: p50 and p95 in one picture.
    """
    filled, dots = _newest(values, 2 * width), _newest(above, 2 * width)
    top = max(*filled, *dots) or 1.0
    steps = height * 4
    levels = [0 if value <= 0 else max(1, round(value / top * steps)) for value in filled]
    points = [0 if value <= 0 else max(1, round(value / top * steps)) for value in dots]
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


def _newest(values: Sequence[float], count: int) -> list[float]:
    shown = list(values)[-count:]
    return [0.0] * (count - len(shown)) + shown


def milliseconds(seconds: float) -> str:
    """A latency in few characters: 45ms, 1.2s, 61s."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    return f"{seconds:.1f}s" if seconds < 10 else f"{seconds:.0f}s"


def held(points: Iterable[float]) -> list[float]:
    """Seconds without an exchange show the value before them: a gap would read as fast."""
    last, values = 0.0, []
    for point in points:
        last = point or last
        values.append(last)
    return values
