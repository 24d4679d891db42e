"""For the engine's tests: virtual time jumps at once."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Nothing here waits for threads or sockets, which looptime else gives 42 turns of the loop before each jump."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and item.get_closest_marker("looptime"):
            item.add_marker(pytest.mark.looptime(noop_cycles=1))
