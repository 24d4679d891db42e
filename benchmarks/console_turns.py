"""How long the console holds the loop in one piece: the CPU time of single turns, which a busy machine does not change much.

    python -m benchmarks.console_turns [--hosts 700 5000] [--seconds 10] [--longest 0]

A turn is one callback, or one step of a task. The screen is drawn in a real tmux of 200x60 as in benchmarks.console, beside 1,000
events a second: how many turns a second take more than 2, 3 and 5 ms, the longest, and the one that is exceeded once a second
(what p99 of a sleep of 10 ms finds). Then, of 10,000 hosts, the longest turn while a filter by expression is typed, another order
is chosen, and the filter is cleared. `--longest`: what so many of the longest turns were. Needs tmux.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pickle
import time
from asyncio import events
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quads_tui.console.app import Console
from quads_tui.engine.clock import RealClock
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.view import RolloutView
from tests.console.feed import Recorder
from tests.console.feed import rollout as believable

from .console import SCREENS, WARM, in_tmux, play, rollout_file

TYPED = "r6[45]0"


class Turns:
    """CPU milliseconds of each, and what it was."""

    def __init__(self) -> None:
        self.took: list[tuple[float, str]] = []

    @contextmanager
    def counted(self) -> Iterator[None]:
        run = events.Handle._run

        def timed(handle: Any) -> None:
            began, what = time.thread_time(), _name(handle)
            run(handle)
            self.took.append((1000 * (time.thread_time() - began), what))

        events.Handle._run = timed  # type: ignore[method-assign]
        try:
            yield
        finally:
            events.Handle._run = run  # type: ignore[method-assign]

    def figures(self, seconds: float) -> dict[str, float]:
        took = sorted((milliseconds for milliseconds, _ in self.took), reverse=True)
        over = {f"over {limit} ms": round(sum(one > limit for one in took) / seconds, 1) for limit in (2, 3, 5)}
        return {**over, "once a second": round(took[int(seconds)], 1), "longest": round(took[0], 1)}


def _name(handle: Any) -> str:
    task = getattr(handle._callback, "__self__", None)
    work = task.get_coro() if isinstance(task, asyncio.Task) else handle._callback
    return str(getattr(work, "__qualname__", work))


async def screen(role: str, rollout: Path, seconds: float, file: Path) -> None:
    turns = Turns()
    asyncio.get_running_loop().call_later(WARM, turns.took.clear)
    with turns.counted():
        await play(role, pickle.loads(rollout.read_bytes()), seconds, file.with_suffix(".console"), "")
    longest = [f"{took:.1f} {what}" for took, what in sorted(turns.took, reverse=True)[:100]]
    file.write_text(json.dumps({"figures": turns.figures(seconds), "longest": longest}))


async def filtered(hosts: int) -> None:
    model, meters = believable(hosts), Meters()
    app = Console(RolloutView(rollout=model, meters=meters, clock=RealClock()), Recorder())
    async with app.run_test(size=(200, 60)) as pilot:
        await asyncio.sleep(WARM)
        for what, keys in (("typing a filter", ["slash", *TYPED]), ("another order", ["enter", "o"]), ("no filter", ["escape"])):
            turns, each = Turns(), []
            with turns.counted():
                for key in keys:
                    await pilot.press(key)
                    await asyncio.sleep(0.5)
                    each.append(max(turns.took)[0])
                    turns.took.clear()
            print(f"{hosts:6} hosts  {what:16} longest turn {max(each):5.1f} ms", flush=True)
        assert len(app.table.shown) == hosts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, nargs="+", default=[700, 5000])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--longest", type=int, default=0)
    parser.add_argument("--role", default="")
    parser.add_argument("--rollout", type=Path)
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.role:
        asyncio.run(screen(options.role, options.rollout, options.seconds, options.file))
        return
    for hosts in options.hosts:
        for role in ("none", *SCREENS):
            words = ["benchmarks.console_turns", "--role", role, "--rollout", rollout_file(hosts)]
            told = in_tmux([*words, "--seconds", str(options.seconds)])
            print(f"{hosts:6} hosts  {role:10} {json.dumps(told['figures'])}", flush=True)
            for line in told["longest"][: options.longest]:
                print(f"{'':14} {line}", flush=True)
    asyncio.run(filtered(10_000))


if __name__ == "__main__":
    main()
