"""A new rollout of this process: lock, journal, plan, question; then it runs to its end."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from quads_tui.engine.clock import RealClock
from quads_tui.inputs import Site
from quads_tui.journal.catalogue import StoredRollout, known_pace, stored_rollouts
from quads_tui.journal.foreman_lock import ServerIdentity
from quads_tui.journal.locks import JournalLock
from quads_tui.journal.servers import spelled
from quads_tui.planning.bmc_survey import BmcSurvey
from quads_tui.planning.planner import make_plan
from quads_tui.rollout.causes import CredentialsRefused, StageFailure
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.state import Rollout

from .clients import Services, open_services
from .operator import FrontEnd, Operator
from .options import Options, Refused, raise_file_limit, who
from .process_resources import ProcessResources, Writer
from .rollout_input import RolloutInput
from .runner import RolloutRunner


@asynccontextmanager
async def connected(site: Site, options: Options) -> AsyncIterator[tuple[Services, RealClock]]:
    """The clients. Raises InputError."""
    raise_file_limit()
    clock = RealClock(site.speed)
    services = await open_services(site, clock, options.state)
    try:
        yield services, clock
    finally:
        await services.http.close()


async def roll_out(
    given: RolloutInput,
    options: Options,
    resources: ProcessResources,
    operator: Operator,
    front_end: FrontEnd,
    *,
    expect: int | None = None,
    instead_of: StoredRollout | None = None,
    ask: bool | None = None,
) -> int:
    """From the plan to the end of the rollout; gives the exit status.

    `expect`: the number of hosts that the plan must have. `instead_of`: an unfinished rollout that is no longer to be resumed
    once this one is confirmed. `ask`: whether the plan is to be confirmed; None: unless the options say yes. Raises Refused,
    LockHeld, JournalBroken, InputError.
    """
    ask = not options.yes if ask is None else ask
    async with (
        resources.writer_to(given.site, take_over=options.take_over, say=operator.say) as writer,
        connected(given.site, options) as (services, clock),
    ):
        runner = RolloutRunner(
            site=given.site,
            services=services,
            clock=clock,
            options=options,
            resources=resources,
            writer=writer,
            front_end=front_end,
            rehearsal=given.rehearsal,
        )
        return await _rolled_out(given, options, runner, operator, expect=expect, instead_of=instead_of, ask=ask)


async def _rolled_out(
    given: RolloutInput,
    options: Options,
    runner: RolloutRunner,
    operator: Operator,
    *,
    expect: int | None,
    instead_of: StoredRollout | None,
    ask: bool,
) -> int:
    services = runner.services
    rollout_id = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{_clouds(given)}-{secrets.token_hex(2)}"
    directory = options.state / "rollouts" / rollout_id
    journal = runner.journal(directory / "journal.db")
    lock = JournalLock(directory)
    try:
        await journal.describe(_facts(rollout_id, given))
        try:
            made = await planned(given, services, expect, survey=options.survey, say=operator.say)
            if options.yes and given.rehearsal is None:
                refuse_unguarded(made)
            await confirm_other_foreman(runner.writer, services, operator, ask=not options.yes)
            if ask and not await operator.agree_to_plan(made):
                operator.say("nothing was done")
                await journal.discard()
                return 4
            if not options.yes:
                made = made.confirmed()
        except BaseException:
            await journal.discard()
            raise
        seeds = {} if given.rehearsal else await asyncio.to_thread(known_pace, options.state, given.site.foreman.url)
        await journal.describe({"plan": asdict(made), "seeds": seeds})
        if instead_of is not None:
            await _supersede(instead_of, runner, rollout_id)
        rollout = Rollout(rollout_id, made, speed=given.site.speed)
        rollout.pace.seed(seeds)
        return await runner.run(journal, rollout)
    finally:
        await journal.close()
        lock.release()


async def confirm_other_foreman(writer: Writer, services: Services, operator: Operator, *, ask: bool) -> None:
    """Ask where somebody writes to what may be this very Foreman under another address; `ask` False: nobody is there to be asked.

    Raises Refused. Front ends and wildcard certificates are legitimate, so only a human can tell.
    """
    try:
        certificate, url = await services.foreman.identity()
    except (StageFailure, CredentialsRefused):
        return  # away: the rollout waits for it; its address is locked
    words = await writer.alike(ServerIdentity(certificate, url))
    if not words:
        return
    if not ask or not operator.can_answer:
        other = "if it is another Foreman, start at a terminal, without --yes, and answer"
        raise Refused([f"{words}; {other}; if it is the same, wait until that rollout has ended"])
    if not await operator.confirm(f"{words[0].upper()}{words[1:]}. Is it another Foreman than {services.foreman.url}?"):
        raise Refused([f"{words}, and was not confirmed to be another one"])


def _clouds(given: RolloutInput) -> str:
    """For a rollout's name: its cloud, and how many more."""
    first, *more = given.assignments
    return f"{first.cloud}+{len(more)}" if more else first.cloud


