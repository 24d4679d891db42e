"""The other side of a pty: a terminal that reads or does not, hangs up, changes its size, and knows what it shows."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import socket
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyte

from tests.forks import Forked
from tests.waiting import PATIENCE

from .pty_host import LINK

# pyte prints the end of these, which real terminals swallow: questions about modes, and the kitty protocol.
_UNKNOWN = re.compile(rb"\x1b\[(?:\?[0-9;]*\$p|[<>=][0-9;]*[a-zA-Z])")
_HALF = re.compile(rb"\x1b[^a-zA-Z~\x1b]{0,30}$")
HOST = "tests.terminal.pty_host"


class Terminal:
    """A pty with a process on it, and a socket to ask the process. `control`: it is the terminal of the process's session.

    `program`: a module whose `main()` runs in a process of its own, or a command line, whose last word is then the socket's number.
    `parent`: as tests.forks.Forked has it.
    """

    def __init__(
        self,
        program: str | Sequence[str] = HOST,
        *words: str,
        width: int = 80,
        height: int = 24,
        control: bool = True,
        parent: str = "",
    ) -> None:
        self.master, self.slave = os.openpty()
        self.output = b""
        self._fed = 0
        self._screen = pyte.Screen(width, height)
        self.resize(width, height)
        self.modes = termios.tcgetattr(self.slave)
        ours, theirs = socket.socketpair()
        ours.settimeout(PATIENCE)
        self._link = ours.makefile("rw")
        self.process: Forked | subprocess.Popen[bytes]
        if isinstance(program, str):
            files = {0: self.slave, 1: self.slave, 2: self.slave, LINK: theirs.fileno()}
            self.process = Forked(program, words, files, session=True, terminal=control, parent=parent)
        else:
            self.process = self._started([*program, *words], theirs.fileno())
        theirs.close()
        ours.close()

    def _started(self, command: Sequence[str], link: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*command, str(link)],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            pass_fds=[link],
            env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[2])},
        )

    def resize(self, width: int, height: int) -> None:
        """A new size, and an empty screen; the kernel sends SIGWINCH to the foreground."""
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._feed()
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def screen(self) -> pyte.Screen:
        """What it shows of all that was read. To draw is dear: only what somebody looks at is drawn."""
        self._feed()
        return self._screen

    def _feed(self) -> None:
        data = self.output[self._fed :]
        if half := _HALF.search(data):
            data = data[: half.start()]
        if data:
            self._fed += len(data)
            self._stream.feed(_UNKNOWN.sub(b"", data))

    def ask(self, word: str = "stats") -> dict[str, Any]:
        self._link.write(word + "\n")
        self._link.flush()
        answer: dict[str, Any] = json.loads(self._link.readline())
        return answer

    def read(self, seconds: float = 0.05) -> None:
        """What is there now."""
        while self.master >= 0 and select.select([self.master], [], [], seconds)[0]:
            try:
                self.output += os.read(self.master, 65536)
            except OSError:
                return
            seconds = 0.0

    def until(self, condition: Callable[[dict[str, Any]], Any], *, reading: bool = True) -> dict[str, Any]:
        """The first answer for which it holds; the terminal reads meanwhile, or does not."""
        end = time.monotonic() + PATIENCE
        while not condition(answer := self.ask()):
            assert time.monotonic() < end, f"waited in vain; last answer {answer}"
            if reading:
                self.read(0.02)
            else:
                time.sleep(0.02)
        return answer

    def shows(self, lines: Sequence[str]) -> bool:
        return [line.rstrip() for line in self.screen.display] == [line.rstrip() for line in lines]

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1

    def state(self) -> str:
        """One letter of the kernel: R, S, T for stopped."""
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def end(self) -> int:
        """Wait for the process while reading; its exit status."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "the process did not end"
            self.read(0.02)
        self.read()
        return self.process.returncode

    def restored(self) -> list[str]:
        """What of the terminal is not as it was found."""
        left = [] if termios.tcgetattr(self.slave) == self.modes else ["termios"]
        for mode, found in (
            (1049, b"l"),
            (25, b"h"),
            (1000, b"l"),
            (1003, b"l"),
            (1006, b"l"),
            (1004, b"l"),
            (2004, b"l"),
            (7, b"h"),
        ):
            said = re.findall(rb"\x1b\[\?%d([hl])" % mode, self.output)
            if said and said[-1] != found:
                left.append(f"mode {mode}")
        if len(re.findall(rb"\x1b\[>[0-9]+u", self.output)) != self.output.count(b"\x1b[<u"):
            left.append("kitty")
        return left if b"\x1b[?1049h" in self.output else [*left, "it never was a screen"]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        with suppress(OSError):  # a question that was never read
            self._link.close()
        os.close(self.slave)
        if self.master >= 0:
            os.close(self.master)
