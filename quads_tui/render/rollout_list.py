"""The start screen as lines: rollouts that run, wait for their time, are unfinished, cannot be read, or have ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from rich.text import Text

from quads_tui.rollout.stages import HostStatus

from .host_bar import ORDER, HostShares
from .line import cut, fitted
from .numbers import count, duration
from .palette import ARMED, ATTENTION, BAD, BAR, CURSOR, QUIET, STAGE_STYLES, STRONG, STYLES, lifted
from .symbols import BRAILLE, Symbols

_WIDE = 110  # cells from which on there is room for cloud and time
_STATE = 20  # cells of the last column
_BAR = (10, 60)  # cells of a bar, at least and at most


class RowGroup(StrEnum):
    """In the order in which the start screen shows them."""

    HERE = "here"
    RUNNING = "running"
    SCHEDULED = "scheduled"
    UNFINISHED = "unfinished"
    DAMAGED = "damaged"
    RECENT = "recent"

    @property
    def words(self) -> str:
        match self:
            case RowGroup.HERE:
                return "Running in this console"
            case RowGroup.RUNNING:
                return "Running elsewhere"
            case RowGroup.SCHEDULED:
                return "Scheduled"
            case RowGroup.UNFINISHED:
                return "Unfinished"
            case RowGroup.DAMAGED:
                return "Cannot be read"
            case RowGroup.RECENT:
                return "Recent"
            case _:
                assert_never(self)


class SourceKind(StrEnum):
    FILE = "file"
    QUADS = "quads"
    REHEARSAL = "rehearsal"


@dataclass(frozen=True, slots=True)
class Source:
    """What a new rollout can be made from. `path`: of a file, as it is opened; `label` is clean."""

    kind: SourceKind
    label: str
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One rollout as the start screen shows it. `seconds`: its own. `hosts` 0: not known."""

    rollout: str
    group: RowGroup
    cloud: str = ""
    seconds: float = 0.0
    hosts: int = 0
    armed: int = 0
    shares: HostShares = field(default_factory=HostShares)
    state: str = ""  # in a word or two
    details: str = ""  # the line below: when it will be done, who runs it, what to do


def sort_rows(rows: Sequence[Row]) -> list[Row]:
    """Group by group; within one as they came."""
    groups = list(RowGroup)
    return sorted(rows, key=lambda row: groups.index(row.group))


def head(rows: Sequence[Row], width: int, symbols: Symbols = BRAILLE) -> list[Text]:
    """The totals over all that run; and what the bars mean."""
    running = [row for row in rows if row.group in (RowGroup.HERE, RowGroup.RUNNING)]
    first = Text(" ").append("quads-tui   " if width >= _WIDE else "", STRONG)
    if running:
        done, failed = (sum(getattr(row.shares, name) for row in running) for name in ("done", "failed"))
        armed, hosts = (sum(getattr(row, name) for row in running) for name in ("armed", "hosts"))
        first.append(f"{len(running)} running: {done:,} of {hosts:,} done, {failed:,} failed")
        first.append(f", {armed:,} ARMED" if armed else "")
    else:
        first.append("no rollout is running")
    for group in (RowGroup.UNFINISHED, RowGroup.SCHEDULED):
        if number := sum(row.group is group for row in rows):
            first.append(f"   {number} {group.value}", ATTENTION)
    line = fitted(first, width, ellipsis=symbols.ellipsis)
    line.style = BAR
    return [line, _legend(width, symbols) if any(row.hosts for row in rows) else Text(" " * width)]


def _legend(width: int, symbols: Symbols) -> Text:
    """What the bars mean, with the stages' whole names where there is room."""
    line = Text()
    for whole, gap in ((True, "   "), (True, "  "), (True, " "), (False, "  ")):
        parts = [(symbols.done, STYLES[HostStatus.DONE], "done")]
        parts += [(symbols.heights[stage], STAGE_STYLES[stage], stage.label if whole else stage.short) for stage in ORDER]
        parts += [(symbols.none, QUIET, "not started"), (symbols.failed, BAD, "failed")]
        line = Text(" ")
        for glyph, style, word in parts:
            line.append(f"{glyph} ", style).append(f"{word}{gap}", QUIET)
        line.rstrip()
        if line.cell_len <= width:
            break
    return fitted(line, width, ellipsis=symbols.ellipsis)


def listing(rows: Sequence[Row], cursor: int, width: int, symbols: Symbols = BRAILLE) -> tuple[list[Text], int]:
    """`rows` as `sort_rows` gave them, with the title of each group; and the line on which the cursor stands."""
    lines: list[Text] = []
    group: RowGroup | None = None
    at = 0
    for number, row in enumerate(rows):
        if row.group is not group:
            group = row.group
            lines += [Text(" " * width), _group_line(group, width)]
        if number == cursor:
            at = len(lines)
        lines.append(_row_line(row, width, symbols, cursor=number == cursor))
        if row.details:
            details = Text("     ").append(row.details, QUIET)
            lines.append(fitted(details, width, ellipsis=symbols.ellipsis))
    return lines, at


