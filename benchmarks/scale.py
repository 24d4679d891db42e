"""What many hosts in one process cost: 700, 2,000 and 10,000 of them, on the engine in virtual time with its journal on disk.

python -m benchmarks.scale [--sizes 700,2000,10000] [--keep DIR]

Every size is a process of its own. Of its rollout are printed: CPU milliseconds a host (the engine, the model's BMCs and
Foreman, the journal's thread) and how many of them are forecasts, of which one is asked for every minute; the highest RSS; how
long one turn of the loop took (CPU milliseconds: p99 and the longest), the longest that a forecast held it, and the longest
garbage collection. That comes whenever enough objects have been made, into whatever runs then: it counts in the turns, and not as
the forecast. A write takes 1 s, and each host has a history.

Then real processes read the journal that it made; CPU seconds from their start to their end: `rollouts` without its summary
(which a process that ends well leaves) and with it, `report`, and what `resume` does on the journal of half that rollout (read,
replay, start the engine) until it has recorded its first intent, without the services: their reads before that are not in it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from array import array
from dataclasses import asdict
from pathlib import Path
from typing import Any

from quads_tui.journal.reader import JournalReader
from quads_tui.journal.store import JournalStore
from quads_tui.rollout.events import Event, Intent
from quads_tui.rollout.forecast import Outlook
from quads_tui.rollout.garbage import settle_garbage
from quads_tui.rollout.metrics import Meters, quantile
from quads_tui.rollout.plan import HostPlan, plan_from
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import Rollout
from quads_tui.runtime.resume import untouched_hosts
from tests.clocks import in_virtual_time
from tests.engine.model import Lab
from tests.engine.model_services import ModelForeman
from tests.engine.world import MemoryJournal

from .makespan import Instance, instance, learn

WRITE = 1.0  # seconds
PAST = 4  # earlier rollouts of each host
EVERY = 60.0  # own seconds between two forecasts


class StoreJournal(MemoryJournal):
    """The journal on disk. Nobody waits for its thread: virtual time would jump meanwhile."""

    def __init__(self, store: JournalStore) -> None:
        super().__init__()
        self.store = store

    def record(self, event: Event) -> None:
        self.store.record(event)

    async def commit(self, event: Event) -> None:
        await asyncio.sleep(0)
        self.store.record(event)

    def sample(self, at: float, data: dict[str, object]) -> None:
        self.store.sample(at, data)


class Held:
    """CPU seconds of every turn of the loop that runs."""

    def __init__(self) -> None:
        self.turns = array("d")  # half a million with 10,000 hosts: floats in a list would count as memory of the rollout
        loop: Any = asyncio.get_running_loop()
        turn = loop._run_once

        def timed() -> None:
            began = time.thread_time()
            turn()
            self.turns.append(time.thread_time() - began)

        loop._run_once = timed


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def rss() -> float:
    """The highest, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class QuickSearch(ModelForeman):
    """The model's search asks each machine in build whether a test wants it shown otherwise: a thousand of them at every look."""

    async def in_build(self) -> frozenset[str]:
        self._read("search")
        return frozenset(self._world.in_build)


def lab_of(given: Instance) -> Lab:
    plans = {name: HostPlan(name, f"https://mgmt-{name}", model=steps.model) for name, steps in given.hosts.items()}
    lab = Lab(list(given.hosts), plans=plans, write_seconds=given.write, sample_seconds=1.0, foreman=QuickSearch)
    for name, steps in given.hosts.items():
        machine = lab.machine(name)
        machine.off_seconds, machine.pxe_seconds = steps.off, steps.pxe
        machine.on_seconds, machine.install_seconds = steps.on, steps.after
    return lab


