"""The journals of a cluster's workers for a model lab, in a real PostgreSQL: one worker after the other carries the rollout."""

from __future__ import annotations

import asyncio
import random
import uuid
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psycopg
import pytest

from quads_tui.journal.cluster.claims import TAKEN, Claim, ClaimedRollout, WorkerRow
from quads_tui.journal.cluster.connection import DatabaseAway, Dsn
from quads_tui.journal.cluster.journal import ClusterJournal
from quads_tui.journal.cluster.link import Link, Refused
from quads_tui.journal.cluster.rollouts import ClusterRollouts
from quads_tui.rollout.events import Event, Notice

from .stored_journals import StoredJournal, check_kept
from .world import MemoryJournal

_SLOW = 0.3  # virtual seconds on each way, at most: less than those after which a database counts as away
_LEASE = 7200.0  # real seconds: no schedule takes as long
_TAKEOVER = 5.0  # virtual seconds until another worker takes over from one that does not reach the database: a short lease
_DIES = (
    "update quads_tui.worker set lease = '0 s' where id = %s"  # as if its lease had passed, also since the start of the server
)


class _SlowConnection(psycopg.AsyncConnection[Any]):
    """To a database on another machine, which has much to do: meanwhile the rollout goes on, and its journal gets more to write."""

    of: _SlowDsn

    async def execute(self, *statement: Any, **options: Any) -> psycopg.AsyncCursor[Any]:
        await self._on_its_way()
        cursor = await super().execute(*statement, **options)
        await self._on_its_way()
        return cursor

    async def _on_its_way(self) -> None:
        await asyncio.sleep(random.uniform(0.0, _SLOW))
        if self.of.is_cut:
            await self.close()
            raise psycopg.OperationalError("cut off")


class _SlowDsn(Dsn):
    """Of one worker. While its journal is cut off, nothing comes through, neither there nor back."""

    journal: StoredJournal | None = None

    @property
    def is_cut(self) -> bool:
        return self.journal is not None and self.journal.is_cut_off

    async def connect(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        if self.is_cut:
            raise DatabaseAway("cut off")
        made = await _SlowConnection.connect(self._conninfo, autocommit=True)
        made.of = self
        return made


class _Life:
    """A worker that carries the rollout."""

    def __init__(self, dsn: _SlowDsn, row: WorkerRow, claim: Claim, there: list[Event]) -> None:
        self.row, self.claim = row, claim
        self._troubles: list[str] = []
        inner = ClusterJournal(
            dsn,
            claim,
            directory=Path("/nowhere"),
            resume_command="",
            on_broken=self._on_broken,
            on_away=self._troubles.append,
            ended=asyncio.Event(),
        )
        self.journal = dsn.journal = StoredJournal(inner, there, nullcontext)

    def _on_broken(self, why: str) -> None:
        self._troubles.append(why)
        self.journal.lost.set()

    async def close(self) -> None:
        """What is queued is written, unless the process was killed."""
        await self.journal.inner.close()
        await self.row.close()
        assert self.journal.survives or not self._troubles, self._troubles


class ClusterJournals:
    """Of a rollout of its own. `dsn`: of a database with the schema."""

    lease = _TAKEOVER

    def __init__(self, dsn: str) -> None:
        self._text, self._dsn, self._rollout = dsn, Dsn(dsn), uuid.uuid4().hex
        self._life: _Life | None = None
        self._replaced: list[_Life] = []  # those that were cut off

    def busy(self) -> bool:
        return False  # it waits for sockets only

    async def opened(self) -> StoredJournal:
        """The first worker claims it, or another one when that one was not heard of for its lease."""
        last, console = self._life, ClusterRollouts(self._dsn)
        if last is None:
            await console.submit(self._rollout, foreman=self._rollout, who="ann@jump1", facts={}, hosts=[self._rollout])
        else:
            if last.journal.survives:
                self._replaced.append(last)
            else:
                await last.close()
            await self._die(last.row)
        row = WorkerRow(self._dsn, name="quads@jump2", foreman=self._rollout, lease=_LEASE)
        await row.register()
        claim = await row.claim()
        assert claim is not None
        there = await self._read(console)
        if last is not None:
            assert claim.epoch == last.claim.epoch + 1
            check_kept(last.journal, there)
            await self._refused(last.claim)
            check_kept(MemoryJournal(there), await self._read(console), more=False)
            last.journal.is_cut_off = False
        await console.close()
        self._life = _Life(_SlowDsn(self._text), row, claim, there)
        return self._life.journal

    async def closed(self) -> list[Event]:
        assert self._life is not None
        console, claimed = ClusterRollouts(self._dsn), ClaimedRollout(self._dsn, self._life.claim)
        for life in (*self._replaced, self._life):
            await life.close()
        there = await self._read(console)
        check_kept(self._life.journal, there, more=False)
        await claimed.let_go(wanted=False)
        await claimed.close()
        await console.close()
        return there

    async def _die(self, row: WorkerRow) -> None:
        link = Link(self._dsn)
        await link.call(_DIES, row.id)
        await link.close()

    async def _refused(self, claim: Claim) -> None:
        """J2: also where it was not killed, but cut off, and comes back."""
        dead = ClaimedRollout(self._dsn, claim)
        with pytest.raises(Refused) as refused:
            await dead.say(Notice(0.0, "info", "from the dead"))
        assert refused.value.code == TAKEN
        await dead.close()

    async def _read(self, console: ClusterRollouts) -> list[Event]:
        numbered = await console.events(self._rollout)
        assert [n for n, _ in numbered] == list(range(1, len(numbered) + 1)), "J1"
        return [event for _, event in numbered]
