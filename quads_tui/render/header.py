"""The head of the main screen: which rollout, when it will be done, what needs attention, how far it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.text import Text

from quads_tui.rollout.forecast import Forecast
from quads_tui.rollout.lateness import Lateness, late_short
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.waits import paused_subject

from .clouds import clouds_name
from .eta import header_words
from .host_bar import ORDER, HostShares
from .line import fitted
from .numbers import count, duration
from .palette import ARMED, ATTENTION, BAD, BADGE, BAR, OVERDUE, QUIET, STAGE_STYLES, STRONG, STYLES, on_bar
from .symbols import BRAILLE, Symbols

_SHORTEST = 11  # cells that the time alone needs
LATE = 0.05  # seconds of loop lag from which the screen says so
_GAP = "   "
_MARK = "rollout time "


def title_line(
    rollout: Rollout,
    *,
    now: float,
    width: int,
    title: str,
    control: str,
    warnings: Sequence[str],
    too_slow: bool = False,
    symbols: Symbols = BRAILLE,
) -> Text:
    """Which rollout it is, and its clock. `title`: REHEARSAL and the like; `control`: who has it, in words; `too_slow`: the
    machine, for the speed of a rehearsal.
    """
    right, time, now = Text(style=BAR), rollout.time, rollout.over_at or now
    wide = width >= 110 and not warnings
    right.append(f"start {time.clock(rollout.started_at, now)}{_GAP}" if wide and rollout.started_at else "")
    right.append(f"now {time.clock(now, now)}{_GAP}" if wide else f"{time.clock(now, now)}  ")
    right.append(duration(rollout.seconds(now)), STRONG).append(" ")
    rest = Text()
    if title or rollout.speed != 1:
        rest.append("  ").append(f" {title}{f' x{rollout.speed:g}' if rollout.speed != 1 else ''} ", on_bar(BADGE))
        rest.append(" TOO SLOW" if too_slow else "", BAD)  # in words in the line below, where there is room
    for warning in warnings:
        rest.append(f"  ! {warning}", ATTENTION)
    rest.append("  rollout time" if wide and not time.is_real else "", on_bar(QUIET))
    rest.append(f"{_GAP if wide else '  '}{control}" if control else "", on_bar(QUIET))
    # Who has control, warnings, and whose time it is, are worth more than our name, and than the number of hosts, which stands
    # below too. That it is no real time the badge says as well.
    clouds, hosts = clouds_name(list(rollout.clouds)), f"  {count(len(rollout.hosts), 'host')}"
    marked = Text(_MARK, on_bar(QUIET)).append_text(right) if not wide and not time.is_real else right
    for first, number, clock in (
        *((name, many, marked) for name, many in ((f"quads-tui  {clouds}", hosts), (clouds, hosts), (clouds, ""))),
        (clouds, hosts, right),
        (clouds, "", right),
    ):
        left = Text(" ").append(first, STRONG).append(number).append_text(rest)
        if left.cell_len + clock.cell_len < width:
            break
    line = fitted(left, width, clock, ellipsis=symbols.ellipsis)
    line.style = BAR
    return line


def end_line(
    rollout: Rollout,
    *,
    now: float,
    width: int,
    lag: float,
    forecast: Forecast | None,
    lateness: Lateness | None = None,
    symbols: Symbols = BRAILLE,
) -> Text:
    """When the good hosts will be done and what limits it; at the right edge what needs attention. `lag`: seconds; `lateness`: of
    a rehearsal.
    """
    chips, alarms = _chips(rollout, forecast, symbols), Text()
    if rollout.end_reason:
        alarms.append(f"STOPPED ({rollout.end_reason})  ", BAD)
    for what in rollout.paused:
        alarms.append(f"{paused_subject(what).upper()} PAUSED  ", ATTENTION)
    for words in rollout.outage_lines(now):
        alarms.append(f"{words}  ", BAD)
    if rollout.narrowed:
        alarms.append(f"write concurrency reduced to 1: {rollout.narrowed[:60]}  ", BAD)
    if rollout.plan.until:
        alarms.append(f"{time_limit_short(rollout, forecast, now)}  ", ATTENTION)
    if late := "" if lateness is None else late_short(lateness, rollout.speed):
        words = f"{late[:1].upper()}{late[1:]}" if width >= 110 else "Times are wrong"  # why stands in the first line
        alarms.append(f"{words}  ", BAD)
    elif lag >= LATE:
        alarms.append(f"program late by {lag * 1000:.0f} ms  ", ATTENTION)
    left = Text(" ").append_text(alarms)
    if rollout.over_at is not None and rollout.started_at:
        left.append(f"Ended {rollout.time.clock(rollout.over_at, rollout.over_at)}", STRONG)
        left.append(f"{_GAP}no host continues by itself; the clock stands still" if rollout.settled else "", QUIET)
    elif forecast is not None and rollout.ended_at is None:
        words = header_words(forecast, max(_SHORTEST, width - chips.cell_len - left.cell_len - 2), rollout.time)
        eta = Text(words[:1].upper() + words[1:])
        if time := re.search(r"\d\d:\d\d", words):
            eta.stylize(STRONG, *time.span())
        left.append_text(eta)
    return fitted(left, width, chips, ellipsis=symbols.ellipsis)


def time_limit_short(rollout: Rollout, forecast: Forecast | None, now: float) -> str:
    """The limit, and how many hosts it leaves by the forecast. `now`: real time."""
    until = rollout.time.clock(rollout.plan.until, now)
    return f"until {until}" + (f": {len(forecast.late)} NOT BEGUN" if forecast is not None and forecast.late else "")


def _chips(rollout: Rollout, forecast: Forecast | None, symbols: Symbols) -> Text:
    """What asks for a decision, at the right edge of the second line."""
    parts: list[tuple[str, str]] = []
    if rollout.unverified:
        parts.append((f"{len(rollout.unverified)} not verified", QUIET))
    if forecast is not None and forecast.overdue:
        parts.append((f" {len(forecast.overdue)} overdue ", OVERDUE))
    if failed := rollout.counts[HostStatus.FAILED]:
        parts.append((f"{symbols.failed} {failed} failed", BAD))
    if armed := left_armed(rollout):
        parts.append((f" {armed} ARMED ", ARMED))
    line = Text()
    for number, (words, style) in enumerate(parts):
        line.append("  " if number else "").append(words, style)
    return line.append(" ") if parts else line


def left_armed(rollout: Rollout) -> int:
    """How many hosts need somebody who disarms them."""
    return len(rollout.left_armed)


def bar(rollout: Rollout, width: int, symbols: Symbols = BRAILLE) -> Text:
    """How far the hosts are, as one line: each kind that has hosts takes one cell at least."""
    return Text(" ").append_text(HostShares.of(rollout).bar(width - 2, symbols)).append(" ")


def counts_line(rollout: Rollout, width: int, symbols: Symbols = BRAILLE) -> Text:
    """The bar's legend with the number of hosts of each kind; what an armed host means, under its chip.

    Where there is too little room, all else goes before a number does: what is retrying is counted in its stage too.
    """
    armed = Text("next boot reinstalls ") if width >= 110 and left_armed(rollout) else None
    ways = [(_GAP, True, True, armed), (_GAP, True, True, None)] if width >= 110 else []
    for gap, glyphs, retrying, right in (*ways, (" ", True, True, None), (" ", True, False, None), (" ", False, False, None)):
        line = _counts(rollout, symbols, gap, glyphs=glyphs, retrying=retrying)
        if line.cell_len + (right.cell_len + 1 if right is not None else 0) <= width:
            break
    return fitted(line, width, right, ellipsis=symbols.ellipsis)


def _counts(rollout: Rollout, symbols: Symbols, gap: str, *, glyphs: bool, retrying: bool) -> Text:
    counts = rollout.counts
    done = STYLES[HostStatus.DONE]
    parts = [(symbols.done, done, "done", counts[HostStatus.DONE])]
    parts += [(symbols.heights[stage], STAGE_STYLES[stage], stage.short, rollout.at_stage[stage]) for stage in ORDER]
    parts.append((symbols.none, QUIET, "not started", counts[HostStatus.QUEUED]))
    parts += [("", QUIET, status.value, counts[status]) for status in (HostStatus.SKIPPED, HostStatus.HELD) if counts[status]]
    if counts[HostStatus.WAITING] and retrying:
        parts.append(("", QUIET, "retrying", counts[HostStatus.WAITING]))
    line = Text(" ")
    for number, (glyph, style, word, many) in enumerate(parts):
        line.append(gap if number else "")
        line.append(f"{glyph} " if glyph and glyphs else "", style if many else QUIET)
        line.append(f"{word} ", "" if many else QUIET).append(f"{many:,}", STRONG if many else QUIET)
    return line
