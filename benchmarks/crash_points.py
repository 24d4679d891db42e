"""Kills a rollout, resumes it, and compares what the emulators saw with an undisturbed run.

python -m benchmarks.crash_points every [--hosts 6]            SIGKILL at every journal write
python -m benchmarks.crash_points calls --cluster [--hosts 6] [--step 7]  SIGKILL after every STEPth statement of the database
python -m benchmarks.crash_points random [--hosts 60] [--times 100]  SIGKILL at random moments
python -m benchmarks.crash_points term [--hosts 6] [--times 20]      SIGTERM at random journal writes
python -m benchmarks.crash_points stop [--hosts 6] [--times 10]      SIGSTOP in the middle of a write, SIGCONT seconds later

With --cluster a worker of a cluster is disturbed, whose journal is in a PostgreSQL, and another worker takes the rollout over.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count as numbers_from
from pathlib import Path
from typing import Any

from quads_tui.rollout.events import Event, HostNote
from tests.e2e.conftest import emulated

from .crash_runs import SPEED, Disturbance, Ended, Engine, OneMachine, Workers


@dataclass
class Tally:
    """Over all points. Every figure but `points`, `named` and `in_flight` must be 0."""

    points: int = 0
    lost: int = 0  # hosts that did not end done
    double_wipes: int = 0
    overlaps: int = 0  # points at which Foreman saw two writes at once
    sessions: int = 0  # left at the BMCs without a word: see `named`
    named: int = 0  # left, and the host says so: killed within a login, at a BMC that does not tell whose a session is
    repeats: int = 0  # hosts with more than one repeated write or more than one repeated reset
    in_flight: Counter[str] = field(default_factory=Counter)  # acts that were repeated once, as they may be
    bad: list[str] = field(default_factory=list)

    def take(self, name: str, hosts: int, ended: Ended) -> None:
        counts = ended.counts
        machines = counts["hosts"].values()
        writes = counts["foreman"]["writes"] - hosts
        resets = Counter(machine["resets"] for machine in machines)
        found = {
            "lost": sum(machine["built"] != 1 for machine in machines) + (ended.status != 0),
            "double_wipes": sum(machine["wipes"] > 1 for machine in machines),
            "overlaps": int(counts["foreman"]["peak_writes"] > 1),
            "sessions": max(0, counts["bmc"]["sessions_open"] - (named := _named_sessions(ended.events))),
            "repeats": max(0, writes - 1) + sum(count for times, count in resets.items() if times > 3),
        }
        self.points += 1
        self.named += min(named, counts["bmc"]["sessions_open"])
        for what, number in found.items():
            setattr(self, what, getattr(self, what) + number)
        self.in_flight["build writes"] += max(0, writes)
        self.in_flight["resets"] += sum(count for times, count in resets.items() if times == 3)
        if any(found.values()) or ended.trouble:
            self.bad.append(f"{name}: {found}; {ended.trouble}; {ended.failures}")


def _named_sessions(events: list[Event]) -> int:
    """Hosts whose timeline says that a session may be left."""
    return len({event.host for event in events if isinstance(event, HostNote) and "may be left at the BMC" in event.text})


def child(words: list[str]) -> None:
    """The program itself, with a journal that sends a signal to its own process when row N is on disk."""
    from quads_tui.cli import main
    from quads_tui.journal import store

    at, number = int(words[0]), int(words[1])
    wanted = words[2] if words[2] != "any" else ""
    written = 0
    write = store.JournalStore._write_group

    def one_by_one(self: store.JournalStore, group: list[Any]) -> str:
        nonlocal written
        for row in group:
            if why := write(self, [row]):
                return why
            if row[0] == store._EVENT and (not wanted or (row[1][0].kind, getattr(row[1][0], "act", "")) == ("intent", wanted)):
                written += 1
                if written == at:
                    signal.pthread_kill(threading.get_ident(), number)  # this thread goes no further: no lock of SQLite is held
        return ""

    store.JournalStore._write_group = one_by_one  # type: ignore[method-assign]
    sys.argv = ["quads-tui", *words[words.index("--") + 1 :]]
    main()


def point(engine: Engine, tally: Tally, name: str, hosts: int, seed: int, disturbance: Disturbance, *, ipmi: int = 0) -> bool:
    """True when the disturbance came before the end. `ipmi`: so many of the hosts have BMCs that speak IPMI."""
    with (
        tempfile.TemporaryDirectory() as place,
        emulated(Path(place) / "lab", hosts=hosts, speed=SPEED, seed=seed, ipmi=ipmi) as lab,
    ):
        ended, _ = engine.run(lab, disturbance)
        if ended is not None:
            tally.take(name, hosts, ended)
        return ended is not None and ended.came


def journal_writes(engine: Engine, hosts: int, ipmi: int) -> tuple[int, float]:
    """Event rows and seconds of an undisturbed run."""
    with tempfile.TemporaryDirectory() as place, emulated(Path(place) / "lab", hosts=hosts, speed=SPEED, ipmi=ipmi) as lab:
        ended, seconds = engine.run(lab, Disturbance())
        assert ended is not None
        assert (ended.status, ended.trouble) == (0, "")
        return len(ended.events), seconds


def disturbances(given: argparse.Namespace, hosts: int, rows: int, seconds: float) -> Iterator[tuple[str, int, Disturbance]]:
    """Name, seed of the lab, and what is done to the process."""
    luck = random.Random(1)
    if given.way == "every":
        for at in range(given.first, rows, given.step):
            yield f"write {at}", 1, Disturbance(at=at, number=signal.SIGKILL)
    if given.way == "calls":
        for at in numbers_from(given.first, given.step):
            yield f"call {at}", 1, Disturbance(at=at, act="call")
    for turn in range(given.times or (100 if given.way == "random" else 10)):
        if given.way == "random":
            yield f"kill {turn}", turn, Disturbance(after=luck.uniform(1.0, seconds))
        elif given.way == "term":
            yield f"term {turn}", turn, Disturbance(at=luck.randrange(1, rows), number=signal.SIGTERM)
        elif given.way == "stop":
            yield f"stop {turn}", turn, Disturbance(at=luck.randrange(1, hosts + 1), number=signal.SIGSTOP, act="build")


def main() -> None:
    if sys.argv[1:2] == ["child"]:
        child(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=("every", "calls", "random", "term", "stop"))
    parser.add_argument(
        "--cluster", action="store_true", help="workers of a cluster, with the journal in a PostgreSQL of its own"
    )
    parser.add_argument("--hosts", type=int)
    parser.add_argument("--times", type=int)
    parser.add_argument("--ipmi", type=int, default=0, help="so many of the hosts have BMCs that speak IPMI")
    parser.add_argument("--first", type=int, default=1, help="every, calls: from this one on")
    parser.add_argument("--step", type=int, default=1, help="every, calls: only each STEPth one")
    given = parser.parse_args()
    if given.way == "calls" and not given.cluster:
        parser.error("calls needs --cluster")
    hosts = given.hosts or (60 if given.way == "random" else 6)
    tally, came = Tally(), 0
    with Workers.started() if given.cluster else nullcontext(OneMachine()) as engine:
        rows, seconds = journal_writes(engine, hosts, given.ipmi)
        print(f"undisturbed: {rows} journal writes, {seconds:.1f} s", flush=True)
        for turn, (name, seed, disturbance) in enumerate(disturbances(given, hosts, rows, seconds), 1):
            is_there = point(engine, tally, name, hosts, seed, disturbance, ipmi=given.ipmi)
            came += is_there
            if given.way == "calls" and not is_there:
                break  # there are not so many
            if turn % 10 == 0:
                print(f"{name}: {tally}", flush=True)
    print(json.dumps({"came before the end": came, **tally.__dict__, "in_flight": dict(tally.in_flight)}, indent=1))
    if tally.bad:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
