"""The console without a screen (`--plain`): it prints what is new and carries out typed commands. Knows no terminal."""

from __future__ import annotations

import math
from collections.abc import Callable

from quads_tui.render import sentences
from quads_tui.render.bmc_box import bmc_words
from quads_tui.render.comments import comments_summary
from quads_tui.render.end_panel import end_sentences
from quads_tui.render.host_filter import host_filter
from quads_tui.render.numbers import count
from quads_tui.render.question import sentences as question_sentences
from quads_tui.rollout.alerts import AlertKind, Alerts
from quads_tui.rollout.commands import AskBmc, Command, Pause, Stop
from quads_tui.rollout.events import Notice
from quads_tui.rollout.ports import Control
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import HostState, Rollout
from quads_tui.rollout.text import clean

from .asked_again import AGAIN, effects_now, still_true
from .key_actions import BY_NAME, KEY_ACTIONS, KeyAction, find_command
from .questions import pause_question, pause_reasons, question, required_answer
from .repair_question import refused, repair_question, suitable
from .view_context import ViewContext

MINUTE = 60.0  # real seconds between two lines of progress
_MILESTONES = 10  # as many lines of progress, beside those
_LINE = 1000  # characters
_MAX_MESSAGES = 20  # of the newest messages

_SHARED = ("ask_bmc", "pause", "pause_writes", "messages", "help", "leave")
COMMANDS = [action for action in KEY_ACTIONS if action.make_command or action.where == "plain" or action.name in _SHARED]


