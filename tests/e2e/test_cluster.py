"""Workers of a cluster, as on several machines: lock and state directories of their own, one emulated lab, one PostgreSQL."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.waiting import PATIENCE, wait_for

from .conftest import Lab
from .forks import Forked

MakeLab = Callable[..., Lab]
pytestmark = pytest.mark.skipif(not postgres.is_here(), reason=postgres.MISSING)
DEAD = 75


@pytest.fixture
def server() -> Iterator[postgres.PostgresServer]:
    made = postgres.PostgresServer()
    made.start()
    yield made
    made.remove()


class Cluster:
    """A lab, a database with the schema, and the workers that were started."""

    def __init__(self, lab: Lab, server: postgres.PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lab, self.dsn = lab, postgres.new_database(server.port)
        self._environment = monkeypatch
        self.workers: list[Worker] = []
        made = lab.run("cluster", "init", "--cluster", self.dsn)
        assert made.returncode == 0, made.stderr

    def submit(self) -> str:
        """The id of the rollout."""
        done = self.lab.run("run", self.lab.assignment, "--cluster", self.dsn, "--yes")
        assert done.returncode == 0, done.stderr
        return next(line.partition(": ")[2] for line in done.stderr.splitlines() if line.startswith("submitted: "))

    def worker(self, name: str, lease: float = 60.0, program: Sequence[str] = (), dsn: str = "") -> Worker:
        """`program`: what runs it instead of `quads-tui`; `dsn`: another way to the database."""
        self._environment.setenv("QUADS_TUI_LOCKS", str(self.lab.directory.parent / name / "locks"))
        self.workers.append(Worker(self.lab, name, dsn or self.dsn, lease, program))
        return self.workers[-1]

    def end(self) -> list[int]:
        """The exit statuses of those that still run, asked to end."""
        for worker in self.workers:
            worker.process.send_signal(signal.SIGTERM)
        return [worker.process.wait(PATIENCE) for worker in self.workers]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self.dsn, autocommit=True) as database:
            return database.execute(statement.encode()).fetchall()

    def settled(self) -> bool:
        return not self.rows("select 1 from quads_tui.rollout where wanted or worker is not null")

    def events(self, rollout: str) -> list[Any]:
        from quads_tui.journal.cluster.connection import Dsn
        from quads_tui.journal.cluster.rollouts import ClusterRollouts

        async def read() -> list[Any]:
            reading = ClusterRollouts(Dsn(self.dsn))
            found = await reading.events(rollout)
            await reading.close()
            assert [n for n, _ in found] == list(range(1, len(found) + 1))
            return [event for _, event in found]

        return asyncio.run(read())

    def attempts(self, rollout: str) -> set[int]:
        """That any stage took."""
        return {event.attempt for event in self.events(rollout) if event.kind == "stage"}


class Worker:
    def __init__(self, lab: Lab, name: str, dsn: str, lease: float, program: Sequence[str]) -> None:
        self.directory = lab.directory.parent / name
        self.directory.mkdir()
        words = ["worker", "--cluster", dsn, "--site", str(lab.site), "--state-dir", str(self.directory / "state")]
        words += ["--lease", str(lease)]
        self.err = self.directory / "err"
        self.process: Forked | subprocess.Popen[bytes]
        if program:
            with self.err.open("wb") as err:
                self.process = subprocess.Popen([*program, *words], stdout=err, stderr=err, stdin=subprocess.DEVNULL)
        else:
            self.process = Forked(words, out=str(self.directory / "out"), err=str(self.err))

    def said(self, words: str) -> bool:
        return words in self.err.read_text()


@pytest.fixture
def cluster(lab: MakeLab, server: postgres.PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Cluster]]:
    made: list[Cluster] = []

    def make(**options: Any) -> Cluster:
        made.append(Cluster(lab(**options), server, monkeypatch))
        return made[-1]

    yield make
    for each in made:
        for worker in each.workers:
            worker.process.send_signal(signal.SIGKILL)


def check_counts(cluster: Cluster, hosts: int) -> None:
    """Nothing was done twice, and nothing is left."""
    counts = cluster.lab.counts()
    assert counts["foreman"]["peak_writes"] == 1
    assert counts["foreman"]["writes"] == hosts
    machines = counts["hosts"].values()
    assert [(machine["wipes"], machine["built"]) for machine in machines] == [(1, 1)] * hosts
    assert counts["bmc"]["sessions_open"] == 0


def test_a_worker_carries_a_rollout_out_and_ends_by_a_signal(cluster: Callable[..., Cluster]) -> None:
    made = cluster(hosts=8, speed=200)
    worker = made.worker("one")
    rollout = made.submit()
    wait_for(made.settled)
    check_counts(made, 8)
    assert made.attempts(rollout) == {1}
    assert made.events(rollout)[-1].kind == "rollout_ended"
    assert made.end() == [143], worker.err.read_text()
    assert made.rows("select count(*) from quads_tui.worker where gone is null") == [(0,)]
    again = made.lab.run("cluster", "init", "--cluster", made.dsn)
    assert again.returncode == 0


def faulty(number: signal.Signals, point: str, at: int = 2) -> list[str]:
    """What starts a worker that does this to itself; see faulty_worker.py."""
    return [sys.executable, "-m", "tests.e2e.faulty_worker", str(at), str(int(number)), point, "--"]


@pytest.mark.parametrize("point", ["wire", "reset", "login"])
def test_a_worker_that_is_killed_leaves_its_rollout_to_another_one(cluster: Callable[..., Cluster], point: str) -> None:
    made = cluster(hosts=6, speed=200)
    first = made.worker("one", lease=3.0, program=faulty(signal.SIGKILL, point))
    rollout = made.submit()
    assert first.process.wait(PATIENCE) == -signal.SIGKILL
    second = made.worker("two")
    wait_for(made.settled)
    check_counts(made, 6)
    assert all(machine["resets"] == 2 for machine in made.lab.counts()["hosts"].values())
    starts = [event.resumed for event in made.events(rollout) if event.kind == "rollout_started"]
    assert starts == [False, True]
    assert second.said("taken over, resuming")


@pytest.mark.parametrize("point", ["check", "build", "reset"])
def test_a_worker_that_was_frozen_and_replaced_does_nothing_more(cluster: Callable[..., Cluster], point: str) -> None:
    made = cluster(hosts=6, speed=200)
    first = made.worker("one", lease=3.0, program=faulty(signal.SIGSTOP, point))
    made.submit()
    wait_for(lambda: stopped(first.process.pid))
    made.worker("two")
    wait_for(lambda: made.rows("select max(epoch) from quads_tui.rollout") == [(2,)])
    first.process.send_signal(signal.SIGCONT)
    assert first.process.wait(PATIENCE) == DEAD, first.err.read_text()
    wait_for(made.settled)
    check_counts(made, 6)
    assert all(machine["resets"] == 2 for machine in made.lab.counts()["hosts"].values())
    assert first.said("this worker was declared dead")


def stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


def test_a_signal_hands_the_rollout_to_another_worker_at_once(cluster: Callable[..., Cluster]) -> None:
    made = cluster(hosts=6, speed=100)
    first, second = made.worker("one", lease=600), made.worker("two", lease=600)
    made.submit()
    wait_for(lambda: made.lab.counts()["foreman"]["writes"] >= 1)
    carrier = first if first.said("claimed") else second
    carrier.process.send_signal(signal.SIGTERM)
    assert carrier.process.wait(PATIENCE) == 143
    wait_for(made.settled)
    check_counts(made, 6)
    assert made.rows("select epoch from quads_tui.rollout") == [(2,)]


def test_while_the_database_is_away_nothing_acts_and_no_attempt_is_used_up(
    cluster: Callable[..., Cluster], server: postgres.PostgresServer
) -> None:
    made = cluster(hosts=8, speed=50)
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
    check_counts(made, 8)
    assert before < 8
    assert made.attempts(rollout) == {1}


def test_a_worker_that_is_cut_off_stops_and_another_one_goes_on(
    cluster: Callable[..., Cluster], server: postgres.PostgresServer
) -> None:
    made = cluster(hosts=8, speed=50)
    cable = postgres.Cable(server.port)
    first = made.worker("one", lease=3.0, dsn=made.dsn.replace(f":{server.port}/", f":{cable.port}/"))
    made.submit()
    wait_for(lambda: made.lab.counts()["foreman"]["writes"] >= 2)
    cable.cut()
    second = made.worker("two")
    wait_for(lambda: second.said("taken over"))
    wait_for(made.settled)
    cable.mend()
    assert first.process.wait(PATIENCE) == DEAD, first.err.read_text()
    check_counts(made, 8)


def test_a_command_reaches_whoever_carries_the_rollout_and_wakes_a_settled_one(cluster: Callable[..., Cluster]) -> None:
    from quads_tui.journal.cluster.connection import Dsn
    from quads_tui.journal.cluster.rollouts import ClusterRollouts
    from quads_tui.rollout.commands import Command, Pause, Skip, Unskip

    made = cluster(hosts=6, speed=100)

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
    wait_for(lambda: made.settled() and made.lab.counts()["foreman"]["writes"] == 5)
    order(Unskip((host,)))
    wait_for(lambda: made.settled() and made.lab.counts()["foreman"]["writes"] == 6)
    check_counts(made, 6)
    said = [event.who for event in made.events(rollout) if event.kind == "commanded"]
    assert said == ["bob@laptop"] * 4
    assert worker.process.poll() is None
