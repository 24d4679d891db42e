"""Programs in panes and windows of a real tmux: argument by argument as they were given, without a shell and without our secrets."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path

import pytest

from quads_tui.inputs import environment
from quads_tui.services.terminal_programs import run_in_tmux
from tests.rollout.test_row_commands import HOSTILE
from tests.waiting import until

from .test_tmux import Server, server  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

DUMP = "import json, os, sys; json.dump([sys.argv[2:], dict(os.environ), os.getcwd()], open(sys.argv[1] + '~', 'w')); os.rename(sys.argv[1] + '~', sys.argv[1])"


def panes(server: Server) -> int:  # noqa: F811
    return len(server.ask("list-panes", "-s").splitlines())


@pytest.mark.parametrize("window", [False, True])
async def test_arguments_and_environment_reach_the_program_as_they_are(
    server: Server,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    window: bool,
) -> None:
    server.ask("set-environment", "-g", "FOREMAN_PASSWORD", "of the server of tmux")
    monkeypatch.setenv("FOREMAN_PASSWORD", "s3cret")
    monkeypatch.setenv("LC_SECRET", "s3cret")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    monkeypatch.setattr(environment, "_withheld", {"LC_SECRET"})
    path = tmp_path / "dump"
    running = asyncio.create_task(run_in_tmux("sol", [sys.executable, "-c", DUMP, str(path), *HOSTILE, ""], window=window))
    await until(path.exists)
    words, environ, directory = json.loads(path.read_text())
    assert words == [*HOSTILE, ""]
    assert await running == "exit status 0"
    assert directory == str(Path.cwd())
    assert "s3cret" not in str(environ)
    assert "of the server" not in str(environ)
    assert environ["SSH_AUTH_SOCK"] == "/run/agent"
    assert environ["TMUX_PANE"] != server.pane
    assert environ["TERM"].startswith(("screen", "tmux"))
    assert panes(server) == 2, "what the program wrote can be read until Enter"
    await until(lambda: "[sol: exit status 0. Press Enter.]" in server.ask("capture-pane", "-p", "-t", environ["TMUX_PANE"]))
    server.ask("send-keys", "-t", environ["TMUX_PANE"], "Enter")
    await until(lambda: panes(server) == 1)


async def test_one_word_is_no_shells_line(server: Server, tmp_path: Path) -> None:  # noqa: F811
    program = tmp_path / "a b;touch x"
    program.write_text(f"#!/bin/sh\necho ran > {tmp_path}/ran\nexit 3\n")
    program.chmod(0o755)
    assert await run_in_tmux("x", [str(program)], window=False) == "exit status 3"
    assert (tmp_path / "ran").exists()
    assert not Path("x").exists()


async def test_how_it_ends_is_said(server: Server, tmp_path: Path) -> None:  # noqa: F811
    assert (await run_in_tmux("x", ["/nonexistent/program"], window=False)).startswith("could not be started: No such file")
    kill = [sys.executable, "-c", "import os; os.kill(os.getpid(), 15)"]
    assert await run_in_tmux("x", kill, window=True) == "killed by signal 15"
    path = tmp_path / "dump"
    wait = [sys.executable, "-c", f"{DUMP}; import time; time.sleep(600)", str(path)]
    running = asyncio.create_task(run_in_tmux("x", wait, window=False))
    await until(path.exists)
    server.ask("kill-pane", "-t", json.loads(path.read_text())[1]["TMUX_PANE"])
    assert await running in ("its terminal was closed", "killed by signal 1")
    server.end()
    assert (await run_in_tmux("x", ["true"], window=False)).startswith("could not be started: ")
