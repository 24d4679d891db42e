"""The journal of one rollout: a SQLite file, one writer thread, group commit.

The loop never waits for the disk: `record` queues, `commit` awaits the group that carries its event. WAL with synchronous=FULL:
what `commit` returned for survives a power loss.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from quads_tui.rollout.events import Event, to_row
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.ports import JournalBroken, TakenOver

from .schema import APPLICATION_ID, SCHEMA, row_of_schema_2

_TABLES = """
create table meta (key text primary key, value text not null) without rowid;
create table event (n integer primary key, body text not null);
create table sample (n integer primary key, at real not null, body text not null);
"""
_OWNER = """
create table owner (number integer not null);
insert into owner values (0);
"""
_EXCHANGES = """
create table exchange (n integer primary key, at real not null, host text not null, method text not null, path text not null,
  status integer not null, seconds real not null, error text not null);
create index exchange_host on exchange (host);
"""
_EVENTS_OF_SCHEMA_2 = """
create table newer (n integer primary key, body text not null);
insert into newer select n, row_of_schema_2(at, kind, host, body) from event;
drop table event; alter table newer rename to event;
"""

_GATHER = 0.25  # seconds that a group may wait for more, where nobody waits for it: a transaction costs as much as twenty events

_Row = tuple[str, tuple[Any, ...], "asyncio.Future[None] | None"]  # one of these statements and its values, for whom
_EVENT = "insert into event (body) values"
_SAMPLE = "insert into sample (at, body) values"
_EXCHANGE = "insert into exchange (at, host, method, path, status, seconds, error) values"
_META = "insert or replace into meta (key, value) values"
_AT_ONCE = 50  # rows of one statement


class JournalStore:
    """Implements rollout.ports.Journal. `on_broken` is called once, in the loop, when the disk refuses."""

    def __init__(
        self,
        path: Path,
        *,
        existing: bool = False,
        on_broken: Callable[[str], None] = lambda why: None,
    ) -> None:
        """Create the journal (its directory 0700, the file 0600), or open an existing one to go on with it.

        An older schema is brought up to date. Raises JournalBroken; a file that is not ours or damaged is never written to.
        """
        self.path = path
        self.directory = path.parent
        self.resume_command = f"quads-tui resume {path.parent.name}"
        self._on_broken = on_broken
        self._listeners: list[Callable[[Event], None]] = []
        self._broken = ""
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Row | None] = SimpleQueue()
        self._unhurried: deque[_Row] = deque()  # goes along with the next group
        self._asked = 0  # rows, ever, that somebody waits for
        self._hurry = threading.Event()  # set with each of them
        try:
            if not existing:
                _create(path)
            where = f"{path.absolute().as_uri()}?mode=rw"
            self._db = sqlite3.connect(where, uri=True, check_same_thread=False, isolation_level=None)
            if existing:
                self._adopt()
            self._db.execute("pragma synchronous=full")
            self._owner = self._own()
            self._owner_db = sqlite3.connect(where, uri=True, check_same_thread=False, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            stopped = "locked" in str(error)  # by who was stopped in the middle of a write: SQLite's lock goes with its process
            remedy = "; a suspended quads-tui process is in the middle of a write: end that process (kill -9)" if stopped else ""
            raise JournalBroken(f"cannot write the journal {path}: {error}{remedy}") from None
        self._owner_thread = ThreadPoolExecutor(1, "journal-owner")  # not one of the loop's: those may all wait for DNS
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    def _adopt(self) -> None:
        """Make sure that the file is a sound journal of ours, of the present schema."""
        (found,) = self._db.execute("pragma application_id").fetchone()
        (schema,) = self._db.execute("pragma user_version").fetchone()
        if found != APPLICATION_ID or schema > SCHEMA or schema < 1:
            raise sqlite3.DatabaseError(f"not a journal that this version can write (schema {schema}; supported: 1 to {SCHEMA})")
        (sound,) = self._db.execute("pragma quick_check(1)").fetchone()
        if sound != "ok":
            raise sqlite3.DatabaseError(f"damaged: {sound}")
        if schema < SCHEMA:
            self._migrate(schema)

    def _own(self) -> int:
        """Raise the owner number: whoever had the journal open until now can no longer write to it, nor act."""
        self._db.execute("begin immediate")
        if self._db.execute("update owner set number = number + 1").rowcount != 1:
            raise sqlite3.DatabaseError("damaged: no owner number")
        number = _owner(self._db)
        self._db.execute("commit")
        return number

    async def owned(self, locks: Callable[[], None] | None = None) -> None:
        """As Journal.owned; JournalBroken where the file cannot be read."""
        try:
            looking = self._loop.run_in_executor(self._owner_thread, self._check_owner, locks)
        except RuntimeError as closed:
            raise JournalBroken(f"the journal {self.path} cannot be read: {closed}") from None
        await looking

    def _check_owner(self, locks: Callable[[], None] | None) -> None:
        try:
            owner = _owner(self._owner_db)
        except sqlite3.Error as error:
            raise JournalBroken(f"the journal {self.path} cannot be read: {error}") from None
        if owner != self._owner:
            raise TakenOver(self._taken_over)
        if locks is not None:
            locks()

    @property
    def _taken_over(self) -> str:
        return f"another process has taken over the rollout {self.path.parent.name}: this process does nothing more"

    def _migrate(self, schema: int) -> None:
        """In one transaction: 1 had no exchanges, 2 kept an event's members by name, 3 its owner in `meta`.

        There each look at the owner read the whole plan, beside which the key lay. A process of that version finds none now: it
        learns that it was taken over.
        """
        self._db.create_function("row_of_schema_2", 4, row_of_schema_2, deterministic=True)
        self._db.executescript(
            f"""begin immediate; {_EXCHANGES if schema < 2 else ""} {_EVENTS_OF_SCHEMA_2 if schema < 3 else ""}
            {_OWNER}
            update owner set number = coalesce((select cast(value as integer) from meta where key = 'owner'), 0);
            delete from meta where key = 'owner';
            pragma user_version={SCHEMA}; commit;"""
        )

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """It gets events in their order, in the loop, when they are on disk or when it is certain that they never will be."""
        self._listeners.append(listener)

    def _answer(self, events: list[Event], waiting: list[asyncio.Future[None]], why: str) -> None:
        """A group was written, or (`why`, in words) was not."""
        try:
            self._written(events)
        finally:
            _resolve(waiting, why)

    def _written(self, events: list[Event]) -> None:
        for event in events:
            for listener in self._listeners:
                listener(event)

    def record(self, event: Event) -> None:
        """Queue it for the next group. Raises JournalBroken once the disk has refused."""
        if self._broken:
            self._written([event])
        self._put((_EVENT, (event,), None))

    async def commit(self, event: Event) -> None:
        """It is on disk when this returns. Raises JournalBroken."""
        await self._committed(_EVENT, (event,))

    async def describe(self, facts: Mapping[str, Any]) -> None:
        """Keep what the rollout is (site path, assignment, plan, ...), as JSON, on disk when it returns."""
        for key, value in facts.items():
            self._put((_META, (key, json.dumps(value)), None))
        await self.flush()

    async def flush(self) -> None:
        """Everything recorded so far is on disk when it returns."""
        await self._committed("", ())

    def sample(self, at: float, data: dict[str, object]) -> None:
        """A second's figures. May be lost. `at`: real seconds since 1970 UTC."""
        if not self._broken:
            self._queue.put((_SAMPLE, (at, json.dumps(data)), None))

    def exchange(self, one: Exchange) -> None:
        """For the host's history. May be lost: it is on disk with what is queued next, a second's sample at the latest.

        Forty of them a host, with a transaction each, would be most of the work of the thread.
        """
        if not self._broken:
            values = (one.at, one.host, one.method, one.path, one.status, one.seconds, one.error)
            self._unhurried.append((_EXCHANGE, values, None))

    async def close(self) -> None:
        """Write out what is queued and close the file. Never raises; a broken journal keeps what it had."""
        self._queue.put(None)
        self._hurry_up()
        await asyncio.to_thread(self._thread.join, 30.0)

    async def discard(self) -> None:
        """Close and delete the file: nothing of this rollout has happened."""
        await self.close()
        await asyncio.to_thread(self._delete)

    def _delete(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def _put(self, row: _Row) -> None:
        if self._broken:
            raise JournalBroken(self._broken)
        self._queue.put(row)

    def _hurry_up(self) -> None:
        """After a row was put for which somebody waits."""
        self._asked += 1
        self._hurry.set()

    async def _committed(self, sql: str, values: tuple[Any, ...]) -> None:
        done: asyncio.Future[None] = self._loop.create_future()
        self._put((sql, values, done))
        self._hurry_up()
        await done

    def _write(self) -> None:
        """The writer thread: take all that is queued, write it as one transaction, then answer those who wait.

        What somebody waits for is written at once, with all that was queued before it.
        """
        ending, answered = False, 0
        while not ending:
            rows = [self._queue.get()]
            self._hurry.clear()
            if _may_wait(rows[0]) and self._asked <= answered:
                self._hurry.wait(_GATHER)
            while not self._queue.empty():
                rows.append(self._queue.get())
            ending = None in rows
            group = [row for row in rows if row is not None]
            group += [self._unhurried.popleft() for _ in range(len(self._unhurried))]
            why = self._broken or self._write_group(group)
            if why and not self._broken:
                self._broken = why
                self._in_loop(self._on_broken, why)
            events = [values[0] for sql, values, _ in group if sql == _EVENT] if self._listeners else []
            waiting = [done for _, _, done in group if done is not None]
            answered += len(waiting)
            if events or waiting:
                self._in_loop(self._answer, events, waiting, why)
        self._owner_thread.shutdown()
        self._owner_db.close()
        self._db.close()  # the last one: this thread empties the WAL

    def _write_group(self, group: list[_Row]) -> str:
        """Empty when written, else why not."""
        try:
            self._db.execute("begin immediate")
            if _owner(self._db) != self._owner:
                self._db.execute("rollback")
                return self._taken_over
            for sql, rows in groupby(group, key=itemgetter(0)):
                if sql:
                    self._insert(sql, [values for _, values, _ in rows])
            self._db.execute("commit")
        except (sqlite3.Error, OSError) as error:
            if self._db.in_transaction:
                try:
                    self._db.execute("rollback")
                except sqlite3.Error:
                    pass
            return f"the journal {self.path} can no longer be written: {error}"
        return ""

    def _insert(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        """Many rows a statement. After each one this thread waits until the loop gives the interpreter back, 5 ms of a busy one:
        with a statement a row the queue grew to 127,000 events in a rollout of 10,000 hosts."""
        for start in range(0, len(rows), _AT_ONCE):
            some = [_stored(sql, values) for values in rows[start : start + _AT_ONCE]]
            row = f"({', '.join('?' * len(some[0]))})"
            self._db.execute(f"{sql} {', '.join([row] * len(some))}", [value for values in some for value in values])

    def _in_loop(self, what: Callable[..., None], *values: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *values)
        except RuntimeError:  # the loop has gone: nobody waits any more
            pass


def _create(path: Path) -> None:
    """Whole or not at all: whoever finds the file finds a journal in it. Raises OSError and sqlite3.Error."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = path.with_name(f"{path.name}.{os.getpid()}.new")
    os.close(os.open(made, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    try:
        database = sqlite3.connect(made, isolation_level=None)
        database.executescript(
            f"pragma application_id={APPLICATION_ID}; pragma user_version={SCHEMA};"
            f"pragma journal_mode=wal; {_TABLES} {_OWNER} {_EXCHANGES}"
        )
        database.close()
        os.link(made, path)  # never over an existing file
    finally:
        made.unlink()


def _owner(database: sqlite3.Connection) -> int:
    """How often the journal was opened for writing."""
    found = database.execute("select number from owner").fetchone()
    return int(found[0]) if found else 0  # none: somebody has taken it away, of a later version, say


def _stored(sql: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values as the statement takes them: an event becomes JSON here, in the writer thread."""
    return (json.dumps(to_row(values[0])),) if sql == _EVENT else values


def _may_wait(row: _Row | None) -> bool:
    """Nobody waits for it, and it is not the end."""
    return row is not None and row[2] is None


def _resolve(waiting: list[asyncio.Future[None]], why: str) -> None:
    for done in waiting:
        if done.done():
            continue
        if why:
            done.set_exception(JournalBroken(why))
        else:
            done.set_result(None)
