"""An app whose faults are its own: what breaks on the screen becomes a line and a log entry, and ends nothing else."""

from __future__ import annotations

import gc
import logging
import math
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Generic, Protocol, cast, runtime_checkable

from rich.theme import Theme
from textual.app import App, ReturnType
from textual.events import Event, InputEvent, Key, Paste
from textual.message import Message
from textual.message_pump import MessagePump
from textual.screen import Screen, ScreenResultType
from textual.widgets import Input

from quads_tui.render.palette import PALETTES

from .driver import Burst, KeysLost, SafeDriver
from .keyboard import MOVES

log = logging.getLogger(__name__)

BURST = 0.02  # seconds behind an answer in which a key came together with it: who has seen the answer's effect is slower
HELD = 1.0  # seconds without the key that gave an answer until it is a key again: longer than any keyboard waits to repeat


@runtime_checkable
class TakesPaste(Protocol):
    """A screen or field that does something with pasted text."""

    def paste(self, text: str, count: int) -> str:
        """`count`: its characters, of which `text` may be the first only. Gives what is to be said about it."""


class Fenced(MessagePump):
    """Keys, the mouse, and what widgets tell each other: a handler that fails becomes a line. Before textual's own class."""

    async def _dispatch_message(self, message: Message) -> None:
        if isinstance(message, Event) and not isinstance(message, InputEvent):
            await super()._dispatch_message(message)
            return
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            app: Any = self.app
            app.stumbled(error)


class SafeScreen(Fenced):
    """Before textual's own class. Ends once, and only while it is the one on top."""

    _over = False

    def end(self, result: str) -> bool:
        """False: it had ended already, or another screen is over it."""
        screen = cast("Screen[str]", self)
        if self._over or not screen.is_current:
            return False
        self._over = True
        screen.dismiss(result)
        return True


class FaultTolerantApp(Fenced, App[ReturnType], Generic[ReturnType]):
    """Drawn through SafeDriver, in the styles of a palette; without colours where NO_COLOR says so."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        for name in ("COLUMNS", "LINES"):  # textual and rich believe them before the terminal, and they never change again
            os.environ.pop(name, None)
        # NO_COLOR in textual means greys by luminance; the terminal's own palette keeps bold and reverse readable.
        colourless = bool(os.environ.get("NO_COLOR"))
        super().__init__(driver_class=SafeDriver, ansi_color=True if colourless else None)
        self.palette = ""
        self.wear("mono" if colourless else next(iter(PALETTES)))
        self.stumbles = 0  # how often something of the screen failed
        self.monotonic = monotonic
        self._answered = self._repeated = -math.inf  # when a question was answered, and when its key came last
        self._answer_key = ""  # the key

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
                self.stumbled(error)

        return run

    # What is typed

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Paste) and not event.is_forwarded:
            self._pasted(event.text, event.count if isinstance(event, Burst) else len(event.text))
        elif not (isinstance(event, Key) and not event.is_forwarded and self._nobodys(event)):
            await super().on_event(event)

    def answered(self, key: str) -> None:
        """A question was answered with this key: what comes right behind it is meant for nothing else."""
        self._answer_key, self._answered = key, self.monotonic()
        self._repeated = self._answered

    def _nobodys(self, event: Key) -> bool:
        """The rest of a burst behind an answer, or its key, held down."""
        now = self.monotonic()
        if event.key == self._answer_key != "escape" and now - self._repeated < HELD:
            self._repeated = now
            return True
        if now - self._answered < BURST:
            return event.character is not None and (event.character.isspace() or event.character not in MOVES)
        self._answer_key = ""
        return False

    def _pasted(self, text: str, count: int) -> None:
        for taker in (self.screen, self.focused):
            if isinstance(taker, TakesPaste):
                said = taker.paste(text, count)
                break
        else:
            if isinstance(self.focused, Input):  # of textual's palette
                self.focused.insert_text_at_cursor("".join(filter(str.isprintable, text))[: self.focused.max_length or 100])
            said = "" if isinstance(self.focused, Input) else ignored(count)
        if said:
            self.flash(said)

    def on_keys_lost(self, message: KeysLost) -> None:
        self.flash(f"{message.count} keys or movements of the mouse came faster than the screen takes them and were ignored")

    def ask(self, screen: Screen[ScreenResultType], answered: Callable[[ScreenResultType | None], None]) -> None:
        """Show it; what is done with its answer may fail without ending the screen."""
        self.push_screen(screen, lambda answer: self.guarded(lambda: answered(answer))())

    async def run_action(self, *args: Any, **named: Any) -> bool:
        """Of every key, of the palette and of the mouse: one that fails does not end the screen."""
        try:
            return await super().run_action(*args, **named)
        except Exception as error:
            self.stumbled(error)
            return True

    def stumbled(self, error: Exception) -> None:
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

    def release_terminal(self) -> None:
        """Give the terminal back as it was, at once: the process is about to end without further ado."""
        if isinstance(self._driver, SafeDriver):
            self._driver.release_terminal()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[Any]:
        """None of textual's own: they would change themes under the palette and end the app without a word."""
        return ()


def ignored(count: int) -> str:
    """Of a paste where there is no field."""
    return f"{count} characters came at once (pasted?) and were ignored: press keys one by one, / filters, : takes a command"


def settle_garbage() -> None:
    """What lives until the end need not be looked at by every full collection (tens of milliseconds of a blocked loop)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
