"""A console is frozen between an act's intent and its first byte, another one takes over, and the first one thaws.

python -m benchmarks.frozen_process [--seconds 25] [--hosts 4]

SIGSTOP when the intent is on disk (of the first write, of the first Reset, of the first power on, of the first override), SIGCONT
after `seconds`, while the console that took over (`resume --take-over`) is at work. Then the same without anybody taking over:
what was decided long ago is decided anew. Every figure but `points` must be 0.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.e2e.conftest import Lab, emulated, wait_for

ACTS = (("build", 1), ("reset", 1), ("reset", 2), ("override", 1))


@dataclass
class Tally:
    points: int = 0
    overlaps: int = 0  # points at which Foreman saw two writes at once
    extra_writes: int = 0
    extra_resets: int = 0
    wipes: int = 0  # beyond one a host
    lost: int = 0  # hosts that were not built
    sessions: int = 0  # left at the BMCs
    unsaid: int = 0  # the frozen console ended without a word, or with another status than 4

    def take(self, lab: Lab, hosts: int) -> None:
        counts = lab.counts()
        self.points += 1
        self.overlaps += counts["foreman"]["peak_writes"] > 1
        self.extra_writes += counts["foreman"]["writes"] - hosts
        self.sessions += counts["bmc"]["sessions_open"]
        for host in counts["hosts"].values():
            self.extra_resets += max(0, host["resets"] - 2)
            self.wipes += max(0, host["wipes"] - 1)
            self.lost += host["built"] != 1


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def freeze(tally: Tally, act: str, number: int, *, hosts: int, seconds: float, taken_over: bool) -> None:
    with tempfile.TemporaryDirectory() as place, emulated(Path(place) / "lab", hosts=hosts, speed=60) as lab:
        os.environ["QUADS_TUI_LOCKS"] = f"{place}/locks"
        words = ["-m", "benchmarks.crash_points", "child", str(number), str(int(signal.SIGSTOP)), act, "--"]
        plain = lab.command("run", lab.assignment, "--json", "--yes")[3:]
        frozen = subprocess.Popen([sys.executable, *words, *plain], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: state_of(frozen.pid) == "T")
        began = time.monotonic()
        (rollout,) = (lab.state / "rollouts").iterdir()
        second = None
        if taken_over:
            second = subprocess.Popen(
                lab.command("resume", rollout.name, "--take-over", "--json", "--yes"), stdout=subprocess.DEVNULL
            )
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        frozen.send_signal(signal.SIGCONT)
        _, said = frozen.communicate(timeout=600)
        if second is not None:
            second.wait(600)
            tally.unsaid += frozen.returncode != 4 or "taken over the rollout" not in said
        else:
            tally.unsaid += frozen.returncode != 0
        tally.take(lab, hosts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument("--hosts", type=int, default=4)
    given = parser.parse_args()
    tally = Tally()
    for taken_over in (True, False):
        for act, number in ACTS:
            freeze(tally, act, number, hosts=given.hosts, seconds=given.seconds, taken_over=taken_over)
            print(f"{act} {number}, {'taken over' if taken_over else 'thawed'}: {tally}", flush=True)
    print(json.dumps(asdict(tally), indent=1))
    raise SystemExit(any(count for what, count in asdict(tally).items() if what != "points"))


if __name__ == "__main__":
    main()
