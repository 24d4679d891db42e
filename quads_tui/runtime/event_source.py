"""Where a follower reads a rollout from: the journal on this machine; runtime/cluster_source.py has the database of a cluster."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from quads_tui.journal.reader import JournalReader, StoredSample
from quads_tui.rollout.events import Event
from quads_tui.rollout.http_log import Exchange

STEP = 0.25  # real seconds between two reads


class EventSource(Protocol):
    """One rollout, from its beginning on."""

    @property
    def skew(self) -> float:
        """The clock of the process that carries the rollout minus ours, in real seconds."""
        ...

    async def read(self) -> tuple[Sequence[Event], Sequence[StoredSample]]:
        """All that is new since the read before, in order. Off the loop, or in pieces."""
        ...

    async def wait(self) -> None:
        """Until there may be news, for a second at most."""
        ...

    def exchanges(self, host: str) -> Sequence[Exchange]:
        """The last requests of a host, as far as they are known now."""
        ...

    def close(self) -> None: ...


class JournalSource:
    """Implements EventSource for a journal file that another process writes. Raises NoJournal where it cannot be opened."""

    skew = 0.0  # one machine

    def __init__(self, path: Path) -> None:
        self._reader = JournalReader(path)
        self._reading = threading.Lock()  # by a thread, which goes on when the task that waits for it is cancelled
        self._closed = False
        self._last = 0
        self._sampled = 0.0

    async def read(self) -> tuple[Sequence[Event], Sequence[StoredSample]]:
        return await asyncio.to_thread(self._read)

    def _read(self) -> tuple[list[Event], list[StoredSample]]:
        with self._reading:
            if self._closed:
                return [], []
            found = self._news()
            if self._closed:
                self._reader.close()
            return found

    def _news(self) -> tuple[list[Event], list[StoredSample]]:
        events = list(self._reader.events(self._last))
        samples = list(self._reader.samples(self._sampled))
        if events:
            self._last = events[-1][0]
        if samples:
            self._sampled = samples[-1].at
        return [event for _, event in events], samples

    async def wait(self) -> None:
        await asyncio.sleep(STEP)

    def exchanges(self, host: str) -> Sequence[Exchange]:
        return self._reader.exchanges(host)

    def close(self) -> None:
        """While a thread reads, SQLite would end the process with a segmentation fault: then that thread closes it."""
        self._closed = True
        if self._reading.acquire(blocking=False):
            self._reader.close()
            self._reading.release()
