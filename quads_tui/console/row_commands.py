"""The keys of the site's row commands: which hosts, the question, and the way to the terminal and back."""

from __future__ import annotations

import asyncio
import shlex
from typing import Any

from textual.keys import _character_to_key

from quads_tui.render.numbers import count
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.row_commands import AT_ONCE, RowCommand, RowCommandRunner, RunsIn

from .dialogs import Question
from .driver import SafeDriver
from .key_actions import KeyAction
from .view_context import ViewContext

_FOOTER = 7  # the priority of a skip: a site has them because they are needed for its hosts
_LISTED = 5  # hosts that a question names


def as_action(command: RowCommand) -> KeyAction:
    """For footer, help, command line and palette."""
    words = command.help or f"run {shlex.join(command.run)}"
    return KeyAction(command.name, _character_to_key(command.key), command.key, words, "site", footer=_FOOTER)


class RowCommandKeys:
    """For a console; its `runner` may be absent: then there are none."""

    def __init__(self, app: Any, context: ViewContext) -> None:
        self._app = app
        self._context = context

    @property
    def _runner(self) -> RowCommandRunner | None:
        return self._context.row_commands

    @property
    def actions(self) -> list[KeyAction]:
        return [as_action(command) for command in self._runner.commands] if self._runner else []

    def bind(self) -> None:
        """Make their keys keys of the app."""
        for command in self._runner.commands if self._runner else ():
            self._app.bind(_character_to_key(command.key), f"row_command('{command.name}')", show=False)

    def press(self, name: str) -> None:
        """Run the command for the chosen hosts, after a question where the site wants one or the hosts are several."""
        runner, view = self._runner, self._app.view
        if runner is None:
            return
        command = next(one for one in runner.commands if one.name == name)
        if view.place not in command.where:
            self._app.flash(f"{name} can be used only on: {', '.join(command.where)}")
            return
        if why := view.choose():
            self._app.flash(why)
            return
        chosen = view.chosen()
        hosts = [host for host in chosen if runner.is_for(command, host)]
        try:
            words = [runner.argv(command, host) for host in hosts]
        except QuadsTuiError as error:
            self._app.flash(f"{name}: {error}; nothing was run")
            return
        if why := self._refusal(runner, command, len(chosen), len(hosts)):
            self._app.flash(f"{name}: {why}; nothing was run")
        elif command.confirm or len(hosts) > 1:
            self._ask(command, hosts, words)
        else:
            self._run(command, hosts)

    def _refusal(self, runner: RowCommandRunner, command: RowCommand, chosen: int, hosts: int) -> str:
        if not hosts:
            return "not meant for the chosen hosts (site file)" if chosen else "no host is chosen"
        if hosts > 1 and runner.runs_in(command) is RunsIn.SCREEN:
            return f"the command needs the whole screen, so it runs for one host at a time; {hosts} are chosen"
        if hosts > runner.free:
            now = AT_ONCE - runner.free
            full = f"{now} are running, so {runner.free} more can start, not {hosts}"
            return f"at most {AT_ONCE} row commands run at the same time: {full}"
        return ""

    def _ask(self, command: RowCommand, hosts: list[str], words: list[tuple[str, ...]]) -> None:
        lines = [f"Run {command.name} for {count(len(hosts), 'host')}?", *(f"  {shlex.join(one)}" for one in words[:_LISTED])]
        if len(hosts) > _LISTED:
            lines.append(f"  and for {len(hosts) - _LISTED} more")
        lines.append("It does not change the rollout; what it does to the host, quads-tui does not know.")

        def agreed(answer: str | None) -> None:
            if answer == "y":
                self._run(command, hosts)
            else:
                self._app.flash(f"{command.name}: nothing was run")

        self._app.ask(Question(lines, {"n": "no", "y": "yes"}, self._context.monotonic), agreed)

    def _run(self, command: RowCommand, hosts: list[str]) -> None:
        runner = self._runner
        assert runner is not None
        where = runner.runs_in(command)
        if where is RunsIn.SCREEN:
            self._app.in_background(self._on_screen(runner, command, hosts[0]))
            return
        for host in hosts:
            runner.start(command, host, lambda ended, host=host: self._ended(command, host, ended))  # type: ignore[misc]
        of = hosts[0].partition(".")[0] if len(hosts) == 1 else count(len(hosts), "host")
        record = "; this console is read-only, so it is recorded in commands.log, not in the journal"
        kept = record if self._context.read_only else ""
        self._app.flash(f"{command.name} for {of} started {_WHERE[where]}{kept}")

    async def _on_screen(self, runner: RowCommandRunner, command: RowCommand, host: str) -> None:
        driver = self._app._driver
        if not isinstance(driver, SafeDriver):
            self._app.flash(f"{command.name}: there is no terminal; nothing was run")
            return
        await driver.lend_terminal()
        try:
            ended = await runner.run_on_screen(command, host)
        except asyncio.CancelledError:  # the screen has ended
            driver.take_back(show=False)
            raise
        except Exception:
            driver.take_back(show=True)
            raise
        driver.take_back(show=True)
        self._ended(command, host, ended)

    def _ended(self, command: RowCommand, host: str, ended: str) -> None:
        self._app.flash(f"{command.name} for {host.partition('.')[0]}: {ended}")


_WHERE = {RunsIn.PANE: "in tmux", RunsIn.WINDOW: "in a window of tmux", RunsIn.BACKGROUND: "in the background"}
