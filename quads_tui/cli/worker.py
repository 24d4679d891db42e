"""`quads-tui worker`: carries out rollouts of a cluster until a signal ends it."""

from __future__ import annotations

import os

from quads_tui.inputs import find_site, load_site
from quads_tui.runtime.cluster import cluster_database, site_of_cluster
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.options import Options, Refused
from quads_tui.runtime.process_resources import ProcessResources

from .terminal import run_with_exit_status


def worker(cluster: str, lease: float, locations: tuple[str, ...], options: Options) -> int:
    """Gives the exit status: that of the signal; 75 where it was declared dead; 2 and 3 where it could not begin."""
    return run_with_exit_status(options, lambda: run_to_end(_work(cluster, lease, locations, options)))


async def _work(cluster: str, lease: float, locations: tuple[str, ...], options: Options) -> int:
    site = load_site(find_site(options.site, os.environ))
    dsn = await cluster_database(cluster, worker=True)
    from quads_tui.journal.cluster.connection import DatabaseAway
    from quads_tui.runtime.worker import Worker

    site = await site_of_cluster(site, cluster, dsn)
    made = Worker(
        site=site,
        dsn=dsn,
        cluster=cluster,
        options=options,
        resources=ProcessResources(),
        lease=lease,
        locations=locations,
    )
    try:
        return await made.run()
    except DatabaseAway as error:
        raise Refused([f"the database of the cluster ({dsn.shown}): {error}"]) from None
