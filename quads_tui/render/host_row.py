"""One host as one line. Every state is shown by a glyph and a word; hue is for stages and trouble alone."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from rich.cells import cell_len
from rich.text import Text

from quads_tui.rollout.plan import Plan
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from quads_tui.rollout.state import HostState

from .line import StyledLine, cut, fitted
from .numbers import duration
from .palette import ARMED, ATTENTION, BAD, CURSOR, OVERDUE, QUIET, STAGE_STYLES, STRONG, STYLES, lifted
from .reasons import fitting, fuller_notes, shorter_notes
from .symbols import BRAILLE, Symbols
from .wait_reason import HostNote, HostWord

_PROGRESS = 12  # cells of the line that is full when an install has taken its usual time
_LONGEST_LABEL, _LONGEST_SHORT = max(len(stage.label) for stage in Stage), max(len(stage.short) for stage in Stage)
_HOURS = 10 * 3600 - 30  # seconds from which on a time with its minutes takes eleven cells
_NARROW, _NO_TIMES = 100, 72  # cells of the screen below which some columns have no room


class Column(StrEnum):
    """What the table shows of a host besides its name, from left to right."""

    CLOUD = "cloud"
    MODEL = "model"
    STAGE = "stage"
    STATE = "state"
    FOR = "for"
    TRY = "try"
    HOOKS = "hooks"
    NOTE = "note"


SORTED_BY: Mapping[str, str] = {
    "host": "host",
    Column.CLOUD: "cloud",
    Column.MODEL: "model",
    Column.STAGE: "stage",
    Column.STATE: "state",
    Column.TRY: "tries",
    Column.FOR: "time",
    Column.NOTE: "cause",
}
"""The sort order that belongs to a column; hooks have none."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What a row of this width shows. `hooks`: the site's, one glyph each."""

    width: int
    shown: Sequence[Column]
    hooks: Sequence[str] = ()
    symbols: Symbols = BRAILLE

    @classmethod
    def of(cls, plan: Plan, width: int, symbols: Symbols, chosen: Sequence[Column] = ()) -> Columns:
        """`chosen`: by the operator. Else those there is room for: narrow terminals have none for what mostly says the same."""
        hidden = {Column.MODEL} if len(plan.goals) > 1 and width >= 110 else {Column.MODEL, Column.CLOUD}
        hidden |= {Column.TRY} if width < _NARROW else set()
        hidden |= {Column.FOR} if width < _NO_TIMES else set()
        wanted = chosen or [column for column in Column if column not in hidden]
        return cls(width, [column for column in wanted if column is not Column.HOOKS or plan.hooks], plan.hooks, symbols)

    @property
    def narrow(self) -> bool:
        """Every cell that the stages do not take is one more of the note: one glyph stands for the track of all stages."""
        return self.width < _NARROW

    @property
    def name(self) -> int:
        return 18 if self.narrow else 19

    @property
    def track(self) -> int:
        return 1 if self.narrow else len(Stage)

    @property
    def stage_name(self) -> int:
        return _LONGEST_SHORT if self.narrow else _LONGEST_LABEL

    @property
    def hook_cells(self) -> int:
        return max(5, len(self.hooks)) if self.hooks else 0

    @property
    def titles(self) -> Sequence[tuple[str, str]]:
        """What stands above the hosts, from left to right: a column (or "host"), and its title as wide as the column."""
        found: list[tuple[str, str]] = [("host", f"   {cut('HOST', self.name)} ")]
        for column in self.shown:
            match column:
                case Column.CLOUD | Column.MODEL:
                    title = f"{column.upper():<7} "
                case Column.STAGE:
                    title = cut("STAGE" if self.narrow else f"STAGE (1 to {len(Stage)})", self.track + 1 + self.stage_name)
                case Column.STATE:
                    title = f" {'STATE':<9}"
                case Column.HOOKS:
                    title = f" {cut('HOOKS', self.hook_cells)}"
                case Column.TRY:
                    title = "ATTEMPT"
                case Column.FOR:
                    title = f"{'IN STAGE':<10}"
                case Column.NOTE:
                    title = "  NOTE"
                case _:
                    assert_never(column)
            found.append((column, title))
        return found

    def at(self, x: int) -> str:
        """The column whose title covers this cell of the line; the last one goes to the edge."""
        end = 0
        for column, title in self.titles:
            end += len(title)
            if x < end:
                return column
        return self.titles[-1][0]


def heading(columns: Columns, sort: str = "") -> Text:
    """The line above the hosts; the column that they are sorted by stands out."""
    line = Text(style=QUIET)
    for column, title in columns.titles:
        line.append(title, STRONG if sort and SORTED_BY.get(column) == sort else "")
    return fitted(line, columns.width, ellipsis=columns.symbols.ellipsis)


