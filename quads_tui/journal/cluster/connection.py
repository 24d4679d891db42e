"""Connections to the database of the shared write queue: how its DSN is read, and what may be shown of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from quads_tui.rollout.addresses import ip_address
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.scrub import SECRETS
from quads_tui.rollout.text import clean

from .connect_errors import in_plain_words

CONNECT = 5.0  # real seconds for a connection
T = TypeVar("T")
_dying: set[asyncio.Task[Any]] = set()  # calls without an answer in time, until their connection is closed


class DatabaseAway(QuadsTuiError):
    """The database did not do it, or not in time. The text says why."""

    def __init__(self, words: str, *, advises: bool = False) -> None:
        super().__init__(words)
        self.advises = advises


class Dsn:
    """Where the database is. Shows host and database, and never more of it."""

    def __init__(self, dsn: str) -> None:
        """Raises DatabaseAway for a text that is no DSN."""
        try:
            parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
        except psycopg.Error:  # its text may quote the DSN
            raise DatabaseAway("the DSN is not valid; expected postgresql://USER@HOST/DATABASE or service=NAME") from None
        passwords = [parts[name] for name in ("password", "sslpassword") if parts.get(name)]
        self.has_password = bool(passwords)
        for password in passwords:
            SECRETS.add(password)
        self._conninfo = make_conninfo(
            **{
                "connect_timeout": str(round(CONNECT)),
                "keepalives_idle": "10",
                "tcp_user_timeout": "10000",
                "application_name": "quads-tui",
                **parts,
                "options": f"{parts.get('options', '')} -c synchronous_commit=on".strip(),
            }
        )
        host = parts.get("host", "")
        self.is_local = "service" not in parts and (not host or host.startswith("/") or _is_loopback(host))
        host = "this machine" if not host or host.startswith("/") else host
        where = [f"service {parts['service']}"] if "service" in parts else [host]
        self.shown = clean(", ".join([*where, *([f"database {parts['dbname']}"] if "dbname" in parts else [])]), 200)

    def __repr__(self) -> str:
        return f"Dsn({self.shown})"

    async def connect(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        """A connection on which each statement is a transaction. Raises DatabaseAway."""
        try:
            async with asyncio.timeout(CONNECT):
                return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        except TimeoutError:
            raise _not_connected("timeout expired") from None
        except (psycopg.Error, OSError) as error:
            raise _not_connected(reason(error)) from None


def _not_connected(text: str) -> DatabaseAway:
    words, advises = in_plain_words(text)
    return DatabaseAway(words, advises=advises)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def reason(error: BaseException) -> str:
    """In one line, without secrets."""
    if isinstance(error, psycopg.errors.InsufficientPrivilege | psycopg.errors.UndefinedObject):
        return f"{first_line(error)}; an administrator runs: quads-tui cluster init --grant ROLE"
    return first_line(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)


def first_line(error: BaseException) -> str:
    return SECRETS.scrub(clean(str(error).strip().partition("\n")[0], 300))


async def bounded(connection: psycopg.AsyncConnection[Any], call: Coroutine[Any, Any, T], seconds: float) -> T:
    """The call's result within real `seconds`, else the connection is given up. Raises DatabaseAway.

    Not asyncio.timeout: psycopg answers a cancellation by asking the server to cancel, and waits for that too.
    """
    task = asyncio.ensure_future(call)
    try:
        await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        _give_up(connection, task)
        raise
    if not task.done():
        _give_up(connection, task)
        raise DatabaseAway(f"no answer within {seconds:g} s")
    try:
        return task.result()
    except (psycopg.OperationalError, OSError) as error:
        raise DatabaseAway(reason(error)) from None


def _give_up(connection: psycopg.AsyncConnection[Any], task: asyncio.Task[Any]) -> None:
    async def end() -> None:
        task.cancel()
        await asyncio.wait({task}, timeout=10.0)
        if task.done() and not task.cancelled():
            task.exception()
        await connection.close()

    ending = asyncio.ensure_future(end())
    _dying.add(ending)
    ending.add_done_callback(_dying.discard)
