"""The command line of schedules and repair_schedules: many of them, on several processes."""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.postgres import PostgresServer, new_database, with_schema

from .stored_journals import Journals, MemoryJournals, SqliteJournals

_PART = 250  # schedules that a process is given at once

Check = Callable[[int, Journals], None]


@dataclass(frozen=True)
class _Part:
    """`dsn`: of the cluster's database."""

    check: Check
    numbers: range
    journal: str
    dsn: str

    def failed(self) -> list[str]:
        bad = []
        for number in self.numbers:
            with journals(self.journal, self.dsn) as kept:
                try:
                    self.check(number, kept)
                except AssertionError as error:
                    bad.append(str(error))
        return bad


@contextmanager
def journals(kind: str, dsn: str = "") -> Iterator[Journals]:
    """Of one rollout. `kind`: memory, sqlite, or cluster, which needs `dsn`."""
    if kind == "cluster":
        from .cluster_journals import ClusterJournals  # here, for those who have no psycopg

        yield ClusterJournals(dsn)
    elif kind == "sqlite":
        with TemporaryDirectory() as place:
            yield SqliteJournals(Path(place))
    else:
        yield MemoryJournals()


@contextmanager
def _database(kind: str) -> Iterator[str]:
    """The DSN of one on a server of its own, where it is needed."""
    if kind != "cluster":
        yield ""
        return
    server = PostgresServer()
    try:
        server.start()
        yield new_database(server.port, with_schema(server.port))
    finally:
        server.remove()


def check_many(check: Check, words: str | None) -> None:
    """Ends the process, with status 1 where one failed. `words`: of --help."""
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--journal", choices=("memory", "sqlite", "cluster"), default="memory")
    given = parser.parse_args()
    began, bad, done = time.monotonic(), 0, 0
    last = given.first + given.count
    with _database(given.journal) as dsn, multiprocessing.Pool(given.workers) as pool:
        starts = range(given.first, last, _PART)
        parts = [_Part(check, range(start, min(start + _PART, last)), given.journal, dsn) for start in starts]
        for part, found in zip(parts, pool.imap(_Part.failed, parts), strict=True):
            bad, done = bad + len(found), done + len(part.numbers)
            for error in found:
                print(error, flush=True)
            print(f"{done} schedules, {bad} bad, {time.monotonic() - began:.0f} s", flush=True)
    raise SystemExit(bool(bad))
