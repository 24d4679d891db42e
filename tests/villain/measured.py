"""The program with a meter on its loop: python -m tests.villain.measured FILE WORDS..., as `quads-tui WORDS`.

Into FILE go the CPU seconds of the loop's steps, and the memory of the process; SIGUSR1 begins anew, such as when the screen has
come up. A number as the last word is the socket of tests.terminal.pty_terminal, which is not needed here.
"""

from __future__ import annotations

import atexit
import importlib
import json
import signal
import sys
import time
from pathlib import Path

from quads_tui import cli
from tests.villain.steps import HELD, metered

steps: list[float] = []
since = [time.monotonic()]


def _meter(file: Path) -> None:
    metered(steps.append)
    signal.signal(signal.SIGUSR1, lambda *_: _begin())
    atexit.register(lambda: file.write_text(json.dumps(figures())))


def _begin() -> None:
    steps.clear()
    since[0] = time.monotonic()


def figures() -> dict[str, float]:
    """Seconds; memory in MB. `lag_99`: what 99 of 100 who come to the loop at random moments wait at most for its CPU time."""
    ordered = sorted(steps) or [0.0]
    left = 0.01 * (time.monotonic() - since[0])
    lag = 0.0
    for seconds in reversed(ordered):  # one comes while the longest steps run, for the longest time that is one of a hundred
        left -= seconds
        if left < 0:
            lag = seconds
            break
    return {
        "steps": len(ordered),
        "lag_99": lag,
        "longest": ordered[-1],
        "over": sum(seconds > HELD for seconds in ordered),
        "loop_cpu": sum(ordered),
        "cpu": time.process_time(),
        "rss": _most_memory(),
    }


def _most_memory() -> float:
    """MB of this program: getrusage would count what the process was before, too."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def main() -> None:
    _meter(Path(sys.argv[1]))
    words = sys.argv[2:]
    sys.argv = ["quads-tui", *(words[:-1] if words[-1].isdigit() else words)]
    # What is imported later, in the loop, is no villain's doing.
    front_ends = [] if "--json" in words else ["quads_tui.cli.screen", "quads_tui.cli.plain"]
    for module in ["quads_tui.cli.run", *front_ends]:
        importlib.import_module(module)
    cli.main()


if __name__ == "__main__":
    main()
