"""The console: live screens over a rollout that it does not own. Leaving it, or breaking it, does not touch the rollout."""

from __future__ import annotations

import asyncio
import locale
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding
from textual.events import AppBlur, AppFocus, Key
from textual.screen import Screen
from textual.widgets import Input

from quads_tui.render.detail import as_text
from quads_tui.render.host_order import ORDERS
from quads_tui.render.palette import PALETTES
from quads_tui.render.symbols import SYMBOLS, for_terminal
from quads_tui.rollout.alerts import Alerts
from quads_tui.rollout.commands import Command, Pause, Stop
from quads_tui.rollout.metrics import quantile
from quads_tui.rollout.ports import Control
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import HostState
from quads_tui.rollout.view import RolloutView

from .command_line import ActProvider, CommandLine
from .dialogs import Question, Typed
from .driver import TerminalGone
from .fault_tolerant_app import FaultTolerantApp, settle_garbage
from .host_table import HostTable
from .key_actions import (
    BY_NAME,
    COMMANDS,
    TYPE_THE_COUNT,
    KeyAction,
    agreement,
    command_named,
    of_place,
    pause_question,
    paused_why,
    question,
)
from .screens.causes import CausesScreen
from .screens.graphs import GraphsScreen
from .screens.pages import HelpScreen, MessagesScreen
from .screens.table import TableScreen
from .screens.view import View
from .screenshot import keep_shot
from .view_context import ViewContext

log = logging.getLogger(__name__)

FRAME, PROBE = 0.1, 0.01  # seconds
SECOND = 10  # frames
LIVELY = 1.0  # seconds after a key with twice the frames
LATE = 0.05  # seconds of loop lag from which the screen draws less


