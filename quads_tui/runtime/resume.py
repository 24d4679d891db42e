"""Resumes an interrupted rollout from its journal."""

from __future__ import annotations

import asyncio
from contextlib import closing, suppress
from copy import copy
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from quads_tui.engine.resume_state import recall
from quads_tui.inputs import Assignment, HostSpec, Site, check_speed, load_site
from quads_tui.journal.catalogue import StoredRollout
from quads_tui.journal.locks import JournalLock
from quads_tui.journal.reader import JournalReader, NoJournal
from quads_tui.journal.servers import spelled
from quads_tui.planning.planner import survey_untouched
from quads_tui.render.comments import comments_summary
from quads_tui.rollout.counts import count
from quads_tui.rollout.events import Event, HostChanged, StageChanged
from quads_tui.rollout.forecast import forecast
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.plan import Plan, plan_from
from quads_tui.rollout.plan_diff import worse
from quads_tui.rollout.ports import RETRYABLE
from quads_tui.rollout.rollout_time import RolloutTime
from quads_tui.rollout.scrub import SECRETS
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.time_limit import assumed_words, not_begun
from quads_tui.rollout.time_words import date_and_time
from quads_tui.rollout.waits import time_limit_words

from .clients import Services, check_ipmitool
from .launch import bmc_survey, confirm_other_foreman, open_clients, roll_out
from .operator import FrontEnd, Operator
from .options import Options, Refused, Usage
from .process_resources import ProcessResources
from .rollout_input import RolloutInput
from .runner import RolloutRunner


async def resume(
    stored: StoredRollout,
    options: Options,
    resources: ProcessResources,
    operator: Operator,
    front_end: FrontEnd,
    *,
    failed: bool = False,
    ask: bool,
    until: float | None = None,
) -> int:
    """As launch.roll_out, for a rollout that another process started.

    `failed`: retry failed, skipped and held hosts. `ask`: ask where the plan has become worse since it was confirmed; what was
    confirmed is not asked again. `until`: another time limit (real time), 0 for none; None: that of the rollout.
    """
    if stored.home:
        words = "continue it there: quads-tui resume, or attach, with --cluster DSN"
        raise Refused([f"{stored.id} is a copy of a rollout of {stored.home}, whose workers carry it out; {words}"])
    site = _load_site(stored, options)
    if "plan" not in stored.facts:
        return await _plan_again(stored, site, options, resources, operator, front_end, until)
    addresses = [host.address for host in _stored_plan(stored).hosts]
    check_speed(site, addresses)
    check_ipmitool(site, addresses)
    async with (
        resources.metrics.served(site, options, operator.notify) as metrics,
        resources.writer_to(site, take_over=options.take_over, notify=operator.notify) as writer,
    ):
        options.private_directory(stored.directory)  # it may belong to another user
        lock = JournalLock(stored.directory, take_over=options.take_over)
        try:
            async with open_clients(site, options) as (services, clock):
                runner = RolloutRunner(
                    site=site,
                    services=services,
                    clock=clock,
                    options=options if failed else replace(options, yes=True),
                    resources=resources,
                    writer=writer,
                    front_end=front_end,
                    metrics=metrics,
                    rehearsal=stored.rehearsal,
                )
                return await _resume_with(stored, site, options, runner, operator, failed=failed, ask=ask, until=until)
        finally:
            lock.release()


async def _resume_with(
    stored: StoredRollout,
    site: Site,
    options: Options,
    runner: RolloutRunner,
    operator: Operator,
    *,
    failed: bool,
    ask: bool,
    until: float | None,
) -> int:
    kept = plan = _stored_plan(stored)
    if until is not None:
        plan = replace(plan, until=until)
    SECRETS.spare(plan.names)
    journal = runner.journal(stored.journal, existing=True)
    try:
        events = await asyncio.to_thread(_stored_events, stored)
        runner.services.recall_refusals(plan, events)
        await confirm_other_foreman(runner.writer, runner.services, operator, ask=ask)
        if plan.until and not (failed or stored.owed or stored.undecided):
            _refuse_late(_replay(stored, plan, site, events), runner.clock.wall())
        untouched = untouched_hosts(plan, events)
        now = plan if stored.rehearsal else await _surveyed_again(plan, untouched, site, runner.services, options, operator)
        if now is not plan:
            if ask:
                agreed = await _confirm_changes(plan, now, untouched, operator)
                if agreed is None:
                    operator.notify("nothing was done")
                    return 4
                now = agreed
            plan = now
        if plan is not kept:
            await journal.describe({"plan": asdict(plan)})
        rollout = _replay(stored, plan, site, events)  # once: it takes seconds where the hosts are thousands
        rollout.time.heard(await asyncio.to_thread(_last_sample, stored))
        if failed and not await _confirm_retry(rollout, options, operator):
            operator.notify("nothing was done")
            return 4
        await asyncio.to_thread(recall_samples, stored, runner.services.meters, rollout.time)
        for line in [*_summary(rollout, events), *_limit_words(rollout, runner.clock.wall())]:
            operator.notify(line)
        await journal.describe({"ended": None})
        return await runner.run(journal, rollout, recalled=recall(plan, events), retry_ended=failed)
    finally:
        await journal.close()


