"""Whether virtual time tells the truth: the program over real HTTP and TLS, against emulated services in another process.

90 hosts at speed 10 with writes of about 1 s, 700 at speed 20 with writes of about 7.7 s. The twin in virtual time has the same
machines: each takes the seconds that the emulator's own hardware takes for the same steps of the same seed, and a write takes as
long as it took on the average. The makespan is not reported if the loop of the program or of the emulators was late by
more than 5 % of a write on the average: then the busy machine was measured. What was counted does not depend on that.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import math
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from quads_tui.emulators.bmc.bmc import Bmc
from quads_tui.emulators.bmc.fleet import Fleet
from quads_tui.emulators.bmc.hardware import Boot, PowerState
from quads_tui.emulators.interfaces import Time
from quads_tui.emulators.lab import generated
from tests.clocks import in_virtual_time

from .makespan import Instance, Steps, ours

RUNS = ((90, 1.0, 10.0), (700, 7.7, 20.0))  # hosts, seconds of a write, speed
LATE = 0.05  # of a write
NEAR = 0.10  # of the makespan
CPU = 0.070  # seconds a host
EVERY = 0.25  # real seconds between two looks at the loop: each wakes an idle process, whose CPU time is measured too
REQUESTS = (4, 4, 2)  # that a BMC answers, one after the other, until it is told to power off, PXE is set, it is told to power on


class _Virtual(Time):
    """The time of the loop, for hardware in virtual time."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class _Installer:
    """Implements the emulators' Provisioner: each host finds one build token and installs."""

    def __init__(self) -> None:
        self.built_at: dict[str, float] = {}

    def live_token(self, host: str) -> str | None:
        return None if host in self.built_at else "token"

    async def built(self, host: str, token: str) -> bool:
        self.built_at[host] = asyncio.get_running_loop().time()
        return True

    async def failed(self, host: str, token: str, log: str) -> bool:
        return True


def emulated_instance(count: int, seed: int, write: float) -> Instance:
    """The machines of the emulated lab, as what each takes for its steps. Seconds."""

    async def found() -> dict[str, Steps]:
        installer = _Installer()
        machines = generated(count, seed).machines
        fleet = Fleet(machines, time=_Virtual(), seed=seed, provisioner=installer, username="u", password="p")
        steps = await asyncio.gather(*(_steps(bmc, installer) for bmc in fleet.bmcs.values()))
        for bmc in fleet.bmcs.values():
            bmc.hardware.close()
        return {machine.name: each for machine, each in zip(machines, steps, strict=True)}

    return Instance(in_virtual_time(found), {}, write)


async def _steps(bmc: Bmc, installer: _Installer) -> Steps:
    loop, hardware = asyncio.get_running_loop(), bmc.hardware
    median, high = bmc.family.latency
    request = median * math.exp((math.log(high / median) / 1.6449) ** 2 / 2)  # the mean
    began = loop.time()
    hardware.act("ForceOff", "benchmark")
    while hardware.reported != PowerState.OFF:
        await asyncio.sleep(0.1)
    off = loop.time()
    hardware.set_boot(Boot("Pxe", "Once", hardware.boot.mode))
    hardware.act("On", "benchmark")
    while hardware.reported != PowerState.ON:
        await asyncio.sleep(0.1)
    on = loop.time()
    while bmc.machine.name not in installer.built_at:
        await asyncio.sleep(5)
    before, between, after = (request * number for number in REQUESTS)
    tail = installer.built_at[bmc.machine.name] - on
    return Steps(bmc.machine.model, off - began + before, between, on - off + after, tail)


# In the two processes: how late the loop is


def child(words: list[str]) -> None:
    """Run `FIGURES MODULE ARGUMENTS`: as `python -m MODULE ARGUMENTS`; how late its loop was and its CPU time go to that file."""
    import runpy  # only here

    figures, module, *arguments = words
    late: list[float] = []

    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            loop = super().new_event_loop()

            def look(due: float) -> None:
                late.append(max(0.0, loop.time() - due))
                again()

            def again() -> None:
                due = loop.time() + EVERY
                loop.call_at(due, look, due)

            again()
            return loop

    def keep() -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        mean = sum(late) / len(late) if late else 0.0
        Path(figures).write_text(json.dumps({"lag": mean, "cpu": used.ru_utime + used.ru_stime}))

    atexit.register(keep)
    asyncio.set_event_loop_policy(Policy())
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


