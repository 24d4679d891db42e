"""The console without a screen (`--plain`): new things are told in lines, orders are typed words. Knows no terminal."""

from __future__ import annotations

import math
from collections.abc import Callable

from quads_tui.render import sentences
from quads_tui.render.host_filter import host_filter
from quads_tui.render.numbers import count
from quads_tui.rollout.alerts import AlertKind, Alerts
from quads_tui.rollout.commands import Command, Pause, Stop
from quads_tui.rollout.events import Notice
from quads_tui.rollout.ports import Control
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import HostState, Rollout
from quads_tui.rollout.text import clean

from .key_actions import ACTS, KeyAction, agreement, command_named, pause_question, paused_why, question
from .view_context import ViewContext

MINUTE = 60.0  # real seconds between two lines of progress
_MILESTONES = 10  # as many lines of progress, beside those
_LINE = 1000  # characters
_SAID = 20  # of the newest messages

_SHARED = ("pause", "pause_writes", "messages", "help", "leave")
COMMANDS = [act for act in ACTS if act.order or act.where == "plain" or act.name in _SHARED]


class PlainSession:
    """`say` gets whole, clean lines. `control` is None for who only looks. `left`: the operator is done with it."""

    def __init__(self, desk: ViewContext, control: Control | None, say: Callable[[str], None]) -> None:
        self._desk = desk
        self._control = control
        self._write = say
        self._alerts = Alerts(desk.rollout)
        self._ended = self._share
        self._told_at = -math.inf
        self._answer: Callable[[str], None] | None = None  # takes the next line
        self.left = False

    @property
    def _rollout(self) -> Rollout:
        return self._desk.rollout

    @property
    def _share(self) -> int:
        """How many milestones are behind."""
        ended = sum(self._rollout.counts[status] for status in HostStatus if status.ended)
        return _MILESTONES * ended // max(1, len(self._rollout.hosts))

    def _say(self, text: str) -> None:
        self._write(clean(text, _LINE))

    def begin(self, orders: bool) -> None:
        """`orders`: words can be typed."""
        rollout, title = self._rollout, self._desk.title
        self._say(f"{title + ': ' if title else ''}{rollout.id}, {count(len(rollout.hosts), 'host')}.")
        for warning in self._desk.warnings:
            self._say(f"Warning: {warning}")
        if orders:
            self._say("Type status, failed, or help for all commands.")

    def tell(self) -> None:
        """What is new; meant to be called once a second."""
        for alert in self._alerts.new():
            self._say(
                f"New failure: {alert.text}." if alert.kind == AlertKind.FAILURE else f"{alert.text[0].upper()}{alert.text[1:]}."
            )
        now = self._desk.monotonic()
        if self._share != self._ended or now - self._told_at >= MINUTE:
            self._ended, self._told_at = self._share, now
            self._say(sentences.progress(self._rollout, self._desk.forecast, self._desk.clock.wall()))

    # What is typed

    def take(self, line: str) -> None:
        """One line: the answer to a question that stands, else a command."""
        self._desk.last_key = self._desk.monotonic()
        if self._answer is not None:
            answer, self._answer = self._answer, None
            answer(line.strip())
            return
        name, _, words = line.strip().partition(" ")
        if not name:
            return
        act = command_named(name, COMMANDS)
        if act is None:
            self._say(f"No command {name}. Type help.")
        elif act.dangerous and (self._desk.read_only or self._control is None):
            self._say(f"Read-only: {self._desk.read_only or 'nobody runs it from here'}.")
        elif act.order:
            self._ask(act, words.strip())
        else:
            getattr(self, f"_{act.name}")(words.strip())

    def _ask(self, act: KeyAction, words: str) -> None:
        hosts = self._hosts(words)
        if not hosts:
            which = f"{act.command} which? A host's name, {', '.join(_STATES)}, or a filter such as cause:401."
            self._say(f"No host fits {words}." if words else which)
            return
        chosen = [host for host in hosts if host.status in act.fits]
        if not chosen:
            self._say(f"{act.command}: {count(len(hosts), 'host')}, none of them in a state for it.")
            return
        names = tuple(host.name for host in chosen)
        for text in question(act, chosen, 0, len(hosts) - len(chosen) if words not in _STATES else 0):
            self._say(text.strip())

        def agreed() -> None:
            if act.reason:
                self._say(f"Why? Enter alone: {act.reason}.")
                self._answer = order
            else:
                order("")

        def order(why: str) -> None:
            assert act.order is not None
            self._submit(act.order(names, why or act.reason), f"{act.command} ordered: {count(len(names), 'host')}.")

        self._wait_for(agreement(len(names)), agreed)

    def _hosts(self, words: str) -> list[HostState]:
        """Of names, short or whole; else a state; else a filter."""
        hosts = self._rollout.hosts
        if words in _STATES:
            return [host for host in hosts.values() if host.status is _STATES[words]]
        named = {name: host for host in hosts.values() for name in (host.name, host.short)}
        if words and all(word in named for word in words.split()):
            return list({id(named[word]): named[word] for word in words.split()}.values())
        return host_filter(words).of(hosts.values()) if words else []

    def _submit(self, command: Command, said: str) -> None:
        """Asked again here: the keys may have been taken while a question stood open."""
        if self._desk.read_only or self._control is None:
            self._say(f"Read-only: {self._desk.read_only}. Nothing was done.")
            return
        self._control.submit(command)
        self._say(said)

    def _pause(self, words: str) -> None:
        self._toggle("admission")

    def _pause_writes(self, words: str) -> None:
        self._toggle("writes")

    def _toggle(self, what: str) -> None:
        """A pause that came, went or found another cause while the question stood is asked about anew."""
        why = paused_why(self._rollout.paused, what)
        for text in pause_question(what, why):
            self._say(text)

        def agreed() -> None:
            if paused_why(self._rollout.paused, what) != why:
                self._toggle(what)
            else:
                self._submit(Pause(what, not why), f"{what}: {'resume' if why else 'pause'} ordered.")

        self._wait_for("y", agreed)

    def _wait_for(self, wanted: str, agreed: Callable[[], None]) -> None:
        """The next line answers."""
        self._say(f"Type {wanted} to do it, anything else cancels.")

        def answered(answer: str) -> None:
            if answer.lower() == wanted:
                agreed()
            else:
                self._say("Nothing was done.")

        self._answer = answered

    def _stop(self, words: str) -> None:
        self._say("Stop: no new act at all; requests in flight settle, hosts stay unfinished.")
        self._wait_for("y", lambda: self._submit(Stop(), "Stop ordered."))

    def _status(self, words: str) -> None:
        for line in sentences.status(self._rollout, self._desk.meters, self._desk.forecast, self._desk.clock.wall()):
            self._say(line)

    def _failed(self, words: str) -> None:
        for line in sentences.failed(self._rollout):
            self._say(line)

    def _show(self, words: str) -> None:
        hosts = self._hosts(words)
        if len(hosts) != 1:
            fit = f"{len(hosts)} hosts fit {words}: {sentences.names(host.name for host in hosts)}."
            self._say(fit if hosts else f"No host fits {words}." if words else "Show which host?")
            return
        (host,), desk = hosts, self._desk
        told = sentences.host(
            host, desk.exchanges(host.name), now=desk.clock.wall(), speed=self._rollout.speed, why=desk.why(host)
        )
        for line in told:
            self._say(line)

    def _messages(self, words: str) -> None:
        for told in list(self._rollout.notices)[-_SAID:]:
            self._say(told.text if isinstance(told, Notice) else f"{told.who}: {told.text}")
        if not self._rollout.notices:
            self._say("Nothing was said yet.")

    def _help(self, words: str) -> None:
        for act in COMMANDS:
            takes = " HOSTS" if act.order else f" {act.argument}" if act.argument else ""
            self._say(f"{act.command}{takes}: {act.help}.")
        self._say(f"HOSTS are names, a state ({', '.join(_STATES)}), or a filter such as stage:install or cause:401.")

    def _leave(self, words: str) -> None:
        self.left = True
        if self._control is not None and not self._rollout.settled and not self._rollout.ended_at:
            self._say("The rollout goes on; lines go on until no host can move by itself.")


_STATES = {status.value: status for status in (HostStatus.FAILED, HostStatus.HELD, HostStatus.SKIPPED)}
