"""The tmux that this process runs in: its paste buffer, and panes and windows of it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress

from quads_tui.inputs.environment import Child, child_environment
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.text import clean

_LOWEST, _HIGHEST = 8, 20  # rows of a pane
_TIMEOUT = 5.0  # real seconds for one request to the tmux server


class TmuxFailed(QuadsTuiError):
    """tmux did not do it; the text says why."""


def in_tmux(environ: Mapping[str, str] | None = None) -> bool:
    """Whether the terminal of this process is a pane of a tmux on this machine."""
    given = os.environ if environ is None else environ
    return bool(given.get("TMUX")) and shutil.which("tmux", path=given.get("PATH")) is not None


async def load_buffer(text: str) -> None:
    """Put it into the paste buffer and, if tmux (3.2 or newer) and the terminal can do that, into the clipboard of the terminal.

    Raises TmuxFailed.
    """
    try:
        await _tmux(["load-buffer", "-w", "-"], text)
    except TmuxFailed:
        await _tmux(["load-buffer", "-"], text)


async def open_pane(argv: Sequence[str], window: str, *, beside: int = 0) -> None:
    """Run `argv` in a new window of that name; or in a pane below that of this process, if `beside`, the rows that are to be left
    to it, leaves _LOWEST rows to the pane.

    tmux would give a single word to a shell, expands formats (#{...}, #(...)) in the name of a window, and takes a semicolon that
    ends a word for the end of its command: `argv` has two words or more, and all of it are texts of ours, never of a host.
    Raises TmuxFailed.
    """
    assert len(argv) > 1, "a single word would be a shell's"
    pane = os.environ.get("TMUX_PANE", "")
    ours = ["-t", pane] if pane else []  # else that of the window that somebody looks at
    rows = int(await _tmux(["display-message", "-p", *ours, "#{pane_height}"]) or 0) - beside - 1 if beside else 0
    if rows < _LOWEST:
        await _tmux(["new-window", "-a", "-n", window, *argv])
    else:
        await _tmux(["split-window", *ours, "-l", str(min(rows, _HIGHEST)), *argv])


async def _tmux(words: Sequence[str], text: str = "") -> str:
    """What it printed."""
    try:
        process = await asyncio.create_subprocess_exec(
            "tmux",
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=child_environment(Child.ROW_COMMAND),
            start_new_session=True,
        )
    except OSError as error:
        raise TmuxFailed(f"tmux could not be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(_TIMEOUT):
            printed, said = await process.communicate(text.encode(errors="replace"))
    except TimeoutError:
        raise TmuxFailed(f"tmux did not answer within {_TIMEOUT:.0f} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise TmuxFailed(clean(said.decode(errors="replace"), 200) or f"tmux ended with status {process.returncode}")
    return clean(printed.decode(errors="replace"), 200)
