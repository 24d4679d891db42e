"""The driver on real ptys: terminals that stop reading, hang up, are resized, are stopped. Judged by what the loop beside did."""

from __future__ import annotations

import hashlib
import inspect
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import textual.driver
from textual._styles_cache import StylesCache
from textual.app import App
from textual.drivers import _writer_thread, linux_driver
from textual.screen import Screen
from textual.widget import Widget

from quads_tui.console import output as output_module
from quads_tui.console.output import FRAMES, LINES, Output
from tests.waiting import wait_for

from .pty_host import LINK
from .pty_terminal import HOST, PATIENCE, Terminal

Open = Callable[..., Terminal]


@pytest.fixture
def opened() -> Iterator[Open]:
    """A factory of terminals whose host shows its screen."""
    terminals: list[Terminal] = []

    def make(*, begin: bool = True, **options: Any) -> Terminal:
        made = Terminal(**options)
        terminals.append(made)
        if begin:
            made.ask("start")
            made.until(lambda stats: stats["frames"] > 5)
        return made

    yield make
    for made in terminals:
        made.close()


def spent(before: dict[str, Any], after: dict[str, Any]) -> dict[str, float]:
    """Per frame: steps of the work, and the loop's CPU; per second: how late the loop was."""
    frames, wall = after["frames"] - before["frames"], after["wall"] - before["wall"]
    return {
        "steps": (after["steps"] - before["steps"]) / frames,
        "late": max(0.0, after["late"] - before["late"]) / wall,  # where a CPU was waited for, a little more may be taken off
        "cpu": (after["loop_cpu"] - before["loop_cpu"]) / frames,
    }


def stalled(terminal: Terminal, frames: int = 20) -> dict[str, Any]:
    """Do not read until writes were dropped and so many frames were drawn after that."""
    full = terminal.until(lambda stats: stats["dropped"], reading=False)
    return terminal.until(lambda stats: stats["frames"] >= full["frames"] + frames, reading=False)


def test_a_terminal_that_does_not_read_costs_the_loop_nothing_and_is_right_when_it_reads_on(opened: Open) -> None:
    terminal = opened()
    first = terminal.ask()
    second = terminal.until(lambda stats: stats["frames"] >= first["frames"] + 100)
    reading = spent(first, second)
    full = terminal.until(lambda stats: stats["dropped"], reading=False)
    unread = spent(full, terminal.until(lambda stats: stats["frames"] >= full["frames"] + 100, reading=False))
    assert unread["steps"] > reading["steps"] / 2
    assert unread["late"] < 2 * reading["late"] + 0.2
    assert unread["cpu"] < 2 * reading["cpu"]
    terminal.ask("freeze")  # nothing is drawn any more, unless the driver asks for it
    terminal.until(lambda stats: terminal.shows(stats["lines"]))


def test_frames_go_on_after_a_terminal_has_read_on(opened: Open) -> None:
    terminal = opened()
    for _ in range(2):
        full = stalled(terminal)
        last = f"{full['frames']:06}"
        terminal.until(lambda stats, last=last: terminal.screen.display[0][:6] > last)
        assert terminal.ask()["dropped"] >= full["dropped"]
    terminal.ask("freeze")
    terminal.until(lambda stats: terminal.shows(stats["lines"]))


def test_a_screen_that_nobody_reads_can_be_left_and_restores_the_terminal_when_it_is_read(opened: Open) -> None:
    terminal = opened()
    stalled(terminal)
    terminal.ask("leave")
    left = terminal.until(lambda stats: stats["result"] == "left", reading=False)
    terminal.until(lambda stats: stats["steps"] > left["steps"] + 50, reading=False)
    terminal.until(lambda stats: b"the screen ended: left" in terminal.output)
    assert not terminal.restored()
    assert terminal.output.index(b"\x1b[?1049l") < terminal.output.index(b"the screen ended")
    terminal.ask("end")
    assert terminal.end() == 0


