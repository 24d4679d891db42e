"""Two rollouts in one console, begun and left by keys alone, on one Foreman."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import pytest
import yaml

from quads_tui.console.dialogs import DEBOUNCE
from tests.e2e.conftest import emulated
from tests.waiting import wait_for

from .test_attach import Terminals, terminals

__all__ = ["terminals"]

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")


def halves(directory: Path) -> None:
    """The assignment as two, of two clouds."""
    whole = yaml.safe_load((directory / "assignment.yaml").read_text())
    for number, cloud in enumerate(("cloud02", "cloud03")):
        part = {**whole, "cloud": cloud, "hosts": whole["hosts"][number::2]}
        (directory / f"half-{cloud}.yaml").write_text(yaml.safe_dump(part))
    (directory / "assignment.yaml").unlink()


def test_two_rollouts_in_one_console_share_one_lane(terminals: Terminals, tmp_path: Path) -> None:
    directory = tmp_path / "lab"
    with emulated(directory, hosts=12, speed=30) as lab:
        halves(directory)
        environment = f"env QUADS_TUI_SITE={lab.site} QUADS_TUI_STATE={lab.state}"
        terminals.open("home", ["cd", str(directory), "&&", environment, sys.executable, "-m", "quads_tui"])
        terminals.shows("home", "No rollouts yet")
        for place, cloud in enumerate(("cloud02", "cloud03")):
            terminals.keys("home", "n")
            terminals.shows("home", "half-cloud02.yaml")
            terminals.keys("home", *(["j"] * place), "Enter")
            terminals.shows("home", "6 hosts will be wiped and rebuilt")
            terminals.shows("home", cloud)
            terminals.keys("home", "Enter")
            terminals.shows("home", "Type 6 to start")
            time.sleep(2 * DEBOUNCE)  # a question takes no keys in its first moments
            terminals.keys("home", "6", "Enter")
            terminals.shows("home", "STAGE")
            terminals.keys("home", "q")
            terminals.shows("home", f"{place + 1} running")
        wait_for(lambda: lab.counts()["foreman"]["writes"] == 12)
        terminals.shows("home", "no rollout is running")
        terminals.shows("home", "Recent")
        terminals.keys("home", "Enter")
        terminals.shows("home", "READ-ONLY")
        terminals.keys("home", "q")
        terminals.shows("home", "no rollout is running")
        terminals.keys("home", "q")
        terminals.shows("home", "ENDED 0")
        counts = lab.counts()
        assert counts["foreman"]["peak_writes"] == 1
        assert sum(machine["built"] for machine in counts["hosts"].values()) == 12
        assert counts["bmc"]["sessions_open"] == 0
