"""The console: live screens of a rollout that it does not own. Leaving it, or an error in it, does not affect the rollout."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from textual.binding import Binding
from textual.events import AppBlur, AppFocus, Key
from textual.screen import Screen
from textual.widgets import Input

from quads_tui.rollout.alerts import AlertKind, Alerts
from quads_tui.rollout.commands import AskBmc, Pause, Stop
from quads_tui.rollout.garbage import settle_garbage
from quads_tui.rollout.loop_lag import measure_lag
from quads_tui.rollout.ports import Control
from quads_tui.rollout.row_commands import RowCommandRunner
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import HostState
from quads_tui.rollout.view import RolloutView

from .adjustable import remembered_symbols
from .asked_again import AGAIN, effects_now, still_true
from .command_line import CommandLine
from .command_palette import CommandPalette, by_relevance
from .completion import Completer
from .controlled_app import ControlledApp
from .copies import copied_hosts
from .dialogs import Question, TextQuestion
from .driver import TerminalGone
from .host_table import HostTable
from .key_actions import BY_NAME, COMMANDS, TYPE_THE_COUNT, KeyAction, find_command, of_place
from .questions import pause_question, pause_reasons, question, required_answer, stop_question
from .repair_question import refused, repair_question, suitable
from .row_commands import RowCommandKeys
from .screens.causes import CausesScreen
from .screens.clouds import CloudsScreen
from .screens.graphs import GraphsScreen
from .screens.host import HostScreen
from .screens.map import MapScreen
from .screens.pages import HelpScreen, MessagesScreen
from .screens.table import TableScreen
from .screens.view import View
from .screenshot import take_screenshot
from .settings import Settings
from .view_context import ViewContext

log = logging.getLogger(__name__)

FRAME = 0.2  # seconds
SECOND = 5  # frames
LATE = 0.05  # seconds of loop lag from which the screen draws less


class Console(ControlledApp):
    """Returns "leave" when the operator left, "resume" where this process is to resume the rollout, "gone" when the terminal
    hung up, None after a display error; never ends by itself.

    `control` may be None while `read_only` says why. `settings`: what is remembered; else nothing is. `frozen`: no timers: tests
    call frame and panels.
    """

    BINDINGS: ClassVar = [
        Binding(action.keys, action.name, action.help, show=False, priority=action.keys == "ctrl+c")
        for action in of_place("hosts", "anywhere")
        if action.keys
    ]

    def __init__(
        self,
        view: RolloutView,
        control: Control | None,
        *,
        settings: Settings | None = None,
        read_only: str = "",
        frozen: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        row_commands: RowCommandRunner | None = None,
    ) -> None:
        settings = settings or Settings()
        context = ViewContext(view, monotonic, read_only, remembered_symbols(settings), settings, row_commands)
        self._row_commands = RowCommandKeys(self, context)
        self._main = TableScreen(context)
        super().__init__(context, control)
        self.frozen = frozen
        self._seen_notices = len(view.rollout.notices)
        self._alerts = Alerts(view.rollout)
        self._blurred = False
        self._frames = 0
        self._probe: asyncio.Task[None] | None = None
        self._history: list[str] = []

    def get_default_screen(self) -> Screen[Any]:
        return self._main

    @property
    def table(self) -> HostTable:
        return self._main.table

    def on_mount(self) -> None:
        self._row_commands.bind()
        if not self.frozen:
            self.set_interval(FRAME, self.run_safely(self._tick))
            self._probe = asyncio.create_task(measure_lag(self._note_lag))
            self.set_timer(2.0, settle_garbage)

    async def on_unmount(self) -> None:
        if self._probe is not None:
            self._probe.cancel()

    # Drawing

    def _tick(self) -> None:
        """Five frames a second (a key is painted at once), one without focus, none between the turns of a drawing; fewer when the
        loop is late: provisioning comes first."""
        self._frames += 1
        lag = self.context.lag
        every = 5 if self._blurred else 4 if lag > 2 * LATE else 2 if lag > LATE else 1
        if self._frames % SECOND == 0:
            self.say_news()
            if self._draws_view:
                self.view.all_in_turns()
        elif (self._frames + 2) % every == 0 and not self.view.drawing:  # one in five ticks, too, is another one than the panels'
            self.frame()

    def frame(self) -> None:
        """Hosts that changed since the last frame, as far as they are visible."""
        dirty, self.context.rollout.dirty = self.context.rollout.dirty, set()
        if self.view.is_current:
            self.view.frame(dirty)

    @property
    def _draws_view(self) -> bool:
        return self.view.is_current and self.view.is_mounted

    def panels(self, *, graphs: bool = True) -> None:
        """Everything else, at once."""
        self.say_news()
        if self._draws_view:
            self.view.panels()
            if graphs:
                self.view.graphs()

    def say_news(self) -> None:
        """Once a second: what has happened since, for the line above the keys."""
        self.report_settings()
        notices = self.context.rollout.notices
        if len(notices) != self._seen_notices and notices:
            self._seen_notices = len(notices)
            self.context.flash = notices[-1].text
        if alerts := self._alerts.new():
            if not self.settings.muted:
                self.bell()
            for end in (one for one in alerts if one.kind is AlertKind.FINISHED):
                self.context.flash = end.text

    def flash(self, text: str) -> None:
        """One line above the keys."""
        self.context.flash = text
        self.view.draw_footer()

    def on_terminal_gone(self, event: TerminalGone) -> None:
        """The terminal has hung up; the rollout continues without a screen."""
        self.exit("gone")

    def _note_lag(self, lag: float) -> None:
        self.context.lag = lag

    def on_app_blur(self, event: AppBlur) -> None:
        self._blurred = True

    def on_app_focus(self, event: AppFocus) -> None:
        self._blurred = False

    def on_key(self, event: Key) -> None:
        """Letters that arrive here while a field has the focus were typed just before: they belong to the field, not to hosts."""
        self.context.last_key = self.context.monotonic()
        field = self.focused
        if isinstance(field, Input) and isinstance(self.screen, TableScreen | HostScreen | CommandLine) and event.is_printable:
            field.insert_text_at_cursor(event.character or "")
            event.prevent_default()
        elif isinstance(self.screen, View) and event.key not in self.active_bindings:
            self.report_unknown(event)

    async def run_action(self, *args: Any, **named: Any) -> bool:
        """A key that comes behind a filter means the hosts that it leaves; in a field it means the text."""
        if not isinstance(self.focused, Input):
            self._main.listing.settle()
        return await super().run_action(*args, **named)

    # Commands by name

    @property
    def available(self) -> Sequence[KeyAction]:
        """The actions that are available on this screen now."""
        places = {"hosts", "anywhere"} | ({"table"} if isinstance(self.view, TableScreen) else set())
        own = [action for action in of_place(*places) if not (action.dangerous and self.read_only)]
        return [*own, *self._row_commands.actions]

    def run_command(self, words: str) -> None:
        """Run one line of the command line: a command and its argument."""
        self._main.listing.settle()
        name, _, argument = words.strip().partition(" ")
        action = find_command(name, COMMANDS) or find_command(name, self._row_commands.actions)
        if action is None:
            self.flash(f"unknown command {name!r}; press ? for all commands")
            return
        home: object = self._main if action.where == "table" else self
        if action.where == "table" and self.view is not self._main:
            self.flash(f"{action.command} works only while the table of hosts is shown")
            return
        if argument.strip() and not action.argument:
            self.flash(f"{action.command} accepts no argument")
            return
        if action.where == "site":
            self.action_row_command(action.name)
            return
        run = getattr(home, f"action_{action.name}", None) or partial(self._ask, action.name)  # those without a key have none
        if action.argument:
            run(argument.strip())
        else:
            run()

    def action_command(self) -> None:
        self.ask(CommandLine(self._history, Completer(self.context, self.available), self.context.symbols), self._run_typed)

    def action_palette(self) -> None:
        actions = [action for action in self.available if action.name not in ("command", "palette")]
        ranked = by_relevance(actions, self.view.fitting(self.view.chosen()))
        self.ask(CommandPalette(ranked, self.context.symbols), self._run_typed)

    def _run_typed(self, words: str | None) -> None:
        if words:
            self.run_command(words)

    # Viewing

    def action_causes(self) -> None:
        screen = CausesScreen(self.context)
        self._open(screen, lambda answer: self._main.only(screen.group if answer == "only" else None))

    def action_clouds(self) -> None:
        screen = CloudsScreen(self.context)
        self._open(screen, lambda answer: self._main.action_filter(f"cloud:{screen.cloud}") if answer == "only" else None)

    def action_map(self) -> None:
        table = self.table
        fits = table.shown if len(table.shown) < len(self.context.rollout.hosts) else None
        self._open(MapScreen(self.context, table.cursor, fits), self._main.go_to)

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
        """Several hosts: their names. One host: its details and history."""
        self.copy(*copied_hosts(self.context, self.view.chosen()))

    def action_row_command(self, name: str) -> None:
        """Of the site: it does not change the rollout, so whoever only watches may run it too."""
        self._row_commands.press(name)

    def action_shot(self) -> None:
        take_screenshot(self, self.context)

    # Controlling

    def _select(self, action: KeyAction, names: Sequence[str] | None = None) -> tuple[list[HostState], int, int, dict[str, str]]:
        """The hosts that an action applies to, how many of them are hidden, how many it leaves out, and why, where it tells.

        `names`: None means the chosen hosts.
        """
        view = self.view
        hosts = [self.context.rollout.hosts[name] for name in (view.chosen() if names is None else names)]
        chosen, reasons = suitable(action, self.context.rollout, hosts)
        shown = view.shown()
        return chosen, sum(host.name not in shown for host in chosen), len(hosts) - len(chosen), reasons

    def _ask(self, name: str, why: str = "", names: Sequence[str] | None = None) -> None:
        """Confirm, then submit; an action that needs a reason asks for it where none is given.

        `names`: these hosts are asked for again, since what was said of them before is no longer what would be done.
        """
        if self.refuse_if_read_only():
            return
        action, view, rollout = BY_NAME[name], self.view, self.context.rollout
        if names is None and (seen := view.choose()):
            self.flash(seen)
            return
        chosen, hidden, unsuitable, reasons = self._select(action, names)
        if not chosen:
            self.flash(refused(action, reasons))
            return
        hosts = tuple(host.name for host in chosen)
        asked = question(action, chosen, why=self.context.why, hidden=hidden, unsuitable=unsuitable)
        if action.repair is not None:
            asked = repair_question(action, rollout, chosen, hidden, reasons)
        if names is not None:
            asked = replace(asked, notes=(AGAIN, *asked.notes))
        said = effects_now(action, rollout, chosen)

        def submit(why: str) -> None:
            assert action.make_command is not None
            if not still_true(action, rollout, chosen, said):
                self._ask(name, why, hosts)
                return
            self.submit(action.make_command(hosts, why))
            view.done()

        def with_reason(why: str | None) -> None:
            if why:
                submit(why)
            else:
                self.flash(f"{action.command}: nothing was done")

        def agreed(answer: str | None) -> None:
            if answer != required_answer(len(hosts)):
                self.flash(f"{action.command}: nothing was done")
            elif action.default_reason and not why:
                reason = ["Reason? (esc: nothing is done)", "The reason is shown with the hosts, and in the report."]
                self.ask(TextQuestion(reason, self.context.monotonic, action.default_reason), with_reason)
            else:
                submit(why)

        if len(hosts) > TYPE_THE_COUNT:
            hint = f"Type {len(hosts)} to {asked.yes}; esc cancels."
            self.ask(TextQuestion(asked, self.context.monotonic, hint=hint), agreed)
        else:
            self.ask(Question(asked, {"n": "cancel", "y": asked.yes}, self.context.monotonic), agreed)

    def action_retry(self) -> None:
        self._ask("retry")

    def action_restart(self) -> None:
        self._ask("restart")

    def action_skip(self, why: str = "") -> None:
        self._ask("skip", why)

    def action_unskip(self) -> None:
        self._ask("unskip")

    def action_hold(self, why: str = "") -> None:
        chosen, *_ = self._select(BY_NAME["hold"])
        held = bool(chosen) and all(host.status is HostStatus.HELD for host in chosen)
        self._ask("release" if held else "hold", why)

    def action_release(self) -> None:
        self._ask("release")

    def action_disarm(self) -> None:
        self._ask("disarm")

    def action_write_next(self) -> None:
        self._ask("write_next")

    def action_ask_bmc(self, name: str = "") -> None:
        """Reads only, so nothing is asked first; but it goes to the one process that runs the rollout."""
        hosts = self.context.rollout.hosts
        chosen = [host.name for host in hosts.values() if name in (host.name, host.short)] if name else self.view.chosen()
        if len(chosen) != 1:
            self.flash(f"no host is named {name}" if name else "ask the BMC of one host at a time")
        elif not self.refuse_if_read_only():
            self.submit(AskBmc((chosen[0],)))
            self.flash(f"asking the BMC of {hosts[chosen[0]].short}; enter shows the answer")

    def action_pause(self) -> None:
        self._ask_pause("admission")

    def action_pause_writes(self) -> None:
        self._ask_pause("writes")

    def _ask_pause(self, what: str) -> None:
        """Pause it, or resume it. If the pause or its cause changed while the question was open, the question is asked again."""
        if self.refuse_if_read_only():
            return
        paused = self.context.rollout.paused
        why = pause_reasons(paused, what)

        def agreed(answer: str | None) -> None:
            if answer != "y":
                self.flash("pause or resume cancelled: nothing was done")
            elif pause_reasons(paused, what) != why:
                self._ask_pause(what)
            else:
                self.submit(Pause(what, not why))

        asked = pause_question(self.context.rollout, what, why)
        self.ask(Question(asked, {"n": "cancel", "y": asked.yes}, self.context.monotonic), agreed)

    def action_leave(self) -> None:
        self.exit("leave")

    async def action_quit(self) -> None:
        self.action_interrupt()

    def action_interrupt(self) -> None:
        if isinstance(self.screen, Question | TextQuestion) or self.refuse_if_read_only():
            return

        def chosen(answer: str | None) -> None:
            if answer == "p":
                self.submit(Pause("admission", True))
            elif answer == "s":
                self.submit(Stop())

        answers = {"c": "continue", "p": "pause new hosts", "s": "stop"}
        self.ask(Question(stop_question(self.context.rollout), answers, self.context.monotonic), chosen)
