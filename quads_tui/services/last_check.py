"""The last check before the first byte of an act, in time: what was answered long ago may be over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

LONGEST = 1.0  # real seconds that a last check may take
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # BOOTTIME runs on while the machine is suspended


async def in_time(check: Awaitable[None]) -> None:
    """Raises what `check` raises, and TimeoutError where it took too long, or this process stood still meanwhile."""
    began = time.clock_gettime(_CLOCK)
    async with asyncio.timeout(LONGEST):
        await check
    if time.clock_gettime(_CLOCK) - began > LONGEST:
        raise TimeoutError  # no timer rings while a process is frozen: it goes on with an answer of before
