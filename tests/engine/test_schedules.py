"""The first thousand random schedules; many more by `python -m tests.engine.schedules`."""

from __future__ import annotations

import pytest

from .schedules import check

COUNT = 1000


def test_a_thousand_random_schedules_keep_the_invariants(capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(COUNT):
        check(number)
    with capsys.disabled():
        print(f" {COUNT} schedules", end="")
