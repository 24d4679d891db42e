"""A rollout that is taken back is no worker's and no console's any more, and only one machine's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests import postgres

if not postgres.is_here():
    pytest.skip(postgres.MISSING, allow_module_level=True)

from quads_tui.journal.cluster.claims import Claim, ClaimedRollout, WorkerRow
from quads_tui.journal.cluster.connection import Dsn
from quads_tui.journal.cluster.link import Refused
from quads_tui.journal.cluster.rollouts import ClusterRollouts
from quads_tui.rollout.commands import Pause

FOREMAN = "foreman.example.com:443"


@pytest.fixture
async def rollouts(dsn: str) -> AsyncIterator[ClusterRollouts]:
    made = ClusterRollouts(Dsn(dsn))
    await made.submit("r1", foreman=FOREMAN, who="ann@jump1", facts={}, hosts=["a01"])
    yield made
    await made.close()


@pytest.fixture
async def worker(dsn: str) -> AsyncIterator[WorkerRow]:
    made = WorkerRow(Dsn(dsn), name="w", foreman=FOREMAN, lease=3600.0)
    await made.register()
    yield made
    await made.close()


async def test_nobody_else_carries_or_controls_it(rollouts: ClusterRollouts, worker: WorkerRow) -> None:
    assert not await rollouts.take_back("r9", "ann@jump1")
    assert await rollouts.take_back("r1", "ann@jump1")
    assert await rollouts.take_back("r1", "ann@jump1")  # the answer was lost
    assert await worker.claim() is None
    words = "the rollout r1 was taken back into a journal file by ann@jump1"
    for attempt in (
        rollouts.take_back("r1", "bob@jump2"),
        rollouts.want("r1"),
        rollouts.order("r1", "bob", Pause("writes", True)),
    ):
        with pytest.raises(Refused, match=words):
            await attempt
    assert await rollouts.commands("r1") == []
    assert await worker.claim() is None


async def test_not_while_a_worker_carries_it(rollouts: ClusterRollouts, worker: WorkerRow, dsn: str, database: Any) -> None:
    claim = await worker.claim()
    assert claim == Claim("r1", 1)
    with pytest.raises(Refused, match="a worker carries the rollout r1"):
        await rollouts.take_back("r1", "ann@jump1")
    claimed = ClaimedRollout(Dsn(dsn), claim)
    await claimed.let_go(wanted=True)
    assert await rollouts.take_back("r1", "ann@jump1")
    with pytest.raises(Refused):
        await claimed.take_commands()
    await claimed.close()


async def test_not_where_a_newer_rollout_has_its_hosts(rollouts: ClusterRollouts, worker: WorkerRow, dsn: str) -> None:
    claim = await worker.claim()
    assert claim is not None
    claimed = ClaimedRollout(Dsn(dsn), claim)
    await claimed.let_go(wanted=False)
    await claimed.close()
    await rollouts.submit("r2", foreman=FOREMAN, who="bob@laptop", facts={}, hosts=["a01"])
    with pytest.raises(Refused, match="hosts of r1 are in the newer rollout r2"):
        await rollouts.take_back("r1", "ann@jump1")
