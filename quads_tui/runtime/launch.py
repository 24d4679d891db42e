"""A new rollout of this process: lock, journal, plan, question; then it runs to its end."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from quads_tui.engine.clock import RealClock
from quads_tui.inputs import Site
from quads_tui.journal.catalogue import StoredRollout
from quads_tui.journal.foreman_lock import ServerIdentity
from quads_tui.journal.locks import JournalLock
from quads_tui.planning.bmc_survey import BmcSurvey
from quads_tui.planning.planner import make_plan
from quads_tui.rollout.causes import CredentialsRefused, StageFailure
from quads_tui.rollout.counts import count as counted
from quads_tui.rollout.garbage import settle_garbage
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.waits import time_limit_words

from .clients import Services, open_services
from .learned_store import known_durations, with_history
from .operator import FrontEnd, Operator
from .options import Options, Refused, Usage, current_user, raise_file_limit
from .process_resources import ProcessResources, Writer
from .rollout_input import RolloutInput
from .runner import RolloutRunner


@asynccontextmanager
async def open_clients(site: Site, options: Options, clock: RealClock | None = None) -> AsyncIterator[tuple[Services, RealClock]]:
    """The clients. Raises InputError."""
    raise_file_limit()
    clock = clock or RealClock(site.speed)
    services = await open_services(site, clock, options.state)
    settle_garbage()
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
    instead_of: Sequence[StoredRollout] = (),
    ask: bool | None = None,
) -> int:
    """From the plan to the end of the rollout; returns the exit status.

    `expect`: the number of hosts that the plan must have. `instead_of`: unfinished rollouts that are no longer to be resumed
    once this one is confirmed. `ask`: whether the plan is to be confirmed; None: unless the options say yes. Raises Refused,
    LockHeld, JournalBroken, InputError.
    """
    ask = not options.yes if ask is None else ask
    async with (
        resources.metrics.served(given.site, options, operator.notify) as metrics,
        resources.writer_to(given.site, take_over=options.take_over, notify=operator.notify) as writer,
        open_clients(given.site, options) as (services, clock),
    ):
        runner = RolloutRunner(
            site=given.site,
            services=services,
            clock=clock,
            options=options,
            resources=resources,
            writer=writer,
            front_end=front_end,
            metrics=metrics,
            rehearsal=given.rehearsal,
        )
        return await _plan_and_run(given, options, runner, operator, expect=expect, instead_of=instead_of, ask=ask)


async def _plan_and_run(
    given: RolloutInput,
    options: Options,
    runner: RolloutRunner,
    operator: Operator,
    *,
    expect: int | None,
    instead_of: Sequence[StoredRollout],
    ask: bool,
) -> int:
    services = runner.services
    rollout_id = new_rollout_id(given)
    directory = options.private_directory(options.state / "rollouts" / rollout_id)
    journal = runner.journal(directory / "journal.db")
    lock = JournalLock(directory)
    try:
        await journal.describe(resume_facts(rollout_id, given, options))
        try:
            plan = await checked_plan(given, services, expect, options, operator.notify)
            if options.yes and given.rehearsal is None:
                refuse_unverified_protection(plan)
            await confirm_other_foreman(runner.writer, services, operator, ask=not options.yes)
            if ask and not await operator.confirm_plan(plan):
                operator.notify("nothing was done")
                await journal.discard()
                return 4
            if not options.yes:
                plan = plan.confirmed()
        except BaseException:
            await journal.discard()
            raise
        seeds: dict[str, Any] = {}
        expected: dict[str, Any] = {}
        if given.rehearsal is None:
            url = given.site.foreman.url
            install = given.site.limits.install
            seeds, expected = await asyncio.to_thread(known_durations, options.state, url, plan, install, operator.notify)
            expected = {**expected, "install": install}
        await journal.describe({"plan": asdict(plan), "seeds": seeds, "learned": expected})
        for old in instead_of:
            await _supersede(old, runner, rollout_id)
        rollout = Rollout(rollout_id, plan, speed=given.site.speed)
        rollout.durations.seed(seeds, expected)
        return await runner.run(journal, rollout)
    finally:
        await journal.close()
        lock.release()


async def confirm_other_foreman(writer: Writer, services: Services, operator: Operator, *, ask: bool) -> None:
    """Ask if another process writes to what may be the same Foreman under another address; `ask` False: refuse instead of asking.

    Raises Refused. Front ends and wildcard certificates are legitimate, so only a human can decide.
    """
    try:
        certificate, url = await services.foreman.identity()
    except (StageFailure, CredentialsRefused):
        return  # not reachable: the rollout waits for it, and its address is locked
    words = await writer.same_foreman_elsewhere(ServerIdentity(certificate, url))
    if not words:
        return
    if not ask or not operator.can_answer:
        other = "if these are two different Foreman servers, start from a terminal without --yes and confirm this"
        raise Refused([f"{words}; {other}; if they are the same server, wait until the other rollout ends"])
    here = f"This rollout would write to {services.foreman.url}"
    if not await operator.confirm(f"{words[0].upper()}{words[1:]}. {here}. Are these two different Foreman servers?"):
        raise Refused([f"{words}, and it was not confirmed that these are two different Foreman servers"])


def new_rollout_id(given: RolloutInput) -> str:
    return f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{_cloud_label(given)}-{secrets.token_hex(2)}"


def _cloud_label(given: RolloutInput) -> str:
    """For the rollout id: the cloud, and how many more."""
    first, *more = given.assignments
    return f"{first.cloud}+{len(more)}" if more else first.cloud


async def _supersede(old: StoredRollout, runner: RolloutRunner, by: str) -> None:
    lock = JournalLock(old.directory)
    journal = runner.journal(old.journal, existing=True)
    await journal.describe({"ended": {"reason": f"superseded by {by}", "unfinished": 0}})
    await journal.close()
    lock.release()


def bmc_survey(services: Services, notify: Callable[[str], None]) -> BmcSurvey:
    """The survey of the BMCs of a plan, with `notify` for its progress."""
    survey = BmcSurvey(services.bmc, services.foreman.provisioning_macs, notify)
    services.subscribe(lambda one: survey.on_answer(one.host) if one.status else None)
    return survey


async def checked_plan(
    given: RolloutInput, services: Services, expect: int | None, options: Options, notify: Callable[[str], None]
) -> Plan:
    """The plan, for `plan`, `run` and the start screen. The BMCs of a rehearsal are not surveyed. Raises Refused."""
    count = sum(len(assignment.hosts) for assignment in given.assignments)
    unexpected = [f"the plan has {counted(count, 'host')}, --expect is {expect}"] if expect not in (None, count) else []
    looks = bmc_survey(services, notify) if options.survey and given.rehearsal is None and not unexpected else None
    try:
        plan = await make_plan(given.assignments, given.site, services.foreman, notify, looks)
    except (StageFailure, CredentialsRefused) as error:
        raise Refused([str(error)]) from None
    if plan.refusals or unexpected:
        raise Refused([*plan.refusals, *unexpected])
    if given.rehearsal is not None:
        return replace(plan, canary=options.canary or 0)
    site = given.site
    plan = await asyncio.to_thread(
        with_history,
        options.state,
        site.foreman.url,
        replace(plan, until=given.until),
        site.limits.install,
        notify,
        canary=options.canary,
        begins=max(time.time(), given.at or 0.0),
        speed=site.speed,
    )
    if plan.until and plan.usable and len(plan.late) == plan.usable:
        raise Usage(too_early(plan))
    return plan


def too_early(plan: Plan) -> str:
    """Why there is nothing to start: the time limit comes before the end of the first host."""
    assumed = "".join(f"; {words}" for words in plan.warnings if words.startswith("time limit: "))
    until = time_limit_words(plan.until)
    return f"--until: every host is less than 90 % likely to be done by {until}; give a later time{assumed}"


def refuse_unverified_protection(plan: Plan) -> None:
    """Raises Refused where a host's BMC may be that of a protected host, since nobody is asked with --yes."""
    if words := plan.unguarded_words:
        remedy = "try again when DNS answers, or start from a terminal without --yes and confirm these hosts"
        raise Refused([*plan.untold, f"{words}; {remedy}"])


def resume_facts(rollout_id: str, given: RolloutInput, options: Options) -> dict[str, Any]:
    """What a resume needs: paths, the assignment as it was, who started it and when."""
    return {
        "rollout": rollout_id,
        "created_at": time.time(),
        "who": current_user(),
        "site": str(given.site.path.absolute()),
        "foreman": given.site.foreman.url,
        "assignments": json.loads(json.dumps([asdict(assignment) for assignment in given.assignments], default=str)),
        "rehearsal": str(given.rehearsal) if given.rehearsal else None,
        "speed": given.site.speed,
        "canary": options.canary,
        "until": given.until,
    }