def _replay(stored: StoredRollout, plan: Plan, site: Site, events: list[Event]) -> Rollout:
    rollout = Rollout(stored.id, plan, speed=site.speed)
    rollout.durations.seed(stored.seeds, {**stored.learned, "install": site.limits.install})
    for event in events:
        rollout.apply(event)
    return rollout


def recall_samples(stored: StoredRollout, meters: Meters, time: RolloutTime) -> None:
    """The samples of earlier processes, for the graphs of the whole run. Nothing depends on them: damaged ones are left out."""
    with suppress(NoJournal, ValueError), closing(JournalReader(stored.journal)) as reader:
        for sample in reader.samples():
            with suppress(KeyError, ValueError, TypeError):
                meters.recall(sample.data, sample.at, speed=time.speed_at(sample.at))


def _refuse_late(rollout: Rollout, now: float) -> None:
    """Raises Usage where nothing could be done: all that is left are hosts that the time limit leaves."""
    left = [host.name for host in rollout.hosts.values() if not host.status.is_final]
    if rollout.plan.until and left and _late(rollout, now) == set(left):
        until = time_limit_words(rollout.plan.until, rollout.time)
        raise Usage(
            f"{count(len(left), 'host')} unfinished, each less than 90 % likely to be done by the time limit, {until}: "
            f"resume with --until TIME for another limit, or --until none for no limit"
        )


def _limit_words(rollout: Rollout, now: float) -> list[str]:
    """How many of the hosts that are left the time limit leaves."""
    if not rollout.plan.until or not (waiting := not_begun(rollout)):
        return []
    fit = f"{len(waiting) - len(_late(rollout, now))} of {count(len(waiting), 'host')} not started"
    assumed = assumed_words(rollout, now)
    limit = f"  time limit {time_limit_words(rollout.plan.until, rollout.time)}: expected to be done by then: {fit}"
    return [limit, *([f"  {assumed}"] if assumed else [])]


def _late(rollout: Rollout, now: float) -> set[str]:
    """As it will be foreseen when the rollout goes on."""
    going_on = copy(rollout)
    going_on.ended_at, going_on.paused = None, {}
    return set(forecast(going_on, Meters(), now).late)


def untouched_hosts(plan: Plan, events: list[Event]) -> set[str]:
    """The hosts on which nothing was started yet: queued, and at no stage; those that were skipped before that included."""
    waiting = {host.name for host in plan.hosts}
    tried: set[str] = set()
    at_stage: set[str] = set()
    for event in events:
        if isinstance(event, StageChanged):
            tried.add(event.host)
            if event.status is StageStatus.STARTED:
                waiting.discard(event.host)
                at_stage.add(event.host)
        elif isinstance(event, HostChanged):
            queued = event.status is HostStatus.QUEUED
            (waiting.add if queued else waiting.discard)(event.host)
            if queued and event.host not in tried:  # as Rollout has it
                at_stage.discard(event.host)
            elif event.stage is not None:
                at_stage.add(event.host)
    return {host.name for host in plan.hosts if host.name in waiting and host.name not in at_stage}


async def _surveyed_again(
    plan: Plan, untouched: set[str], site: Site, services: Services, options: Options, operator: Operator
) -> Plan:
    """The plan with the current findings of the BMCs of untouched hosts. If Foreman is away, the rollout itself waits for it."""
    survey = bmc_survey(services, operator.notify) if options.survey else None
    return await survey_untouched(plan, untouched, site, services.foreman, survey, operator.notify)


