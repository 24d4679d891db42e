"""Signals end a command that waits, to whichever of its threads the kernel gives them."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

from tests.waiting import PATIENCE

PROGRAM = """
    import asyncio, signal, threading
    from quads_tui.cli.terminal import run_with_exit_status
    from quads_tui.runtime.event_loop import run_to_end
    from quads_tui.runtime.options import Options

    async def work():
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})  # here, so that the other thread gets them
        print("ready", flush=True)
        try:
            await asyncio.sleep(100_000)
        finally:
            print("cancelled", flush=True)

    raise SystemExit(run_with_exit_status(Options(), lambda: run_to_end(work())))
"""


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_signal_for_another_thread_ends_a_wait_of_the_loop(name: str, status: int) -> None:
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(getattr(signal, name))
            out, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert (out, process.returncode) == ("cancelled\n", status)
