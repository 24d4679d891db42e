"""Who looks at a state directory again and again reads what has changed, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quads_tui.journal import catalogue
from quads_tui.journal.catalogue import Catalogue, NotFound, StoredRollout, find, newest, stored_rollouts
from quads_tui.journal.locks import JournalLock
from quads_tui.journal.reader import NoJournal
from quads_tui.journal.store import JournalStore

LATER = 3600.0  # seconds: no file was changed a moment ago


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The journals that were read, by their directories."""
    names: list[str] = []
    reading = catalogue._read

    def counted(directory: Path) -> StoredRollout:
        names.append(directory.name)
        return reading(directory)

    monkeypatch.setattr(catalogue, "_read", counted)
    return names


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = catalogue.time.time()
    monkeypatch.setattr(catalogue.time, "time", lambda: now + seconds)


async def made(state: Path, name: str, **facts: Any) -> JournalStore:
    store = JournalStore(state / "rollouts" / name / "journal.db")
    await store.describe({"created_at": 1.0, **facts})
    return store


async def test_a_journal_that_stays_as_it_is_is_read_once(
    tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await made(tmp_path, "r1")).close()
    store = await made(tmp_path, "r2")
    pass_time(monkeypatch, LATER)
    kept = Catalogue(tmp_path)
    try:
        first = kept.read()
        again = kept.read()
        assert [one is two for one, two in zip(first, again, strict=True)] == [True, True]
        assert sorted(read) == ["r1", "r2"]
        before = store.path.stat()
        await store.describe({"ended": {"reason": "", "unfinished": 0}})  # in the log beside the file
        assert (store.path.stat().st_size, store.path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
        assert {rollout.id: rollout.unfinished for rollout in kept.read()} == {"r1": True, "r2": False}
        assert sorted(read) == ["r1", "r2", "r2"]
    finally:
        await store.close()
    (tmp_path / "rollouts" / "r1" / "journal.db").unlink()
    assert [rollout.id for rollout in kept.read()] == ["r2"]


async def test_what_was_changed_a_moment_ago_is_read_again_since_its_time_may_not_tell_of_the_next_change(
    tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await made(tmp_path, "r1")).close()
    kept = Catalogue(tmp_path)
    kept.read()
    pass_time(monkeypatch, LATER)  # what was read then is not known to be what is there now
    kept.read()
    assert read == ["r1", "r1"]
    kept.read()
    assert read == ["r1", "r1"]


async def test_what_could_not_be_read_is_tried_again(tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rollouts" / "r1").mkdir(parents=True)
    (tmp_path / "rollouts" / "r1" / "journal.db").write_text("no")
    pass_time(monkeypatch, LATER)
    kept = Catalogue(tmp_path)
    for _ in range(2):
        (rollout,) = kept.read()
        assert rollout.unreadable
    assert read == ["r1", "r1"]


async def test_a_plan_is_read_when_somebody_asks_for_it(tmp_path: Path) -> None:
    store = await made(tmp_path, "r1", plan={"hosts": ["a"]}, learned={"x": 1})
    await store.close()
    (stored,) = stored_rollouts(tmp_path)
    assert set(stored.facts) == {"created_at", "plan", "learned"}
    assert len(stored.facts) == 3
    assert "plan" in stored.facts
    assert "seeds" not in stored.facts
    assert stored.facts["plan"] == {"hosts": ["a"]}
    assert (stored.learned, stored.seeds) == ({"x": 1}, {})
    with pytest.raises(KeyError):
        stored.facts["seeds"]
    store.path.unlink()
    with pytest.raises(NoJournal):
        stored.facts["plan"]


async def test_the_shelf_finds_by_the_beginning_and_tells_damage(tmp_path: Path) -> None:
    for name, facts in (
        ("20261101-000000-cloud02-aaaa", {"created_at": 1.0, "ended": {"reason": "", "unfinished": 0}}),
        ("20261102-000000-cloud02-bbbb", {"created_at": 2.0}),
        ("20261103-000000-cloud03-cccc", {"created_at": 3.0, "rehearsal": "/tmp/x"}),
    ):
        store = JournalStore(tmp_path / "rollouts" / name / "journal.db")
        await store.describe(facts)
        await store.close()
    damaged = tmp_path / "rollouts" / "20261104-000000-cloud04-dddd"
    damaged.mkdir()
    damaged.joinpath("journal.db").write_text("no")
    assert [(rollout.id[-4:], rollout.unfinished) for rollout in stored_rollouts(tmp_path)] == [
        ("cccc", True),
        ("bbbb", True),
        ("aaaa", False),
        ("dddd", False),
    ]
    assert find(tmp_path, "20261102").id.endswith("bbbb")
    with pytest.raises(NotFound, match=r"similar: .*cccc"):
        find(tmp_path, "20261103-000000-cloud03-cccd")
    chosen = newest(tmp_path, lambda rollout: True)
    assert chosen is not None
    assert chosen.id.endswith("bbbb")  # a rehearsal only if there is no other
    lock = JournalLock(chosen.directory)
    other = newest(tmp_path, lambda rollout: True)
    taken_over = newest(tmp_path, lambda rollout: True, held=True)
    lock.release()
    assert taken_over is not None
    assert taken_over.id.endswith("bbbb")  # with --take-over it is
    assert other is not None
    assert other.id.endswith("cccc")  # what another process runs is not taken up
