"""How late the event loop is: what whoever else is due on it waits."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from .metrics import quantile

PROBE = 0.01  # seconds
_KEPT, _OFTEN = 500, 50  # probes


async def probe_lag(observe: Callable[[float], None], every: float = PROBE) -> None:
    """A short sleep, measured again and again. `observe` hears of each by how many seconds it was late."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(every)
        observe(time.perf_counter() - began - every)


async def measure_lag(tell: Callable[[float], None]) -> None:
    """`tell` hears the p99 of the last five seconds twice a second, in seconds."""
    lags: deque[float] = deque(maxlen=_KEPT)
    count = 0

    def observe(lag: float) -> None:
        nonlocal count
        lags.append(lag)
        count += 1
        if count % _OFTEN == 0:
            tell(quantile(sorted(lags), 0.99))

    await probe_lag(observe)
