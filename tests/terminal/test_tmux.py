"""The program in a real tmux, driven by keys alone and judged by what its pane shows."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from quads_tui.console.dialogs import DEBOUNCE
from quads_tui.console.keyboard import TAIL
from tests.e2e.conftest import Lab, emulated
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

    @property
    def cursor(self) -> str:
        found: str = wait_for(lambda: re.search(r"^▌[ *] (\S+)", self.text, re.M))[1]
        return found

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

    def typed(self, words: str, gone: str) -> None:
        """Into the field that is open; it is closed when this regular expression is no more on the pane."""
        self.keys("-l", words)
        self.keys("Enter")
        wait_for(lambda: not re.search(gone, self.text, re.M))
        time.sleep(2 * TAIL)  # the words came at once, as a paste does: a key right behind them would be more of it

    def filter(self, words: str) -> None:
        """Only the hosts that these words fit; all are shown before."""
        self.keys("/")
        self.shows("text, regular expression, !text")  # what comes with the slash would be a paste
        self.typed(words, rf"^ {re.escape(words[:20])}")
        self.shows(" shown, 60")

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


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Not of a rehearsal, whose site has no row commands: the one of this site prints what it was told of a host."""
    with emulated(tmp_path / "lab", hosts=60, speed=30, faults="realistic") as made:
        command = {"key": "x", "name": "where", "run": ["echo", "{short}", "stands in", "{rack}"]}
        made.site.write_text(f"{made.site.read_text()}commands: {json.dumps([command])}\n")
        yield made


def test_a_shift_with_the_console_by_keys_alone(pane: Pane, lab: Lab) -> None:
    pane.start(shlex.join(lab.command("run", lab.assignment)))
    planned = re.search(r"(\d+) hosts will be wiped and rebuilt\.", pane.shows("Type the number to start"))
    assert planned
    pane.keys(planned[1], "Enter")
    pane.shows("x speed", "HOST")
    pane.keys("p")  # soon: a busy machine is slower than the emulated lab
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
    pane.keys("p")
    pane.shows("Resume new hosts?", "Paused by the operator.")
    pane.answer("y")
    pane.shows("new hosts resumed")
    pane.all_shown()
    pane.filter("state:held")
    assert (pane.cursor_at(0), pane.hosts) == (held, [held])
    assert "held by the operator" in pane.text
    pane.keys("c")
    pane.shows(f"Comment on {held.partition('.')[0]}")
    time.sleep(2 * DEBOUNCE)  # as before each answer
    pane.typed("PSU replaced", "Comment on ")
    wait_for(lambda: re.search(rf'^▌  {re.escape(held)} .*: "PSU replaced"', pane.text, re.M))  # its NOTE
    pane.keys("x")  # in a window of tmux: 24 rows leave none for a pane
    pane.shows(f"{held} stands in {held.partition('-')[0]}", "[where: exit status 0. Press Enter.]")
    pane.keys("Enter")
    pane.shows(" shown, 60", "where for ")  # and how it ended, cut beside the filter
    pane.keys("H")
    pane.shows("Release ", held)
    pane.answer("y")
    wait_for(lambda: "held 1" not in (text := pane.text) and not _hosts(text))
    pane.all_shown()

    pane.filter("!safety:armed state:failed cause:power|fused|licen|session|NIC|Foreman|installer")
    wait_for(lambda: len(pane.hosts) >= 2)
    pane.keys("g")
    pane.cursor_at(0)
    pane.keys("Space", "Space")
    marked = [line.split("*")[1].split()[0] for line in pane.shows("2 marked").splitlines() if "*" in line[:3]]
    pane.keys("r")
    pane.shows("Retry 2 hosts from ", *marked)
    pane.answer("n")
    pane.shows("retry: nothing", "2 marked")
    pane.keys("r")
    pane.shows("Retry 2 hosts from ")
    pane.answer("y")
    pane.shows(f"retry: {marked[0][:7]}")  # cut beside the filter
    pane.all_shown()

    pane.keys("v")
    pane.shows("Under way", "whole run", "t whole run or last 30 min")
    pane.keys("Escape")
    pane.shows("of 60 ")

    pane.keys("M")
    pane.shows("By rack", "t: by model")
    pane.keys("t")
    pane.shows("By model")
    pane.keys("Right", "Down", "Enter")
    pane.shows("Where its time went", "esc back")
    pane.keys("Escape")
    pane.shows("By model")
    pane.keys("Escape")
    pane.shows("of 60 ")

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
    pane.shows("Mark ", failed)
    pane.answer("y")
    skipped = "skipped 1"
    while skipped not in (
        shown := wait_for(lambda: text if re.search(f"Reason\\?|Asked again|{skipped}", text := pane.text) else "")
    ):
        pane.answer("Enter" if "Reason?" in shown else "y")  # asked again where it has changed meanwhile
    pane.keys("f")
    pane.shows("of 60 ")
    pane.keys("y")
    pane.shows("copied the details of ")
    under = re.search(r"^▌[ *] (\S+)", pane.text, re.M)
    assert under and under[1] in pane.buffer
    pane.keys("F")
    pane.shows("hosts failed, ", "enter show only these hosts")
    pane.keys("Enter")
    wait_for(lambda: len(pane.hosts) == 1)
    pane.all_shown()

    pane.keys("q")
    pane.shows("The rollout continues. Press Enter to open the screen again.")
    wait_for(lambda: "1 skipped" in (text := pane.text.replace("\n", "")) and "x speed)  " in text)
    pane.keys("Enter")
    pane.shows("x speed", "HOST")
    pane.keys("C-c")
    pane.shows("continue", "pause new hosts")
    pane.answer("s")
    assert "EXIT 4" in pane.shows("EXIT")
