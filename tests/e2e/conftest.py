"""Real processes: the emulators as `quads-tui emulate`, and the program beside them."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from quads_tui.emulators.lab import generated
from tests import postgres
from tests.forks import Program
from tests.waiting import PATIENCE, wait_for

# Own seconds. At speed, a busy machine makes hours of a second that a request waits for the processor; nothing here tests these.
PATIENT = {"power_off": 14_400, "pxe_set": 14_400, "power_on": 14_400, "foreman_build": 72_000}
POLL = 0.6  # real seconds between two looks at Foreman: at speed, most of what a rollout computes would be looks
DEAD = 15  # real seconds for a BMC of a lab with faults


@dataclass
class Lab:
    """One emulated lab: its files, and its counts as the servers saw it."""

    directory: Path
    state: Path
    limits: dict[str, float]

    @property
    def assignment(self) -> Path:
        return self.directory / "assignment.yaml"

    @property
    def site(self) -> Path:
        return self.directory / "site.yaml"

    def counts(self) -> dict[str, Any]:
        return self.ask("counts")

    def ask(self, what: str, body: dict[str, Any] | None = None) -> Any:
        url = json.loads((self.directory / "control.json").read_text())["url"]
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{url}/{what}", data=data)) as answer:
            return json.load(answer)

    def command(self, *words: str | Path, site: Path | None = None) -> list[str]:
        """`quads-tui WORDS` with this lab's site and a state directory of its own."""
        common = ["--site", str(site or self.site), "--state-dir", str(self.state)]
        return [sys.executable, "-m", "quads_tui", *map(str, words), *common]

    def run(self, *words: str | Path, site: Path | None = None) -> subprocess.CompletedProcess[str]:
        """The command to its end, with nothing to read; standard input is empty."""
        command = self.command(*words, site=site)
        with TemporaryDirectory() as place:
            out, err = Path(place, "out"), Path(place, "err")
            status = Program(command[3:], out=str(out), err=str(err)).wait(300)
            return subprocess.CompletedProcess(command, status, out.read_text(), err.read_text())

    def limited(self, **limits: float) -> str:
        """The text of the site file, with these limits too."""
        return self.site.read_text().replace(json.dumps(self.limits), json.dumps({**self.limits, **limits}))

    def edited(self, name: str, change: Callable[[str], str]) -> Path:
        """A copy of a file of the lab beside it, changed."""
        path = self.directory / f"edited-{name}"
        path.write_text(change((self.directory / name).read_text()))
        return path


def whole_lines(rest: str) -> list[dict[str, Any]]:
    """Of output whose beginning another reader took: that one may have taken the first line in part."""
    return lines(rest[rest.index("\n") + 1 :])


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def mixed_fleet(hosts: int, seed: int, ipmi: int) -> dict[str, Any]:
    """What `python -m quads_tui.emulators --fleet` reads: a generated lab, of which the first hosts speak IPMI."""
    lab = generated(hosts, seed)
    listed = [{"name": one.name, "model": one.model, "ipmi": number < ipmi} for number, one in enumerate(lab.machines)]
    return {"cloud": lab.cloud, "os": lab.os, "ptable": lab.ptable, "medium": lab.medium, "hosts": listed}


@contextmanager
def emulated(
    directory: Path, *, hosts: int, speed: float, faults: str = "none", seed: int = 1, quads: str = "", ipmi: int = 0
) -> Iterator[Lab]:
    """`ipmi`: so many of the hosts, the first ones, have BMCs that speak IPMI."""
    words = ["--hosts", str(hosts), "--speed", str(speed), "--faults", faults, "--seed", str(seed), "--dir", str(directory)]
    words += ["--quads", quads] if quads else []
    if ipmi:
        fleet = directory.with_suffix(".json")
        fleet.parent.mkdir(parents=True, exist_ok=True)
        fleet.write_text(json.dumps(mixed_fleet(hosts, seed, ipmi)))
        process = Program([*words, "--fleet", str(fleet)], module="quads_tui.emulators.__main__")
    else:
        process = Program(["emulate", *words])
    try:
        wait_for(lambda: (directory / "ready").exists() or process.poll() is not None)
        assert process.poll() is None, "the emulators ended"
        # A BMC that is dead on purpose is waited for in vain.
        limits = PATIENT if faults == "none" else {"power_off": DEAD * speed, "pxe_set": DEAD * speed}
        lab = Lab(directory, directory / "state", {**limits, "poll": max(12, POLL * speed)})
        lab.site.write_text(f"{lab.site.read_text()}limits: {json.dumps(lab.limits)}\n")
        yield lab
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """A factory of labs that end with the test."""
    with ExitStack() as stack:

        def make(**options: Any) -> Lab:
            return stack.enter_context(emulated(tmp_path / f"lab{len(list(tmp_path.iterdir()))}", **options))

        yield make
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def server() -> Iterator[postgres.PostgresServer]:
    """PostgreSQL of one test alone, which may stop it."""
    made = postgres.PostgresServer()
    made.start()
    yield made
    made.remove()
