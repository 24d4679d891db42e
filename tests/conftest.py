"""For all tests: the same examples on every machine and in every run, so that red is red again; and a time that load does not eat."""

from __future__ import annotations

import asyncio
import copy
import gc
import signal
import threading
from collections.abc import Generator, Iterator
from itertools import chain

import pytest
from hypothesis import Phase, settings

from quads_tui.rollout.garbage import settle_garbage
from quads_tui.rollout.scrub import SECRETS
from tests.bytecode import compile_once, of_all_tests
from tests.clocks import granted, virtual_time
from tests.workers import fork_workers

asyncio.BaseEventLoop.time = lambda loop: granted()  # type: ignore[method-assign]  # virtual_time() has one of its own

if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as a background job the tests' programs would never hear ctrl+c

settings.register_profile("steady", derandomize=True, deadline=None, database=None)
# For tests.mutants: that a test fails is all it wants to know, not the smallest example.
settings.register_profile("mutants", settings.get_profile("steady"), phases=(Phase.explicit, Phase.generate))
settings.load_profile("steady")

# Tests with real processes and terminals wait more than they compute. The longest come first; those of a group go one after the other.
_WAITING = (
    "tests/e2e/test_streams",
    "tests/villain/test_bmcs",
    "tests/e2e/test_shared_queue",
    "tests/terminal/",
    "tests/services/redfish/test_strangers",
    "tests/e2e/",
    "tests/villain/",
    "tests/packaging/",
    "tests/emulators/test_emulator_process",
)
_SPREAD = 0.85  # of all others, among which they are spread: so none of these is left at the end


def pytest_configure(config: pytest.Config) -> None:
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        compile_once(config)
        if of_all_tests(config):
            fork_workers(config)


gc.disable()  # until all is collected: nothing of it becomes garbage


def pytest_collection_finish() -> None:
    """Thousands of tests live as long as the process: looked through at each full collection of garbage, they cost more than it."""
    settle_garbage()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that wait among those that compute, so that no CPU is free and none has too much to do."""
    waiting = list(dict.fromkeys(item for prefix in _WAITING for item in items if item.nodeid.startswith(prefix)))
    others = [item for item in items if not item.nodeid.startswith(_WAITING)]
    between = int(_SPREAD * len(others) / max(1, len(waiting)))
    mixed = [[item, *others[at * between : (at + 1) * between]] for at, item in enumerate(waiting)]
    items[:] = [*chain.from_iterable(mixed), *others[len(waiting) * between :]]


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """An async test marked with looptime runs in virtual time; its fixtures do not."""
    runner = pyfuncitem.funcargs.get("_function_scoped_runner")  # pytest-asyncio's, of the test's own loop
    if runner is None or not pyfuncitem.get_closest_marker("looptime"):
        return (yield)
    with virtual_time(runner.get_loop()):
        return (yield)


@pytest.fixture(autouse=True)
def _secrets_of_this_test_alone() -> Iterator[None]:
    """What one test takes for a password is a word in another."""
    before = copy.deepcopy(vars(SECRETS))
    yield
    vars(SECRETS).update(before)
