"""A short share of the random schedules; many more by `python -m tests.engine.schedules`."""

from __future__ import annotations

import pytest

from tests import postgres
from tests.effort import tries
from tests.journal.cluster.conftest import dsn, port, template

from . import repair_schedules
from .many_schedules import journals
from .schedules import check

__all__ = ["dsn", "port", "template"]

SHARES, SHARE = 4, tries(30, 75)
# Each of these has failed once: an install or a stranger ended the build while our own cancel was still on its way; a retry that
# was ordered behind a slow disarm was never waited for; a host that was held after a retry from the start stayed in the build that
# its first try had left.
FAILED_ONCE = (27679, 57081, 69662, 84463, 1183)


@pytest.mark.parametrize("share", range(SHARES))
def test_random_schedules_keep_the_invariants(share: int) -> None:
    for number in range(share * SHARE, (share + 1) * SHARE):
        check(number)


def test_schedules_that_failed_once_keep_the_invariants() -> None:
    for number in FAILED_ONCE:
        check(number)


def test_random_schedules_keep_the_invariants_with_their_journal_in_a_file() -> None:
    for number in range(tries(4, 20)):
        with journals("sqlite") as kept:
            check(number, kept)


@pytest.mark.skipif(not postgres.is_here(), reason=postgres.MISSING)
def test_random_schedules_keep_the_invariants_with_their_journal_in_a_cluster(dsn: str) -> None:
    """Who goes on after a crash is another worker."""
    for one in (check, repair_schedules.check):
        for number in range(tries(8, 40)):
            with journals("cluster", dsn) as kept:
                one(number, kept)
