"""The rows of the start screen of a cluster: what waits, what a worker carries, what was stopped, and what has ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from quads_tui.render.rollout_list import Row, RowGroup
from quads_tui.runtime.open_cluster import OpenCluster
from quads_tui.runtime.options import Options
from tests.postgres import Cable

from .conftest import FOREMAN, HOSTS, ID, TestWorker

pytest.importorskip("psycopg")

from quads_tui.journal.cluster.connection import Dsn
from quads_tui.runtime.cluster_index import ClusterIndex

Make = Callable[..., ClusterIndex]


@pytest.fixture
async def index(another: Callable[..., Any], dsn: str, rollouts: Any, tmp_path: Path) -> AsyncIterator[Make]:
    made: list[ClusterIndex] = []

    def make(at: str = dsn) -> ClusterIndex:
        opened = OpenCluster(Dsn(at), "the database of the cluster (here)", at, another(at))
        made.append(ClusterIndex(opened, Options(state_dir=tmp_path / "state")))
        return made[-1]

    yield make
    for each in made:
        each.close()


async def row(index: ClusterIndex) -> Row:
    await index.refresh_once()
    assert index.is_read
    (only,) = index.rows()
    return only


async def test_a_rollout_from_its_submission_to_its_end(index: Make, worker: TestWorker) -> None:
    made = index()
    waits = await row(made)
    assert (waits.rollout, waits.group, waits.state, waits.hosts) == (ID, RowGroup.RUNNING, "waits for a worker", 3)
    assert waits.details.startswith("submitted by ann@jump1")
    await worker.claim()
    await worker.begin()
    await worker.build(HOSTS[0])
    runs = await row(made)
    assert (runs.group, runs.state, runs.shares.done, runs.shares.queued) == (RowGroup.RUNNING, "running", 1, 2)
    assert runs.details.endswith("run by worker quads@jump2 process 7")
    await worker.silent()
    assert (await row(made)).state == "waits for a worker"  # it died
    for host in HOSTS[1:]:
        await worker.build(host)
    await worker.end()
    ended = await row(made)
    assert (ended.group, ended.state, ended.shares.done) == (RowGroup.RECENT, "done", 3)


async def test_one_that_was_stopped_can_be_resumed(index: Make, worker: TestWorker) -> None:
    await worker.claim()
    await worker.begin()
    await worker.build(HOSTS[0])
    await worker.describe(ended={"reason": "operator", "unfinished": 2})
    await worker.let_go()
    made = await row(index())
    assert (made.group, made.shares.done) == (RowGroup.UNFINISHED, 1)
    assert made.details.startswith("r resumes 2 hosts")


async def test_one_that_cannot_be_read_keeps_no_other_from_its_row(
    index: Make, rollouts: Any, worker: TestWorker, database: Any
) -> None:
    facts = await rollouts.facts(ID)
    await rollouts.submit("r2", foreman=FOREMAN, who="bob@laptop", facts=facts, hosts=["b01"])
    await worker.claim()
    await worker.begin()
    database.execute("""update quads_tui.event set body = '["of_tomorrow", 1.0]'""")
    made = index()
    await made.refresh_once()
    damaged, waits = sorted(made.rows(), key=lambda row: row.rollout)
    assert (damaged.rollout, damaged.group) == (ID, RowGroup.DAMAGED)
    assert damaged.details.startswith("its events cannot be read by this version")
    assert (waits.rollout, waits.state) == ("r2", "waits for a worker")


async def test_while_the_database_does_not_answer_the_rows_stay(index: Make, worker: TestWorker, dsn: str, port: int) -> None:
    cable = Cable(port)
    made = index(dsn.replace(f":{port}/", f":{cable.port}/"))
    await worker.claim()
    await worker.begin()
    before = await row(made)
    cable.cut()
    after = await row(made)
    assert (after.rollout, after.shares) == (before.rollout, before.shares)
    assert made.away.startswith("the database of the cluster (here) does not answer: ")
    cable.mend()
    await row(made)
    assert not made.away
