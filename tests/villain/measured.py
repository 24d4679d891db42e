"""The program with a meter on its loop: python -m tests.villain.measured FILE WORDS..., as `quads-tui WORDS`.

Into FILE go the CPU seconds of the loop's rounds (what whoever else waits for the loop waits, whatever else the machine does), and
the memory of the process. A number as the last word is the socket of tests.terminal.pty_terminal, which is not needed here.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

_ROUND = 0.050  # seconds: what is promised
rounds: list[float] = []


def _meter(file: Path) -> None:
    run_once = asyncio.base_events.BaseEventLoop._run_once  # type: ignore[attr-defined]

    def metered(loop: Any) -> None:
        began = time.thread_time()
        run_once(loop)
        rounds.append(time.thread_time() - began)

    asyncio.base_events.BaseEventLoop._run_once = metered  # type: ignore[attr-defined]
    atexit.register(lambda: file.write_text(json.dumps(figures())))


def figures() -> dict[str, float]:
    """Seconds; memory in MB. `lag_99`: of what a hundred waiters at random moments would wait, the 99th."""
    ordered = sorted(rounds) or [0.0]
    # Who comes at a random moment meets a long round more often than a short one; idle time meets nobody.
    busy, total, reached = 0.0, sum(ordered), 0.0
    for seconds in ordered:
        busy += seconds
        if busy >= 0.99 * total:
            reached = seconds
            break
    return {
        "rounds": len(ordered),
        "round_99": ordered[int(len(ordered) * 0.99)],
        "lag_99": reached,
        "longest": ordered[-1],
        "over": sum(seconds > _ROUND for seconds in ordered),
        "loop_cpu": total,
        "cpu": time.process_time(),
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    _meter(Path(sys.argv[1]))
    words = sys.argv[2:]
    sys.argv = ["quads-tui", *(words[:-1] if words[-1].isdigit() else words)]
    from quads_tui.cli import main

    main()
