"""Workers of a cluster and one emulated lab: faults at named points, and what the servers saw.

python -m benchmarks.cluster_faults [--hosts 40] [--speed 20] [--workers 2] [--seeds 5] [--lease 20] [--faults none,kill:wire,...]

kill:POINT, stop25:POINT, stop40:POINT: SIGKILL, or SIGSTOP for so many seconds, of the worker that comes to POINT first (see
tests/e2e/faulty_worker.py). skew:POINT: as kill, and the clocks of the workers are 10 min wrong, to both sides. At a random
moment: term: SIGTERM of the worker that carries the rollout; all: SIGKILL of all workers; database:S: PostgreSQL is stopped for
S seconds. granted:S: the same when a place in the write queue was granted and its intent is not committed. cut:S: the carrying
worker is cut off from the database for S seconds. A worker that ends is started again, as systemd does it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Lab, emulated
from tests.postgres import Cable, PostgresServer, new_database

POINTS = ("check", "wire", "reset", "login")
FAULTS = ",".join(
    ["none", "term", *(f"{what}:{point}" for what in ("kill", "skew", "stop25", "stop40") for point in POINTS), "all"]
    + ["database:45", "granted:45", "cut:60"]
)
_LONGEST = 1200.0  # real seconds of one rollout
_POLL = 0.2
_SKEW = 600.0  # seconds
_LEFT = "may be left at the BMC"


@dataclass
class Supervised:
    """A worker that is started again when it ends."""

    lab: Lab
    name: str
    dsn: str
    lease: float
    fault: list[str]
    once: Path  # made by the one that does the fault
    skew: float = 0.0  # seconds by which its clock is wrong
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    over: bool = False

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        directory = self.lab.directory.parent / self.name
        directory.mkdir()
        environment = {
            **os.environ,
            "QUADS_TUI_LOCKS": str(directory / "locks"),
            "FAULT_ONCE": str(self.once),
            "FAULT_SKEW": str(self.skew),
        }
        words = ["worker", "--cluster", self.dsn, "--site", str(self.lab.site), "--state-dir", str(directory / "state")]
        words += ["--lease", str(self.lease)]
        while not self.over:
            program = [sys.executable, "-m", "tests.e2e.faulty_worker", *self.fault, "--"] if self.fault else []
            program = program or [sys.executable, "-m", "quads_tui"]
            self.starts += 1
            with (directory / "err").open("ab") as err:
                self.process = subprocess.Popen(
                    [*program, *words], stdout=err, stderr=err, stdin=subprocess.DEVNULL, env=environment
                )
            self.process.wait()
            time.sleep(1.0)

    def send(self, number: int) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)


@dataclass
class Tally:
    """Everything but `runs`, `named`, `seconds` and `starts` must be 0."""

    runs: int = 0
    lost: int = 0  # hosts that were not built
    double_wipes: int = 0
    overlaps: int = 0  # runs in which Foreman saw two writes at once
    extra_writes: int = 0
    extra_resets: int = 0
    sessions: int = 0  # left at BMCs without a word
    named: int = 0  # left, and the host says so: interrupted within a login, at a BMC that does not tell whose a session is
    attempts: int = 0  # that were used up
    starts: int = 0  # of workers
    seconds: list[float] = field(default_factory=list)

    def take(self, lab: Lab, hosts: int, events: list[Any], seconds: float, starts: int) -> None:
        counts = lab.counts()
        machines = counts["hosts"].values()
        self.runs += 1
        self.lost += sum(machine["built"] != 1 for machine in machines)
        self.double_wipes += sum(machine["wipes"] > 1 for machine in machines)
        self.overlaps += int(counts["foreman"]["peak_writes"] > 1)
        self.extra_writes += counts["foreman"]["writes"] - hosts
        self.extra_resets += sum(max(0, machine["resets"] - 2) for machine in machines)
        left, named = (
            counts["bmc"]["sessions_open"],
            len({event.host for event in events if event.kind == "note" and _LEFT in event.text}),
        )
        self.sessions += max(0, left - named)
        self.named += min(left, named)
        self.attempts += sum(event.kind == "stage" and event.status.value == "failed" for event in events)
        self.starts += starts
        self.seconds.append(round(seconds, 1))

    def line(self, fault: str) -> str:
        figures = {name: value for name, value in vars(self).items() if name != "seconds"}
        return f"{fault:16} " + "  ".join(f"{name} {value}" for name, value in figures.items()) + f"  s {self.seconds}"


def one_run(tally: Tally, fault: str, seed: int, given: argparse.Namespace) -> None:
    import psycopg

    what, _, how = fault.partition(":")
    chance = random.Random(f"{fault} {seed}")
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = PostgresServer()
        server.start()
        stack.callback(server.remove)
        dsn = new_database(server.port)
        lab = stack.enter_context(emulated(place / "lab", hosts=given.hosts, speed=given.speed, seed=seed))
        command(lab, place, "cluster", "init", "--cluster", dsn)
        cables = [Cable(server.port) for _ in range(given.workers)]
        at = str(chance.randint(2, max(2, given.hosts // 2)))
        number = signal.SIGKILL if what in ("kill", "skew") else signal.SIGSTOP
        program = [at, str(int(number)), how] if what in ("kill", "skew") or what.startswith("stop") else []
        program = [at, "0", "granted"] if what == "granted" else program
        workers = [
            Supervised(
                lab, f"worker{n}", dsn.replace(f":{server.port}/", f":{cable.port}/"), given.lease, program, place / "once"
            )
            for n, cable in enumerate(cables)
        ]
        for nth, worker in enumerate(workers):
            worker.skew = (-_SKEW, _SKEW)[nth % 2] if what == "skew" else 0.0
            worker.start()
        stack.callback(end, workers)
        began = time.monotonic()
        command(lab, place, "run", str(lab.assignment), "--cluster", dsn, "--yes")
        disturbing = threading.Thread(
            target=disturb, args=(fault, chance, given, lab, workers, cables, server, place), daemon=True
        )
        disturbing.start()
        settled = False
        while not settled and time.monotonic() < began + _LONGEST:
            time.sleep(_POLL)
            with suppress(psycopg.Error), psycopg.connect(dsn, connect_timeout=2) as database:
                settled = not database.execute("select 1 from quads_tui.rollout where wanted or worker is not null").fetchall()
        disturbing.join(120)
        tally.take(lab, given.hosts, found := journalled(dsn), time.monotonic() - began, sum(worker.starts for worker in workers))
        if given.keep and (tally.lost or tally.extra_writes or tally.extra_resets or tally.sessions):
            for worker in workers:
                sys.stderr.write((place / worker.name / "err").read_text())
            given.keep.write_text("\n".join(map(repr, found)))
            sys.stderr.write(json.dumps(lab.counts()))


def command(lab: Lab, place: Path, *words: str) -> None:
    done = subprocess.run(lab.command(*words), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stderr


def end(workers: list[Supervised]) -> None:
    for worker in workers:
        worker.over = True
        worker.send(signal.SIGKILL)


def disturb(
    fault: str,
    chance: random.Random,
    given: argparse.Namespace,
    lab: Lab,
    workers: list[Supervised],
    cables: list[Cable],
    server: PostgresServer,
    place: Path,
) -> None:
    what, _, how = fault.partition(":")
    if what.startswith("stop"):
        while (
            stopped := next((worker for worker in workers if worker.process and is_stopped(worker.process.pid)), None)
        ) is None:
            time.sleep(_POLL)
        time.sleep(float(what.removeprefix("stop")))
        stopped.send(signal.SIGCONT)
        return
    if what in ("none", "kill", "skew"):
        return
    if what == "granted":
        while not (place / "once").exists():
            time.sleep(0.01)
    else:
        writes = chance.randint(1, given.hosts - 2)
        while lab.counts()["foreman"]["writes"] < writes:
            time.sleep(_POLL)
        time.sleep(chance.random())
    if what == "all":
        for worker in workers:
            worker.send(signal.SIGKILL)
    elif what in ("database", "granted"):
        server.stop()
        time.sleep(float(how))
        server.start()
    else:
        carrier = next(n for n, worker in enumerate(workers) if "claimed" in (place / worker.name / "err").read_text())
        if what == "term":
            workers[carrier].send(signal.SIGTERM)
            return
        cables[carrier].cut()
        time.sleep(float(how))
        cables[carrier].mend()


def is_stopped(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
    return False


def journalled(dsn: str) -> list[Any]:
    """The events of the one rollout."""
    from quads_tui.journal.cluster.connection import Dsn
    from quads_tui.journal.cluster.rollouts import ClusterRollouts

    async def read() -> list[Any]:
        reading = ClusterRollouts(Dsn(dsn))
        (rollout,) = await reading.all()
        last, events = 0, []
        while found := await reading.events(rollout.id, last):
            last = found[-1][0]
            events += [event for _, event in found]
        await reading.close()
        return events

    return asyncio.run(read())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--speed", type=float, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--lease", type=float, default=20)
    parser.add_argument("--faults", default=FAULTS)
    parser.add_argument("--keep", type=Path, help="write the events there, and show what was said, where something is not 0")
    given = parser.parse_args()
    for fault in given.faults.split(","):
        tally = Tally()
        for seed in range(1, given.seeds + 1):
            one_run(tally, fault, seed, given)
        print(tally.line(fault), flush=True)


if __name__ == "__main__":
    main()
