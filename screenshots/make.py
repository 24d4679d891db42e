"""Makes the pictures of this folder from a real rehearsal of 700 hosts with faults: SVG and PNG.

python screenshots/make.py
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from raster import png
from textual.pilot import Pilot

from quads_tui.cli.rehearse import rehearse
from quads_tui.cli.screen import RunningRollout
from quads_tui.console.app import Console
from quads_tui.rollout.stages import HostStatus
from quads_tui.runtime.options import Options

HERE = Path(__file__).parent
SIZES = ((80, 24), (120, 40), (200, 60))


async def photograph(front: RunningRollout) -> None:
    """When a third of the hosts is done: the main screen at three sizes, and what is one key away from it."""
    while front.rollout.counts[HostStatus.DONE] < len(front.rollout.hosts) / 3:
        await asyncio.sleep(0.2)
    for width, height in SIZES:
        await _taken(front, f"main-{width}x{height}", (width, height), [])
    await _taken(front, "detail-80x24", (80, 24), ["f", "enter"])
    await _taken(front, "causes-120x40", (120, 40), ["F"])
    await _taken(front, "graphs-120x40", (120, 40), ["v"])
    await _taken(front, "retry-120x40", (120, 40), ["f", "asterisk", "r"])
    front.executor.stop("operator")


async def _taken(front: RunningRollout, name: str, size: tuple[int, int], keys: list[str]) -> None:
    console = Console(
        front.rollout,
        front.meters,
        front.executor,
        front.clock,
        title="REHEARSAL",
        exchanges=front.exchanges,
        shots=front.directory,
    )

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
        rehearse(None, hosts=700, seed=1, speed=60.0, faults="realistic", options=Options(state_dir=Path(state)), show=photograph)
