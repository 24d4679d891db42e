"""The journal: what commit returned for is on disk, the disk's refusal stops the rollout, foreign files are refused."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quads_tui.journal import store as journal_store
from quads_tui.journal.reader import JournalReader, NoJournal
from quads_tui.journal.store import JournalStore
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import (
    Event,
    HostArmed,
    HostChanged,
    HostNote,
    Intent,
    Outcome,
    Paused,
    RolloutEnded,
    RolloutStarted,
    StageChanged,
    from_row,
    to_row,
)
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.moments import Moment
from quads_tui.rollout.ports import JournalBroken, TakenOver
from quads_tui.rollout.stages import ActResult, HostStatus, Stage, StageStatus
from tests.waiting import PATIENCE, until

EVENTS: list[Event] = [
    RolloutStarted(1.5, "r1", 2, False, "me@here", 60.0),
    StageChanged(2.0, "h1", Stage.PXE_SET, StageStatus.FAILED, 2, 3.25, "no [/oops] \u65e5\u672c", Cause.REFUSED),
    HostChanged(3.0, "h1", HostStatus.WAITING, Stage.PXE_SET, Cause.BUSY, "SYS518", 9.5),
    HostArmed(4.0, "h1", True),
    HostNote(5.0, "h2", "waits", True),
    Intent(6.0, "h1", 7, "build", {"progress": "abc", "wanted": {"build": True, "owner_id": 3}}, Moment("b1", 7.5)),
    Outcome(7.0, "h1", 7, ActResult.APPLIED, {"installed_at": None}),
    Paused(8.0, "writes", True, "me@here", "Foreman hangs"),
    RolloutEnded(9.0, "operator"),
]


async def test_what_was_written_is_read_back_in_order(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "rollouts" / "r1" / "journal.db")
    await store.describe({"site": "/etc/site.yaml", "plan": {"hosts": ["h1"]}})
    for event in EVENTS:
        store.record(event)
    store.sample(10.0, {"depth": 3})
    await store.close()
    reader = JournalReader(store.path)
    assert [event for _, event in reader.events()] == EVENTS
    assert [number for number, _ in reader.events(since=7)] == [8, 9]
    assert reader.facts() == {"site": "/etc/site.yaml", "plan": {"hosts": ["h1"]}}
    assert [(sample.at, sample.data) for sample in reader.samples()] == [(10.0, {"depth": 3})]
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


@given(st.sampled_from(EVENTS))
def test_events_survive_their_row(event: Event) -> None:
    assert from_row(json.loads(json.dumps(to_row(event)))) == event


def test_events_of_another_version_are_an_error_not_a_guess() -> None:
    for row in (["teleported", 1.0], ["armed", 1.0, "h", True, "blue"], ["armed", 1.0], [], ["stage", 1.0, "h1", "x", "y", 1]):
        with pytest.raises(ValueError, match="is not supported by this version"):
            from_row(row)


async def test_a_committed_event_is_seen_by_another_process_before_close(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "journal.db")
    await store.commit(EVENTS[5])
    seen = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sqlite3; print(sqlite3.connect('{store.path}').execute('select body from event').fetchall())",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert '["intent", 6.0, "h1", 7, "build"' in seen.stdout
    await store.close()


def test_what_commit_returned_for_survives_kill_9(tmp_path: Path) -> None:
    """A real process that dies by its own SIGKILL right after a commit."""
    path = tmp_path / "journal.db"
    script = f"""
        import asyncio, os, signal
        from pathlib import Path
        from quads_tui.journal.store import JournalStore
        from quads_tui.rollout.events import HostNote

        async def main():
            store = JournalStore(Path({str(path)!r}))
            for n in range(200):
                store.record(HostNote(float(n), "h1", str(n)))
            await store.commit(HostNote(200.0, "h1", "last"))
            os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(main())
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert ended.returncode == -signal.SIGKILL
    events = [event for _, event in JournalReader(path).events()]
    assert len(events) == 201
    assert events[-1] == HostNote(200.0, "h1", "last")


async def test_a_disk_that_refuses_is_told_to_everyone_who_waits(tmp_path: Path) -> None:
    told: list[str] = []
    store = JournalStore(tmp_path / "journal.db", on_broken=told.append)
    await store.commit(EVENTS[0])
    blocker = sqlite3.connect(store.path, isolation_level=None)
    blocker.execute("drop table event")  # the writer's next insert fails, as on a full disk
    blocker.close()
    with pytest.raises(JournalBroken, match="can no longer be written"):
        await store.commit(EVENTS[1])
    with pytest.raises(JournalBroken):
        await store.commit(EVENTS[2])
    await asyncio.sleep(0)
    assert len(told) == 1
    with pytest.raises(JournalBroken):
        store.record(EVENTS[3])
    await store.close()


