"""How late the loop of the emulators is. They keep it in a file, for the console that rehearses against them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from statistics import median

_PROBE = 0.2  # real seconds


async def keep_lag(directory: Path) -> None:
    """Until cancelled: the median of the last second, in real seconds, written where it is another one in milliseconds."""
    recent: deque[float] = deque(maxlen=5)
    kept = ""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(_PROBE)
        recent.append(time.perf_counter() - began - _PROBE)
        words = f"{max(0.0, median(recent)):.3f}"
        if words != kept:
            kept = words
            with suppress(OSError):
                (directory / "lag").write_text(words)
