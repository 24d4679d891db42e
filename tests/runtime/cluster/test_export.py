"""`cluster export`: a rollout of a cluster as a journal file, which the commands of one machine read and do not carry on."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quads_tui.journal.reader import JournalReader
from quads_tui.journal.store import JournalStore
from quads_tui.rollout.events import HostChanged
from quads_tui.rollout.metrics import LaneState, lane_facts
from quads_tui.rollout.stages import HostStatus

from .conftest import HOSTS, ID, TestWorker

pytest.importorskip("psycopg")

SAMPLE = {"depth": 0, "head_age": 0.0, "granted": 0, "lane": lane_facts(LaneState(), 0.0)}


async def test_a_rollout_becomes_a_journal_that_every_command_reads(
    rollouts: Any, worker: TestWorker, dsn: str, run: Callable[..., Any], tmp_path: Path
) -> None:
    await worker.claim()
    await worker.begin()
    await worker.build(HOSTS[0])
    body = json.dumps([1.0, HOSTS[0], "GET", "/redfish/v1/", 200, 0.1, ""])
    await worker.write(samples=((worker.now(), SAMPLE),) * 3, exchanges=((HOSTS[0], body),))
    done = await run("cluster", "export", ID[:12], "--cluster", dsn)
    assert done.returncode == 0, done.stderr
    assert f"worker {worker.row.name} carries {ID} out: the journal is what was known now" in done.stderr
    (directory,) = (tmp_path / "state" / "rollouts").iterdir()
    assert done.stdout == f"exported: {directory}\n"
    assert sorted(path.name for path in directory.iterdir()) == ["journal.db", "lock"]
    reader = JournalReader(directory / "journal.db")
    assert [event for _, event in reader.events()] == [event for _, event in await rollouts.events(ID)]
    assert len(list(reader.samples())) == 3
    assert [one.path for one in reader.exchanges(HOSTS[0])] == ["/redfish/v1/"]
    facts = await rollouts.facts(ID)
    assert {key: reader.facts()[key] for key in facts} == facts
    reader.close()

    listed = json.loads((await run("rollouts", "--json")).stdout)
    assert (listed["rollout"], listed["state"], listed["done"]) == (ID, "unfinished", 1)
    assert json.loads((await run("report", ID, "--format", "json")).stdout)["rollout"] == ID
    report = (await run("report", ID)).stdout
    assert "UNFINISHED when it was copied from the database of the cluster (127.0.0.1, database " in report
    assert "quads-tui resume" not in report  # which refuses a copy
    watched = (await run("watch", "--plain")).stdout
    assert "1 of 3 done" in watched
    assert watched.startswith("copy of a rollout of the database of the cluster (127.0.0.1, database ")
    refused = await run("resume", ID, "--failed", "--yes", "--headless")  # its hosts are a worker's
    assert refused.returncode == 3
    assert f"{ID} is a copy of a rollout of the database of the cluster (127.0.0.1, database " in refused.stderr
    assert (await run("resume", "--yes", "--headless")).returncode == 0  # nothing to resume

    await worker.build(HOSTS[1])
    again = await run("cluster", "export", ID, "--cluster", dsn)  # the copy as it is now
    assert again.returncode == 0, again.stderr
    assert json.loads((await run("rollouts", "--json")).stdout)["done"] == 2


async def test_a_journal_that_is_no_copy_is_never_replaced(
    rollouts: Any, dsn: str, run: Callable[..., Any], tmp_path: Path
) -> None:
    store = JournalStore(tmp_path / "state" / "rollouts" / ID / "journal.db")
    await store.describe({"rollout": ID})
    await store.close()
    before = store.path.read_bytes()
    for words in ((), ("--take-back",)):
        done = await run("cluster", "export", ID, *words, "--cluster", dsn)
        assert (done.returncode, "journal.db exists and is not a copy: nothing was written" in done.stderr) == (3, True)
    assert store.path.read_bytes() == before


async def test_an_export_that_fails_leaves_nothing(
    rollouts: Any, worker: TestWorker, dsn: str, database: Any, run: Callable[..., Any], tmp_path: Path
) -> None:
    await worker.claim()
    await worker.begin()
    await worker.write(HostChanged(worker.now(), HOSTS[0], HostStatus.DONE))
    database.execute("""update quads_tui.event set body = '["of_tomorrow", 1.0]' where n = 2""")
    done = await run("cluster", "export", ID, "--cluster", dsn)
    assert done.returncode == 3
    assert f"the rollout {ID} is damaged, or of a newer version" in done.stderr
    assert not list((tmp_path / "state" / "rollouts").iterdir())
    assert await rollouts.one(ID) is not None


async def test_only_one_journal_takes_a_rollout_back(
    rollouts: Any, worker: TestWorker, dsn: str, database: Any, run: Callable[..., Any], tmp_path: Path
) -> None:
    """Not a second one of the same user and machine, whose journal would not know what was done under the first."""
    words = ("cluster", "export", ID, "--take-back", "--cluster", dsn)
    directory = tmp_path / "state" / "rollouts" / ID
    assert (await run("cluster", "export", ID, "--cluster", dsn)).returncode == 0  # a copy makes room for it
    first = await run(*words)
    assert first.returncode == 0, first.stderr
    assert sorted(path.name for path in directory.iterdir()) == ["journal.db", "lock"]
    kept = await run(*words)
    assert (kept.returncode, f"since it was taken back: quads-tui resume {ID} continues it" in kept.stderr) == (3, True)
    shutil.rmtree(directory)
    second = await run(*words)
    assert (second.returncode, "was taken back into a journal file by " in second.stderr) == (3, True)
    assert not directory.exists()

    ((by,),) = database.execute("select taken_back from quads_tui.rollout").fetchall()
    directory.mkdir(mode=0o700)
    token = re.search(r"\(journal (\w+)\)$", by)
    assert token is not None
    (directory / "take_back").write_text(token[1])  # as a try leaves it whose answer was lost
    again = await run(*words)
    assert again.returncode == 0, again.stderr
    assert sorted(path.name for path in directory.iterdir()) == ["journal.db", "lock"]
