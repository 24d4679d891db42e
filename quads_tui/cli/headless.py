"""`--headless`: progress on stderr, as a bar on a terminal, else as lines."""

from __future__ import annotations

import asyncio
import sys

from quads_tui.console.output import LosslessText
from quads_tui.rollout.stages import HostStatus
from quads_tui.runtime.options import notify
from quads_tui.runtime.running_rollout import RunningRollout

_LINE_INTERVAL = 10.0  # real seconds between two plain lines
_LOOK_INTERVAL = 1.0  # real seconds between two looks at what waits for the reader of --json: each wakes an idle process
MAX_UNREAD = 1_000_000  # bytes of JSON lines that may wait for their reader until no new host begins


async def headless(running: RunningRollout, *, json: bool) -> None:
    """Progress on stderr until no host can move without a human and no console is attached: a bar on a terminal, else a line
    every ten seconds.
    """
    for warning in (*running.view.warnings, *running.rollout.plan.cautions):
        notify(f"warning: {warning}")
    helpers = [asyncio.create_task(_drawn(running) if sys.stderr.isatty() and not json else print_progress(running))]
    if json and isinstance(sys.stdout, LosslessText):
        helpers.append(asyncio.create_task(_keep_pace(running, sys.stdout)))
    try:
        await running.settled()
    finally:
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)


async def _keep_pace(running: RunningRollout, stdout: LosslessText) -> None:
    """No host begins while too much waits for the reader of --json; without a reader the rollout goes on, and that is said."""
    stdout.required = True
    output, blocked = stdout.output, False
    while output.dead is None:
        if not blocked and output.waiting > MAX_UNREAD:
            blocked = True
            why = f"the reader of --json does not read: {output.waiting} bytes wait for it"
            running.executor.block_new_hosts(why)
            notify(f"new hosts are paused: {why}")
        elif blocked and output.waiting < MAX_UNREAD // 2:
            blocked = False
            running.executor.block_new_hosts("")
            notify("new hosts are no longer paused: the reader of --json reads again")
        await asyncio.sleep(_LOOK_INTERVAL)
    if blocked:
        running.executor.block_new_hosts("")
    notify(f"quads-tui: the output of --json cannot be written: {output.dead.strerror}; the rollout continues")


async def print_progress(running: RunningRollout) -> None:
    while True:
        notify(running.line())
        await asyncio.sleep(_LINE_INTERVAL)


async def _drawn(running: RunningRollout) -> None:
    """One bar and the counts, redrawn four times a second by rich."""
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.text import Text

    class Counts(TextColumn):
        def render(self, task: object) -> Text:
            return Text(running.line())

    console = RichConsole(stderr=True)
    with Progress(BarColumn(24), Counts(""), console=console, refresh_per_second=4) as progress:
        task = progress.add_task("", total=len(running.rollout.hosts))
        while True:
            counts = running.rollout.counts
            progress.update(task, completed=sum(counts[status] for status in HostStatus if status.is_final))
            await asyncio.sleep(0.25)
