"""`quads-tui cluster`: the schema of the write queue that consoles on several machines share."""

from __future__ import annotations

import os

import click

from quads_tui.inputs import dsn_option, find_site, load_site
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.options import Options, Refused, Usage
from quads_tui.runtime.shared_queue import database

from .terminal import run_with_exit_status


def init(cluster: str | None, roles: tuple[str, ...], workers: tuple[str, ...], options: Options) -> int:
    """Make or migrate the schema. `roles`: database users of consoles, `workers`: of workers.

    0; 2 without a usable DSN; 3 where the database refuses or does not answer.
    """
    return run_with_exit_status(options, lambda: run_to_end(_init(cluster, roles, workers, options)))


async def _init(cluster: str | None, roles: tuple[str, ...], workers: tuple[str, ...], options: Options) -> int:
    if cluster is not None:
        dsn = await database(dsn_option(cluster))
    else:
        site = load_site(find_site(options.site, os.environ))
        if site.foreman.write_queue is None:
            raise Usage("no database is named: give --cluster DSN, or set foreman.write_queue in the site file")
        dsn = await database(site.foreman.write_queue.dsn)
    from quads_tui.journal.cluster.connection import DatabaseAway
    from quads_tui.journal.cluster.schema import init as make

    try:
        before, after = await make(dsn, roles, workers)
    except DatabaseAway as error:
        raise Refused([f"the database of the write queue ({dsn.shown}): {error}"]) from None
    done = "is up to date" if before == after else f"was migrated from version {before}" if before else "was created"
    click.echo(f"{dsn.shown}: the schema quads_tui {done} (version {after})")
    if roles:
        click.echo(f"may use the write queue: {', '.join(roles)}")
    if workers:
        click.echo(f"may carry out rollouts: {', '.join(workers)}")
    return 0
