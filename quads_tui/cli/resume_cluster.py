"""`resume --cluster`: a worker is to continue a rollout that was stopped."""

from __future__ import annotations

from quads_tui.runtime.cluster import carry_on, cluster_database
from quads_tui.runtime.event_loop import run_to_end
from quads_tui.runtime.options import Options, Refused

from .terminal import TerminalOperator, chosen_front_end, run_with_exit_status


def resume_cluster(rollout: str, cluster: str, *, failed: bool, options: Options) -> int:
    """0: a worker is to continue it; 4: it was not confirmed. `failed`: its failed, skipped and held hosts are retried."""
    return run_with_exit_status(options, lambda: run_to_end(_resume(rollout, cluster, failed, options)))


async def _resume(rollout: str, cluster: str, failed: bool, options: Options) -> int:
    shown, _ = chosen_front_end(options) if failed else (options, None)
    dsn = await cluster_database(cluster)
    from quads_tui.journal.cluster.connection import DatabaseAway

    try:
        return 0 if await carry_on(rollout, dsn, TerminalOperator(), failed=failed, ask=not shown.yes) else 4
    except DatabaseAway as error:
        raise Refused([f"the database of the cluster ({dsn.shown}): {error}"]) from None
