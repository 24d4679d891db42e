"""The journal of a rollout that a worker carries: in the database, under the epoch of its claim. Implements ports.Journal.

What `commit` returned for is on the database's disk. While the database does not answer, everything waits: nothing is lost,
nothing acts, and `on_away` hears of it, so that the rollout's time stands still. When it answers, either the claim still holds
and all goes on, or another worker has it and the journal is broken.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from quads_tui.rollout.events import Event, to_row
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.ports import JournalBroken, QueueAway, TakenOver

from .claims import TAKEN, Claim
from .connection import DatabaseAway, Dsn
from .link import Link, Refused
from .rollouts import exchange_body

T = TypeVar("T")

_APPEND = "select quads_tui.append(%s, %s, %s, %s, %s, %s, %s)"
_OWNED = "select quads_tui.owned(%s, %s)"
_DESCRIBE = "select quads_tui.describe(%s, %s, %s, %s)"
_GATHER = 0.2  # real seconds in which what nobody waits for is gathered
_GROUP = 500  # events, samples and exchanges of one call
_CALL = 10.0  # real seconds for a call of the writer
_LAST_CHECK = 0.8  # real seconds for the check at the first byte; the request itself gives it one
_SLOW = 1.0  # real seconds without an answer after which time stands still
_AGAIN = 0.5  # real seconds between two tries of a database that is away
_CLOSING = 10.0  # real seconds at the end to write out what is left


class ClusterJournal:
    """`on_broken` is called once, with the reason, when another worker carries the rollout or the database refuses; `on_away`
    with the reason when the database does not answer, and with "" when it does again."""

    def __init__(
        self,
        dsn: Dsn,
        claim: Claim,
        *,
        directory: Path,
        resume_command: str,
        on_broken: Callable[[str], None],
        on_away: Callable[[str], None],
        ended: asyncio.Event,
    ) -> None:
        """`directory`: of this process for this rollout. `resume_command`: what goes on with it when it was stopped.
        `ended`: this process is to end, and waits for the database no longer than some seconds."""
        self.directory = directory
        self.resume_command = resume_command
        self._claim = claim
        self._where = dsn.shown
        self._on_broken, self._on_away = on_broken, on_away
        self._link, self._checks = Link(dsn), Link(dsn)
        self._listeners: list[Callable[[Event], None]] = []
        self._events: list[tuple[Event, asyncio.Future[None] | None]] = []
        self._samples: list[str] = []
        self._exchanges: list[Exchange] = []
        self._written = 0  # events under this epoch that are on disk
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()  # somebody waits for what is queued
        self._closing = False
        self._ended = ended
        self._broken = ""
        self._away = ""
        self._looking: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None  # the next question whose the rollout is, not asked yet
        self._one_question = asyncio.Lock()
        self._lock_thread = ThreadPoolExecutor(1, "locks")  # not one of the loop's: those may all wait for DNS
        self._writer = asyncio.create_task(self._write())

    # Journal

    def record(self, event: Event) -> None:
        if self._broken:
            self._tell([event])
            raise JournalBroken(self._broken)
        self._events.append((event, None))
        self._wake.set()

    async def commit(self, event: Event) -> None:
        if self._broken:
            raise JournalBroken(self._broken)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._events.append((event, done))
        self._wake.set()
        self._urgent.set()
        await done

    def sample(self, at: float, data: dict[str, object]) -> None:
        if not self._broken and not self._away:
            self._samples.append(json.dumps([at, data]))
            self._wake.set()

    def exchange(self, one: Exchange) -> None:
        """For the host's history. May be lost."""
        if not self._broken and len(self._exchanges) < 10 * _GROUP:
            self._exchanges.append(one)

    async def owned(self, locks: Callable[[], None] | None = None) -> None:
        """As Journal.owned; QueueAway where the database does not answer in time. From its answer on no other worker carries the
        rollout until our lease is over."""
        if self._broken:
            raise TakenOver(self._broken)
        if self._away:
            raise QueueAway(self._away)
        if self._asking is None:  # all who come before it is asked share a question
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(_seen)
        await asyncio.shield(self._asking)
        if locks is not None:
            await asyncio.get_running_loop().run_in_executor(self._lock_thread, locks)

    async def _ask(self) -> None:
        async with self._one_question:
            self._asking = None
            try:
                rows = await self._checks.call(_OWNED, self._claim.rollout, self._claim.epoch, seconds=_LAST_CHECK)
            except Refused as refused:
                self._break(f"the database ({self._where}) refuses the check before an action: {refused}")
                raise TakenOver(self._broken) from None
            except DatabaseAway as away:
                self._is_away(str(away))
                raise QueueAway(self._away or str(away)) from None
            if not rows[0][0]:
                self._break(self._taken_over)
                raise TakenOver(self._broken)

    # Of the process that writes it

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """As JournalStore.subscribe."""
        self._listeners.append(listener)

    async def describe(self, facts: Mapping[str, Any]) -> None:
        """As JournalStore.describe. Waits for the database. Raises JournalBroken."""
        describing = asyncio.ensure_future(self._describe(facts))
        await self._patiently(describing)
        if not describing.done():
            describing.cancel()
            raise JournalBroken(self._silent)
        describing.result()

    async def _describe(self, facts: Mapping[str, Any]) -> None:
        while not self._broken:
            keys, values = [*facts], [json.dumps(value) for value in facts.values()]
            try:
                call = self._link.call(_DESCRIBE, self._claim.rollout, self._claim.epoch, keys, values)
                await self._timed(call)
                return
            except Refused as refused:
                self._refused(refused)
            except DatabaseAway as away:
                self._is_away(str(away))
                await asyncio.sleep(_AGAIN)
        raise JournalBroken(self._broken)

    def stop(self, why: str) -> None:
        """This process has lost the rollout: nothing is written any more."""
        self._break(why)

    async def close(self) -> None:
        """Write out what is queued. Never raises."""
        self._closing = True
        self._wake.set()
        self._urgent.set()
        await self._patiently(self._writer)
        for task in (self._writer, self._looking):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._answer(self._events, self._broken or self._silent)
        self._events = []
        await self._link.close()
        await self._checks.close()
        self._lock_thread.shutdown(wait=False)

    async def _patiently(self, task: asyncio.Future[Any]) -> None:
        """Wait for it; where this process is to end, no longer than some seconds."""
        ended = asyncio.ensure_future(self._ended.wait())
        await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not task.done():
            await asyncio.wait({task}, timeout=_CLOSING)

    # The writer

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(_GATHER):
                    await self._urgent.wait()
            self._wake.clear()
            self._urgent.clear()
            while self._events or self._samples or self._exchanges:
                await self._write_group()
            if self._closing:
                return

    async def _write_group(self) -> None:
        events, samples = self._events[:_GROUP], self._samples[:_GROUP]
        exchanges, self._exchanges = self._exchanges[:_GROUP], self._exchanges[_GROUP:]
        self._samples = self._samples[_GROUP:]
        while not self._broken:
            bodies = [json.dumps(to_row(event)) for event, _ in events]
            hosts, kept = [one.host for one in exchanges], [exchange_body(one) for one in exchanges]
            values = (self._claim.rollout, self._claim.epoch, self._written, bodies, samples, hosts, kept)
            try:
                await self._timed(self._link.call(_APPEND, *values, seconds=_CALL))
                self._written += len(events)
                break
            except Refused as refused:
                self._refused(refused)
            except DatabaseAway as away:
                self._is_away(str(away))
                samples, exchanges = [], []  # they may be there already
                await asyncio.sleep(_AGAIN)
        self._events = self._events[len(events) :]
        self._answer(events, self._broken)

    def _answer(self, events: list[tuple[Event, asyncio.Future[None] | None]], why: str) -> None:
        self._tell([event for event, _ in events])
        for _, done in events:
            if done is None or done.done():
                continue
            if why:
                done.set_exception(JournalBroken(why))
            else:
                done.set_result(None)

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            for listener in self._listeners:
                listener(event)

    # The database's state

    @property
    def _silent(self) -> str:
        return f"the database ({self._where}) did not answer before the end of this process"

    @property
    def _taken_over(self) -> str:
        return f"another worker has taken over the rollout {self._claim.rollout}: this worker does nothing more for it"

    def _refused(self, refused: Refused) -> None:
        self._break(self._taken_over if refused.code == TAKEN else f"the database ({self._where}) refuses the journal: {refused}")

    def _break(self, why: str) -> None:
        if self._broken:
            return
        self._broken = why
        self._back()
        self._on_broken(why)
        self._wake.set()
        self._urgent.set()

    async def _timed(self, call: Coroutine[Any, Any, T]) -> T:
        """While its answer is late, time stands still: who waits for it must not use up a deadline."""
        task = asyncio.ensure_future(call)
        try:
            if not (await asyncio.wait({task}, timeout=_SLOW))[0]:
                self._is_away(f"no answer within {_SLOW:g} s")
            return await task
        finally:
            task.cancel()

    def _is_away(self, why: str) -> None:
        if self._away or self._broken:
            return
        self._away = f"the database of the cluster ({self._where}) does not answer: {why}"
        self._on_away(self._away)
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        """Until it answers."""
        while True:
            try:
                rows = await self._checks.call(_OWNED, self._claim.rollout, self._claim.epoch, seconds=_CALL)
            except Refused as refused:
                self._refused(refused)
                return
            except DatabaseAway:
                await asyncio.sleep(_AGAIN)
                continue
            if rows[0][0]:
                self._back()
            else:
                self._break(self._taken_over)
            return

    def _back(self) -> None:
        if self._away:
            self._away = ""
            self._on_away("")


def _seen(task: asyncio.Task[None]) -> None:
    """Who waited for it may have left."""
    if not task.cancelled():
        task.exception()