class PlainSession:
    """`write_line` gets whole, clean lines. `control` is None for a watched rollout. `left`: the operator has left."""

    def __init__(self, context: ViewContext, control: Control | None, write_line: Callable[[str], None]) -> None:
        self._view_context = context
        self._control = control
        self._write = write_line
        self._alerts = Alerts(context.rollout)
        self._milestones_printed = self._milestones_passed
        self._progress_at = -math.inf
        self._answer: Callable[[str], None] | None = None  # takes the next line
        self.left = False

    @property
    def _rollout(self) -> Rollout:
        return self._view_context.rollout

    @property
    def _milestones_passed(self) -> int:
        """How many milestones have been passed."""
        ended = sum(self._rollout.counts[status] for status in HostStatus if status.is_final)
        return _MILESTONES * ended // max(1, len(self._rollout.hosts))

    def _print(self, text: str) -> None:
        self._write(clean(text, _LINE))

    def start(self, accepts_commands: bool) -> None:
        """Print the first lines. `accepts_commands`: commands can be typed."""
        rollout, title = self._rollout, self._view_context.view.title
        self._print(f"{title + ': ' if title else ''}{rollout.id}, {count(len(rollout.hosts), 'host')}.")
        if speed := rollout.time.speed_words:
            self._print(f"All times are emulated: {speed}, counted from the start.")
        for warning in (*self._view_context.view.warnings, *rollout.plan.cautions):
            self._print(f"Warning: {warning}")
        if not self._view_context.read_only and (comments := comments_summary(rollout.hosts.values())):
            self._print(f"{comments}.")
        if accepts_commands:
            self._print("Type status, failed, or help for all commands.")

    def print_updates(self) -> None:
        """Print what is new; meant to be called once a second."""
        for alert in self._alerts.new():
            self._print(f"New {alert.text}." if alert.kind == AlertKind.FAILURE else f"{alert.text[0].upper()}{alert.text[1:]}.")
            if alert.kind is AlertKind.FINISHED:
                for line in end_sentences(self._rollout, self._view_context.now):
                    self._print(line)
        now = self._view_context.monotonic()
        if self._milestones_passed != self._milestones_printed or now - self._progress_at >= MINUTE:
            self._milestones_printed, self._progress_at = self._milestones_passed, now
            self._print(sentences.progress(self._rollout, self._view_context.forecast, self._view_context.clock.wall()))
            for line in sentences.too_late(self._rollout, self._view_context.meters):
                self._print(line)

    # What is typed

    def handle_line(self, line: str) -> None:
        """One typed line: the answer to an open question, else a command."""
        self._view_context.last_key = self._view_context.monotonic()
        if self._answer is not None:
            answer, self._answer = self._answer, None
            answer(line.strip())
            return
        name, _, argument = line.strip().partition(" ")
        if not name:
            return
        action = find_command(name, COMMANDS)
        if action is None:
            self._print(f"Unknown command {name}. Type help for all commands.")
        elif action.dangerous and (self._view_context.read_only or self._control is None):
            self._print(f"Read-only: {self._view_context.read_only or 'this process does not run the rollout'}.")
        elif action.make_command:
            self._ask(action, argument.strip())
        else:
            getattr(self, f"_{action.name}")(argument.strip())

    def _ask(self, action: KeyAction, argument: str) -> None:
        hosts = self._hosts(argument)
        if not hosts:
            which = f"{action.command} which hosts? Give a host name, {', '.join(_STATES)}, or a filter such as cause:401."
            self._print(f"No host matches {argument}." if argument else which)
            return
        chosen, reasons = suitable(action, self._rollout, hosts)
        if not chosen:
            in_state = f"{action.command}: {count(len(hosts), 'host')}, not possible for these hosts in their present state"
            self._print(f"{refused(action, reasons) if reasons else in_state}.")
            return
        names = tuple(host.name for host in chosen)
        if not action.asks:
            self._ask_text(action, names)
            return
        left_out = argument not in _STATES
        if action.repair is None:
            asked = question(action, chosen, why=self._view_context.why, unsuitable=len(hosts) - len(chosen) if left_out else 0)
        else:
            asked = repair_question(action, self._rollout, chosen, 0, reasons if left_out else {})
        for text in question_sentences(asked):
            self._print(text)
        said = effects_now(action, self._rollout, chosen)

        def on_confirmed() -> None:
            if not still_true(action, self._rollout, chosen, said):
                again()
            elif action.default_reason:
                self._print(f'Reason? Press Enter to use "{action.default_reason}".')
                self._answer = submit
            else:
                submit("")

        def again() -> None:
            self._print(AGAIN)
            self._ask(action, " ".join(names))

        def submit(why: str) -> None:
            assert action.make_command is not None
            if not still_true(action, self._rollout, chosen, said):
                again()
                return
            self._submit(
                action.make_command(names, why or action.default_reason),
                f"{action.command} requested for {count(len(names), 'host')}.",
            )

        self._require_answer(required_answer(len(names)), on_confirmed)

    def _ask_text(self, action: KeyAction, names: tuple[str, ...]) -> None:
        """The next line is the text; nothing is confirmed, because nothing is done to the hosts."""
        self._print(f"{action.command.capitalize()} on {count(len(names), 'host')}: type the text; an empty line cancels.")

        def written(text: str) -> None:
            assert action.make_command is not None
            if text:
                self._submit(action.make_command(names, text), f"{action.command.capitalize()} sent.")
            else:
                self._print("Nothing was written.")

        self._answer = written

    def _hosts(self, argument: str) -> list[HostState]:
        """The hosts of these names (short or full), of this state, or of this filter."""
        hosts = self._rollout.hosts
        if argument in _STATES:
            return [host for host in hosts.values() if host.status is _STATES[argument]]
        named = {name: host for host in hosts.values() for name in (host.name, host.short)}
        if argument and all(word in named for word in argument.split()):
            return list({id(named[word]): named[word] for word in argument.split()}.values())
        return host_filter(argument).of(hosts.values()) if argument else []

    def _submit(self, command: Command, done_text: str) -> None:
        """Checked again here: somebody else may have taken control while a question was open."""
        if self._view_context.read_only or self._control is None:
            self._print(f"Read-only: {self._view_context.read_only}. Nothing was done.")
            return
        self._control.submit(command)
        self._print(done_text)

    def _pause(self, argument: str) -> None:
        self._toggle("admission")

    def _pause_writes(self, argument: str) -> None:
        self._toggle("writes")

    def _toggle(self, what: str) -> None:
        """If the pause or its cause changed while the question was open, the question is asked again."""
        why = pause_reasons(self._rollout.paused, what)
        for text in question_sentences(pause_question(self._rollout, what, why)):
            self._print(text)

        def on_confirmed() -> None:
            if pause_reasons(self._rollout.paused, what) != why:
                self._toggle(what)
            else:
                self._submit(Pause(what, not why), f"{'Resume' if why else 'Pause'} requested: {_PAUSABLE[what]}.")

        self._require_answer("y", on_confirmed)

    def _require_answer(self, wanted: str, on_confirmed: Callable[[], None]) -> None:
        """The next line answers."""
        self._print(f"Type {wanted} to confirm, anything else cancels.")

        def answered(answer: str) -> None:
            if answer.lower() == wanted:
                on_confirmed()
            else:
                self._print("Nothing was done.")

        self._answer = answered

    def _stop(self, argument: str) -> None:
        for sentence in BY_NAME["stop"].effects(()).happens:
            self._print(sentence)
        self._require_answer("y", lambda: self._submit(Stop(), "Stop requested."))

    def _status(self, argument: str) -> None:
        for line in sentences.status(
            self._rollout, self._view_context.meters, self._view_context.forecast, self._view_context.clock.wall()
        ):
            self._print(line)

    def _failed(self, argument: str) -> None:
        for line in sentences.failed(self._rollout):
            self._print(line)

    def _show(self, argument: str) -> None:
        hosts = self._hosts(argument)
        if len(hosts) != 1:
            fit = f"{len(hosts)} hosts match {argument}: {sentences.names(host.name for host in hosts)}."
            self._print(fit if hosts else f"No host matches {argument}." if argument else "Show which host? Give its name.")
            return
        (host,), context = hosts, self._view_context
        lines = sentences.host(
            host, context.view.exchanges(host.name), now=context.clock.wall(), time=self._rollout.time, why=context.why(host)
        )
        for line in (*lines, *bmc_words(host, self._rollout)):
            self._print(line)

    def _ask_bmc(self, argument: str) -> None:
        hosts = self._hosts(argument)
        if len(hosts) != 1:
            self._print("Ask which BMC? Give the name of one host.")
        else:
            short = hosts[0].short
            self._submit(AskBmc((hosts[0].name,)), f"Asking the BMC of {short}. Type show {short} to see the answer.")

    def _messages(self, argument: str) -> None:
        for entry in list(self._rollout.notices)[-_MAX_MESSAGES:]:
            self._print(entry.text if isinstance(entry, Notice) else f"{entry.who}: {entry.text}")
        if not self._rollout.notices:
            self._print("No messages yet.")

    def _help(self, argument: str) -> None:
        for action in COMMANDS:
            takes = " HOSTS" if action.make_command else f" {action.argument}" if action.argument else ""
            self._print(f"{action.command}{takes}: {action.help}.")
        self._print(f"HOSTS: host names, a state ({', '.join(_STATES)}), or a filter such as stage:install or cause:401.")

    def _leave(self, argument: str) -> None:
        self.left = True
        if self._control is not None and not self._rollout.settled and not self._rollout.ended_at:
            self._print(
                "The rollout continues and prints its progress; quads-tui exits when no host can continue without an operator."
            )


_PAUSABLE = {"admission": "new hosts", "writes": "Foreman writes"}
_STATES = {status.value: status for status in (HostStatus.FAILED, HostStatus.HELD, HostStatus.SKIPPED)}
