"""Text on its way to the terminal, written by a thread of its own: whoever writes never waits for the terminal.

Knows no textual, so that lines beside the screen can take the same way (`sys.stderr = terminal()`) and keep their order with it.
"""

from __future__ import annotations

import atexit
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cache

FRAMES = 65_536  # characters that may wait until a frame is dropped; a full screen of 200x60 is about 40,000
LINES = 16 * FRAMES  # characters that may wait at all
DRAIN_TIMEOUT = 1.0  # seconds that the end of the process waits for a terminal that does not read


@cache
def terminal() -> Output:
    """The one way to standard error of this process."""
    assert sys.__stderr__ is not None, "standard error is closed"
    output = Output(sys.__stderr__.fileno(), sys.__stderr__.encoding)
    atexit.register(output.drain, DRAIN_TIMEOUT)
    return output


class Output:
    """A text file for writing that drops whole writes rather than let anyone wait.

    A frame that does not fit behind what waits (FRAMES) is dropped, and so are all after it until everything has been written;
    then `on_ready` is called once. Other text is dropped at LINES only. A terminal that fails (EIO after a hang-up, EBADF) is
    dead for good: `on_dead` is called once, later writes vanish. Both are called from the thread.
    """

    def __init__(self, fd: int, encoding: str = "utf-8") -> None:
        self.encoding = encoding
        self.on_ready: Callable[[], None] | None = None
        self.on_dead: Callable[[OSError], None] | None = None
        self.dropping = False
        self.dropped = 0  # writes, ever
        self.dead: OSError | None = None
        self._fd = fd
        self._waiting: deque[str] = deque()
        self._size = 0
        self._busy = False
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="terminal-output", daemon=True).start()

    def write(self, text: str, frame: bool = False) -> int:
        """Never blocks, never raises; from any thread."""
        with self._changed:
            if self.dead is None and text:
                late = bool(self._waiting) and self._size + len(text) > (FRAMES if frame else LINES)
                if late or (frame and self.dropping):
                    self.dropping = True
                    self.dropped += 1
                else:
                    self._waiting.append(text)
                    self._size += len(text)
                    self._changed.notify_all()
        return len(text)

    def drain(self, seconds: float) -> bool:
        """Wait until all of it has been written, or the terminal is dead, but no longer than that; True when nothing is left."""
        with self._changed:
            return self._changed.wait_for(lambda: self.dead is not None or not (self._waiting or self._busy), seconds)

    def flush(self) -> None:
        """Nothing to do: the thread writes as soon as it can."""

    def isatty(self) -> bool:
        with suppress(OSError):
            return os.isatty(self._fd)
        return False

    def fileno(self) -> int:
        return self._fd

    def _run(self) -> None:
        try:
            while True:
                self._send(self._next())
        except OSError as error:
            with self._changed:
                self.dead = error
                self._waiting.clear()
                self._changed.notify_all()
            if on_dead := self.on_dead:
                on_dead(error)

    def _next(self) -> bytes:
        """All that waits. Frames are written whole, so that no escape sequence is ever torn."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            ready = self.dropping and not self._waiting
            self.dropping = self.dropping and not ready
        if ready and (on_ready := self.on_ready):
            on_ready()
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            text = "".join(self._waiting)
            self._waiting.clear()
            self._size = 0
            self._busy = True
        return text.encode(self.encoding, "replace")

    def _send(self, data: bytes) -> None:
        """Raises OSError when the terminal is dead."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:  # another process that shares the terminal made it non-blocking
                poll = select.poll()
                poll.register(self._fd, select.POLLOUT)
                poll.poll()
