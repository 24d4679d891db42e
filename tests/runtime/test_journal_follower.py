"""Who watches: its clock stands still at the last sign of life while no process carries the rollout, and it may leave at any time."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from quads_tui.journal.catalogue import find
from quads_tui.rollout.events import RolloutStarted, StageChanged
from quads_tui.rollout.metrics import LaneState, lane_facts
from quads_tui.rollout.stages import Stage, StageStatus
from quads_tui.runtime.event_source import JournalSource
from quads_tui.runtime.journal_follower import follow
from tests.waiting import PATIENCE, until

from .test_rollout_index import journal


async def test_the_clock_stands_at_the_last_sign_of_life_and_goes_on_with_who_resumes(tmp_path: Path) -> None:
    began = time.time() - 7200.0
    store = await journal(tmp_path, "r1", began)
    store.record(StageChanged(began + 60, "a", Stage.INSTALL, StageStatus.STARTED, 1))
    store.sample(began + 90, {"depth": 0, "head_age": 0.0, "granted": 0, "lane": lane_facts(LaneState(), 0.0)})
    await store.flush()
    follower = follow(find(tmp_path, "r1"))
    try:
        await follower.step()
        rollout, clock = follower.view.rollout, follower.view.clock
        assert clock.wall() > began + 7000
        own = clock.now() - clock.wall()
        follower.run_by("")
        assert (clock.wall(), rollout.seconds(clock.wall())) == (began + 90, 90.0)
        assert abs(clock.now() - clock.wall() - own) < 1.0
        at = time.time()
        store.record(RolloutStarted(at, "r1", 3, True, "bob@jump", 1.0, last_seen=began + 90))
        await store.flush()
        await follower.step()  # the start is read before anybody has looked who runs it
        assert clock.wall() == at
        follower.run_by("process 4711 of bob")
        assert clock.wall() >= at
        assert rollout.seconds(at + 10) == 100.0
    finally:
        follower.close()
        await store.close()


async def test_a_journal_is_not_closed_under_the_thread_that_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await journal(tmp_path, "r1", time.time())
    source = JournalSource(find(tmp_path, "r1").directory / "journal.db")
    begun, go_on, closed = threading.Event(), threading.Event(), threading.Event()
    news, close = source._news, source._reader.close

    def slowly() -> object:
        begun.set()
        assert go_on.wait(PATIENCE)
        return news()

    def closes() -> None:
        close()
        closed.set()

    monkeypatch.setattr(source, "_news", slowly)
    monkeypatch.setattr(source._reader, "close", closes)
    reading = asyncio.ensure_future(source.read())
    await until(begun.is_set)
    reading.cancel()  # who watches has left; the thread goes on
    source.close()
    assert not closed.is_set()
    go_on.set()
    await until(closed.is_set)
    assert await source.read() == ([], [])
    await store.close()
