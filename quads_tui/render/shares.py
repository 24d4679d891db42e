"""A bar of hosts by how they stand: in proportion, and none that is there is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from quads_tui.rollout.stages import HostStatus

from .palette import BAD, QUIET, STRONG
from .symbols import Symbols

Share = tuple[int, str, str]
"""Hosts, their glyph, its style."""


def ended_shares(counts: Counter[HostStatus], symbols: Symbols) -> list[Share]:
    """Those that are not done and do not move: skipped ones, held ones, which a human may still let on, and failed ones."""
    return [
        (counts[HostStatus.SKIPPED], symbols.skipped, QUIET),
        (counts[HostStatus.HELD], symbols.held, STRONG),
        (counts[HostStatus.FAILED], symbols.failed, BAD),
    ]


def drawn_shares(shares: Sequence[Share], width: int) -> Text:
    """Exactly `width` cells; none without hosts."""
    line = Text()
    for cells, (_, glyph, style) in zip(cells_of([share for share, _, _ in shares], width), shares, strict=True):
        line.append(glyph * cells, style)
    return line


def cells_of(counts: Sequence[float], width: int) -> list[int]:
    """Cells for each count: in proportion, one at least where there is anything, `width` of them in all."""
    total = sum(counts)
    if not total:
        return [0 for _ in counts]
    exact = [width * count / total for count in counts]
    cells = [max(1, int(share)) if share else 0 for share in exact]
    while (missing := width - sum(cells)) > 0:
        cells[max(range(len(cells)), key=lambda place: exact[place] - cells[place])] += 1
    while missing < 0:
        cells[max(range(len(cells)), key=lambda place: (cells[place] > 1, cells[place] - exact[place]))] -= 1
        missing += 1
    return cells
