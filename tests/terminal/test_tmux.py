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
from quads_tui.console.keyboard import TAIL
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
    def buffer(self) -> str:
        """What prefix ] would paste."""
        return subprocess.run([*self._tmux, "show-buffer"], capture_output=True, text=True, check=True).stdout

    @property
    def hosts(self) -> list[str]:
        """Those in the table, as they stand there."""
        return _hosts(self.text)

    def cursor_at(self, place: int) -> str:
        """Wait until the cursor is on this row of the table; gives its host."""

        def found() -> str:
            text = self.text
            hosts, cursor = _hosts(text), re.search(r"^▌[ *] (\S+)", text, re.M)
            return cursor[1] if cursor and hosts and cursor[1] == hosts[place] else ""

        host: str = wait_for(found)
        return host

    def all_shown(self) -> None:
        """No filter, and nothing else that hides hosts. Any key right behind escape would be taken for one with alt."""
        self.keys("Escape")
        wait_for(lambda: " of 60 " in (text := self.text) and " shown, 60" not in text)

    def filter(self, words: str) -> None:
        """Only the hosts that these words fit; all are shown before."""
        self.keys("/")
        self.shows("text, regular expression, !text")  # what comes with the slash would be a paste
        self.keys("-l", words)
        self.keys("Enter")
        self.shows(" shown, 60")
        wait_for(lambda: not re.search(rf"^ {re.escape(words[:20])}", self.text, re.M))  # the field is closed
        time.sleep(2 * TAIL)  # the words came at once, as a paste does: a key right behind them would be more of it

    def shows(self, *words: str) -> str:
        """Wait until all of it is on the pane; gives the pane."""
        try:
            return wait_for(lambda: text if all(word in (text := self.text) for word in words) else "", patience=90.0)
        except AssertionError:
            raise AssertionError(f"{words} never came; the pane shows\n{self.text}") from None

    def end(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False)


def _hosts(text: str) -> list[str]:
    return re.findall(r"^[▌ ][ *] (a\d\d-\S+)", text, re.M)


@pytest.fixture
def pane(tmp_path: Path) -> Iterator[Pane]:
    made = Pane(tmp_path, 80, 24)
    yield made
    made.end()


def test_a_shift_with_the_console_by_keys_alone(pane: Pane, tmp_path: Path) -> None:
    words = f"--hosts 60 --speed 30 --faults realistic --state-dir {tmp_path / 'state'}"
    pane.start(f"{sys.executable} -m quads_tui rehearse {words}")
    pane.shows("REHEARSAL x30", "rollout time", "HOST")
    pane.keys("p")  # soon: a busy machine is slower than the rehearsal
    pane.shows("Pause new hosts?")
    pane.answer("y")
    pane.shows("NEW HOSTS PAUSED")
    pane.filter("state:queued")  # none of them begins now
    pane.keys("G")
    held = pane.cursor_at(-1)
    pane.keys("h")
    pane.shows("Hold ", held)
    pane.answer("y")
    pane.shows("Reason?")
    pane.answer("Enter")
    pane.shows("held 1")
    pane.all_shown()
    pane.filter("state:held")
    assert (pane.cursor_at(0), pane.hosts) == (held, [held])
    assert "held by the operator" in pane.text
    pane.keys("H")
    pane.shows("Release ", held)
    pane.answer("y")
    wait_for(lambda: "held 1" not in (text := pane.text) and not _hosts(text))
    pane.all_shown()
    pane.keys("p")
    pane.shows("Resume new hosts?", "Paused by the operator.")
    pane.answer("y")
    pane.shows("new hosts resumed")

    pane.filter("!safety:armed state:failed cause:power|fused|licen|session|NIC|Foreman|installer")
    wait_for(lambda: len(pane.hosts) >= 2)
    pane.keys("g")
    pane.cursor_at(0)
    pane.keys("Space", "Space")
    marked = [line.split("*")[1].split()[0] for line in pane.shows("2 marked").splitlines() if "*" in line[:3]]
    pane.keys("r")
    pane.shows("Retry 2 hosts?", *marked)
    pane.answer("n")
    pane.shows("retry: nothing", "2 marked")
    pane.keys("r")
    pane.shows("Retry 2 hosts?")
    pane.answer("y")
    pane.shows(f"retry: {marked[0][:7]}")  # cut beside the filter
    pane.all_shown()

    pane.filter("safety:armed")
    armed = pane.cursor_at(0)
    assert "ARMED" in pane.text
    pane.keys("d")
    pane.shows("Disarm ", armed)
    pane.answer("y")
    wait_for(lambda: armed not in pane.hosts)
    pane.all_shown()

    pane.keys("f")
    wait_for(lambda: pane.hosts and "failures only" in pane.text)
    pane.keys("g")
    failed = pane.cursor_at(0)
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
    pane.keys("y")
    pane.shows("copied the details of ")
    assert pane.cursor in pane.buffer
    pane.keys("F")
    pane.shows("hosts failed, ", "enter show only these hosts")
    pane.keys("Enter")
    wait_for(lambda: len(pane.hosts) == 1)
    pane.all_shown()
    pane.keys("v")
    pane.shows("Under way", "whole run", "t time shown")
    pane.keys("Escape")
    pane.shows("of 60 ")

    pane.keys("M")
    pane.shows("By rack", "t next grouping")
    pane.keys("t")
    pane.shows("By model")
    pane.keys("Right", "Down", "Enter")
    pane.shows("esc back", "BMC https://127.0.0.1:")
    pane.keys("Escape")
    pane.shows("By model")
    pane.keys("Escape")
    pane.shows("of 60 ")

    pane.keys("q")
    pane.shows("The rollout continues. Press Enter to open the screen again.")
    wait_for(lambda: "1 skipped" in (text := pane.text.replace("\n", "")) and "(rollout time, now " in text)
    pane.keys("Enter")
    pane.shows("REHEARSAL", "HOST")
    pane.keys("C-c")
    pane.shows("continue", "pause new hosts")
    pane.answer("s")
    assert "EXIT 4" in pane.shows("EXIT")
