"""Glyphs of the screen, and their twins for terminals that have no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quads_tui.rollout.stages import Stage, StageStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """`graphs`: braille, block or ascii. `heights`: of a stage in bar and map: the higher, the further a host is."""

    name: str
    graphs: str
    stages: Mapping[StageStatus, str]
    waiting: str
    none: str
    done: str
    failed: str
    skipped: str
    held: str
    heights: Mapping[Stage, str]
    cursor: str  # at the left edge of the row under the cursor
    here: str  # in the cell under the cursor: without colours a filled cell alone is one of many
    line: str  # of which progress is made
    tick: str  # of an axis, beside its label
    box: tuple[str, ...]  # corners and sides: ╭ ╮ ╰ ╯ ─ │
    ellipsis: str  # where text is cut


_MARKS = {
    StageStatus.STARTED: "►",
    StageStatus.FINISHED: "✓",
    StageStatus.FAILED: "✗",
    StageStatus.SKIPPED: "−",
}
_PLAIN_MARKS = {StageStatus.STARTED: ">", StageStatus.FINISHED: "+", StageStatus.FAILED: "x", StageStatus.SKIPPED: "-"}


def _symbols(name: str, *, box: str, ellipsis: str, plain: bool = False) -> Symbols:
    return Symbols(
        name=name,
        graphs=name,
        stages=_PLAIN_MARKS if plain else _MARKS,
        waiting="r" if plain else "↻",
        none="." if plain else "·",
        done="#" if plain else "▇",
        failed="x" if plain else "✗",
        skipped="-",
        held="=",
        heights=dict(zip(Stage, "_,:;+" if plain else "▁▂▃▄▅", strict=True)),
        cursor=">" if plain else "▌",
        here="o" if plain else "◆",
        line="-" if plain else "━",
        tick="+" if plain else "┤",
        box=tuple(box),
        ellipsis=ellipsis,
    )


SYMBOLS: Mapping[str, Symbols] = {
    symbols.name: symbols
    for symbols in (
        _symbols("braille", box="╭╮╰╯─│", ellipsis="…"),
        _symbols("block", box="┌┐└┘─│", ellipsis="…"),
        _symbols("ascii", box="++++-|", ellipsis="~", plain=True),
    )
}
BRAILLE = SYMBOLS["braille"]


def for_terminal(encoding: str, term: str) -> Symbols:
    """The richest that it can show. The fonts of the Linux console (TERM=linux) have neither braille nor check marks."""
    return BRAILLE if encoding.lower().replace("-", "") == "utf8" and term != "linux" else SYMBOLS["ascii"]
