"""A clock that can stand still: for a rollout whose journal is in a database that does not answer."""

from __future__ import annotations

import asyncio

from .clock import RealClock


class StoppableClock(RealClock):
    """While it is stopped, own time does not pass: no deadline comes nearer, and nobody who waits goes on.

    Real time (`wall`, `moment`, `sleep_real`) runs on: what a server still does with a request does not wait for us.
    """

    def __init__(self, speed: float = 1.0) -> None:
        super().__init__(speed)
        self._lost = 0.0  # own seconds for which it was stopped
        self._stopped_at: float | None = None  # own time
        self._runs = asyncio.Event()
        self._runs.set()

    def stop(self) -> None:
        if self._stopped_at is None:
            self._stopped_at = self.now()
            self._runs.clear()

    def go(self) -> None:
        if self._stopped_at is not None:
            self._lost = super().now() - self._stopped_at
            self._stopped_at = None
            self._runs.set()

    def now(self) -> float:
        return super().now() - self._lost if self._stopped_at is None else self._stopped_at

    async def sleep(self, seconds: float) -> None:
        until = self.now() + seconds
        while True:
            await self._runs.wait()
            if (left := until - self.now()) <= 0:
                await asyncio.sleep(0)
                return
            await asyncio.sleep(left / self.speed)
