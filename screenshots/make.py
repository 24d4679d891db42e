"""Makes the pictures of this folder from a real rehearsal of 700 hosts with faults: SVG and PNG.

python screenshots/make.py
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from raster import png
from textual.pilot import Pilot

from quads_tui.cli.start_screen import StartController
from quads_tui.cli.terminal import TerminalOperator
from quads_tui.console.app import Console
from quads_tui.console.fault_tolerant_app import FaultTolerantApp
from quads_tui.console.settings import FILE, Settings
from quads_tui.console.start_screen import StartApp
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import Rollout
from quads_tui.runtime.emulator_process import rehearsal_emulators
from quads_tui.runtime.launch import roll_out
from quads_tui.runtime.options import Options
from quads_tui.runtime.process_resources import ProcessResources
from quads_tui.runtime.running_rollout import RunningRollout

HERE = Path(__file__).parent


class Moment(Enum):
    """Of the rehearsal; the value is the share of the hosts that are done by then."""

    EARLY = 0.05
    MIDDLE = 0.33
    LATE = 0.85
    END = 2.0  # no host can move by itself


@dataclass(frozen=True, slots=True)
class Picture:
    """`keys` lead to it from the main screen."""

    when: Moment
    keys: Sequence[str] = ()
    theme: str = "dark"


HOST, QUESTION = ("f", "enter"), ("f", "asterisk", "r")
PICTURES: Mapping[str, Picture] = {
    "early-120x40": Picture(Moment.EARLY),
    "main-80x24": Picture(Moment.MIDDLE),
    "main-120x40": Picture(Moment.MIDDLE),
    "main-200x60": Picture(Moment.MIDDLE),
    "light-120x40": Picture(Moment.MIDDLE, theme="light"),
    "mono-120x40": Picture(Moment.MIDDLE, theme="mono"),
    **{f"detail-{size}": Picture(Moment.MIDDLE, HOST) for size in ("80x24", "120x40", "200x60")},
    "causes-120x40": Picture(Moment.MIDDLE, ("F",)),
    **{f"graphs-{size}": Picture(Moment.LATE, ("v",)) for size in ("80x24", "120x40", "200x60")},
    **{f"map-{size}": Picture(Moment.MIDDLE, ("M",)) for size in ("80x24", "120x40", "200x60")},
    **{f"retry-{size}": Picture(Moment.MIDDLE, QUESTION) for size in ("80x24", "120x40", "200x60")},
    "late-80x24": Picture(Moment.LATE),
    "late-120x40": Picture(Moment.LATE),
    "late-200x60": Picture(Moment.LATE),
    **{f"end-{size}": Picture(Moment.END) for size in ("80x24", "120x40", "200x60")},
}
"""By name and size."""
START_SCREENS = ("start-80x24", "start-120x40", "start-200x60")


def size_of(name: str) -> tuple[int, int]:
    """Columns and rows of the picture."""
    width, height = name.rpartition("-")[2].split("x")
    return int(width), int(height)


def reached(moment: Moment, rollout: Rollout) -> bool:
    if moment is Moment.END:
        return rollout.settled
    return bool(rollout.counts[HostStatus.DONE] >= moment.value * len(rollout.hosts))


async def photograph(running: RunningRollout, options: Options, resources: ProcessResources) -> None:
    """At each moment the screens that belong to it."""
    for moment in Moment:
        while not reached(moment, running.rollout):
            await asyncio.sleep(0.2)
        for name, picture in PICTURES.items():
            if picture.when is moment:
                await _taken(Console(running.view, running.executor), name, picture)
        if moment is Moment.MIDDLE:
            await _start_screens(options, resources)


async def _start_screens(options: Options, resources: ProcessResources) -> None:
    """What `quads-tui` without a command shows of the rollouts of this directory: this one runs."""
    controller = StartController(options, resources)
    refreshing = asyncio.create_task(controller.index.refresh())
    while not controller.is_read:
        await asyncio.sleep(0.1)
    for name in START_SCREENS:
        await _taken(StartApp(controller, Settings(options.state / FILE)), name, Picture(Moment.MIDDLE))
    refreshing.cancel()
    controller.index.close()


async def _taken(app: FaultTolerantApp[Any], name: str, picture: Picture) -> None:
    size = size_of(name)

    async def pilot(hand: Pilot[object]) -> None:
        app.choose_palette(picture.theme)
        await hand.pause(2.0)
        for key in picture.keys:
            await hand.press(key)
        await hand.pause(0.5)
        if isinstance(app, Console):
            app.panels()  # all of it at one moment: the clock of the rehearsal runs half a minute in a second
            app.table.refresh()
        svg = app.export_screenshot(title=f"quads-tui {size[0]}x{size[1]}")
        HERE.joinpath(f"{name}.svg").write_text(svg)
        png(svg, HERE / f"{name}.png")
        app.exit("leave")

    await app.run_async(headless=True, size=size, auto_pilot=pilot)


def earlier(state: Path) -> None:
    """Two rehearsals before this one: one to its end, one that was ended in the middle and can be resumed."""
    words = [sys.executable, "-m", "quads_tui", "rehearse", "--state-dir", str(state), "--json", "--faults", "realistic"]
    subprocess.run([*words, "--hosts", "36", "--seed", "5", "--speed", "300"], stdout=subprocess.DEVNULL, check=False)
    ended = subprocess.Popen([*words, "--hosts", "90", "--seed", "6", "--speed", "120"], stdout=subprocess.PIPE, text=True)
    assert ended.stdout is not None
    built = 0
    for event in map(json.loads, ended.stdout):
        built += event.get("stage") == "install" and event.get("status") == "finished"
        if built == 30:
            ended.send_signal(signal.SIGTERM)
    ended.wait()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="quads-tui-") as state:
        options = Options(state_dir=Path(state), yes=True)
        earlier(options.state)
        resources = ProcessResources()

        def front_end(running: RunningRollout) -> Coroutine[Any, Any, None]:
            return photograph(running, options, resources)

        with rehearsal_emulators(options, hosts=700, seed=1, speed=30.0, faults="realistic", notify=print) as given:
            asyncio.run(roll_out(given, options, resources, TerminalOperator(), front_end))


if __name__ == "__main__":
    main()
