"""One run of benchmarks.cluster_faults in a process of its own: an emulated lab, a PostgreSQL, workers, and one fault.

python -m benchmarks.cluster_run '{"fault": "kill:wire", "seed": 1, ...}' DIRECTORY

Prints one JSON object with the figures. Where one that must be 0 is not, the logs of the workers, the events and the counts of
the servers are left in DIRECTORY. One thread does all: what happens at its moment is a generator that is asked again and again.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quads_tui.rollout.events import Event
from quads_tui.rollout.plan import Plan, plan_from
from tests.e2e.conftest import Lab, emulated
from tests.forks import Program
from tests.postgres import Cable, PostgresServer, new_database

from .cluster_figures import HOOKS, ZERO, counted, journalled

LONGEST = 3600.0  # real seconds of one rollout
POINTED = ("kill", "skew", "stop25", "stop40", "granted")  # the worker does it to itself, at a point
_TICK = 0.1  # real seconds
_LOOK = 1.0  # real seconds between two looks at the database and at the CPU time
_RESTART = 1.0  # real seconds after which a worker that ended is started again
_SKEW = 600.0  # seconds
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which run it is. `lease` in real seconds, `write_deadline` in seconds of the rollout."""

    fault: str
    seed: int
    hosts: int
    speed: float
    workers: int
    lease: float
    canary: int
    write_deadline: float


