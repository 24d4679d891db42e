"""Journals for a model lab: in memory, or those of the program, in a SQLite file or in the PostgreSQL of a cluster.

Those of the program are real: what was recorded and is not on disk is lost in a crash, and what comes after it is what was read back.
On each way out they are judged, too:

J1 what `commit` returned for, and what was told to those who subscribed, is read back, in its order, by whoever goes on
J2 of a process that was killed, nothing more is written from the moment on at which another one has the journal
J3 who reads the journal knows of each host what the process knew that wrote it (`schedules`)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

from quads_tui.journal.reader import JournalReader
from quads_tui.journal.store import JournalStore
from quads_tui.rollout.events import Event, to_row
from quads_tui.rollout.ports import JournalBroken
from quads_tui.runtime.rollout_journal import RolloutJournal

from .world import MemoryJournal


class Inner(RolloutJournal, Protocol):
    """One of the program's."""

    async def close(self) -> None:
        """Write out what is queued."""


class Journals(Protocol):
    """Those of one rollout, one after the other."""

    lease: float  # virtual seconds after which another process may have what one was cut off from; 0: there is no such thing

    def busy(self) -> bool:
        """Another thread is to write something; as `outside` of virtual_time."""

    async def opened(self) -> MemoryJournal:
        """The first one, or that of another process after a crash of the one before."""

    async def closed(self) -> list[Event]:
        """What the last one holds in the end."""


class MemoryJournals:
    lease = 0.0

    def __init__(self) -> None:
        self._last = MemoryJournal()

    def busy(self) -> bool:
        return False

    async def opened(self) -> MemoryJournal:
        self._last = MemoryJournal(self._last.events)
        return self._last

    async def closed(self) -> list[Event]:
        return self._last.events


class StoredJournal(MemoryJournal):
    """What is on disk is in `events`; it dies, or is cut off, when `crash_at` of them are, and perhaps others of their transaction."""

    def __init__(self, inner: Inner, there: Sequence[Event], asking: Callable[[], AbstractContextManager[None]]) -> None:
        """`asking`: while a thread is asked something."""
        super().__init__(there)
        self.inner = inner
        self._asking = asking
        self.untold: list[Event] = []  # `commit` returned for them before they were on disk
        self.waiting = 0  # events that are not on disk yet
        inner.subscribe(self._written)

    def _written(self, event: Event) -> None:
        self.waiting -= 1
        if self.dead or self.is_cut_off or self.lost.is_set():
            return
        self.events.append(event)
        if self.crash_at and len(self.events) >= self.crash_at:
            self.dead, self.is_cut_off = not self.survives, self.survives
            self.crashed.set()

    def record(self, event: Event) -> None:
        if not self.dead:
            self.waiting += 1
            self.inner.record(event)

    async def commit(self, event: Event) -> None:
        if not self.dead:
            self.waiting += 1
            try:
                await self.inner.commit(event)
            except JournalBroken:
                if not self.dead:
                    raise
        if self.dead:
            await asyncio.Event().wait()
        if not self.is_cut_off and not any(event is there for there in reversed(self.events)):
            self.untold.append(event)

    def sample(self, at: float, data: dict[str, object]) -> None:
        if not self.dead:
            self.inner.sample(at, data)

    async def owned(self, locks: Callable[[], None] | None = None) -> None:
        with self._asking():
            await self.inner.owned(locks)


class SqliteJournals:
    """`directory`: of the rollout, which is not there yet."""

    lease = 0.0

    def __init__(self, directory: Path) -> None:
        self._path = directory / "journal.db"
        self._last: StoredJournal | None = None
        self._asked = 0  # of threads, and not answered yet

    def busy(self) -> bool:
        return self._asked > 0 or (self._last is not None and self._last.waiting > 0 and not self._last.dead)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        self._asked += 1
        try:
            yield
        finally:
            self._asked -= 1

    async def opened(self) -> MemoryJournal:
        with self._asking():
            inner = JournalStore(self._path, existing=self._last is not None)
            there = self._read()
            if self._last is not None:
                await self._last.inner.close()  # J2: of what it still has in its queue, nothing is written
                check_kept(self._last, there)
                check_kept(MemoryJournal(there), self._read(), more=False)
            self._last = StoredJournal(inner, there, self._asking)
            return self._last

    async def closed(self) -> list[Event]:
        assert self._last is not None
        with self._asking():
            await self._last.inner.close()
            there = self._read()
            check_kept(self._last, there, more=False)
            return there

    def _read(self) -> list[Event]:
        with closing(JournalReader(self._path)) as reader:
            return [event for _, event in reader.events()]


def check_kept(journal: MemoryJournal, there: Sequence[Event], *, more: bool = True) -> None:
    """J1, J2. `more`: what nobody was told of may be there behind what was."""
    assert not (isinstance(journal, StoredJournal) and journal.untold), "J1"
    told, rows = ([json.dumps(to_row(event)) for event in events] for events in (journal.events, there))
    assert told == rows[: len(told)], "J1"
    assert more or len(told) == len(rows), "J2"
