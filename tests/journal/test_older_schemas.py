"""Journals that an earlier version wrote: read as they are, brought up to date when they are opened, and taken from its process."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from quads_tui.journal.reader import JournalReader
from quads_tui.journal.store import JournalStore
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.moments import LONG_AGO
from quads_tui.rollout.ports import JournalBroken, TakenOver

from .test_store import EVENTS


async def test_whoever_opens_a_journal_of_schema_3_takes_it_from_a_process_of_that_version(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "journal.db")
    await store.commit(EVENTS[0])
    await store.close()
    older = sqlite3.connect(store.path)
    older.executescript("drop table owner; insert into meta values ('owner', '1'); pragma user_version=3;")
    assert JournalReader(store.path).facts() == {}
    before = JournalReader(store.path).fingerprint()
    again = JournalStore(store.path, existing=True)
    assert older.execute("select value from meta where key = 'owner'").fetchone() is None  # so that version finds itself replaced
    assert older.execute("select number from owner").fetchone() == (2,)
    older.close()
    assert JournalReader(store.path).fingerprint() == before
    third = JournalStore(store.path, existing=True)
    with pytest.raises(TakenOver):
        await again.owned()
    for one in (again, third):
        await one.close()
    assert [event for _, event in JournalReader(store.path).events()] == [EVENTS[0]]


async def test_a_journal_without_an_owner_is_nobodys(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "journal.db")
    other = sqlite3.connect(store.path)
    other.execute("delete from owner")
    other.commit()
    other.close()
    with pytest.raises(TakenOver):
        await store.owned()
    with pytest.raises(JournalBroken):
        await store.commit(EVENTS[0])
    await store.close()
    with pytest.raises(JournalBroken, match="no owner number"):
        JournalStore(store.path, existing=True)


@pytest.mark.parametrize("schema", [1, 2])
async def test_an_older_schema_is_brought_up_to_date_and_loses_nothing(tmp_path: Path, schema: int) -> None:
    store = JournalStore(tmp_path / "journal.db")
    await store.close()
    database = sqlite3.connect(store.path)  # as that version wrote it
    database.executescript(
        f"""drop table event; {"drop table exchange;" if schema == 1 else ""} pragma user_version={schema};
        create table event (n integer primary key, at real not null, kind text not null, host text, body text not null);
        insert into meta values ('site', '"s"'), ('owner', '1'); drop table owner;"""
    )
    events = [replace(event) for event in EVENTS[:6]]
    for event in events:
        body = asdict(event)
        if body.pop("moment", None):  # that version knew none, and nothing may be reckoned from it
            event.moment = LONG_AGO
        row = (body.pop("at"), event.kind, body.pop("host", None), json.dumps(body))
        database.execute("insert into event (at, kind, host, body) values (?, ?, ?, ?)", row)
    database.commit()
    database.close()
    before = JournalReader(store.path)
    assert [event for _, event in before.events()] == events
    assert [number for number, _ in before.events(since=4)] == [5, 6]
    assert before.exchanges("h1") == []
    before.close()
    again = JournalStore(store.path, existing=True)
    again.exchange(Exchange(at=3.0, host="h1", method="GET", path="/", status=0, seconds=0.0, error="refused"))
    await again.commit(EVENTS[6])
    await again.close()
    after = JournalReader(store.path)
    assert [event for _, event in after.events()] == [*events, EVENTS[6]]
    assert after.facts() == {"site": "s"}
    assert [e.error for e in after.exchanges("h1")] == ["refused"]
