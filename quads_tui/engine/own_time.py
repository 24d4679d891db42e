"""Waiting for something, at most for a while of own time."""

from __future__ import annotations

import asyncio
from typing import Any

from quads_tui.rollout.ports import Clock

_TICK = 0.01  # own seconds: timers of the loop may be early by less


async def first_of(clock: Clock, seconds: float | None, *ends: asyncio.Future[Any]) -> None:
    """Return when one of these is done, or own `seconds` have passed. While the clock stands still they do not pass."""
    until = None if seconds is None else clock.now() + seconds
    timeout = None if seconds is None else clock.real(seconds)
    nap: asyncio.Future[None] | None = None
    try:
        while True:
            await asyncio.wait([*ends, nap] if nap else ends, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            left = 0.0 if until is None or any(end.done() for end in ends) else until - clock.now()
            if left < _TICK:
                return
            timeout, nap = None, asyncio.ensure_future(clock.sleep(left))  # it stood still meanwhile, and may do so again
    finally:
        if nap is not None:
            nap.cancel()
