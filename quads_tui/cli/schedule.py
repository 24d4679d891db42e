"""A start at a time: the plan is confirmed now, waited for, made again, and compared with what was confirmed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

from quads_tui.journal.shelf import Shelved
from quads_tui.render.progress import clock_text
from quads_tui.rollout.changes import worse
from quads_tui.rollout.plan import Plan

from .options import Options, Refused, Usage, say
from .session import FrontDesk, Wanted, Work, connected, front_end, guarded, load, planned, resume_or_anew, roll_out

AGAIN = 1800.0  # real seconds before the start at which the plan is made again
_SHAPES = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
_PLAIN = 600.0  # real seconds between two lines of a countdown that nobody watches


def run_at(wanted: Wanted, when: str, options: Options) -> int:
    """As session.run, at `when`: a local time, one with an offset, or "schedule". Gives the exit status.

    No lock is held meanwhile: days of waiting must not keep other rollouts from this Foreman. What others did until then is seen
    by the plan, which is made again half an hour before and at the start.
    """

    def work() -> int:
        loaded = load(wanted, options)
        at = starts_at(when, loaded, wanted, time.time())
        old = resume_or_anew(loaded, options)
        if isinstance(old, int):
            return old
        return asyncio.run(_at(at, wanted, loaded, front_end(options, None), old))

    return guarded(options, work)


def starts_at(when: str, work: Work, wanted: Wanted, now: float) -> float:
    """Real time. Raises Usage for what is no time, and for what has passed."""
    if when == "schedule":
        # QUADS keeps its times in UTC.
        told = [wanted.date] if wanted.date else [assignment.starts for assignment in work.assignments if assignment.starts]
        if not told:
            raise Usage("--at schedule: neither the assignment nor --date tells when its schedule starts")
        found = _parsed(f"{min(told)}+0000")
    else:
        found = _parsed(when)
    at = found.timestamp()
    if at <= now:
        raise Usage(f"--at {when}: {_told(at)} has passed")
    return at


def _parsed(text: str) -> datetime:
    for shape in _SHAPES:
        for offset in ("", "%z"):
            try:
                return datetime.strptime(text, shape + offset).astimezone()  # without an offset: this machine's time
            except ValueError:
                continue
    raise Usage(
        f'--at {text}: is no time; expected "2026-11-29 22:00", with +01:00 for another zone than this machine\'s, or schedule'
    )


async def _at(at: float, wanted: Wanted, work: Work, options: Options, old: Shelved | None) -> int:
    desk, watched = FrontDesk(), sys.stderr.isatty() and not options.plain
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

    return await roll_out(work, options, expect=wanted.expect, instead_of=old, desk=FrontDesk(agreed=agreed), ask=True)


async def _plan(work: Work, wanted: Wanted, options: Options) -> Plan:
    async with connected(work.site, options) as (services, _):
        return await planned(work, services, wanted.expect, survey=options.survey)


async def _accepted(confirmed: Plan, made: Plan, options: Options, desk: FrontDesk) -> Plan:
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
    return f"starts in {clock_text(max(0.0, start - now))}, at {_told(start)}; ctrl+c leaves, nothing has begun"


def _told(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M %Z")
