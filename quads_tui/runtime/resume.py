"""An interrupted rollout, taken up again from its journal."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from quads_tui.engine.resume_state import recall
from quads_tui.inputs import Assignment, HostSpec, Site, check_speed, load_site
from quads_tui.journal.catalogue import StoredRollout
from quads_tui.journal.locks import JournalLock
from quads_tui.journal.reader import JournalReader, NoJournal
from quads_tui.journal.servers import spelled
from quads_tui.planning.planner import surveyed_again
from quads_tui.rollout.events import Event
from quads_tui.rollout.plan import Plan, plan_from
from quads_tui.rollout.plan_diff import worse
from quads_tui.rollout.ports import RETRYABLE
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout

from .clients import Services
from .launch import bmc_survey, confirm_other_foreman, connected, roll_out
from .operator import FrontEnd, Operator
from .options import Options, Refused, Usage
from .process_resources import ProcessResources
from .rollout_input import RolloutInput
from .runner import RolloutRunner


async def resume(
    kept: StoredRollout,
    options: Options,
    resources: ProcessResources,
    operator: Operator,
    front_end: FrontEnd,
    *,
    failed: bool = False,
    ask: bool,
) -> int:
    """As launch.roll_out, for a rollout that another process began.

    `failed`: take up failed, skipped and held hosts. `ask`: somebody is asked where the plan has become worse since it was
    confirmed; what was confirmed is not asked again.
    """
    site = _site(kept, options)
    if "plan" not in kept.facts:
        return await _begin_anew(kept, site, options, resources, operator, front_end)
    check_speed(site, [host.address for host in _plan(kept).hosts])
    async with resources.writer_to(site, take_over=options.take_over, say=operator.say) as writer:
        lock = JournalLock(kept.directory, take_over=options.take_over)
        try:
            async with connected(site, options) as (services, clock):
                runner = RolloutRunner(
                    site=site,
                    services=services,
                    clock=clock,
                    options=options if failed else replace(options, yes=True),
                    resources=resources,
                    writer=writer,
                    front_end=front_end,
                    rehearsal=kept.rehearsal,
                )
                return await _resumed(kept, site, options, runner, operator, failed=failed, ask=ask)
        finally:
            lock.release()


async def _resumed(
    kept: StoredRollout,
    site: Site,
    options: Options,
    runner: RolloutRunner,
    operator: Operator,
    *,
    failed: bool,
    ask: bool,
) -> int:
    plan = _plan(kept)
    journal = runner.journal(kept.journal, existing=True)
    try:
        events = await asyncio.to_thread(_events, kept)
        await confirm_other_foreman(runner.writer, runner.services, operator, ask=ask)
        rollout = _replayed(kept, plan, site, events)
        now = plan if kept.rehearsal else await _surveyed_again(rollout, site, runner.services, options, operator)
        if now is not plan:
            if ask:
                agreed = await _still_agreed(plan, now, _untouched(rollout), operator)
                if agreed is None:
                    operator.say("nothing was done")
                    return 4
                now = agreed
            plan = now
            await journal.describe({"plan": asdict(plan)})
            rollout = _replayed(kept, plan, site, events)
        if failed and not await _agreed_to_retry(rollout, options, operator):
            operator.say("nothing was done")
            return 4
        for line in _state_words(rollout, events):
            operator.say(line)
        await journal.describe({"ended": None})
        return await runner.run(journal, rollout, recalled=recall(plan, events), retry_ended=failed)
    finally:
        await journal.close()


def _replayed(kept: StoredRollout, plan: Plan, site: Site, events: list[Event]) -> Rollout:
    rollout = Rollout(kept.id, plan, speed=site.speed)
    rollout.pace.seed(kept.seeds)
    for event in events:
        rollout.apply(event)
    return rollout


def _untouched(rollout: Rollout) -> set[str]:
    """Nothing was begun with them yet."""
    hosts = rollout.hosts.values()
    return {host.name for host in hosts if host.status is HostStatus.QUEUED and host.stage is None}


async def _surveyed_again(rollout: Rollout, site: Site, services: Services, options: Options, operator: Operator) -> Plan:
    """The plan with what the BMCs of untouched hosts say now. A Foreman that is away now is waited for by the rollout itself."""
    survey = bmc_survey(services, operator.say) if options.survey else None
    return await surveyed_again(rollout.plan, _untouched(rollout), site, services.foreman, survey, operator.say)


async def _still_agreed(confirmed: Plan, now: Plan, untouched: set[str], operator: Operator) -> Plan | None:
    """What has become worse since it was confirmed is asked once more, with the part of the plan that it is about."""
    part = replace(now, hosts=tuple(host for host in now.hosts if host.name in untouched))
    found = worse(confirmed, part)
    if not found:
        return now
    for line in found[:20]:
        operator.say(f"since the plan was confirmed: {line}")
    if not await operator.agree_to_plan(part):
        return None
    accepted = {host.name: host for host in part.confirmed().hosts}
    return replace(now, hosts=tuple(accepted.get(host.name, host) for host in now.hosts))


async def _begin_anew(
    kept: StoredRollout,
    site: Site,
    options: Options,
    resources: ProcessResources,
    operator: Operator,
    front_end: FrontEnd,
) -> int:
    """It died before its plan was confirmed: nothing has happened, so it begins again with the assignment as it was."""
    lock = JournalLock(kept.directory)
    for suffix in ("", "-wal", "-shm"):
        kept.directory.joinpath(f"journal.db{suffix}").unlink(missing_ok=True)
    lock.release()
    operator.say(f"{kept.id} ended before its plan was confirmed: it is planned again")
    facts = kept.facts["assignments"] if "assignments" in kept.facts else [kept.facts["assignment"]]
    given = RolloutInput(tuple(_assignment(one) for one in facts), site, rehearsal=kept.rehearsal)
    options = replace(options, yes=options.yes or kept.rehearsal is not None)
    return await roll_out(given, options, resources, operator, front_end)


def _site(kept: StoredRollout, options: Options) -> Site:
    """As it was given; the same Foreman, whatever the file says now. Raises InputError and Refused."""
    site = load_site(options.site or Path(kept.facts["site"]))
    if spelled(site.foreman.url) != spelled(kept.facts["foreman"]):
        raise Refused([f"{site.path} now names the Foreman {site.foreman.url}; {kept.id} was begun on {kept.facts['foreman']}"])
    return site


def _plan(kept: StoredRollout) -> Plan:
    try:
        return plan_from(kept.facts["plan"])
    except (ValueError, KeyError, TypeError) as error:
        raise Usage(f"{kept.journal}: its plan cannot be read: {error}") from None


def _events(kept: StoredRollout) -> list[Event]:
    try:
        reader = JournalReader(kept.journal)
    except NoJournal as error:
        raise Usage(str(error)) from None
    try:
        return [event for _, event in reader.events()]
    except (ValueError, KeyError, TypeError) as error:
        raise Usage(f"{kept.journal} cannot be read: {error}") from None
    finally:
        reader.close()


def _state_words(rollout: Rollout, events: list[Event]) -> list[str]:
    began = datetime.fromtimestamp(rollout.started_at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    counts = ", ".join(f"{count} {status.value}" for status, count in rollout.counts.items() if count)
    last = datetime.fromtimestamp(events[-1].at).astimezone().strftime("%H:%M:%S") if events else "never"
    lines = [f"resuming {rollout.id}: begun {began}, last word {last}; {counts}"]
    if rollout.armed:
        lines.append(f"  armed when it ended, the next boot wipes them: {', '.join(list(rollout.armed)[:10])}")
    return lines


async def _agreed_to_retry(rollout: Rollout, options: Options, operator: Operator) -> bool:
    """`--failed` may wipe hosts again: that is asked, and what was installed is counted."""
    hosts = [host for host in rollout.hosts.values() if host.status in RETRYABLE]
    if options.yes or not hosts:
        return True
    return await operator.agree_to_retry(len(hosts), sum(host.stage is Stage.INSTALL for host in hosts))


def _assignment(facts: dict[str, Any]) -> Assignment:
    known = {member.name for member in fields(Assignment)}  # journals of before may tell more
    facts = {name: value for name, value in facts.items() if name in known}
    hosts = tuple(HostSpec(**host) for host in facts["hosts"])
    words = {name: tuple(facts[name]) for name in ("ccuser", "notes")}
    return Assignment(**{**facts, **words, "path": Path(facts["path"]), "hosts": hosts})