async def _confirm_changes(confirmed: Plan, now: Plan, untouched: set[str], operator: Operator) -> Plan | None:
    """Ask about what has become worse since the plan was confirmed; None: not confirmed."""
    part = replace(now, hosts=tuple(host for host in now.hosts if host.name in untouched))
    found = worse(confirmed, part)
    if not found:
        return now
    for line in found[:20]:
        operator.notify(f"changed since the plan was confirmed: {line}")
    if not await operator.confirm_plan(part):
        return None
    accepted = {host.name: host for host in part.confirmed().hosts}
    return replace(now, hosts=tuple(accepted.get(host.name, host) for host in now.hosts))


async def _plan_again(
    stored: StoredRollout,
    site: Site,
    options: Options,
    resources: ProcessResources,
    operator: Operator,
    front_end: FrontEnd,
    until: float | None,
) -> int:
    """It ended before its plan was confirmed, so nothing was done: plan again with the assignment as it was."""
    lock = JournalLock(stored.directory)
    for suffix in ("", "-wal", "-shm"):
        stored.directory.joinpath(f"journal.db{suffix}").unlink(missing_ok=True)
    lock.release()
    operator.notify(f"{stored.id} ended before its plan was confirmed; making a new plan")
    facts = stored.facts["assignments"] if "assignments" in stored.facts else [stored.facts["assignment"]]
    until = float(stored.facts.get("until") or 0.0) if until is None else until
    given = RolloutInput(tuple(_assignment_from(one) for one in facts), site, rehearsal=stored.rehearsal, until=until)
    options = replace(options, yes=options.yes or stored.rehearsal is not None, canary=stored.facts.get("canary"))
    return await roll_out(given, options, resources, operator, front_end)


def _load_site(stored: StoredRollout, options: Options) -> Site:
    """The site file of the rollout. Raises InputError, and Refused if it names another Foreman now."""
    site = load_site(options.site or Path(stored.facts["site"]))
    if spelled(site.foreman.url) != spelled(stored.facts["foreman"]):
        raise Refused(
            [
                f"{site.path} now contains the Foreman {site.foreman.url}, but {stored.id} was started on "
                f"{stored.facts['foreman']}: use the site file of that Foreman (--site)"
            ]
        )
    return site


def _stored_plan(stored: StoredRollout) -> Plan:
    try:
        return plan_from(stored.facts["plan"])
    except (ValueError, KeyError, TypeError) as error:
        raise Usage(f"{stored.journal}: its plan cannot be read: {error}") from None


def _stored_events(stored: StoredRollout) -> list[Event]:
    try:
        reader = JournalReader(stored.journal)
    except NoJournal as error:
        raise Usage(str(error)) from None
    try:
        return [event for _, event in reader.events()]
    except (ValueError, KeyError, TypeError) as error:
        raise Usage(f"{stored.journal} cannot be read: {error}") from None
    finally:
        reader.close()


def _last_sample(stored: StoredRollout) -> float:
    with closing(JournalReader(stored.journal)) as reader:
        return reader.last_sample()


def _summary(rollout: Rollout, events: list[Event]) -> list[str]:
    time = rollout.time
    began = date_and_time(rollout.started_at) + (f" (at {time.speed_words})" if time.speed_words else "")
    counts = ", ".join(f"{count} {status.value}" for status, count in rollout.counts.items() if count)
    last = time.time_of_day(events[-1].at) if events else "never"
    lines = [f"resuming {rollout.id}: started {began}, last event {last}; {counts}"]
    if comments := comments_summary(rollout.hosts.values()):
        lines.append(f"  {comments}")
    if rollout.armed:
        lines.append(f"  armed (the next boot reinstalls them): {', '.join(list(rollout.armed)[:10])}")
    return lines


async def _confirm_retry(rollout: Rollout, options: Options, operator: Operator) -> bool:
    """`--failed` may wipe hosts again, so it asks, with the number of hosts that booted into the installer."""
    hosts = [host for host in rollout.hosts.values() if host.status in RETRYABLE]
    if options.yes or not hosts:
        return True
    return await operator.confirm_retry(len(hosts), sum(host.stage is Stage.INSTALL for host in hosts))


def _assignment_from(facts: dict[str, Any]) -> Assignment:
    known = {member.name for member in fields(Assignment)}  # older journals may have further members
    facts = {name: value for name, value in facts.items() if name in known}
    hosts = tuple(HostSpec(**host) for host in facts["hosts"])
    words = {name: tuple(facts[name]) for name in ("ccuser", "notes")}
    return Assignment(**{**facts, **words, "path": Path(facts["path"]), "hosts": hosts})
