"""One run of ipmitool: a process of its own group, its password through a pipe, bounded in time and output.

Each run is one session: ipmitool logs in, sends the requests that it reads from its standard input, and closes the session.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from quads_tui.inputs import Secret

PROGRAM = "ipmitool"
_WAIT, _TRIES = "1", "3"  # real seconds for the answer to a packet, and how often each is sent
_NICE = 10  # it computes for some 8 ms, and the loop of the console goes before
# With a registry of one manufacturer: ipmitool reads the machine's (5 MB, 30 ms of CPU) at each start, and nothing here
# asks it for their names.
_HOME = str(Path(__file__).with_name("home"))
_MOST = 1 << 15  # bytes of each output
_LONGEST = 45.0  # real seconds of a run; with three tries ipmitool itself gives a silent BMC up after 12
_CLOSING = 4.0  # real seconds for a run that nobody waits for any more: it closes its session
ANSWERED = "RAW RSP"  # ipmitool -v: an answer came, so the session stands


@dataclass(frozen=True, slots=True)
class Output:
    """`status` None: it was ended because it took too long or wrote too much."""

    status: int | None
    answers: str
    messages: str
    sent: bool = False  # what was gated was given to it


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who logs in where, and how."""

    host: str
    port: int
    username: str
    password: Secret = field(repr=False)
    cipher_suite: int
    privilege: str


def is_installed() -> bool:
    """Whether there is an ipmitool to run."""
    return shutil.which(PROGRAM) is not None


async def run_ipmitool(
    account: Account, lines: Sequence[str], gated: Sequence[str] = (), gate: Callable[[], Awaitable[None]] | None = None
) -> Output:
    """Send `lines`, then `gated` if there are any, after their `gate` passed: it is asked when the session stands.

    What `gate` raises is raised when the process has ended, with nothing of `gated` sent. OSError where there is no ipmitool.
    """
    task = asyncio.ensure_future(_run(account, lines, gated, gate))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=_CLOSING)
        task.cancel()
        await asyncio.wait({task})
        raise


async def _run(
    account: Account, lines: Sequence[str], gated: Sequence[str], gate: Callable[[], Awaitable[None]] | None
) -> Output:
    process = await _start(account)
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    answers, messages, stands, flood = bytearray(), bytearray(), asyncio.Event(), asyncio.Event()
    readers = [
        asyncio.ensure_future(_read(process.stdout, answers, flood)),
        asyncio.ensure_future(_read(process.stderr, messages, flood, stands)),
    ]
    ending, flooding = asyncio.ensure_future(process.wait()), asyncio.ensure_future(flood.wait())
    sent = False
    try:
        async with asyncio.timeout(_LONGEST):
            _write(process.stdin, lines)
            if gated and gate is not None:
                standing = asyncio.ensure_future(stands.wait())
                await asyncio.wait({standing, ending, flooding}, return_when=asyncio.FIRST_COMPLETED)
                standing.cancel()
                if stands.is_set() and not ending.done():
                    await gate()
                    sent = True
                    _write(process.stdin, gated)
            process.stdin.close()
            await asyncio.wait({ending, flooding}, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                await asyncio.gather(*readers)
    except TimeoutError:
        pass
    finally:
        process.stdin.close()
        if not ending.done():
            await asyncio.wait({ending}, timeout=0.0 if flood.is_set() else _CLOSING)
        _end(process)
        for task in (*readers, flooding):
            task.cancel()
        await asyncio.wait({ending, *readers, flooding})
    status = None if flood.is_set() or process.returncode is None or process.returncode < 0 else process.returncode
    return Output(status, answers.decode(errors="replace"), messages.decode(errors="replace"), sent)


async def _start(account: Account) -> asyncio.subprocess.Process:
    secret, ours = os.pipe()
    try:
        os.write(ours, account.password.reveal().encode() + b"\n")
        os.close(ours)
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            *("-v", "-I", "lanplus", "-H", account.host, "-p", str(account.port), "-U", account.username),
            *("-f", f"/dev/fd/{secret}", "-C", str(account.cipher_suite), "-L", account.privilege),
            *("-N", _WAIT, "-R", _TRIES, "exec", "/dev/stdin"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": _HOME},
            pass_fds=(secret,),
            start_new_session=True,
            restore_signals=False,  # SIGPIPE stays ignored: when this process is killed, ipmitool goes on and closes its session
        )
    finally:
        os.close(secret)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
    return process


def _write(stdin: asyncio.StreamWriter, lines: Sequence[str]) -> None:
    with suppress(OSError, RuntimeError):  # it has ended already
        stdin.write("".join(f"{line}\n" for line in lines).encode())


async def _read(stream: asyncio.StreamReader, kept: bytearray, flood: asyncio.Event, stands: asyncio.Event | None = None) -> None:
    while chunk := await stream.read(4096):
        kept += chunk
        if stands is not None and ANSWERED.encode() in kept:
            stands.set()
        if len(kept) > _MOST:
            del kept[_MOST:]
            flood.set()
            return


def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
