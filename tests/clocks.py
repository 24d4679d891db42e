"""Clocks for tests: granted time where real sockets take real time, and virtual time, which jumps over every wait."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any, TypeVar

from quads_tui.emulators.interfaces import Time
from quads_tui.rollout.moments import Moment

T = TypeVar("T")


class _Granted(threading.local):
    """What the kernel counts of a thread; see granted()."""

    def __init__(self) -> None:
        self.last = 0.0
        try:
            self.counts = Path("/proc/thread-self/schedstat").open("rb", buffering=0)  # noqa: SIM115 (as long as the thread)
        except OSError:  # a kernel without these counts
            self.counts = None


_granted = _Granted()


def _of_a_new_process() -> None:
    """A process that was forked would read the counts of its parent's thread."""
    _granted.__init__()  # type: ignore[misc]


os.register_at_fork(after_in_child=_of_a_new_process)


def granted() -> float:
    """Monotonic seconds, without those in which this thread could have run and no CPU was free.

    The time of the event loops in tests (conftest.py), and of the clocks and emulators that share them. So a deadline of 0.2 s is
    one of 0.2 s on a machine that is busy with other things, too: client and server on one loop are starved together, and none of
    it counts. Where the kernel does not count it (CONFIG_SCHED_INFO), it is the plain monotonic clock.
    """
    now = time.monotonic()
    if _granted.counts is not None:
        now -= int(os.pread(_granted.counts.fileno(), 64, 0).split()[1]) / 1e9  # "ns on a CPU, ns waited for one, times"
    _granted.last = max(_granted.last, now)  # what was waited for between the two looks counts in the first one only
    return _granted.last


class VirtualClock:
    """Own time is the loop's time, so that in virtual time hours pass at once. Implements rollout.ports.Clock."""

    speed = 1.0
    boot = "virtual"  # another text: the machine was booted again
    stepped = 0.0  # how far somebody set the clock on the wall

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        return 1_795_000_000.0 + self.now() + self.stepped

    def moment(self) -> Moment:
        return Moment(self.boot, self.now())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    async def sleep_real(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def real(self, seconds: float, floor: float = 0.0) -> float:
        return max(seconds, floor)

    def deadline(self, seconds: float) -> float:
        return self.now() + max(seconds, 10.0)


@contextmanager
def virtual_time(loop: Any, outside: Callable[[], bool] | None = None) -> Iterator[None]:
    """While it lasts, the loop's time is virtual: it begins at 0, and where the loop would wait for its next timer, it is that
    timer's time at once.

    For what waits for its own timers only: a socket or another thread is looked at when no timer is left, and never before.
    With `outside`, time stands still while somebody waits for a socket, or while it says that another thread has something to do:
    what is asked of a real database takes no time then, however long it takes.
    """
    wait, now = loop._selector.select, 0  # microseconds: sums of floats would drift

    def stands() -> bool:
        return outside is not None and (len(loop._selector.get_map()) > 1 or outside())  # one is the loop's own, to wake it up

    def jump(timeout: float | None = None) -> list[Any]:
        nonlocal now
        if timeout is None or (timeout > 0.0 and stands()):
            return wait(None)  # type: ignore[no-any-return]
        if timeout > 0.0:
            now += max(1, ceil(timeout * 1e6 - 0.01))
        return []

    loop.time, loop._selector.select = (lambda: now / 1e6), jump
    try:
        yield
    finally:
        del loop.time, loop._selector.select


def in_virtual_time(work: Callable[[], Awaitable[T]], outside: Callable[[], bool] | None = None) -> T:
    """Run it in a new loop whose time jumps over every wait. `outside`: as of virtual_time."""
    loop = asyncio.new_event_loop()

    async def whole() -> T:
        return await work()

    try:
        with virtual_time(loop, outside):
            try:
                return loop.run_until_complete(whole())
            finally:
                left = asyncio.all_tasks(loop)  # waiters of the test whose condition never came
                for task in left:
                    task.cancel()
                if left:
                    loop.run_until_complete(asyncio.wait(left))
    finally:
        loop.close()


class GrantedTime(Time):
    """The time of emulators that share their loop with a test."""

    def __init__(self, speed: float = 1.0) -> None:
        super().__init__(speed)
        self._began = granted()

    def now(self) -> float:
        return (granted() - self._began) * self.speed


class FastClock:
    """Granted time, `speed` times as fast, with floors small enough for tests. Implements rollout.ports.Clock."""

    def __init__(self, speed: float = 100.0, floor: float = 2.0) -> None:
        self.speed = speed
        self._floor = floor
        self._began = granted()

    def now(self) -> float:
        return (granted() - self._began) * self.speed

    def wall(self) -> float:
        return time.time()

    def moment(self) -> Moment:
        return Moment("fast", granted())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    async def sleep_real(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def real(self, seconds: float, floor: float = 0.0) -> float:
        return max(seconds / self.speed, min(floor, self._floor))

    def deadline(self, seconds: float) -> float:
        return self.now() + max(seconds, self._floor * self.speed)
