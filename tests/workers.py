"""Workers of a run that need not import its tests: one process imports them (tests/collected.py), and each worker is a fork of it.

pytest-xdist starts this file where it would start an interpreter. It has a worker forked, with its own standard streams, and ends
when that ends.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import uuid
from pathlib import Path

import pytest


def fork_workers(config: pytest.Config) -> None:
    """Those of this run, unless the command line says otherwise where they come from."""
    if set(config.option.tx) == {"popen"}:
        instead = shlex.join([sys.executable, str(Path(__file__)), uuid.uuid4().hex])
        config.option.tx = [f"popen//python={instead}" for _ in config.option.tx]


def _worker(run: str) -> int:
    """Its exit status, when it has ended."""
    sys.path[0] = str(Path(__file__).parents[1])
    from tests.forks import Forked

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl+c is for the worker
    os.environ["PYTEST_XDIST_TESTRUNUID"] = run  # so all workers of this run, and no others, come from one process
    return Forked("tests.collected", [], {0: 0, 1: 1, 2: 2}).wait(None)


if __name__ == "__main__":
    sys.exit(_worker(sys.argv[1]))
