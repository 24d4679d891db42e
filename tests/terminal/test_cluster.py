"""Consoles of a cluster in real terminals: one watches, one has control, and a worker elsewhere carries out what it is given."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tests import postgres
from tests.e2e.cluster import Cluster
from tests.e2e.conftest import Lab
from tests.e2e.test_cluster import check_counts, cluster, port
from tests.waiting import wait_for

from .test_attach import Terminals, lab, terminals

__all__ = ["cluster", "lab", "port", "terminals"]

pytestmark = [
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux"),
    pytest.mark.skipif(not postgres.is_here(), reason=postgres.MISSING),
]


def test_consoles_watch_and_control_what_a_worker_carries_out(terminals: Terminals, cluster: Callable[..., Cluster]) -> None:
    made = cluster(hosts=4, speed=100)
    place: Lab = made.lab
    rollout = made.submit()
    host = next(iter(place.counts()["hosts"])).partition(".")[0]
    terminals.open("plain", place.command("attach", rollout, "--plain", "--cluster", made.dsn))
    terminals.shows("plain", f"ATTACHED: {rollout}, 4 hosts.")
    terminals.keys("plain", f"skip {host}", "Enter")
    terminals.shows("plain", "Type y to confirm")
    terminals.keys("plain", "y", "Enter")
    terminals.shows("plain", "Reason? Press Enter to use")
    terminals.keys("plain", "Enter")
    terminals.shows("plain", "skip requested for 1 host.")
    wait_for(lambda: made.rows("select who <> '', role from quads_tui.command") == [(True, "postgres")])

    terminals.open("watcher", place.command("watch", rollout, "--cluster", made.dsn), (200, 40))
    terminals.shows("watcher", "READ-ONLY: waiting for a worker; start one with: quads-tui worker --site FILE --cluster")
    terminals.open("all", place.command("--cluster", made.dsn), (140, 40))
    terminals.shows("all", "waits for a worker")
    worker = made.worker("one")
    terminals.shows("plain", f"Skip: {host}.example.com (worker ")
    wait_for(lambda: made.settled() and place.counts()["foreman"]["writes"] == 3)
    terminals.shows("watcher", f"{rollout} has ended")
    terminals.shows("plain", f"quads-tui report {rollout} --cluster postgres")
    terminals.shows("all", "Recent")
    terminals.keys("all", "Enter")
    terminals.shows("all", f"{rollout} has ended")
    terminals.keys("all", "q")
    terminals.shows("all", "Recent")
    terminals.keys("watcher", "p")
    terminals.shows("watcher", "read-only: ")

    terminals.open("second", place.command("attach", rollout, "--cluster", made.dsn), (120, 40))
    terminals.shows("second", "ATTACHED")
    terminals.keys("plain", f"unskip {host}", "Enter")  # an ended rollout is carried on for a command
    terminals.shows("plain", "Lost: what is on the disks of the host.")
    terminals.shows("plain", "takes hosts out of the rollout instead, and wipes nothing.\nType y to confirm")
    terminals.keys("plain", "y", "Enter")
    terminals.shows("plain", f"Unskip: {host}.example.com (worker ")
    wait_for(lambda: made.settled() and place.counts()["foreman"]["writes"] == 4)
    check_counts(made, 4)
    terminals.shows("second", "4 done")
    for name in ("second", "watcher", "all"):
        terminals.keys(name, "q")
        terminals.shows(name, "ENDED 0")
    terminals.keys("plain", "leave", "Enter")
    terminals.shows("plain", "ENDED 0")
    assert worker.process.poll() is None
