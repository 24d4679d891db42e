"""`run --at`: the plan is confirmed now, made again before the start, and compared with what was confirmed."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from quads_tui.inputs import BadTime, Zone, find_site, load_site, local_zone, next_start, parsed
from quads_tui.journal.catalogue import StoredRollout
from quads_tui.render.names import short_clouds_name
from quads_tui.render.numbers import duration
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.plan_diff import worse
from quads_tui.rollout.text import clean
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.given_time import given_time
from quads_tui.runtime.launch import checked_plan, open_clients, refuse_unverified_protection, roll_out
from quads_tui.runtime.operator import Operator
from quads_tui.runtime.options import Options, Refused, Usage, notify
from quads_tui.runtime.process_resources import ProcessResources
from quads_tui.runtime.rollout_input import RolloutInput, RunRequest, load
from quads_tui.runtime.scheduled import announced

from .run import resume_or_start_new
from .terminal import TerminalOperator, chosen_front_end, run_with_exit_status

REPLAN_BEFORE = 1800.0  # real seconds before the start at which the plan is made again
_LINE_INTERVAL = 600.0  # real seconds between two lines of a countdown without a terminal


def run_at(request: RunRequest, when: str, options: Options) -> int:
    """As run.run, at `when`: a local time, one with an offset, or "schedule". Returns the exit status.

    No lock is held meanwhile: days of waiting must not keep other rollouts from this Foreman. The plan is made again half an hour
    before and at the start, so that it contains what others did until then.
    """

    def work() -> int:
        zone = load_site(find_site(options.site, os.environ)).quads_zone
        at = starts_at(when, request, zone, time.time())
        then = replace(request, at=at)
        loaded = load(then, options, notify)
        old = resume_or_start_new(loaded, options)
        if isinstance(old, int):
            return old
        return run_to_end(_run_scheduled(at, then, loaded, options, old))

    return run_with_exit_status(options, work)


def starts_at(when: str, request: RunRequest, quads_zone: Zone, now: float) -> float:
    """The start as real time; `now` is real time too. Raises InputError, and Usage for an ambiguous, skipped or past one.

    Times from QUADS cannot be typed again: of two the later one is used, for a skipped
    one the first moment after the gap, and a line reports it.
    """
    if when != "schedule":
        at = given_time("--at", when, "--at schedule uses the start of the schedule")
    elif request.date:
        at = _parse_quads_date(request.date, quads_zone)
    else:
        starts = [next_start(path, request.cloud, quads_zone, now) for path in request.paths]
        found = min((start for start in starts if start is not None), default=None)
        if found is None:
            raise Usage("--at schedule: neither the assignment nor --date has a schedule that starts in the future")
        at, odd = found
        if odd:
            notify(f"--at schedule: {odd}; the rollout starts at {quads_zone.words(at)}")
    if at <= now:
        raise Usage(f"--at {clean(when, 80)}: {local_zone().words(at)} is in the past")
    return at


def _parse_quads_date(text: str, zone: Zone) -> float:
    """A date in the time zone of QUADS, as real time."""
    try:
        given = parsed(text)
        if odd := zone.oddity(given):
            notify(f"--at schedule: {text} {odd}; the rollout starts at {zone.words(zone.last(given))}")
        return zone.last(given)
    except BadTime as bad:
        raise Usage(f"--date {text}: {bad}") from None


async def _run_scheduled(at: float, request: RunRequest, given: RolloutInput, options: Options, old: list[StoredRollout]) -> int:
    options, front_end = chosen_front_end(options)
    operator, watched = TerminalOperator(), sys.stderr.isatty() and not options.plain
    confirmed = await _make_plan(given, request, options)
    if not options.yes and not await operator.confirm_plan(confirmed):
        notify("nothing was done")
        return 4
    if not options.yes:
        confirmed = confirmed.confirmed()
    with announced(options, at=at, cloud=short_clouds_name([goal.cloud for goal in confirmed.goals]), hosts=confirmed.usable):
        if at - REPLAN_BEFORE > time.time():
            await countdown(at - REPLAN_BEFORE, at, notify, watched=watched)
            given = await asyncio.to_thread(load, request, options, notify)
            confirmed = await _accept_changes(confirmed, await _make_plan(given, request, options), options, operator)
        await countdown(at, at, notify, watched=watched)
    given = await asyncio.to_thread(load, request, options, notify)

    class AtStart(TerminalOperator):
        """Asks only where the plan has become worse since it was confirmed."""

        async def confirm_plan(self, plan: Plan) -> bool:
            await _accept_changes(confirmed, plan, options, operator)
            return True

    return await roll_out(
        given, options, ProcessResources(), AtStart(), front_end, expect=request.expect, instead_of=old, ask=True
    )


async def _make_plan(given: RolloutInput, request: RunRequest, options: Options) -> Plan:
    async with open_clients(given.site, options) as (services, _):
        made = await checked_plan(given, services, request.expect, options, notify)
    if options.yes and given.rehearsal is None:
        refuse_unverified_protection(made)
    return made


async def _accept_changes(confirmed: Plan, made: Plan, options: Options, operator: Operator) -> Plan:
    """The new plan, where it is no worse or the operator confirms it. Raises Refused."""
    found = worse(confirmed, made)
    if not found:
        notify("the plan was made again: it is not worse than the confirmed plan")
        return made if options.yes else made.confirmed()
    lines = [f"worse than in the confirmed plan: {line}" for line in found[:20]]
    lines += [f"and {len(found) - 20} more"] if len(found) > 20 else []
    if options.yes or options.headless:
        raise Refused(lines)
    for line in lines:
        notify(line)
    if not await operator.confirm_plan(made):
        raise Refused(["the new plan was not confirmed"])
    return made.confirmed()


async def countdown(
    until: float,
    start: float,
    notify: Callable[[str], None],
    *,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    watched: bool,
) -> None:
    """Wait until real time `until`, and show the time left to `start`: every second on a terminal (`watched`)."""
    last_line = float("-inf")
    while (left := until - now()) > 0:
        if watched:
            sys.stderr.write(f"\r\x1b[K{_countdown_text(start, now())}")
            sys.stderr.flush()
        elif now() - last_line >= _LINE_INTERVAL:
            last_line = now()
            notify(_countdown_text(start, now()))
        await sleep(min(1.0 if watched else _LINE_INTERVAL, left))
    if watched:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _countdown_text(start: float, now: float) -> str:
    return f"starts in {duration(max(0.0, start - now))}, at {local_zone().words(start)}; ctrl+c cancels; nothing has started yet"
