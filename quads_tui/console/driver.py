"""Textual's driver for a loop that has more important things to do than to wait for a terminal.

The one of textual writes through a bounded queue, so a terminal that does not read stops the loop; it spins when the terminal
has hung up, and stops the process with SIGTSTP. Here output never blocks, a hang-up is reported once, and nothing
that a terminal or a shell does stops the process but SIGSTOP. What is relied on in textual is pinned by
tests/terminal/test_driver.py.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import select
import signal
import socket
import termios
import threading
import time
import tty
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key, Paste, Resize
from textual.geometry import Size
from textual.message import Message

from .keyboard import Keyboard, Pasted, Unit
from .output import terminal

log = logging.getLogger(__name__)

CLOSE_TIMEOUT = 0.1  # seconds that the end of a screen waits for a terminal that was reading, or for the input thread
LEND_TIMEOUT = 1.0  # seconds that another program waits for a terminal that does not read
RESIZE_DELAY = 0.05  # seconds between two looks at the size of the window
MAX_QUEUED = 256  # keys that may wait for the screen; of the mouse a quarter, so that it drowns no key
SCREEN = "\x1b[?1049h\x1b[?25l\x1b[?1004h\x1b[?2004h\x1b[?7l"  # alternate, no cursor, focus events, bracketed paste, no wrap


class TerminalGone(Message):
    """The terminal hung up, ended, or is another job's: nobody sees this screen any more. Sent to the app once."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class KeysLost(Message):
    """So many keys arrived faster than the screen handles them, and were dropped."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count


class Burst(Paste):
    """Text that came all at once, marked by the terminal as pasted or not. `count`: its characters; `text` may be cut."""

    def __init__(self, text: str, count: int) -> None:
        super().__init__(text)
        self.count = count


class SafeDriver(LinuxDriver):
    """`App(driver_class=SafeDriver)`.

    SIGTSTP, SIGTTIN and SIGTTOU stay ignored, also when the screen has been left: the process does more than the screen. After a
    SIGSTOP, SIGCONT sets the terminal up again.
    """

    def __init__(self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._output = terminal()
        self._active = False
        self._drawing = False  # what is written are frames: not the way in or out
        self._gone = False
        self._resizing = False
        self._raw: list[Any] | None = None
        self._parser = XTermParser()
        self._queued: deque[Message] = deque()
        self._dropped = 0  # that found no place to wait
        self._scheduled = False
        for name in ("SIGTSTP", "SIGTTIN", "SIGTTOU"):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        signal.signal(signal.SIGCONT, self._continued)

    @property
    def can_suspend(self) -> bool:
        """Never: it would stop the loop."""
        return False

    def write(self, data: str) -> None:
        if self._active:
            self._output.write(data, frame=self._drawing)

    def start_application_mode(self) -> None:
        self._output.on_ready = lambda: self._from_thread(self._app.refresh)
        self._output.on_dead = lambda error: self._lost(f"the connection to the terminal was lost: {error.strerror}")
        self._active = True
        if self._output.dead is None and self._foreground():
            self._wake, self._woken = socket.socketpair()
            super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread is None or self._key_thread is None:
            self._lost("there is no terminal")
            return
        self._writer_thread.stop()  # it has written nothing
        self._writer_thread = None
        with suppress(termios.error):
            self._raw = termios.tcgetattr(self.fileno)
        for name in ("SIGTTIN", "SIGTTOU"):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        signal.signal(signal.SIGWINCH, self._resized)
        self._drawing = True

    def disable_input(self) -> None:
        if self._key_thread is None:
            return
        self._drawing = False
        signal.signal(signal.SIGWINCH, signal.SIG_DFL)
        self._disable_mouse_support()
        self.exit_event.set()
        self._wake.close()
        self._key_thread.join(CLOSE_TIMEOUT)
        self._key_thread = None
        with suppress(termios.error):
            termios.tcflush(self.fileno, termios.TCIFLUSH)

    def stop_application_mode(self) -> None:
        """Leave the terminal as it was found. Does not wait for it; a second time does nothing."""
        if not self._active:
            return
        self._drawing = False
        if not self._foreground():
            self.attrs_before = None  # the modes are those of another job now
        if self._raw is not None:
            super().stop_application_mode()
        self._active = False

    def close(self) -> None:
        """Wait for a terminal that was reading, so that what is printed next comes after the screen."""
        signal.signal(signal.SIGCONT, signal.SIG_DFL)
        self._output.on_ready = self._output.on_dead = None
        self._output.drain(0 if self._output.dropping else CLOSE_TIMEOUT)

    async def lend_terminal(self) -> None:
        """Leave the screen to a program, until `take_back`. What the app draws meanwhile is not written.

        Keys that send signals send none yet: until the program is the foreground job, they would be signals to this process.
        """
        keys = self._key_thread
        self.stop_application_mode()
        self._without_signals()
        await asyncio.to_thread(self._wait_for_input, keys)
        self.exit_event.clear()  # of the input, which begins again with the screen

    def _wait_for_input(self, keys: threading.Thread | None) -> None:
        """Until nothing more is read here, and the way out is written: the terminal is another program's then."""
        if keys is not None:
            keys.join()
        self._output.drain(LEND_TIMEOUT)

    def take_back(self, *, show: bool) -> None:
        """The terminal is ours again, whatever the program did to it. `show`: the app draws all of it anew; else it is left as it
        was found."""
        found = self.attrs_before
        self._without_signals()
        with suppress(OSError):  # not our controlling terminal, or it has gone
            if os.tcgetpgrp(self.fileno) != os.getpgrp():
                os.tcsetpgrp(self.fileno, os.getpgrp())  # from the background: SIGTTOU is ignored
        if show:
            self.start_application_mode()
            self.attrs_before = found  # not those without signals
            self._app.refresh()
        elif found is not None:
            with suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, found)

    def _without_signals(self) -> None:
        """The modes that the terminal was found in, but for the keys that send signals."""
        if self.attrs_before is not None:
            modes = [*self.attrs_before]
            modes[tty.LFLAG] &= ~termios.ISIG
            with suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, modes)

    def release_terminal(self) -> None:
        """Give the terminal back now, whatever the app does; takes 0.2 s at most. What the app draws later is not written."""
        self.stop_application_mode()
        self.close()

    def run_input_thread(self) -> None:
        """As textual's, but the end of the terminal ends it, and nothing that is typed does."""
        keyboard = Keyboard()
        poll = select.poll()
        poll.register(self.fileno, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        try:
            while not self.exit_event.is_set():
                began = time.monotonic()
                wait = min(0.1, max(0.0, keyboard.due - began))
                if self.fileno in dict(poll.poll(1000 * wait)):
                    data = os.read(self.fileno, 4096)
                    if not data:
                        raise OSError(errno.EIO, "end of input")
                    units = keyboard.feed(data, time.monotonic())
                else:
                    units = keyboard.tick(began + wait)  # not now: since the look this thread may have waited for the processor
                for unit in units:
                    for message in self._messages(unit):
                        self.process_message(message)
        except OSError as error:
            self._lost(f"the connection to the terminal was lost: {error.strerror}")
        finally:
            self._woken.close()

    def _messages(self, unit: Unit) -> Iterator[Message]:
        """Of one whole key or sequence. The parser never keeps a part of one: it would read the next keys as the rest of it."""
        if isinstance(unit, Pasted):
            yield Burst(unit.text, unit.count)
        elif unit == "\x1b":
            yield Key("escape", unit)
        else:
            try:
                messages = list(self._parser.feed(unit))
            except Exception:  # of a number that is no character, for one
                log.warning("unexpected input from the terminal: %r", unit[:40])
                messages = []
            if not messages:
                self._parser = XTermParser()
            yield from messages

    def send_message(self, message: Message) -> None:
        """One at each turn of the loop, so that a burst of keys does not block it; beyond MAX_QUEUED they are dropped."""
        if len(self._queued) >= (MAX_QUEUED if isinstance(message, Key | Paste) else MAX_QUEUED // 4):
            self._dropped += 1
            return
        self._queued.append(message)
        if not self._scheduled:
            self._scheduled = True
            self._from_thread(self._deliver_next)

    def _deliver_next(self) -> None:
        if not self._active:
            self._queued.clear()
        elif self._queued:
            self._app.post_message(self._queued.popleft())
        elif self._dropped:
            self._app.post_message(KeysLost(self._dropped))
            self._dropped = 0
        self._scheduled = False
        if self._queued or self._dropped:
            self._scheduled = True
            self._loop.call_soon(self._deliver_next)

    def _query_in_band_window_resize(self) -> None:
        """Not asked for: SIGWINCH always comes, and a mode that was dropped on the way would not."""

    def _lost(self, reason: str) -> None:
        def notify() -> None:
            if self._active and not self._gone:
                self._gone = True
                self._app.post_message(TerminalGone(reason))

        self._from_thread(notify)

    def _from_thread(self, work: Any) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(work)

    def _foreground(self) -> bool:
        """Whether the terminal is ours to set up; a job in the background would be stopped for it, or disturb another."""
        try:
            return os.tcgetpgrp(self.fileno) == os.getpgrp()
        except OSError as error:
            return error.errno == errno.ENOTTY  # not our controlling terminal: there are no jobs

    def _resized(self, *_: object) -> None:
        """Any number of SIGWINCH are one look at the size, SIZES later."""
        if not self._resizing:
            self._resizing = True
            self._from_thread(lambda: self._loop.call_later(RESIZE_DELAY, self._check_size))

    def _check_size(self) -> None:
        self._resizing = False
        size = Size(*self._get_terminal_size())
        self._app.post_message(Resize(size, size))
        self._app.refresh()  # smaller and back again is no change to the app, but the terminal has cut its lines

    def _continued(self, *_: object) -> None:
        self._from_thread(self._again)

    def _again(self) -> None:
        """After a SIGSTOP the shell has used the terminal; after a hang-up, which brings a SIGCONT too, there is none."""
        if self._active and self._raw is not None and self._foreground():
            with suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self._raw)
            self.write(SCREEN)
            self._enable_mouse_support()
            self._app.refresh()
