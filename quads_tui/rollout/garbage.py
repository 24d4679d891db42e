"""Garbage collection beside a loop that nothing may hold."""

from __future__ import annotations

import gc


def settle_garbage() -> None:
    """Full collections look no more at what lives by now: that took tens of milliseconds of a blocked loop."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
