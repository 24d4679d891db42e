"""One rollout of benchmarks.crash_points, disturbed and continued: on one machine, or by two workers of a cluster."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from quads_tui.rollout.events import Event, HostChanged
from quads_tui.rollout.stages import HostStatus
from tests.e2e.cluster import Cluster, Worker
from tests.e2e.conftest import Lab
from tests.postgres import PostgresServer, new_database, with_schema
from tests.waiting import PATIENCE, wait_for

SPEED = 400.0
PAUSE = 4.0  # seconds that a stopped process lies still
LEASE = 3.0  # seconds of a worker that is disturbed: less than PAUSE, so that a stopped one is replaced
LONG_LEASE = 60.0  # seconds of the worker that takes over, which nothing may declare dead


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A rollout at its end. `counts`: of the emulators; `status`: of the process that came last; `trouble`: in words."""

    came: bool  # the disturbance, before the end
    counts: dict[str, Any]
    events: list[Event]
    status: int
    trouble: str = ""

    @property
    def failures(self) -> str:
        failed = [event for event in self.events if isinstance(event, HostChanged) and event.status is HostStatus.FAILED]
        return "; ".join(f"{event.host} {event.stage}: {event.reason}" for event in failed[-3:])


@dataclass(frozen=True, kw_only=True)
class Disturbance:
    """The process sends the signal `number` to itself when the `at`-th event, or intent of `act`, is in its journal.

    Or it is killed from outside `after` seconds. Without either it is left alone.
    """

    at: int = 0
    number: signal.Signals = signal.SIGKILL
    act: str = "any"
    after: float | None = None

    @property
    def words(self) -> list[str]:
        """For the process: of benchmarks.crash_points child, and of tests.e2e.faulty_worker."""
        return [str(self.at), str(int(self.number)), self.act, "--"] if self.at else []


class Engine(Protocol):
    """Where rollouts run."""

    def run(self, lab: Lab, disturbance: Disturbance) -> tuple[Ended | None, float]:
        """A rollout to its end, and the seconds until that or the disturbance; None: it was killed before there was one."""


class OneMachine:
    """`run`, and `resume` after it. The journal is a file."""

    def run(self, lab: Lab, disturbance: Disturbance) -> tuple[Ended | None, float]:
        words = lab.command("run", lab.assignment, "--json", "--yes")
        if disturbance.at:
            words = [sys.executable, "-m", "benchmarks.crash_points", "child", *disturbance.words, *words[3:]]
        status, seconds = self._process(words, disturbance.after)
        came, trouble = status not in (0, 1), ""
        if not any(lab.state.glob("rollouts/*/journal.db")):
            return None, seconds
        if came:
            status, _ = self._process(lab.command("resume", "--json", "--yes"), None)
            trouble = f"resume ended with {status}" if status not in (0, 1) else ""
        return Ended(came=came, counts=lab.counts(), events=_of_file(lab), status=status, trouble=trouble), seconds

    def _process(self, words: list[str], after: float | None) -> tuple[int, float]:
        """One console to its end; continued when it stops itself, killed `after` seconds."""
        began = time.monotonic()
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            if after is not None:
                try:
                    process.wait(after)
                except subprocess.TimeoutExpired:
                    process.kill()
            while process.poll() is None:
                if _is_stopped(process.pid):
                    time.sleep(PAUSE)
                    process.send_signal(signal.SIGCONT)
                time.sleep(0.02)
        finally:
            process.wait(300)
        return process.returncode, time.monotonic() - began


class Workers:
    """`run --cluster`, and one worker that takes over from another. The journal is in a PostgreSQL, one for all rollouts."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._schema = with_schema(port)

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Workers]:
        server = PostgresServer()
        try:
            server.start()
            yield cls(server.port)
        finally:
            server.remove()

    def run(self, lab: Lab, disturbance: Disturbance) -> tuple[Ended | None, float]:
        cluster = Cluster(lab, new_database(self._port, self._schema))
        try:
            return self._run(cluster, disturbance)
        finally:
            cluster.end()

    def _run(self, cluster: Cluster, disturbance: Disturbance) -> tuple[Ended, float]:
        rollout = cluster.submit()
        first = cluster.worker("first", LEASE, disturbance.words)
        began, trouble = time.monotonic(), ""
        came = _until_disturbed(first, disturbance.after)
        seconds = time.monotonic() - began
        last = cluster.worker("second", LONG_LEASE) if came else first
        try:
            if came and _is_stopped(first.process.pid):
                wait_for(lambda: last.said("taken over"))
                first.process.send_signal(signal.SIGCONT)
            wait_for(cluster.settled)
        except AssertionError:
            trouble = f"it was not settled within {PATIENCE:g} s: {last.err.read_text()[-1000:]}"
        events = cluster.events(rollout)
        for worker in cluster.workers:
            worker.process.send_signal(signal.SIGTERM)
            worker.process.wait(PATIENCE)
        status = 0 if last.process.returncode == 128 + signal.SIGTERM else last.process.returncode or 0
        return Ended(came=came, counts=cluster.lab.counts(), events=events, status=status, trouble=trouble), seconds


def _until_disturbed(worker: Worker, after: float | None) -> bool:
    """Whether it has ended or stopped itself before its rollout came to its end. `after`: as of a Disturbance."""
    end = time.monotonic() + PATIENCE
    kill = None if after is None else time.monotonic() + after
    while time.monotonic() < end:
        if worker.process.poll() is not None or _is_stopped(worker.process.pid):
            return True
        if worker.said(": let go\n"):  # not for another one
            return False
        if kill is not None and time.monotonic() > kill:
            worker.process.kill()
            worker.process.wait()
            return True
        time.sleep(0.05)
    return False


def _is_stopped(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
    return False


def _of_file(lab: Lab) -> list[Event]:
    from quads_tui.journal.reader import JournalReader

    (journal,) = lab.state.glob("rollouts/*/journal.db")
    return [event for _, event in JournalReader(journal).events()]