async def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_text("somebody's diary")
    with pytest.raises(JournalBroken):
        JournalStore(path)
    assert path.read_text() == "somebody's diary"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_read_only_directory_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(JournalBroken, match=str(tmp_path)):
        JournalStore(tmp_path / "sub" / "journal.db")


def test_foreign_and_newer_files_are_refused(tmp_path: Path) -> None:
    missing, foreign, text = tmp_path / "none.db", tmp_path / "foreign.db", tmp_path / "text.db"
    with pytest.raises(NoJournal, match="there is no journal"):
        JournalReader(missing)
    database = sqlite3.connect(foreign)
    database.execute("create table t (x)")
    database.commit()
    with pytest.raises(NoJournal, match="is not a journal of quads-tui"):
        JournalReader(foreign)
    text.write_text("x" * 5000)
    with pytest.raises(NoJournal):
        JournalReader(text)


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "journal.db")
    await store.close()
    database = sqlite3.connect(store.path)
    database.execute("pragma user_version=99")
    database.commit()
    with pytest.raises(NoJournal, match="newer"):
        JournalReader(store.path)


async def test_c3_whoever_opens_a_journal_owns_it_and_the_one_before_writes_nothing_more(tmp_path: Path) -> None:
    told: list[str] = []
    before = JournalStore(tmp_path / "r1" / "journal.db", on_broken=told.append)
    await before.commit(EVENTS[0])
    await before.owned()
    now = JournalStore(before.path, existing=True)
    with pytest.raises(TakenOver, match="another process has taken over the rollout r1: this process does nothing more"):
        await before.owned()
    with pytest.raises(JournalBroken, match="taken over the rollout r1"):
        await before.commit(EVENTS[1])
    await now.owned()
    await now.commit(EVENTS[2])
    await before.close()
    await now.close()
    reader = JournalReader(now.path)
    assert [event for _, event in reader.events()] == [EVENTS[0], EVENTS[2]]
    assert len(told) == 1


async def test_the_locks_are_looked_at_together_with_the_owner(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "journal.db")
    threads: list[str] = []
    await store.owned(lambda: threads.append(threading.current_thread().name))
    assert threads and threads[0] != threading.current_thread().name

    def lost() -> None:
        raise TakenOver("the lock is no longer ours")

    with pytest.raises(TakenOver, match="no longer ours"):
        await store.owned(lost)
    again = JournalStore(store.path, existing=True)
    with pytest.raises(TakenOver, match="another process"):
        await store.owned(lambda: threads.append("too late"))
    assert len(threads) == 1
    await store.close()
    with pytest.raises(JournalBroken):
        await store.owned()
    await again.close()


async def test_the_owner_is_read_beside_a_thread_pool_that_is_full(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "journal.db")
    free = threading.Event()
    full = [asyncio.get_running_loop().run_in_executor(None, free.wait) for _ in range(64)]  # look-ups of names, say
    try:
        await asyncio.wait_for(store.owned(), PATIENCE)
    finally:
        free.set()
        await asyncio.gather(*full)
        await store.close()


async def test_a_journal_is_gone_on_with_where_it_ended(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "journal.db")
    await store.commit(EVENTS[0])
    await store.close()
    again = JournalStore(store.path, existing=True)
    await again.commit(EVENTS[1])
    again.exchange(Exchange(at=3.0, host="h1", method="GET", path="/redfish/v1", status=200, seconds=0.25, error=""))
    await again.close()
    reader = JournalReader(store.path)
    assert [event for _, event in reader.events()] == EVENTS[:2]
    assert [(e.method, e.path, e.status) for e in reader.exchanges("h1")] == [("GET", "/redfish/v1", 200)]


async def test_exchanges_go_along_with_what_is_written_next(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "journal.db")
    paths = [f"/redfish/v1/{number}" for number in range(40)]
    for path in paths:
        store.exchange(Exchange(at=3.0, host="h1", method="GET", path=path, status=200, seconds=0.25, error=""))
    await store.commit(EVENTS[0])
    assert [exchange.path for exchange in JournalReader(store.path).exchanges("h1", last=40)] == paths
    store.exchange(Exchange(at=3.0, host="h2", method="GET", path="/", status=200, seconds=0.25, error=""))
    await store.close()
    assert len(JournalReader(store.path).exchanges("h2")) == 1


