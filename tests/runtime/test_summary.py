"""The summary beside a journal: the same as a replay, whatever has happened to either since."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quads_tui.journal.catalogue import StoredRollout
from quads_tui.journal.locks import JournalLock
from quads_tui.journal.store import JournalStore
from quads_tui.render.listing import State
from quads_tui.render.report.entry import entry
from quads_tui.rollout import state
from quads_tui.rollout.events import Event, HostArmed, HostChanged, RolloutEnded, RolloutStarted, StageChanged, to_row
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from quads_tui.runtime import summary
from quads_tui.runtime.history import Unreadable, list_entry
from quads_tui.runtime.summary import summarised, summary_path
from tests.counted_work import counted
from tests.rollout.test_state import events, rollout

STARTED = RolloutStarted(1.0, "r1", 3, False, "me@here", 1.0)
ENDS = (HostStatus.DONE, HostStatus.FAILED, HostStatus.SKIPPED, HostStatus.HELD)
happenings = st.one_of(events, st.just(STARTED), st.builds(RolloutEnded, st.just(10.0), st.sampled_from(("", "SIGINT"))))


async def journal_of(directory: Path, plan: Plan, happened: list[Event]) -> StoredRollout:
    store = JournalStore(directory / "journal.db")
    await store.describe({"rollout": "r1", "created_at": 1.0, "who": "me@here", "plan": asdict(plan)})
    for event in happened:
        store.record(event)
    await store.flush()
    await store.close()
    return StoredRollout("r1", directory, {})


def execute(stored: StoredRollout, sql: str, *values: object) -> None:
    database = sqlite3.connect(stored.journal, isolation_level=None)
    database.execute(sql, values)
    database.close()


def record(stored: StoredRollout, event: Event) -> None:
    execute(stored, "insert into event (body) values (?)", json.dumps(to_row(event)))


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The rollouts that were replayed."""
    found: list[str] = []

    def replayed(stored: StoredRollout) -> object:
        found.append(stored.id)
        return list_entry(stored)

    monkeypatch.setattr(summary, "list_entry", replayed)
    return found


@pytest.fixture
async def stored(tmp_path: Path) -> StoredRollout:
    model = rollout()
    host = next(iter(model.hosts))
    return await journal_of(tmp_path / "r1", model.plan, [STARTED, HostArmed(2.0, host, True)])


@settings(max_examples=25, deadline=None)
@given(happened=st.lists(happenings, max_size=30), more=st.lists(happenings, max_size=5))
async def test_it_is_what_a_replay_tells_also_after_more_has_happened(happened: list[Event], more: list[Event]) -> None:
    with tempfile.TemporaryDirectory() as place:
        kept = await journal_of(Path(place) / "r1", rollout().plan, happened)
        assert summarised(kept) == summarised(kept) == list_entry(kept)
        for event in more:
            record(kept, event)
            assert summarised(kept) == list_entry(kept)


@settings(max_examples=50, deadline=None)
@given(happened=st.lists(happenings, max_size=40))
def test_an_entry_counts_as_a_replay_of_all_events_does(happened: list[Event]) -> None:
    whole = rollout()
    for event in happened:
        whole.apply(event)
    found = entry("r1", {"plan": asdict(whole.plan)}, happened)
    counts = whole.counts
    assert (found.done, found.failed, found.skipped, found.held) == tuple(counts[status] for status in ENDS)
    assert (found.open, found.armed) == (counts.total() - sum(counts[status] for status in ENDS), len(whole.armed))
    assert found.end_reason == whole.end_reason


def test_of_each_host_an_entry_replays_what_decides_and_nothing_else() -> None:
    model, steps = rollout(), []
    tried = [StageChanged(5.0, host, Stage.POWER_OFF, StageStatus.STARTED, 1) for host in model.hosts]
    for times in (1, 20):
        with counted(state) as work:
            entry("r1", {"plan": asdict(model.plan)}, [STARTED, *tried * times])
        steps.append(work.steps)
    assert steps[0] == steps[1]


