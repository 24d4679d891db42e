"""A process like the real one in small: a loop with work that must not wait, and a textual screen that may come and go.

Started by pty_terminal.Terminal on a pty. Commands come as lines on the socket; each is answered with one line of JSON. With the
argument "console" the screen is the real console over a rollout that stands still.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import socket
import struct
import sys
import termios
import threading
import time
from contextlib import suppress
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.events import Key, Resize
from textual.widgets import Input, Static

from quads_tui.console import driver
from quads_tui.console.app import Console
from quads_tui.console.driver import SafeDriver, TerminalGone
from quads_tui.console.fault_tolerant_app import FaultTolerantApp
from quads_tui.console.keyboard import Keyboard, Unit
from quads_tui.console.output import terminal
from quads_tui.rollout.view import RolloutView
from tests.clocks import granted
from tests.console.feed import Clock, Recorder, meters, rollout

LINK = 3  # the number of the socket
STEP, FRAME = 0.01, 0.02  # seconds
QUIET = 0.45  # seconds after which no key counts as one of a paste or a stream, and every question is heard: more than DEBOUNCE


class Heard(Keyboard):
    """What the console's driver reads with, watched."""

    last: Heard | None = None

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0
        Heard.last = self

    def feed(self, data: bytes, now: float) -> list[Unit]:
        units = super().feed(data, now)
        self.bytes += len(data)
        return units


driver.Keyboard = Heard  # type: ignore[misc]


class Board(FaultTolerantApp[str]):
    """Every frame changes every line."""

    CSS = "Static { width: 100%; height: 100%; }"

    def __init__(self) -> None:
        super().__init__()
        self.frames = 0
        self.resizes = 0
        self.keys = 0
        self.gone: list[str] = []
        self.frozen = False

    def compose(self) -> ComposeResult:
        yield Static()

    def on_mount(self) -> None:
        self.set_interval(FRAME, self.frame)

    def lines(self) -> list[str]:
        """As many as fit, and as wide as fits; what a terminal must show after a frame."""
        width, height = self.size
        return [f"{self.frames:06} {line:03} ".ljust(width, "abcdefghij"[(self.frames + line) % 10]) for line in range(height)]

    def frame(self) -> None:
        if not self.frozen:
            self.frames += 1
            self.query_one(Static).update(Text("\n".join(self.lines()), no_wrap=True))

    def on_resize(self, event: Resize) -> None:
        self.resizes += 1

    def on_key(self, event: Key) -> None:
        self.keys += 1

    def on_terminal_gone(self, message: TerminalGone) -> None:
        self.gone.append(message.reason)
        self.exit("gone")


class Host:
    def __init__(self) -> None:
        self.steps = 0
        self.late = 0.0
        self.latest = 0.0
        self.heard = 0  # bytes, at the last look
        self.busy_at = time.monotonic()  # when something that came was last seen unread or undone
        self.control = Recorder()
        self.app = self.console() if "console" in sys.argv else Board()
        self.result = ""
        self.begin = asyncio.Event()
        self.ended = asyncio.Event()
        self.status = 0

    def console(self) -> Console:
        return Console(RolloutView(rollout=rollout(200), meters=meters(), clock=Clock()), self.control)  # type: ignore[arg-type]

    async def work(self) -> None:
        while True:
            began, cpu = granted(), time.thread_time()
            await asyncio.sleep(STEP)
            self.late += granted() - began - STEP  # what a busy machine makes it wait is not the terminal's doing
            self.latest = max(self.latest, time.thread_time() - cpu)
            self.steps += 1
            if isinstance(self.app, Console):
                self.look()

    def look(self) -> None:
        """Is something of what came still under way?"""
        keyboard, app, now = Heard.last, self.app, time.monotonic()
        if keyboard is None or not app.is_running:
            return
        assert isinstance(app._driver, SafeDriver)
        unread = struct.unpack("i", fcntl.ioctl(0, termios.FIONREAD, bytes(4)))[0]
        if unread or keyboard.bytes != self.heard or keyboard.due <= now or app._driver._queued or app._message_queue.qsize():
            self.busy_at = now
        self.heard = keyboard.bytes

    def stats(self) -> dict[str, Any]:
        """Counts since the start; seconds."""
        if isinstance(self.app, Console):
            self.look()
        return {
            "steps": self.steps,
            "late": self.late,
            "wall": time.perf_counter(),
            "loop_cpu": time.thread_time(),
            "cpu": time.process_time(),
            "result": self.result,
            "dropped": terminal().dropped,
            "threads": [thread.name for thread in threading.enumerate()],
            "latest": self.latest,
            "heard": self.heard,
            "quiet": time.monotonic() - self.busy_at > QUIET,
            **(self.seen() if isinstance(self.app, Console) else self.drawn()),
        }

    def drawn(self) -> dict[str, Any]:
        app = self.app
        assert isinstance(app, Board)
        lines = app.lines() if app.is_running else []
        return {"frames": app.frames, "resizes": app.resizes, "keys": app.keys, "gone": app.gone, "lines": lines}

    def seen(self) -> dict[str, Any]:
        """Of the console: the screen on top, what was said and ordered, what stands in the field."""
        app = self.app
        assert isinstance(app, Console)
        told = {"orders": list(map(str, self.control.orders)), "said": app.context.flash, "stumbles": app.error_count}
        if not app.is_running:
            return {"frames": 0, "screen": "", "typing": False, "field": "", **told}
        field = app.focused if isinstance(app.focused, Input) else None
        cursor = app.table.cursor
        row = app.table.shown.index(cursor) if cursor in app.table.shown else -1
        return {
            "frames": app._frames,
            "screen": type(app.screen).__name__,
            "typing": field is not None,
            "field": field.value if field else "",
            "row": row,
            **told,
        }

    def command(self, word: str) -> dict[str, Any]:
        if word == "start":
            self.begin.set()
        elif word == "leave":
            self.app.exit("left")
        elif word == "let go":
            driver = self.app._driver
            assert isinstance(driver, SafeDriver)
            driver.release_terminal()
        elif word == "freeze":
            assert isinstance(self.app, Board)
            self.app.frame()
            self.app.frozen = True
        elif word == "calm":
            self.latest = 0.0
        elif word == "ignore SIGHUP":
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        elif word == "end":
            self.ended.set()
        return self.stats()

    async def obey(self, link: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=link)
        while line := await reader.readline():
            writer.write(json.dumps(self.command(line.decode().strip())).encode() + b"\n")
            with suppress(ConnectionError):
                await writer.drain()

    def signalled(self, name: str) -> None:
        self.app.exit(name)
        if name == "SIGTERM":
            self.status = 143
            self.ended.set()

    async def run(self, link: socket.socket) -> int:
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP"):
            loop.add_signal_handler(getattr(signal, name), self.signalled, name)
        tasks = [asyncio.create_task(self.work()), asyncio.create_task(self.obey(link))]
        await self.begin.wait()
        self.result = await self.app.run_async() or "nothing"
        sys.stderr.write(f"the screen ended: {self.result}\n")
        await self.ended.wait()
        for task in tasks:
            task.cancel()
        return self.status


def serve(host: type[Host]) -> None:
    sys.stderr = terminal()  # type: ignore[assignment]
    os.environ["TERM"] = "xterm-256color"
    sys.exit(asyncio.run(host().run(socket.socket(fileno=LINK))))


def main() -> None:
    serve(Host)


if __name__ == "__main__":
    main()
