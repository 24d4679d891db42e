"""Kills a rollout, resumes it, and compares what the emulators saw with an undisturbed run.

python -m benchmarks.crash_points every [--hosts 6]            SIGKILL at every journal write
python -m benchmarks.crash_points random [--hosts 60] [--times 100]  SIGKILL at random moments
python -m benchmarks.crash_points term [--hosts 6] [--times 20]      SIGTERM at random journal writes
python -m benchmarks.crash_points stop [--hosts 6] [--times 10]      SIGSTOP in the middle of a write, SIGCONT seconds later
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quads_tui.rollout.events import HostNote
from tests.e2e.conftest import Lab, emulated

SPEED = 400.0
PAUSE = 4.0  # seconds that a stopped process lies still


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

    def take(self, name: str, lab: Lab, hosts: int, status: int, out: str) -> None:
        counts = lab.counts()
        machines = counts["hosts"].values()
        writes = counts["foreman"]["writes"] - hosts
        resets = Counter(machine["resets"] for machine in machines)
        found = {
            "lost": sum(machine["built"] != 1 for machine in machines) + (status != 0),
            "double_wipes": sum(machine["wipes"] > 1 for machine in machines),
            "overlaps": int(counts["foreman"]["peak_writes"] > 1),
            "sessions": max(0, counts["bmc"]["sessions_open"] - (named := _named_sessions(lab))),
            "repeats": max(0, writes - 1) + sum(count for times, count in resets.items() if times > 3),
        }
        self.points += 1
        self.named += min(named, counts["bmc"]["sessions_open"])
        for what, number in found.items():
            setattr(self, what, getattr(self, what) + number)
        self.in_flight["build writes"] += max(0, writes)
        self.in_flight["resets"] += sum(count for times, count in resets.items() if times == 3)
        if any(found.values()):
            self.bad.append(f"{name}: {found}; {_failures(out)}")


def _named_sessions(lab: Lab) -> int:
    """Hosts whose timeline says that a session may be left."""
    from quads_tui.journal.reader import JournalReader

    (journal,) = lab.state.glob("rollouts/*/journal.db")
    events = (event for _, event in JournalReader(journal).events())
    return len({event.host for event in events if isinstance(event, HostNote) and "may be left at the BMC" in event.text})


def _failures(out: str) -> str:
    last = json.loads(out.splitlines()[-1]) if out else {}
    return "; ".join(f"{one['host']} {one['stage']}: {one['reason']}" for one in last.get("failures", ())[:3])


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


def run(lab: Lab, words: list[str], *, after: float | None = None) -> tuple[int, float, str]:
    """One console to its end, and what it printed; continued when it stops itself, killed `after` seconds."""
    began = time.monotonic()
    told = tempfile.TemporaryFile("w+")  # noqa: SIM115  # a pipe that nobody reads would stop the console
    process = subprocess.Popen(words, stdout=told, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        if after is not None:
            try:
                process.wait(after)
            except subprocess.TimeoutExpired:
                process.kill()
        while process.poll() is None and Path(f"/proc/{process.pid}").exists():
            state = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            if state == "T":
                time.sleep(PAUSE)
                process.send_signal(signal.SIGCONT)
            time.sleep(0.02)
    finally:
        process.wait(300)
    told.seek(0)
    return process.returncode, time.monotonic() - began, told.read()


def point(
    tally: Tally, name: str, hosts: int, seed: int, disturb: list[str] | None, *, ipmi: int, after: float | None = None
) -> bool:
    """True when the disturbance came before the end. `ipmi`: so many of the hosts have BMCs that speak IPMI."""
    with (
        tempfile.TemporaryDirectory() as place,
        emulated(Path(place) / "lab", hosts=hosts, speed=SPEED, seed=seed, ipmi=ipmi) as lab,
    ):
        plain = lab.command("run", lab.assignment, "--json", "--yes")
        if disturb:
            program = [sys.executable, "-m", "benchmarks.crash_points", "child", *disturb, "--", *plain[3:]]
        else:
            program = plain
        status, _, out = run(lab, program, after=after)
        came = status not in (0, 1)
        if not any(lab.state.glob("rollouts/*/journal.db")):
            return False  # killed before there was a rollout
        if came:
            status, _, out = run(lab, lab.command("resume", "--json", "--yes"))
            if status not in (0, 1) or not out:
                tally.bad.append(f"{name}: resume ended with {status}")
        tally.take(name, lab, hosts, status, out)
        return came


def journal_writes(hosts: int, ipmi: int) -> tuple[int, float]:
    """Event rows and seconds of an undisturbed run."""
    from quads_tui.journal.reader import JournalReader

    with tempfile.TemporaryDirectory() as place, emulated(Path(place) / "lab", hosts=hosts, speed=SPEED, ipmi=ipmi) as lab:
        status, seconds, _ = run(lab, lab.command("run", lab.assignment, "--json", "--yes"))
        assert status == 0
        (journal,) = lab.state.glob("rollouts/*/journal.db")
        return sum(1 for _ in JournalReader(journal).events()), seconds


def main() -> None:
    if sys.argv[1:2] == ["child"]:
        child(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=("every", "random", "term", "stop"))
    parser.add_argument("--hosts", type=int)
    parser.add_argument("--times", type=int)
    parser.add_argument("--ipmi", type=int, default=0, help="so many of the hosts have BMCs that speak IPMI")
    parser.add_argument("--step", type=int, default=1, help="every: only each STEPth write")
    given = parser.parse_args()
    hosts = given.hosts or (60 if given.way == "random" else 6)
    luck = random.Random(1)
    tally = Tally()
    rows, seconds = journal_writes(hosts, given.ipmi)
    print(f"undisturbed: {rows} journal writes, {seconds:.1f} s", flush=True)
    came = 0
    if given.way == "every":
        for at in range(1, rows, given.step):
            came += point(tally, f"write {at}", hosts, 1, [str(at), str(int(signal.SIGKILL)), "any"], ipmi=given.ipmi)
            if at % 10 == 1:
                print(f"write {at}/{rows}: {tally}", flush=True)
    elif given.way == "random":
        for turn in range(given.times or 100):
            came += point(tally, f"kill {turn}", hosts, turn, None, ipmi=given.ipmi, after=luck.uniform(1.0, seconds))
            if turn % 10 == 9:
                print(f"{turn + 1}: {tally}", flush=True)
    else:
        for turn in range(given.times or 10):
            if given.way == "term":
                disturb = [str(luck.randrange(1, rows)), str(int(signal.SIGTERM)), "any"]
            else:
                disturb = [str(luck.randrange(1, hosts + 1)), str(int(signal.SIGSTOP)), "build"]
            came += point(tally, f"{given.way} {disturb[0]}", hosts, turn, disturb, ipmi=given.ipmi)
    print(json.dumps({"came before the end": came, **tally.__dict__, "in_flight": dict(tally.in_flight)}, indent=1))
    if tally.bad:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
