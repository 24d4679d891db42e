"""The one clock that all waiting goes through."""

from __future__ import annotations

import asyncio
import time

STAGE_FLOOR = 10.0  # real seconds; a stage's deadline is never nearer, whatever the speed
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # BOOTTIME runs on while the machine is suspended


class RealClock:
    """Own seconds are real seconds x speed. Implements rollout.ports.Clock."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._began = time.clock_gettime(_CLOCK)

    def now(self) -> float:
        return (time.clock_gettime(_CLOCK) - self._began) * self.speed

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    async def sleep_real(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def real(self, seconds: float, floor: float = 0.0) -> float:
        return max(seconds / self.speed, floor)

    def deadline(self, seconds: float) -> float:
        return self.now() + max(seconds, STAGE_FLOOR * self.speed)
