"""What terminals do to a rollout: the real program on a pty that stops reading, hangs up, is resized, is stopped.

    python benchmarks/terminal_matrix.py [--seconds 60] [--hosts 60] [ROW ...]

Each row is one `quads-tui rehearse --faults none` under a probe of its loop. Steps are journal events and requests that the
emulated services saw, per second, during the trouble, "of" those of an undisturbed rollout (the first row) in the same seconds
after its start. Lag is how late a sleep of 10 ms was in that loop: p99 before (the terminal reads) and during, and the most, in
ms. "screen" is how long the screen was still there, in seconds. A row is ok when steps are at least 70 % of the undisturbed
ones, lag p99 stayed within 10 ms of before, and CPU, terminal and exit status are as they must be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from quads_tui.journal.reader import JournalReader, NoJournal  # noqa: E402
from tests.terminal.pty_terminal import Terminal  # noqa: E402

SETTLE = 8.0  # seconds of undisturbed work before the trouble
SHORT = 10.0  # seconds of trouble where --seconds does not say
ALLOWED = 10.0  # ms of lag p99 over before
SPEED = 15.0  # 60 hosts take a minute and a half
LEAST = 0.7  # of the undisturbed steps


# In the process under test


def inside(words: list[str]) -> None:
    """The program as it is, with a probe beside whatever runs in its loop; the last word is the probe's socket."""
    from quads_tui.cli import main as program

    link = socket.socket(fileno=int(words.pop()))
    plain = asyncio.run

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        async def probed() -> Any:
            late: list[float] = []
            tasks = [asyncio.create_task(_measure(late)), asyncio.create_task(_answer(link, late))]
            try:
                return await work
            finally:
                for task in tasks:
                    task.cancel()

        return plain(probed())

    asyncio.run = run  # type: ignore[assignment]
    sys.argv = ["quads-tui", *words]
    program()


