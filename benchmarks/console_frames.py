"""What the frames of the screens cost, in virtual time: the same frames on a busy machine too, unlike benchmarks.console.

    python -m benchmarks.console_frames [--hosts 700 5000] [--seconds 20] [--profile]

1,000 events a second are applied to a rollout in its second hour. After every 0.2 s of virtual time the screen draws a frame as
its timer does, once a second its panels and its graphs, at 200x60 without a terminal. Printed: CPU in ms a second, and what of it
is for the events, frames, panels, graphs and the paint of what changed; the same of a stock DataTable that shows the changes ten
times a second. Then the CPU of a cursor key until its paint. `--profile`: where the time of the main screen goes.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import itertools
import pstats
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from quads_tui.console.app import Console
from quads_tui.rollout.metrics import LaneState
from quads_tui.rollout.view import RolloutView
from tests.console.feed import NOW, Clock, Recorder, meters
from tests.console.feed import rollout as believable

from .console import RATE, SCREENS, SHARE, datatable, recorded

SIZE = (200, 60)
KEYS = 100


class Spent:
    """CPU seconds by what they were for."""

    def __init__(self) -> None:
        self.by: Counter[str] = Counter()

    def timed(self, name: str, work: Callable[[], object]) -> None:
        began = time.process_time()
        work()
        self.by[name] += time.process_time() - began  # type: ignore[assignment]

    async def paint(self, app: Any) -> None:
        """What changed, as the screen's own timer does after a frame."""
        began = time.process_time()
        for _ in range(4):
            await asyncio.sleep(0)
        app.screen._on_timer_update()
        for _ in range(4):
            await asyncio.sleep(0)
        self.by["paint"] += time.process_time() - began  # type: ignore[assignment]

    def report(self, hosts: int, role: str, seconds: int) -> float:
        """Prints it; returns the screen's ms a second."""
        parts = {name: 1000 * value / seconds for name, value in self.by.items()}
        total = sum(value for name, value in parts.items() if name != "events")
        words = ", ".join(f"{name} {value:.1f}" for name, value in parts.items())
        print(f"{hosts:6} hosts  {role:10} {total:6.1f} ms a second ({words})", flush=True)
        return total


async def screen(role: str, hosts: int, seconds: int, profile: bool) -> Spent:
    model, gauges, clock, now = believable(hosts), meters(), Clock(), [0.0]
    for second in range(1800):
        for meter in (gauges.redfish, gauges.foreman_reads, gauges.foreman_writes):
            meter.observe(0.02 + second % 7 / 100, True)
        gauges.tick(LaneState(depth=second % 20), NOW - 1800 + second)
    view = RolloutView(rollout=model, meters=gauges, clock=clock)
    app = Console(view, Recorder(), frozen=True, monotonic=lambda: now[0])
    events, spent, profiler = recorded(model, seconds), Spent(), cProfile.Profile()
    async with app.run_test(size=SIZE) as pilot:
        if role != SCREENS[0]:
            app.run_command(role)
        await pilot.pause()
        if profile:
            profiler.enable()
        for frame in range(5 * seconds):
            clock.at += 0.2
            now[0] += 0.2
            batch = list(itertools.islice(events, RATE // 5))
            spent.timed("events", lambda: [model.apply(event) for event in batch])  # noqa: B023
            spent.timed("frames", app.frame)
            if frame % 5 == 4:
                gauges.redfish.observe(0.03, True)
                gauges.tick(LaneState(depth=frame % 20), clock.at)
                spent.timed("panels", lambda: app.panels(graphs=False))
            elif frame % 5 == 2:
                spent.timed("graphs", app.view.graphs)
            await spent.paint(app)
        if profile:
            profiler.disable()
            pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
        if role == SCREENS[0]:
            key = Spent()
            for number in range(KEYS):
                key.timed("key", lambda: app.table.move(1 if number % 8 < 4 else -1))  # noqa: B023
                await key.paint(app)
            print(f"{hosts:6} hosts  a cursor key {1000 * sum(key.by.values()) / KEYS:.1f} ms", flush=True)
    return spent


async def stock(hosts: int, seconds: int) -> Spent:
    model = believable(hosts)
    app, events, spent = datatable(model), recorded(model, seconds), Spent()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        for timer in list(app._timers):
            timer.pause()
        for _ in range(10 * seconds):
            batch = list(itertools.islice(events, RATE // 10))
            spent.timed("events", lambda: [model.apply(event) for event in batch])  # noqa: B023
            spent.timed("frames", app.frame)
            await spent.paint(app)
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, nargs="+", default=[700, 5000])
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    if options.profile:
        asyncio.run(screen(SCREENS[0], options.hosts[0], options.seconds, True))
        return
    for hosts in options.hosts:
        table = asyncio.run(stock(hosts, options.seconds)).report(hosts, "datatable", options.seconds)
        for role in SCREENS:
            cost = asyncio.run(screen(role, hosts, options.seconds, False)).report(hosts, role, options.seconds)
            verdict = "ok" if cost <= SHARE * table else "MISSED"
            print(f"{'':13} 1/{table / cost:.0f} of the DataTable: {verdict} (bar 1/{1 / SHARE:.0f})", flush=True)


if __name__ == "__main__":
    main()
