"""Runs the site's row commands for one rollout, whichever screens it is shown on, and keeps what was run."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import shlex
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from quads_tui.inputs import InputError, load_site
from quads_tui.inputs.environment import Child
from quads_tui.inputs.patterns import fits
from quads_tui.journal.catalogue import StoredRollout
from quads_tui.rollout.commands import RecordRowCommand
from quads_tui.rollout.hooks import CommandResult
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.ports import Control
from quads_tui.rollout.row_commands import AT_ONCE, RowCommand, RunsIn, argv
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.text import clean
from quads_tui.services.commands import run_command
from quads_tui.services.terminal_programs import run_in_tmux, run_on_terminal
from quads_tui.services.tmux import in_tmux

from .options import current_user

log = logging.getLogger(__name__)

LOG = "commands.log"  # beside the journal: what was run without control of the rollout
_KEPT = 1 << 20  # bytes of that file; further lines are dropped


def recorded_by(control: Control, read_only: Callable[[], bool] = lambda: False) -> Callable[[RecordRowCommand], bool]:
    """A `record` for SiteCommands: into the journal of the rollout by way of its engine, unless there is no control of it now."""

    def record(command: RecordRowCommand) -> bool:
        if read_only():
            return False
        control.submit(command)
        return True

    return record


async def site_commands_of(
    stored: StoredRollout, rollout: Rollout, record: Callable[[RecordRowCommand], bool] = lambda command: False
) -> SiteCommands | None:
    """Those of the site file that the rollout was started with, as it reads now; None: it has gone, or is wrong."""
    try:
        site = await asyncio.to_thread(load_site, Path(stored.facts["site"]))
    except (InputError, KeyError):
        return None
    return SiteCommands(site.commands, rollout, record, stored.directory)


class SiteCommands:
    """Implements rollout.row_commands.RowCommandRunner.

    `record` puts a line into the journal, and gives False where this process has no control of the rollout: then the line goes
    into `commands.log` in `directory`. Commands in the background end with this process; their output is kept in `directory`.
    """

    def __init__(
        self,
        commands: Sequence[RowCommand],
        rollout: Rollout,
        record: Callable[[RecordRowCommand], bool],
        directory: Path,
    ) -> None:
        self.commands = commands
        self._rollout = rollout
        self._plans: dict[str, HostPlan] = {host.name: host for host in rollout.plan.hosts}
        self._record = record
        self._directory = directory
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def free(self) -> int:
        return AT_ONCE - len(self._tasks)

    def is_for(self, command: RowCommand, host: str) -> bool:
        return not command.hosts or fits(host.lower(), command.hosts)

    def argv(self, command: RowCommand, host: str) -> tuple[str, ...]:
        return argv(command, self._rollout.plan, self._plans[host])

    def runs_in(self, command: RowCommand) -> RunsIn:
        needs_tmux = command.runs_in in (RunsIn.PANE, RunsIn.WINDOW)
        return RunsIn.SCREEN if needs_tmux and not in_tmux() else command.runs_in

    def start(self, command: RowCommand, host: str, on_end: Callable[[str], None]) -> None:
        words, where = self.argv(command, host), self.runs_in(command)

        async def run() -> None:
            ended = "ended with quads-tui"
            await self._keep(host, f"{command.name} for {_short(host)} in the {where}: {shlex.join(words)}")
            try:
                if where is RunsIn.BACKGROUND:
                    ended = await self._in_background(command, host, words)
                else:
                    ended = await run_in_tmux(command.name, words, window=where is RunsIn.WINDOW)
                on_end(ended)
            except Exception as error:  # of the screen, or of this machine: nothing that concerns the rollout
                log.exception("row command %s", command.name)
                ended = f"{type(error).__name__}: {error}"
            finally:
                await self._keep(host, f"{command.name} for {_short(host)}: {ended}")

        self._begin(run())

    async def run_on_screen(self, command: RowCommand, host: str) -> str:
        words = self.argv(command, host)
        await self._keep(host, f"{command.name} for {_short(host)} on the screen: {shlex.join(words)}")
        assert sys.__stdin__ is not None
        terminal = os.open(os.ttyname(sys.__stdin__.fileno()), os.O_RDWR | os.O_NOCTTY)
        ended = "ended with quads-tui"
        try:
            ended = await run_on_terminal(command.name, words, terminal)
        finally:
            os.close(terminal)
            await self._keep(host, f"{command.name} for {_short(host)}: {ended}")
        return ended

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_background(self, command: RowCommand, host: str, words: Sequence[str]) -> str:
        result = await run_command(words, {}, command.timeout, child=Child.ROW_COMMAND)
        ended = "exit status 0" if result.ok else result.reason
        if not result.output or result.status is None:
            return ended
        try:
            return f"{ended}; output in {await asyncio.to_thread(self._keep_output, command, host, result)}"
        except OSError as error:
            return f"{ended}; its output could not be kept: {error.strerror}"

    def _keep_output(self, command: RowCommand, host: str, result: CommandResult) -> Path:
        """Its last lines, clean, in a file of its own; gives its path below the directory of the rollout."""
        (self._directory / "commands").mkdir(mode=0o700, exist_ok=True)
        short = _short(host).replace("/", "_")
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{command.name}-{short}-{secrets.token_hex(2)}.txt"
        path = Path("commands") / name
        opened = os.open(self._directory / path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            file.write("\n".join(result.output) + "\n")
        return path

    async def _keep(self, host: str, text: str) -> None:
        """Who, when and what: in the journal, or beside it."""
        text = clean(text, 500)
        over = self._rollout.ended_at is not None  # its journal takes nothing more
        if not over and self._record(RecordRowCommand((host,), text)):
            return
        try:
            await asyncio.to_thread(self._write_line, host, text)
        except OSError as error:
            log.warning("%s of %s is not kept: %s", text, host, error)

    def _write_line(self, host: str, text: str) -> None:
        line = json.dumps({"at": time.time(), "who": current_user(), "host": host, "text": text}) + "\n"
        descriptor = os.open(self._directory / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "a") as file:
            if file.tell() < _KEPT:
                file.write(line)


def _short(host: str) -> str:
    return clean(host.partition(".")[0], 80, compared=True)