async def test_what_nobody_waits_for_is_gathered_and_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_store, "_GATHER", 3600.0)
    store = JournalStore(tmp_path / "journal.db")
    for event in EVENTS[1:4]:
        store.record(event)
        await until(store._queue.empty)  # the thread has taken it, and waits for more
        assert not list(JournalReader(store.path).events(since=3 * EVENTS.index(event) - 3))
        await asyncio.wait_for(store.commit(event), PATIENCE)
        store.record(event)
        await asyncio.wait_for(store.flush(), PATIENCE)
    store.record(EVENTS[4])
    await until(store._queue.empty)
    await asyncio.wait_for(store.close(), PATIENCE)
    kept = [event for _, event in JournalReader(store.path).events()]
    assert kept == [event for event in EVENTS[1:4] for _ in range(3)] + [EVENTS[4]]


async def test_many_events_are_few_statements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            ran.append(sql)
            return super().execute(sql, parameters)

    connect = sqlite3.connect
    monkeypatch.setattr(journal_store.sqlite3, "connect", lambda *words, **more: connect(*words, factory=Connection, **more))
    store = JournalStore(tmp_path / "journal.db")
    events = [HostNote(float(number), "h1", "waits") for number in range(1005)]
    for event in events:
        store.record(event)
    await store.close()
    assert [event for _, event in JournalReader(store.path).events()] == events
    groups = ran.count("commit")  # the last statement of each may be short of rows
    assert sum(sql.startswith("insert into event") for sql in ran) <= 1005 / journal_store._AT_ONCE + groups


async def test_what_nobody_waits_for_is_on_disk_soon(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "journal.db")
    store.record(EVENTS[1])
    await until(lambda: bool(list(JournalReader(store.path).events())))
    await store.close()


async def test_who_waits_is_answered_though_a_listener_fails(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "journal.db")
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))

    def fails(event: Event) -> None:
        raise LookupError

    store.subscribe(fails)
    await asyncio.wait_for(store.commit(EVENTS[0]), PATIENCE)
    await store.close()
    assert [type(error) for error in errors] == [LookupError]


def _foreign(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("create table t (x)")
    database.commit()
    database.close()


def _newer(path: Path) -> None:
    database = sqlite3.connect(path)
    database.executescript("pragma user_version=99")
    database.close()


def _torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 4096 + path.read_bytes()[8192:])


def _text(path: Path) -> None:
    path.write_text("somebody's diary")


@pytest.mark.parametrize("harm", [_foreign, _newer, _torn, _text])
async def test_a_file_that_is_not_sound_and_ours_is_refused_and_left_as_it_is(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    path = tmp_path / "journal.db"
    if harm in (_newer, _torn):
        store = JournalStore(path)
        for number in range(300):
            store.record(HostNote(float(number), "h1", "x" * 100))
        await store.close()
    harm(path)
    before = path.read_bytes()
    with pytest.raises(JournalBroken, match=r"journal\.db"):
        JournalStore(path, existing=True)
    assert path.read_bytes() == before


async def test_events_are_told_when_they_are_on_disk_and_when_they_never_will_be(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "journal.db")
    told: list[Event] = []
    store.subscribe(told.append)
    store.record(EVENTS[1])
    await store.commit(EVENTS[2])
    assert told == EVENTS[1:3]
    assert [event for _, event in JournalReader(store.path).events()] == told
    blocker = sqlite3.connect(store.path, isolation_level=None)
    blocker.execute("drop table event")
    blocker.close()
    with pytest.raises(JournalBroken):
        await store.commit(EVENTS[3])
    with pytest.raises(JournalBroken):
        store.record(EVENTS[4])
    assert told == EVENTS[1:5]
    await store.close()


async def test_c2_a_journal_that_a_stopped_process_was_writing_says_how_it_comes_free(tmp_path: Path) -> None:
    path = tmp_path / "r" / "journal.db"
    await JournalStore(path).close()
    stopped = sqlite3.connect(path, isolation_level=None)
    stopped.execute("begin immediate")
    try:
        with pytest.raises(JournalBroken, match=r"in the middle of a write: end that process \(kill -9\)"):
            JournalStore(path, existing=True)
    finally:
        stopped.close()
