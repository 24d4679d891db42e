"""Drawing in turns: what is long is done in pieces, between which the loop does whatever else is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from functools import partial
from typing import Any

ROWS = 12  # that one piece paints at most: with four frames a second, each row of a tall terminal once a second
PAINT = 0.025  # seconds that textual takes at most until what was drawn is painted
_BUDGET = 0.001  # CPU seconds of one turn that draws nothing, and one piece more

Pieces = Generator[bool, None, None]
"""Work that yields wherever something else may go first. True: what it drew is to be painted before it goes on."""


class Turns:
    """One work of a screen at a time, all of it at once in an app without timers. An error of a piece ends it, as a message."""

    def __init__(self, screen: object) -> None:
        self._screen: Any = screen
        self._pieces: Pieces | None = None
        self._running = False

    @property
    def busy(self) -> bool:
        return self._pieces is not None

    def begin(self, pieces: Pieces) -> None:
        """The first piece now, the others later. What was under way is dropped."""
        self._pieces = pieces
        app = self._screen.app
        app.run_safely(partial(self._go_on, pieces, at_once=app.frozen))()

    def drop(self) -> None:
        """No further piece of what is under way."""
        self._pieces = None

    def finish(self) -> None:
        """What is left, now; nothing when a piece of it asks for that."""
        if self._pieces is not None and not self._running:
            self._go_on(self._pieces, at_once=True)

    def _go_on(self, pieces: Pieces, at_once: bool = False) -> None:
        app, began, ends, self._running = self._screen.app, time.thread_time(), True, True
        try:
            while self._pieces is pieces:  # else it was dropped, or another one was begun
                drawn = next(pieces, None)
                if drawn is None:
                    break
                if not at_once and (drawn or time.thread_time() - began > _BUDGET):
                    loop, go_on = asyncio.get_running_loop(), app.run_safely(partial(self._go_on, pieces))
                    loop.call_later(PAINT, go_on) if drawn else loop.call_soon(go_on)
                    ends = False
                    break
        finally:
            self._running = False
            if ends and self._pieces is pieces:
                self._pieces = None
