"""`cluster export`: a rollout of a cluster as a journal file of this machine.

Usually a copy, for the list, reports and replays: the database stays the rollout's home, and the file is never carried on from
here. Or it is taken back: then no worker carries it any more, and `resume` here does.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from quads_tui.engine.clock import RealClock
from quads_tui.journal.cluster.link import Refused as RefusedByDatabase
from quads_tui.journal.cluster.rollouts import ClusterRollout, ClusterRollouts
from quads_tui.journal.store import JournalStore
from quads_tui.rollout.text import clean

from .cluster_events import rebased
from .cluster_source import stored_in_cluster
from .history import DAMAGE, Unreadable
from .options import Options, Refused, current_user
from .outside_text import printable_event


@dataclass(slots=True)
class _Copying:
    """What of the rollout is in the new journal, by numbers of the database. `to_resume`: with moments of this machine."""

    rollouts: ClusterRollouts
    rollout: str
    store: JournalStore
    to_resume: bool
    last: int = 0
    sampled: int = 0
    exchanged: int = 0

    async def go_on(self) -> None:
        """Copy what is new, in pieces, each on the disk before the next one is read."""
        clock = RealClock()
        while events := await self.rollouts.aged_events(self.rollout, self.last):
            self.last = events[-1][0]
            now, wall = clock.moment(), clock.wall()
            for _, event, age in events:
                kept = rebased(event, age, now, wall) if self.to_resume else event
                self.store.record(printable_event(kept))
            await self.store.flush()
        while samples := await self.rollouts.samples(self.rollout, self.sampled):
            self.sampled = samples[-1][0]
            for _, sample in samples:
                self.store.sample(sample.at, sample.data)
            await self.store.flush()
        while exchanges := await self.rollouts.all_exchanges(self.rollout, self.exchanged):
            self.exchanged = exchanges[-1][0]
            for _, one in exchanges:
                self.store.exchange(one)
            await self.store.flush()


async def export(
    rollouts: ClusterRollouts, row: ClusterRollout, options: Options, cluster: str, *, take_back: bool = False
) -> Path:
    """Gives the directory of the new journal. `cluster`: the database, in words.

    The journal appears whole, and never in place of another one. Raises Refused, JournalBroken, DatabaseAway, and Unreadable.
    """
    directory = options.private_directory(options.state / "rollouts" / row.id)
    journal = directory / "journal.db"
    if journal.exists():
        raise Refused([f"{journal} exists: nothing was written. Give another directory with --state-dir, or remove that rollout"])
    made = directory / f"export.{os.getpid()}.db"
    store = JournalStore(made)
    copying = _Copying(rollouts, row.id, store, take_back)
    try:
        try:
            await copying.go_on()
            if take_back:
                await _take_back(rollouts, row.id)
                await copying.go_on()  # what was written until then; nothing is from now on
        except DAMAGE as error:
            raise Unreadable(f"the rollout {row.id} is damaged, or of a newer version: {clean(error, 300)}") from None
        facts = (await stored_in_cluster(rollouts, row, options)).facts
        where = {"from": cluster, "at": time.time(), "last": copying.last}
        copied = {"exported": where, "ended": {"reason": "exported", "unfinished": 0}}
        await store.describe({**facts, **({"taken_back": where} if take_back else copied)})
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
    return directory


async def _take_back(rollouts: ClusterRollouts, rollout: str) -> None:
    try:
        found = await rollouts.take_back(rollout, current_user())
    except RefusedByDatabase as refused:
        raise Refused([f"{rollout} cannot be taken back: {refused}"]) from None
    if not found:
        raise Refused([f"there is no rollout {rollout} any more"])
