"""The fit: what has not ended counts as at least that long, whatever there is of either."""

from __future__ import annotations

import random
from math import exp, isfinite, log

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quads_tui.rollout.completion_time import ENDLESS, Wait, when_all_in_pieces
from quads_tui.rollout.lognormal import LogMoments, Lognormal, fit

seconds = st.floats(1.0, 20_000.0)


def when_all(waits: list[Wait], share: float) -> tuple[float, list[Wait]]:
    """In one go."""
    pieces = when_all_in_pieces(waits, share)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return end.value


def of(values: list[float]) -> LogMoments:
    logs = [log(value) for value in values]
    return LogMoments(len(logs), sum(logs), sum(x * x for x in logs))


def test_those_that_run_on_correct_what_only_the_quick_ones_tell() -> None:
    luck = random.Random(4)
    drawn = [luck.lognormvariate(log(1200), 0.3) for _ in range(400)]
    quick = [value for value in drawn if value < 900]
    alone = fit(of(quick), spread=0.25, weight=3.0)
    together = fit(of(quick), [(900.0, len(drawn) - len(quick))], spread=0.25, weight=3.0)
    assert len(quick) < 80
    assert alone.median < 850
    assert together.median == pytest.approx(1200, rel=0.06)
    assert together.spread == pytest.approx(0.3, rel=0.25)


@given(st.lists(seconds, min_size=1, max_size=30), st.lists(st.tuples(seconds, st.integers(1, 500)), max_size=20))
def test_the_fit_is_finite_and_never_quicker_for_those_that_run(ended: list[float], running: list[tuple[float, int]]) -> None:
    alone = fit(of(ended), spread=0.25, weight=3.0)
    found = fit(of(ended), running, spread=0.25, weight=3.0)
    assert isfinite(found.middle)
    assert 0.0 < found.spread < 100.0
    assert found.middle >= alone.middle - 1e-2
    assert alone.median == pytest.approx(exp(sum(map(log, ended)) / len(ended)))


@given(
    st.lists(st.tuples(st.integers(1, 50), st.floats(0, 5000), st.floats(0, 1e6)), min_size=1, max_size=20), st.floats(0.05, 2.0)
)
def test_the_last_of_many(parties: list[tuple[int, float, float]], spread: float) -> None:
    known = Lognormal(log(1000.0), spread)
    waits = [Wait(many, shift, known, age=age) for many, shift, age in parties]
    half, _ = when_all(waits, 0.5)
    most, _ = when_all(waits, 0.9)
    assert half >= max(shift for _, shift, _ in parties)
    assert most >= half
    assume(half < ENDLESS)  # beyond it there is no answer
    before = half - max(3.0, 0.005 * half)
    assert sum(wait.ends_within(half) for wait in waits) >= log(0.5) - 0.02
    assert sum(wait.ends_within(before) for wait in waits) <= log(0.5) + 0.02


def test_the_last_of_many_is_later_than_one() -> None:
    known = Lognormal(log(1000.0), 0.3)
    one, hundred = (when_all([Wait(many, 0.0, known)], 0.5)[0] for many in (1, 100))
    assert one == pytest.approx(1000.0, rel=0.01)
    assert hundred == pytest.approx(1000.0 * exp(0.3 * 2.46), rel=0.02)  # where the normal distribution has 0.5 ** 0.01
