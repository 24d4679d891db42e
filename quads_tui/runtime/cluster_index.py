"""What the start screen lists of a cluster: the rollouts of its database, those followed that a worker carries or is to carry."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from quads_tui.journal.cluster.connection import DatabaseAway
from quads_tui.journal.cluster.rollouts import ClusterRollout
from quads_tui.render.listing import State
from quads_tui.render.rollout_list import Row, RowGroup

from .cluster_history import WAITS, cluster_entry
from .cluster_source import ClusterSource, RolloutInCluster, standing, stored_in_cluster
from .history import Unreadable
from .journal_follower import Follower, follow
from .open_cluster import OpenCluster
from .options import Options, Usage
from .rollout_index import MAX_ENDED, damaged_row, entry_row, repeated, running_row

log = logging.getLogger(__name__)


class ClusterIndex:
    """All reads are made one after the other, on the one connection of `opened`, which nobody else uses."""

    def __init__(self, opened: OpenCluster, options: Options) -> None:
        self._opened = opened
        self._options = options
        self._followed: dict[str, tuple[ClusterSource, Follower]] = {}
        self._ended: dict[str, tuple[tuple[float, int, int], Row]] = {}  # by id: the state that was read, and its row
        self._rows: list[Row] = []
        self.is_read = False  # the database was read once
        self.away = ""  # why it cannot be read now, in words

    def rows(self) -> Sequence[Row]:
        return self._rows

    async def refresh(self) -> None:
        """Read the database again and again, until cancelled."""
        await repeated(self.refresh_once)

    async def refresh_once(self) -> None:
        """While the database does not answer, what was known last stays."""
        try:
            self._rows = await self._read()
            self.away = ""
        except DatabaseAway as error:
            self.away = f"{self._opened.where} does not answer: {error}"
        except Exception:  # the next read may succeed
            log.exception("the database of the cluster could not be read")
        self.is_read = True

    def close(self) -> None:
        for name in list(self._followed):
            self._drop(name)

    def _drop(self, name: str) -> None:
        self._followed.pop(name)[1].close()

    async def _read(self) -> list[Row]:
        found = (await self._opened.rollouts.all())[::-1]
        for name in self._followed.keys() - {row.id for row in found if row.wanted}:
            self._drop(name)
        rows, ended = [], 0
        for row in found:
            if ended < MAX_ENDED or row.wanted:
                try:
                    made = await (self._followed_row(row) if row.wanted else self._ended_row(row))
                except (Unreadable, Usage) as why:
                    made = damaged_row(row.id, str(why))
                ended += made.group is RowGroup.RECENT
                rows.append(made)
        return rows

    async def _followed_row(self, row: ClusterRollout) -> Row:
        """Of one that a worker carries, or is to carry."""
        if row.id not in self._followed:
            await self._follow(await standing(self._opened.rollouts, row))
        source, follower = self._followed[row.id]
        await follower.step()
        if source.away:  # or its events are of a newer version: the others keep their rows
            raise Unreadable(source.away)
        worker = source.standing.worker
        follower.run_by(worker)
        made = running_row(follower.view, RowGroup.RUNNING, f"run by worker {worker}" if worker else "")
        return made if worker else replace(made, state=WAITS, details=f"submitted by {row.who}")

    async def _follow(self, found: RolloutInCluster) -> None:
        source = ClusterSource(self._opened.rollouts, found)
        stored = await stored_in_cluster(self._opened.rollouts, found.row, self._options)
        self._followed[found.row.id] = source, follow(stored, source=source)

    async def _ended_row(self, row: ClusterRollout) -> Row:
        """Of one that no worker is to carry: it is settled, or was stopped."""
        state = row.submitted, row.epoch, row.last
        known = self._ended.get(row.id)
        if known is None or known[0] != state:
            entry = (await cluster_entry(self._opened.rollouts, row, self._options)).entry
            settled = entry.state in (State.DONE, State.ENDED)
            known = self._ended[row.id] = state, entry_row(entry, RowGroup.RECENT if settled else RowGroup.UNFINISHED)
        return known[1]
