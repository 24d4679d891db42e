"""As pty_host.py with the real console, whose site has row commands that run Python code; started by pty_terminal.Terminal."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from quads_tui.console.app import Console
from quads_tui.rollout.row_commands import RowCommand, RunsIn
from quads_tui.rollout.view import RolloutView
from quads_tui.runtime.row_commands import SiteCommands, recorded_by
from tests.console.feed import Clock, meters, rollout
from tests.terminal.pty_host import Host, serve

PROGRAM = """
import sys, termios
print("modes", bool(termios.tcgetattr(0)[3] & termios.ISIG), bool(termios.tcgetattr(0)[3] & termios.ICANON), flush=True)
for line in iter(sys.stdin.readline, ""):
    print("heard", line.strip(), "of", sys.argv[1], flush=True)
    if line.strip() == "end":
        sys.exit(4)
"""


class RowCommandHost(Host):
    def console(self) -> Console:
        made = rollout(60)
        run = (sys.executable, "-c", PROGRAM, "{host}")
        commands = [
            RowCommand(key="x", name="talk", run=run, runs_in=RunsIn.SCREEN),
            RowCommand(key="z", name="none", run=("/nonexistent/program",), runs_in=RunsIn.PANE),
        ]
        view = RolloutView(rollout=made, meters=meters(), clock=Clock())
        site = SiteCommands(commands, made, recorded_by(self.control), Path(os.environ["HOME"]))
        return Console(view, self.control, row_commands=site)  # type: ignore[arg-type]

    def look(self) -> None:
        with suppress(OSError):  # the terminal has gone
            super().look()


def main() -> None:
    sys.argv.append("console")
    os.environ.pop("TMUX", None)
    serve(RowCommandHost)