async def _supersede(old: StoredRollout, runner: RolloutRunner, by: str) -> None:
    lock = JournalLock(old.directory)
    journal = runner.journal(old.journal, existing=True)
    await journal.describe({"ended": {"reason": f"superseded by {by}", "unfinished": 0}})
    await journal.close()
    lock.release()


def bmc_survey(services: Services, say: Callable[[str], None]) -> BmcSurvey:
    """How BMCs are looked at for a plan."""
    survey = BmcSurvey(services.bmc, services.foreman.provisioning_macs, say)
    services.subscribe(lambda one: survey.heard(one.host) if one.status else None)
    return survey


async def planned(
    given: RolloutInput, services: Services, expect: int | None, *, survey: bool, say: Callable[[str], None]
) -> Plan:
    """The same for plan, run and the start screen. A rehearsal never asks, so it does not ask the BMCs either. Raises Refused."""
    count = sum(len(assignment.hosts) for assignment in given.assignments)
    unexpected = [f"the plan has {count} hosts, not {expect} (--expect)"] if expect not in (None, count) else []
    looks = bmc_survey(services, say) if survey and given.rehearsal is None and not unexpected else None
    try:
        made = await make_plan(given.assignments, given.site, services.foreman, say, looks)
    except (StageFailure, CredentialsRefused) as error:
        raise Refused([str(error)]) from None
    if made.refusals or unexpected:
        raise Refused([*made.refusals, *unexpected])
    return made


def refuse_unguarded(made: Plan) -> None:
    """Raises Refused where nobody is asked and a host's BMC may be that of a protected host."""
    if words := made.unguarded_words:
        remedy = "try again when the name service answers, or start at a terminal, without --yes, and answer"
        raise Refused([*made.untold, f"{words}; {remedy}"])


def unfinished_like(given: RolloutInput, options: Options) -> StoredRollout | None:
    """The newest unfinished rollout on this Foreman that has hosts of this assignment."""
    names = {host.name for assignment in given.assignments for host in assignment.hosts}
    for rollout in stored_rollouts(options.state):
        facts = rollout.facts
        if not rollout.unfinished or rollout.rehearsal or "plan" not in facts:
            continue
        if spelled(facts["foreman"]) != spelled(given.site.foreman.url):
            continue
        if names & {host["name"] for host in facts["plan"]["hosts"]}:
            return rollout
    return None


def _facts(rollout_id: str, given: RolloutInput) -> dict[str, Any]:
    """What a resume needs to find everything again: paths, the assignment as it was, who and when."""
    return {
        "rollout": rollout_id,
        "created_at": time.time(),
        "who": who(),
        "site": str(given.site.path.absolute()),
        "foreman": given.site.foreman.url,
        "assignments": json.loads(json.dumps([asdict(assignment) for assignment in given.assignments], default=str)),
        "rehearsal": str(given.rehearsal) if given.rehearsal else None,
        "speed": given.site.speed,
    }
