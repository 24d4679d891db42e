"""A whole rollout against the emulators in a process of their own, and what those counted.

    python benchmarks/fleet.py --hosts 700 --speed 60 --faults none

Prints one JSON object: the rollout's own account, the emulators' counts, CPU seconds of the console, a verdict per bar.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=700)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default="none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        report = measure(Path(name), options.hosts, options.speed, options.seed, options.faults)
    print(json.dumps(report, indent=1))
    return 0 if all(report["bars"].values()) else 1


def measure(directory: Path, hosts: int, speed: float, seed: int, faults: str) -> dict[str, Any]:
    world = directory / "world"
    arguments = ["--hosts", str(hosts), "--speed", str(speed), "--seed", str(seed), "--faults", faults, "--dir", str(world)]
    emulators = subprocess.Popen([sys.executable, "-m", "quads_tui", "emulate", *arguments], stdout=subprocess.DEVNULL)
    try:
        while not (world / "ready").exists():
            if emulators.poll() is not None:
                raise SystemExit("the emulators did not start")
            time.sleep(0.05)
        began = time.monotonic()
        run = subprocess.run(
            [sys.executable, "-m", "quads_tui", "run", str(world / "assignment.yaml"), "--site", str(world / "site.yaml")]
            + ["--canary", "0", "--json", "--yes", "--state-dir", str(directory / "state")],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        wall = time.monotonic() - began
        control = json.loads((world / "control.json").read_text())["url"]
        counts, injected = (json.load(urllib.request.urlopen(f"{control}/{what}")) for what in ("counts", "faults"))
    finally:
        os.kill(emulators.pid, signal.SIGTERM)
        emulators.wait()
    events = [json.loads(line) for line in run.stdout.splitlines()]
    return _report(run.returncode, wall, events, counts, injected)


def _report(
    status: int, wall: float, events: list[dict[str, Any]], counts: dict[str, Any], injected: dict[str, Any]
) -> dict[str, Any]:
    end = events[-1]
    foreman, bmc, per_host = counts["foreman"], counts["bmc"], counts["hosts"].values()
    failures = end.get("failures", [])
    lasting = {host: fault for host, fault in injected.items() if fault.get("cured_by") != "automatic"}
    wrong = [
        f"{failure['host']}: {failure['stage']}/{failure['cause']}, injected {injected.get(failure['host'])}"
        for failure in failures
        if (failure["stage"], failure["cause"])
        != (lasting.get(failure["host"], {}).get("stage"), lasting.get(failure["host"], {}).get("cause"))
    ]
    missed = sorted(set(lasting) - {failure["host"] for failure in failures})
    bars = {
        "every host ended": end.get("unfinished") == 0,
        "only the injected failures, with their causes": not wrong and not missed,
        "one write in flight": foreman["peak_writes"] <= 1,
        "one write per host in flight": foreman["peak_writes_per_host"] <= 1,
        "reads within 60 + 8 a minute of own time": foreman["reads"] <= 60 + 8 * end.get("seconds", 0) / 60,
        "at most 2 logins": foreman["logins"] <= 2,
        "at most 8 connections": foreman["connections"] <= 8,
        "no session left open": bmc["sessions_open"] == 0,
        "no mode change": bmc["mode_changes"] == 0,
        "one request at a time per BMC": bmc["peak_requests_per_bmc"] <= 1,
        "no host wiped twice": all(host["wipes"] <= 1 for host in per_host),
        "no reset and no 500 provoked": foreman.get("errors_500", 0) == 0 and foreman.get("resets", 0) == 0,
    }
    return {
        "exit": status,
        "wall_seconds": round(wall, 1),
        "console_cpu_seconds": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, 1),
        "finished": {key: value for key, value in end.items() if key not in ("failures", "skipped_hosts", "held_hosts")},
        "pairs": dict(Counter(f"{failure['stage']}/{failure['cause']}" for failure in failures)),
        "wrong": wrong,
        "injected_but_done": missed,
        "injected": dict(Counter(fault["fault"] for fault in injected.values())),
        "wipes": dict(Counter(host["wipes"] for host in per_host)),
        "foreman": foreman,
        "bmc": bmc,
        "bars": bars,
    }


if __name__ == "__main__":
    raise SystemExit(main())
