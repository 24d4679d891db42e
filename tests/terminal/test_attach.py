"""Two screens and one rollout, in real terminals: watch, attach, and a terminal that goes away."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from quads_tui.console.dialogs import DEBOUNCE
from tests.e2e.conftest import Lab, emulated
from tests.forks import Program
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")


class Terminals:
    """A tmux server of its own; a session a command."""

    def __init__(self, place: Path) -> None:
        self._socket = str(place / "tmux")

    def tmux(self, *words: str) -> str:
        return subprocess.run(["tmux", "-S", self._socket, *words], capture_output=True, text=True, check=False).stdout

    def open(self, name: str, command: list[str], size: tuple[int, int] = (120, 40)) -> None:
        words = " ".join(command)
        self.tmux("new-session", "-d", "-s", name, "-x", str(size[0]), "-y", str(size[1]), f"{words}; echo ENDED $?; sleep 600")

    def shows(self, name: str, text: str) -> None:
        try:
            wait_for(lambda: text in self._pane(name))
        except AssertionError:
            raise AssertionError(f"{text} never came; the pane shows\n{self._pane(name)}") from None

    def hides(self, name: str, text: str) -> None:
        wait_for(lambda: text not in self._pane(name))

    def _pane(self, name: str) -> str:
        return self.tmux("capture-pane", "-p", "-t", name)

    def keys(self, name: str, *keys: str) -> None:
        self.tmux("send-keys", "-t", name, *keys)

    def answer(self, name: str, key: str) -> None:
        """Response a question that is shown, once it is no longer deaf."""
        time.sleep(2 * DEBOUNCE)
        self.keys(name, key)


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Terminals]:
    opened = Terminals(tmp_path)
    yield opened
    opened.tmux("kill-server")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(emulated(tmp_path / "lab", **options))


def events(lab: Lab) -> list[tuple[str, str]]:
    """(kind, body) of the journal, by a program of its own."""
    script = (
        "import sqlite3,sys,json; print(json.dumps(sqlite3.connect(sys.argv[1]).execute('select body from event').fetchall()))"
    )
    (journal,) = lab.state.glob("rollouts/*/journal.db")
    told = subprocess.run([sys.executable, "-c", script, str(journal)], capture_output=True, text=True, check=True)
    return [(json.loads(body)[0], body) for (body,) in json.loads(told.stdout)]


def ordered(lab: Lab, words: str) -> bool:
    return any(kind == "commanded" and words in body for kind, body in events(lab))


def test_keys_go_to_who_attached_and_a_lost_terminal_ends_the_screen_only(terminals: Terminals, lab: Callable[..., Lab]) -> None:
    place = lab(hosts=8, speed=50)
    terminals.open("first", place.command("run", place.assignment, "--yes"))
    terminals.shows("first", "Install 8")
    (rollout,) = (place.state / "rollouts").iterdir()
    pid = int((rollout / "lock").read_text().split()[1])

    terminals.open("watcher", place.command("watch"))
    terminals.shows("watcher", "READ-ONLY: run by process")
    terminals.keys("watcher", "p")
    terminals.shows("watcher", "read-only: run by process")

    terminals.open("second", place.command("attach"), (100, 30))
    terminals.shows("second", "ATTACHED")
    terminals.shows("first", "READ-ONLY: controlled by")
    terminals.keys("first", "p")
    terminals.shows("first", "read-only: controlled by")
    assert not ordered(place, "new hosts")  # neither of the two could
    terminals.keys("second", "p")
    terminals.shows("second", "Pause new hosts?")
    terminals.answer("second", "y")
    terminals.shows("watcher", "NEW HOSTS PAUSED")

    terminals.tmux("kill-session", "-t", "first")  # SIGHUP, and its terminal is gone
    terminals.keys("second", "p")
    terminals.shows("second", "Resume new hosts?")
    terminals.answer("second", "y")
    wait_for(lambda: ordered(place, "new hosts resumed"))
    os.kill(pid, 0)  # it runs on
    wait_for(lambda: sum(machine["built"] for machine in place.counts()["hosts"].values()) == 8, patience=200)
    os.kill(pid, 0)  # and stays while somebody is attached
    terminals.keys("second", "q")
    terminals.shows("second", "ENDED 0")
    wait_for(lambda: not Path(f"/proc/{pid}").exists())
    assert place.counts()["bmc"]["sessions_open"] == 0
    assert [json.loads(body)[2] for kind, body in events(place) if kind == "rollout_ended"] == [""]


def test_sigterm_leaves_the_screen_and_says_how_to_go_on(terminals: Terminals, lab: Callable[..., Lab]) -> None:
    place = lab(hosts=4, speed=5)
    terminals.open("first", place.command("run", place.assignment, "--yes"))
    terminals.shows("first", "Power off 1")
    (rollout,) = (place.state / "rollouts").iterdir()
    os.kill(int((rollout / "lock").read_text().split()[1]), signal.SIGTERM)
    terminals.shows("first", "ENDED 143")
    terminals.shows("first", f"quads-tui resume {rollout.name}")
    assert terminals.tmux("display-message", "-p", "-t", "first", "#{alternate_on} #{cursor_flag}").split() == ["0", "1"]
    assert place.counts()["bmc"]["sessions_open"] == 0


def test_a_killed_runner_is_told_and_the_one_that_resumes_is_followed(terminals: Terminals, lab: Callable[..., Lab]) -> None:
    place = lab(hosts=3, speed=10)
    words = place.command("run", place.assignment, "--yes", "--json")
    first = Program(words[3:], err=os.devnull)
    wait_for(lambda: any(host["resets"] for host in place.counts()["hosts"].values()))
    (rollout,) = (place.state / "rollouts").iterdir()
    terminals.open("watcher", place.command("watch"), (160, 40))
    terminals.shows("watcher", f"watching {rollout.name}")
    terminals.open("second", place.command("attach"), (160, 40))
    terminals.shows("second", "ATTACHED")
    first.kill()
    first.wait()
    for name in ("watcher", "second"):
        terminals.shows(name, "NOT RUNNING since")
        terminals.shows(name, f"quads-tui resume {rollout.name}")
    words = place.command("resume", rollout.name, "--yes", "--json")
    again = Program(words[3:], err=os.devnull)
    try:
        terminals.shows("watcher", f"run by process {again.pid}")
        terminals.hides("second", "NOT RUNNING")
        terminals.hides("watcher", "NOT RUNNING")
        terminals.shows("second", "you have control")  # a key before that is answered with who has it
        terminals.keys("second", "p")
        terminals.shows("second", "Pause new hosts?")
        terminals.answer("second", "y")
        wait_for(lambda: ordered(place, "new hosts paused"))
        terminals.shows("watcher", f"controlled by {getpass.getuser()}@")
    finally:
        again.send_signal(signal.SIGTERM)
        assert again.wait(60) == 143


def test_a_watcher_resumes_by_a_key_what_a_killed_process_left(terminals: Terminals, lab: Callable[..., Lab]) -> None:
    place = lab(hosts=2, speed=40)
    words = place.command("run", place.assignment, "--yes", "--json")
    first = Program(words[3:], err=os.devnull)
    wait_for(lambda: any(host["resets"] for host in place.counts()["hosts"].values()))
    (rollout,) = (place.state / "rollouts").iterdir()
    terminals.open("watcher", place.command("watch"), (160, 40))
    terminals.shows("watcher", f"watching {rollout.name}")
    first.kill()
    first.wait()
    terminals.shows("watcher", "ctrl+r resumes it here")
    terminals.keys("watcher", "C-r")
    terminals.shows("watcher", f"Resume {rollout.name} in this process?")
    terminals.answer("watcher", "y")
    terminals.shows("watcher", "you have control")
    wait_for(lambda: all(host["built"] for host in place.counts()["hosts"].values()))
    terminals.shows("watcher", "done 2")
    terminals.keys("watcher", "q")
    terminals.shows("watcher", "ENDED 0")
    assert place.counts()["foreman"]["peak_writes"] == 1
    assert all(host["wipes"] == 1 for host in place.counts()["hosts"].values())
