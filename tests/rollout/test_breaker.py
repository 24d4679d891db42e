"""The circuit breaker as a table: what it hears, and what it is then."""

from __future__ import annotations

import pytest

from quads_tui.rollout.breaker import Breaker, BreakerState

CLOSED, OPEN, HALF = BreakerState


def breaker(budget: float = 2.0, refund: float = 0.5) -> Breaker:
    return Breaker(budget=budget, refund=refund, first=4.0, longest=12.0)


def told(what: Breaker, story: str) -> list[BreakerState]:
    """`story`: words of a time and what happens then: `-` a failure, `+` an answer, `?` whether a try is due, `x` giving up."""
    states = []
    for word in story.split():
        at = float(word[:-1])
        match word[-1]:
            case "-":
                what.failed(at)
            case "+":
                what.answered(at)
            case "?":
                what.due(at)
            case "x":
                what.give_up()
        states.append(what.state)
    return states


@pytest.mark.parametrize(
    ("story", "states"),
    [
        ("1-", [CLOSED]),  # one failure is nothing
        ("1- 2-", [CLOSED, OPEN]),
        ("1- 2+ 3- 4+ 5-", [CLOSED] * 4 + [OPEN]),  # one for one is too many: the retries are used up
        ("1- 2+ 3+ 4- 5+ 6+ 7- 8+ 9+ 10-", [CLOSED] * 10),  # one for two answers may go on for ever
        ("1- 2- 3?", [CLOSED, OPEN, OPEN]),  # not before the next try
        ("1- 2- 6?", [CLOSED, OPEN, HALF]),
        ("1- 2- 6? 7?", [CLOSED, OPEN, HALF, HALF]),  # one at a time
        ("1- 2- 6? 6+", [CLOSED, OPEN, HALF, CLOSED]),
        ("1- 2- 3+", [CLOSED, OPEN, CLOSED]),  # whoever hears an answer: it is there
        ("1- 2- 3+ 4-", [CLOSED, OPEN, CLOSED, OPEN]),  # on trial at first
        ("1- 2- 3+ 4+ 5-", [CLOSED, OPEN, CLOSED, CLOSED, CLOSED]),
        ("1- 2- 6? 7- 14? 15?", [CLOSED, OPEN, HALF, OPEN, OPEN, HALF]),  # twice as long to the next one
        ("1- 2- 6? 7- 15? 16- 27? 28? 29- 40? 41?", [CLOSED, OPEN, HALF, OPEN, HALF, OPEN, OPEN, HALF, OPEN, OPEN, HALF]),
        ("1- 2- 3- 4- 6?", [CLOSED, OPEN, OPEN, OPEN, HALF]),  # what was asked before it opened puts nothing off
        ("1- 2- 9x 10- 11- 12-", [CLOSED, OPEN, CLOSED, CLOSED, CLOSED, CLOSED]),  # given up: no more of it
        ("1- 2- 9x 9- 10+ 11+ 12- 13-", [CLOSED, OPEN, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, OPEN]),  # until it answered once
    ],
)
def test_what_it_hears_and_what_it_is_then(story: str, states: list[BreakerState]) -> None:
    assert told(breaker(), story) == states


@pytest.mark.parametrize(
    ("story", "wait"), [("1- 2-", 4.0), ("1- 2- 6? 6- 14? 14- 26? 26-", 12.0), ("1- 2- 3+ 4-", 8.0), ("1- 2- 3+ 50-", 4.0)]
)
def test_how_long_it_is_until_the_next_try(story: str, wait: float) -> None:
    what = breaker()
    told(what, story)
    assert what.state is OPEN
    assert what.until - float(story.split()[-1][:-1]) == wait


def test_what_the_service_asks_for_is_obeyed_even_by_who_asked_before() -> None:
    what = breaker()
    what.failed(1.0)
    what.failed(2.0, after=60.0)
    assert what.until == 62.0
    assert not what.failed(3.0, after=100.0)
    assert what.until == 103.0


def test_the_first_failures_of_a_run_set_the_time_since_when_it_is_away() -> None:
    what = breaker()
    told(what, "1- 2- 6? 7- 15? 16-")
    assert what.since == 2.0
    told(what, "20+ 21- 22-")
    assert what.since == 21.0


def test_a_rack_needs_as_many_failures_in_a_row_as_its_budget() -> None:
    assert told(breaker(3, 3), "1- 2- 3+ 4- 5- 6-") == [CLOSED] * 5 + [OPEN]
