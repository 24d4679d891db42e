"""One host as one line. Every state is shown by a glyph and a word; hue is for stages and trouble alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from quads_tui.rollout.plan import Plan
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from quads_tui.rollout.state import HostState

from .line import cut, fitted, joined
from .numbers import duration
from .palette import ARMED, ATTENTION, BAD, CURSOR, OVERDUE, QUIET, STAGE_STYLES, STRONG, STYLES, lifted
from .symbols import BRAILLE, Symbols
from .wait_reason import HostNote, HostWord

_PROGRESS = 12  # cells of the line that is full when an install has taken its usual time


@dataclass(frozen=True, slots=True)
class Columns:
    """What a row of this width shows. `hooks`: the site's, one glyph each."""

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
        """Every cell that the stages do not take is one more of the note: one glyph stands for the track of all stages."""
        return self.width < 100

    @property
    def name(self) -> int:
        return 18 if self.narrow else 19

    @property
    def track(self) -> int:
        return 1 if self.narrow else len(Stage)

    @property
    def hook_cells(self) -> int:
        return max(5, len(self.hooks)) if self.hooks else 0


def heading(columns: Columns) -> Text:
    """The line above the hosts."""
    line = Text(f"   {cut('HOST', columns.name)} ", QUIET)
    line.append("CLOUD   " if columns.cloud else "")
    line.append(cut("STAGE", columns.track + 4) + " ")
    line.append(f"{cut('STATE', 9)} ")
    line.append(f"{cut('HOOKS', columns.hook_cells)} " if columns.hooks else "")
    line.append("" if columns.narrow else "TRY ")
    line.append(f"{'FOR':>11}  NOTE")
    return _exactly(line, columns)


def host_row(
    host: HostState,
    columns: Columns,
    *,
    now: float,
    speed: float,
    word: HostWord,
    note: HostNote,
    cursor: bool = False,
    marked: bool = False,
) -> Text:
    """The host's line, exactly `columns.width` cells. `now` is real time; the time shown is the rollout's own."""
    symbols = columns.symbols

    def ink(style: str) -> str:
        return lifted(style) if cursor and style else style

    ended = host.status in (HostStatus.FAILED, HostStatus.HELD)
    parts = [(symbols.cursor if cursor else " ", ""), ("*" if marked else " ", ink(STRONG)), (" ", "")]
    name = cut(host.short, columns.name, symbols.ellipsis)
    parts += [(name, ink(STRONG) if cursor or (host.armed and ended) else ""), (" ", "")]
    parts += [(f"{cut(host.cloud, 7)} ", "")] if columns.cloud else []
    parts += _track(host, columns, ink)
    parts += [(" ", ""), (f"{host.stage.short if host.stage else '':<3}", ink(STAGE_STYLES[host.stage]) if host.stage else "")]
    parts += _state(word, host.status, ink)
    parts += [(f"{_hooks(host, columns)} ", "")] if columns.hooks else []
    if not columns.narrow:
        parts.append((f"{host.attempt or '':>3} ", ink(STRONG) if host.attempt > 1 else ink(QUIET)))
    seconds = (now - host.since) * speed if host.since else 0.0
    parts.append((f"{duration(seconds) if seconds >= 1 else '':>11}  ", ""))
    if note.progress is not None:
        done = min(_PROGRESS, max(1, round(_PROGRESS * note.progress)))
        parts += [(symbols.line * done, ink(STAGE_STYLES[Stage.INSTALL])), (symbols.line * (_PROGRESS - done), ink(QUIET))]
        parts.append(("  ", ""))
    parts.append((note.text, ink(QUIET) if note.quiet else ""))
    room = columns.width - sum(cell_len(words) for words, _ in parts)
    if room < 0:
        return _exactly(joined(parts, CURSOR if cursor else ""), columns)
    parts.append((" " * room, ""))
    return joined(parts, CURSOR if cursor else "")


def _track(host: HostState, columns: Columns, ink: Callable[[str], str]) -> list[tuple[str, str]]:
    """A mark for each stage; on narrow terminals the mark of the present one."""
    parts = []
    for stage in Stage if not columns.narrow else ((host.stage,) if host.stage else (None,)):
        mark = glyph(host, stage, columns.symbols) if stage else columns.symbols.none
        status = host.marks.get(stage) if stage else None
        bad, moving = (
            status is StageStatus.FAILED,
            status is StageStatus.STARTED and stage is host.stage and not host.status.is_final,
        )
        parts.append((mark, ink(BAD) if bad else ink(STAGE_STYLES[stage]) if moving and stage else ink(QUIET)))
    return parts


def _state(word: HostWord, status: HostStatus, ink: Callable[[str], str]) -> list[tuple[str, str]]:
    """Ten cells: one before the word and one behind it are of its colour where it is filled."""
    match word:
        case HostWord.ARMED | HostWord.OVERDUE:
            filled = f" {word.value} "
            return [(filled, ink(ARMED if word is HostWord.ARMED else OVERDUE)), (" " * (11 - len(filled)), "")]
        case _:
            style = STYLES[status] if status.is_final else ATTENTION if word is HostWord.WRITING else ""
            return [(f" {word.value:<10}", ink(style))]


def _exactly(line: Text, columns: Columns) -> Text:
    return fitted(line, columns.width, ellipsis=columns.symbols.ellipsis)


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
    return cut("".join(marks), columns.hook_cells)
