"""A short share of the random schedules; many more by `python -m tests.engine.schedules`."""

from __future__ import annotations

import pytest

from tests.effort import tries

from .schedules import check

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
