"""An app whose faults are its own: what breaks on the screen becomes a line and a log entry, and ends nothing else."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Generic

from rich.theme import Theme
from textual.app import App, ReturnType
from textual.screen import Screen

from quads_tui.render.palette import PALETTES

from .driver import SafeDriver

log = logging.getLogger(__name__)


class SafeApp(App[ReturnType], Generic[ReturnType]):
    """Drawn through SafeDriver, in the styles of a palette; without colours where NO_COLOR says so."""

    def __init__(self) -> None:
        for name in ("COLUMNS", "LINES"):  # textual and rich believe them before the terminal, and they never change again
            os.environ.pop(name, None)
        # NO_COLOR in textual means greys by luminance; the terminal's own palette keeps bold and reverse readable.
        colourless = bool(os.environ.get("NO_COLOR"))
        super().__init__(driver_class=SafeDriver, ansi_color=True if colourless else None)
        self.palette = ""
        self.wear("mono" if colourless else next(iter(PALETTES)))
        self.stumbles = 0  # how often something of the screen failed

    def wear(self, name: str) -> None:
        """The styles of this palette."""
        if self.palette:
            self.console.pop_theme()
        self.console.push_theme(Theme(dict(PALETTES[name]), inherit=True))
        self.palette = name

    def flash(self, text: str) -> None:
        """One line above the keys, where there is one."""

    def guarded(self, work: Callable[[], None]) -> Callable[[], None]:
        """A timer of the screen that fails becomes one line and a log entry, without local variables."""

        def run() -> None:
            try:
                work()
            except Exception as error:
                self._stumbled(error)

        return run

    async def run_action(self, *args: Any, **named: Any) -> bool:
        """Of every key, of the palette and of the mouse: one that fails does not end the screen."""
        try:
            return await super().run_action(*args, **named)
        except Exception as error:
            self._stumbled(error)
            return True

    def _stumbled(self, error: Exception) -> None:
        self.stumbles += 1
        log.error("the screen stumbled", exc_info=(type(error), error, error.__traceback__))
        with suppress(Exception):
            self.flash(f"the screen stumbled: {type(error).__name__} (the rollout goes on)")

    def _handle_exception(self, error: Exception) -> None:
        """What nothing else caught. Textual would print a traceback with local variables; this screen only ends, as if left."""
        log.error("the screen broke", exc_info=(type(error), error, error.__traceback__))
        self._exception = self._exception or error
        self._exception_event.set()
        self.exit(message=f"The screen broke: {type(error).__name__}. The rollout goes on.")

    def let_go(self) -> None:
        """Give the terminal back as it was, at once: the process is about to end without further ado."""
        if isinstance(self._driver, SafeDriver):
            self._driver.let_go()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[Any]:
        """None of textual's own: they would change themes under the palette and end the app without a word."""
        return ()


def settle_garbage() -> None:
    """What lives until the end need not be looked at by every full collection (tens of milliseconds of a blocked loop)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