class Collections:
    """CPU seconds of the garbage collections from now on."""

    def __init__(self) -> None:
        self.all, self.longest = 0.0, 0.0
        self._began = 0.0
        gc.callbacks.append(self._hear)

    def _hear(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.thread_time()
        else:
            seconds = time.thread_time() - self._began
            self.all, self.longest = self.all + seconds, max(self.longest, seconds)


class HeldByForecast(Outlook):
    """CPU seconds but for garbage collections: `held`, of the longest part that was made at once, and `all`."""

    def __init__(self, rollout: Rollout, meters: Meters, collections: Collections) -> None:
        super().__init__(rollout, meters)
        self.held, self.all = 0.0, 0.0
        self._collections = collections

    def _go_on(self, at_once: bool = False) -> None:
        began = time.thread_time() - self._collections.all
        super()._go_on(at_once)
        seconds = time.thread_time() - self._collections.all - began
        self.held, self.all = max(self.held, seconds), self.all + seconds


async def describe(given: Instance, path: Path) -> None:
    """Make the journal, with what the rollout is."""
    store = JournalStore(path)
    name = path.parent.name
    facts = {"rollout": name, "created_at": 1_795_000_000.0, "who": "me@here", "speed": 1.0, "site": "", "foreman": ""}
    await store.describe({**facts, "plan": asdict(lab_of(given).plan)})
    await store.close()


async def roll_out(given: Instance, path: Path) -> tuple[dict[str, Any], JournalStore]:
    """One rollout in virtual time; the journal is still to be closed."""
    count, lab, store = len(given.hosts), lab_of(given), JournalStore(path, existing=True)
    lab.journal = StoreJournal(store)
    lab.replan(())
    learn(lab, given, "host")
    settle_garbage()
    held, collections = Held(), Collections()
    outlook = HeldByForecast(lab.rollout, lab.world.meters, collections)

    async def look() -> None:
        while True:
            await lab.clock.sleep(EVERY)
            outlook.at(lab.clock.wall())

    before, began = cpu(), lab.clock.now()
    looker = asyncio.create_task(look())
    await lab.run()
    makespan = lab.clock.now() - began
    looker.cancel()
    await lab.end()
    used = cpu() - before
    turns = sorted(held.turns)
    found = {
        "done": lab.rollout.counts[HostStatus.DONE],
        "minutes": makespan / 60,
        "cpu_ms": 1000 * used / count,
        "forecasts_ms": 1000 * outlook.all / count,
        "rss_mb": rss(),
        "p99_ms": 1000 * quantile(turns, 0.99),
        "longest_ms": 1000 * turns[-1],
        "forecast_ms": 1000 * outlook.held,
        "garbage_ms": 1000 * collections.longest,
    }
    return found, store


def one_rollout(count: int, directory: Path) -> dict[str, Any]:
    given = instance(count, WRITE, 1, past=PAST)
    path = directory / "journal.db"
    asyncio.run(describe(given, path))
    found, store = in_virtual_time(lambda: roll_out(given, path))
    asyncio.run(store.close())
    return found


async def to_first_intent(directory: Path) -> dict[str, Any]:
    """What a resume of half the rollout does until it acts."""
    began = cpu()
    found = JournalReader(directory / "journal.db")
    plan = plan_from(found.facts()["plan"])
    events = [event for _, event in found.events()]
    found.close()
    untouched_hosts(plan, events)
    lab = Lab([host.name for host in plan.hosts], plans={host.name: host for host in plan.hosts}, sample_seconds=1.0)
    lab.journal.events = events
    ready = cpu() - began
    model = cpu()
    lab.resume()
    lab.executor.start()
    first = len(events)
    while not any(isinstance(event, Intent) for event in lab.journal.events[first:]):
        first = len(lab.journal.events)
        await asyncio.sleep(0.01)
    acted = cpu() - model
    return {"read_s": ready, "acted_s": acted}


def halved(directory: Path, to: Path) -> None:
    """The journal as it was when half of the hosts had been begun."""
    to.mkdir(parents=True)
    shutil.copy(directory / "journal.db", to)
    database = sqlite3.connect(to / "journal.db", isolation_level=None)
    (last,) = database.execute("select max(n) from event").fetchone()
    database.execute("delete from event where n > ?", (last // 2,))
    database.execute("delete from meta where key = 'ended'")
    database.close()


def figures(*words: str) -> dict[str, Any]:
    """Of a process of this module."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.scale", *words], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def seconds_of(*words: str) -> float:
    """CPU seconds of one quads-tui."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "quads_tui", *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(count: int, place: Path) -> None:
    """One size: a line."""
    state = place / f"{count}"
    directory = state / "rollouts" / f"r{count}"
    directory.mkdir(parents=True)
    found = figures("--rollout", str(count), str(directory))
    assert found["done"] == count, found
    listed = [seconds_of("rollouts", "--state-dir", str(state)) for _ in range(2)]
    reports = [seconds_of("report", f"r{count}", "--format", name, "--state-dir", str(state)) for name in ("md", "html", "json")]
    halved(directory, place / f"half{count}")
    resumed = figures("--resume", str(place / f"half{count}"))
    print(
        f"{count:6} {found['minutes']:8.0f} {found['cpu_ms']:7.1f} {found['forecasts_ms']:10.1f} {found['rss_mb']:7.0f}"
        f" {found['p99_ms']:7.1f}"
        f" {found['longest_ms']:8.1f} {found['forecast_ms']:9.1f} {found['garbage_ms']:8.1f}   {listed[0]:6.2f} {listed[1]:6.2f}"
        f" {max(reports):7.1f} {resumed['read_s'] + resumed['acted_s']:7.1f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="700,2000,10000")
    parser.add_argument("--keep", type=Path, help="where the journals stay")
    parser.add_argument("--rollout", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--resume", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    random.seed(1)
    if options.rollout:
        print(json.dumps(one_rollout(int(options.rollout[0]), Path(options.rollout[1]))))
        return
    if options.resume:
        print(json.dumps(in_virtual_time(lambda: to_first_intent(options.resume))))
        return
    print(" hosts  minutes  CPU ms  forecasts  RSS MB  p99 ms  longest  forecast  garbage   first  rollouts  report  resume")
    with tempfile.TemporaryDirectory() as made:
        for count in map(int, options.sizes.split(",")):
            measure(count, options.keep or Path(made))


if __name__ == "__main__":
    main()
