"""How much the tests try: a short share of what is alike in each run, all of it where somebody has the time (docs/tests.md)."""

from __future__ import annotations

import os

WHOLE = os.environ.get("QUADS_TUI_TESTS") == "whole"


def tries(short: int, long: int) -> int:
    """Random cases of one test; the first `short` ones of both are the same."""
    return long if WHOLE else short
