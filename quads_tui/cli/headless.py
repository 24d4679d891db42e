"""`--headless`: progress on stderr, as a bar on a terminal, else as lines."""

from __future__ import annotations

import asyncio
import sys

from quads_tui.rollout.stages import HostStatus
from quads_tui.runtime.options import notify
from quads_tui.runtime.running_rollout import RunningRollout

_LINE_INTERVAL = 10.0  # real seconds between two plain lines


async def headless(running: RunningRollout, *, json: bool) -> None:
    """Progress on stderr until no host can move without a human and no console is attached: a bar on a terminal, else a line
    every ten seconds.
    """
    for warning in (*running.view.warnings, *running.rollout.plan.cautions):
        notify(f"warning: {warning}")
    drawing = asyncio.create_task(_drawn(running) if sys.stderr.isatty() and not json else print_progress(running))
    try:
        await running.settled()
    finally:
        drawing.cancel()
        await asyncio.gather(drawing, return_exceptions=True)


async def print_progress(running: RunningRollout) -> None:
    while True:
        notify(running.line())
        await asyncio.sleep(_LINE_INTERVAL)


async def _drawn(running: RunningRollout) -> None:
    """One bar and the counts, redrawn four times a second by rich."""
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class Counts(TextColumn):
        def render(self, task: object) -> Text:
            return Text(running.line())

    console = RichConsole(stderr=True)
    with Progress(BarColumn(24), TimeElapsedColumn(), Counts(""), console=console, refresh_per_second=4) as progress:
        task = progress.add_task("", total=len(running.rollout.hosts))
        while True:
            counts = running.rollout.counts
            progress.update(task, completed=sum(counts[status] for status in HostStatus if status.is_final))
            await asyncio.sleep(0.25)
