"""`quads-tui plan` on 700 hosts of which 500 have a dead BMC: half refuse connections, half take them and never say a word.

    python -m benchmarks.plan [--hosts 700] [--dead 500] [--speed 1] [--runs 3]

Prints the seconds of each run, the median, and what the operator sees.
"""

from __future__ import annotations

import argparse
import re
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.e2e.conftest import emulated

BAR = 15.0  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=700)
    parser.add_argument("--dead", type=int, default=500)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, emulated(Path(place), hosts=given.hosts, speed=given.speed) as lab:
        holes = [_hole(number) for number in range(given.dead // 2)]
        closed = [f"https://127.3.{n // 250}.{n % 250 + 1}:9" for n in range(given.dead - len(holes))]
        replaced = iter([*closed, *map(_address, holes)])
        text = lab.assignment.read_text()
        text = re.sub(r"bmc: https://127\.0\.0\.1:\d+", lambda old: f"bmc: {next(replaced, old[0][5:])}", text)
        assignment = Path(place) / "dead.yaml"
        assignment.write_text(text)
        took = []
        for _ in range(given.runs):
            began = time.monotonic()
            ran = subprocess.run(lab.command("plan", assignment), capture_output=True, text=True, timeout=300, check=False)
            took.append(time.monotonic() - began)
        print(ran.stdout, ran.stderr, sep="\n")
        print(f"{given.hosts} hosts, {given.dead} dead BMCs: {', '.join(f'{seconds:.1f}' for seconds in took)} s")
        print(f"median {statistics.median(took):.1f} s (bar {BAR:.0f}); counts: {lab.counts()['bmc']}")


def _hole(number: int) -> socket.socket:
    """Takes connections and says nothing."""
    listening = socket.socket()
    listening.bind((f"127.4.{number // 250}.{number % 250 + 1}", 0))
    listening.listen(8)
    return listening


def _address(hole: socket.socket) -> str:
    host, port = hole.getsockname()
    return f"https://{host}:{port}"


if __name__ == "__main__":
    main()
