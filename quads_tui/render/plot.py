"""Curves in cells: areas, one with its edge or several on one another, and points. A time without a value is a gap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, groupby, pairwise
from math import ceil, inf, log
from operator import itemgetter
from typing import NamedTuple, TypeVar

from rich.text import Span, Text

_SIDES = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))  # dots of the left and the right column, from below
_BLOCKS = " ▁▂▃▄▅▆▇█"
_ASCII = " .:#"
PER_CELL = {"braille": 2, "block": 1, "ascii": 1}
"""Points that a cell shows side by side, by the kind of its symbols."""

Value = float | None
T = TypeVar("T")
Cell = tuple[str, str, str]  # glyph, style, ground: empty for none


class Layer(NamedTuple):
    """One of the areas that lie on one another. `style`: its ink; empty: it is seen by its ground alone."""

    style: str
    ground: str
    glyph: str  # where colours cannot tell the layers apart


def line_of(cells: Iterable[Cell]) -> Text:
    """One span for neighbours of the same style, and one for those of the same ground."""
    kept = list(cells)
    spans: list[Span] = []
    for place in (1, 2):
        start = 0
        for style, run in groupby(map(itemgetter(place), kept)):
            end = start + len(list(run))
            spans += [Span(start, end, style)] if style else []
            start = end
    return Text("".join([cell[0] for cell in kept]), spans=spans)


def places(spans: Iterable[tuple[float, float]], start: float, end: float, count: int) -> list[range]:
    """In which of `count` columns of the time from `start` to `end` each span of time lies."""
    width = (end - start) / count
    return [range(max(0, int((since - start) / width)), min(count, ceil((until - start) / width))) for since, until in spans]


def placed(values: Iterable[tuple[range, T]], count: int, merge: Callable[[T, T], T]) -> list[T | None]:
    """Values with the columns that they count for (`places`), as so many columns; None where nothing does."""
    found: list[T | None] = [None] * count
    for columns_of, value in values:
        for column in columns_of:
            before = found[column]
            found[column] = value if before is None else merge(before, value)
    return found


def stacked(
    layers: Sequence[Layer],
    columns: Sequence[Sequence[float] | None],
    height: int,
    top: float,
    *,
    blocks: bool = True,
    shade: Sequence[bool] = (),
    shaded: str = "",
) -> list[Text]:
    """The layers of each column on one another, the first at the bottom; one without a column of its own is a gap.

    What is there has an eighth of a cell at least. A cell shows two layers: one as a block, the next one as its ground. `blocks`:
    else by the glyphs of the layers, one to a cell.
    """
    rows: list[list[Cell]] = [[] for _ in range(height)]
    most = 8 * height
    known: dict[tuple[tuple[int, ...], str], list[Cell]] = {}  # most columns are like others
    for place, values in enumerate(columns):
        ground = shaded if place < len(shade) and shade[place] else ""
        levels = _levels(values or (), top, most)
        if (levels, ground) not in known:
            known[levels, ground] = [_cell(layers, levels, base, ground, blocks) for base in range(most - 8, -1, -8)]
        for row, cell in zip(rows, known[levels, ground], strict=True):
            row.append(cell)
    return [line_of(row) for row in rows]


def _levels(values: Sequence[float], top: float, most: int) -> tuple[int, ...]:
    """The upper edge of each layer, in eighths of a cell from below."""
    levels: list[int] = []
    under = 0
    for value, together in zip(values, accumulate(values), strict=True):
        under = max(under + (value > 0), round(min(together, top) / top * most)) if value > 0 else under
        levels.append(min(under, most))
    return tuple(levels)


def _cell(layers: Sequence[Layer], levels: tuple[int, ...], base: int, ground: str, blocks: bool) -> Cell:
    """The cell whose lower edge is `base` eighths from below."""
    inside = [(min(8, level - base), layer) for level, layer in zip(levels, layers, strict=False) if level > base]
    if not inside:
        return " ", "", ground
    if not blocks:
        middle = next((layer for eighths, layer in inside if eighths >= 4), inside[-1][1])
        return (middle.glyph, middle.style, ground) if middle.style else (" ", "", ground)
    eighths, lower = inside[0]
    above = next((layer.ground for higher, layer in inside if higher > eighths), ground)
    if not lower.style:
        return " ", "", lower.ground if eighths >= 4 else above
    return _BLOCKS[eighths], lower.style, above if eighths < 8 else ""


def columns(values: Iterable[Value], seconds: int, count: int) -> list[Value]:
    """The newest `seconds` of values, one a second, as `count` columns, the newest at the right: the highest of each; None where
    nothing was."""
    known = [-inf if value is None else value for value in list(values)[-seconds:]]
    padded = [-inf] * (seconds - len(known)) + known
    starts = [column * seconds // count for column in range(count + 1)]
    tops = [max(padded[start : max(start + 1, end)]) for start, end in pairwise(starts)]
    return [None if top == -inf else top for top in tops]


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
    style: str,
    zero: str = "",
    shade: Sequence[bool] = (),
    shaded: str = "",
) -> list[Text]:
    """Filled from below up to each value, of a linear axis from 0 to `top`.
    `zero`: the style of a line at the bottom for the value 0 (None: no line), with symbols of one value to a cell.

    `values`: PER_CELL[kind] to a cell. `shade`: a cell each, of those that get the style `shaded` as ground.
    """
    per, steps = PER_CELL[kind], 4 if kind == "braille" else len(_BLOCKS if kind == "block" else _ASCII) - 1
    levels = [0 if not value else max(1, round(min(value, top) / top * steps * height)) for value in values]
    parts = list(zip(*[iter(levels)] * per, strict=False))  # cell by cell
    lines = []
    for row in range(height - 1, -1, -1):
        cells: list[Cell] = []
        known: dict[tuple[int, ...], str] = {}  # most cells are like others
        for cell, part in enumerate(parts):
            if part not in known:
                known[part] = _filled(kind, [min(steps + 1, max(0, level - row * steps)) for level in part])
            drawn = known[part], style
            if zero and not row and per == 1 and values[cell] == 0:
                drawn = ("_" if kind == "ascii" else _BLOCKS[1]), zero
            cells.append((*drawn, shaded if cell < len(shade) and shade[cell] else ""))
        lines.append(line_of(cells))
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


def points(
    kind: str,
    curves: Sequence[tuple[Sequence[Value], str]],
    height: int,
    low: float,
    high: float,
    *,
    linear: bool = False,
    shade: Sequence[bool] = (),
    shaded: str = "",
) -> list[Text]:
    """Points of several curves on an axis from `low` to `high`, logarithmic unless `linear`; the last curve is drawn over the
    others.

    What is above the top is marked in the top row. Each curve has its style, and PER_CELL[kind] values to a cell.
    """
    per, steps = PER_CELL[kind], 4 if kind == "braille" else 1
    cells = len(curves[0][0]) // per if curves else 0
    rows = [[(" ", "") for _ in range(cells)] for _ in range(height)]
    dots: dict[tuple[int, int], int] = {}
    width = high - low if linear else log(high / low)
    for values, style in curves:
        for place, value in enumerate(values[: cells * per]):
            if value is None or (not value and not linear):
                continue
            share = (value - low if linear else log(max(value, low) / low)) / width
            step = min(height * steps - 1, int(share * height * steps))
            row, cell = height - 1 - step // steps, place // per
            if value > high:
                rows[0][cell] = ("^" if kind == "ascii" else "▲", style)
            elif kind == "braille":
                dots[row, cell] = dots.get((row, cell), 0x2800) | _SIDES[place % per][step % steps]
                rows[row][cell] = (chr(dots[row, cell]), style)
            else:
                rows[row][cell] = ("." if kind == "ascii" else "▪", style)
    grounds = [shaded if cell < len(shade) and shade[cell] else "" for cell in range(cells)]
    return [line_of((*cell, ground) for cell, ground in zip(row, grounds, strict=True)) for row in rows]
