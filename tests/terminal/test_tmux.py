"""The program in a real tmux, driven by keys alone and judged by what its pane shows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from quads_tui.console.dialogs import DEBOUNCE
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Pane:
    def __init__(self, directory: Path, width: int, height: int) -> None:
        self._tmux = ["tmux", "-S", str(directory / "tmux"), "-f", "/dev/null"]
        self._size = ["-x", str(width), "-y", str(height)]

    def start(self, command: str) -> None:
        subprocess.run([*self._tmux, "new-session", "-d", *self._size, f"{command}; echo EXIT $?; exec sleep 600"], check=True)

    def keys(self, *keys: str) -> None:
        subprocess.run([*self._tmux, "send-keys", *keys], check=True)

    def answer(self, key: str) -> None:
        """Response a question that is on the pane, once it is no longer deaf."""
        time.sleep(2 * DEBOUNCE)
        self.keys(key)

    @property
    def text(self) -> str:
        return subprocess.run([*self._tmux, "capture-pane", "-p"], capture_output=True, text=True, check=True).stdout

    @property
    def hosts(self) -> list[str]:
        """Those in the table, as they stand there."""
        return re.findall(r"^[▌ ][ *] (a\d\d-\S+)", self.text, re.M)

    @property
    def cursor(self) -> str:
        found: str = wait_for(lambda: re.search(r"^▌[ *] (\S+)", self.text, re.M))[1]
        return found

    def shows(self, *words: str) -> str:
        """Wait until all of it is on the pane; gives the pane."""
        try:
            return wait_for(lambda: text if all(word in (text := self.text) for word in words) else "", patience=90.0)
        except AssertionError:
            raise AssertionError(f"{words} never came; the pane shows\n{self.text}") from None

    def end(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False)


@pytest.fixture
def pane(tmp_path: Path) -> Iterator[Pane]:
    made = Pane(tmp_path, 80, 24)
    yield made
    made.end()


def test_a_shift_with_the_console_by_keys_alone(pane: Pane, tmp_path: Path) -> None:
    words = f"--hosts 60 --speed 30 --faults realistic --state-dir {tmp_path / 'state'}"
    pane.start(f"{sys.executable} -m quads_tui rehearse {words}")
    pane.shows("REHEARSAL", "HOST", "failed")
    pane.keys("p")
    pane.shows("Pause new hosts?")
    pane.answer("y")
    pane.shows("NEW HOSTS PAUSED")
    pane.keys("p")
    pane.shows("Resume new hosts?", "Paused by the operator.")
    pane.answer("y")
    pane.shows("new hosts resumed")

    pane.keys("/")
    pane.shows("text, regular expression, !text")
    pane.keys("-l", "state:failed cause:power|fused|licen|session|NIC|Foreman|installer")
    pane.keys("Enter")
    pane.shows("filter 'state:failed")
    wait_for(lambda: len(pane.hosts) >= 2)
    pane.keys("Space", "Space")
    marked = [line.split("*")[1].split()[0] for line in pane.shows("2 marked").splitlines() if "*" in line[:3]]
    pane.keys("r")
    pane.shows("Retry 2 hosts?", *marked)
    pane.answer("n")
    pane.shows("retry: nothing was done", "2 marked")
    pane.keys("r")
    pane.shows("Retry 2 hosts?")
    pane.answer("y")
    pane.shows(f"retry: {marked[0]}")
    pane.keys("Escape")
    pane.shows("of 60 ")

    pane.keys("f")
    wait_for(lambda: pane.hosts and "failures only" in pane.text)
    pane.keys("g")
    failed = wait_for(lambda: pane.hosts and pane.cursor == pane.hosts[0] and pane.cursor)
    pane.keys("Enter")
    pane.shows(failed, "cause ", "esc back")
    pane.keys("Escape")
    pane.shows("failures only")
    pane.keys("s")
    pane.shows("Skip ", failed)
    pane.answer("y")
    pane.shows("Reason?")
    pane.answer("Enter")
    pane.shows("skipped 1")
    pane.keys("f")
    pane.shows("of 60 ")
    pane.keys("F")
    pane.shows("hosts failed, ", "enter show only these hosts")
    pane.keys("Enter")
    wait_for(lambda: len(pane.hosts) == 1)
    pane.keys("Escape")
    pane.shows("of 60 ")
    pane.keys("v")
    pane.shows("5 min", "t next window")
    pane.keys("Escape")
    pane.shows("of 60 ")

    pane.keys("q")
    pane.shows("The rollout continues. Press Enter to open the screen again.", "1 skipped")
    pane.keys("Enter")
    pane.shows("REHEARSAL", "HOST")
    pane.keys("C-c")
    pane.shows("continue", "pause new hosts")
    pane.answer("s")
    assert "EXIT 4" in pane.shows("EXIT")
