"""One connection to the database of the cluster: opened when it is needed, given up when it does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import psycopg

from .connection import DatabaseAway, Dsn, bounded, reason

CALL = 10.0  # real seconds for a call


class Refused(DatabaseAway):
    """The database answered, and does not do it. `code`: its SQLSTATE; those of this schema begin with QT."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__(reason(error))
        self.code = error.sqlstate or ""


class Link:
    """Calls one after the other. `channels`: of notifications that `news` waits for."""

    def __init__(self, dsn: Dsn, channels: Sequence[str] = ()) -> None:
        self.dsn = dsn
        self._channels = channels
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._calling = asyncio.Lock()

    async def call(self, statement: str, *values: object, seconds: float = CALL) -> list[tuple[Any, ...]]:
        """The rows. Raises DatabaseAway where no answer came (what was asked may be done all the same), and Refused."""
        async with self._calling:
            try:
                rows: list[tuple[Any, ...]] = await self._bounded(lambda one: _rows(one, statement, values), seconds)
                return rows
            except psycopg.Error as error:
                raise Refused(error) from None

    async def news(self, seconds: float) -> None:
        """Return when somebody notified one of the channels, or after real `seconds`. Raises DatabaseAway."""

        async def heard(connection: psycopg.AsyncConnection[Any]) -> None:
            async for _ in connection.notifies(timeout=seconds, stop_after=1):
                pass

        async with self._calling:
            await self._bounded(heard, seconds + CALL)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                await connection.close()

    async def _bounded(self, call: Callable[[psycopg.AsyncConnection[Any]], Any], seconds: float) -> Any:
        connection, self._connection = self._connection, None  # not used again where this does not come to an end
        if connection is None or connection.closed:
            connection = await self.dsn.connect()
            for channel in self._channels:
                await bounded(connection, _rows(connection, f"listen {channel}", ()), CALL)
        try:
            result = await bounded(connection, call(connection), seconds)
        except psycopg.Error:  # it answered: the connection is good
            self._connection = connection
            raise
        self._connection = connection
        return result


async def _rows(connection: psycopg.AsyncConnection[Any], statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(statement.encode(), values or None)
    return await cursor.fetchall() if cursor.description else []
