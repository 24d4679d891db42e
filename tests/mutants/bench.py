"""Copies of the project in which one module at a time is broken, and tests are run."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from .reach import Reach, read

T = TypeVar("T")
R = TypeVar("R")

ROOT = Path(__file__).parents[2]
PARTS = ("quads_tui", "tests", "sample_assignments", "docs", "README.md", "pyproject.toml")
MOST_MEMORY = 4 << 30  # bytes: a broken loop in virtual time never waits, and fills the memory instead
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "__snapshots__")


@dataclass(frozen=True, slots=True)
class Ended:
    """How the tests ended. `noticed`: what failed first, in words; empty when all passed."""

    noticed: str
    seconds: float


class UnusableTests(Exception):
    """The tests do not pass with nothing broken, or are not there: they prove nothing."""


class Copy:
    """One copy of the project."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def test(self, tests: Sequence[str], *, timeout: float, compile_files: bool = False, options: Sequence[str] = ()) -> Ended:
        """Run these tests until one fails. Running longer than `timeout` (seconds) counts as noticed."""
        without = ("-pno:cacheprovider", "-pno:textual-snapshot", "-pno:syrupy")  # what costs half a second and is not used
        options = ("-x", "-q", "--tb=line", "-n0", *without, "--hypothesis-profile=mutants", *options)
        # What the workers of a run around this one share is of the code as it is.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
        environ |= {"PYTHONPATH": str(self._place), "PYTHONDONTWRITEBYTECODE": "" if compile_files else "1"}
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=self._place,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY)),
        )
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return Ended(f"still running after {timeout:.0f} s", time.monotonic() - began)
        return Ended(_first_failure(output) if process.returncode else "", time.monotonic() - began)

    def test_reached(self, tests: Sequence[str], reach: Reach) -> Ended:
        """As `test`, in this order. A test that takes many times as long as usual counts as noticed."""
        known = self._place.parent / "reach.json"
        return self.test(tests, timeout=reach.limit(tests), options=("-ptests.mutants.reach", f"--reach-from={known}"))

    def text(self, module: str) -> str:
        """The module (a path below quads_tui) as it is."""
        return (self._place / "quads_tui" / module).read_text()

    @contextmanager
    def broken(self, module: str, text: str) -> Iterator[None]:
        """The module has this text meanwhile."""
        path = self._place / "quads_tui" / module
        kept = path.with_suffix(".kept")
        compiled = Path(cache_from_source(str(path)))
        path.rename(kept)  # keeps its time, so that the bytecode of the others' imports stays good
        compiled.unlink(missing_ok=True)
        try:
            path.write_text(text)
            yield
        finally:
            kept.replace(path)


def _first_failure(output: str) -> str:
    lines = output.splitlines()
    for line in lines:
        if line.startswith(("FAILED ", "ERROR ", "ERROR: ")):
            return line.partition(" - ")[0].partition(" ")[2]
    return (lines or ["ended without a word"])[-1][:100]


class Bench:
    """As many copies as `workers`; the first one proves that the tests pass as long as nothing is broken."""

    def __init__(self, place: Path, workers: int) -> None:
        self._place = place
        self._workers = workers
        self._free: SimpleQueue[Copy] = SimpleQueue()
        self._first = Copy(place / "0")
        for part in PARTS:
            source, target = ROOT / part, place / "0" / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=_LEFT_OUT)
            else:
                target.parent.mkdir(exist_ok=True)
                shutil.copy2(source, target)

    def baseline(self, tests: Sequence[str]) -> float:
        """Seconds that the tests take with nothing broken. Raises UnusableTests when they do not pass."""
        ended = self._first.test(tests, timeout=1800, compile_files=True)
        if ended.noticed:
            raise UnusableTests(f"with nothing broken: {ended.noticed}")
        return ended.seconds

    def reach(self, tests: Sequence[str], modules: Sequence[str]) -> Reach:
        """What each of the tests runs of these modules. Raises UnusableTests as `baseline`."""
        into = self._place / "reach.json"
        options = ("-ptests.mutants.reach", f"--reach-into={into}", f"--reach-of={','.join(modules)}")
        ended = self._first.test(tests, timeout=3600, compile_files=True, options=options)
        if ended.noticed:
            raise UnusableTests(f"with nothing broken: {ended.noticed}")
        return read(into)

    def each(self, work: Callable[[Copy, T], R], items: Iterable[T]) -> Iterator[R]:
        """The results in the order of the items, made by the workers side by side. The copies come after `baseline`."""
        for number in range(self._workers):
            if number:
                shutil.copytree(self._place / "0", self._place / str(number), dirs_exist_ok=True)
            self._free.put(Copy(self._place / str(number)))

        def one(item: T) -> R:
            copy = self._free.get()
            try:
                return work(copy, item)
            finally:
                self._free.put(copy)

        with ThreadPoolExecutor(self._workers) as pool:
            yield from pool.map(one, items)


@contextmanager
def open_bench(workers: int) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        yield Bench(Path(place), workers)
