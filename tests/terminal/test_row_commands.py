"""A row command on the terminal of the console: it has all of it, the loop goes on beside it, and the screen comes back."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_for

from .pty_terminal import Terminal

pytestmark = pytest.mark.xdist_group("row commands")  # they share a console

HOST = "tests.terminal.row_command_host"


class Console(Terminal):
    def keys(self, text: str) -> None:
        os.write(self.master, text.encode())

    @property
    def text(self) -> str:
        self.read()
        return "\n".join(self.screen.display)

    @property
    def screen_is_left(self) -> bool:
        """pyte has no second screen: the console's stays there to be seen."""
        return re.findall(rb"\x1b\[\?1049([hl])", self.output)[-1] == b"l"

    def shows(self, *words: str) -> None:  # type: ignore[override]
        wait_for(lambda: all(word in self.text for word in words))

    def is_back(self, *words: str) -> None:
        wait_for(lambda: all(word in self.text for word in words) and not self.screen_is_left)

    def alive(self) -> None:
        """The loop beside the screen goes on."""
        first = self.ask()["steps"]
        self.until(lambda stats: stats["steps"] > first + 20)

    def press(self, key: str) -> None:
        """Once what came before is done with: no paste, no question that is deaf."""
        self.until(lambda stats: stats["quiet"])
        self.keys(key)


def opened(home: Path) -> Console:
    before = os.environ.get("HOME", "")
    os.environ["HOME"] = str(home)
    try:
        made = Console(HOST, width=120, height=30)
    finally:
        os.environ["HOME"] = before
    try:
        made.ask("start")
        made.shows("HOST", "x talk")
    except BaseException:
        made.close()
        raise
    return made


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """Each test finds the table, and leaves it."""
    made = opened(tmp_path_factory.mktemp("home"))
    yield made
    made.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Console]:
    """For a test that ends it."""
    made = opened(tmp_path)
    yield made
    made.close()


def began(console: Console) -> None:
    console.press("x")
    console.shows("modes True True")
    assert console.screen_is_left


def ends(console: Console, end: Callable[[], None], says: str) -> None:
    end()
    console.shows(f"[talk: {says}. Press Enter.]")
    console.keys("\n")
    console.is_back("HOST", f": {says}")


def test_a_program_has_the_terminal_and_the_screen_comes_back(console: Console) -> None:
    for number in range(2):
        began(console)
        console.alive()
        console.keys("r\n")
        console.shows("heard r of f0")
        console.keys("\x03" if number else "\x1a")
        console.alive()
        if number:  # ctrl+c is the program's
            ends(console, lambda: None, "killed by signal 2")
        else:  # ctrl+z stops nothing for good
            ends(console, lambda: console.keys("end\n"), "exit status 4")
        stats = console.ask()
        assert stats["stumbles"] == 0
        assert (
            len([order for order in stats["orders"] if "RecordRowCommand" in order]) == len(stats["orders"]) == 2 * (number + 1)
        )
        console.press("?")
        console.is_back("The table", "one host up")
        console.press("\x1b")
        console.is_back("HOST")


def test_ctrl_c_and_what_is_typed_ahead_reach_nobody_else(console: Console) -> None:
    console.press("x")
    wait_for(lambda: console.text and console.screen_is_left)

    def ended() -> bool:  # from before the program starts until after it has ended
        console.keys("\x03")
        return "Press Enter.]" in console.text

    wait_for(ended)
    console.alive()
    console.keys("\n")
    console.is_back("HOST")
    assert [order for order in console.ask()["orders"] if "RecordRowCommand" not in order] == []
    assert console.process.poll() is None


def test_a_program_that_is_not_there_and_one_whose_launcher_is_killed(console: Console) -> None:
    console.press("z")
    console.shows("[none: could not be started: No such file or directory. Press Enter.]")
    console.keys("\n")
    console.is_back("HOST", "none for ", "could not be started: No such file")
    began(console)
    launcher = next(pid for pid in children(console.process.pid) if b"terminal_launcher" in cmdline(pid))
    os.killpg(launcher, signal.SIGKILL)
    console.is_back("HOST", "its terminal was closed")
    console.press("?")
    console.is_back("The table", "one host up")


def test_a_terminal_that_is_left_is_as_it_was_found(own: Console) -> None:
    began(own)
    ends(own, lambda: own.keys("end\n"), "exit status 4")
    began(own)
    launcher = next(pid for pid in children(own.process.pid) if b"terminal_launcher" in cmdline(pid))
    own.process.send_signal(signal.SIGTERM)
    assert own.end() == 143
    assert own.restored() == []
    assert not Path(f"/proc/{launcher}").exists(), "the end of the screen ends the program"


def test_a_terminal_that_hangs_up_ends_program_and_screen_and_nothing_else(own: Console) -> None:
    own.ask("ignore SIGHUP")
    began(own)
    own.hang_up()
    own.until(lambda stats: stats["result"], reading=False)
    assert own.ask()["result"] == "gone"
    first = own.ask()["steps"]
    own.until(lambda stats: stats["steps"] > first + 20, reading=False)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
