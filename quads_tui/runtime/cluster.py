"""The database of a cluster, as commands use it: checked, and given rollouts to carry out."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from quads_tui.inputs import Secret, SecretSource, Site, WriteQueueSite, dsn_option
from quads_tui.journal.servers import spelled
from quads_tui.rollout.commands import Retry
from quads_tui.rollout.plan import plan_from
from quads_tui.rollout.ports import RETRYABLE
from quads_tui.rollout.stages import Stage
from quads_tui.rollout.state import Rollout

from .launch import checked_plan, new_rollout_id, open_clients, refuse_unverified_protection, resume_facts
from .learned_store import known_durations
from .locations import location_of
from .operator import Operator
from .options import Options, Refused, Usage, current_user
from .rollout_input import RolloutInput
from .shared_queue import database

if TYPE_CHECKING:
    from quads_tui.journal.cluster.connection import Dsn
    from quads_tui.journal.cluster.rollouts import ClusterRollouts


async def cluster_database(text: str, *, worker: bool = False) -> Dsn:
    """The database that `--cluster` names, when it can be used. Raises Usage, InputError and Refused.

    `worker`: rollouts are to be carried out; else submitted, read and ordered about.
    """
    dsn = await database(dsn_option(text))
    from quads_tui.journal.cluster.connection import DatabaseAway
    from quads_tui.journal.cluster.schema import CONSOLE, WORKER, blocker, facts

    where = f"the database of the cluster ({dsn.shown})"
    try:
        problem, remedy = blocker(await facts(dsn, WORKER if worker else CONSOLE))
    except DatabaseAway as error:
        raise Refused([f"{where} cannot be used: {error}"]) from None
    if problem:
        raise Refused([f"{where}: {problem}; {remedy}"])
    return dsn


async def site_of_cluster(site: Site, text: str, dsn: Dsn) -> Site:
    """The site, whose writes go through the queue of this database. Raises Refused where it names another queue."""
    from quads_tui.journal.cluster.schema import facts

    if site.foreman.write_queue is not None:
        other = await database(site.foreman.write_queue.dsn)
        if (await facts(other)).queue != (await facts(dsn)).queue:
            raise Refused([f"foreman.write_queue of {site.path} is another database than --cluster: make them equal"])
        return site
    option = dsn_option(text)
    if isinstance(option, str):
        option = SecretSource("plain", Path("--cluster"), 0, "--cluster", plain=Secret(option))
    return replace(site, foreman=replace(site.foreman, write_queue=WriteQueueSite(option)))


async def submit(given: RolloutInput, options: Options, operator: Operator, dsn: Dsn, *, expect: int | None = None) -> str:
    """Plan, ask, and give the rollout to the workers of its Foreman. Gives its id; empty: it was not confirmed.

    Raises Refused and DatabaseAway.
    """
    from quads_tui.journal.cluster.link import Refused as RefusedByDatabase
    from quads_tui.journal.cluster.rollouts import ClusterRollouts

    site, location = given.site, location_of(given)
    async with open_clients(site, options) as (services, _):
        plan = await checked_plan(given, services, expect, options, operator.notify)
    if options.yes:
        refuse_unverified_protection(plan)
    elif await operator.confirm_plan(plan):
        plan = plan.confirmed()
    else:
        operator.notify("nothing was done")
        return ""
    seeds, learned = known_durations(options.state, site.foreman.url, plan, site.limits.install, operator.notify)
    rollout = new_rollout_id(given)
    facts = {
        **resume_facts(rollout, given, options),
        "plan": json.loads(json.dumps(asdict(plan))),
        "seeds": seeds,
        "learned": {**learned, "install": site.limits.install},
    }
    hosts = {name for host in plan.hosts for name in (host.name, host.address) if name}
    rollouts, foreman = ClusterRollouts(dsn), spelled(site.foreman.url)
    try:
        await rollouts.submit(rollout, foreman=foreman, who=current_user(), facts=facts, hosts=hosts, location=location)
        workers = await rollouts.workers(foreman, location)
    except RefusedByDatabase as refused:
        raise Refused([str(refused)]) from None
    finally:
        await rollouts.close()
    operator.notify(f"submitted: {rollout}")
    operator.notify(_workers_words(workers, site.foreman.url, location))
    return rollout


async def carry_on(rollout: str, dsn: Dsn, operator: Operator, *, failed: bool, ask: bool) -> bool:
    """A worker is to continue a rollout that was stopped. False: it was not confirmed.

    `failed`: its failed, skipped and held hosts are retried, which may wipe them again; `ask` about that. Raises Usage, Refused
    and DatabaseAway.
    """
    from quads_tui.journal.cluster.link import Refused as RefusedByDatabase
    from quads_tui.journal.cluster.rollouts import ClusterRollouts

    rollouts = ClusterRollouts(dsn)
    try:
        found = await rollouts.one(rollout)
        if found is None:
            raise Usage(f"the database of the cluster ({dsn.shown}) has no rollout {rollout}")
        if failed:
            hosts = await _retryable(rollouts, rollout)
            if not hosts:
                operator.notify(f"{rollout} has no failed, skipped or held hosts")
                return True
            if ask and not await operator.confirm_retry(len(hosts), sum(stage is Stage.INSTALL for stage in hosts.values())):
                operator.notify("nothing was done")
                return False
            await rollouts.order(rollout, current_user(), Retry(tuple(hosts), accepts=False))
        else:
            await rollouts.want(rollout)
        workers = await rollouts.workers(found.foreman, found.location)
    except RefusedByDatabase as refused:
        raise Refused([str(refused)]) from None
    finally:
        await rollouts.close()
    operator.notify(f"{rollout}: " + _workers_words(workers, found.foreman, found.location))
    return True


async def _retryable(rollouts: ClusterRollouts, rollout: str) -> dict[str, Stage | None]:
    """The hosts that a retry may start from, with the stage that each came to."""
    state = Rollout(rollout, plan_from((await rollouts.facts(rollout, "plan"))["plan"]))
    last = 0
    while found := await rollouts.events(rollout, last):
        last = found[-1][0]
        for _, event in found:
            state.apply(event)
    return {host.name: host.stage for host in state.hosts.values() if host.status in RETRYABLE}


def _workers_words(workers: list[str], foreman: str, location: str) -> str:
    where = f"{foreman} at the location {location}" if location else foreman
    return f"workers: {', '.join(workers)}" if workers else f"no worker of {where} is running: it waits for one"
