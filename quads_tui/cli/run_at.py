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
from quads_tui.render.progress import clock_text
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.plan_diff import worse
from quads_tui.rollout.text import clean
from quads_tui.runtime.launch import connected, planned, refuse_unguarded, roll_out
from quads_tui.runtime.operator import Operator
from quads_tui.runtime.options import Options, Refused, Usage, say
from quads_tui.runtime.process_resources import ProcessResources
from quads_tui.runtime.rollout_input import RolloutInput, RunRequest, load

from .run import resume_or_anew
from .terminal import TerminalOperator, chosen_front_end, run_with_exit_status

AGAIN = 1800.0  # real seconds before the start at which the plan is made again
_PLAIN = 600.0  # real seconds between two lines of a countdown that nobody watches


def run_at(request: RunRequest, when: str, options: Options) -> int:
    """As run.run, at `when`: a local time, one with an offset, or "schedule". Gives the exit status.

    No lock is held meanwhile: days of waiting must not keep other rollouts from this Foreman. What others did until then is seen
    by the plan, which is made again half an hour before and at the start.
    """

    def work() -> int:
        zone = load_site(find_site(options.site, os.environ)).quads_zone
        at = starts_at(when, request, zone, time.time())
        then = replace(request, at=at)
        loaded = load(then, options, say)
        old = resume_or_anew(loaded, options)
        if isinstance(old, int):
            return old
        return asyncio.run(_at(at, then, loaded, options, old))

    return run_with_exit_status(options, work)


def starts_at(when: str, request: RunRequest, quads_zone: Zone, now: float) -> float:
    """Real time. `now` is too. Raises Usage for what is no time, comes twice or never, or has passed; and InputError.

    A local time that comes twice is refused, with both offsets, instead of taking the later one: who types it can say which he
    means, and an hour too late may miss the window as surely as an hour too early opens it before its time. The times of
    QUADS are nobody's to type anew: of those the later counts, or the first moment after the gap, and that is said.
    """
    if when != "schedule":
        at = _typed(when)
    elif request.date:
        at = _of_quads(request.date, quads_zone)
    else:
        found = next_start(request.path, request.cloud, quads_zone, now) if request.path is not None else None
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


async def _at(at: float, request: RunRequest, given: RolloutInput, options: Options, old: StoredRollout | None) -> int:
    options, front_end = chosen_front_end(options)
    operator, watched = TerminalOperator(), sys.stderr.isatty() and not options.plain
    confirmed = await _plan(given, request, options)
    if not options.yes and not await operator.agree_to_plan(confirmed):
        say("nothing was done")
        return 4
    if not options.yes:
        confirmed = confirmed.confirmed()
    if at - AGAIN > time.time():
        await countdown(at - AGAIN, at, say, watched=watched)
        given = await asyncio.to_thread(load, request, options, say)
        confirmed = await _accepted(confirmed, await _plan(given, request, options), options, operator)
    await countdown(at, at, say, watched=watched)
    given = await asyncio.to_thread(load, request, options, say)

    class AtStart(TerminalOperator):
        """Asked only where the plan has become worse since it was confirmed."""

        async def agree_to_plan(self, plan: Plan) -> bool:
            await _accepted(confirmed, plan, options, operator)
            return True

    return await roll_out(
        given, options, ProcessResources(), AtStart(), front_end, expect=request.expect, instead_of=old, ask=True
    )


async def _plan(given: RolloutInput, request: RunRequest, options: Options) -> Plan:
    async with connected(given.site, options) as (services, _):
        made = await planned(given, services, request.expect, survey=options.survey, say=say)
    if options.yes and given.rehearsal is None:
        refuse_unguarded(made)
    return made


async def _accepted(confirmed: Plan, made: Plan, options: Options, operator: Operator) -> Plan:
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
    if not await operator.agree_to_plan(made):
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
    return f"starts in {clock_text(max(0.0, start - now))}, at {local_zone().words(start)}; ctrl+c cancels; nothing has started"