class Console(FaultTolerantApp[str]):
    """Ends with "leave" when the viewer left, "gone" when the terminal has, None when the screen broke; never by itself.

    `control` may be None while `read_only` says why. `frozen`: no timers, for tests that call frame and panels.
    """

    COMMANDS: ClassVar = {ActProvider}
    BINDINGS: ClassVar = [
        Binding(act.keys, act.name, act.help, show=False, priority=act.keys == "ctrl+c") for act in of_place("hosts", "anywhere")
    ]

    def __init__(
        self,
        view: RolloutView,
        control: Control | None,
        *,
        read_only: str = "",
        frozen: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        symbols = for_terminal(locale.getpreferredencoding(False), os.environ.get("TERM", ""))
        self.context = ViewContext(view, monotonic, read_only, symbols)
        self._main = TableScreen(self.context)
        super().__init__(monotonic)
        self._control = control
        self._frozen = frozen
        self._told = len(view.rollout.notices)
        self._alerts = Alerts(view.rollout)
        self._muted = False
        self._lags: deque[float] = deque(maxlen=500)
        self._blurred = False
        self._frames = 0
        self._probe: asyncio.Task[None] | None = None
        self._history: list[str] = []

    def get_default_screen(self) -> Screen[Any]:
        return self._main

    @property
    def table(self) -> HostTable:
        return self._main.table

    @property
    def read_only(self) -> str:
        return self.context.read_only

    @read_only.setter
    def read_only(self, why: str) -> None:
        self.context.read_only = why

    @property
    def view(self) -> View:
        """The topmost screen that is none of the questions."""
        return next(screen for screen in reversed(self.screen_stack) if isinstance(screen, View))

    def on_mount(self) -> None:
        if not self._frozen:
            self.set_interval(FRAME, self.guarded(self._tick))
            self._probe = asyncio.create_task(self._measure())
            self.set_timer(2.0, settle_garbage)

    def on_unmount(self) -> None:
        if self._probe is not None:
            self._probe.cancel()

    # Drawing

    def _tick(self) -> None:
        """Five frames a second, ten after a key, one when nobody looks; fewer when the loop is late: provisioning comes first."""
        self._frames += 1
        lag = self.context.lag
        lively = self.context.monotonic() - self.context.last_key < LIVELY
        every = 10 if self._blurred else 8 if lag > 2 * LATE else 4 if lag > LATE else 1 if lively else 2
        if self._frames % every == 0:
            self.frame()
        if self._frames % SECOND == 0:
            self.panels(graphs=False)
        elif self._frames % SECOND == SECOND // 2:  # not all in one go
            self.view.graphs()

    def frame(self) -> None:
        """Hosts that changed since the last frame, as far as they are visible."""
        dirty, self.context.rollout.dirty = self.context.rollout.dirty, set()
        if self.view.is_current:
            self.view.frame(dirty)

    def panels(self, *, graphs: bool = True) -> None:
        """Once a second: everything else."""
        notices = self.context.rollout.notices
        if len(notices) != self._told and notices:
            self._told = len(notices)
            self.context.flash = notices[-1].text
        if self._alerts.new() and not self._muted:
            self.bell()
        if self.view.is_current and self.view.is_mounted:
            self.view.panels()
            if graphs:
                self.view.graphs()

    def flash(self, text: str) -> None:
        """One line above the keys."""
        self.context.flash = text
        self.view.draw_footer()

    def on_terminal_gone(self, event: TerminalGone) -> None:
        """Nobody sees this any more; the rollout goes on without it."""
        self.exit("gone")

    async def _measure(self) -> None:
        """How late this loop is: a sleep of 10 ms, measured."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(PROBE)
            self._lags.append(time.perf_counter() - began - PROBE)
            if len(self._lags) % 50 == 0:
                self.context.lag = quantile(sorted(self._lags), 0.99)

    def on_app_blur(self, event: AppBlur) -> None:
        self._blurred = True

    def on_app_focus(self, event: AppFocus) -> None:
        self._blurred = False

    def on_key(self, event: Key) -> None:
        """Letters that come here while a field has the focus were typed before it had: they are the field's, no acts on hosts."""
        self.context.last_key = self.context.monotonic()
        field = self.focused
        if isinstance(field, Input) and isinstance(self.screen, TableScreen | CommandLine) and event.is_printable:
            field.insert_text_at_cursor(event.character or "")
            event.prevent_default()

    # Acts by their names

    @property
    def available(self) -> Sequence[KeyAction]:
        """What can be ordered here and now."""
        places = {"hosts", "anywhere"} | ({"table"} if isinstance(self.view, TableScreen) else set())
        return [act for act in of_place(*places) if not (act.dangerous and self.read_only) and act.name != "command"]

    def order_by_name(self, words: str) -> None:
        """One line of the command line: an act, and what it takes."""
        name, _, argument = words.strip().partition(" ")
        act = command_named(name, COMMANDS)
        if act is None:
            self.flash(f"no command {name!r}: ? lists them")
            return
        home: object = self._main if act.where == "table" else self
        if act.where == "table" and self.view is not self._main:
            self.flash(f"{act.command} is a command of the table")
            return
        if argument.strip() and not act.argument:
            self.flash(f"{act.command} takes nothing")
            return
        run = getattr(home, f"action_{act.name}")
        if act.argument:
            run(argument.strip())
        else:
            run()

    def action_command(self) -> None:
        words = [f"theme {name}" for name in PALETTES] + [f"symbols {name}" for name in SYMBOLS] + [f"order {o}" for o in ORDERS]
        self.ask(CommandLine(self._history, words), self._ordered)

    def _ordered(self, words: str | None) -> None:
        if words:
            self.order_by_name(words)

    # Looking

    def action_causes(self) -> None:
        screen = CausesScreen(self.context)

        def left(answer: str | None) -> None:
            if answer == "only" and (group := screen.group):
                self._main.only(group)

        self._open(screen, left)

    def action_graphs(self) -> None:
        self._open(GraphsScreen(self.context))

    def action_messages(self) -> None:
        self._open(MessagesScreen(self.context))

    def action_help(self) -> None:
        self._open(HelpScreen(self.context))

    def _open(self, screen: View, left: Callable[[str | None], None] = lambda answer: None) -> None:
        """One screen over the table at a time."""
        while self.screen is not self._main:
            self.pop_screen()
        self.ask(screen, left)

    def action_next_failed(self) -> None:
        self.view.step_to_failed(1)

    def action_previous_failed(self) -> None:
        self.view.step_to_failed(-1)

    def action_copy(self) -> None:
        """Several hosts: their names. One: all that is known of it."""
        names = self.view.chosen()
        if len(names) == 1:
            host, clock = self.context.rollout.hosts[names[0]], self.context.clock
            text = as_text(host, self.context.view.exchanges(host.name), now=clock.wall(), speed=self.context.rollout.speed)
        else:
            text = "\n".join(names)
        self.copy_to_clipboard(text)
        self.flash(
            f"copied: {f'the story of {names[0]}' if len(names) == 1 else f'{len(names)} names'} (needs OSC 52 in the terminal)"
        )

    def action_theme(self, name: str = "") -> None:
        names = list(PALETTES)
        if name and name not in names:
            self.flash(f"no theme {name!r}: {', '.join(names)}")
            return
        self.wear(name or names[(names.index(self.palette) + 1) % len(names)])
        self.ansi_color = True if self.palette in ("ansi", "mono") else None
        self._redrawn(f"theme {self.palette}")

    def action_symbols(self, name: str = "") -> None:
        names = list(SYMBOLS)
        if name and name not in names:
            self.flash(f"no symbols {name!r}: {', '.join(names)}")
            return
        self.context.symbols = SYMBOLS[name or names[(names.index(self.context.symbols.name) + 1) % len(names)]]
        self._redrawn(f"symbols {self.context.symbols.name}")

    def _redrawn(self, what: str) -> None:
        self.refresh_css(animate=False)
        for screen in self.screen_stack:
            screen.notify_style_update()
        self.flash(what)

    def action_mute(self) -> None:
        self._muted = not self._muted
        self.flash("no bell any more" if self._muted else "the bell rings at new kinds of failure, pauses and the end")

    def action_shot(self) -> None:
        try:
            kept = keep_shot(self, self.context, self.context.view.directory or Path.cwd())
        except OSError as error:
            self.flash(f"no screenshot: {error}")
        else:
            self.flash(f"kept {kept}.svg, .txt and .json")

    # Acting

    def _submit(self, command: Command) -> None:
        """Asked again here: the keys may have been taken while a question stood open."""
        if not self._barred() and self._control is not None:
            self._control.submit(command)

    def _barred(self) -> bool:
        if self.read_only:
            self.flash(f"read-only: {self.read_only}")
        return bool(self.read_only)

    def _choose(self, act: KeyAction) -> tuple[list[HostState], int, int]:
        """The hosts an act applies to, how many of them are not shown, and how many chosen ones do not fit."""
        view = self.view
        hosts = [self.context.rollout.hosts[name] for name in view.chosen()]
        chosen = [host for host in hosts if host.status in act.fits]
        shown = view.shown()
        return chosen, sum(host.name not in shown for host in chosen), len(hosts) - len(chosen)

    def _ask(self, name: str, why: str = "") -> None:
        """Confirm, then order; an act that wants a reason asks for it where none is given."""
        if self._barred():
            return
        act, view = BY_NAME[name], self.view
        chosen, hidden, unfit = self._choose(act)
        if not chosen:
            self.flash(f"{name}: no host here is in a state for it")
            return
        hosts = tuple(host.name for host in chosen)
        lines = question(act, chosen, hidden, unfit)

        def submit(why: str) -> None:
            assert act.order is not None
            self._submit(act.order(hosts, why))
            view.done()

        def because(why: str | None) -> None:
            if why:
                submit(why)
            else:
                self.flash(f"{name}: nothing was done")

        def agreed(answer: str | None) -> None:
            if answer != agreement(len(hosts)):
                self.flash(f"{name}: nothing was done")
            elif act.reason and not why:
                self.ask(Typed(["Why? (esc: nothing is done)"], self.context.monotonic, act.reason), because)
            else:
                submit(why)

        if len(hosts) > TYPE_THE_COUNT:
            self.ask(Typed([*lines, "", f"Type {len(hosts)} to do it; esc cancels."], self.context.monotonic), agreed)
        else:
            self.ask(Question(lines, {"n": "no", "y": "yes"}, self.context.monotonic), agreed)

    def action_retry(self) -> None:
        self._ask("retry")

    def action_restart(self) -> None:
        self._ask("restart")

    def action_skip(self, why: str = "") -> None:
        self._ask("skip", why)

    def action_unskip(self) -> None:
        self._ask("unskip")

    def action_hold(self, why: str = "") -> None:
        chosen, _, _ = self._choose(BY_NAME["hold"])
        held = bool(chosen) and all(host.status is HostStatus.HELD for host in chosen)
        self._ask("release" if held else "hold", why)

    def action_release(self) -> None:
        self._ask("release")

    def action_disarm(self) -> None:
        self._ask("disarm")

    def action_pause(self) -> None:
        self._ask_pause("admission")

    def action_pause_writes(self) -> None:
        self._ask_pause("writes")

    def _ask_pause(self, what: str) -> None:
        """Pause it, or go on. A pause that came, went or found another cause while the question stood is asked about anew."""
        if self._barred():
            return
        paused = self.context.rollout.paused
        why = paused_why(paused, what)

        def agreed(answer: str | None) -> None:
            if answer != "y":
                self.flash("pause: nothing was done")
            elif paused_why(paused, what) != why:
                self._ask_pause(what)
            else:
                self._submit(Pause(what, not why))

        self.ask(Question(pause_question(what, why), {"n": "no", "y": "yes"}, self.context.monotonic), agreed)

    def action_leave(self) -> None:
        self.exit("leave")

    async def action_quit(self) -> None:
        self.action_interrupt()

    def action_interrupt(self) -> None:
        if isinstance(self.screen, Question | Typed) or self._barred():
            return
        lines = [
            "The rollout is running here.",
            "Stop admission: no new host starts, hosts under way finish.",
            "Stop: no new act at all; requests in flight settle, hosts stay unfinished.",
        ]

        def chosen(answer: str | None) -> None:
            if answer == "a":
                self._submit(Pause("admission", True))
            elif answer == "s":
                self._submit(Stop())

        answers = {"g": "go on", "a": "stop admission", "s": "stop"}
        self.ask(Question(lines, answers, self.context.monotonic), chosen)
