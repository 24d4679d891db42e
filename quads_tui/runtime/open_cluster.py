"""The rollouts of a cluster for a command that reads them or gives commands, from its option `--cluster` on."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .cluster import cluster_database
from .options import Refused

if TYPE_CHECKING:
    from quads_tui.journal.cluster.connection import Dsn
    from quads_tui.journal.cluster.rollouts import ClusterRollouts


@dataclass(frozen=True, slots=True)
class OpenCluster:
    """`where`: the database, in words; `typed`: as a word of a command line. `rollouts`: for one reader at a time."""

    dsn: Dsn
    where: str
    typed: str
    rollouts: ClusterRollouts


@asynccontextmanager
async def open_cluster(cluster: str) -> AsyncIterator[OpenCluster]:
    """`cluster`: as typed. Raises Usage, InputError, and Refused, also where the database goes away within."""
    dsn = await cluster_database(cluster)
    from quads_tui.journal.cluster.connection import DatabaseAway
    from quads_tui.journal.cluster.rollouts import ClusterRollouts

    where = f"the database of the cluster ({dsn.shown})"
    rollouts = ClusterRollouts(dsn)
    try:
        yield OpenCluster(dsn, where, shlex.quote(cluster), rollouts)
    except DatabaseAway as error:
        raise Refused([f"{where}: {error}"]) from None
    finally:
        await rollouts.close()
