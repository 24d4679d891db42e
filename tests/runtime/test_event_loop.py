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


LOST = """
    import asyncio, os, signal
    from quads_tui.cli.terminal import run_with_exit_status
    from quads_tui.runtime.event_loop import run_to_end
    from quads_tui.runtime.options import Options
    from quads_tui.runtime.process_resources import ProcessResources

    class Dropping:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)  # what a handler raises here is printed and dropped
            for _ in range(1000): pass

    async def work():
        if {swallows}:
            try:
                await asyncio.sleep(100_000)
            except asyncio.CancelledError:
                print("swallowed", flush=True)
        if {listens}:
            resources = ProcessResources()
            resources.listen()
            await resources.ended.wait()
            print("told", resources.signal, flush=True)
        else:
            await asyncio.sleep(100_000)

    def begin():
        Dropping()
        return run_to_end(work()) or 143

    raise SystemExit(run_with_exit_status(Options(), begin))
"""


@pytest.mark.parametrize(("swallows", "listens"), [(True, True), (True, False), (False, False)])
def test_a_signal_that_was_lost_before_anything_listened_ends_the_command_all_the_same(swallows: bool, listens: bool) -> None:
    command = [
        sys.executable,
        "-c",
        textwrap.dedent(LOST).replace("{swallows}", str(swallows)).replace("{listens}", str(listens)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert "Exception ignored in" in done.stderr
    assert (done.stdout, done.returncode) == ("swallowed\n" * swallows + "told SIGTERM\n" * listens, 143)


HURRIED = """
    import sys, time
    from quads_tui.cli.streams import Streams
    from quads_tui.runtime.process_resources import ProcessResources

    Streams()
    resources = ProcessResources()
    sys.stdout.write("first\\n")
    time.sleep(0.1)
    sys.stdout.write("last\\n")
    resources._signalled("SIGTERM")
    resources._signalled("SIGTERM")
"""


def test_what_was_printed_just_before_the_second_signal_is_not_lost() -> None:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(HURRIED)], capture_output=True, text=True, timeout=PATIENCE)
    assert (done.stdout, done.returncode) == ("first\nlast\n", 143)
