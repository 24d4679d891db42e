"""An app that survives its own errors: an error of the screen becomes a message and a log entry, and affects nothing else."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, Protocol, cast, runtime_checkable

from rich.theme import Theme as RichTheme
from textual._styles_cache import StylesCache
from textual.app import App, ReturnType
from textual.events import Compose, Event, Key, Load, Mount, Paste, Unmount
from textual.message import Message
from textual.message_pump import MessagePump
from textual.screen import Screen, ScreenResultType
from textual.theme import Theme
from textual.widgets import Input

from quads_tui.render.palette import PALETTES, THEMES
from quads_tui.rollout.errors import QuadsTuiError

from .copies import TmuxBuffer, keep_copy, takes_osc_52
from .driver import Burst, KeysLost, SafeDriver
from .keyboard import MOVES
from .settings import Settings

log = logging.getLogger(__name__)

BURST_WINDOW = 0.02  # seconds after an answer in which a key belongs to the same burst: nobody reacts that fast
_LEAVING = 1.0  # seconds that work beside the screen gets to end with it
REPEAT_WINDOW = 1.0  # seconds until the key of an answer counts again: longer than any key repeat delay


@runtime_checkable
class TakesPaste(Protocol):
    """A screen or field that does something with pasted text."""

    def paste(self, text: str, count: int) -> str:
        """`count`: its characters, of which `text` may be the first only. Returns a message about it, or ""."""


_OF_TERMINAL = ("ansi-background", "ansi-foreground", "border", "border-blurred")  # textual's names of colours
_WAYS = (Load, Compose, Mount, Unmount)  # into a screen and out of it: half of one is worse than none, and it can be opened again


class FaultTolerant(MessagePump):
    """Keys, pastes, the mouse, sizes, callbacks, and messages between widgets: a handler that fails becomes a message.

    To be listed first. What textual calls past it (timers) goes through `FaultTolerantApp.run_safely`.
    """

    async def _dispatch_message(self, message: Message) -> None:
        if isinstance(message, _WAYS):
            await super()._dispatch_message(message)
            return
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            app: Any = self.app
            app.report_error(error)


class SafeScreen(FaultTolerant):
    """To be listed before textual's class. Ends once, and only while it is the topmost screen."""

    _over = False

    def end(self, result: str) -> bool:
        """False: it had ended already, or another screen is over it."""
        screen = cast("Screen[str]", self)
        if self._over or not screen.is_current:
            return False
        self._over = True
        screen.dismiss(result)
        return True

    def on_unmount(self) -> None:
        """Let go what textual drew for this screen: it keeps the lines of 1,024 widgets that are no more."""
        StylesCache.get_inner_outer.cache_clear()


