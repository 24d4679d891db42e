"""Compiled once, for all workers of a run and for the processes that they start. Where Python is told to write no bytecode each does it
again: collecting the tests takes a worker 14 s of CPU instead of 6, and every start of the program 0.2 s more."""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def of_all_tests(config: pytest.Config) -> bool:
    """A run of all tests, not of some that the command line names."""
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS


def compile_once(config: pytest.Config) -> None:
    """Before the workers begin; what is compiled already is left as it is."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compileall.compile_dir(ROOT / "quads_tui", quiet=2)
    if of_all_tests(config) and not any((ROOT / "tests" / "engine" / "__pycache__").glob("test_*-pytest-*.pyc")):
        files = sorted(str(path) for path in (ROOT / "tests").rglob("test_*.py"))
        collect = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "--collect-only"]
        halves = [
            subprocess.Popen([*collect, *files[half::2]], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            for half in (0, 1)
        ]
        for half in halves:
            half.wait()
