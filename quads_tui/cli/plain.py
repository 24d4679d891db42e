"""`--plain`: the rollout as lines on stdout, and typed commands. For screen readers, and terminals that cannot draw."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from quads_tui.console.output import DRAIN_TIMEOUT
from quads_tui.console.plain_session import PlainSession
from quads_tui.console.view_context import ViewContext
from quads_tui.render.runner_gone import RunnerGone, sentences
from quads_tui.rollout.ports import Control
from quads_tui.rollout.stages import HostStatus
from quads_tui.runtime.running_rollout import RunningRollout

from .streams import lossy_stdout

_TICK = 1.0  # real seconds
_PASTE_GAP = 0.25  # real seconds; lines that follow each other faster were pasted, not typed. Busy machines deliver in pieces
_MAX_LINE = 4096  # bytes of a line


class PlainScreen:
    """Prints what happens and carries out commands while it is shown. Commands are read where stdin is a terminal."""

    def __init__(self, context: ViewContext, control: Control | None) -> None:
        self._view_context = context
        self._output = lossy_stdout()
        self._session = PlainSession(self._view_context, control, lambda text: print(text, file=self._output))
        self._typed = b""  # of a line that has not ended
        self._lines: list[bytes] = []  # that wait for _PACE, the first few
        self._count = 0  # of all of them
        self._handle_timer: asyncio.TimerHandle | None = None
        self._reads_input = sys.stdin.isatty()

    @property
    def read_only(self) -> str:
        return self._view_context.read_only

    @read_only.setter
    def read_only(self, why: str) -> None:
        if why != self._view_context.read_only:
            print(f"Read-only: {why}." if why else "You have control.", file=self._output)
        self._view_context.read_only = why

    @property
    def gone(self) -> RunnerGone | None:
        return self._view_context.gone

    @gone.setter
    def gone(self, gone: RunnerGone | None) -> None:
        if gone is not None and self._view_context.gone is None:
            for line in sentences(gone, self._view_context.rollout, time.time()):
                print(line, file=self._output)
        self._view_context.gone = gone

    def flash(self, text: str) -> None:
        """A line that answers what the operator did."""
        print(f"{text[:1].upper()}{text[1:]}.", file=self._output)

    def release_terminal(self) -> None:
        """Nothing to do: lines leave the terminal as it is."""

    @property
    def attended(self) -> bool:
        """Somebody can type, and has not left."""
        return self._reads_input and not self._session.left

    async def until(self, over: Callable[[], bool]) -> None:
        """Shown until then, or until the operator leaves."""
        async with self.shown():
            while True:
                if over() or self._session.left:
                    return
                await asyncio.sleep(_TICK / 4)

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        self._session.start(self._reads_input)
        printing = asyncio.create_task(self._print_updates())
        if self._reads_input:
            loop.add_reader(sys.stdin, self._read)
        try:
            yield
        finally:
            printing.cancel()
            self._session.print_updates()
            self._stop_reading()
            await asyncio.to_thread(self._output.drain, DRAIN_TIMEOUT)

    async def _print_updates(self) -> None:
        while True:
            self._session.print_updates()
            await asyncio.sleep(_TICK)

    def _read(self) -> None:
        try:
            data = os.read(sys.stdin.fileno(), 4096)
        except OSError:
            data = b""
        if not data:  # ctrl+d, or the terminal has gone
            self._stop_reading()
            return
        *lines, self._typed = (self._typed + data).split(b"\n")
        self._typed = self._typed[: _MAX_LINE + 1]
        self._lines = [*self._lines, *lines][:3]
        self._count += len(lines)
        if lines:
            if self._handle_timer is not None:
                self._handle_timer.cancel()
            self._handle_timer = asyncio.get_running_loop().call_later(_PASTE_GAP, self._handle_when_quiet)

    def _handle_when_quiet(self) -> None:
        """A terminal gives one line at a time: on a busy machine the rest of a paste may be there and not be read yet."""
        if select.select([sys.stdin], [], [], 0)[0]:
            self._handle_timer = asyncio.get_running_loop().call_later(_PASTE_GAP, self._handle_when_quiet)
        else:
            self._handle_lines()

    def _handle_lines(self) -> None:
        """Run a line that came alone, or the first of two (enter was pressed twice). More lines are a paste, and are ignored."""
        lines, count = self._lines, self._count
        self._lines, self._count = [], 0
        if count < 3 and len(lines[0]) <= _MAX_LINE:
            self._session.handle_line(lines[0].decode(errors="replace"))
            count -= 1
        if count:
            which = f"{count} line{'s' * (count > 1)} received at once (pasted?), or longer than {_MAX_LINE} bytes"
            print(f"Ignored: {which}. Type one line at a time.", file=self._output)

    def _stop_reading(self) -> None:
        if self._handle_timer is not None:
            self._handle_timer.cancel()
        if self._lines:
            self._handle_lines()
        if self._reads_input:
            self._reads_input = False
            asyncio.get_running_loop().remove_reader(sys.stdin)


async def plain(running: RunningRollout) -> None:
    """Runs until no host can move by itself; where somebody can type, until nothing is left to decide or the operator leaves."""
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
