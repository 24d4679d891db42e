"""Programs on a terminal: in a pane or a window of tmux, or on the terminal of this process while the screen has left it.

Each is started by terminal_launcher.py, which is told over a Unix socket what to run: no shell, no format of tmux and no process
list ever has a fact of a host or a variable of the environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import Any

from quads_tui.inputs.environment import Child, child_environment
from quads_tui.rollout.text import clean

from .tmux import TmuxFailed, open_pane

_SCREEN = 24  # rows without which the console shows nothing
_START_TIMEOUT = 20.0  # real seconds from the request until the launcher asks what to run
_LONGEST_SOCKET = 100  # characters of its path; the kernel takes 107
_LAUNCHER = [sys.executable, "-I", "-S", str(Path(__file__).with_name("terminal_launcher.py"))]


async def run_in_tmux(name: str, argv: Sequence[str], *, window: bool) -> str:
    """Run it in a pane below the screen if that leaves the screen high enough, else in a window of its own. Gives how it ended.

    It goes on when this process ends: it is the operator's tmux. Cancelling leaves it too.
    """
    try:
        return await _run(name, argv, False, lambda words: open_pane(words, name, beside=0 if window else _SCREEN))
    except TmuxFailed as error:
        return f"could not be started: {error}"


async def run_on_terminal(name: str, argv: Sequence[str], terminal: int) -> str:
    """Run it on the terminal of this process, an open file, as its foreground job; gives how it ended.

    The terminal's modes are those for a program, but for signals of its keys, which the launcher turns on and off. The caller
    takes the foreground back. Cancelling ends it.
    """
    process: asyncio.subprocess.Process | None = None

    async def start(words: Sequence[str]) -> None:
        nonlocal process
        process = await asyncio.create_subprocess_exec(
            *words, stdin=terminal, stdout=terminal, stderr=terminal, env=child_environment(Child.ROW_COMMAND)
        )

    try:
        ended = await _run(name, argv, True, start)
        if process is not None:
            await process.wait()  # the operator reads its last lines
        return ended
    except OSError as error:
        return f"could not be started: {error.strerror}"
    finally:
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):  # its group, once it has one
                (os.killpg if os.getpgid(process.pid) == process.pid else os.kill)(process.pid, 9)
            await process.wait()


async def _run(name: str, argv: Sequence[str], take: bool, start: Callable[[Sequence[str]], Awaitable[None]]) -> str:
    told = {
        "argv": list(argv),
        "env": child_environment(Child.ROW_COMMAND),
        "directory": str(Path.cwd()),
        "name": name,
        "take": take,
    }
    heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    begun = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if begun.is_set():
            writer.close()
            return
        begun.set()
        answer = b""
        with suppress(OSError, ValueError, asyncio.CancelledError):  # cancelled at the end: asyncio would print that
            writer.write(json.dumps(told).encode() + b"\n")
            answer = await reader.readline()
        writer.close()
        if not heard.done():
            heard.set_result(_words(answer))

    directory = Path(await asyncio.to_thread(_private_directory))
    try:
        server = await asyncio.start_unix_server(serve, directory / "s")
        try:
            await start([*_LAUNCHER, str(directory / "s")])
            try:
                async with asyncio.timeout(_START_TIMEOUT):
                    await begun.wait()
            except TimeoutError:
                return "could not be started: its terminal was closed, or did not open"
            return await heard
        finally:
            server.close()
    finally:
        await asyncio.to_thread(rmtree, directory, ignore_errors=True)


def _private_directory() -> str:
    """0700, with a path short enough for a socket."""
    made = tempfile.mkdtemp(prefix="quads-tui-")
    if len(made) > _LONGEST_SOCKET:
        Path(made).rmdir()
        made = tempfile.mkdtemp(prefix="quads-tui-", dir="/tmp")
    return made


def _words(answer: bytes) -> str:
    """How it ended, in words, by what the launcher sent; nothing: its terminal was closed."""
    try:
        ended: Any = json.loads(answer)
        if "error" in ended:
            return f"could not be started: {clean(ended['error'])}"
        status = int(ended["status"])
    except (ValueError, KeyError, TypeError):
        return "its terminal was closed"
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"