def host_row(
    host: HostState,
    columns: Columns,
    *,
    now: float,
    speed: float,
    word: HostWord,
    note: HostNote,
    when: str = "",
    cursor: bool = False,
    marked: bool = False,
) -> StyledLine:
    """The host's line, exactly `columns.width` cells. `now` is real time; the time shown is the rollout's own. `when`: a time of
    day instead of how long ago, where the rollout's clock stands still.
    """
    symbols = columns.symbols

    def ink(style: str) -> str:
        return lifted(style) if cursor and style else style

    ended = host.status in (HostStatus.FAILED, HostStatus.HELD)
    parts = [(symbols.cursor if cursor else " ", ""), ("*" if marked else " ", ink(STRONG)), (" ", "")]
    name = cut(host.short, columns.name, symbols.ellipsis)
    parts += [(name, ink(STRONG) if cursor or (host.armed and ended) else ""), (" ", "")]
    for column in columns.shown:
        match column:
            case Column.CLOUD:
                parts.append((f"{cut(host.cloud, 7)} ", ""))
            case Column.MODEL:
                parts.append((f"{cut(host.model, 7, symbols.ellipsis)} ", ""))
            case Column.STAGE:
                parts += _track(host, columns, ink)
                stage = ink(STAGE_STYLES[host.stage]) if host.stage else ""
                name = "" if host.stage is None else host.stage.short if columns.narrow else host.stage.label
                parts += [(" ", ""), (f"{name:<{columns.stage_name}}", stage)]
            case Column.STATE:
                parts += _state(word, host.status, ink)
            case Column.HOOKS:
                parts.append((f" {_hooks(host, columns)}", ""))
            case Column.TRY:
                parts.append((f"{host.attempt or '':>4}   ", ink(STRONG) if host.attempt > 1 else ink(QUIET)))
            case Column.FOR:
                parts.append((f"{when or _time(host, (now - host.since) * speed):<10}", ""))
            case Column.NOTE:
                parts += _note(host, note, columns.width - _cells(parts), symbols, ink)
            case _:
                assert_never(column)
    room = columns.width - _cells(parts)
    line = StyledLine([*parts, (" " * room, "")], CURSOR if cursor else "")
    return line if room >= 0 else line.clipped(columns.width, symbols.ellipsis)


def row_key(host: HostState, note: HostNote) -> Hashable:
    """All that the host's line depends on of these two, as a key for caches; a host that is under way changes more often than
    its line does."""
    words = (note.text, note.quiet, progress_cells(note))
    if host.status.is_final:  # its note is shortened by all that is known of its end
        return host.name, host.version, words
    return host.name, host.status, host.stage, host.attempt, (*host.marks.items(), *host.hooks.items()), words


def progress_cells(note: HostNote) -> int:
    """How many cells of the line that shows how far an install is are full; 0: there is none."""
    return 0 if note.progress is None else min(_PROGRESS, max(1, round(_PROGRESS * note.progress)))


def _cells(parts: Sequence[tuple[str, str]]) -> int:
    return sum([len(words) if words.isascii() else cell_len(words) for words, _ in parts])


def _time(host: HostState, seconds: float) -> str:
    """Since its last change, in ten cells: how long ago it ended, or for how long it is in its stage."""
    if not host.since:
        return ""
    if host.status.is_final:
        return _ago(seconds)
    return duration(seconds if seconds < _HOURS else round(seconds / 3600) * 3600) if seconds >= 1 else ""


def _ago(seconds: float) -> str:
    """Of a hundred minutes and more the hours alone."""
    if seconds < 89.5:
        return f"{seconds:.0f} s ago"
    minutes = round(seconds / 60)
    return f"{minutes} min ago" if minutes < 100 else f"{round(seconds / 3600)} h ago"


def _note(host: HostState, note: HostNote, room: int, symbols: Symbols, ink: Callable[[str], str]) -> list[tuple[str, str]]:
    """Behind a line that shows how far an install is."""
    parts, text = [("  ", "")], note.text
    if done := progress_cells(note):
        parts += [(symbols.line * done, ink(STAGE_STYLES[Stage.INSTALL])), (symbols.line * (_PROGRESS - done), ink(QUIET))]
        parts.append(("  ", ""))
    room -= sum(len(words) for words, _ in parts)
    text = fitting((*(fuller_notes(host, text) or (text,)), *shorter_notes(host, text)), room, symbols.ellipsis)
    return [*parts, (text, ink(QUIET) if note.quiet else "")]


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
            return [(filled, ink(ARMED if word is HostWord.ARMED else OVERDUE)), (" " * (10 - len(filled)), "")]
        case _:
            style = STYLES[status] if status.is_final else ATTENTION if word is HostWord.WRITING else ""
            return [(f" {word.value:<9}", ink(style))]


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
