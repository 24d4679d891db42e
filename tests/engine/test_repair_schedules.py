"""A short share of the random schedules with repairs; more by `python -m tests.engine.repair_schedules`."""

from __future__ import annotations

from tests.effort import tries

from .repair_schedules import check


def test_random_schedules_with_repairs_keep_the_invariants() -> None:
    for number in range(tries(30, 60)):
        check(number)
