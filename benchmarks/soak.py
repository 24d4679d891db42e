"""A long rollout at speed on a real console: everything fails now and then, and somebody mashes keys all the time.

python -m benchmarks.soak [--minutes 30] [--hosts 400] [--speed 4] [--seed 1]

The console runs on a pty of its own beside emulators with the faults of the profile `chaos`. Keys, pastes, noise, mouse and sizes
of the terminal are the seed's; only what ends the console is never pressed. Memory, tasks, file descriptors and threads are
sampled and drawn (screenshots/soak.svg and .png). At the end the emulators tell what was wiped: hosts of the assignment only, and
none more often than the journal has intents to build it. Ends with status 1 where that is not so, or where the curves rise.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import random
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from tests.e2e.conftest import Lab, emulated

from .picture import Picture

OUT = Path(__file__).parent.parent / "screenshots" / "soak"
EVERY = 2.0  # real seconds between two samples
OUTSIDE = 20  # hosts of the lab that are not in the assignment
PANELS = (
    ("rss", "memory, MB", "#3b82d0"),
    ("tasks", "tasks of the loop", "#f0953f"),
    ("fds", "file descriptors", "#3f9b5a"),
    ("threads", "threads", "#a05bc2"),
)
KEYS = [
    *"rRsuhHdyYnN pPvFmTbBfoO*V\\/?:;gGjk12357",
    *("\r", "\x1b", "\t", "\x7f", "\x1b[A", "\x1b[B", "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F", "\x0c", "S"),
    *("y", "n", "\r", "\x1b") * 4,  # questions are asked all the time
]
NOISE = [
    b"\xff\xfe\x80\x9b",
    b"\x1b[<35;10;10M\x1b[<0;12;9M\x1b[<0;12;9m",
    b"\x1b[200~retry everything\ny\n\x1b[201~",
    b"\x1b]52;c;QUJD",
    b"\xc3",
    b"\x1b[99999999999999;5u",
    b"hello, can somebody skip the rest?\ry\r",
]


def child(samples: str) -> None:
    """The program, with a thread that notes how many tasks its loop has. Its command line stands behind `--`."""
    loops: list[asyncio.AbstractEventLoop] = []
    run_forever = asyncio.base_events.BaseEventLoop.run_forever

    def noted(loop: asyncio.BaseEventLoop) -> None:
        loops.append(loop)
        run_forever(loop)

    def note() -> None:
        while True:
            tasks = sum(len(asyncio.all_tasks(loop)) for loop in loops if not loop.is_closed())
            fresh = Path(f"{samples}.new")
            fresh.write_text(str(tasks))
            fresh.rename(samples)
            time.sleep(EVERY)

    asyncio.base_events.BaseEventLoop.run_forever = noted  # type: ignore[method-assign]
    threading.Thread(target=note, daemon=True).start()
    sys.argv = ["quads-tui", *sys.argv[sys.argv.index("--") + 1 :]]
    from quads_tui.cli import main as program

    program()


@dataclass(frozen=True)
class Sample:
    at: float  # real seconds since the start
    rss: float  # MB
    tasks: int
    fds: int
    threads: int
    built: int


class Board:
    """The pty with the console on it, and the hand on its keys."""

    def __init__(self, command: list[str], seed: int) -> None:
        self._rng = random.Random(seed)
        self._master, slave = os.openpty()
        self.drawn = self.pressed = 0
        self._resize(120, 40)
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm-256color"},
        )
        os.close(slave)
        threading.Thread(target=self._read, daemon=True).start()

    def press(self) -> None:
        """One key, or now and then something that no hand types."""
        self.pressed += 1
        chance = self._rng.random()
        if chance < 0.01:
            self._resize(*self._rng.choice(((80, 24), (120, 40), (200, 60), (40, 10))))
        elif chance < 0.03:
            os.write(self._master, self._rng.choice(NOISE))
        else:
            os.write(self._master, self._rng.choice(KEYS).encode())

    def pause(self) -> float:
        """Real seconds until the next key: slow enough that it is no paste, and that questions listen."""
        return self._rng.uniform(0.08, 0.7)

    def _resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def _read(self) -> None:
        try:
            while data := os.read(self._master, 65536):
                self.drawn += len(data)
        except OSError:
            return


def sampled(pid: int, tasks: Path, began: float, lab: Lab) -> Sample:
    place = Path(f"/proc/{pid}")
    pages = int((place / "statm").read_text().split()[1])
    return Sample(
        at=round(time.monotonic() - began, 1),
        rss=round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1),
        tasks=int(tasks.read_text()) if tasks.exists() else 0,
        fds=len(list((place / "fd").iterdir())),
        threads=len(list((place / "task").iterdir())),
        built=sum(host["built"] > 0 for host in lab.counts()["hosts"].values()),
    )


def soak(place: Path, given: argparse.Namespace) -> tuple[list[Sample], dict[str, Any]]:
    with emulated(place / "lab", hosts=given.hosts + OUTSIDE, speed=given.speed, faults="chaos", seed=given.seed) as lab:
        assignment = yaml.safe_load(lab.assignment.read_text())
        mine = {host["name"] for host in assignment["hosts"][: given.hosts]}
        assignment["hosts"] = assignment["hosts"][: given.hosts]
        edited = lab.directory / "soak.yaml"
        edited.write_text(yaml.safe_dump(assignment))
        tasks = place / "tasks"
        program = lab.command("run", edited, "--canary", "0", "--yes", "--no-survey")[3:]
        board = Board([sys.executable, "-m", "benchmarks.soak", "--child", str(tasks), "--", *program], given.seed)
        began, samples = time.monotonic(), list[Sample]()
        end, due = began + given.minutes * 60, began + EVERY
        while time.monotonic() < end and board.process.poll() is None:
            time.sleep(board.pause())
            board.press()
            if time.monotonic() >= due:
                due += EVERY
                samples.append(sampled(board.process.pid, tasks, began, lab))
                if len(samples) % 30 == 0:
                    print(samples[-1], flush=True)
        early = board.process.poll()
        if early is None:
            board.process.send_signal(signal.SIGTERM)
        status = board.process.wait(120)
        ordered = builds(lab.state)
        counts = lab.counts()
        hosts = counts["hosts"]
        return samples, {
            "status": status,
            "ended_early": early is not None,
            "minutes": round((samples[-1].at if samples else 0) / 60, 1),
            "hosts": len(mine),
            "keys": board.pressed,
            "drawn_bytes": board.drawn,
            "built": sum(host["built"] > 0 for host in hosts.values()),
            "wipes": sum(host["wipes"] for host in hosts.values()),
            "builds_ordered": sum(ordered.values()),
            "wipes_not_ordered": sum(max(0, hosts[name]["wipes"] - ordered[name]) for name in hosts),
            "touched_outside": sum(hosts[name]["wipes"] + hosts[name]["resets"] for name in hosts if name not in mine),
            "peak_writes": counts["foreman"]["peak_writes"],
            "errors_shown": errors(lab.state),
        }


def _events(state: Path) -> list[list[Any]]:
    (journal,) = state.glob("rollouts/*/journal.db")
    return [json.loads(body) for (body,) in sqlite3.connect(journal).execute("select body from event order by n")]


def builds(state: Path) -> Counter[str]:
    """How many builds were ordered of each host: the intents, which are on disk before the write."""
    return Counter(event[2] for event in _events(state) if event[0] == "intent" and event[4] == "build")


def errors(state: Path) -> int:
    """Notices of the level error: none comes of keys, or of what servers do."""
    return sum(event[0] == "notice" and event[2] == "error" for event in _events(state))


def growth(samples: list[Sample]) -> dict[str, float]:
    """Of each curve: the median of the last tenth over that of the tenth after the first fifth, when all is warm."""
    tenth = max(1, len(samples) // 10)
    early, late = samples[2 * tenth : 3 * tenth], samples[-tenth:]
    found = {}
    for name, _, _ in PANELS:
        before = median(getattr(one, name) for one in early)
        found[name] = round(median(getattr(one, name) for one in late) / max(before, 1), 3)
    return found


def picture(samples: list[Sample], title: str, out: Path) -> None:
    width, panel, left, top = 900, 130, 80, 50
    drawn = Picture(width, top + panel * len(PANELS) + 40)
    drawn.text(left, 28, title)
    longest = samples[-1].at
    for number, (name, words, colour) in enumerate(PANELS):
        base, most = top + panel * (number + 1) - 25, max(getattr(one, name) for one in samples) * 1.1 or 1

        def at(one: Sample, value: float, base: float = base, most: float = most) -> tuple[float, float]:
            return left + one.at / longest * (width - left - 30), base - value / most * (panel - 45)

        drawn.line([at(samples[0], 0), at(samples[-1], 0)], "#dddddd", 1)
        drawn.line([at(one, getattr(one, name)) for one in samples], colour, 2)
        drawn.text(left, base - panel + 38, f"{words}: {getattr(samples[-1], name):g} at the end", colour)
        drawn.text(left - 10, base - panel + 60, f"{most:.0f}", anchor="rs")
        drawn.text(left - 10, base + 5, "0", anchor="rs")
    drawn.text(left, top + panel * len(PANELS) + 22, f"minutes: 0 to {longest / 60:.0f}")
    drawn.save(out)


def main() -> None:
    if "--child" in sys.argv:
        return child(sys.argv[sys.argv.index("--child") + 1])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--hosts", type=int, default=400)
    parser.add_argument("--speed", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        os.environ["QUADS_TUI_LOCKS"] = f"{place}/locks"
        samples, told = soak(Path(place), given)
    told["growth"] = growth(samples)
    print(json.dumps(told, indent=1))
    title = f"{given.hosts} hosts, {given.minutes:g} minutes at speed {given.speed:g}, faults chaos, {told['keys']} keys mashed"
    picture(samples, title, given.out)
    wrong = told["wipes_not_ordered"] + told["touched_outside"] + told["errors_shown"] + told["ended_early"]
    raise SystemExit(wrong > 0 or told["peak_writes"] > 1 or max(told["growth"].values()) > 1.5)


if __name__ == "__main__":
    main()
