"""What is measured once a second beside the graphs: whether the program and its emulators keep up with the speed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from quads_tui.engine.sampling import sample
from quads_tui.rollout.metrics import LaneState, Meters


class LateClock:
    """Each second of it ends `late` real seconds too late; after `seconds` of them the test is over."""

    speed = 30.0

    def __init__(self, late: float, seconds: int) -> None:
        self._at, self._late, self._left = 0.0, late, seconds

    def now(self) -> float:
        return self._at * self.speed

    def wall(self) -> float:
        return self._at

    async def sleep_real(self, seconds: float) -> None:
        if not self._left:
            raise EOFError
        self._left -= 1
        self._at += seconds + self._late


async def sampled(late: float, emulators: float | None) -> tuple[Meters, list[dict[str, Any]]]:
    kept: list[dict[str, Any]] = []

    async def lag() -> float:
        return emulators or 0.0

    context: Any = SimpleNamespace(
        meters=Meters(),
        clock=LateClock(late, 6),
        sample_seconds=1.0,
        emulators_lag=None if emulators is None else lag,
        rollout=SimpleNamespace(powered_off_waiting={}),
        journal=SimpleNamespace(sample=lambda at, data: kept.append(data)),
    )
    with pytest.raises(EOFError):
        await sample(context, SimpleNamespace(state=LaneState))  # type: ignore[arg-type]
    return context.meters, kept


@pytest.mark.parametrize(
    ("late", "emulators", "own", "too_late"),
    [(0.0, None, 0.0, False), (0.02, 0.01, 0.9, False), (0.05, None, 1.5, True), (0.01, 0.1, 3.3, True), (0.0, 0.0, 0.0, False)],
)
async def test_the_lag_of_program_and_emulators_counts_in_rollout_seconds(
    late: float, emulators: float | None, own: float, too_late: bool
) -> None:
    meters, kept = await sampled(late, emulators)
    assert [data["late"] for data in kept] == pytest.approx([own] * 6, abs=0.011)
    assert meters.lateness.is_too_late is too_late
    watched = Meters()
    for data in kept:
        watched.restore(data, 0.0, speed=30.0)
    assert watched.lateness.is_too_late is too_late  # who follows the journal sees the same
