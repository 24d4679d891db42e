"""What is typed and pasted into `--plain`.

The terminal is a pipe: it gives what was written in one piece. A pty gives a line at a time, and on a busy machine the kernel
may let a second pass before it gives the next; then nobody can tell a paste from typed lines.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from quads_tui.cli.plain import PlainScreen
from quads_tui.console.view_context import ViewContext
from quads_tui.rollout.commands import Pause
from quads_tui.rollout.view import RolloutView
from tests.console.feed import Clock, Recorder, meters, rollout
from tests.console.test_keyboard import CHAT
from tests.waiting import until


class Words:
    """A plain screen under test; `type` writes to its terminal."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self.control = Recorder()
        self.said: list[str] = []
        clock = Clock()
        view = RolloutView(rollout=rollout(60), meters=meters(), clock=clock)
        self.screen = PlainScreen(ViewContext(view, asyncio.get_running_loop().time), self.control)  # type: ignore[arg-type]

    def type(self, data: bytes) -> None:
        os.write(self._terminal, data)


class Terminal(io.FileIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> int:
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stdin", Terminal(reading))
    return writing


@asynccontextmanager
async def plain(terminal: int, capfd: pytest.CaptureFixture[str]) -> AsyncIterator[tuple[Words, Callable[[str], object]]]:
    words = Words(terminal)
    heard: list[str] = []

    def says(text: str) -> bool:
        heard.append(capfd.readouterr().out)
        return text in "".join(heard)

    async with words.screen.shown():
        yield words, says
    os.close(terminal)


async def test_f2_lines_that_are_pasted_order_nothing_and_are_said(terminal: int, capfd: pytest.CaptureFixture[str]) -> None:
    async with plain(terminal, capfd) as (words, says):
        words.type(CHAT)
        await until(lambda: says("Ignored: 6 lines received at once (pasted?)"))
        words.type(b"pause-writes\ny\n")  # what asks, asks; the line behind it is no answer
        await until(lambda: says("Ignored: 1 line received at once"))
        assert not words.control.orders


async def test_f1_a_typed_question_takes_one_answer(terminal: int, capfd: pytest.CaptureFixture[str]) -> None:
    async with plain(terminal, capfd) as (words, says):
        words.type(b"pause-writes\n")
        await until(lambda: says("Type y to confirm"))
        words.type(b"y\ny\n")
        await until(lambda: says("1 line received at once"))
        assert words.control.orders == [Pause("writes", True)]


async def test_f4_bytes_that_are_no_text_are_a_line_like_any_other(terminal: int, capfd: pytest.CaptureFixture[str]) -> None:
    async with plain(terminal, capfd) as (words, says):
        words.type(b"\xff\xfe\x80\n")
        await until(lambda: says("Unknown command"))
        assert not words.control.orders