@dataclass(frozen=True)
class Real:
    """One run. `seconds`, `write` (of one) and `late` (of the loop that was later): own seconds; `cpu`: seconds."""

    seconds: float
    done: int
    write: float
    late: float
    cpu: float
    foreman: Mapping[str, Any]
    unread: int  # hosts whose MACs their BMCs do not tell


def real(place: Path, hosts: int, write: float, speed: float, seed: int) -> Real:
    lab, figures = place / "lab", {name: place / f"{name}.json" for name in ("emulators", "program")}
    words = ["--hosts", str(hosts), "--seed", str(seed), "--speed", str(speed), "--dir", str(lab), "--write-seconds", str(write)]
    emulators = _started(figures["emulators"], "quads_tui.emulators", *words)
    try:
        while not (lab / "ready").exists():
            if emulators.poll() is not None:
                raise SystemExit("the emulators did not start")
            time.sleep(0.05)
        site = yaml.safe_load((lab / "site.yaml").read_text())
        words = ["run", str(lab / "assignment.yaml"), "--site", str(lab / "site.yaml")]
        words += ["--canary", "0", "--json", "--yes", "--state-dir", str(place / "state")]
        program = _started(figures["program"], "quads_tui", *words, stdout=subprocess.PIPE)
        output, _ = program.communicate()
        if program.returncode:
            raise SystemExit(f"the program ended with {program.returncode}: {output[-500:]}")
        control = json.loads((lab / "control.json").read_text())["url"]
        counts = json.load(urllib.request.urlopen(f"{control}/counts"))
    finally:
        emulators.send_signal(signal.SIGTERM)
        emulators.wait()
    seen = {name: json.loads(file.read_text()) for name, file in figures.items()}
    end = json.loads(output.splitlines()[-1])
    return Real(
        seconds=end["seconds"],
        done=end["done"],
        write=counts["foreman"]["write_milliseconds"] / 1000,
        late=max(each["lag"] for each in seen.values()) * speed,
        cpu=seen["program"]["cpu"],
        foreman=counts["foreman"],
        unread=len(site["redfish"]["unverified"]),
    )


def _started(figures: Path, module: str, *words: str, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.real_http", str(figures), module, *words]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL, text=True)


def compared(hosts: int, write: float, speed: float, seed: int) -> bool:
    """Print one run beside its twin; whether it may be reported, and is as it should be."""
    with tempfile.TemporaryDirectory() as place:
        run = real(Path(place), hosts, write, speed, seed)
    print(f"{hosts} hosts, writes of {run.write:.2f} s, speed {speed:g}: a loop is late by {run.late:.3f} s, mean", flush=True)
    bars: dict[str, bool] = {}
    if run.late > LATE * write:
        bars[f"makespan not reported: late by more than {LATE:.0%} of a write, the machine is too busy for this speed"] = False
    else:
        twin = ours(emulated_instance(hosts, seed, run.write), "none").makespan
        apart = run.seconds / twin - 1
        words = f"makespan {run.seconds / 60:.1f} min, in virtual time {twin / 60:.1f} min ({apart:+.1%})"
        bars[words] = abs(apart) <= NEAR
    foreman = run.foreman
    most = 60 + 8 * run.seconds / 60 + hosts + run.unread
    bars |= {
        f"{run.done} done": run.done == hosts,
        f"{foreman['writes']} writes": foreman["writes"] == hosts,
        f"{foreman['peak_writes']} writes at once": foreman["peak_writes"] == 1,
        f"{foreman['reads']} reads, at most {most:.0f}": foreman["reads"] <= most,
        f"{foreman['logins']} logins": foreman["logins"] == 1,
        f"{foreman['connections']} connections": foreman["connections"] <= 8,
        f"CPU {run.cpu / hosts * 1000:.0f} ms a host": run.cpu / hosts <= CPU,
    }
    for words, kept in bars.items():
        print(f"  {'ok  ' if kept else 'MISS'} {words}", flush=True)
    return all(bars.values())


def main(seed: int) -> int:
    """The exit status."""
    results = [compared(*each, seed) for each in RUNS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    child(sys.argv[1:])
