"""Waiting for what a test depends on: for a condition, with so much patience that only what is broken uses it up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 240.0  # seconds; costs nothing where the condition comes true
_PAUSE = 0.05  # seconds between two looks at another process


def wait_for(condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Poll until it is true, and give what it gave; AssertionError when `patience` seconds have passed."""
    end = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(_PAUSE)
    return value


async def until(condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """The same beside a loop; its pauses are short, since what is waited for mostly runs on that loop."""
    end = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        await asyncio.sleep(0.005)
    return value
