"""The emulators of a rehearsal: a child process in its own session."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from quads_tui.inputs import Assignment, is_ipmi, load_assignment, load_site
from quads_tui.inputs.environment import Child, child_environment
from quads_tui.rollout.counts import count

from .options import Options, Usage
from .rollout_input import RolloutInput

HOSTS = 700
SPEED = 30.0
FAULTS = "realistic"
_START_TIMEOUT = 60.0  # real seconds for the emulators to come up


@contextmanager
def rehearsal_emulators(
    options: Options,
    given: Assignment | None = None,
    *,
    notify: Callable[[str], None],
    hosts: int | None = None,
    seed: int = 1,
    speed: float | None = None,
    faults: str | None = None,
) -> Iterator[RolloutInput]:
    """Start emulators for a rehearsal and end them afterwards; blocks meanwhile. Raises Usage and Refused."""
    directory = options.state / "rehearsals" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{secrets.token_hex(2)}"
    options.private_directory(directory)
    child = _start(directory, given, hosts or HOSTS, seed, speed or SPEED, faults or FAULTS, notify)
    with owned_emulators(directory):
        _await_ready(child, directory)
        yield _rollout_input(directory, given)


@contextmanager
def owned_emulators(directory: Path) -> Iterator[None]:
    """The emulators of this directory belong to this process, and end with it."""
    (directory / "console.pid").write_text(str(os.getpid()))
    try:
        yield
    finally:
        pid = emulators_pid(directory)
        if pid:
            os.kill(pid, signal.SIGTERM)
            while _alive(pid):
                time.sleep(0.02)
        shutil.rmtree(directory, ignore_errors=True)


def emulators_pid(directory: Path) -> int:
    """The pid of the emulators of this directory; 0 when they have ended, also if another process has their pid now."""
    with suppress(OSError, ValueError):
        pid = int((directory / "emulators.pid").read_text())
        if str(directory).encode() in Path(f"/proc/{pid}/cmdline").read_bytes() and _alive(pid):
            return pid
    return 0


async def emulators_lag(directory: Path) -> float:
    """Real seconds by which the loop of the emulators of this directory is late; 0 where they do not tell."""
    with suppress(OSError, ValueError):
        return float(await asyncio.to_thread((directory / "lag").read_text))
    return 0.0


def _alive(pid: int) -> bool:
    """Running, and not a zombie child of ours."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _start(
    directory: Path, given: Assignment | None, hosts: int, seed: int, speed: float, faults: str, notify: Callable[[str], None]
) -> subprocess.Popen[bytes]:
    console = directory / "console.pid"
    console.write_text(str(os.getpid()))
    command = [sys.executable, "-m", "quads_tui.emulators", "--hosts", str(hosts), "--seed", str(seed), "--speed", str(speed)]
    command += ["--faults", faults, "--dir", str(directory), "--watch-pid-file", str(console)]
    if given:
        fleet = directory / "fleet.json"
        fleet.write_text(json.dumps(_fleet(given)))
        command += ["--fleet", str(fleet)]
    notify(f"starting the emulators: one Foreman and {count(len(given.hosts) if given else hosts, 'BMC')} on loopback")
    with (directory / "emulators.log").open("wb") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=child_environment(Child.EMULATORS),
            start_new_session=True,
        )
    (directory / "emulators.pid").write_text(str(child.pid))
    return child


def _fleet(given: Assignment) -> dict[str, object]:
    return {
        "cloud": given.cloud,
        "os": given.os,
        "ptable": given.ptable,
        "medium": given.medium,
        "hosts": [{"name": host.name, "model": host.model, "ipmi": is_ipmi(host.bmc or "")} for host in given.hosts],
    }


def _await_ready(child: subprocess.Popen[bytes], directory: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while not (directory / "ready").exists():
        if child.poll() is not None or time.monotonic() > deadline:
            log = (directory / "emulators.log").read_text(errors="replace").strip().splitlines()
            raise Usage("the emulators did not start: " + (log[-1] if log else "they printed nothing"))
        time.sleep(0.02)


def _rollout_input(directory: Path, given: Assignment | None) -> RolloutInput:
    """The emulators wrote a site and an assignment that work as they are; a given assignment keeps all but the addresses."""
    emulated = load_assignment(directory / "assignment.yaml")
    site = load_site(directory / "site.yaml")
    assignment = replace(given, hosts=emulated.hosts) if given else emulated
    return RolloutInput((assignment,), site, rehearsal=directory)
