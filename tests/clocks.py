"""Clocks for tests: the ports.Clock of a loop whose time looptime runs forward."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import looptime

from quads_tui.rollout.moments import Moment

T = TypeVar("T")


class VirtualClock:
    """Own time is the loop's time, so that under looptime hours pass in no time. Implements rollout.ports.Clock."""

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


def in_virtual_time(work: Callable[[], Awaitable[T]]) -> T:
    """Run it in a new loop whose time jumps over every wait."""
    loop = looptime.new_event_loop()
    try:
        loop.setup_looptime(noop_cycles=1)  # nothing here waits for threads or sockets

        async def whole() -> T:
            return await work()

        return loop.run_until_complete(whole())
    finally:
        loop.close()


class FastClock:
    """Real time, `speed` times as fast, with floors small enough for tests. Implements rollout.ports.Clock."""

    def __init__(self, speed: float = 100.0, floor: float = 2.0) -> None:
        self.speed = speed
        self._floor = floor
        self._began = time.monotonic()

    def now(self) -> float:
        return (time.monotonic() - self._began) * self.speed

    def wall(self) -> float:
        return time.time()

    def moment(self) -> Moment:
        return Moment("fast", time.monotonic())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    async def sleep_real(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    def real(self, seconds: float, floor: float = 0.0) -> float:
        return max(seconds / self.speed, min(floor, self._floor))

    def deadline(self, seconds: float) -> float:
        return self.now() + max(seconds, self._floor * self.speed)