class Supervised:
    """A worker that is started again when it ends, as systemd does it. `skew`: seconds by which its clock is wrong."""

    def __init__(self, lab: Lab, name: str, words: list[str], fault: list[str], skew: float) -> None:
        self.directory = lab.directory.parent / name
        self.directory.mkdir()
        self._lab, self._fault, self._skew = lab, fault, skew
        self._words = [*words, "--site", str(lab.site), "--state-dir", str(self.directory / "state")]
        self._due = 0.0
        self._logs: list[Path] = []
        self.starts = 0
        self.process: Program | None = None

    def look(self) -> None:
        """Start it where it does not run."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            self.process, self._due = None, now + _RESTART
        if self.process is None and now >= self._due:
            self.starts += 1
            self._logs.append(self.directory / f"log{self.starts}")
            os.environ["QUADS_TUI_LOCKS"] = str(self.directory / "locks")
            os.environ["FAULT_ONCE"] = str(self._lab.directory.parent / "once")
            os.environ["FAULT_SKEW"] = str(self._skew)
            faulty = "tests.e2e.faulty_worker" if self._fault or self._skew else "quads_tui.cli"
            words = [*(self._fault or ["0", "0", "never"]), "--"] if faulty != "quads_tui.cli" else []
            self.process = Program([*words, *self._words], out=os.devnull, err=str(self._logs[-1]), module=faulty)

    def send(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    @property
    def log(self) -> str:
        """Of all its processes."""
        return "".join(path.read_text() for path in self._logs)

    @property
    def carries(self) -> bool:
        """The process that runs now has claimed the rollout."""
        return bool(self._logs) and any(words in self._logs[-1].read_text() for words in (": claimed", ": taken over"))


class Run:
    """One lab with its database and workers, from `submit` to `figures`."""

    def __init__(self, asked: Asked, place: Path, stack: ExitStack) -> None:
        self.asked, self.place = asked, place
        self.chance = random.Random(f"{asked.fault} {asked.seed}")
        self.what, _, self.how = asked.fault.partition(":")
        self.server = PostgresServer()
        self.server.port = 10_000 + os.getpid() % 20_000  # nobody is given it while the server is stopped
        stack.callback(self.server.remove)
        self.server.start()
        self.dsn = new_database(self.server.port)
        self.lab = stack.enter_context(emulated(place / "lab", hosts=asked.hosts, speed=asked.speed, seed=asked.seed))
        self._settle_site()
        self.command("cluster", "init", "--cluster", self.dsn)
        self.cables = [Cable(self.server.port) for _ in range(asked.workers)]
        self.workers = [self._worker(nth, cable) for nth, cable in enumerate(self.cables)]
        stack.callback(self._end)
        self.happened = self.what == "none"
        self.settled = False
        self.cpu: dict[int, float] = {}  # seconds of each process of ours
        self.database_cpu = 0.0

    def _settle_site(self) -> None:
        """Two hooks, each once for the cloud, and the write deadline."""
        count = ["/bin/sh", "-c", f"echo $QUADS_TUI_HOOK >> {self.place}/hooks"]
        moments = ({"name": "before", "before": "power_off"}, {"name": "after", "after": "install"})
        hooks = [{**moment, "per": "cloud", "run": count} for moment in moments]
        self.lab.site.write_text(f"{self.lab.limited(write_deadline=self.asked.write_deadline)}hooks: {json.dumps(hooks)}\n")

    def _worker(self, nth: int, cable: Cable) -> Supervised:
        at, fault = str(self.chance.randint(2, max(2, self.asked.hosts // 2))), list[str]()
        if self.what in POINTED:
            number = {"kill": signal.SIGKILL, "skew": signal.SIGKILL, "granted": 0}.get(self.what, signal.SIGSTOP)
            fault = [at, str(int(number)), "granted" if self.what == "granted" else self.how]
        skew = (-_SKEW, _SKEW)[nth % 2] if self.what == "skew" else 0.0
        dsn = self.dsn.replace(f":{self.server.port}/", f":{cable.port}/")
        return Supervised(self.lab, f"worker{nth}", ["worker", "--cluster", dsn, "--lease", str(self.asked.lease)], fault, skew)

    def _end(self) -> None:
        for worker in self.workers:
            worker.send(signal.SIGKILL)

    def command(self, *words: str) -> None:
        done = self.lab.run(*words)
        assert done.returncode == 0, done.stderr

    def carry_out(self) -> float:
        """To the end of the rollout; gives real seconds."""
        began = time.monotonic()
        for worker in self.workers:
            worker.look()
        self.command("run", str(self.lab.assignment), "--cluster", self.dsn, "--canary", str(self.asked.canary), "--yes")
        disturbing, looked = self._disturb(), 0.0
        while not self.settled and time.monotonic() < began + LONGEST:
            for worker in self.workers:
                worker.look()
            next(disturbing, None)
            if time.monotonic() > looked + _LOOK:
                looked = time.monotonic()
                self._look()
            time.sleep(_TICK)
        return time.monotonic() - began

    def _look(self) -> None:
        import psycopg

        for worker in self.workers:
            if worker.process is not None:
                self.cpu[worker.process.pid] = _cpu(worker.process.pid)
        with suppress(psycopg.Error), psycopg.connect(self.dsn, connect_timeout=2) as database:
            self.settled = not database.execute("select 1 from quads_tui.rollout where wanted or worker is not null").fetchall()
            self.database_cpu = _cpu(self.server.pid, children=True)

    def _disturb(self) -> Iterator[None]:
        """The fault, at its moment; asked again at each tick."""
        once = self.place / "once"
        if self.what == "none":
            return
        if self.what in POINTED:
            yield from _until(once.exists)
        else:
            writes, later = self.chance.randint(1, self.asked.hosts - 2), self.chance.random()
            yield from _until(lambda: self.lab.counts()["foreman"]["writes"] >= writes)
            yield from _pause(later)
        self.happened = True
        if self.what.startswith("stop"):
            stopped = next((worker for worker in self.workers if worker.process and _is_stopped(worker.process.pid)), None)
            while stopped is None:
                yield
                stopped = next((worker for worker in self.workers if worker.process and _is_stopped(worker.process.pid)), None)
            yield from _pause(float(self.what.removeprefix("stop")))
            stopped.send(signal.SIGCONT)
        elif self.what == "all":
            for worker in self.workers:
                worker.send(signal.SIGKILL)
        elif self.what in ("database", "granted"):
            self.server.stop()
            yield from _pause(float(self.how))
            self.server.start()
        elif self.what == "console":
            console = Program(["watch", "--cluster", self.dsn, "--json", "--state-dir", str(self.lab.state)])
            yield from _pause(5.0)
            console.kill()
        elif self.what in ("term", "cut"):
            carrier = next(n for n, worker in enumerate(self.workers) if worker.carries)
            if self.what == "term":
                self.workers[carrier].send(signal.SIGTERM)
                return
            self.cables[carrier].cut()
            yield from _pause(float(self.how))
            self.cables[carrier].mend()

    def figures(self) -> tuple[dict[str, Any], list[Event]]:
        plan, numbers, events = asyncio.run(self._journal())
        starts = sum(worker.starts for worker in self.workers)
        figures = {
            **_figures(self, plan, events),
            "unsettled": int(not self.settled),
            "no_fault": int(not self.happened),
            "misplaced": sum(n != number for n, number in enumerate(numbers, 1)),
            "starts": starts,
            "database_cpu": round(self.database_cpu, 2),
        }
        return {**figures, "extra_logins": max(0, figures["logins"] - starts - 1)}, events

    async def _journal(self) -> tuple[Plan, list[int], list[Event]]:
        from quads_tui.journal.cluster.connection import Dsn
        from quads_tui.journal.cluster.rollouts import ClusterRollouts

        reading = ClusterRollouts(Dsn(self.dsn))
        (rollout,) = await reading.all()
        numbered: list[tuple[int, Event]] = []
        while found := await reading.events(rollout.id, numbered[-1][0] if numbered else 0):
            numbered += found
        plan = plan_from((await reading.facts(rollout.id, "plan"))["plan"])
        await reading.close()
        return plan, [n for n, _ in numbered], [event for _, event in numbered]

    def logs(self) -> dict[str, str]:
        return {worker.directory.name: worker.log for worker in self.workers}


class Single(Run):
    """The same lab with one process, and without a cluster: what the others are compared with."""

    def __init__(self, asked: Asked, place: Path, stack: ExitStack) -> None:
        self.asked, self.place, self.cpu, self.database_cpu = asked, place, {}, 0.0
        self.lab = stack.enter_context(emulated(place / "lab", hosts=asked.hosts, speed=asked.speed, seed=asked.seed))
        self._settle_site()
        self._log = place / "log"

    def carry_out(self) -> float:
        began = time.monotonic()
        words = ["run", str(self.lab.assignment), "--canary", str(self.asked.canary), "--yes", "--json"]
        words += ["--site", str(self.lab.site), "--state-dir", str(self.lab.state)]
        os.environ["QUADS_TUI_LOCKS"] = str(self.place / "locks")
        process = Program(words, err=str(self._log))
        while process.poll() is None and time.monotonic() < began + LONGEST:
            self.cpu[process.pid] = _cpu(process.pid) or self.cpu.get(process.pid, 0.0)
            time.sleep(_TICK)
        self.settled = process.poll() == 0
        return time.monotonic() - began

    def figures(self) -> tuple[dict[str, Any], list[Event]]:
        from quads_tui.journal.reader import JournalReader

        (path,) = self.lab.state.glob("rollouts/*/journal.db")
        journal = JournalReader(path)
        plan, events = plan_from(journal.fact("plan")), [event for _, event in journal.events()]
        figures = {**_figures(self, plan, events), "unsettled": int(not self.settled)}
        return {**figures, "extra_logins": figures["logins"] - 1}, events

    def logs(self) -> dict[str, str]:
        return {"run": self._log.read_text()}


def _figures(run: Run, plan: Plan, events: list[Event]) -> dict[str, Any]:
    hooks = run.place / "hooks"
    seen = counted(run.lab.counts(), run.asked.hosts)
    found = journalled(plan, events, run.asked.speed)
    left = seen.pop("open_sessions")
    return {
        **seen,
        **found,
        "sessions": max(0, left - found["named"]),
        "named": min(left, found["named"]),
        "extra_hooks": (len(hooks.read_text().splitlines()) if hooks.exists() else 0) - HOOKS,
        "cpu": round(max(run.cpu.values(), default=0.0), 2),  # of the process that computed most
    }


def _until(condition: Callable[[], Any]) -> Iterator[None]:
    while not condition():
        yield


def _pause(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    yield from _until(lambda: time.monotonic() > end)


def _stat(pid: int) -> list[str]:
    """From its state on; empty where there is no such process."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return []


