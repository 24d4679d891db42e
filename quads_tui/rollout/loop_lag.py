"""How late the event loop is: what whoever else is due on it waits."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from .metrics import quantile

PROBE = 0.01  # seconds
_KEPT, _OFTEN = 500, 50  # probes
_LOOK = 0.05  # seconds between two looks of PunctualTime


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


class PunctualTime:
    """The time of the event loop without the seconds by which the loop was late.

    For deadlines of somebody else: while the loop is late, nobody reads what has arrived. To be used while it is `measured`.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._late = 0.0
        self._due = math.inf  # when the loop is to look next

    @contextmanager
    def measured(self) -> Iterator[None]:
        """While it lasts, it is measured by how much the loop is late."""
        self._due = self._loop.time()
        self._look()
        try:
            yield
        finally:
            self._timer.cancel()
            self._due = math.inf

    def _look(self) -> None:
        self._late = self.late
        self._due = self._loop.time() + _LOOK
        self._timer = self._loop.call_at(self._due, self._look)

    @property
    def late(self) -> float:
        """Seconds by which the loop was late, all together: those of now included, whose look is still due."""
        return self._late + max(0.0, self._loop.time() - self._due)

    def now(self) -> float:
        """Seconds."""
        return self._loop.time() - self.late

    @asynccontextmanager
    async def timeout_at(self, when: float) -> AsyncIterator[PunctualTimer]:
        """As asyncio.timeout_at."""
        async with asyncio.timeout(None) as bound:
            timer = PunctualTimer(self, when, lambda: bound.reschedule(asyncio.get_running_loop().time()))
            try:
                yield timer
            finally:
                timer.stop()


class PunctualTimer:
    """Calls `callback` once, `when` it is that late by `time`."""

    def __init__(self, time: PunctualTime, when: float, callback: Callable[[], object]) -> None:
        self._time = time
        self._when = when
        self._callback: Callable[[], object] | None = callback
        self._timer = self._wait()

    def reschedule(self, when: float) -> None:
        """At another time, unless it has called already."""
        self._when = when
        self._timer.cancel()
        self._timer = self._wait()

    def stop(self) -> bool:
        """It calls no more. Whether it had not called yet."""
        self._timer.cancel()
        waited, self._callback = self._callback is not None, None
        return waited

    def _wait(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(max(0.0, self._when - self._time.now()), self._look)

    def _look(self) -> None:
        if self._time.now() < self._when:
            self._timer = self._wait()
        elif self._callback is not None:
            callback, self._callback = self._callback, None
            callback()
