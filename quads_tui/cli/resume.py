"""An interrupted rollout, taken up again from its journal."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from quads_tui.engine.resume_state import recall
from quads_tui.inputs import Assignment, HostSpec, Site, check_speed, load_site
from quads_tui.journal.catalogue import NotFound, StoredRollout, find, newest
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
from quads_tui.runtime.clients import Services
from quads_tui.runtime.options import Options, Refused, Usage, say
from quads_tui.runtime.process_resources import Writer
from quads_tui.runtime.runner import RolloutRunner, Show

from .rehearse import adopted, emulators_run
from .run import OperatorPrompt, RolloutInput, alone, bmc_survey, confirmed, connected, front_end, guarded, roll_out


def resume(name: str | None, *, failed: bool, options: Options) -> int:
    """Gives the exit status; 0 when there is nothing to resume."""

    def work() -> int:
        rollout = _chosen(name, options, failed)
        if rollout is None or not (rollout.unfinished or rollout.owed or rollout.undecided or failed):
            say(f"nothing to resume: {_why_nothing(rollout, options)}")
            return 0
        return go_on(rollout, options, failed=failed)

    return guarded(options, work)


def go_on(rollout: StoredRollout, options: Options, *, failed: bool = False) -> int:
    """In this process. A rehearsal's emulators end with it, as they do with the first console."""
    if rollout.trouble:
        raise Usage(rollout.trouble)
    if rollout.rehearsal is None:
        return asyncio.run(resumed(rollout, options, failed))
    if not emulators_run(rollout.rehearsal):
        raise Refused([f"the emulators of the rehearsal {rollout.id} have ended: there is nothing to go on with"])
    with adopted(rollout.rehearsal):
        return asyncio.run(resumed(rollout, options, failed))


def _chosen(name: str | None, options: Options, failed: bool) -> StoredRollout | None:
    if name is None:
        if failed:
            raise Usage("--failed needs the rollout's name: see quads-tui rollouts")
        return newest(options.state, _has_servers, held=options.take_over)
    try:
        return find(options.state, name)
    except NotFound as error:
        raise Usage(str(error)) from None


def _has_servers(rollout: StoredRollout) -> bool:
    return rollout.rehearsal is None or emulators_run(rollout.rehearsal) > 0


def _why_nothing(rollout: StoredRollout | None, options: Options) -> str:
    if rollout is not None:
        return f"the rollout {rollout.id} has ended; --failed takes up its failed, skipped and held hosts"
    running = newest(options.state, _has_servers, held=True)
    if running is None:
        return f"no unfinished rollout in {options.state / 'rollouts'}"
    who_runs = running.holder() or "another process"
    again = f"quads-tui resume {running.id} --take-over"
    return f"the rollout {running.id} is run by {who_runs}. If you know that it is stopped for good: {again}"


async def resumed(
    kept: StoredRollout, options: Options, failed: bool, *, show: Show | None = None, desk: OperatorPrompt | None = None
) -> int:
    """As roll_out, for one that another process began."""
    desk = desk or OperatorPrompt()
    site = _site(kept, options)
    if "plan" not in kept.facts:
        return await _begun_anew(kept, site, options, show, desk)
    ask = not options.yes and (show is not None or (options.terminal and not options.headless))
    options = front_end(options if failed else replace(options, yes=True), show)  # the plan was confirmed; only more is asked
    check_speed(site, [host.address for host in _plan(kept).hosts])
    async with desk.station.writer_to(site, take_over=options.take_over, say=desk.say) as writer:
        lock = JournalLock(kept.directory, take_over=options.take_over)
        try:
            return await _gone_on(kept, site, options, failed, writer, show, desk, ask)
        finally:
            lock.release()


async def _gone_on(
    kept: StoredRollout,
    site: Site,
    options: Options,
    failed: bool,
    writer: Writer,
    show: Show | None,
    desk: OperatorPrompt,
    ask: bool,
) -> int:
    plan = _plan(kept)
    async with connected(site, options) as (services, clock):
        conductor = RolloutRunner(
            site, services, clock, options, desk.station, writer=writer, rehearsal=kept.rehearsal, show=show
        )
        journal = conductor.journal(kept.journal, existing=True)
        try:
            events = await asyncio.to_thread(_events, kept)
            await alone(writer, services, desk, ask=ask)
            rollout = _replayed(kept, plan, site, events)
            now = plan if kept.rehearsal else await _looked_again(rollout, site, services, options, desk)
            if now is not plan:
                if ask:
                    agreed = await _still_agreed(plan, now, _untouched(rollout), desk)
                    if agreed is None:
                        desk.say("nothing was done")
                        return 4
                    now = agreed
                plan = now
                await journal.describe({"plan": asdict(plan)})
                rollout = _replayed(kept, plan, site, events)
            if failed and not await _agreed(rollout, options):
                desk.say("nothing was done")
                return 4
            for line in _where(rollout, events):
                desk.say(line)
            await journal.describe({"ended": None})
            return await conductor.conduct(journal, rollout, recalled=recall(plan, events), retry_ended=failed)
        finally:
            await journal.close()


