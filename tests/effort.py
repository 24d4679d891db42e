"""How much the tests with random cases try: a short share in each run, all of it where somebody has the time (docs/tests.md)."""

from __future__ import annotations

import os

LONG = "QUADS_TUI_LONG_TESTS" in os.environ


def tries(short: int, long: int) -> int:
    """Cases of one test: `long` where the environment has QUADS_TUI_LONG_TESTS. The first `short` ones are the same."""
    return long if LONG else short
