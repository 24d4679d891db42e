"""Waiting for what a test depends on: for a condition, with so much patience that only what is broken uses it up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

PATIENCE = 240.0  # seconds; costs nothing where the condition comes true


def _pauses(first: float, longest: float) -> Iterator[float]:
    """Between two looks, in seconds. What has not come yet is looked for less often: a look may cost a process or a request."""
    pause = first
    while True:
        yield pause
        pause = min(longest, pause * 1.2)


def wait_for(condition: Callable[[], Any], patience: float = PATIENCE, *, longest: float = 0.2) -> Any:
    """Poll until it is true, and give what it gave; AssertionError when `patience` seconds have passed. `longest`: seconds
    between two looks; few for a moment that is soon over."""
    end = time.monotonic() + patience
    pauses = _pauses(0.02, longest)
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(next(pauses))
    return value


async def until(condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """The same beside a loop; its pauses are short, since what is waited for mostly runs on that loop."""
    end = time.monotonic() + patience
    pauses = _pauses(0.005, 0.1)
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        await asyncio.sleep(next(pauses))
    return value
