"""`cluster export`: a rollout of a cluster as a journal file of this machine, for its list, reports and replays.

The database stays the rollout's home: the file is a copy of what it had then, and is never carried on from here.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from quads_tui.journal.cluster.rollouts import ClusterRollout, ClusterRollouts
from quads_tui.journal.store import JournalStore
from quads_tui.rollout.text import clean

from .cluster_source import RolloutInCluster, standing, stored_in_cluster
from .history import DAMAGE, Unreadable
from .options import Options, Refused
from .outside_text import printable_event


async def export(rollouts: ClusterRollouts, row: ClusterRollout, options: Options, cluster: str) -> tuple[Path, RolloutInCluster]:
    """Gives the directory of the new journal, and how the rollout stood. `cluster`: the database, in words.

    The journal appears whole, and never in place of another one. Raises Refused, JournalBroken, DatabaseAway, and Unreadable.
    """
    found = await standing(rollouts, row)
    facts = (await stored_in_cluster(rollouts, row, options)).facts
    directory = options.private_directory(options.state / "rollouts" / row.id)
    journal = directory / "journal.db"
    if journal.exists():
        raise Refused([f"{journal} exists: nothing was written. Give another directory with --state-dir, or remove that rollout"])
    made = directory / f"export.{os.getpid()}.db"
    store = JournalStore(made)
    try:
        try:
            last = await _copy(rollouts, row.id, store)
        except DAMAGE as error:
            raise Unreadable(f"the rollout {row.id} is damaged, or of a newer version: {clean(error, 300)}") from None
        exported = {"from": cluster, "at": time.time(), "last": last}
        await store.describe({**facts, "exported": exported, "ended": {"reason": "exported", "unfinished": 0}})
    except BaseException:
        await store.discard()
        with suppress(OSError):
            directory.rmdir()  # where there is nothing else in it
        raise
    await store.close()
    try:
        os.link(made, journal)  # never over an existing file
    except FileExistsError:
        raise Refused([f"{journal} exists by now: nothing was written"]) from None
    finally:
        made.unlink()
    return directory, found


async def _copy(rollouts: ClusterRollouts, rollout: str, store: JournalStore) -> int:
    """In pieces, each on the disk before the next one is read. Gives the number of the last event."""
    last = sampled = exchanged = 0
    while events := await rollouts.events(rollout, last):
        last = events[-1][0]
        for _, event in events:
            store.record(printable_event(event))
        await store.flush()
    while samples := await rollouts.samples(rollout, sampled):
        sampled = samples[-1][0]
        for _, sample in samples:
            store.sample(sample.at, sample.data)
        await store.flush()
    while exchanges := await rollouts.all_exchanges(rollout, exchanged):
        exchanged = exchanges[-1][0]
        for _, one in exchanges:
            store.exchange(one)
        await store.flush()
    return last
