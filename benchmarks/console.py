"""What the screen costs, in a real tmux of 200x60: the same recorded events with it, without it, and with a stock DataTable.

    python -m benchmarks.console [--hosts 700 5000] [--runs 5] [--seconds 15] [--only-screens]

1,000 events a second are applied to a rollout. Each process measures itself: CPU, lateness of its loop (p99), memory; with the
main screen, the map and the graphs open. The time from a key to its paint is taken on a pty. Then: the latency of 700 coroutines
that ask a server beside them, with and without the screen; and the CPU of opening, filtering and sorting 10,000 hosts. Medians.
Needs tmux.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import itertools
import json
import os
import pickle
import random
import re
import resource
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from quads_tui.engine.clock import RealClock
from quads_tui.render.host_order import ordered
from quads_tui.rollout.events import Event, HostNote, StageChanged
from quads_tui.rollout.garbage import settle_garbage
from quads_tui.rollout.metrics import LaneState, Meters
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.view import RolloutView
from tests.console.feed import Recorder
from tests.console.feed import rollout as believable

RATE = 1000  # events a second
WARM = 3.0  # seconds before anything is measured
SHARE, LAG, KEY, RSS = 1 / 8, 5.0, 8.0, 90.0  # bars: CPU of a DataTable's, p99 in ms over empty, p50 in ms, MB
SCREENS = ("console", "map", "graphs")  # the main one, and those that a key opens
REQUESTS, EVERY = 700, 2.0  # coroutines, and seconds between two requests of one


# What the measured processes do


def recorded(model: Rollout, seconds: float) -> Iterator[Event]:
    """What running hosts tell, from one seed: notes for the most part, a change of stage now and then."""
    luck = random.Random(7)
    hosts = [host.name for host in model.hosts.values() if host.status is HostStatus.RUNNING]
    stages = list(Stage)
    for number in range(int(seconds * RATE)):
        name = luck.choice(hosts)
        if luck.random() < 0.2:
            yield StageChanged(time.time(), name, luck.choice(stages), StageStatus.STARTED, 1)
        else:
            yield HostNote(time.time(), name, f"waiting for Off, look {number}", True)


async def feed(model: Rollout, meters: Meters, seconds: float) -> None:
    """RATE events a second, in portions of 20 ms, as an executor's loop would apply them."""
    began = time.perf_counter()
    for told, event in enumerate(recorded(model, seconds), 1):
        model.apply(event)
        if told % (RATE // 50) == 0:
            meters.redfish.observe(0.3, True)
            if told % RATE == 0:
                meters.tick(LaneState(depth=told // RATE % 20), time.time())
            await asyncio.sleep(max(0.0, began + told / RATE - time.perf_counter()))


def hour_of_samples(meters: Meters) -> None:
    """As after an hour: a screen that has nothing to draw costs nothing."""
    luck, now = random.Random(3), time.time()
    for second in range(3600):
        for meter, median in ((meters.redfish, 0.03), (meters.foreman_reads, 0.01), (meters.foreman_writes, 0.5)):
            for _ in range(3):
                meter.observe(luck.lognormvariate(0, 0.5) * median, ok=luck.random() > 0.01)
        meters.tick(LaneState(depth=luck.randrange(20)), now - 3600 + second)


async def measured(seconds: float, file: Path) -> None:
    """CPU in % of a core, p99 lateness of a sleep of 10 ms, peak memory; after WARM seconds."""
    await asyncio.sleep(WARM)
    late, cpu, began = [], time.process_time(), time.perf_counter()
    while (now := time.perf_counter()) - began < seconds:
        await asyncio.sleep(0.01)
        late.append(time.perf_counter() - now - 0.01)
    file.write_text(
        json.dumps(
            {
                "cpu": 100 * (time.process_time() - cpu) / (time.perf_counter() - began),
                "lag": 1000 * sorted(late)[int(0.99 * len(late))],
                "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


def datatable(model: Rollout) -> Any:
    """The same rows in a DataTable, its changed cells updated ten times a second."""
    from rich.text import Text
    from textual.app import App, ComposeResult
    from textual.widgets import DataTable

    class Stock(App[str]):
        def compose(self) -> ComposeResult:
            yield DataTable(cursor_type="row")

        def on_mount(self) -> None:
            table = self.query_one(DataTable)
            table.add_columns(*((name, name) for name in ("host", "stage", "state", "note")))
            for host in ordered(model.hosts.values(), "attention", lambda host: 1.0):  # what changes is in sight, as with ours
                table.add_row(*map(Text, (host.short, str(host.stage), host.status.value, host.note)), key=host.name)
            self.set_interval(0.1, self.frame)

        def frame(self) -> None:
            table = self.query_one(DataTable)
            dirty, model.dirty = model.dirty, set()
            for name in dirty:
                table.update_cell(name, "stage", Text(str(model.hosts[name].stage)))
                table.update_cell(name, "note", Text(model.hosts[name].note))

    return Stock()


async def play(role: str, model: Rollout, seconds: float, file: Path, url: str) -> None:
    meters = Meters()
    app: Any = None
    if role != "empty":
        model.started_at = time.time() - 3600
        hour_of_samples(meters)
    if role in SCREENS:
        from quads_tui.console.app import Console

        app = Console(RolloutView(rollout=model, meters=meters, clock=RealClock(), title="BENCHMARK"), Recorder())
    elif role == "datatable":
        app = datatable(model)
    work = [asyncio.create_task(measured(seconds, file))]
    work += [asyncio.create_task(feed(model, meters, seconds + WARM + 5))] if role != "empty" else []
    latencies: list[float] = []
    asyncio.get_running_loop().call_later(WARM, latencies.clear)
    asking = [asyncio.create_task(ask(url, latencies))] if url else []
    shown = asyncio.create_task(app.run_async()) if app else None
    if role in SCREENS[1:]:
        asyncio.get_running_loop().call_later(WARM / 2, app.call_later, app.run_command, role)
    await work[0]
    assert role not in SCREENS[1:] or type(app.view).__name__.lower().startswith(role), "the screen did not open"
    assert shown is None or not shown.done(), "the screen ended with an error"
    if url:
        file.write_text(json.dumps({"p99": 1000 * sorted(latencies)[int(0.99 * len(latencies))], "count": len(latencies)}))
    for task in [*work, *asking]:
        task.cancel()
    if shown:
        app.exit("leave")
        await shown


async def ask(url: str, latencies: list[float]) -> None:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one(number: int) -> None:
            luck = random.Random(number)
            await asyncio.sleep(luck.uniform(0, EVERY))
            while True:
                began = time.perf_counter()
                async with session.get(url) as answer:
                    await answer.read()
                latencies.append(time.perf_counter() - began)
                await asyncio.sleep(luck.uniform(0.8, 1.2) * EVERY)

        await asyncio.gather(*(one(number) for number in range(REQUESTS)))


async def serve() -> None:
    """A server that takes 20 ms; prints its address."""
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(0.02)
        return web.json_response({"PowerState": "On"})

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/", flush=True)
    await asyncio.Event().wait()


# The one that measures


_CURSOR = re.compile("(?:▌|>)(?:\x1b\\[[\\d;]*m|[ *])*f\\d\\d-h".encode())  # the row under it, between its colours
FILES: list[Any] = []
SERVERS = itertools.count()  # a tmux of its own for each run: one that is ending would take the next one with it


@cache
def rollout_file(hosts: int) -> str:
    """The rollout that a process begins with: made here, so that what making it takes is not counted as memory of the process."""
    file = tempfile.NamedTemporaryFile(suffix=".pickle")  # noqa: SIM115 - it lasts as long as this process
    FILES.append(file)
    file.write(pickle.dumps(believable(hosts)))
    file.flush()
    return file.name


def command(role: str, hosts: int, seconds: float, url: str = "") -> list[str]:
    words = ["benchmarks.console", "--role", role, "--rollout", rollout_file(hosts), "--seconds", str(seconds)]
    return words + (["--url", url] if url else [])


def run(role: str, hosts: int, seconds: float, url: str = "") -> dict[str, float]:
    figures: dict[str, float] = in_tmux(command(role, hosts, seconds, url))
    return figures


def in_tmux(module: list[str]) -> Any:
    """Runs it with these arguments in a tmux of 200x60; returns the JSON that it writes into its --file."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "figures.json"
        words = " ".join(["exec", sys.executable, "-m", *module, "--file", str(file)])
        tmux = ["tmux", "-L", f"quads-tui-benchmark-{os.getpid()}-{next(SERVERS)}", "-f", "/dev/null"]
        subprocess.run([*tmux, "new-session", "-d", "-x", "200", "-y", "60", words], check=True)
        try:
            while not file.exists() or not file.read_text():
                time.sleep(0.2)
            return json.loads(file.read_text())
        finally:
            subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)


def keys(hosts: int, count: int) -> dict[str, float]:
    """Milliseconds from a cursor key until its row comes out, on a pty of 200x60: what the terminal is given; 150 ms apart."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
    with tempfile.TemporaryDirectory() as place:
        words = [sys.executable, "-m", *command("console", hosts, 600), "--file", str(Path(place) / "none")]
        process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        opened = b""
        while not _CURSOR.search(opened):  # a busy machine takes its time
            opened += os.read(master, 1 << 16)
        drain(master, WARM)
        took = []
        for number in range(count):
            drain(master, 0.15)
            began, seen = time.perf_counter(), b""
            os.write(master, b"j" if number % 8 < 4 else b"k")
            while time.perf_counter() - began < 1.0 and not _CURSOR.search(seen):
                if select.select([master], [], [], 0.1)[0]:
                    seen += os.read(master, 1 << 16)
            took.append(1000 * (time.perf_counter() - began))
        process.kill()
        process.wait()
    os.close(master)
    os.close(slave)
    took.sort()
    return {"key_p50": took[len(took) // 2], "key_p99": took[int(0.99 * len(took))]}


def drain(master: int, seconds: float) -> None:
    end = time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0:
        if select.select([master], [], [], left)[0]:
            os.read(master, 1 << 16)


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(row[key] for row in rows), 2) for key in rows[0]}


def screens(hosts: int, runs: int, seconds: float) -> None:
    rows: dict[str, list[dict[str, float]]] = {}
    for _ in range(runs):
        for role in ("empty", "none", *SCREENS, "datatable"):
            rows.setdefault(role, []).append(run(role, hosts, seconds))
        rows["console"][-1] |= keys(hosts, 100)
    for role, told in rows.items():
        print(f"{hosts:6} hosts  {role:10} {json.dumps(medians(told))}", flush=True)
    found = {role: medians(told) for role, told in rows.items()}
    stock = found["datatable"]["cpu"] - found["none"]["cpu"]
    for role in SCREENS:
        cost, lag = found[role]["cpu"] - found["none"]["cpu"], found[role]["lag"] - found["empty"]["lag"]
        share = f"1/{stock / cost:.1f} of a DataTable's {stock:.1f} %" if cost > 0 else "nothing"
        met = {"cpu": cost <= SHARE * stock, "lag": lag < LAG, "rss": found[role]["rss"] < RSS}
        met |= {"key": found[role]["key_p50"] < KEY} if "key_p50" in found[role] else {}
        verdict = ", ".join(f"{name} {'ok' if well else 'MISSED'}" for name, well in met.items())
        print(f"{hosts:6} hosts  {role}: {cost:.1f} % of a core, {share}; lag +{lag:.1f} ms; {verdict}", flush=True)


def requests(runs: int, seconds: float) -> None:
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.console", "--role", "server"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    try:
        rows = [(run("none", 700, seconds, url=url)["p99"], run("console", 700, seconds, url=url)["p99"]) for _ in range(runs)]
    finally:
        server.kill()
        server.wait()
    without, having = (statistics.median(side) for side in zip(*rows, strict=True))
    print(f"requests of {REQUESTS} coroutines: p99 {without:.1f} ms without, {having:.1f} ms with the screen", flush=True)
    print(f"  ratio {having / without:.2f} (bar 1.3)", flush=True)


async def large(hosts: int) -> None:
    """In one process: CPU of what the operator does with very many hosts."""
    from quads_tui.console.app import Console

    model = believable(hosts)
    settle_garbage()  # as launch does: else one of the figures has a full collection in it, which takes longer than all of them
    figures: dict[str, float] = {}

    def spent(name: str, work: Callable[[], object]) -> None:
        began = time.process_time()
        work()
        figures[name] = 1000 * (time.process_time() - began)

    async def opened(name: str, shown: Rollout) -> Console:
        """Until everything is painted."""
        began = time.process_time()
        app = Console(RolloutView(rollout=shown, meters=Meters(), clock=RealClock()), Recorder(), frozen=True)
        async with app.run_test(size=(200, 60)) as pilot:
            await pilot.pause()
            figures[name] = 1000 * (time.process_time() - began)
            if shown is model:
                screen = app._main
                spent("filter", lambda: screen.action_filter("stage:install !cause:refused r6.0"))
                spent("filter off", screen.action_back)
                spent("sort", lambda: screen.action_sort("host"))
                spent("sort by attention", lambda: screen.action_sort("attention"))
        return app

    await opened("any screen", believable(10))  # imports and styles
    await opened("open 10", believable(10))
    await opened(f"open {hosts}", model)
    print(f"{hosts} hosts, ms of CPU: " + ", ".join(f"{name} {value:.0f}" for name, value in figures.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--hosts", type=int, nargs="+", default=[700, 5000])
    parser.add_argument("--only-screens", action="store_true")
    parser.add_argument("--role", default="")
    parser.add_argument("--rollout", type=Path)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--url", default="")
    options = parser.parse_args()
    if options.role == "server":
        asyncio.run(serve())
    elif options.role:
        model = pickle.loads(options.rollout.read_bytes())
        asyncio.run(play(options.role, model, options.seconds, options.file, options.url))
    else:
        if not options.only_screens:
            asyncio.run(large(10_000))
        for hosts in options.hosts:
            screens(hosts, options.runs, options.seconds)
        if not options.only_screens:
            requests(options.runs, options.seconds)


if __name__ == "__main__":
    main()
