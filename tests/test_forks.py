"""The process that forks programs for the tests serves all workers of a run, and ends with the last of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.forks import Parent
from tests.waiting import wait_for


def test_workers_of_one_run_share_one_and_it_ends_with_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", f"of this test {os.getpid()}")
    first, second = Parent("json.tool"), Parent("json.tool")
    assert first.process is not None and second.process is None
    first.close()
    request = {"module": "json.tool", "words": ["--help"], "environment": {}, "directory": str(Path.cwd())}
    with Path(os.devnull).open("w") as nothing:
        pid = second.asked({**request, "numbers": [1], "session": False, "terminal": False}, [nothing.fileno()])
    assert wait_for(lambda: [status for status in [second.asked({"poll": pid})] if status is not None]) == [0]
    third = Parent("json.tool")
    assert third.process is None
    second.close()
    assert first.process.poll() is None
    third.close()
    assert first.process.wait() == 0
    again = Parent("json.tool")
    assert again.process is not None, "none is left that could be asked"
    again.close()
    assert again.process.wait() == 0


def test_one_that_cannot_be_imported_is_said_at_once() -> None:
    with pytest.raises(AssertionError, match="the process that forks no_such_module has ended"):
        Parent("no_such_module")
