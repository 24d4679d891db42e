"""The head of the main screen: which rollout, when it will be done, what needs attention, how far it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.text import Text

from quads_tui.rollout.forecast import Forecast
from quads_tui.rollout.lateness import Lateness, late_short
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import HostState, Rollout
from quads_tui.rollout.waits import paused_subject

from .eta import bound_words, header_words
from .host_bar import ORDER, HostShares
from .host_filter import NOT_VERIFIED
from .line import fitted
from .names import clouds_name
from .numbers import count, duration, latency
from .palette import ARMED, ATTENTION, BAD, BADGE, BAR, OVERDUE, QUIET, STAGE_STYLES, STRONG, STYLES, on_bar
from .symbols import BRAILLE, Symbols

_SHORTEST = 11  # cells that the time alone needs
LATE = 0.05  # seconds of loop lag from which the screen says so
WIDE = 110  # cells from which on there is room for whole words
_GAP = "   "
_ESTIMATE = 50  # cells that the estimate gets before the program's own lateness does


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
    wide, is_real = width >= WIDE and not warnings, rollout.time.is_real
    rest = Text()
    if title or not is_real:  # the one place that says whose time all times on the screen are
        rest.append("  ").append(f" {_badge(title, rollout, wide)} ", on_bar(BADGE))
        rest.append(" TOO SLOW" if too_slow else "", BAD)  # in words in the line below, where there is room
    for warning in warnings:
        rest.append(f"  ! {warning}", ATTENTION)
    alone = rest.copy()
    rest.append(f"  {control}" if control else "", on_bar(QUIET))
    # Who has control, and warnings, are worth more than our name, and than the number of hosts, which stands below too; so is
    # which of the times is which.
    unverified = unverified_words(rollout) if width >= WIDE else ""
    clouds, hosts = clouds_name(list(rollout.clouds)), f"  {count(len(rollout.hosts), 'host')}"
    hosts, fewest = (f"{hosts}, {unverified}", f"  {unverified}") if unverified else (hosts, "")
    named, ways = f"quads-tui  {clouds}", []
    if wide:
        ways.append((named, hosts, _clock(rollout, now, words=True, start=True)))
    for clock in (_clock(rollout, now, words=True), _clock(rollout, now)):
        ways += [(named, hosts, clock), (clouds, hosts, clock), (clouds, fewest, clock)]
    for first, number, clock, said in [*((*way, rest) for way in ways), (*ways[-1], alone)]:
        left = Text(" ").append(first, STRONG).append(number).append_text(said)
        if left.cell_len + 2 + clock.cell_len <= width:
            break
    line = fitted(left, width, clock, ellipsis=symbols.ellipsis)
    line.style = BAR
    return line


def _badge(title: str, rollout: Rollout, wide: bool) -> str:
    """What kind of rollout it is, and whose time is shown."""
    time = rollout.time
    title = title.replace("REHEARSAL", "REHEARSAL: emulated") if wide else title
    if wide and not time.is_real:
        return f"{title} time, {time.speed:g}x" if title else f"emulated time ({time.speed:g}x)"
    return " ".join(filter(None, (title, time.speed_words)))


def _clock(rollout: Rollout, now: float, *, words: bool = False, start: bool = False) -> Text:
    """The time, and for how long it runs. `words`: which time is which."""
    time, ended = rollout.time, rollout.over_at is not None
    now = rollout.over_at or now
    start = start and bool(rollout.started_at)
    line = Text(style=BAR)
    if start:
        line.append(f"start {time.clock(rollout.started_at, now)}  ")
    line.append("now " if words else "").append(f"{time.clock(now, now)}  ")
    line.append(("ran " if ended else "running ") if words else "")
    return line.append(duration(rollout.seconds(now)), STRONG).append(" ")


def end_line(
    rollout: Rollout,
    *,
    now: float,
    width: int,
    lag: float,
    forecast: Forecast | None,
    lateness: Lateness | None = None,
    counted: bool = False,
    symbols: Symbols = BRAILLE,
) -> Text:
    """When the good hosts will be done and what limits it; at the right edge what needs attention. `lag`: real seconds;
    `lateness`: of a rehearsal; `counted`: the line of the counts stands below, with those that failed.
    """
    wide = width >= WIDE
    chips, fewer = (
        _chips(rollout, forecast, failed=not (counted and wide), words=wide, named=named, symbols=symbols)
        for named in (True, False)
    )
    alarms = Text()
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
        words = f"{late[:1].upper()}{late[1:]}" if wide else f"Computer too slow for {rollout.speed:g}x: times are wrong"
        alarms.append(f"{words}  ", BAD)
    left = Text(" ").append_text(alarms)
    busy: Sequence[str] = _busy_ways(latency(lag * rollout.speed)) if lag >= LATE and not late else ()
    if rollout.over_at is not None and rollout.started_at:
        left.append(f"Ended {rollout.time.clock(rollout.over_at, rollout.over_at)}", STRONG)
        rest = f"{_GAP}no host continues by itself; rollout time stands still" if rollout.settled else ""
        left.append(rest if left.cell_len + len(rest) + chips.cell_len < width else "", QUIET)
    elif forecast is not None and rollout.ended_at is None:
        room, limit = width - left.cell_len - 2, bound_words(forecast.bound)
        said = [words for words in busy if room - chips.cell_len - len(words) >= _ESTIMATE]
        ways = [*((chips, words) for words in said), (chips, ""), (fewer, ""), (chips, "".join(said[-1:]))]
        # What limits the end is worth more than that this computer is busy, and than what the armed hosts are.
        for chips, late_by in ways:
            words = header_words(forecast, max(_SHORTEST, room - chips.cell_len - len(late_by)), rollout.time)
            if limit in words:
                break
        busy = (late_by,)
        eta = Text(words[:1].upper() + words[1:])
        if time := re.search(r"\d\d:\d\d", words):
            eta.stylize(STRONG, *time.span())
        left.append_text(eta)
    left.append(next((words for words in busy if left.cell_len + len(words) + chips.cell_len <= width), ""), ATTENTION)
    return fitted(left, width, chips, ellipsis=symbols.ellipsis)


def _busy_ways(late: str) -> Sequence[str]:
    """That the program's own loop is late, the fullest first: what it sends, and what it shows."""
    first = f"{_GAP}this computer is busy"
    return f"{first}: requests and screen up to {late} late", f"{first}: it reacts {late} late"


