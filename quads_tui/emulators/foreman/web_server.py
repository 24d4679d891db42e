"""The application server: W workers of T threads, and in each worker one interpreter lock that only one thread can hold."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..errors import EmulatorError
from ..interfaces import Time, lognormal
from .options import Cost

NAP = 0.0005  # real seconds; a shorter wait is carried over into the next one, since the loop cannot sleep so briefly


class Overloaded(EmulatorError):
    """More requests wait for a thread than the queue holds."""


class Worker:
    """A process with threads: `busy` of them have a request, one of them computes."""

    def __init__(self) -> None:
        self.busy = 0
        self.interpreter = asyncio.Lock()


class Work:
    """What one request has spent so far; `elapsed`, in real seconds, is its X-Runtime."""

    def __init__(self, time: Time, worker: Worker, generator: random.Random) -> None:
        self.time = time
        self.worker = worker
        self.generator = generator
        self.began = time.now()
        self._due = self.began

    async def cpu(self, cost: Cost, more: float = 0.0) -> None:
        """Computes: needs the worker's interpreter lock."""
        lock = self.worker.interpreter
        waited = lock.locked()
        async with lock:
            if waited:
                self._due = self.time.now()
            await self._spend(lognormal(self.generator, cost.median, cost.p95) + more)

    async def wait(self, cost: Cost | float) -> None:
        """Waits for another service, without the interpreter lock."""
        seconds = cost if isinstance(cost, float) else lognormal(self.generator, cost.median, cost.p95)
        await self._spend(seconds)

    async def _spend(self, seconds: float) -> None:
        # Against an absolute moment, so that what the loop oversleeps in one wait is taken off the next.
        self._due += seconds
        left = self._due - self.time.now()
        if left > NAP * self.time.speed:
            await self.time.sleep(left)

    def elapsed(self) -> float:
        return max(self.time.now(), self._due) - self.began


class WebServer:
    """Puma as Foreman runs it: `queue_limit` requests at most wait for a thread."""

    def __init__(self, workers: int, threads: int, queue_limit: int) -> None:
        self._workers = [Worker() for _ in range(workers)]
        self._threads = threads
        self._limit = queue_limit
        self._waiting: deque[asyncio.Future[Worker]] = deque()

    @asynccontextmanager
    async def thread(self) -> AsyncIterator[Worker]:
        """A thread of the least busy worker, first come, first served. Raises Overloaded."""
        worker = min(self._workers, key=lambda one: one.busy)
        if worker.busy >= self._threads:
            if len(self._waiting) >= self._limit:
                raise Overloaded
            turn: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            worker = await turn
        else:
            worker.busy += 1
        try:
            yield worker
        finally:
            self._hand_over(worker)

    def _hand_over(self, worker: Worker) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(worker)  # the thread stays busy, with its next request
                return
        worker.busy -= 1
