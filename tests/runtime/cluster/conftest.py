"""A database of a cluster with one rollout in it, and a worker that writes what a test wants."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from quads_tui.rollout.events import Event, HostChanged, RolloutEnded, RolloutStarted, StageChanged, to_row
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from tests import postgres
from tests.forks import Program
from tests.journal.cluster.conftest import database, dsn, port, template

__all__ = ["database", "dsn", "port", "template"]

FOREMAN = "foreman.example.com:443"
ID = "20261128-231500-cloud02-12ab"
HOSTS = ("a01.example.com", "a02.example.com", "a03.example.com")
PLAN = Plan((Goal("cloud02", Kind.BUILD),), tuple(HostPlan(name, "https://x", "R650") for name in HOSTS))


class TestWorker:
    """Writes events as the worker that carries the rollout; its clock is `ahead` seconds ahead of everybody else's."""

    __test__ = False

    def __init__(self, dsn: str) -> None:
        from quads_tui.journal.cluster.claims import WorkerRow
        from quads_tui.journal.cluster.connection import Dsn

        self.dsn = Dsn(dsn)
        self.row = WorkerRow(self.dsn, name="quads@jump2 process 7", foreman=FOREMAN, lease=3600.0)
        self.ahead = 0.0
        self.claimed: Any = None
        self._seq = 0

    async def claim(self) -> None:
        from quads_tui.journal.cluster.claims import ClaimedRollout

        await self.row.register()
        claim = await self.row.claim()
        assert claim is not None
        self.claimed, self._seq = ClaimedRollout(self.dsn, claim), 0

    def now(self) -> float:
        return time.time() + self.ahead

    async def write(self, *events: Event, samples: tuple[Any, ...] = (), exchanges: tuple[tuple[str, str], ...] = ()) -> None:
        """`samples`: each its time and figures; `exchanges`: each a host and a body."""
        claim = self.claimed.claim
        bodies, hosts = [json.dumps(to_row(event)) for event in events], [host for host, _ in exchanges]
        values = (claim.rollout, claim.epoch, self._seq, bodies, [json.dumps(one) for one in samples], hosts)
        await self.row._beats.call(
            "select quads_tui.append(%s, %s, %s, %s, %s, %s, %s)", *values, [body for _, body in exchanges]
        )
        self._seq += len(events)

    async def describe(self, **facts: Any) -> None:
        claim = self.claimed.claim
        values = (claim.rollout, claim.epoch, [*facts], [json.dumps(value) for value in facts.values()])
        await self.row._beats.call("select quads_tui.describe(%s, %s, %s, %s)", *values)

    async def begin(self) -> None:
        await self.write(RolloutStarted(self.now(), ID, len(HOSTS), False, "quads@jump2", 1.0))

    async def build(self, host: str) -> None:
        """All stages of a host, at once."""
        events: list[Event] = []
        for stage in Stage:
            events.append(StageChanged(self.now(), host, stage, StageStatus.STARTED, 1))
            events.append(StageChanged(self.now(), host, stage, StageStatus.FINISHED, 1, 1.0))
        await self.write(*events, HostChanged(self.now(), host, HostStatus.DONE))

    async def end(self) -> None:
        await self.write(RolloutEnded(self.now(), ""))
        await self.describe(ended={"reason": "", "unfinished": 0})
        await self.let_go()

    async def let_go(self) -> None:
        await self.claimed.let_go(wanted=False)

    async def silent(self) -> None:
        """It was not heard of for two leases."""
        import psycopg

        connection = await psycopg.AsyncConnection.connect(self.dsn._conninfo, autocommit=True)
        await connection.execute("update quads_tui.worker set seen = clock_timestamp() - %s", (timedelta(hours=2),))
        await connection.close()

    async def close(self) -> None:
        await self.row.close()
        if self.claimed is not None:
            await self.claimed.close()


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Any]:
    """`quads-tui WORDS` beside the loop, with the state directory `tmp_path`: a CompletedProcess."""

    async def made(*words: str) -> subprocess.CompletedProcess[str]:
        out, err = tmp_path / "out", tmp_path / "err"
        command = [*words, "--state-dir", str(tmp_path / "state")]
        process = await asyncio.to_thread(Program, command, out=str(out), err=str(err))
        status = await asyncio.to_thread(process.wait)
        return subprocess.CompletedProcess(command, status, out.read_text(), err.read_text())

    return made


@pytest.fixture
async def rollouts(dsn: str) -> AsyncIterator[Any]:
    from quads_tui.journal.cluster.connection import Dsn
    from quads_tui.journal.cluster.rollouts import ClusterRollouts

    made = ClusterRollouts(Dsn(dsn))
    facts = {"rollout": ID, "created_at": time.time(), "foreman": "https://foreman.example.com", "speed": 1.0, "who": "ann@jump1"}
    await made.submit(ID, foreman=FOREMAN, who="ann@jump1", facts={**facts, "plan": asdict(PLAN)}, hosts=HOSTS)
    yield made
    await made.close()


@pytest.fixture
async def worker(dsn: str, rollouts: Any) -> AsyncIterator[TestWorker]:
    made = TestWorker(dsn)
    yield made
    await made.close()


@pytest.fixture
async def another(dsn: str) -> AsyncIterator[Callable[..., Any]]:
    """A factory of further connections of consoles."""
    from quads_tui.journal.cluster.connection import Dsn
    from quads_tui.journal.cluster.rollouts import ClusterRollouts

    made: list[Any] = []

    def make(at: str = dsn) -> Any:
        made.append(ClusterRollouts(Dsn(at)))
        return made[-1]

    yield make
    for each in made:
        await each.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a PostgreSQL all of this directory is skipped."""
    if not postgres.is_here():
        for item in items:
            if "tests/runtime/cluster" in str(item.path):
                item.add_marker(pytest.mark.skip(reason=postgres.MISSING))
