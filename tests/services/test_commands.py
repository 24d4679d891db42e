"""Commands of the site: their own end counts, and neither their children nor their output hold anything up."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from pathlib import Path

import pytest

from quads_tui.services.commands import run_command
from tests.waiting import until

LONG = 60.0


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def test_the_last_lines_and_the_exit_status() -> None:
    ended = await run_command(python("print('\\n'.join(str(n) for n in range(50))); raise SystemExit(3)"), {}, LONG)
    assert (ended.status, ended.ok, ended.output) == (3, False, tuple(str(n) for n in range(30, 50)))
    assert ended.reason == "exit status 3: 49"


async def test_a_program_that_is_not_there() -> None:
    ended = await run_command(["/nonexistent/program"], {}, LONG)
    assert ended.status is None
    assert "could not be started: " in ended.reason


async def test_f9_a_child_that_keeps_the_pipe_is_ended_and_the_end_of_the_program_counts(tmp_path: Path) -> None:
    child = tmp_path / "child"
    program = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(child)!r}, "w").write(str(child.pid))
print("done", flush=True)
"""
    ended = await run_command(python(program), {}, LONG)
    assert (ended.status, ended.timed_out, ended.output) == (0, False, ("done",))
    pid = int(child.read_text())
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:1]:
        await asyncio.sleep(0.01)  # ends, or the test does with its timeout


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 40])
async def test_a_cancelled_command_leaves_no_descriptor_behind(turns: int) -> None:
    """Cancelled while it starts, before and while its output is read."""
    gc.collect()  # what earlier tests left goes now, and not while this one counts
    before = set(Path("/proc/self/fd").iterdir())
    task = asyncio.ensure_future(run_command(python("import time; print('x', flush=True); time.sleep(600)"), {}, LONG))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: set(Path("/proc/self/fd").iterdir()) <= before, 20)


@pytest.mark.parametrize("text", ["x\\n", "\\n", "a" * 10_000, "\\x1b[2J\\n"])
async def test_f9_a_flood_of_output_costs_the_loop_nothing(text: str) -> None:
    program = f"import sys\ntry:\n  while True: sys.stdout.write('{text}' * 1000)\nexcept OSError: pass"
    began, cpu = time.monotonic(), time.thread_time()
    ended = await run_command(python(program), {}, 1.0)
    used, lasted = time.thread_time() - cpu, time.monotonic() - began
    assert ended.timed_out
    assert used < lasted / 4
    assert len(ended.output) <= 20
    assert all(len(line) <= 400 and line.isprintable() for line in ended.output)


async def test_a_cancelled_caller_leaves_nobody_behind(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    program = python(f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    task = asyncio.ensure_future(run_command(program, {}, LONG))
    while not (mark.exists() and mark.read_text()):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


async def test_its_environment_is_what_it_needs_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREMAN_PASSWORD", "not-for-hooks")
    ended = await run_command(python("import os; print(sorted(os.environ))"), {"QUADS_TUI_HOST": "h"}, LONG)
    assert "QUADS_TUI_HOST" in ended.output[0]
    assert "FOREMAN_PASSWORD" not in ended.output[0]
