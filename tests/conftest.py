"""For all tests: the same examples on every machine and in every run, so that red is red again; and a time that load does not eat."""

from __future__ import annotations

import asyncio
import copy
import signal
import threading
from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

from quads_tui.rollout.scrub import SECRETS
from tests.bytecode import compile_once
from tests.clocks import granted

asyncio.BaseEventLoop.time = lambda loop: granted()  # type: ignore[method-assign]  # looptime's loops have a time of their own

if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as a background job the tests' programs would never hear ctrl+c

settings.register_profile("steady", derandomize=True, deadline=None, database=None)
# For tests.mutants: that a test fails is all it wants to know, not the smallest example.
settings.register_profile("mutants", settings.get_profile("steady"), phases=(Phase.explicit, Phase.generate))
settings.load_profile("steady")

# Real processes and terminals wait more than they compute. Begun first, they wait while the others compute, and none is left at the end.
_FIRST = (
    "tests/e2e/",
    "tests/terminal/",
    "tests/villain/",
    "tests/packaging/",
    "tests/services/redfish/test_strangers",
    "tests/emulators/test_emulator_process",
)


def pytest_configure(config: pytest.Config) -> None:
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        compile_once(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(_FIRST))


@pytest.fixture(autouse=True)
def _secrets_of_this_test_alone() -> Iterator[None]:
    """What one test takes for a password is a word in another."""
    before = copy.deepcopy(vars(SECRETS))
    yield
    vars(SECRETS).update(before)
