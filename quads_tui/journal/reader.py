"""Reading a journal back, also one that another process writes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quads_tui.rollout.errors import QuadsTuiError

from .schema import APPLICATION_ID, SCHEMA, row_of_schema_2

if TYPE_CHECKING:
    from quads_tui.rollout.events import Event
    from quads_tui.rollout.http_log import Exchange

_GROUP = 2000  # events that are decoded together


class NoJournal(QuadsTuiError):
    """The file is missing, or not a journal of ours, or of a newer version. The text says which."""


@dataclass(frozen=True, slots=True)
class StoredSample:
    """The figures of one second: `at` in real seconds since 1970 UTC, `data` as Journal.sample got it."""

    at: float
    data: dict[str, Any]


class JournalReader:
    """One journal, read-only. May be used from any thread, by one at a time."""

    def __init__(self, path: Path) -> None:
        """Raises NoJournal."""
        if not path.is_file():
            raise NoJournal(f"there is no journal {path}")
        try:
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
            found = self._db.execute("pragma application_id").fetchone()[0]
            self._schema = schema = self._db.execute("pragma user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise NoJournal(f"{path} cannot be read as a journal: {error}") from None
        if found != APPLICATION_ID:
            raise NoJournal(f"{path} is not a journal of quads-tui")
        if schema > SCHEMA:
            raise NoJournal(f"{path} was written by a newer quads-tui (schema {schema}; supported: 1 to {SCHEMA})")

    def facts(self, but: Collection[str] = ()) -> dict[str, Any]:
        """What JournalStore.describe kept. `but`: without these, which are not read."""
        others = ("owner", *but)  # schema 3 kept its owner there
        rows = self._db.execute(f"select key, value from meta where key not in ({', '.join('?' * len(others))})", others)
        return {key: json.loads(value) for key, value in rows}

    def has_fact(self, key: str) -> bool:
        """Whether JournalStore.describe kept this."""
        return self._db.execute("select 1 from meta where key = ?", (key,)).fetchone() is not None

    def fact(self, key: str) -> Any:
        """One of the facts. KeyError: there is none of this key."""
        found = self._db.execute("select value from meta where key = ?", (key,)).fetchone()
        if found is None:
            raise KeyError(key)
        return json.loads(found[0])

    def fingerprint(self) -> str:
        """Of the state of the journal: its facts (but who opened it how often), its last event and its last sample."""
        digest = blake2b(digest_size=16)
        facts = self._db.execute("select key, value from meta where key <> 'owner' order by key")
        last = self._db.execute("select * from event order by n desc limit 1").fetchall()
        (sampled,) = self._db.execute("select max(n) from sample").fetchone()
        for part in (*(text for row in facts for text in row), repr(last), str(sampled)):
            digest.update(f"{len(part)} {part}".encode(errors="surrogatepass"))
        return digest.hexdigest()

    def events(self, since: int = 0) -> Iterator[tuple[int, Event]]:
        """Events in order with their numbers, those after `since`."""
        from quads_tui.rollout.events import from_row  # here, for those who want no events

        if self._schema < 3:
            yield from self._older_events(since)
            return
        rows = self._db.execute("select n, body from event where n > ? order by n", (since,))
        while group := rows.fetchmany(_GROUP):
            numbers, bodies = zip(*group, strict=True)
            events = json.loads(f"[{','.join(bodies)}]")  # one call for many: half the time
            if len(events) != len(numbers):
                raise ValueError("an event's body is not a JSON array")
            yield from zip(numbers, map(from_row, events), strict=True)

    def _older_events(self, since: int) -> Iterator[tuple[int, Event]]:
        from quads_tui.rollout.events import from_row

        for number, *row in self._db.execute("select n, at, kind, host, body from event where n > ? order by n", (since,)):
            yield number, from_row(json.loads(row_of_schema_2(*row)))

    def samples(self, since: float = 0.0) -> Iterator[StoredSample]:
        """A row a second, those after real time `since`."""
        for at, body in self._db.execute("select at, body from sample where at > ? order by n", (since,)):
            yield StoredSample(at, json.loads(body))

    def sample_times(self) -> list[float]:
        """Real times of all samples, in their order."""
        return [at for (at,) in self._db.execute("select at from sample order by n")]

    def last_sample(self) -> float:
        """Real time of the newest; 0 for none."""
        found: float | None = self._db.execute("select max(at) from sample").fetchone()[0]
        return found or 0.0

    def exchanges(self, host: str, last: int = 20) -> list[Exchange]:
        """The last requests that were made for a host, the oldest first. Empty in journals that did not keep them."""
        from quads_tui.rollout.http_log import Exchange

        if self._schema < 2:
            return []
        names = ("at", "host", "method", "path", "status", "seconds", "error")
        rows = self._db.execute(f"select {', '.join(names)} from exchange where host = ? order by n desc limit ?", (host, last))
        return [Exchange(**dict(zip(names, row, strict=True))) for row in rows][::-1]

    def close(self) -> None:
        self._db.close()
