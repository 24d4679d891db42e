"""Times in a journal that several machines wrote."""

from __future__ import annotations

from quads_tui.rollout.events import BmcSession, Intent, Notice
from quads_tui.rollout.moments import Moment
from quads_tui.runtime.cluster_events import rebased

NOW = Moment("here", 1000.0)


def intent(moment: Moment) -> Intent:
    return Intent(1.0, "a01", 7, "reset", {}, moment)


def test_an_intent_of_another_machine_counts_from_when_it_was_written() -> None:
    found = rebased(intent(Moment("there", 5.0)), 40.0, NOW, 9000.0)
    assert isinstance(found, Intent)
    assert found.moment.until(NOW) == 40.0
    assert found.number == 7


def test_a_database_whose_clock_was_set_back_makes_an_intent_young_not_old() -> None:
    found = rebased(intent(Moment("there", 5.0)), -3600.0, NOW, 9000.0)
    assert isinstance(found, Intent)
    assert found.moment.until(NOW) == 0.0


def test_what_this_machine_wrote_stays_exact() -> None:
    mine, notice = intent(Moment("here", 990.0)), Notice(1.0, "info", "words")
    assert rebased(mine, 40.0, NOW, 9000.0) is mine
    assert rebased(notice, 40.0, NOW, 9000.0) is notice


def test_a_login_that_was_not_ended_is_as_old_as_the_database_says() -> None:
    begun = rebased(BmcSession(1.0, "a01", "", True), 40.0, NOW, 9000.0)
    assert begun.at == 8960.0
    made = BmcSession(1.0, "a01", "/sessions/1", True)
    assert rebased(made, 40.0, NOW, 9000.0) is made
