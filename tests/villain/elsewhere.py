"""Servers on a loop of their own thread, so that what the client's loop spends is the client's alone, and the meter of that loop."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from .steps import metered

T = TypeVar("T")


class Elsewhere:
    """Call it with a coroutine to have it run there to its end."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    async def __call__(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def close(self) -> None:
        await self(_all_cancelled())
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()


async def _all_cancelled() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def held() -> Iterator[list[float]]:
    """CPU seconds of each step of this thread's loop: nobody else on it gets a turn meanwhile. The heap of the tests is not collected."""
    steps: list[float] = []
    gc.freeze()
    end = metered(steps.append)
    try:
        yield steps
    finally:
        end()
        gc.unfreeze()
