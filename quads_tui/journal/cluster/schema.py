"""The schema `quads_tui` of the shared write queue: made, brought to this version, and read."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from .connection import DatabaseAway, Dsn, bounded, first_line, reason

OLDEST = 15  # version of PostgreSQL
_CALL = 10.0  # real seconds
_LOCK = 7_230_411  # of pg_advisory_xact_lock: two that migrate at once
_GRANTS: tuple[LiteralString, ...] = (
    "grant usage on schema quads_tui to {}",
    "grant select on quads_tui.schema_version to {}",
)
QUEUE = "take sending renew settled give_back"  # functions that whoever writes to Foreman calls
CONSOLE = f"{QUEUE} submit order_command want take_back rollouts workers facts events samples exchanges commands"
WORKER = (
    f"{CONSOLE} register beat claim owned append describe take_commands let_go leave"  # the journal is written by workers alone
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFacts:
    """What the database is. `clock`: its clock minus ours, in seconds, within `seconds` of a round trip."""

    version: int  # of PostgreSQL
    number: int | None  # of the schema; None: there is none
    queue: str  # name of the write queue
    lacking: tuple[str, ...]  # functions that we may not call
    clock: float
    seconds: float
    tls: bool
    durable: bool  # a commit that was confirmed survives a crash of the server
    standby: bool  # nothing can be written here


def migrations() -> Iterator[tuple[int, str]]:
    """Number and text of each, from 1."""
    for file in sorted(resources.files(__package__).iterdir(), key=lambda file: file.name):
        if found := re.fullmatch(r"(\d{4})_\w+\.sql", file.name):
            yield int(found[1]), file.read_text()


def newest() -> int:
    """The version of the schema that this program works with."""
    return max(number for number, _ in migrations())


async def init(dsn: Dsn, roles: tuple[str, ...] = (), workers: tuple[str, ...] = ()) -> tuple[int, int]:
    """Make the schema or bring it up to date; once more does no harm. Gives the versions before (0: there was none) and after.

    `roles` may write to Foreman, submit rollouts and give orders from then on; `workers` may carry rollouts out too. Raises
    DatabaseAway.
    """
    connection = await dsn.connect()
    try:
        return await bounded(connection, _init(connection, roles, workers), 6 * _CALL)
    except psycopg.Error as error:
        raise DatabaseAway(first_line(error)) from None
    finally:
        await connection.close()


async def _init(connection: psycopg.AsyncConnection[Any], roles: tuple[str, ...], workers: tuple[str, ...]) -> tuple[int, int]:
    if connection.info.server_version < OLDEST * 10_000:
        raise DatabaseAway(f"PostgreSQL {connection.info.server_version // 10_000} is too old; expected {OLDEST} or newer")
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        before = await _number(connection) or 0
        if before > newest():
            raise DatabaseAway(
                f"the schema has version {before}, this program knows {newest()}: install a newer quads-tui", advises=True
            )
        if not before:
            await connection.execute("create schema if not exists quads_tui")
        for number, text in migrations():
            if number > before:
                await connection.execute(text.encode())
                await connection.execute("update quads_tui.schema_version set number = %s", (number,))
        for role, functions in [*((role, CONSOLE) for role in roles), *((role, WORKER) for role in workers)]:
            for grant in _GRANTS:
                await connection.execute(sql.SQL(grant).format(sql.Identifier(role)))
            for function in functions.split():
                execute = sql.SQL("grant execute on function quads_tui.{} to {}")
                await connection.execute(execute.format(sql.Identifier(function), sql.Identifier(role)))
        return before, newest()


async def _number(connection: psycopg.AsyncConnection[Any]) -> int | None:
    row = await (await connection.execute("select to_regclass('quads_tui.schema_version') is not null")).fetchone()
    if row is None or not row[0]:
        return None
    row = await (await connection.execute("select number from quads_tui.schema_version")).fetchone()
    return int(row[0]) if row else None


async def facts(dsn: Dsn, used: str = QUEUE) -> QueueFacts:
    """`used`: names of the functions that are needed. Raises DatabaseAway."""
    connection = await dsn.connect()
    try:
        began = time.time()
        (clock,), *_ = await bounded(connection, _all(connection, "select extract(epoch from clock_timestamp())"), _CALL)
        seconds = time.time() - began
        shown, *_ = await bounded(
            connection,
            _all(
                connection,
                "select coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false),"
                " current_setting('fsync') = 'on' and current_setting('synchronous_commit') <> 'off', pg_is_in_recovery(),"
                " coalesce(has_schema_privilege(to_regnamespace('quads_tui')::oid, 'usage'), false)",
            ),
            _CALL,
        )
        tls, durable, standby, usable = shown
        number: int | None = None
        queue, lacking = "", tuple[str, ...]()
        if usable:
            number = await bounded(connection, _number(connection), _CALL)
            rows = await bounded(connection, _all(connection, "select queue::text from quads_tui.schema_version"), _CALL)
            queue = str(rows[0][0])
            rows = await bounded(
                connection,
                _all(
                    connection,
                    "select proname from pg_proc where pronamespace = 'quads_tui'::regnamespace"
                    " and not has_function_privilege(oid, 'execute')",
                ),
                _CALL,
            )
            lacking = tuple(sorted({str(name) for (name,) in rows} & set(used.split())))
        return QueueFacts(
            version=connection.info.server_version // 10_000,
            number=number,
            queue=queue,
            lacking=lacking,
            clock=float(clock) - began - seconds / 2,
            seconds=seconds,
            tls=bool(tls),
            durable=bool(durable),
            standby=bool(standby),
        )
    except psycopg.Error as error:
        raise DatabaseAway(reason(error)) from None
    finally:
        await connection.close()


async def _all(connection: psycopg.AsyncConnection[Any], statement: Any) -> list[tuple[Any, ...]]:
    return await (await connection.execute(statement)).fetchall()


def blocker(found: QueueFacts) -> tuple[str, str]:
    """Why no console may use the queue, and the remedy; both empty where it may."""
    if found.version < OLDEST:
        return f"PostgreSQL {found.version} is too old", f"install PostgreSQL {OLDEST} or newer"
    if found.standby:
        return "this server is a standby, on which nothing can be written", "set the DSN to the primary server"
    if found.number is None:
        words = "there is no schema quads_tui in this database, or this user has no access to it"
        return words, "run: quads-tui cluster init --cluster DSN --grant ROLE, as the owner of the database"
    if found.number < newest():
        words = f"the schema quads_tui has version {found.number}, this program needs {newest()}"
        return words, "run: quads-tui cluster init, as the owner of the database"
    if found.number > newest():
        words = f"the schema quads_tui has version {found.number}, this program knows {newest()}"
        return words, "install a newer quads-tui on this machine"
    if found.lacking:
        words = f"this user may not execute {', '.join(found.lacking)} in the schema quads_tui"
        return words, "run: quads-tui cluster init --grant ROLE, as the owner of the database"
    return "", ""