def time_limit_short(rollout: Rollout, forecast: Forecast | None, now: float) -> str:
    """The limit, and how many hosts it leaves by the forecast. `now`: real time."""
    until = rollout.time.clock(rollout.plan.until, now)
    return f"until {until}" + (f": {len(forecast.late)} NOT BEGUN" if forecast is not None and forecast.late else "")


def _chips(rollout: Rollout, forecast: Forecast | None, *, failed: bool, words: bool, named: bool, symbols: Symbols) -> Text:
    """What asks for a decision, at the right edge of the second line. `failed`: how many have; `words`: there is
    room for them, as for what armed means; `named`: and for what the armed hosts are."""
    parts: list[tuple[str, str]] = []
    if rollout.unverified and not words:  # else the first line counts them
        parts.append((f"{len(rollout.unverified)} not verified", QUIET))
    if forecast is not None and forecast.overdue:
        parts.append((f" {len(forecast.overdue)} overdue ", OVERDUE))
    if failed and (many := rollout.counts[HostStatus.FAILED]):
        parts.append((f"{symbols.failed} {many} failed", BAD))
    if armed := left_armed(rollout):
        statuses = {rollout.hosts[name].status for name in rollout.left_armed} if words and named else set()
        which = f" ({statuses.pop().value})" if len(statuses) == 1 and not failed else ""  # else that number stands before it
        parts.append((f" {armed} ARMED{which} ", ARMED))
    line = Text()
    for number, (chip, style) in enumerate(parts):
        line.append("  " if number else "").append(chip, style)
    if armed and words:
        line.append(f" next boot reinstalls {'it' if armed == 1 else 'them'}", BAD)
    return line.append(" ") if parts else line


def unverified_words(rollout: Rollout) -> str:
    """How many hosts have a machine whose identity is not verified, and how many of these are held for it; empty: none."""
    hosts = [rollout.hosts[name] for name in rollout.unverified]
    held = sum(_is_held_for_it(rollout, host) for host in hosts)
    if not hosts:
        return ""
    left = f": {'' if held == len(hosts) else f'{held} '}held" if held else ""
    return f"{len(hosts)} {'identity' if len(hosts) == 1 else 'identities'} not verified{left}"


