"""`--until` as given: the same times as `--at`, and none that is over before the start."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quads_tui.render.plan_text import plan_lines
from quads_tui.rollout.learned import ENOUGH
from quads_tui.runtime.given_time import given_limit
from quads_tui.runtime.launch import too_early
from quads_tui.runtime.learned_store import learn, with_history
from quads_tui.runtime.options import Usage
from tests.rollout.simulated_rollout import NOW, Course

BEGINS = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
URL = "https://foreman.example.com"


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2027-03-28 03:00", "2027-03-28T01:00Z"),
        ("2027-10-31 02:30+02:00", "2027-10-31T00:30Z"),
        ("2027-10-31 02:30+01:00", "2027-10-31T01:30Z"),
    ],
)
def test_a_time_limit_is_a_time_as_that_of_a_start(text: str, at: str) -> None:
    assert given_limit(text, BEGINS) == datetime.fromisoformat(at).timestamp()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2027-10-31 02:30", "--until 2027-10-31 02:30: this time occurs twice in Europe/Berlin"),
        ("2027-03-28 02:30", "does not exist in Europe/Berlin"),
        ("tonight", "--until tonight: is not a time"),
        ("2026-12-31 06:00", "2026-12-31 06:00 CET is in the past, or before the start (2027-01-01 01:00 CET)"),
        ("2027-01-01 01:00", "is in the past, or before the start"),
    ],
)
def test_what_is_no_time_limit(text: str, says: str) -> None:
    with pytest.raises(Usage) as refused:
        given_limit(text, BEGINS)
    assert says in str(refused.value)


def known(state: Path, minutes: float, count: int = 60) -> list[str]:
    """The plan of a rollout with a limit so many minutes from its start, where installs take 10 minutes."""
    made = Course(["R650"] * count)
    for place in range(count):
        made.done(6.0 * (count - place), 600.0 + place)
    learn(state, URL, made.rollout, NOW, lambda words: None)
    plan = replace(Course(["R650"] * count).rollout.plan, until=NOW + 60.0 * minutes)
    plan = with_history(state, URL, plan, 5400.0, lambda words: None, begins=NOW, speed=1.0)
    assert not plan.warnings
    return [" ".join("\n".join(plan_lines(plan)).split()), *plan.late]


def test_the_plan_says_how_many_hosts_fit_and_names_the_others(tmp_path: Path) -> None:
    text, *late = known(tmp_path, 16.0)
    assert 10 < len(late) < 50
    assert re.search(rf"limit expected to be done by .*: {60 - len(late)} of 60 hosts", text)
    assert f"would not be done by the time limit: {len(late)}" in text
    assert late[0] in text
    assert ": 60 of 60 hosts. A host is begun" in known(tmp_path, 60.0)[0]


def test_where_nothing_is_known_the_deadline_of_install_is_assumed_and_that_is_said(tmp_path: Path) -> None:
    plan = Course(["R650"] * 20).rollout.plan
    short, long = (
        with_history(tmp_path, URL, replace(plan, until=NOW + 60.0 * minutes), 5400.0, lambda words: None, begins=NOW, speed=1.0)
        for minutes in (60.0, 240.0)
    )
    assert len(short.late) == 20
    assert not long.late
    for made in (short, long):
        assert (
            f"fewer than {ENOUGH} earlier installs of these models are known; until {ENOUGH} of a model have ended, each of its installs"
            in made.warnings[0]
        )
    assert "every host is less than 90 % likely to be done by" in too_early(short)
    assert "is assumed to take the whole install deadline (limits.install, 90 min)" in too_early(short)
