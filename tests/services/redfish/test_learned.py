"""What is known of a BMC when two names turn out to lead to it."""

from __future__ import annotations

import pytest

from quads_tui.services.redfish.learned import LearnedBmcs

ONE, OTHER, PEER = "https://one", "https://other", "192.0.2.7:443"


@pytest.mark.parametrize("cleared", [False, True])
@pytest.mark.parametrize(("known", "recalled", "after"), [(0, 2, 2), (1, 2, 2), (2, 1, 2), (0, 1, 1)])
def test_the_higher_count_of_an_earlier_process_holds_until_the_password_is_good_here(
    known: int, recalled: int, after: int, cleared: bool
) -> None:
    bmcs = LearnedBmcs()
    bmcs.of(OTHER).refusals = recalled  # by the journal: nothing has answered there yet
    bmcs.answered(ONE, PEER)
    if cleared:
        bmcs.of(ONE).allow_login()
    bmcs.of(ONE).refusals = known
    bmcs.answered(OTHER, PEER)
    assert bmcs.of(OTHER) is bmcs.of(ONE)
    assert bmcs.of(ONE).refusals == (known if cleared else after)
