"""Garbage collection beside a loop that nothing may hold."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def settle_garbage() -> None:
    """Full collections look no more at what lives by now: that took tens of milliseconds of a blocked loop.

    They are seldom, after 20 million objects. Those in between look at 2,000 or 12,000 objects, which takes 1 or 7 ms: with fewer
    and larger ones the loop stood still for 30 ms, and for half a second with ten thousand hosts.
    """
    gc.freeze()
    gc.set_threshold(2_000, 5, 2_000)


@contextmanager
def no_garbage() -> Iterator[None]:
    """While hundreds of thousands of objects are made that all live: collections would look at them again and again, for half of
    the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