def _group_line(group: RowGroup, width: int) -> Text:
    title = Text(" ").append(group.words, STRONG)
    if group in (RowGroup.SCHEDULED, RowGroup.DAMAGED):
        return fitted(title, width)
    line = Text(f" {cut(group.words, _name_cells(width) + 2)} ", STRONG)
    line.append(f"{'CLOUD':<9} " if width >= _WIDE else "", QUIET)
    line.append(f"{'':<{_bar_cells(width)}} {'DONE':>9} {'FAIL':>5} {'ARMED':>5} ", QUIET)
    line.append(f" {'TIME':>9}" if width >= _WIDE else "", QUIET).append("  STATE", QUIET)
    return fitted(line, width)


def _name_cells(width: int) -> int:
    return 30 if width >= _WIDE else 28


def _bar_cells(width: int) -> int:
    others = 3 + _name_cells(width) + 1 + (20 if width >= _WIDE else 0) + 1 + 10 + 6 + 6 + 2
    return min(_BAR[1], max(_BAR[0], width - others - (_STATE if width >= _WIDE else 13)))


def _row_line(row: Row, width: int, symbols: Symbols, *, cursor: bool) -> Text:
    def ink(style: str) -> str:
        return lifted(style) if cursor and style else style

    line = Text(style=CURSOR if cursor else "")
    line.append(f"{symbols.cursor if cursor else ' '}  ")
    line.append(cut(row.rollout, _name_cells(width), symbols.ellipsis), ink(STRONG) if cursor else "").append(" ")
    if row.hosts:
        line.append(f"{cut(row.cloud, 9, symbols.ellipsis)} " if width >= _WIDE else "")
        _figures(line, row, width, symbols, cursor=cursor, ink=ink)
    line.append(row.state, ink(BAD if row.group is RowGroup.DAMAGED else QUIET if row.group is RowGroup.RECENT else ""))
    return fitted(line, width, ellipsis=symbols.ellipsis)


def _figures(line: Text, row: Row, width: int, symbols: Symbols, *, cursor: bool, ink: Callable[[str], str]) -> None:
    """The bar and the numbers behind it."""
    if row.group is RowGroup.SCHEDULED:
        line.append(f"{count(row.hosts, 'host')}   ")
        return
    line.append_text(row.shares.bar(_bar_cells(width), symbols, cursor=cursor)).append(" ")
    line.append(f"{f'{row.shares.done:,}/{row.hosts:,}':>9} ")
    failed = row.shares.failed
    line.append(f"{failed or '-':>5} ", ink(BAD if failed else QUIET))
    chip = f" {row.armed:,} " if row.armed else "-"
    line.append(" " * (6 - len(chip)) if row.armed else "    ").append(chip, ink(ARMED if row.armed else QUIET))
    line.append("" if row.armed else " ").append(f" {duration(row.seconds) if row.seconds else '':>9}" if width >= _WIDE else "")
    line.append("  ")


def empty(state: str, places: Sequence[str], width: int, elsewhere: str = "") -> list[Text]:
    """What to do where there is no rollout yet. `state`: where they are looked for; `places`: of assignment files; `elsewhere`:
    how to begin one, where that is not possible on this screen."""
    if elsewhere:
        shown = [("", ""), (f"No rollouts yet in {state}", STRONG), ("", ""), (elsewhere[:1].upper() + elsewhere[1:], "")]
        return [Text(cut(f" {text}", width), style) for text, style in shown]
    words: list[tuple[str, str]] = [
        ("", ""),
        (f"No rollouts yet in {state}", STRONG),
        ("", ""),
        ("Press n to plan a new one: from an assignment file, from the moves of QUADS,", ""),
        ("or a rehearsal, which needs no files and contacts no real server.", ""),
        ("Nothing starts before you have confirmed its plan.", ""),
        ("", ""),
        ("Assignment files are looked for in:", ""),
        *((f"  {place}", "") for place in places),
        ("Any other path can be typed: press n, then tab.", ""),
        ("", ""),
        ("The same from a shell:", ""),
        ("  quads-tui rehearse           a rehearsal: 700 emulated hosts, no real server", QUIET),
        ("  quads-tui lint FILE          check a file", QUIET),
        ("  quads-tui plan FILE          show what would be done; writes nothing", QUIET),
        ("  quads-tui run FILE           plan, ask, and roll out", QUIET),
        ("Rollouts of another directory: quads-tui --state-dir DIR", ""),
    ]
    return [Text(cut(f" {text}", width), style) for text, style in words]
