"""A cluster as on several machines: workers with lock and state directories of their own, one emulated lab, one database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from tests.forks import Program

from .conftest import Lab


class Cluster:
    """A lab, a database with the schema, and the workers that were started."""

    def __init__(self, lab: Lab, dsn: str) -> None:
        """`dsn`: of a database in which `cluster init` was run, or will be."""
        self.lab, self.dsn = lab, dsn
        self.workers: list[Worker] = []

    def submit(self) -> str:
        """The id of the rollout."""
        done = self.lab.run("run", self.lab.assignment, "--cluster", self.dsn, "--yes")
        assert done.returncode == 0, done.stderr
        rollout = next(line.partition(": ")[2] for line in done.stderr.splitlines() if line.startswith("submitted: "))
        assert f"quads-tui attach {rollout} --cluster {self.dsn}" in done.stderr
        return rollout

    def worker(self, name: str, lease: float = 60.0, faulty: Sequence[str] = (), dsn: str = "") -> Worker:
        """`faulty`: what it does to itself; `dsn`: another way to the database."""
        self.workers.append(Worker(self.lab, name, dsn or self.dsn, lease, faulty))
        return self.workers[-1]

    def end(self) -> None:
        for worker in self.workers:
            worker.process.kill()

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
    def __init__(self, lab: Lab, name: str, dsn: str, lease: float, faulty: Sequence[str]) -> None:
        self.directory = lab.directory.parent / name
        self.directory.mkdir()
        words = ["worker", "--cluster", dsn, "--site", str(lab.site), "--state-dir", str(self.directory / "state")]
        words += ["--lease", str(lease)]
        self.err = self.directory / "err"
        module = "tests.e2e.faulty_worker" if faulty else "quads_tui.cli"
        locks = {"QUADS_TUI_LOCKS": str(self.directory / "locks")}  # as on a machine of its own
        self.process = Program(
            [*faulty, *words], out=str(self.directory / "out"), err=str(self.err), module=module, environment=locks
        )

    def said(self, words: str) -> bool:
        return words in self.err.read_text()
