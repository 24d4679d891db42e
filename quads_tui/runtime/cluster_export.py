"""`cluster export`: a rollout of a cluster as a journal file of this machine.

Usually a copy, for the list, reports and replays: the database stays the rollout's home, and the file is never carried on from
here. Or it is taken back: then no worker carries it any more, and `resume` here does.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from quads_tui.engine.clock import RealClock
from quads_tui.journal.cluster.link import Refused as RefusedByDatabase
from quads_tui.journal.cluster.rollouts import ClusterRollout, ClusterRollouts
from quads_tui.journal.locks import JournalLock
from quads_tui.journal.reader import JournalReader, NoJournal
from quads_tui.journal.store import JournalStore
from quads_tui.rollout.text import clean

from .cluster_events import rebased
from .cluster_source import stored_in_cluster
from .history import DAMAGE, Unreadable
from .options import Options, Refused, current_user
from .outside_text import printable_event

_TOKEN = "take_back"  # file beside the journal, until the journal is there


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

    The journal appears whole, and in place of none but an earlier copy. Raises Refused, LockHeld, JournalBroken, DatabaseAway,
    and Unreadable.
    """
    directory = options.private_directory(options.state / "rollouts" / row.id)
    journal = directory / "journal.db"
    _refuse_to_replace(journal, row.id)
    made = directory / f"export.{os.getpid()}.db"
    store = JournalStore(made)
    copying = _Copying(rollouts, row.id, store, take_back)
    try:
        try:
            await copying.go_on()
            if take_back:
                await _take_back(rollouts, row.id, directory)
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
        _put_in_place(made, journal, row.id)
    finally:
        made.unlink(missing_ok=True)
    (directory / _TOKEN).unlink(missing_ok=True)  # the journal is there: nobody makes another one
    return directory


def _refuse_to_replace(journal: Path, rollout: str) -> None:
    """Raises Refused where there is a journal that is no copy."""
    if not journal.exists():
        return
    try:
        with closing(JournalReader(journal)) as reader:
            copied, taken_back = reader.has_fact("exported"), reader.has_fact("taken_back")
    except (NoJournal, *DAMAGE):
        copied = taken_back = False
    if taken_back:
        raise Refused([f"{journal} is the journal of {rollout} since it was taken back: quads-tui resume {rollout} continues it"])
    if not copied:
        words = "exists and is not a copy: nothing was written. Give another directory with --state-dir"
        raise Refused([f"{journal} {words}"])


def _put_in_place(made: Path, journal: Path, rollout: str) -> None:
    lock = JournalLock(journal.parent)  # another export ends at this moment, or there is a journal by now that somebody resumes
    try:
        _refuse_to_replace(journal, rollout)
        for log in ("-wal", "-shm"):  # of the copy: SQLite would apply them to the new journal
            Path(f"{journal}{log}").unlink(missing_ok=True)
        made.replace(journal)
    finally:
        lock.release()


async def _take_back(rollouts: ClusterRollouts, rollout: str, directory: Path) -> None:
    """The database gives the rollout to one journal, and keeps its token: two users of one name, on machines of one name or with
    two state directories, would otherwise resume it twice. While the answer is not known the token stays beside the journal, so
    that the same command may be repeated."""
    token = directory / _TOKEN
    try:
        with token.open("x") as file:
            file.write(secrets.token_hex(4))
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        pass  # of an earlier try that got no answer
    try:
        found = await rollouts.take_back(rollout, f"{current_user()} (journal {clean(token.read_text(), 20)})")
    except RefusedByDatabase as refused:
        token.unlink()
        raise Refused([f"{rollout} cannot be taken back: {refused}"]) from None
    if not found:
        token.unlink()
        raise Refused([f"there is no rollout {rollout} any more"])
