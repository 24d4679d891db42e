"""A start at a time: the plan is confirmed now, waited for, made again, and compared with what was confirmed."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from quads_tui.inputs import BadTime, Zone, find_site, load_site, local_zone, next_start, parsed
from quads_tui.journal.catalogue import StoredRollout
from quads_tui.render.numbers import duration
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.plan_diff import worse
from quads_tui.rollout.text import clean
from quads_tui.runtime.options import Options, Refused, Usage, say

from .run import (
    OperatorPrompt,
    RolloutInput,
    RunRequest,
    connected,
    front_end,
    guarded,
    load,
    planned,
    resume_or_anew,
    roll_out,
    told_apart,
)

AGAIN = 1800.0  # real seconds before the start at which the plan is made again
_PLAIN = 600.0  # real seconds between two lines of a countdown that nobody watches


def run_at(wanted: RunRequest, when: str, options: Options) -> int:
    """As session.run, at `when`: a local time, one with an offset, or "schedule". Gives the exit status.

    No lock is held meanwhile: days of waiting must not keep other rollouts from this Foreman. What others did until then is seen
    by the plan, which is made again half an hour before and at the start.
    """

    def work() -> int:
        zone = load_site(find_site(options.site, os.environ)).quads_zone
        at = starts_at(when, wanted, zone, time.time())
        then = replace(wanted, at=at)
        loaded = load(then, options)
        old = resume_or_anew(loaded, options)
        if isinstance(old, int):
            return old
        return asyncio.run(_at(at, then, loaded, front_end(options, None), old))

    return guarded(options, work)


def starts_at(when: str, wanted: RunRequest, quads_zone: Zone, now: float) -> float:
    """Real time. `now` is too. Raises Usage for what is no time, comes twice or never, or has passed; and InputError.

    A local time that comes twice is refused, with both offsets, instead of taking the later one: who types it can say which he
    means, and an hour too late may miss the window as surely as an hour too early opens it before its time. The times of
    QUADS are nobody's to type anew: of those the later counts, or the first moment after the gap, and that is said.
    """
    if when != "schedule":
        at = _typed(when)
    elif wanted.date:
        at = _of_quads(wanted.date, quads_zone)
    else:
        found = next_start(wanted.path, wanted.cloud, quads_zone, now) if wanted.path is not None else None
        if found is None:
            raise Usage("--at schedule: neither the assignment nor --date tells of a schedule that is still to start")
        at, odd = found
        if odd:
            say(f"--at schedule: {odd}; it starts at {quads_zone.words(at)}")
    if at <= now:
        raise Usage(f"--at {clean(when, 80)}: {local_zone().words(at)} has passed")
    return at


def _typed(text: str) -> float:
    """What stands behind --at: of this machine's zone where it has no offset."""
    zone = local_zone()
    shown = clean(text, 80)
    try:
        given = parsed(text)
        if given.tzinfo is not None:
            return given.timestamp()
        skipped, moments = zone.skipped(given), zone.moments(given)
        odd = zone.oddity(given)
    except BadTime as bad:
        hint = "+01:00 behind it names another zone than this machine's, and schedule takes the schedule's own start"
        raise Usage(f"--at {shown}: {bad}; {hint}") from None
    if skipped:
        _, before, after = skipped
        near = f"{before - timedelta(minutes=1):%Y-%m-%d %H:%M} or {after:%H:%M}"
        raise Usage(f"--at {shown}: this time {odd}; the nearest are {near}")
    if len(moments) > 1:
        both = " or ".join(f'"{given:%Y-%m-%d %H:%M}{zone.offset(at)}"' for at in moments)
        raise Usage(f"--at {shown}: this time {odd}; say which: {both}")
    return moments[0]


def _of_quads(text: str, zone: Zone) -> float:
    """A date of QUADS, for good."""
    try:
        given = parsed(text)
        if odd := zone.oddity(given):
            say(f"--at schedule: {text} {odd}; it starts at {zone.words(zone.last(given))}")
        return zone.last(given)
    except BadTime as bad:
        raise Usage(f"--date {text}: {bad}") from None


async def _at(at: float, wanted: RunRequest, work: RolloutInput, options: Options, old: StoredRollout | None) -> int:
    desk, watched = OperatorPrompt(), sys.stderr.isatty() and not options.plain
    confirmed = await _plan(work, wanted, options)
    if not options.yes and not await desk.agreed(confirmed):
        say("nothing was done")
        return 4
    if not options.yes:
        confirmed = confirmed.confirmed()
    if at - AGAIN > time.time():
        await countdown(at - AGAIN, at, say, watched=watched)
        work = await asyncio.to_thread(load, wanted, options)
        confirmed = await _accepted(confirmed, await _plan(work, wanted, options), options, desk)
    await countdown(at, at, say, watched=watched)
    work = await asyncio.to_thread(load, wanted, options)

    async def agreed(made: Plan) -> bool:
        await _accepted(confirmed, made, options, desk)
        return True

    return await roll_out(work, options, expect=wanted.expect, instead_of=old, desk=OperatorPrompt(agreed=agreed), ask=True)


async def _plan(work: RolloutInput, wanted: RunRequest, options: Options) -> Plan:
    async with connected(work.site, options) as (services, _):
        made = await planned(work, services, wanted.expect, survey=options.survey)
    if options.yes and work.rehearsal is None:
        told_apart(made)
    return made


async def _accepted(confirmed: Plan, made: Plan, options: Options, desk: OperatorPrompt) -> Plan:
    """The new plan, where it is no worse or somebody says yes to it. Raises Refused."""
    found = worse(confirmed, made)
    if not found:
        say("the plan was made again: it is as it was confirmed")
        return made if options.yes else made.confirmed()
    lines = [f"the plan is worse than the one that was confirmed: {line}" for line in found[:20]]
    lines += [f"and {len(found) - 20} more"] if len(found) > 20 else []
    if options.yes or options.headless:
        raise Refused(lines)
    for line in lines:
        say(line)
    if not await desk.agreed(made):
        raise Refused(["the new plan was not confirmed"])
    return made.confirmed()


async def countdown(
    until: float,
    start: float,
    tell: Callable[[str], None],
    *,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    watched: bool,
) -> None:
    """Wait until real time `until`, and tell how long it is to `start`: every second where somebody watches."""
    told = float("-inf")
    while (left := until - now()) > 0:
        if watched:
            sys.stderr.write(f"\r\x1b[K{_words(start, now())}")
            sys.stderr.flush()
        elif now() - told >= _PLAIN:
            told = now()
            tell(_words(start, now()))
        await sleep(min(1.0 if watched else _PLAIN, left))
    if watched:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _words(start: float, now: float) -> str:
    return f"starts in {duration(max(0.0, start - now))}, at {local_zone().words(start)}; ctrl+c leaves, nothing has begun"
