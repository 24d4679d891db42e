"""Which tests run which lines, and how long each test takes: a break is tried on the tests that can notice it, the quickest first.

Also a plugin of pytest in the copies (`-p tests.mutants.reach`): `--reach-into FILE` writes what the tests reach of the
modules in `--reach-of` (paths below quads_tui, with commas); `--reach-from FILE` ends a test that takes many times as long as
it is written there, so that a break that never comes to an end costs seconds.
"""

from __future__ import annotations

import inspect
import json
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

_PACKAGE = Path(__file__).parents[2] / "quads_tui"
_LEAST = 20.0  # seconds that every test may take, beside eight times its usual time


@dataclass(frozen=True, slots=True)
class Reach:
    """`seconds` by test; `lines`: "module:line" and the tests that run it; `loaded`: lines that run at the import, for all tests."""

    seconds: dict[str, float]
    lines: dict[str, list[str]]
    loaded: list[str]

    def tests(self, module: str, lines: Sequence[int]) -> list[str]:
        """Those that run one of these lines, the quickest first."""
        places = [f"{module}:{line}" for line in lines]
        if any(place in self.loaded for place in places):
            found = set(self.seconds)
        else:
            found = {test for place in places for test in self.lines.get(place, ())}
        return sorted(found, key=lambda test: (self.seconds[test], test))

    def limit(self, tests: Sequence[str]) -> float:
        """Seconds after which they have surely come to no end."""
        return 60 + 4 * sum(self.seconds[test] for test in tests)


def read(path: Path) -> Reach:
    return Reach(**json.loads(path.read_text()))


# The plugin


def pytest_addoption(parser: pytest.Parser) -> None:
    for name in ("--reach-into", "--reach-of", "--reach-from"):
        parser.addoption(name, default="")


def pytest_configure(config: pytest.Config) -> None:
    if into := config.getoption("--reach-into"):
        config.pluginmanager.register(_Recorder(Path(into), config.getoption("--reach-of").split(",")))
    if known := config.getoption("--reach-from"):
        config.pluginmanager.register(_Limits(config, json.loads(Path(known).read_text())["seconds"]))


class _Recorder:
    def __init__(self, into: Path, modules: Sequence[str]) -> None:
        self._into = into
        self._modules = {str(_PACKAGE / module): module for module in modules}
        self._seconds: dict[str, float] = {}
        self._lines: defaultdict[str, set[str]] = defaultdict(set)
        self._loaded: set[str] = set()
        self._seen: set[tuple[str, int]] = set()  # by the test that runs now
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        module = self._modules.get(frame.f_code.co_filename)
        if module is None:
            return None
        if not frame.f_code.co_flags & inspect.CO_OPTIMIZED:  # of a module or a class: whichever test came first, it is for all
            loaded = self._loaded

            def at_import(frame: FrameType, event: str, _: Any) -> Any:
                loaded.add(f"{module}:{frame.f_lineno}")
                return at_import

            return at_import(frame, event, None)
        seen = self._seen

        def line(frame: FrameType, event: str, _: Any) -> Any:
            seen.add((module, frame.f_lineno))
            return line

        return line(frame, event, None)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._seen = set()
        sys.settrace(self._trace)
        began = time.monotonic()
        try:
            return (yield)
        finally:
            self._seconds[item.nodeid] = round(time.monotonic() - began, 3)
            for module, number in self._seen:
                self._lines[f"{module}:{number}"].add(item.nodeid)

    def pytest_sessionfinish(self) -> None:
        sys.settrace(None)
        found = Reach(self._seconds, {place: sorted(tests) for place, tests in self._lines.items()}, sorted(self._loaded))
        self._into.write_text(json.dumps(asdict(found)))


class _Limits:
    def __init__(self, config: pytest.Config, seconds: dict[str, float]) -> None:
        self._config = config
        self._seconds = seconds

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        def end(*_: object) -> None:
            self._config.pluginmanager.getplugin("capturemanager").suspend_global_capture()  # else nobody reads the next line
            os.write(1, f"\nFAILED {item.nodeid} (no end) - \n".encode())
            os._exit(3)

        signal.signal(signal.SIGALRM, end)
        signal.setitimer(signal.ITIMER_REAL, _LEAST + 8 * self._seconds.get(item.nodeid, 0.0))
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
