"""The event loop of a command, which hears signals whatever it waits for."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from .asked import ASKED
from .options import SIGNALS

T = TypeVar("T")
_AGAIN = 1.0  # real seconds; a cancellation can be lost too, where what is waited for is done in the same turn of the loop


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """As asyncio.run. SIGTERM cancels the work, and then raises SystemExit; ctrl+c raises KeyboardInterrupt.

    A signal that only Python knows of waits until the loop does something, which may take hours: it may come between Python's
    last look and the wait of the loop, or be delivered to another thread. A handler of the loop's own wakes it, for SIGINT too.
    ProcessResources.listen takes it over where a rollout runs.
    """

    async def main() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def end() -> None:
            ASKED.signal = "SIGTERM"
            if task is not None and not task.done() and not ASKED.taken:
                task.cancel()
                loop.call_later(_AGAIN, end)

        if main_thread:
            loop.add_signal_handler(signal.SIGTERM, end)
            if ASKED.signal:
                loop.call_soon(end)
        return await work

    main_thread = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        if ASKED.signal:
            raise SystemExit(SIGNALS[ASKED.signal]) from None
        raise
    finally:
        if main_thread:
            signal.signal(signal.SIGTERM, before)  # a loop that is closed leaves none
            ASKED.reset()