def _replayed(kept: StoredRollout, plan: Plan, site: Site, events: list[Event]) -> Rollout:
    rollout = Rollout(kept.id, plan, speed=site.speed)
    rollout.durations.seed(kept.seeds)
    for event in events:
        rollout.apply(event)
    return rollout


def _untouched(rollout: Rollout) -> set[str]:
    """Nothing was begun with them yet."""
    hosts = rollout.hosts.values()
    return {host.name for host in hosts if host.status is HostStatus.QUEUED and host.stage is None}


async def _looked_again(rollout: Rollout, site: Site, services: Services, options: Options, desk: OperatorPrompt) -> Plan:
    """The plan with what the BMCs of untouched hosts say now. A Foreman that is away now is waited for by the rollout itself."""
    survey = bmc_survey(services, desk.say) if options.survey else None
    return await surveyed_again(rollout.plan, _untouched(rollout), site, services.foreman, survey, desk.say)


async def _still_agreed(confirmed: Plan, now: Plan, untouched: set[str], desk: OperatorPrompt) -> Plan | None:
    """What has become worse since it was confirmed is asked once more, with the part of the plan that it is about."""
    part = replace(now, hosts=tuple(host for host in now.hosts if host.name in untouched))
    found = worse(confirmed, part)
    if not found:
        return now
    for line in found[:20]:
        desk.say(f"since the plan was confirmed: {line}")
    if not await desk.agreed(part):
        return None
    accepted = {host.name: host for host in part.confirmed().hosts}
    return replace(now, hosts=tuple(accepted.get(host.name, host) for host in now.hosts))


async def _begun_anew(kept: StoredRollout, site: Site, options: Options, show: Show | None, desk: OperatorPrompt) -> int:
    """It died before its plan was confirmed: nothing has happened, so it begins again with the assignment as it was."""
    lock = JournalLock(kept.directory)
    for suffix in ("", "-wal", "-shm"):
        kept.directory.joinpath(f"journal.db{suffix}").unlink(missing_ok=True)
    lock.release()
    desk.say(f"{kept.id} ended before its plan was confirmed: planned anew")
    rehearsing = kept.rehearsal is not None
    given = kept.facts["assignments"] if "assignments" in kept.facts else [kept.facts["assignment"]]
    work = RolloutInput(tuple(_assignment(facts) for facts in given), site, rehearsal=kept.rehearsal)
    return await roll_out(work, replace(options, yes=options.yes or rehearsing), show=show, desk=desk)


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


def _where(rollout: Rollout, events: list[Event]) -> list[str]:
    began = datetime.fromtimestamp(rollout.started_at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    counts = ", ".join(f"{count} {status.value}" for status, count in rollout.counts.items() if count)
    last = datetime.fromtimestamp(events[-1].at).astimezone().strftime("%H:%M:%S") if events else "never"
    lines = [f"resuming {rollout.id}: begun {began}, last word {last}; {counts}"]
    if rollout.armed:
        lines.append(f"  armed when it ended, the next boot wipes them: {', '.join(list(rollout.armed)[:10])}")
    return lines


async def _agreed(rollout: Rollout, options: Options) -> bool:
    """`--failed` may wipe hosts again: that is asked, and what was installed is counted."""
    hosts = [host for host in rollout.hosts.values() if host.status in RETRYABLE]
    installed = sum(host.stage is Stage.INSTALL for host in hosts)
    if options.yes or not hosts:
        return True
    click.echo(f"{len(hosts)} failed, skipped or held hosts; {installed} of them were booted into the installer already.")
    return await confirmed(len(hosts), "retried, and wiped where they are rebuilt")


def _assignment(facts: dict[str, Any]) -> Assignment:
    known = {member.name for member in fields(Assignment)}  # journals of before may tell more
    facts = {name: value for name, value in facts.items() if name in known}
    hosts = tuple(HostSpec(**host) for host in facts["hosts"])
    words = {name: tuple(facts[name]) for name in ("ccuser", "notes")}
    return Assignment(**{**facts, **words, "path": Path(facts["path"]), "hosts": hosts})
