"""One host as one line. Every state is shown by a glyph and a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from quads_tui.rollout.plan import Plan
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from quads_tui.rollout.state import HostState

from .numbers import duration
from .palette import STRONG, STYLES
from .symbols import BRAILLE, Symbols


def cut(text: str, width: int, ellipsis: str = BRAILLE.ellipsis) -> str:
    """Exactly `width` cells, by the width that terminals give wide and combining characters: padded, or cut and marked."""
    if text.isascii() and len(text) <= width:  # most text is
        return text.ljust(width)
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + ellipsis if width > 0 else ""


@dataclass(frozen=True, slots=True)
class Columns:
    """What a row of this width shows beside the stages. `hooks`: the site's, one glyph each."""

    width: int
    cloud: bool = False
    hooks: Sequence[str] = ()
    symbols: Symbols = BRAILLE

    @classmethod
    def of(cls, plan: Plan, width: int, symbols: Symbols) -> Columns:
        """Narrow terminals have no room for a column that mostly says the same."""
        return cls(width, len(plan.goals) > 1 and width >= 110, plan.hooks, symbols)

    @property
    def narrow(self) -> bool:
        """Every cell that the stages do not take is one more of the note."""
        return self.width < 110

    @property
    def name(self) -> int:
        return 22 if self.narrow else 30

    @property
    def time(self) -> int:
        return 6 if self.narrow else 10


def heading(columns: Columns) -> Text:
    """The line above the hosts."""
    parts = [f"   {cut('HOST', columns.name)}"]
    parts += ["CLOUD  "] if columns.cloud else []
    parts += ["STAGE" if columns.narrow else " ".join(cut(stage.short, 3) for stage in Stage)]
    parts += [cut("HOOKS", max(5, len(columns.hooks)))] if columns.hooks else []
    parts += [f"{cut('STATE', 9)} TRY {'TIME':>{columns.time}} NOTE"]
    return Text(cut(" ".join(parts), columns.width), STRONG)


def host_row(
    host: HostState, columns: Columns, *, now: float, speed: float, note: str, cursor: bool = False, marked: bool = False
) -> Text:
    """The host's line, exactly `columns.width` cells. `now` is real time; the time shown is the rollout's own."""
    word = "ARMED!" if host.armed and host.status is HostStatus.FAILED else host.status.label.upper()
    if host.status is HostStatus.RUNNING and host.stage:
        word = host.stage.short
    seconds = (now - host.since) * speed if host.since and not host.status.is_final else 0.0
    tries = f"{host.attempt}" if host.attempt else ""
    parts = [f"{'>' if cursor else ' '}{'*' if marked else ' '} {cut(host.short, columns.name, columns.symbols.ellipsis)}"]
    parts += [cut(host.cloud, 7)] if columns.cloud else []
    marks = [glyph(host, stage, columns.symbols) for stage in Stage]
    parts += ["".join(marks) if columns.narrow else " ".join(f" {mark} " for mark in marks)]
    parts += [_hooks(host, columns)] if columns.hooks else []
    parts += [f"{cut(word, 9)} {tries:>3} {duration(seconds) if seconds >= 1 else '':>{columns.time}} {note}"]
    text = Text(cut(" ".join(parts), columns.width, columns.symbols.ellipsis), "reverse" if cursor else STYLES[host.status])
    if marked and not cursor:
        text.stylize("bold underline", 1, 4)
    return text


def glyph(host: HostState, stage: Stage, symbols: Symbols) -> str:
    """How the host stands with a stage."""
    if host.status is HostStatus.WAITING and stage is host.stage:
        return symbols.waiting
    mark = host.marks.get(stage)
    return symbols.stages[mark] if mark else symbols.none


def _hooks(host: HostState, columns: Columns) -> str:
    """In the order of the site file: ran well, failed, not yet."""
    stages = columns.symbols.stages
    ran = {True: stages[StageStatus.FINISHED], False: stages[StageStatus.FAILED]}
    marks = (ran[host.hooks[name]] if name in host.hooks else columns.symbols.none for name in columns.hooks)
    return cut("".join(marks), max(5, len(columns.hooks)))