def test_a_process_that_ends_does_not_wait_for_a_terminal_that_does_not_read(opened: Open) -> None:
    terminal = opened()
    stalled(terminal)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(PATIENCE) == 143
    assert termios.tcgetattr(terminal.slave) == terminal.modes


@pytest.mark.parametrize("word", ["leave", "let go"])
def test_leaving_restores_the_terminal(opened: Open, word: str) -> None:
    terminal = opened()
    terminal.ask(word)
    terminal.until(lambda stats: b"\x1b[?1049l" in terminal.output)
    assert not terminal.restored()
    size = len(terminal.output)
    before = terminal.ask()
    terminal.until(lambda stats: stats["steps"] > before["steps"] + 20)
    assert b"\x1b[" not in terminal.output[size:]
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.end() == 143
    assert not terminal.restored()


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("way", ["SIGHUP", "SIGHUP ignored: end of file", "not of our session: EIO"])
def test_a_hang_up_ends_the_screen_and_nothing_else(opened: Open, way: str, full: bool) -> None:
    terminal = opened(control=way.startswith("SIGHUP"))
    if "ignored" in way:
        terminal.ask("ignore SIGHUP")
    first = terminal.ask()
    shown = terminal.until(lambda stats: stats["steps"] >= first["steps"] + 50)
    if full:
        stalled(terminal)
    else:
        terminal.ask("freeze")  # nothing is written: only reading tells
    terminal.hang_up()
    ended = terminal.until(lambda stats: stats["result"], reading=False)
    assert ended["result"] in (("SIGHUP", "gone") if way == "SIGHUP" else ("gone",))
    after = terminal.until(lambda stats: stats["steps"] >= ended["steps"] + 50, reading=False)
    assert len(after["gone"]) <= 1
    assert "textual-input" not in after["threads"]
    assert after["cpu"] - ended["cpu"] < shown["cpu"] - first["cpu"], "something spins"
    terminal.ask("end")
    assert terminal.process.wait(PATIENCE) == 0


def test_a_terminal_that_is_gone_before_the_start_ends_the_screen(opened: Open) -> None:
    terminal = opened(begin=False, control=False)
    terminal.hang_up()
    before = terminal.ask("start")
    ended = terminal.until(lambda stats: stats["result"], reading=False)
    assert ended["result"] == "gone"
    assert len(ended["gone"]) == 1
    terminal.until(lambda stats: stats["steps"] > before["steps"] + 20, reading=False)
    terminal.ask("end")
    assert terminal.process.wait(PATIENCE) == 0


def test_in_the_background_there_is_no_screen_and_no_stop(opened: Open) -> None:
    script = f"set -m; {sys.executable} -m {HOST} {LINK}<&$0 & wait $!"
    terminal = opened(begin=False, program=["bash", "-c", script])
    before = terminal.ask("start")
    ended = terminal.until(lambda stats: stats["result"])
    assert ended["result"] == "gone"
    terminal.until(lambda stats: stats["steps"] > before["steps"] + 20)
    assert b"\x1b[?1049h" not in terminal.output
    assert termios.tcgetattr(terminal.slave) == terminal.modes
    terminal.ask("end")
    assert terminal.end() == 0


def test_sigterm_restores_the_terminal(opened: Open) -> None:
    terminal = opened()
    assert termios.tcgetattr(terminal.slave) != terminal.modes
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.end() == 143
    assert not terminal.restored()


def test_sigtstp_stops_nothing(opened: Open) -> None:
    terminal = opened()
    before = terminal.ask()
    os.killpg(terminal.process.pid, signal.SIGTSTP)
    terminal.until(lambda stats: stats["steps"] > before["steps"] + 50 and stats["frames"] > before["frames"] + 20)
    terminal.ask("leave")
    left = terminal.until(lambda stats: stats["result"])
    os.killpg(terminal.process.pid, signal.SIGTSTP)  # what ctrl+z is once the terminal has its own modes again
    terminal.until(lambda stats: stats["steps"] > left["steps"] + 20)


