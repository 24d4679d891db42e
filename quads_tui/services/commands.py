"""Commands of the site, run without a shell: bounded in time and output, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import FileIO

from quads_tui.inputs.environment import Child, child_environment
from quads_tui.rollout.hooks import CommandResult
from quads_tui.rollout.text import clean

_KEPT = 20  # lines of output
_LINE = 400  # characters of each
_TAIL = 1 << 14  # bytes that are kept of its output
_CHUNK = 1 << 15
_RATE = 1 << 21  # bytes a second that are read
_LAST_OUTPUT = 1.0  # real seconds for what was written before the end
_GRACE = 5.0  # real seconds between SIGTERM and SIGKILL


async def run_command(
    words: Sequence[str], facts: Mapping[str, str], seconds: float, *, child: Child = Child.COMMAND
) -> CommandResult:
    """Run a program for at most real `seconds`. `facts` are in its environment, beside little of ours: that for a `child`.

    It has a process group of its own. Its own end counts, whatever its children still write; the group is ended as a whole then,
    also when the time is up and when the caller is cancelled.
    """
    ours, theirs = os.pipe()  # not asyncio's own: its process.wait() waits for everybody who holds the other end
    with os.fdopen(ours, "rb", 0) as output:
        return await _run(words, {**child_environment(child), **facts}, seconds, output, theirs)


async def _run(
    words: Sequence[str], environment: Mapping[str, str], seconds: float, output: FileIO, theirs: int
) -> CommandResult:
    """`theirs`: the end of the pipe that is closed here; the program writes to it, and `output` gives what it wrote."""
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return CommandResult(None, (clean(str(error), _LINE),))
    finally:
        os.close(theirs)
    tail = bytearray()
    reading = asyncio.ensure_future(_read(output, tail))
    timed_out = False
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        timed_out = True
    finally:
        try:
            await _end(process, timed_out)
            await asyncio.wait({reading}, timeout=_LAST_OUTPUT)
        finally:
            reading.cancel()
            await asyncio.wait({reading})  # only then the pipe may be closed
    return CommandResult(process.returncode, _lines(bytes(tail)), timed_out)


async def _read(output: FileIO, tail: bytearray) -> None:
    """Keep the last bytes of what it writes, and read no faster than _RATE: a program that floods waits, and not the loop."""
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader(limit=_CHUNK)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), output)
    try:
        while chunk := await stream.read(_CHUNK):
            tail += chunk
            del tail[:-_TAIL]
            await asyncio.sleep(len(chunk) / _RATE)
    finally:
        transport.close()


def _lines(tail: bytes) -> tuple[str, ...]:
    """The last lines, clean; one whose beginning was not kept is left out."""
    lines = tail.decode(errors="replace").split("\n")
    if len(tail) == _TAIL:
        del lines[0]
    return tuple([clean(line, _LINE) for line in lines if line.strip()][-_KEPT:])


async def _end(process: asyncio.subprocess.Process, gently: bool) -> None:
    """The whole group: what the program left behind too."""
    if gently and process.returncode is None:
        _signal(process.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await process.wait()
    _signal(process.pid, signal.SIGKILL)
    await process.wait()


def _signal(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
