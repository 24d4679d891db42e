"""A rollout of a cluster goes back to one machine: no worker carries it any more, and `resume` does, without doing anything twice."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests import postgres
from tests.waiting import PATIENCE, wait_for

from .cluster import Cluster
from .test_cluster import check_counts, cluster, port

__all__ = ["cluster", "port"]

pytestmark = pytest.mark.skipif(not postgres.is_here(), reason=postgres.MISSING)


def test_a_rollout_that_is_taken_back_is_resumed_on_one_machine(cluster: Callable[..., Cluster]) -> None:
    made = cluster(hosts=4, speed=100)
    place = made.lab
    first = made.worker("one")
    rollout = made.submit()
    wait_for(lambda: place.counts()["foreman"]["writes"] >= 1)
    early = place.run("cluster", "export", rollout, "--take-back", "--cluster", made.dsn)
    assert (early.returncode, f"{rollout} cannot be taken back: a worker carries the rollout" in early.stderr) == (3, True)
    assert not list((place.state / "rollouts").iterdir())
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(PATIENCE) == 143

    taken = place.run("cluster", "export", rollout, "--take-back", "--cluster", made.dsn)
    assert taken.returncode == 0, taken.stderr
    assert f"quads-tui resume {rollout} does" in taken.stderr
    refused = place.run("resume", rollout, "--cluster", made.dsn)
    assert refused.returncode == 3
    assert f"the rollout {rollout} was taken back into a journal file by " in refused.stderr
    second = made.worker("two")
    wait_for(lambda: second.err.exists() and second.said("waiting for rollouts"))
    second.process.send_signal(signal.SIGTERM)
    assert second.process.wait(PATIENCE) == 143
    assert not second.said(rollout)  # it never claimed it

    resumed = place.run("resume", rollout, "--yes", "--headless")
    assert (resumed.returncode, "nothing to resume" in resumed.stderr) == (0, False), resumed.stderr
    check_counts(made, 4)
    assert all(machine["resets"] == 2 for machine in place.counts()["hosts"].values())