def _is_held_for_it(rollout: Rollout, host: HostState) -> bool:
    """Or is to be."""
    return not _is_accepted(rollout, host) and (host.status is HostStatus.HELD or not host.status.is_final)


def _is_accepted(rollout: Rollout, host: HostState) -> bool:
    """Its machine: by the plan, or by an operator who released the host."""
    return bool(host.machine) or rollout.plan.hosts[host.index].accepted


def meanings(rollout: Rollout, room: int) -> str:
    """Of words of the first line, where they fit: which hosts are not verified and why, and what the speed of a rehearsal is."""
    if room <= 0:
        return ""
    time = rollout.time
    speed = "" if time.is_real else f"   emulated: 1 h takes {duration(3600 / time.speed)}"
    why, hosts = [], [rollout.hosts[name] for name in rollout.unverified]
    if hosts:
        accepted = " (accepted)" if all(_is_accepted(rollout, host) for host in hosts) else ""
        first, which = f"   identity not verified{accepted}: ", f"/verified:{NOT_VERIFIED}"  # the filter
        why = [f"{first}the machine is not compared with Foreman's host; {which} lists the hosts", first + which]
    ways = [*(words + speed for words in why), *why, speed]
    return next((way for way in ways if len(way) <= room), "")


def left_armed(rollout: Rollout) -> int:
    """How many hosts need somebody who disarms them."""
    return len(rollout.left_armed)


def bar(rollout: Rollout, width: int, symbols: Symbols = BRAILLE) -> Text:
    """How far the hosts are, as one line: each kind that has hosts takes one cell at least."""
    return Text(" ").append_text(HostShares.of(rollout).bar(width - 2, symbols)).append(" ")


def counts_line(rollout: Rollout, width: int, symbols: Symbols = BRAILLE) -> Text:
    """The bar's legend with the number of hosts of each kind: together they are all hosts, on wide terminals with those that
    failed.

    Where there is too little room, all else goes before a number does: what is retrying is counted in its stage too.
    """
    short = [(" ", True, True, False), (" ", True, False, False), (" ", False, False, False)]
    ways = [(_GAP, True, True, True), ("  ", True, True, True), ("  ", True, True, False), ("  ", True, False, False)]
    for gap, glyphs, retrying, total in [*(ways if width >= WIDE else ()), *short]:
        line = _counts(rollout, symbols, gap, glyphs=glyphs, retrying=retrying, failed=width >= WIDE, total=total)
        if line.cell_len <= width:
            break
    return fitted(line, width, ellipsis=symbols.ellipsis)


def _counts(rollout: Rollout, symbols: Symbols, gap: str, *, glyphs: bool, retrying: bool, failed: bool, total: bool) -> Text:
    """`gap`: one blank is for terminals on which the stages have their short names; `total`: with the number of all hosts."""
    counts = rollout.counts
    done = STYLES[HostStatus.DONE]
    parts = [(symbols.done, done, "done", counts[HostStatus.DONE])]
    names = {stage: stage.label if len(gap) > 1 else stage.short for stage in ORDER}
    parts += [(symbols.heights[stage], STAGE_STYLES[stage], names[stage], rollout.at_stage[stage]) for stage in ORDER]
    parts.append((symbols.none, QUIET, "not started", counts[HostStatus.QUEUED]))
    parts += [("", QUIET, status.value, counts[status]) for status in (HostStatus.SKIPPED, HostStatus.HELD) if counts[status]]
    if failed and counts[HostStatus.FAILED]:
        parts.append((symbols.failed, BAD, "failed", counts[HostStatus.FAILED]))
    line = Text(f" {count(len(rollout.hosts), 'host')}: " if total else " ", QUIET)
    for number, (glyph, style, word, many) in enumerate(parts):
        line.append(gap if number else "")
        line.append(f"{glyph if many else ' '} " if glyph and glyphs else "", style)  # none in the bar, none here
        line.append(f"{word} ", "" if many else QUIET).append(f"{many:,}", STRONG if many else QUIET)
    if counts[HostStatus.WAITING] and retrying:
        line.append(f"{gap}({counts[HostStatus.WAITING]} of these retrying)", QUIET)
    return line
