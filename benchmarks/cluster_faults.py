"""Workers of a cluster and one emulated lab: faults at named points, and what the servers saw.

python -m benchmarks.cluster_faults --results FILE [--hosts 40] [--speed 20] [--workers 2] [--seeds 5] [--parallel 2]
    [--faults single,none,kill:wire,...] [--pause-while FILE] [--table]

single: one process without a cluster, with which the others are compared. none: no fault. kill:POINT, stop25:POINT, stop40:POINT:
SIGKILL, or SIGSTOP for so many seconds, of the worker that comes to POINT first (see tests/e2e/faulty_worker.py). skew:POINT: as
kill, and the clocks of the workers are 10 min wrong, to both sides. At a random moment: term: SIGTERM of the worker that carries
the rollout; all: SIGKILL of all workers; console: SIGKILL of a console that watches; database:S: PostgreSQL is stopped for S
seconds. granted:S: the same when a place in the write queue was granted and its intent is not committed. cut:S: the carrying
worker is cut off from the database for S seconds. A worker that ends is started again, as systemd does it.

Every run is a line of FILE, and what is there is not run again: a campaign may be ended and started at any time. Where a figure
is not as it must be, the logs of the workers and the events are left in FILE.failed. `--table` runs nothing. Frozen after the
last check of a write (stop25:late, stop40:late) a worker may send it later, which nothing can bar: those are counted apart. The
write deadline is one of the rollout's own times, and 15 s at least: at speed 20, `--write-deadline 3600` makes it 180 s as at
speed 1.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from .cluster_figures import ZERO
from .cluster_run import LONGEST, Asked

POINTS = ("check", "wire", "sent", "reset", "login")
NOT_BARRED = ("stop25:late", "stop40:late")
FAULTS = (
    ["single", "none", *(f"{what}:{point}" for what in ("kill", "stop25", "stop40", "skew") for point in POINTS)]
    + ["all", "term", "granted:45", "database:45", "cut:60", "console", *NOT_BARRED]
)  # fmt: skip
_PAUSE = 5.0  # real seconds between two looks for the file of --pause-while
_SAID = 20  # lines of the end of a run that failed

Line = dict[str, Any]


class Campaign:
    """`given`: the command line."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self._writing = threading.Lock()
        self._began = time.monotonic()
        self._ended = 0
        self._running: set[subprocess.Popen[str]] = set()

    def run(self, runs: Sequence[Asked]) -> None:
        there = [line["asked"] for line in lines(self._given.results) if "figures" in line]
        left = [asked for asked in runs if asdict(asked) not in there]
        print(f"{len(runs)} runs, {len(runs) - len(left)} of them in {self._given.results}", flush=True)
        with ThreadPoolExecutor(self._given.parallel) as pool:
            for _ in pool.map(lambda asked: self._one(asked, len(left)), left):
                pass

    def end(self) -> NoReturn:
        """At once, with all that was started."""
        for process in list(self._running):
            process.terminate()
            process.wait()
        os._exit(1)

    def _one(self, asked: Asked, runs: int) -> None:
        while self._given.pause_while is not None and self._given.pause_while.exists():
            time.sleep(_PAUSE)
        line = self._line(asked)
        with self._writing:
            with self._given.results.open("a") as file:
                file.write(json.dumps(line) + "\n")
            self._ended += 1
            left = (runs - self._ended) * (time.monotonic() - self._began) / self._ended / 60
            print(f"{self._ended}/{runs}, {left:.0f} min left: {asked.fault} {asked.seed}: {verdict(line)}", flush=True)

    def _line(self, asked: Asked) -> Line:
        kept = Path(f"{self._given.results}.failed", f"{asked.fault}-{asked.seed}-{asked.hosts}-{asked.workers}-{asked.speed:g}")
        words = [sys.executable, "-m", "benchmarks.cluster_run", json.dumps(asdict(asked)), str(kept)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._running.add(process)
        try:
            out, err = process.communicate(timeout=LONGEST + 300)
        except subprocess.TimeoutExpired:
            process.terminate()
            out, err = "", "it did not end"
        self._running.discard(process)
        line: Line = json.loads(out) if process.wait() == 0 else {"said": err.splitlines()[-_SAID:]}
        return {**line, "asked": asdict(asked)}


def lines(results: Path) -> list[Line]:
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def verdict(line: Line) -> str:
    """What is not as it must be."""
    if "figures" not in line:
        return "ENDED WITHOUT FIGURES: " + "; ".join(line["said"][-1:])
    wrong = {name: line["figures"][name] for name in ZERO if line["figures"].get(name)}
    return f"{line['seconds']:.0f} s, " + (f"NOT AS IT MUST BE: {wrong}" if wrong else "as it must be")


def grouped(found: Iterable[Line]) -> Iterator[tuple[str, str, list[Line]]]:
    """By everything but the seed, with settings and fault in words, in the order in which they came first."""
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in found:
        asked = line["asked"]
        settings = " ".join(f"{name}={value:g}" for name, value in asked.items() if name not in ("seed", "fault"))
        groups.setdefault((settings, asked["fault"]), []).append(line)
    for (settings, fault), group in groups.items():
        yield settings, fault, group


def table(found: list[Line]) -> list[str]:
    """A row for each fault; figures that must be 0 are sums over its runs, the others means, and `conn`, `dark` the greatest."""
    singles = {_instance(line): line for line in found if line["asked"]["fault"] == "single" and "figures" in line}
    head = ["runs", *ZERO[:7], "other", "failed", "named", "starts", "conn", "dark", "first", "reads/1", "makespan/1", "s"]
    rows, setting = [("fault", head)], ""
    printed: list[str] = []
    for settings, fault, group in grouped(found):
        if settings != setting:
            rows.append((settings, [""] * len(head)))
            setting = settings
        if group := [line for line in group if "figures" in line]:
            rows.append((fault + ("*" if fault in NOT_BARRED else ""), _row(group, singles)))
    widths = [max(len(cells[n]) for _, cells in rows) for n in range(len(head))]
    for name, cells in rows:
        printed.append(f"{name:12} " + "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=False)))
    return [line.rstrip() for line in printed]


def _instance(line: Line) -> str:
    """What a run shares with the run of one process that it is compared with."""
    return json.dumps([line["asked"][name] for name in ("seed", "hosts", "speed", "canary", "write_deadline")])


def _row(group: list[Line], singles: dict[str, Line]) -> list[str]:
    figures = [line["figures"] for line in group]
    beside = [(line["figures"], singles[_instance(line)]["figures"]) for line in group if _instance(line) in singles]

    def total(name: str) -> int:
        return sum(each.get(name, 0) for each in figures)

    def ratio(name: str) -> str:
        if name == "makespan" and any(line["asked"]["fault"].startswith("skew") for line in group):
            return "-"  # by wrong clocks
        return f"{statistics.mean(one[name] / single[name] for one, single in beside):.2f}" if beside else "-"

    def most(name: str) -> str:
        return str(max(each[name] for each in figures))

    others = sum(total(name) for name in ZERO[7:])
    cells: list[object] = [len(group), *(total(name) for name in ZERO[:7]), others, total("failed_attempts"), total("named")]
    cells += [total("starts"), most("connections"), most("dark"), most("first_dark"), ratio("reads"), ratio("makespan")]
    return [*map(str, cells), f"{statistics.mean(line['seconds'] for line in group):.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--speed", type=float, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--lease", type=float, default=20)
    parser.add_argument("--canary", type=int, default=0)
    parser.add_argument("--write-deadline", type=float, default=180)
    parser.add_argument("--faults", default=",".join(FAULTS))
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--pause-while", type=Path, metavar="FILE", help="begin no run while FILE exists")
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    same = {name: getattr(given, name) for name in ("hosts", "speed", "workers", "lease", "canary", "write_deadline")}
    runs = [
        Asked(fault=fault, seed=seed, **same) for seed in range(1, given.seeds + 1) for fault in given.faults.split(",") if fault
    ]
    if not given.table:
        campaign = Campaign(given)
        signal.signal(signal.SIGTERM, lambda *_: campaign.end())
        campaign.run(runs)
    print("\n".join(table(lines(given.results))))


if __name__ == "__main__":
    main()
