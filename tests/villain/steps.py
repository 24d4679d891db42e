"""The meter of a loop: CPU seconds of each of its steps, which is what whoever else is due waits, whatever else the machine does."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

HELD = 0.050  # seconds: what the program promises of 99 of 100 waiters
TRIES = 3  # a fault holds the loop each time; a busy machine, whose caches are shared, makes a step dear once


def metered(note: Callable[[float], None]) -> Callable[[], None]:
    """Call `note` after each step of this thread's loops, until what is returned is called."""
    handle: Any = asyncio.Handle
    run, here = handle._run, threading.get_ident()

    def timed(one: Any) -> None:
        if threading.get_ident() != here:
            run(one)
            return
        began = time.thread_time()
        run(one)
        note(time.thread_time() - began)

    handle._run = timed

    def end() -> None:
        handle._run = run

    return end
