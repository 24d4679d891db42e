"""The commands `quads-tui cluster ...`."""

from __future__ import annotations

from typing import Any

import click

from .common_options import common_options, keep_given_before, options_of


@click.group()
@common_options(accepted=("as_json",))
@click.pass_context
def cluster(context: click.Context, /, **given: Any) -> None:
    """The write queue that consoles on several machines share (extra `cluster`)."""
    keep_given_before(context, given)


@cluster.command()
@click.option(
    "--cluster",
    "dsn",
    metavar="DSN",
    help="Database: a DSN without a password, service=NAME, {file: PATH} or {env: NAME}. Default: that of the site file.",
)
@click.option("--grant", "roles", metavar="ROLE", multiple=True, help="Let this database user use the queue; may be repeated.")
@click.option("--grant-worker", "workers", metavar="ROLE", multiple=True, help="The same, and carry out rollouts (for workers).")
@common_options("site", "as_json")
def init(dsn: str | None, roles: tuple[str, ...], workers: tuple[str, ...], **common: Any) -> None:
    """Create or migrate the schema of the shared write queue."""
    from .cluster import init as start

    raise SystemExit(start(dsn, roles, workers, options_of(common)))


@cluster.command()
@click.argument("rollout")
@click.option("--cluster", "dsn", metavar="DSN", required=True, help="Database of the cluster; as for `cluster init`.")
@click.option(
    "--take-back", is_flag=True, help="Make it a rollout of this machine: workers no longer continue it, and resume here does."
)
@common_options("as_json", "state_dir")
def export(rollout: str, dsn: str, take_back: bool, **common: Any) -> None:
    """Copy ROLLOUT into a journal file of this machine, which rollouts, report and watch read."""
    from .cluster_history import export_from_cluster

    raise SystemExit(export_from_cluster(rollout, dsn, take_back=take_back, options=options_of(common)))
