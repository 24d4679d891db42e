"""Makes the pictures of this folder from a real rehearsal of 700 hosts with faults: SVG and PNG.

python screenshots/make.py
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from raster import png
from textual.pilot import Pilot

from quads_tui.cli.terminal import TerminalOperator
from quads_tui.console.app import Console
from quads_tui.rollout.stages import HostStatus
from quads_tui.runtime.emulator_process import rehearsal_emulators
from quads_tui.runtime.launch import roll_out
from quads_tui.runtime.options import Options
from quads_tui.runtime.process_resources import ProcessResources
from quads_tui.runtime.running_rollout import RunningRollout

HERE = Path(__file__).parent
SIZES = ((80, 24), (120, 40), (200, 60))


async def photograph(running: RunningRollout) -> None:
    """When a third of the hosts is done: the main screen at three sizes, and what is one key away from it."""
    while running.rollout.counts[HostStatus.DONE] < len(running.rollout.hosts) / 3:
        await asyncio.sleep(0.2)
    for width, height in SIZES:
        await _taken(running, f"main-{width}x{height}", (width, height), [])
    await _taken(running, "detail-80x24", (80, 24), ["f", "enter"])
    await _taken(running, "causes-120x40", (120, 40), ["F"])
    await _taken(running, "graphs-120x40", (120, 40), ["v"])
    await _taken(running, "map-120x40", (120, 40), ["M"])
    await _taken(running, "retry-120x40", (120, 40), ["f", "asterisk", "r"])
    running.executor.stop("operator")


async def _taken(running: RunningRollout, name: str, size: tuple[int, int], keys: list[str]) -> None:
    console = Console(running.view, running.executor)

    async def pilot(hand: Pilot[str]) -> None:
        await hand.pause(2.0)
        for key in keys:
            await hand.press(key)
        await hand.pause(0.5)
        svg = console.export_screenshot(title=f"quads-tui {size[0]}x{size[1]}")
        HERE.joinpath(f"{name}.svg").write_text(svg)
        png(svg, HERE / f"{name}.png")
        console.exit("leave")

    await console.run_async(headless=True, size=size, auto_pilot=pilot)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as state:
        options = Options(state_dir=Path(state), yes=True)
        with rehearsal_emulators(options, hosts=700, seed=1, speed=30.0, faults="realistic", notify=print) as given:
            asyncio.run(roll_out(given, options, ProcessResources(), TerminalOperator(), photograph))
