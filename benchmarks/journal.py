"""What the journal costs: CPU per event, reading a big rollout back, and the loop's lateness on a slow disk.

python -m benchmarks.journal
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import tempfile
import time
from pathlib import Path

from quads_tui.journal.reader import JournalReader
from quads_tui.journal.store import JournalStore
from quads_tui.rollout.events import Event, HostNote, Intent, Outcome, StageChanged
from quads_tui.rollout.metrics import quantile
from quads_tui.rollout.stages import ActResult, Stage, StageStatus

HOSTS, EACH = 700, 30
RUNS = 5
PROGRESS = "2ea46396-0293-46b2-a3d2-3c5d1f1fcf00"
SLOW = 0.005  # seconds of an fsync


def events() -> list[Event]:
    """As a rollout makes them: 30 a host."""
    made: list[Event] = []
    for turn in range(EACH // 5):
        for host in range(HOSTS):
            name = f"f{host:03}-h17-000-r650.example.com"
            made += [
                StageChanged(1.0, name, Stage.PXE_SET, StageStatus.STARTED, turn + 1),
                HostNote(2.0, name, "waits for the write lane (build)", True),
                Intent(3.0, name, len(made), "build", {"progress": PROGRESS, "wanted": {"build": True}}),
                Outcome(4.0, name, len(made), ActResult.APPLIED, {"installed_at": None, "build": True}),
                StageChanged(5.0, name, Stage.PXE_SET, StageStatus.FINISHED, turn + 1, 12.25),
            ]
    return made


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def written(path: Path, made: list[Event]) -> float:
    """CPU seconds per event, all threads; ten thousand a second at most, as bursts of ten."""
    store = JournalStore(path)
    began = cpu()
    for number, event in enumerate(made):
        store.record(event)
        if number % 10 == 0:
            await asyncio.sleep(0)
    await store.flush()
    used = cpu() - began
    await store.close()
    return used / len(made)


def read(path: Path) -> float:
    """CPU seconds until every event is an object again."""
    began = time.process_time()
    reader = JournalReader(path)
    count = sum(1 for _ in reader.events())
    reader.close()
    assert count == HOSTS * EACH
    return time.process_time() - began


async def lateness(path: Path, slow: float) -> float:
    """p99 of how late a 10 ms timer is beside 300 events a second; `slow` is added to each commit, off the loop as fsync is."""
    store = JournalStore(path)
    write = store._write_group

    def slowly(group: list[tuple[str, tuple[object, ...], object]]) -> str:
        time.sleep(slow)
        return write(group)  # type: ignore[arg-type]

    store._write_group = slowly  # type: ignore[method-assign,assignment]
    late = []
    made = iter(events())
    for _ in range(600):
        for _ in range(3):
            store.record(next(made))
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        late.append(time.perf_counter() - began - 0.01)
    await store.close()
    return quantile(sorted(late), 0.99)


def main() -> None:
    made = events()
    with tempfile.TemporaryDirectory() as place:
        writes, reads, lates = [], [], []
        for run in range(RUNS):
            path = Path(place) / f"{run}.db"
            writes.append(asyncio.run(written(path, made)))
            reads.append(read(path))
            plain = asyncio.run(lateness(Path(place) / f"{run}-plain.db", 0.0))
            lates.append((plain, asyncio.run(lateness(Path(place) / f"{run}-slow.db", SLOW))))
    print(f"{len(made)} events, medians of {RUNS}")
    print(f"  write: {statistics.median(writes) * 1e6:.1f} us of CPU per event (bar 60)")
    print(f"  read:  {statistics.median(reads) * 1e3:.1f} ms for all (bar 50)")
    plain, slow = (statistics.median(values) * 1e3 for values in zip(*lates, strict=True))
    bar = max(plain * 1.2, plain + 2)
    print(f"  loop lag p99: {plain:.2f} ms, with an fsync of {SLOW * 1e3:.0f} ms {slow:.2f} ms (bar {bar:.2f})")


if __name__ == "__main__":
    main()
