"""The rows of the start screen: never older than the journal, and nothing that cannot be read keeps the others from theirs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quads_tui.journal.locks import JournalLock
from quads_tui.journal.store import JournalStore
from quads_tui.render.rollout_list import Row, RowGroup
from quads_tui.rollout.events import HostChanged, RolloutEnded, RolloutStarted, StageChanged
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.runtime.assignment_files import AssignmentFiles
from quads_tui.runtime.options import Options
from quads_tui.runtime.path_completion import path_completions, typed_path
from quads_tui.runtime.rollout_index import RolloutIndex
from quads_tui.runtime.scheduled import announced, scheduled

PLAN = Plan((Goal("cloud02", Kind.BUILD),), tuple(HostPlan(name, "https://x", "R650") for name in "abc"))


async def journal(state: Path, name: str, created: float, **facts: Any) -> JournalStore:
    made = JournalStore(state / "rollouts" / name / "journal.db")
    await made.describe(
        {"rollout": name, "created_at": created, "foreman": "https://f", "speed": 1.0, "plan": asdict(PLAN), **facts}
    )
    made.record(RolloutStarted(created, name, 3, False, "ann@jump", 1.0))
    await made.flush()
    return made


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[RolloutIndex]:
    made = RolloutIndex(tmp_path, cast("Any", SimpleNamespace(running=[])))
    yield made
    made.close()


async def rows(index: RolloutIndex) -> dict[str, Row]:
    await index.refresh_once()
    return {row.rollout: row for row in index.rows()}


async def test_a_row_follows_what_only_the_write_ahead_log_has(tmp_path: Path, index: RolloutIndex) -> None:
    """The file of the journal does not change while its newest entries are in the log beside it."""
    store = await journal(tmp_path, "r1", 1.0)
    try:
        assert (await rows(index))["r1"].shares.done == 0
        before = store.path.stat()
        for number, name in enumerate("abc"):
            store.record(HostChanged(10.0 + number, name, HostStatus.DONE))
            await store.flush()
            row = (await rows(index))["r1"]
            assert (row.shares.done, row.group) == (number + 1, RowGroup.UNFINISHED)
        after = store.path.stat()
        assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
        store.record(RolloutEnded(20.0, ""))
        await store.describe({"ended": {"reason": "", "unfinished": 0}})
        row = (await rows(index))["r1"]
        assert (row.group, row.state, row.seconds) == (RowGroup.RECENT, "done", 19.0)
    finally:
        await store.close()


async def test_a_rollout_that_is_resumed_and_ends_is_never_shown_as_it_was_before(tmp_path: Path, index: RolloutIndex) -> None:
    store = await journal(tmp_path, "r1", 1.0)
    lock = JournalLock(store.path.parent)
    try:
        mine = (await rows(index)).get("r1")
        assert mine is None  # this very process: the screen of the process shows it
        (store.path.parent / "lock").write_text("process 1 of bob, since 2026-11-28 23:41:00")
        store.record(StageChanged(2.0, "a", Stage.INSTALL, StageStatus.STARTED, 1))
        await store.flush()
        row = (await rows(index))["r1"]
        assert (row.group, row.shares.stages) == (RowGroup.RUNNING, {Stage.INSTALL: 1})
        assert row.details.endswith("run by process 1 of bob")
        lock.release()
        row = (await rows(index))["r1"]
        assert (row.group, row.shares.queued) == (RowGroup.UNFINISHED, 3)
        assert row.details == "r resumes 3 hosts; process exited"
    finally:
        await store.close()


async def test_what_cannot_be_read_is_a_row_and_hides_no_other(tmp_path: Path, index: RolloutIndex) -> None:
    good = await journal(tmp_path, "good", 3.0)
    odd = await journal(tmp_path, "odd", 2.0, plan={"hosts": 7})
    await good.close()
    await odd.close()
    broken = tmp_path / "rollouts" / "broken"
    broken.mkdir()
    (broken / "journal.db").write_bytes(b"no database" * 100)
    held = JournalLock(odd.path.parent)  # run by somebody, and cannot be followed
    (odd.path.parent / "lock").write_text("process 1 of bob")
    try:
        for _ in range(2):
            found = await rows(index)
            assert {name: row.group for name, row in found.items()} == {
                "good": RowGroup.UNFINISHED,
                "odd": RowGroup.DAMAGED,
                "broken": RowGroup.DAMAGED,
            }
    finally:
        held.release()


async def test_a_rollout_that_waits_for_its_time_is_listed_while_its_process_lives(tmp_path: Path, index: RolloutIndex) -> None:
    options = Options(state_dir=tmp_path)
    stale = tmp_path / "scheduled" / "1.json"
    with announced(options, at=9_000_000_000.0, cloud="cloud02", hosts=40):
        stale.write_text(json.dumps({"at": 1.0, "cloud": "x", "hosts": 1, "holder": "a process that was killed"}))
        (one,) = scheduled(tmp_path)
        assert (one.at, one.cloud, one.hosts) == (9_000_000_000.0, "cloud02", 40)
        (row,) = (await rows(index)).values()
        assert (row.group, row.hosts) == (RowGroup.SCHEDULED, 40)
        assert row.state.startswith("starts in ")
        assert f"process {os.getpid()} of" in row.details
    assert not await rows(index)
    with announced(options, at=9_000_000_000.0, cloud="cloud02", hosts=40):
        assert not stale.exists()


def test_a_process_that_was_killed_while_it_waited_is_listed_no_more(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from quads_tui.runtime.options import Options; from quads_tui.runtime.scheduled import announced;"
        "waiting = announced(Options(state_dir=pathlib.Path(sys.argv[1])), at=9e9, cloud='cloud02', hosts=1); waiting.__enter__();"
        "print('waits', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert [one.cloud for one in scheduled(tmp_path)] == ["cloud02"]
        process.kill()
        process.wait()
        assert scheduled(tmp_path) == []


def test_files_that_are_added_or_changed_meanwhile_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = AssignmentFiles(tmp_path / "state")
    assert not files.find()
    path = tmp_path / "cloud02.yaml"
    path.write_text("cloud: cloud02\n")
    assert not files.find()  # no hosts
    path.write_text("cloud: cloud02\nhosts: [a.example.com]\n")
    assert list(files.find()) == [Path("cloud02.yaml")]
    path.unlink()
    assert not files.find()


def test_paths_are_completed_as_a_shell_does_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "lab"))
    (tmp_path / "lab").mkdir()
    for name in ("a02.yaml", "a03.json", "notes.txt", ".hidden.yaml", "odd\x1b[31m.yaml"):
        (tmp_path / "lab" / name).touch()
    assert path_completions("") == ["lab/"]
    assert path_completions("l") == ["lab/"]
    assert path_completions("lab/") == ["lab/a02.yaml", "lab/a03.json"]
    assert path_completions("lab/.") == ["lab/.hidden.yaml"]
    assert path_completions("~/a02") == ["~/a02.yaml"]
    assert path_completions(f"{tmp_path}/lab/a03") == [f"{tmp_path}/lab/a03.json"]
    for nothing in ("nowhere/", "lab/a02.yaml/", "x", "a\0/", "~nobody-of-this-name/"):
        assert path_completions(nothing) == []
    assert typed_path("~/a02.yaml") == tmp_path / "lab" / "a02.yaml"
    assert typed_path("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")
