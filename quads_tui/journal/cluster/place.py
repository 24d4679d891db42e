"""The place that consoles on several machines share, as a row with a lease in PostgreSQL. Implements rollout.SharedPlace.

Between machines only the database's clock counts: what goes there are durations, and what comes back are durations too. All rules
(who is next, what is a dead holder, whose fence stands) are in the database's functions; here is only who calls them, and when.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from quads_tui.rollout.ports import NotSent, QueueAway
from quads_tui.rollout.shared_place import LeftWrite
from quads_tui.rollout.text import clean

from .connection import DatabaseAway, Dsn, bounded, reason

_LAST_CHECK = 0.7  # real seconds for the check at the first byte; the request itself gives it one
_CALL = 5.0  # real seconds for any other call
_BELL = 0.5  # real seconds between two looks at whose turn it is, where no notification comes
_UNSEEN = 5.0  # real seconds after which a waiter that is not seen keeps nobody waiting
_AGAIN = 1.0  # real seconds between two tries of a database that is away
_RENEWALS = 4  # in the time of a write deadline, or more
_HEARD = 7.0  # real seconds between two at most: the database keeps a place for 30 s of silence
_CLOSING = 3.0  # real seconds at the end to give the place back


@dataclass(frozen=True, slots=True)
class _Grant:
    request: uuid.UUID
    fence: int
    keys: tuple[str, ...]
    write_deadline: timedelta
    until: float  # monotonic: the place is not renewed after this


class PostgresPlace:
    """One for a process and a Foreman, on one connection. `who`: user@machine, for other consoles."""

    def __init__(self, dsn: Dsn, keys: Iterable[str], who: str) -> None:
        self.keys = tuple(sorted(keys))  # of the Foreman; more may come, for the next grant
        self.trouble = ""
        self.writer = ""
        self._dsn = dsn
        self._who = who
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._calling = asyncio.Lock()
        self._grant: _Grant | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._returning: asyncio.Task[None] | None = None

    # SharedPlace

    async def take(self, write_deadline: float, longest: float) -> Sequence[LeftWrite]:
        await self._returned()
        request, keys, seconds = uuid.uuid4(), self.keys, timedelta(seconds=write_deadline)
        try:
            while True:
                try:
                    call = "select * from quads_tui.take(%s, %s, %s, %s, %s)"
                    rows = await self._call(call, (request, [*keys], self._who, seconds, timedelta(seconds=_UNSEEN)))
                    fence, writer, host, intents = rows[0]
                    if fence is not None:
                        break
                    self.writer = _writer(writer, host)
                    await self._bell()
                except (DatabaseAway, psycopg.Error) as error:
                    self._is_away(error)
                    await asyncio.sleep(_AGAIN)
        except BaseException:
            self._returning = asyncio.ensure_future(self._return(request, write_deadline))
            raise
        finally:
            self.writer = ""
        self._grant = _Grant(request, fence, keys, seconds, time.monotonic() + longest)
        self._renewing = asyncio.ensure_future(self._renew(self._grant))
        return [_left(intent) for intent in intents]

    async def sending(self, host: str, act: str, detail: Mapping[str, object]) -> None:
        grant = self._grant
        if grant is None or grant.keys != self.keys:
            raise NotSent("the place in the shared write queue must be taken again")
        intent = json.dumps({"host": host, "act": act, "who": self._who, "detail": dict(detail)})
        try:
            async with asyncio.timeout(_LAST_CHECK):
                await self._call("select quads_tui.sending(%s, %s, %s, %s, %s)", (*_named(grant), host, intent))
        except TimeoutError:
            self._is_away(DatabaseAway(f"no answer within {_LAST_CHECK:g} s"))
            raise QueueAway(self.trouble) from None
        except DatabaseAway as away:
            self._is_away(away)
            raise QueueAway(self.trouble) from None
        except psycopg.Error as error:
            if error.sqlstate == "QT001":
                raise NotSent("another console took the place in the write queue: this one did not answer for too long") from None
            self._is_away(error)
            raise QueueAway(self.trouble) from None
        if grant is not self._grant:
            raise NotSent("the place in the shared write queue was given back")

    async def is_left(self, left: LeftWrite) -> bool:
        grant = self._grant
        if grant is None:
            return True
        try:
            call = "select * from quads_tui.take(%s, %s, %s, %s, %s)"  # ours already: it tells what is left
            values = (grant.request, [*grant.keys], self._who, grant.write_deadline, timedelta(seconds=_UNSEEN))
            fence, _, _, intents = (await self._call(call, values))[0]
            return fence != grant.fence or any(intent["number"] == left.number for intent in intents)  # lost: `settled` finds out
        except (DatabaseAway, psycopg.Error) as error:
            self._is_away(error)
        return True

    async def settled(self, left: LeftWrite) -> bool:
        grant = self._grant
        while grant is not None:
            try:
                rows = await self._call("select quads_tui.settled(%s, %s, %s)", (grant.fence, [*grant.keys], left.number))
                if not rows[0][0]:
                    self._drop()
                return bool(rows[0][0])
            except (DatabaseAway, psycopg.Error) as error:
                self._is_away(error)
                await asyncio.sleep(_AGAIN)
        return False

    def give_back(self) -> None:
        grant = self._drop()
        if grant is not None:
            self._returning = asyncio.ensure_future(self._return(grant.request, grant.write_deadline.total_seconds()))

    def abandon(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()

    async def close(self) -> None:
        """The place is given back, if that goes soon; a write without an outcome is left to whoever comes next."""
        self.abandon()
        if self._returning is not None:
            await asyncio.wait({self._returning}, timeout=_CLOSING)
            self._returning.cancel()
        if self._connection is not None:
            with suppress(psycopg.Error, OSError):
                await self._connection.close()

    # The calls

    async def _renew(self, grant: _Grant) -> None:
        """Only for as long as one write may take: a process that hangs in the middle of it does not keep the place for ever."""
        pause = every = min(grant.write_deadline.total_seconds() / _RENEWALS, _HEARD)
        while time.monotonic() + pause < grant.until:
            await asyncio.sleep(pause)
            try:
                rows = await self._call("select quads_tui.renew(%s, %s, %s)", _named(grant))
            except (DatabaseAway, psycopg.Error) as error:
                self._is_away(error)
                pause = min(every, _AGAIN)  # after a start of the database it has 15 s to be heard of
                continue
            pause = every
            if not rows[0][0]:
                return  # the next call that needs the place finds out by itself

    async def _return(self, request: uuid.UUID, seconds: float) -> None:
        """Until the database has heard of it, or it is lost anyway."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                await self._call("select quads_tui.give_back(%s)", (request,))
                return
            except (DatabaseAway, psycopg.Error) as error:
                self._is_away(error)
            await asyncio.sleep(_AGAIN)

    async def _returned(self) -> None:
        """What was given back before is no longer on its way."""
        if self._returning is not None:
            await asyncio.wait({self._returning})
            self._returning = None

    async def _call(self, statement: Any, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """Raises DatabaseAway, and psycopg.Error for what the database refuses."""
        async with self._calling:
            rows: list[tuple[Any, ...]] = await self._bounded(lambda connection: _rows(connection, statement, values))
            self.trouble = ""
            return rows

    async def _bell(self) -> None:
        """Return when somebody gave a place back, or after a moment."""

        async def heard(connection: psycopg.AsyncConnection[Any]) -> None:
            async for _ in connection.notifies(timeout=_BELL, stop_after=1):
                pass

        async with self._calling:
            await self._bounded(heard)

    async def _bounded(self, call: Callable[[psycopg.AsyncConnection[Any]], Any]) -> Any:
        if self._connection is None or self._connection.closed:
            self._connection = await self._dsn.connect()
            await bounded(self._connection, _rows(self._connection, "listen quads_tui_place", None), _CALL)
        connection, self._connection = self._connection, None  # not used again where this does not come to an end
        result = await bounded(connection, call(connection), _CALL)
        self._connection = connection
        return result

    def _drop(self) -> _Grant | None:
        grant, self._grant = self._grant, None
        if self._renewing is not None:
            self._renewing.cancel()
        return grant

    def _is_away(self, error: Exception) -> None:
        if not self.trouble:
            since = f"{datetime.now().astimezone():%H:%M:%S}"
            words = f"the database of the write queue ({self._dsn.shown}) has not answered since {since}"
            self.trouble = f"{words}: {error if isinstance(error, DatabaseAway) else reason(error)}"


async def _rows(
    connection: psycopg.AsyncConnection[Any], statement: Any, values: Sequence[object] | None
) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(statement, values)
    return await cursor.fetchall() if cursor.description else []


def _named(grant: _Grant) -> tuple[int, list[str], timedelta]:
    return grant.fence, [*grant.keys], grant.write_deadline


def _writer(who: str, host: str) -> str:
    who, host = clean(who, 100), clean(host, 100)
    return f"{who} is writing host {host}" if host else f"it is the turn of {who}"


def _left(found: Mapping[str, Any]) -> LeftWrite:
    """As `sending` kept it; other consoles are believed no more than a server."""
    detail = found.get("detail")
    return LeftWrite(
        host=clean(found.get("host", ""), 255),
        act=clean(found.get("act", ""), 40),
        who=clean(found.get("who", ""), 100),
        arrives=float(found["arrives"]),
        number=int(found["number"]),
        detail=detail if isinstance(detail, dict) else {},
    )
