"""To be forked: a process that has collected all tests once, so that a worker finds their modules imported (tests/workers.py).

To import them is three quarters of what collecting costs, and a run has twelve workers.
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest


def main() -> None:
    """In the fork: what an interpreter does with the command line that pytest-xdist gives it."""
    sys.argv = ["-c"]
    exec(eval(sys.stdin.readline()), {"__name__": "__main__"})


with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):  # what fails to be imported, each worker says itself
    pytest.main(["-q", "-n", "0", "-p", "no:cacheprovider", "--collect-only", str(Path(__file__).parent)])
