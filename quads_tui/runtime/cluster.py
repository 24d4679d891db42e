"""The database of a cluster, as commands use it: checked, and given rollouts to carry out."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from quads_tui.inputs import Secret, SecretSource, Site, WriteQueueSite, dsn_option
from quads_tui.journal.servers import spelled

from .launch import checked_plan, new_rollout_id, open_clients, refuse_unverified_protection, resume_facts
from .learned_store import known_durations
from .operator import Operator
from .options import Options, Refused, current_user
from .rollout_input import RolloutInput
from .shared_queue import database

if TYPE_CHECKING:
    from quads_tui.journal.cluster.connection import Dsn


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

    site = given.site
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
        await rollouts.submit(rollout, foreman=foreman, who=current_user(), facts=facts, hosts=hosts)
        workers = await rollouts.workers(foreman)
    except RefusedByDatabase as refused:
        raise Refused([str(refused)]) from None
    finally:
        await rollouts.close()
    operator.notify(f"submitted: {rollout}")
    operator.notify(
        f"workers: {', '.join(workers)}" if workers else f"no worker of {site.foreman.url} is running: it waits for one"
    )
    return rollout
