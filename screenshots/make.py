"""Makes the pictures of this folder from a real rehearsal of 700 hosts with faults: SVG and PNG.

python screenshots/make.py
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
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
PICTURES: Mapping[str, Sequence[str]] = {
    "main-80x24": (),
    "main-120x40": (),
    "main-200x60": (),
    "detail-80x24": ("f", "enter"),
    "causes-120x40": ("F",),
    "graphs-120x40": ("v",),
    "map-120x40": ("M",),
    "retry-120x40": ("f", "asterisk", "r"),
}
"""Name and size: the keys that lead there."""


def size_of(name: str) -> tuple[int, int]:
    """Columns and rows of the picture."""
    width, height = name.rpartition("-")[2].split("x")
    return int(width), int(height)


async def photograph(running: RunningRollout) -> None:
    """When a third of the hosts is done: the main screen at three sizes, and what is one key away from it."""
    while running.rollout.counts[HostStatus.DONE] < len(running.rollout.hosts) / 3:
        await asyncio.sleep(0.2)
    for name, keys in PICTURES.items():
        await _taken(running, name, keys)
    running.executor.stop("operator")


async def _taken(running: RunningRollout, name: str, keys: Sequence[str]) -> None:
    console, size = Console(running.view, running.executor), size_of(name)

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


def main() -> None:
    with tempfile.TemporaryDirectory() as state:
        options = Options(state_dir=Path(state), yes=True)
        with rehearsal_emulators(options, hosts=700, seed=1, speed=30.0, faults="realistic", notify=print) as given:
            asyncio.run(roll_out(given, options, ProcessResources(), TerminalOperator(), photograph))


if __name__ == "__main__":
    main()
