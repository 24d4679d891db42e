"""What the screen costs: 700 live hosts at --speed 10 in a real tmux of 120x40, beside the same rollout headless.

    python benchmarks/screen.py [--runs 3] [--seconds 30]

For each run: CPU of the console process with and without the screen (% of a core), p99 lateness of its loop as its header shows,
p99 of an empty loop in a process beside it, and the time from a key to the repainted pane (as seen through tmux, its own time
included). Prints the medians. Needs tmux.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTLE = 20.0  # seconds until all kinds of work are under way
TMUX = ["tmux", "-L", f"quads-tui-benchmark-{os.getpid()}", "-f", "/dev/null"]
EMPTY = """
import asyncio, time
async def main():
    late, end = [], time.perf_counter() + {seconds}
    while time.perf_counter() < end:
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        late.append(time.perf_counter() - began - 0.01)
    print(sorted(late)[int(0.99 * len(late))])
asyncio.run(main())
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--hosts", type=int, default=700)
    options = parser.parse_args()
    rows = []
    for number in range(options.runs):
        without = headless(options.hosts, options.seconds)
        row = {"headless_cpu": without, **with_screen(options.hosts, options.seconds)}
        row["screen_cpu"] = row["total_cpu"] - without
        rows.append(row)
        print(number + 1, json.dumps({key: round(value, 2) for key, value in row.items()}), file=sys.stderr, flush=True)
    print(json.dumps({key: round(statistics.median(row[key] for row in rows), 2) for key in rows[0]}, indent=1))


def headless(hosts: int, seconds: float) -> float:
    with lab(hosts) as directory:
        process = subprocess.Popen(command(directory, "--headless"), stderr=subprocess.DEVNULL)
        try:
            time.sleep(SETTLE)
            return cpu_over(process.pid, seconds)
        finally:
            end(process)


def with_screen(hosts: int, seconds: float) -> dict[str, float]:
    with lab(hosts) as directory:
        subprocess.run([*TMUX, "new-session", "-d", "-x", "120", "-y", "40", "exec " + " ".join(command(directory))], check=True)
        try:
            began = time.perf_counter()
            while "HOST" not in pane():
                time.sleep(0.02)
            painted = time.perf_counter() - began
            pid = int(subprocess.check_output([*TMUX, "list-panes", "-F", "#{pane_pid}"], text=True))
            time.sleep(SETTLE)
            empty = subprocess.Popen([sys.executable, "-c", EMPTY.format(seconds=seconds)], stdout=subprocess.PIPE, text=True)
            total = cpu_over(pid, seconds)
            idle = float(empty.communicate()[0]) * 1000
            shown = re.search(r"loop (\d+)ms", pane())
            keys = sorted(key_to_paint("jk"[number % 2]) for number in range(40))
            return {
                "start_to_first_paint_s": painted,
                "total_cpu": total,
                "loop_p99_ms": float(shown[1]) if shown else float("nan"),
                "empty_loop_p99_ms": idle,
                "key_p50_ms": keys[len(keys) // 2] * 1000,
                "key_p95_ms": keys[int(0.95 * len(keys))] * 1000,
            }
        finally:
            subprocess.run([*TMUX, "kill-server"], check=False)


def key_to_paint(key: str) -> float:
    """Press it and watch the pane until the cursor stands elsewhere."""
    before = cursor(pane())
    began = time.perf_counter()
    subprocess.run([*TMUX, "send-keys", key], check=True)
    while cursor(pane()) == before and time.perf_counter() - began < 2:
        pass
    took = time.perf_counter() - began
    time.sleep(0.15)
    return took


def cursor(text: str) -> str:
    return next((line for line in text.splitlines() if line.startswith(">")), "")[:30]


def pane() -> str:
    return subprocess.run([*TMUX, "capture-pane", "-p"], capture_output=True, text=True, check=False).stdout


def command(directory: Path, *more: str) -> list[str]:
    words = [sys.executable, "-m", "quads_tui", "run", str(directory / "assignment.yaml"), "--site", str(directory / "site.yaml")]
    return [*words, "--yes", "--state-dir", str(directory / "state"), *more]


@contextmanager
def lab(hosts: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "lab"
        words = ["--hosts", str(hosts), "--speed", "10", "--faults", "realistic", "--dir", str(directory)]
        process = subprocess.Popen([sys.executable, "-m", "quads_tui", "emulate", *words], stdout=subprocess.DEVNULL)
        try:
            while not (directory / "ready").exists():
                time.sleep(0.05)
            yield directory
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait()


def cpu_over(pid: int, seconds: float) -> float:
    """CPU of the process over so many seconds, in % of a core."""
    before, began = cpu(pid), time.monotonic()
    time.sleep(seconds)
    return 100 * (cpu(pid) - before) / (time.monotonic() - began)


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
