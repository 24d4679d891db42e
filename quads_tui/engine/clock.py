"""The one clock that all waiting goes through."""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import suppress
from pathlib import Path

from quads_tui.rollout.moments import Moment

_FIRST_TIME = "[4026531834]"  # the time namespace that a machine boots with
STAGE_FLOOR = 10.0  # real seconds; a stage's deadline is never nearer, whatever the speed
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # BOOTTIME runs on while the machine is suspended


class RealClock:
    """Own seconds are real seconds x speed. Implements rollout.ports.Clock."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._began = time.clock_gettime(_CLOCK)
        self._boot = boot()

    def now(self) -> float:
        return (time.clock_gettime(_CLOCK) - self._began) * self.speed

    def wall(self) -> float:
        return time.time()

    def moment(self) -> Moment:
        return Moment(self._boot, round(time.clock_gettime(_CLOCK), 3))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    async def sleep_real(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def real(self, seconds: float, floor: float = 0.0) -> float:
        return max(seconds / self.speed, floor)

    def deadline(self, seconds: float) -> float:
        return self.now() + max(seconds, STAGE_FLOOR * self.speed)


def boot() -> str:
    """Which boot of this machine it is. Where the system does not tell, a text that no other process has."""
    with suppress(OSError):
        found = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        with suppress(OSError):  # containers may have a clock of their own
            found += str(Path("/proc/self/ns/time").readlink()).removeprefix("time:").replace(_FIRST_TIME, "")
        return found
    return str(uuid.uuid4())
