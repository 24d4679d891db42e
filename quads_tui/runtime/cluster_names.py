"""Names of the rollouts of a cluster for a shell that completes them: soon, or none."""

from __future__ import annotations

import asyncio

from quads_tui.rollout.errors import QuadsTuiError

from .open_cluster import open_cluster

_PATIENCE = 3.0  # real seconds that somebody who pressed tab waits


def rollout_names(cluster: str) -> list[str]:
    """The newest first. `cluster`: as typed."""
    try:
        return asyncio.run(_names(cluster))
    except (QuadsTuiError, TimeoutError):  # the command itself says what is wrong
        return []


async def _names(cluster: str) -> list[str]:
    async with asyncio.timeout(_PATIENCE), open_cluster(cluster) as opened:
        from .cluster_source import is_usual

        return [row.id for row in reversed(await opened.rollouts.all()) if is_usual(row.id)]