def test_a_stop_that_cannot_be_refused_is_followed_by_a_whole_screen(opened: Open) -> None:
    terminal = opened()
    terminal.ask("freeze")
    terminal.until(lambda stats: terminal.shows(stats["lines"]))
    raw = termios.tcgetattr(terminal.slave)
    terminal.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: terminal.state() == "T")
    termios.tcsetattr(terminal.slave, termios.TCSANOW, terminal.modes)
    terminal.screen.reset()
    terminal.process.send_signal(signal.SIGCONT)
    stats = terminal.until(lambda stats: terminal.shows(stats["lines"]))
    assert termios.tcgetattr(terminal.slave) == raw
    assert stats["threads"].count("textual-input") == 1


def test_a_storm_of_sigwinch_is_a_few_looks_at_the_size(opened: Open) -> None:
    terminal = opened()
    before = terminal.ask()
    for number in range(500):
        terminal.resize(*((100, 30) if number % 2 else (90, 28)))
        terminal.process.send_signal(signal.SIGWINCH)
    terminal.until(lambda stats: len(stats["lines"]) == 30)
    terminal.ask("freeze")
    terminal.until(lambda stats: terminal.shows(stats["lines"]))
    assert 1 <= terminal.ask()["resizes"] - before["resizes"] < 100


def test_an_exported_size_does_not_outlive_a_resize(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    terminal = opened()
    terminal.resize(100, 30)
    terminal.until(lambda stats: len(stats["lines"]) == 30)


def test_a_window_that_was_smaller_for_a_moment_is_drawn_again(opened: Open) -> None:
    terminal = opened()
    terminal.ask("freeze")
    terminal.until(lambda stats: terminal.shows(stats["lines"]))
    for size in ((70, 20), (80, 24)):
        terminal.resize(*size)
    terminal.until(lambda stats: len(stats["lines"]) == 24 and terminal.shows(stats["lines"]))


def test_bytes_that_are_no_text_do_not_end_the_screen(opened: Open) -> None:
    terminal = opened()
    before = terminal.ask()["keys"]
    os.write(terminal.master, b"\xff\xfe\x80a\xc3")
    os.write(terminal.master, b"b")
    terminal.until(lambda stats: stats["keys"] >= before + 2)
    assert not terminal.ask()["result"]


# Output alone, on a pipe that is full already.

FULL = b"."


@pytest.fixture
def pipe() -> Iterator[tuple[int, Output]]:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, FULL)
    os.set_blocking(writer, True)
    yield reader, Output(writer)
    os.close(reader)