async def test_a_journal_is_replayed_once_until_it_grows(stored: StoredRollout, replays: list[str]) -> None:
    assert [summarised(stored).armed for _ in range(3)] == [1, 1, 1]
    assert len(replays) == 1
    host = next(iter(rollout().hosts))
    record(stored, HostChanged(3.0, host, HostStatus.DONE))
    assert [summarised(stored).done for _ in range(3)] == [1, 1, 1]
    assert len(replays) == 2
    assert summary_path(stored).stat().st_mode & 0o777 == 0o600


def changed(name: str, value: object) -> Callable[[StoredRollout], None]:
    """Somebody edits a member of the entry."""

    def change(stored: StoredRollout) -> None:
        kept = json.loads(summary_path(stored).read_text())
        kept["entry"][name] = value
        summary_path(stored).write_text(json.dumps(kept))

    return change


def of_another(stored: StoredRollout) -> None:
    """The last event is another one under the same number, as after a backup was put back."""
    execute(stored, "update event set body = ? where n = 2", json.dumps(to_row(HostArmed(2.5, "h9", True))))


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: summary_path(stored).write_bytes(b""),
        lambda stored: summary_path(stored).write_bytes(summary_path(stored).read_bytes()[:-9]),
        lambda stored: summary_path(stored).write_bytes(b"\xff\x00" * 2000),
        lambda stored: summary_path(stored).write_text("[" * 100_000),
        lambda stored: summary_path(stored).write_text("[]"),
        lambda stored: (summary_path(stored).unlink(), summary_path(stored).mkdir()),
        lambda stored: (summary_path(stored).unlink(), summary_path(stored).symlink_to("/dev/zero")),
        changed("done", 700),
        changed("hosts", "many"),
        changed("state", "well"),
        of_another,
        lambda stored: execute(stored, "update meta set value = '\"you\"' where key = 'who'"),
        lambda stored: execute(stored, "insert into sample (at, body) values (9.0, '{}')"),
        lambda stored: execute(stored, "delete from event where n = 2"),
    ],
)
async def test_what_is_damaged_or_of_another_journal_is_made_again(
    stored: StoredRollout, replays: list[str], damage: Callable[[StoredRollout], None]
) -> None:
    summarised(stored)
    damage(stored)
    assert summarised(stored) == list_entry(stored)
    assert len(replays) == 2


async def test_of_another_version_it_is_made_again(
    stored: StoredRollout, replays: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    summarised(stored)
    monkeypatch.setattr(summary, "_FORMAT", 99)
    assert summarised(stored) == list_entry(stored)
    assert len(replays) == 2


async def test_who_runs_it_is_not_kept(stored: StoredRollout) -> None:
    assert summarised(stored).state is State.UNFINISHED
    lock = JournalLock(stored.directory)
    assert summarised(stored).state is State.RUNNING
    lock.release()
    assert summarised(stored).state is State.UNFINISHED


async def test_a_journal_that_cannot_be_read_is_said_whatever_the_summary_tells(stored: StoredRollout) -> None:
    summarised(stored)
    stored.journal.write_bytes(b"not a database")
    with pytest.raises(Unreadable):
        summarised(stored)


async def test_a_directory_that_cannot_be_written_has_no_summary(
    stored: StoredRollout, replays: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary.os, "geteuid", lambda: 54321)  # another user's state
    assert summarised(stored) == summarised(stored)
    assert len(replays) == 2 and not summary_path(stored).exists()


async def test_a_list_of_summaries_imports_nothing_that_replays_a_rollout(tmp_path: Path) -> None:
    """These imports would cost more than all the rest."""
    summarised(await journal_of(tmp_path / "rollouts" / "r1", rollout().plan, [STARTED]))
    command = [sys.executable, "-X", "importtime", "-m", "quads_tui", "rollouts", "--state-dir", str(tmp_path)]
    listed = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "unfinished" in listed.stdout
    imported = {line.rpartition("|")[2].strip() for line in listed.stderr.splitlines()}
    assert "quads_tui.runtime.summary" in imported
    replay = {"quads_tui.rollout.state", "quads_tui.rollout.events", "quads_tui.render.report.build"}
    assert not imported & {*replay, "quads_tui.inputs", "asyncio", "rich", "yaml"}
