"""Workers of a cluster, as on several machines: lock and state directories of their own, one emulated lab, one PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import postgres
from tests.waiting import PATIENCE, wait_for

from .cluster import Cluster
from .conftest import Lab

MakeLab = Callable[..., Lab]
pytestmark = pytest.mark.skipif(not postgres.is_here(), reason=postgres.MISSING)


@pytest.fixture(scope="session")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with postgres.shared_server(tmp_path_factory.getbasetemp().parent) as port:
        yield port


@pytest.fixture
def cluster(lab: MakeLab, port: int) -> Iterator[Callable[..., Cluster]]:
    """`server`: of the test's own; else one for all of them."""
    made: list[Cluster] = []

    def make(server: postgres.PostgresServer | None = None, **options: Any) -> Cluster:
        made.append(Cluster(lab(**options), postgres.new_database(server.port if server else port)))
        initialised = made[-1].lab.run("cluster", "init", "--cluster", made[-1].dsn)
        assert initialised.returncode == 0, initialised.stderr
        return made[-1]

    yield make
    for each in made:
        each.end()


def check_counts(cluster: Cluster, hosts: int) -> None:
    """Nothing was done twice, and nothing is left."""
    counts = cluster.lab.counts()
    assert counts["foreman"]["peak_writes"] == 1
    assert counts["foreman"]["writes"] == hosts
    machines = counts["hosts"].values()
    assert [(machine["wipes"], machine["built"]) for machine in machines] == [(1, 1)] * hosts
    assert [machine["resets"] for machine in machines] == [2] * hosts
    assert counts["bmc"]["sessions_open"] == 0


def faulty(number: signal.Signals, point: str, at: int = 2) -> list[str]:
    """The words of a worker that does this to itself; see faulty_worker.py."""
    return [str(at), str(int(number)), point, "--"]


def test_a_worker_that_is_killed_leaves_its_rollout_to_another_one(cluster: Callable[..., Cluster]) -> None:
    """With a write on its way. More points: benchmarks/cluster_faults.py."""
    made = cluster(hosts=4, speed=400)
    first = made.worker("one", lease=3.0, faulty=faulty(signal.SIGKILL, "wire"))
    rollout = made.submit()
    assert first.process.wait(PATIENCE) == -signal.SIGKILL
    second = made.worker("two")
    wait_for(made.settled)
    check_counts(made, 4)
    starts = [event.resumed for event in made.events(rollout) if event.kind == "rollout_started"]
    assert starts == [False, True]
    assert second.said("taken over, resuming")


def test_while_the_database_is_away_nothing_acts_and_no_attempt_is_used_up(
    cluster: Callable[..., Cluster], server: postgres.PostgresServer
) -> None:
    made = cluster(hosts=6, speed=50, server=server)
    worker = made.worker("one", lease=3.0)
    rollout = made.submit()
    wait_for(lambda: made.lab.counts()["foreman"]["writes"] >= 2)
    server.stop()
    wait_for(lambda: worker.said("does not answer, and everything waits"))
    before = made.lab.counts()["foreman"]["writes"]
    end = time.monotonic() + 5.0  # longer than its lease, and 250 s of the rollout's own time
    wait_for(lambda: time.monotonic() > end)
    assert made.lab.counts()["foreman"]["writes"] <= before + 1  # what was on the wire
    server.start()
    wait_for(made.settled)
    check_counts(made, 6)
    assert before < 6
    assert made.attempts(rollout) == {1}


def test_a_command_reaches_whoever_carries_the_rollout_and_wakes_a_settled_one(cluster: Callable[..., Cluster]) -> None:
    from quads_tui.journal.cluster.connection import Dsn
    from quads_tui.journal.cluster.rollouts import ClusterRollouts
    from quads_tui.rollout.commands import Command, Pause, Skip

    made = cluster(hosts=4, speed=400)

    def order(command: Command) -> None:
        async def send() -> None:
            ordering = ClusterRollouts(Dsn(made.dsn))
            await ordering.order(rollout, "bob@laptop", command)
            await ordering.close()

        asyncio.run(send())

    rollout = made.submit()
    order(Pause("admission", True))
    worker = made.worker("one")
    wait_for(made.settled)
    assert made.lab.counts()["foreman"]["writes"] == 0
    host = next(iter(made.lab.counts()["hosts"]))
    order(Skip((host,), "broken"))
    order(Pause("admission", False))
    wait_for(lambda: made.settled() and made.lab.counts()["foreman"]["writes"] == 3)
    again = made.lab.run("resume", rollout, "--cluster", made.dsn, "--failed", "--yes")
    assert again.returncode == 0, again.stderr
    wait_for(lambda: made.settled() and made.lab.counts()["foreman"]["writes"] == 4)
    check_counts(made, 4)
    said = [event.who for event in made.events(rollout) if event.kind == "commanded"]
    assert said[:3] == ["bob@laptop (postgres at 127.0.0.1)"] * 3
    assert len(said) == 4
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(PATIENCE) == 143, worker.err.read_text()
    assert made.rows("select count(*) from quads_tui.worker where gone is null") == [(0,)]


def test_hosts_of_several_locations_become_a_rollout_for_each(cluster: Callable[..., Cluster]) -> None:
    made = cluster(hosts=3, speed=400)
    host, *others = made.lab.counts()["hosts"]
    site = made.lab.edited("site.yaml", lambda text: f'{text}locations: {{"^{host.partition(".")[0]}": pod2}}\n')
    words = ("run", made.lab.assignment, "--cluster", made.dsn, "--yes", "--no-survey")
    refused = made.lab.run(*words, site=site)
    assert refused.returncode == 3
    assert (
        f"with --location none and --location pod2 (2 hosts without one: {', '.join(others)}; 1 host at pod2: {host})"
        in refused.stderr
    )
    there = made.lab.run(*words, "--location", "pod2", site=site)
    assert there.returncode == 0, there.stderr
    assert "at the location pod2 is running: it waits for one" in there.stderr
    rest = made.lab.run(*words, "--location", "none", "--expect", "2", site=site)
    assert rest.returncode == 0, rest.stderr
    listed = made.lab.run("rollouts", "--json", "--cluster", made.dsn).stdout.splitlines()
    assert [(one["location"], one["hosts"]) for one in map(json.loads, listed)] == [("", 2), ("pod2", 1)]
