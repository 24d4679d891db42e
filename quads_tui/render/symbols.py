"""Glyphs of the screen, and their twins for terminals that have no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quads_tui.rollout.stages import StageStatus


@dataclass(frozen=True, slots=True)
class Symbols:
    """`graphs`: braille, block or ascii. `bar`: done, moving, ended badly, still to come."""

    name: str
    graphs: str
    stages: Mapping[StageStatus, str]
    waiting: str
    none: str
    bar: tuple[str, ...]
    box: tuple[str, ...]  # corners and sides: ╭ ╮ ╰ ╯ ─ │
    ellipsis: str  # where text is cut


_MARKS = {
    StageStatus.STARTED: "▶",
    StageStatus.FINISHED: "✓",
    StageStatus.FAILED: "✗",
    StageStatus.SKIPPED: "−",
}
_PLAIN_MARKS = {StageStatus.STARTED: ">", StageStatus.FINISHED: "+", StageStatus.FAILED: "x", StageStatus.SKIPPED: "-"}

SYMBOLS: Mapping[str, Symbols] = {
    symbols.name: symbols
    for symbols in (
        Symbols("braille", "braille", _MARKS, "↻", "·", tuple("█▒X░"), tuple("╭╮╰╯─│"), "…"),
        Symbols("block", "block", _MARKS, "↻", "·", tuple("█▒X░"), tuple("┌┐└┘─│"), "…"),
        Symbols("ascii", "ascii", _PLAIN_MARKS, "r", ".", tuple("#=X-"), tuple("++++-|"), "~"),
    )
}
BRAILLE = SYMBOLS["braille"]


def for_terminal(encoding: str, term: str) -> Symbols:
    """The richest that it can show. The fonts of the Linux console (TERM=linux) have neither braille nor check marks."""
    return BRAILLE if encoding.lower().replace("-", "") == "utf8" and term != "linux" else SYMBOLS["ascii"]