def _is_stopped(pid: int) -> bool:
    return _stat(pid)[:1] == ["T"]


def _cpu(pid: int, *, children: bool = False) -> float:
    """Seconds. `children`: with those that live, and those that have ended."""
    stat = _stat(pid)
    ticks = sum(map(int, stat[11 : 15 if children else 13]))
    if children:
        with suppress(OSError):
            ticks += sum(_cpu(int(child)) * _TICKS for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return ticks / _TICKS


def one_run(asked: Asked, kept: Path) -> dict[str, Any]:
    """`kept`: for what is left of a run that is not as it must be."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quads-tui-run-")))
        run = (Single if asked.fault == "single" else Run)(asked, place, stack)
        figures: dict[str, Any] = {"unsettled": 1}
        events: list[Event] = []
        try:
            seconds = run.carry_out()
            figures, events = run.figures()
        finally:
            if any(figures.get(name) for name in ZERO):
                _keep(run, events, kept)
        return {"asked": asdict(asked), "figures": figures, "seconds": round(seconds, 1), "load": os.getloadavg()[0]}


def _keep(run: Run, events: list[Event], kept: Path) -> None:
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for name, log in run.logs().items():
        (kept / f"{name}.log").write_text(log)
    (kept / "events").write_text("\n".join(map(repr, events)))
    (kept / "counts").write_text(json.dumps(run.lab.counts(), indent=1))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # with all that it has started
    print(json.dumps(one_run(Asked(**json.loads(sys.argv[1])), Path(sys.argv[2]))))
