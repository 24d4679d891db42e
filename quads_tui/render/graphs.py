"""Small graphs in braille, two points a cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_LEFT = (0x00, 0x40, 0x44, 0x46, 0x47)  # dots of the left column, from none to four, filled from below
_RIGHT = (0x00, 0x80, 0xA0, 0xB0, 0xB8)


def braille(values: Sequence[float], width: int, height: int) -> list[str]:
    """The newest 2 x width values as `height` lines of `width` cells, newest right, scaled to their maximum."""
    shown = list(values)[-2 * width :]
    shown = [0.0] * (2 * width - len(shown)) + shown
    top = max(shown) or 1.0
    levels = [0 if value <= 0 else max(1, round(value / top * height * 4)) for value in shown]
    lines = []
    for row in range(height - 1, -1, -1):
        cells = []
        for column in range(width):
            left, right = (min(4, max(0, level - row * 4)) for level in levels[2 * column : 2 * column + 2])
            cells.append(chr(0x2800 + _LEFT[left] + _RIGHT[right]))
        lines.append("".join(cells))
    return lines


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
