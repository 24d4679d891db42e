"""Garbage collection beside a loop that nothing may hold."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def settle_garbage() -> None:
    """Full collections look no more at what lives by now: that took tens of milliseconds of a blocked loop."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


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
