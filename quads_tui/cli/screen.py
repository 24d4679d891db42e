"""The console of a rollout that this process runs, as often as the operator opens it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from quads_tui.runtime.options import notify
from quads_tui.runtime.running_rollout import RunningRollout
from quads_tui.services.tmux import in_tmux, load_buffer

from .headless import print_progress

if TYPE_CHECKING:
    from pathlib import Path

    from quads_tui.console.fault_tolerant_app import FaultTolerantApp
    from quads_tui.console.settings import Settings

_LEAVING = 1.0  # real seconds that a screen gets to end


async def screen(running: RunningRollout) -> None:
    """Show the console as often as the operator opens it; plain lines in between. Returns when it was left and nothing moves.

    A terminal that hangs up ends the screen only: the rollout continues, and an attached console takes control.
    """
    while True:
        left = await run_screen(running)
        if left == "gone" or running.hung_up.is_set():
            await running.settled()
            return
        if running.executor.stopped or running.rollout.settled or not await wait_for_enter(running):
            return


async def run_screen(running: RunningRollout) -> str | None:
    """One console over it, until it is left ("leave"), or the terminal has gone ("gone")."""
    from quads_tui.console.app import Console

    settings = settings_of(running.view.directory)
    console = Console(running.view, running.executor, settings=settings, row_commands=running.row_commands)
    with running.shown_on(console):
        left: str | None = await run_until_exit(console, running.executor.halted, running.hung_up)
    return left


def settings_of(rollout: Path | None) -> Settings:
    """What the screen remembers, in the state directory that the directory of this rollout is in."""
    from quads_tui.console.settings import FILE, Settings

    return Settings(rollout.parents[1] / FILE if rollout is not None else None)


async def run_until_exit(app: FaultTolerantApp[Any], *ends: asyncio.Event) -> Any:
    """Run until it is left or one of these events is set. An error of the screen ends only the screen, which has logged it."""
    running = asyncio.create_task(run_app(app))
    waits = [asyncio.create_task(end.wait()) for end in ends]
    await asyncio.wait((running, *waits), return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        app.exit("ended")
        await asyncio.wait((running,), timeout=_LEAVING)
    for wait in waits:
        wait.cancel()
    if not running.done():  # the terminal does not read any more: do not wait for the screen
        running.add_done_callback(lambda task: task.cancelled() or task.exception())
        return "gone"
    return running.result() if running.exception() is None else "gone"


async def run_app(app: FaultTolerantApp[Any]) -> Any:
    """Every screen of this program runs through here, and copies to the tmux around it, if there is one."""
    app.tmux_buffer = load_buffer if in_tmux() else None
    return await app.run_async()


async def wait_for_enter(*all_running: RunningRollout) -> bool:
    """Print progress lines; True when the operator wants the screen back, False when nothing moves any more."""
    notify(
        "The rollout continues. Press Enter to open the screen again."
        if len(all_running) == 1
        else "The rollouts continue. Press Enter to open the screen again."
    )
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def pressed() -> None:
        try:
            line = sys.stdin.readline()
        except OSError:
            line = ""
        if not line:
            loop.remove_reader(sys.stdin)  # the terminal has gone
        else:
            asked.set()

    loop.add_reader(sys.stdin, pressed)
    lines = [asyncio.create_task(print_progress(running)) for running in all_running]

    async def over() -> None:
        for running in all_running:
            await running.executor.settled()

    waits = [asyncio.create_task(wait) for wait in (asked.wait(), over(), *(running.hung_up.wait() for running in all_running))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return asked.is_set()
    finally:
        loop.remove_reader(sys.stdin)
        for task in (*lines, *waits):
            task.cancel()
        await asyncio.gather(*lines, *waits, return_exceptions=True)