def test_writes_are_dropped_whole_and_told_once(pipe: tuple[int, Output]) -> None:
    reader, out = pipe
    ready = threading.Semaphore(0)
    out.on_ready = ready.release
    for number in range(3000):
        out.write(f"<{number:098}>", frame=True)
    assert out.dropping
    out.write("<line>")
    seen = b""
    while not seen.endswith(b"<line>"):
        seen += os.read(reader, 4096)
    assert ready.acquire(timeout=PATIENCE)
    assert out.drain(PATIENCE)
    assert not out.dropping
    frames = seen.strip(FULL).decode().removesuffix("<line>")
    assert frames == "".join(f"<{number:098}>" for number in range(len(frames) // 100))
    assert len(frames) // 100 == 3000 - out.dropped
    out.write("<again>")
    assert os.read(reader, 100) == b"<again>"
    assert not ready.acquire(blocking=False)


@pytest.mark.parametrize(("frame", "limit"), [(True, FRAMES), (False, LINES)])
def test_what_waits_is_bounded(pipe: tuple[int, Output], frame: bool, limit: int) -> None:
    _, out = pipe
    out.write("x" * 1_000_000)  # more than the pipe takes: the thread stands in it from here on
    while out._size:
        time.sleep(0.001)
    while not out.dropping:
        out.write("x" * 1000, frame)
    size = out._size
    for _ in range(2000):
        out.write("x" * 1000, frame)
    assert out._size == size <= limit
    assert not out.drain(0)


def _written(out: Output, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    seen: list[bytes] = []
    send = out._send
    monkeypatch.setattr(out, "_send", lambda data: (seen.append(data), send(data))[0])
    return seen


def test_lines_that_come_together_are_written_together_and_at_once_when_somebody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output_module, "_GATHER", 2 * PATIENCE)
    reader, writer = os.pipe()
    out = Output(writer)
    seen = _written(out, monkeypatch)
    for number in range(10):
        out.put(f"{number}\n", lossless=True)
    assert not seen
    assert out.drain_lossless(PATIENCE)
    assert seen == [b"0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"]
    os.close(reader)


def test_much_that_waits_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a burst would fill the room for lines while nobody writes."""
    monkeypatch.setattr(output_module, "_GATHER", 2 * PATIENCE)
    reader, writer = os.pipe()
    out = Output(writer)
    seen = _written(out, monkeypatch)
    for _ in range(5):
        out.write("x" * 1000)
    wait_for(lambda: seen)
    os.close(reader)


def test_a_reader_that_left_is_told_once_and_costs_nothing() -> None:
    reader, writer = os.pipe()
    out = Output(writer)
    told: list[OSError] = []
    dead = threading.Event()
    out.on_dead = lambda error: (told.append(error), dead.set())[0]
    os.close(reader)
    out.write("a")
    assert dead.wait(PATIENCE)
    out.write("b")
    assert out.drain(PATIENCE)
    assert len(told) == 1
    assert out.dead is told[0]


def test_a_terminal_that_another_process_made_non_blocking() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    out = Output(writer)
    out.write("x" * 300_000)
    seen = 0
    while seen < 300_000:
        seen += len(os.read(reader, 65536))
    assert out.drain(PATIENCE)
    assert out.dead is None
    os.close(reader)


@pytest.mark.parametrize(
    ("environment", "encoding"),
    [
        ({"LANG": "C"}, "ascii"),
        ({"LC_ALL": "POSIX", "LANG": "C.UTF-8"}, "ascii"),
        ({"LC_CTYPE": "C.UTF-8", "LANG": "C"}, "UTF-8"),
    ],
)
def test_a_locale_without_utf_8_stays_one(environment: dict[str, str], encoding: str) -> None:
    """Python runs in UTF-8 there; the terminal, and a tmux that was started there, do not."""
    code = f"from {output_module.__name__} import terminal_encoding; print(terminal_encoding())"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    told = subprocess.run([sys.executable, "-c", code], env={**kept, **environment}, capture_output=True, text=True, check=True)
    assert told.stdout.strip().upper() == encoding.upper()


def test_lines_beside_the_screen_need_no_textual() -> None:
    code = f"import sys, {output_module.__name__}; sys.exit('textual' in sys.modules)"
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0


# Of textual the driver, and the widgets of kept_lines.py, use and replace private parts. When one of these differs, read what
# changed in it, compare with driver.py and kept_lines.py (what is overridden, what super() does between), run this file, then take
# over the new value.
READ = {
    linux_driver: "db42ae6006b8bece",
    _writer_thread: "ed61c91952acb841",
    textual.driver: "64c0b658c795c3a4",
    App._display: "4b78dff6669a455c",
    App._shutdown: "c264035bcb6202ee",
    Widget._set_dirty: "9c280366b8986cc8",
    Widget.render_lines: "1f2a11f3d51846d9",
    StylesCache.render: "0945715ef8aede9b",
    StylesCache.render_line: "928d7496e850dbf6",
    Screen._on_timer_update: "421401660de142c5",
}


@pytest.mark.parametrize("part", READ, ids=lambda part: part.__name__)
def test_textual_is_as_it_was_when_the_driver_was_written(part: Any) -> None:
    assert hashlib.sha256(inspect.getsource(part).encode()).hexdigest()[:16] == READ[part]