async def _measure(late: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        late.append((time.perf_counter() - began - 0.01) * 1000)


async def _answer(link: socket.socket, late: list[float]) -> None:
    reader, writer = await asyncio.open_connection(sock=link)
    while await reader.readline():
        screen = any(thread.name == "textual-input" for thread in threading.enumerate())
        writer.write(json.dumps({"late": late, "screen": screen, "cpu": time.process_time()}).encode() + b"\n")
        late.clear()


# Outside


@dataclass
class Window:
    seconds: float
    steps: int
    undisturbed: float  # steps
    late: list[float]
    cpu: float

    @property
    def p99(self) -> float:
        return sorted(self.late)[int(len(self.late) * 0.99)] if self.late else float("inf")


@dataclass
class Row:
    name: str
    what: str
    trouble: Callable[[Run], None]
    status: tuple[int, ...]
    reading: bool = True  # whether the terminal reads during the trouble
    long: bool = False  # lasts --seconds
    control: bool = True
    words: tuple[str, ...] = ()
    finish: bool = False  # wait for the end of the rollout instead of SIGTERM
    keeps: bool = True  # the screen stays
    works: bool = True  # steps go on
    notes: list[str] = field(default_factory=list)


class Run:
    """One start of the program. `undisturbed`: an earlier one, as (seconds after the first steps, steps until then)."""

    def __init__(self, row: Row, hosts: int, state: Path, undisturbed: list[tuple[float, int]]) -> None:
        self.row, self.state = row, state
        self.undisturbed = undisturbed
        self.curve: list[tuple[float, int]] = []
        words = ["rehearse", "--hosts", str(hosts), "--speed", str(SPEED), "--faults", "none", "--state-dir", str(state)]
        command = [sys.executable, str(Path(__file__).resolve()), "inside", *words, *row.words]
        self.terminal = Terminal(command, width=120, height=40, control=row.control)
        self.screen_until = 0.0

    @property
    def pid(self) -> int:
        return self.terminal.process.pid

    def signal(self, name: str) -> None:
        os.kill(self.pid, getattr(signal, name))

    def steps(self) -> int:
        total = 0
        for path in self.state.glob("rollouts/*/journal.db"):
            with suppress(NoJournal):
                reader = JournalReader(path)
                total += sum(1 for _ in reader.events())
                reader.close()
        for path in self.state.glob("rehearsals/*/control.json"):
            with suppress(OSError):
                url = json.loads(path.read_text())["url"]
                with urllib.request.urlopen(f"{url}/counts", timeout=10) as answer:
                    counts = json.load(answer)
                total += counts["foreman"]["writes"] + counts["foreman"]["reads"] + counts["bmc"]["requests"]
        return total

    def begun(self) -> None:
        """Wait for the first step of the rollout."""
        while not list(self.state.glob("rollouts/*/journal.db")) or self.steps() < 100:
            assert self.terminal.process.poll() is None, self.terminal.output.decode(errors="replace")
            self.terminal.read(0.1)
        self.start = time.monotonic()

    def expected(self, until: float) -> float:
        """Steps of the undisturbed run until then (a time.monotonic)."""
        return max((steps for at, steps in self.undisturbed or self.curve if at <= until - self.start), default=0)

    def window(self, seconds: float, reading: bool) -> Window:
        """What happens in so many seconds. TimeoutError: the loop stands."""
        began, steps, answer = time.monotonic(), self.steps(), self.terminal.ask()
        late: list[float] = []
        cpu = now = answer["cpu"]
        self.curve.append((began - self.start, steps))
        while time.monotonic() < began + seconds and self.terminal.process.poll() is None:
            if reading:
                self.terminal.read(0.05)
            else:
                time.sleep(0.05)
            answer = self.terminal.ask()
            late += answer["late"]
            now = answer["cpu"]
            if answer["screen"]:
                self.screen_until = time.monotonic()
            if time.monotonic() - self.start > self.curve[-1][0] + 0.5:
                self.curve.append((time.monotonic() - self.start, self.steps()))
        end, done = time.monotonic(), self.steps()
        self.curve.append((end - self.start, done))
        return Window(end - began, done - steps, self.expected(end) - self.expected(began), late, now - cpu)

    def full_screen(self) -> None:
        """After reading on, what the terminal shows must be a whole screen again."""
        end = time.monotonic() + 3
        while time.monotonic() < end:
            self.terminal.read(0.1)
        shown = self.terminal.screen.display
        if "REHEARSAL" not in shown[0] or not any("filter" in line for line in shown[-3:]):
            self.row.notes.append("the screen is not right after it was read on")


def nothing(run: Run) -> None:
    """The terminal just reads, or just does not."""


def leave_full(run: Run) -> None:
    run.window(SHORT, reading=False)
    os.write(run.terminal.master, b"q")


def hang_up(run: Run) -> None:
    run.terminal.hang_up()


def hang_up_full(run: Run) -> None:
    run.window(SHORT, reading=False)
    run.terminal.hang_up()


def terminate_full(run: Run) -> None:
    run.window(SHORT, reading=False)
    run.signal("SIGTERM")


def storm(run: Run) -> None:
    for number in range(500):
        run.terminal.resize(120 - number % 2, 40)
        run.signal("SIGWINCH")
    run.terminal.resize(120, 40)


def stop_for_a_while(run: Run) -> None:
    run.signal("SIGSTOP")
    time.sleep(3.0)
    run.terminal.screen.reset()
    run.signal("SIGCONT")
    run.terminal.ask()  # the three seconds are the stop's, not the loop's


ROWS = [
    Row("reads", "the terminal reads", nothing, (143,), long=True),
    Row("unread", "pty not read", nothing, (143,), reading=False, long=True),
    Row("left", "q while not read", leave_full, (143,), reading=False, keeps=False),
    Row("headless", "--headless, not read", nothing, (143,), reading=False, words=("--headless",), keeps=False),
    Row("hang-up", "hang-up, SIGHUP", hang_up, (0,), finish=True, keeps=False),
    Row("hang-up-silent", "hang-up, no SIGHUP", hang_up, (0,), finish=True, keeps=False, control=False),
    Row("hang-up-unread", "hang-up while not read", hang_up_full, (0,), finish=True, keeps=False, reading=False),
    Row("sigtstp", "SIGTSTP", lambda run: run.signal("SIGTSTP"), (143,)),
    Row("sigcont", "SIGSTOP 3 s, SIGCONT", stop_for_a_while, (143,)),
    Row("sigwinch", "500 SIGWINCH", storm, (143,)),
    Row("sigterm", "SIGTERM", lambda run: run.signal("SIGTERM"), (143,), keeps=False, works=False),
    Row("sigterm-unread", "SIGTERM while not read", terminate_full, (143,), False, keeps=False, works=False),
]


def measured(row: Row, hosts: int, seconds: float, undisturbed: list[tuple[float, int]]) -> bool:
    """Run it, print its line; True when it is as it must be. The first one fills `undisturbed`."""
    with tempfile.TemporaryDirectory() as state:
        run = Run(row, hosts, Path(state), undisturbed)
        try:
            run.begun()
            before = run.window(SETTLE, reading=True)
            row.trouble(run)
            run.screen_until = began = time.monotonic()
            during = before
            try:
                during = run.window(seconds if row.long else SHORT, row.reading)
            except (OSError, ValueError):  # no answer: it has ended, or its loop stands
                if run.terminal.process.poll() is None and not row.name.startswith("sigterm"):
                    row.notes.append("THE LOOP STANDS")
            shown = run.screen_until - began
            if row.keeps:
                run.full_screen()
            if not row.finish and not row.name.startswith("sigterm"):
                with suppress(ProcessLookupError):
                    run.signal("SIGTERM")
            status = ended(run)
            undisturbed[:] = undisturbed or run.curve
            left = [] if run.terminal.master < 0 or row.words else run.terminal.restored()
            if row.name == "sigterm-unread":  # what is never read cannot arrive; the modes of the line need no reader
                left = [what for what in left if what == "termios"]
            return judged(row, before, during, shown, left, status)
        finally:
            run.terminal.close()


def ended(run: Run) -> int | None:
    """Exit status; a terminal that does not read is read again only after the end."""
    deadline = time.monotonic() + 150
    while run.terminal.process.poll() is None and time.monotonic() < deadline:
        if run.row.reading or run.row.keeps or run.row.name == "left":
            run.terminal.read(0.1)
        else:
            time.sleep(0.1)
    if run.terminal.process.poll() is None:
        run.row.notes.append("does not end")
    run.terminal.read()
    return run.terminal.process.returncode


def judged(row: Row, before: Window, during: Window, shown: float, left: list[str], status: int | None) -> bool:
    row.notes += [f"not restored: {', '.join(left)}"] if left else []
    if status not in row.status:
        row.notes.append(f"exit status should be {row.status}")
    if during.p99 > before.p99 + ALLOWED:
        row.notes.append("lag")
    if row.works and during.steps < LEAST * during.undisturbed:
        row.notes.append("steps")
    if not row.keeps and shown > 1.0:
        row.notes.append("the screen stayed")
    if during.cpu > 2 * before.cpu / before.seconds * during.seconds + 0.5:
        row.notes.append("cpu")
    cells = [
        f"{row.what:28}",
        f"{during.steps / during.seconds:5.0f} of {during.undisturbed / during.seconds:5.0f}",
        f"{before.p99:6.1f} {during.p99:6.1f} {max(during.late, default=0):6.0f}",
        f"{100 * during.cpu / during.seconds:4.0f}",
        f"{'stays' if row.keeps else f'{shown:.2f}':>6}",
        f"{status!s:>5}",
        "; ".join(row.notes) or "ok",
    ]
    print(" | ".join(cells), flush=True)
    return not row.notes


def main() -> None:
    if sys.argv[1:2] == ["inside"]:
        inside(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the unread terminal")
    parser.add_argument("--hosts", type=int, default=60)
    parser.add_argument("rows", nargs="*", choices=[[], *(row.name for row in ROWS)], metavar="ROW")
    options = parser.parse_args()
    print(f"{'trouble':28} | steps/s        | lag p99 ms, max      | cpu% | screen |  exit |")
    undisturbed: list[tuple[float, int]] = []
    rows = [row for row in ROWS if not options.rows or row is ROWS[0] or row.name in options.rows]
    good = [measured(row, options.hosts, options.seconds, undisturbed) for row in rows]
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