class FaultTolerantApp(FaultTolerant, App[ReturnType], Generic[ReturnType]):
    """Draws through SafeDriver, in the styles of the palette that is remembered; without colours if NO_COLOR is set."""

    ENABLE_COMMAND_PALETTE = False  # textual's
    tmux_buffer: TmuxBuffer | None = None  # of the tmux around the terminal, where there is one
    copies_in: Path | None = None  # the directory for what can be copied nowhere else

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, settings: Settings | None = None) -> None:
        for name in ("COLUMNS", "LINES"):  # textual and rich believe them before the terminal, and they never change again
            os.environ.pop(name, None)
        # NO_COLOR in textual means greys by luminance; the terminal's own palette keeps bold and reverse readable.
        colourless = bool(os.environ.get("NO_COLOR"))
        self.settings = settings or Settings()
        palette = "mono" if colourless else self.settings.theme or next(iter(PALETTES))
        super().__init__(driver_class=SafeDriver, ansi_color=_ansi(palette))
        self.palette = ""
        self._apply_palette(palette)
        self.error_count = 0  # display errors so far
        self.monotonic = monotonic
        self._answered = self._repeated = -math.inf  # when a question was answered, and when its key came last
        self._answer_key = ""  # the key
        self._unknown: set[tuple[str, str]] = set()  # keys that do nothing, by screen, that were reported
        self._beside: set[asyncio.Task[None]] = set()  # work that keys have begun

    @property
    def coloured(self) -> bool:
        """The palette has colours, by which areas can be told apart."""
        return self.palette != "mono"

    def choose_palette(self, name: str) -> None:
        """Draw everything in this palette, and remember it."""
        self._apply_palette(name)
        self.ansi_color = _ansi(name)
        self.settings.remember(theme=name)
        self.draw_again()

    def draw_again(self) -> None:
        """In other colours or glyphs."""
        self.refresh_css(animate=False)
        for screen in self.screen_stack:
            screen.notify_style_update()

    def _apply_palette(self, name: str) -> None:
        if self.palette:
            self.console.pop_theme()
        self.console.push_theme(RichTheme(dict(PALETTES[name]), inherit=True))
        self.palette = name
        colours = THEMES[name]
        own = "ansi_default"  # the terminal's own
        ground, text, panel = colours.ground or own, colours.text if colours.ground else own, colours.panel or own
        self.register_theme(
            Theme(
                f"quads-{name}",
                text,
                secondary=colours.dim if colours.ground else own,
                warning=text,
                error=colours.failed if colours.ground else own,
                foreground=text,
                background=ground,
                surface=panel,
                panel=panel,
                boost=panel,
                dark=not colours.light,
                ansi=not colours.ground,
                variables={
                    "text-disabled": colours.dim,
                    "input-selection-background": colours.cursor.rpartition(" ")[2],
                }
                if colours.ground
                else dict.fromkeys(_OF_TERMINAL, own),
            )
        )
        self.theme = f"quads-{name}"

    def flash(self, text: str) -> None:
        """One line above the keys, where there is one."""

    def run_safely(self, work: Callable[[], None]) -> Callable[[], None]:
        """A callback whose failure becomes one message and a log entry, without local variables."""

        def run() -> None:
            try:
                work()
            except Exception as error:
                self.report_error(error)

        return run

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside the screen. Its failure becomes one message and a log entry; the end of the screen cancels it."""

        async def run() -> None:
            try:
                await work
            except Exception as error:
                self.report_error(error)

        task = asyncio.create_task(run())
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def on_unmount(self) -> None:
        for task in self._beside:
            task.cancel()
        if self._beside:
            await asyncio.wait(self._beside, timeout=_LEAVING)

    # Copies

    def copy_to_clipboard(self, text: str) -> None:
        """Of textual, for what is selected in a field."""
        self.copy(text, "the text")

    def copy(self, text: str, what: str) -> None:
        """Copy it to where the operator can paste it, and say where that is. `what` it is, in words."""
        self._clipboard = text  # of textual: what ctrl+v pastes into a field
        if self.tmux_buffer is not None:
            self.in_background(self._copy_to_tmux(self.tmux_buffer, text, what))
        else:
            self._copy_without_tmux(text, what)

    async def _copy_to_tmux(self, load: TmuxBuffer, text: str, what: str) -> None:
        try:
            await load(text)
        except QuadsTuiError as error:
            log.warning("copy to tmux: %s", error)
            self._copy_without_tmux(text, what)
        else:
            self.flash(f"copied {what} to tmux (prefix ] pastes) and, if allowed, to the terminal's clipboard")

    def _copy_without_tmux(self, text: str, what: str) -> None:
        if self._driver is not None and takes_osc_52(text):
            super().copy_to_clipboard(text)
            self.flash(
                f"sent {what} to the terminal; if you cannot paste, the terminal does not let programs set its clipboard (OSC 52)"
            )
        elif self.copies_in is None:
            self.flash("not copied: this terminal has no clipboard for programs (OSC 52)")
        else:
            try:
                self.flash(
                    f"copied {what} to the file {keep_copy(self.copies_in, text)}: this terminal has no clipboard for programs"
                )
            except OSError as error:
                self.flash(f"not copied: this terminal has no clipboard for programs, and no file can be written: {error}")

    # What is typed

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Paste) and not event.is_forwarded:
            self._on_paste(event.text, event.count if isinstance(event, Burst) else len(event.text))
        elif not (isinstance(event, Key) and not event.is_forwarded and self._belongs_to_answer(event)):
            await super().on_event(event)

    def report_unknown(self, event: Key) -> None:
        """A key that does nothing here: once for each key and screen, since who keeps pressing it has read that."""
        shown = event.character if event.is_printable and event.character else event.key
        if (known := (type(self.screen).__name__, event.key)) not in self._unknown:
            self._unknown.add(known)
            self.flash(f"no key {shown} here; ? shows the keys")

    def answered(self, key: str) -> None:
        """A question was answered with this key: what follows at once must not reach anything else."""
        self._answer_key, self._answered = key, self.monotonic()
        self._repeated = self._answered

    def _belongs_to_answer(self, event: Key) -> bool:
        """The rest of a burst after an answer, or its key, held down."""
        now = self.monotonic()
        if event.key == self._answer_key != "escape" and now - self._repeated < REPEAT_WINDOW:
            self._repeated = now
            return True
        if now - self._answered < BURST_WINDOW:
            return event.character is not None and (event.character.isspace() or event.character not in MOVES)
        self._answer_key = ""
        return False

    def _on_paste(self, text: str, count: int) -> None:
        for taker in (self.screen, self.focused):
            if isinstance(taker, TakesPaste):
                notice = taker.paste(text, count)
                break
        else:
            if isinstance(self.focused, Input):  # of textual's palette
                self.focused.insert_text_at_cursor("".join(filter(str.isprintable, text))[: self.focused.max_length or 100])
            notice = "" if isinstance(self.focused, Input) else ignored(count)
        if notice:
            self.flash(notice)

    def on_keys_lost(self, message: KeysLost) -> None:
        self.flash(
            f"{message.count} key presses or mouse movements were ignored: they came faster than the screen can handle them"
        )

    def ask(self, screen: Screen[ScreenResultType], answered: Callable[[ScreenResultType | None], None]) -> None:
        """Show it; `answered` may fail without ending the screen."""
        self.push_screen(screen, lambda answer: self.run_safely(lambda: answered(answer))())

    async def run_action(self, *args: Any, **named: Any) -> bool:
        """Of every key, of the palette and of the mouse: an action that fails does not end the screen."""
        try:
            return await super().run_action(*args, **named)
        except Exception as error:
            self.report_error(error)
            return True

    def report_error(self, error: Exception) -> None:
        self.error_count += 1
        log.error("display error", exc_info=(type(error), error, error.__traceback__))
        with suppress(Exception):
            self.flash(f"display error: {type(error).__name__}; the rollout is unaffected")

    def _handle_exception(self, error: Exception) -> None:
        """An error that nothing else caught. Textual would print a traceback with local variables; here the screen only ends."""
        log.error("the screen ended with an error", exc_info=(type(error), error, error.__traceback__))
        self._exception = self._exception or error
        self._exception_event.set()
        self.exit(message=f"The screen ended with an error: {type(error).__name__}. The rollout continues.")

    def release_terminal(self) -> None:
        """Restore the terminal at once: the process is about to end."""
        if isinstance(self._driver, SafeDriver):
            self._driver.release_terminal()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[Any]:
        """None of textual's own: they would change themes under the palette and end the app without asking."""
        return ()


def _ansi(palette: str) -> bool | None:
    """True: its colours are the terminal's own."""
    return None if THEMES[palette].ground else True


def ignored(count: int) -> str:
    """The message about a paste where there is no field."""
    keys = "press keys one at a time; to paste, open / (filter) or : (command) first"
    return f"{count} characters received at once (pasted?) were ignored: {keys}"
