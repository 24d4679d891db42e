"""Text on its way out of this process, written by a thread of its own: whoever writes never waits for a terminal or a reader.

Knows no textual, so that lines beside the screen can take the same way (`sys.stderr = terminal()`) and keep their order with it.
"""

from __future__ import annotations

import atexit
import io
import locale
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

FRAMES = 65_536  # characters that may wait until a frame is dropped; a full screen of 200x60 is about 40,000
LINES = 16 * FRAMES  # characters that may wait at all
DRAIN_TIMEOUT = 1.0  # seconds that the end of the process waits for a terminal that does not read
_GATHER = 0.05  # seconds in which more may come for what is no terminal: each waking of the thread holds up the loop
_PIECE = 4096  # bytes that are written at once to what is no terminal: a pipe takes them whole or not at all (PIPE_BUF)


@cache
def terminal() -> Output:
    """The one way to the terminal of this process: standard error, or standard output where only that is a terminal."""
    assert sys.__stderr__ is not None, "standard error is closed"
    stream = sys.__stderr__
    if sys.__stdout__ is not None and not os.isatty(stream.fileno()) and os.isatty(sys.__stdout__.fileno()):
        stream = sys.__stdout__
    output = Output(stream.fileno(), stream.encoding)
    atexit.register(output.drain, DRAIN_TIMEOUT)
    return output


def terminal_encoding() -> str:
    """The encoding of the locale that the user has set; Python itself makes UTF-8 of C and POSIX, also in `os.environ`."""
    try:
        pairs = (pair.partition("=") for pair in Path("/proc/self/environ").read_bytes().decode(errors="replace").split("\0"))
        given = {name: value for name, _, value in pairs}
    except OSError:
        given = dict(os.environ)
    chosen = next((given[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if given.get(name)), "")
    return "ascii" if chosen in ("C", "POSIX") else locale.getpreferredencoding(False)


class Output:
    """A text file for writing that drops whole writes rather than let anyone wait.

    A frame that does not fit behind what waits (FRAMES) is dropped, and so are all after it until everything has been written;
    then `on_ready` is called once. Other text is dropped at LINES only. A terminal or a file that fails (EIO after a hang-up,
    EPIPE, ENOSPC) is dead for good: `on_dead` is called once, later writes vanish. Both are called from the thread.
    """

    errors = "replace"  # what the encoding of the locale does not have; click asks

    def __init__(self, fd: int, encoding: str = "utf-8") -> None:
        self.encoding = encoding
        self.on_ready: Callable[[], None] | None = None
        self.on_dead: Callable[[OSError], None] | None = None
        self.dropping = False
        self.dropped = 0  # writes, ever
        self.dead: OSError | None = None
        self.lost = 0  # writes of LosslessText that vanished because it is dead
        self._fd = fd
        self._whole = self.isatty()  # all that waits is written at once
        self._waiting: deque[tuple[str | bytes, bool]] = deque()  # with `lossless`
        self._size = 0
        self._under_way = 0  # characters or bytes that the thread has taken
        self._lossless = 0  # writes of LosslessText that have not been written
        self._lossless_taken = 0
        self._drains = 0  # callers of `drain` that wait
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """How much is not written yet, in characters."""
        return self._size + self._under_way

    def write(self, text: str, frame: bool = False) -> int:
        """Never blocks, never raises; from any thread."""
        return self.put(_text(text), frame=frame)

    def put(self, text: str | bytes, *, frame: bool = False, lossless: bool = False) -> int:
        """As `write`; bytes are written as they are."""
        with self._changed:
            self.lost += lossless and self.dead is not None
            if self.dead is None and text:
                late = bool(self._waiting) and self._size + len(text) > (FRAMES if frame else LINES) and not lossless
                if late or (frame and self.dropping):
                    self.dropping = True
                    self.dropped += 1
                else:
                    self._waiting.append((text, lossless))
                    self._size += len(text)
                    self._lossless += lossless
                    if len(self._waiting) == 1 or self._size >= _PIECE > self._size - len(text):  # for who waits in _next
                        self._changed.notify_all()
                    if self._thread is None:
                        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
                        self._thread.start()
        return len(text)

    def drain(self, seconds: float) -> bool:
        """Wait until all of it has been written, or the file is dead, but no longer than that; True when nothing is left."""
        return self._drained(lambda: self.dead is not None or not self.waiting, seconds)

    def drain_lossless(self, seconds: float) -> bool:
        """As `drain`, for what LosslessText has written."""
        return self._drained(lambda: self.dead is not None or not self._lossless, seconds)

    def _drained(self, is_done: Callable[[], bool], seconds: float) -> bool:
        with self._changed:
            self._drains += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(is_done, seconds)
            finally:
                self._drains -= 1

    def die(self, error: OSError) -> None:
        """It cannot be written any more."""
        with self._changed:
            self.dead = error
            self.lost += self._lossless
            self._waiting.clear()
            self._size = self._under_way = self._lossless = self._lossless_taken = 0
            self._changed.notify_all()
        if on_dead := self.on_dead:
            on_dead(error)

    def flush(self) -> None:
        """Nothing to do: the thread writes it in a moment."""

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
            self.die(error)

    def _next(self) -> bytes:
        """What is written next. Frames and lines are written whole, so that no escape sequence is ever torn."""
        with self._changed:
            self._lossless -= self._lossless_taken
            self._under_way = self._lossless_taken = 0
            self._changed.notify_all()
            ready = self.dropping and not self._waiting
            self.dropping = self.dropping and not ready
        if ready and (on_ready := self.on_ready):
            on_ready()
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            if not self._whole:
                self._changed.wait_for(lambda: self._drains or self._size >= _PIECE, _GATHER)
            taken: list[str | bytes] = []
            while self._waiting and (self._whole or not taken or self._under_way + len(self._waiting[0][0]) <= _PIECE):
                text, lossless = self._waiting.popleft()
                taken.append(text)
                self._under_way += len(text)
                self._lossless_taken += lossless
            self._size -= self._under_way
        return b"".join(text if isinstance(text, bytes) else text.encode(self.encoding, self.errors) for text in taken)

    def _send(self, data: bytes) -> None:
        """Raises OSError when the terminal or the file is dead."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:  # another process that shares it made it non-blocking
                poll = select.poll()
                poll.register(self._fd, select.POLLOUT)
                poll.poll()


class LosslessText:
    """A text file for `sys.stdout` on an Output. Never blocks, never raises, and drops nothing while the Output is alive.

    `required`: a program relies on all of it.
    """

    errors = Output.errors

    def __init__(self, output: Output) -> None:
        self.required = False
        self.output = output
        self.encoding = output.encoding
        self.buffer = _Bytes(output)
        self.isatty, self.fileno, self.flush, self.drain = output.isatty, output.fileno, output.flush, output.drain_lossless

    def write(self, text: str) -> int:
        return self.output.put(_text(text), lossless=True)


class _Bytes(io.RawIOBase):
    """The binary file behind LosslessText: what is written there is in no locale's encoding."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._output.put(bytes(data), lossless=True)


def _text(given: str) -> str:
    """Raises TypeError for bytes: by that click tells a text file from a binary one."""
    if not isinstance(given, str):
        raise TypeError(f"text is expected, not {type(given).__name__}")
    return given
