"""Commands of the site, run without a shell: bounded in time and output, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from quads_tui.rollout.text import clean

_KEPT = 20  # lines of output
_LINE = 400  # characters of each
_GRACE = 5.0  # real seconds between SIGTERM and SIGKILL
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "USER", "LOGNAME", "TMPDIR", "TZ")  # what a command gets of ours


@dataclass(frozen=True, slots=True)
class Ended:
    """`status`: the exit status, negative for a signal; None where it was not even started. `output`: the last lines, clean."""

    status: int | None
    output: tuple[str, ...]
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        return self.status == 0 and not self.timed_out

    @property
    def reason(self) -> str:
        """Why it is not ok, in words."""
        said = f": {self.output[-1]}" if self.output else ""
        if self.timed_out:
            return f"ended because it took too long{said}"
        if self.status is None:
            return f"cannot be started{said}"
        return f"killed by signal {-self.status}{said}" if self.status < 0 else f"exit status {self.status}{said}"


async def run_command(words: Sequence[str], facts: Mapping[str, str], seconds: float) -> Ended:
    """Run a program for at most real `seconds`. `facts` are in its environment, beside little of ours.

    It has a process group of its own, which is ended as a whole: when the time is up, and when the caller is cancelled.
    """
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**environment, **facts},
            start_new_session=True,
            limit=1 << 16,
        )
    except (OSError, ValueError) as error:
        return Ended(None, (clean(str(error), _LINE),))
    assert process.stdout is not None
    kept: deque[str] = deque(maxlen=_KEPT)
    reading = asyncio.ensure_future(_read(process.stdout, kept))
    timed_out = False
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        timed_out = True
    finally:
        await _end(process, timed_out)
        with suppress(TimeoutError):  # a grandchild may keep the pipe open; what it says is not waited for
            async with asyncio.timeout(1.0):
                await reading
        reading.cancel()
    return Ended(process.returncode, tuple(kept), timed_out)


async def _read(stream: asyncio.StreamReader, kept: deque[str]) -> None:
    rest = b""
    while chunk := await stream.read(1 << 14):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[-_LINE:]
        for line in lines:
            if line.strip():
                kept.append(clean(line.decode(errors="replace"), _LINE))
    if rest.strip():
        kept.append(clean(rest.decode(errors="replace"), _LINE))


async def _end(process: asyncio.subprocess.Process, gently: bool) -> None:
    """The whole group, where the program itself has not ended."""
    if process.returncode is not None:
        return
    if gently:
        _signal(process.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await process.wait()
    _signal(process.pid, signal.SIGKILL)
    await process.wait()


def _signal(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
