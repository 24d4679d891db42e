"""`--plain` in a real terminal: lines without drawing, orders by typed words."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Lab
from tests.waiting import wait_for

from .test_attach import Terminals, events, lab, terminals

__all__ = ["lab", "terminals"]

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")


def test_a_shift_in_words(terminals: Terminals, lab: Callable[..., Lab], tmp_path: Path) -> None:
    place = lab(hosts=24, speed=60, faults="realistic")
    place.site.write_text(place.limited(power_off=180))  # one of its BMCs refuses all connections: the test waits for its end
    heard = tmp_path / "heard"
    terminals.open("plain", [*place.command("run", place.assignment, "--yes", "--plain"), f"| tee {heard}"])
    terminals.shows("plain", "Type status, failed, or help")
    terminals.shows("plain", "New failure at ")
    wait_for(lambda: "Waiting for an operator: " in heard.read_text(), patience=120)
    terminals.keys("plain", "failed", "Enter")
    terminals.shows("plain", "host failed at ")
    host = next(name for name, facts in place.counts()["hosts"].items() if not facts["built"]).partition(".")[0]
    terminals.keys("plain", f"skip {host}", "Enter")
    terminals.shows("plain", "Type y to confirm")
    terminals.keys("plain", "y", "Enter")
    terminals.shows("plain", "Reason? Press Enter to use")
    terminals.keys("plain", "its disk is gone", "Enter")
    terminals.shows("plain", "skip requested for 1 host.")
    wait_for(lambda: any("its disk is gone" in body for _, body in events(place)))
    terminals.keys("plain", "leave", "Enter")
    terminals.shows("plain", "1 skipped")
    terminals.shows("plain", "ENDED 0")  # of tee
    told = heard.read_text()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u2500-\u259f\u2800-\u28ff]", told), "no control characters, no drawing"
    assert all(len(line) < 400 for line in told.splitlines())


def test_plain_is_one_of_three_ways(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "quads_tui", "rehearse", "--plain", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "give only one of" in ended.stderr


def test_without_a_terminal_it_only_tells(lab: Callable[..., Lab]) -> None:
    place = lab(hosts=3, speed=150)
    ended = place.run("run", place.assignment, "--yes", "--plain")
    assert ended.returncode == 0, ended.stderr
    assert "Type status" not in ended.stdout
    assert "has ended: 3 done" in ended.stdout
    watched = place.run("watch", "--plain", "--replay", "--speed", "1000")
    assert watched.returncode == 0
    assert "3 of 3 done" in watched.stdout
