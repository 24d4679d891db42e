"""The standard streams of a command. Whoever prints never waits for a reader, and gets no error from one that has gone.

Both are written by threads (console.output), so that signals are heard and rollouts continue whatever happens to a pipe, a disk
or a terminal. What could not be written becomes a line on stderr and an exit status in one place, `Streams.finish`.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import NoReturn, TextIO

from quads_tui.console.output import DRAIN_TIMEOUT, LosslessText, Output, terminal
from quads_tui.runtime.options import SIGNALS, notify

UNWRITTEN = 74  # exit status (EX_IOERR): the command has done its work, but its output could not be written whole
_PATIENCE = 5.0  # real seconds after which a reader that does not read is reported


class Streams:
    """`sys.stdin`, `sys.stdout` and `sys.stderr` of the command."""

    def __init__(self) -> None:
        """Descriptors that are closed get /dev/null first: no socket and no journal must ever get one of them."""
        closed = _open_closed()
        shown = terminal()
        self._err = shown if _same_file(2, shown.fileno()) else Output(2, _encoding(sys.__stderr__))
        if 1 in closed:
            self._out = Output(1)
            self._out.die(OSError(errno.EBADF, "stdout is closed"))
        else:  # one way for both streams, where they go to the same file, keeps the order of their lines
            one = next((way for way in (shown, self._err) if _same_file(1, way.fileno())), None)
            self._out = one or Output(1, _encoding(sys.__stdout__))
        self._stdout = LosslessText(self._out)
        sys.stdout, sys.stderr = self._stdout, self._err

    def finish(self, status: int) -> int:
        """Wait until all of it has been written, and give the exit status. A signal ends the waiting."""
        told_to_end = status in SIGNALS.values()
        try:
            for name in SIGNALS:
                signal.signal(getattr(signal, name), _interrupt)
            patience = DRAIN_TIMEOUT if told_to_end else _PATIENCE
            if not self._out.drain_lossless(patience) and not told_to_end:
                notify(f"{self._out.waiting} bytes of output wait for their reader; ctrl+c exits without them")
                while not self._out.drain_lossless(_PATIENCE):
                    pass
        except _Interrupted as end:
            status = end.status
        error = self._out.dead
        quiet = error is None or (error.errno == errno.EPIPE and not self._stdout.required)  # `| head` has read what it wanted
        if self._out.lost and error is not None and not quiet and status in (0, 1):
            notify(f"quads-tui: the output could not be written completely: {error.strerror}")
            status = UNWRITTEN
        for output in {self._out, self._err}:  # lines that may be lost too
            output.drain(DRAIN_TIMEOUT)
        return status


def reader_gone() -> bool:
    """Nothing that is printed on stdout is written any more."""
    return isinstance(sys.stdout, LosslessText) and sys.stdout.output.dead is not None


def unread() -> int:
    """How many bytes for stdout wait for their reader."""
    return sys.stdout.output.waiting if isinstance(sys.stdout, LosslessText) else 0


def lossy_stdout() -> Output:
    """Standard output for lines that may be lost, where whoever reads them does not keep up."""
    return sys.stdout.output if isinstance(sys.stdout, LosslessText) else Output(sys.stdout.fileno(), sys.stdout.encoding)


def print_utf8(text: str) -> None:
    """Print it on stdout in UTF-8 whatever the locale."""
    sys.stdout.buffer.write(text.encode(errors="replace"))


class _Interrupted(BaseException):
    def __init__(self, status: int) -> None:
        self.status = status


def _interrupt(number: int, frame: object) -> NoReturn:
    raise _Interrupted(SIGNALS[signal.Signals(number).name])


def _open_closed() -> set[int]:
    """Those of the descriptors 0, 1 and 2 that were closed; they are /dev/null from now on."""
    closed = set()
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            closed.add(descriptor)
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
            assert opened == descriptor
            os.set_inheritable(opened, True)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - until the process ends
    if sys.__stdout__ is None:
        sys.__stdout__ = open(1, "w", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    if sys.__stderr__ is None:
        sys.__stderr__ = open(2, "w", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    return closed


def _encoding(stream: TextIO | None) -> str:
    return stream.encoding if stream is not None else "utf-8"


def _same_file(one: int, other: int) -> bool:
    return one == other or os.path.samestat(os.fstat(one), os.fstat(other))
