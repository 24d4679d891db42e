"""A machine that does not keep up with the speed of a rehearsal: from when on it is said, and what."""

from __future__ import annotations

from quads_tui.rollout.lateness import Lateness, late_short, late_words, share_too_late


def after(*values: float) -> Lateness:
    lateness = Lateness()
    for value in values:
        lateness.add(value)
    return lateness


def test_it_is_said_after_some_seconds_and_neither_for_one_pause_nor_on_and_off() -> None:
    assert not after(2.0, 2.0, 2.0, 2.0).is_too_late
    assert after(2.0, 2.0, 2.0, 2.0, 2.0).is_too_late
    assert not after(0.1, 0.1, 9000.0, 0.1, 0.1, 0.1).is_too_late  # the machine was suspended
    assert after(*[2.0] * 5, *[0.8] * 9).is_too_late
    assert not after(*[2.0] * 5, *[0.3] * 5).is_too_late


def test_the_words_say_how_much_and_that_the_times_are_off() -> None:
    late, well = after(*[4.2] * 5), after(*[0.2] * 5)
    assert late_words(late, 30.0).startswith(
        "this computer is too slow for speed 30: each step takes about 4 s of rollout time too long"
    )
    assert late_short(late, 30.0) == "this computer is too slow for 30x: times are wrong"
    assert late_words(well, 30.0) == late_short(well, 30.0) == ""


def test_a_report_tells_during_how_much_of_the_time_it_was_so() -> None:
    assert share_too_late([0.0] * 10 + [2.0] * 10) == 0.4  # from the third of five on they are the median, to the third after
    assert share_too_late([]) == share_too_late([0.2] * 20) == 0.0
