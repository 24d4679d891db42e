"""`--plain`: the rollout in lines on stdout, and orders that are typed. For screen readers, and terminals that cannot draw."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from quads_tui.console.output import LAST_WORDS, Output
from quads_tui.console.plain_session import PlainSession
from quads_tui.console.view_context import ViewContext
from quads_tui.rollout.ports import Control
from quads_tui.rollout.stages import HostStatus
from quads_tui.runtime.running_rollout import RunningRollout

_TICK = 1.0  # real seconds
_PACE = 0.1  # real seconds; lines that follow each other faster were not typed by a hand
_LONGEST = 4096  # bytes of a line


class PlainScreen:
    """Tells, and takes orders, as long as it is shown. Words are taken where stdin is a terminal."""

    def __init__(self, context: ViewContext, control: Control | None) -> None:
        self._view_context = context
        self._output = Output(sys.stdout.fileno(), sys.stdout.encoding)
        self._talk = PlainSession(self._view_context, control, lambda text: print(text, file=self._output))
        self._typed = b""  # of a line that has not ended
        self._lines: list[bytes] = []  # that wait for _PACE, the first few
        self._count = 0  # of all of them
        self._due: asyncio.TimerHandle | None = None
        self._listens = sys.stdin.isatty()

    @property
    def read_only(self) -> str:
        return self._view_context.read_only

    @read_only.setter
    def read_only(self, why: str) -> None:
        if why != self._view_context.read_only:
            print(f"Read-only: {why}." if why else "You have control.", file=self._output)
        self._view_context.read_only = why

    def release_terminal(self) -> None:
        """Nothing to do: lines leave the terminal as it is."""

    @property
    def attended(self) -> bool:
        """Somebody can type, and has not left."""
        return self._listens and not self._talk.left

    async def until(self, over: Callable[[], bool]) -> None:
        """Shown until then, or until the operator leaves."""
        async with self.shown():
            while True:
                if over() or self._talk.left:
                    return
                await asyncio.sleep(_TICK / 4)

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        self._talk.begin(self._listens)
        telling = asyncio.create_task(self._tell())
        if self._listens:
            loop.add_reader(sys.stdin, self._read)
        try:
            yield
        finally:
            telling.cancel()
            self._talk.tell()
            self._deaf()
            await asyncio.to_thread(self._output.drain, LAST_WORDS)

    async def _tell(self) -> None:
        while True:
            self._talk.tell()
            await asyncio.sleep(_TICK)

    def _read(self) -> None:
        try:
            data = os.read(sys.stdin.fileno(), 4096)
        except OSError:
            data = b""
        if not data:  # ctrl+d, or the terminal has gone
            self._deaf()
            return
        *lines, self._typed = (self._typed + data).split(b"\n")
        self._typed = self._typed[: _LONGEST + 1]
        self._lines = [*self._lines, *lines][:3]
        self._count += len(lines)
        if lines:
            if self._due is not None:
                self._due.cancel()
            self._due = asyncio.get_running_loop().call_later(_PACE, self._take)

    def _take(self) -> None:
        """A line that came alone, or the first of two: enter was pressed twice. More are a paste, of which nothing is taken."""
        lines, count = self._lines, self._count
        self._lines, self._count = [], 0
        if count < 3 and len(lines[0]) <= _LONGEST:
            self._talk.take(lines[0].decode(errors="replace"))
            count -= 1
        if count:
            which = f"{count} line{'s' * (count > 1)} that came at once (pasted?), or of more than {_LONGEST} bytes"
            print(f"Ignored: {which}. Type one line at a time.", file=self._output)

    def _deaf(self) -> None:
        if self._due is not None:
            self._due.cancel()
        if self._lines:
            self._take()
        if self._listens:
            self._listens = False
            asyncio.get_running_loop().remove_reader(sys.stdin)


async def plain(running: RunningRollout) -> None:
    """Until no host can move by itself; where somebody can type, until that somebody has nothing left to decide, or leaves."""
    context = ViewContext(running.view, time.monotonic)
    screen = PlainScreen(context, running.executor)
    with running.shown_on(screen):
        async with screen.shown():
            while True:
                await running.settled()
                done = running.rollout.counts[HostStatus.DONE] == len(running.rollout.hosts)
                if done or running.executor.stopped or running.hung_up.is_set() or not screen.attended:
                    return
                await asyncio.sleep(_TICK / 4)
