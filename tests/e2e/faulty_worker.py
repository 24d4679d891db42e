"""The program itself, as a worker that sends a signal to its own process at a named point.

python -m tests.e2e.faulty_worker N SIGNAL POINT -- WORDS

N: the how-manyth time. POINT: an event of any kind is on the database's disk, and no later one (`any`); the database has carried out
any statement (`call`); an act whose intent is there (build, reset, override), `login` (that one is about to be sent is), `check` (before the check at the first byte of an act at
a BMC), `wire` (a write to Foreman was asked whether it may go, and may), `late` (nothing is asked any more before its first byte),
`sent` (it is on the wire), or `granted` (the place in the write queue was granted and the intent is not committed: for a second).
$FAULT_ONCE: a file that the first of several workers makes; the others do nothing to themselves.
$FAULT_SKEW: seconds by which the clock of its machine is wrong.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

import aiohttp
import psycopg

from quads_tui import cli
from quads_tui.journal.cluster import journal
from quads_tui.journal.cluster.journal import ClusterJournal
from quads_tui.journal.cluster.place import PostgresPlace
from quads_tui.rollout.events import BmcSession, Event, Intent
from quads_tui.services.sending import CheckedRequest

_WRITTEN = 0.05  # real seconds after which a request has left this process, and a write has no answer yet


class _Point:
    def __init__(self, at: int, number: int) -> None:
        self._left = at
        self._number = number

    def passed(self) -> bool:
        """Whether it is this one."""
        self._left -= 1
        if self._left or not _first():
            return False
        os.kill(os.getpid(), self._number)
        return True


def _first() -> bool:
    path = os.environ.get("FAULT_ONCE")
    if not path:
        return True
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _is_of(event: Event, point: str) -> bool:
    if point == "any":
        return True
    if point == "login":
        return isinstance(event, BmcSession) and event.is_open and not event.uri
    return isinstance(event, Intent) and event.act == point


def install(at: int, number: int, name: str) -> None:
    point = _Point(at, number)
    if name == "any":
        journal._GROUP = 1  # events of a transaction
    answer, owned, sending = ClusterJournal._answer, ClusterJournal.owned, PostgresPlace.sending
    execute = psycopg.AsyncConnection.execute
    committed, send, unchecked = ClusterJournal.commit, CheckedRequest.send, aiohttp.ClientRequest.send

    def answered(self: ClusterJournal, events: Any, why: str) -> None:
        for event, _ in events:
            if not why and _is_of(event, name):
                point.passed()
        answer(self, events, why)

    async def commit(self: ClusterJournal, event: Event) -> None:
        if name == "granted" and _is_of(event, "build") and point.passed():
            await asyncio.sleep(1.0)
        await committed(self, event)

    async def before_check(self: ClusterJournal, locks: Any = None) -> None:
        if name == "check":
            point.passed()
        await owned(self, locks)

    async def sent(self: PostgresPlace, *values: Any) -> None:
        await sending(self, *values)
        if name == "wire":
            point.passed()

    async def on_the_wire(self: CheckedRequest, conn: Any) -> Any:
        response = await send(self, conn)
        if name == "sent" and self.method == "PUT":
            await asyncio.sleep(_WRITTEN)
            point.passed()
        return response

    async def carried_out(self: psycopg.AsyncConnection[Any], *values: Any, **options: Any) -> Any:
        cursor = await execute(self, *values, **options)
        if name == "call":
            point.passed()
        return cursor

    psycopg.AsyncConnection.execute = carried_out  # type: ignore[method-assign]
    CheckedRequest.send = on_the_wire  # type: ignore[method-assign]

    async def last(self: aiohttp.ClientRequest, conn: Any) -> Any:
        if name == "late" and self.method == "PUT":
            point.passed()
        return await unchecked(self, conn)

    aiohttp.ClientRequest.send = last  # type: ignore[method-assign]
    ClusterJournal._answer = answered  # type: ignore[method-assign]
    ClusterJournal.owned = before_check  # type: ignore[method-assign]
    ClusterJournal.commit = commit  # type: ignore[method-assign]
    PostgresPlace.sending = sent  # type: ignore[method-assign]


def skew(seconds: float) -> None:
    """The clock of this machine is wrong by so much."""
    right = time.time
    time.time = lambda: right() + seconds


def main() -> None:
    skew(float(os.environ.get("FAULT_SKEW", "0")))
    install(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    sys.argv = ["quads-tui", *sys.argv[sys.argv.index("--") + 1 :]]
    cli.main()


if __name__ == "__main__":
    main()
