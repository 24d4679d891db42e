"""How many hosts are powered off ahead of their write: by what is measured, at most the operator's number."""

from __future__ import annotations

import pytest

from quads_tui.engine.ahead import AheadLimit
from quads_tui.rollout.durations import DurationStats
from quads_tui.rollout.events import HostAhead, Intent, LaneNarrowed, Outcome, RolloutStarted, StageChanged
from quads_tui.rollout.limits import AUTO, Limits
from quads_tui.rollout.plan import Goal, HostPlan, Plan, Target
from quads_tui.rollout.stages import ActResult, HostStatus, Kind, Stage, StageStatus

from .model import Lab

NAMES = [f"h{number:03}.example.com" for number in range(60)]


def stats(ready: float = 0.0, write: float = 0.0, written: int = 100) -> DurationStats:
    goal = Goal("cloud02", Kind.BUILD, "", "jdoe", "1", "RHEL 9.4", "p", "m", Target())
    found = DurationStats(Plan((goal,), (HostPlan("a", "https://a"),)))
    found.written = {f"h{number}": 0.0 for number in range(written)}
    for _ in range(20):
        if ready:
            found.ready.add(ready)
        if write:
            found.write.add(write)
    return found


@pytest.mark.parametrize(
    ("ready", "write", "width", "cap", "places"),
    [
        (30, 1, 1, AUTO, 31),  # 30 are made ready while 30 are written, and one is on the wire
        (30, 7.7, 1, AUTO, 5),
        (30, 31, 1, AUTO, 2),
        (30, 7.7, 4, AUTO, 20),
        (30, 1, 1, 12, 12),  # the operator's number holds
        (30, 31, 1, 12, 2),  # and is no reason to keep more machines dark
        (400, 0.5, 1, AUTO, 60),  # never more than these
        (0, 0, 1, AUTO, 16),  # nothing measured yet
        (0, 31, 1, AUTO, 2),
    ],
)
def test_as_many_places_as_keep_foreman_busy(ready: float, write: float, width: int, cap: int, places: int) -> None:
    assert AheadLimit(stats(ready, write), width=lambda: width, cap=cap).places() == places


@pytest.mark.parametrize(("written", "places"), [(0, 3), (1, 3), (2, 4), (6, 8), (7, 10), (10, 16), (40, 31)])
def test_few_machines_at_first_one_more_with_each_write_and_two_after_six(written: int, places: int) -> None:
    assert AheadLimit(stats(30, 1, written), width=lambda: 1, cap=AUTO).places() == places


def test_what_was_under_way_when_a_process_ended_is_not_measured() -> None:
    found, hours = stats(30, 7.7), 8 * 3600.0
    for event in (
        HostAhead(0.0, "a", True),
        Intent(10.0, "a", 1, "build", {}),
        RolloutStarted(hours, "r", 1, True, "me", 1.0),
        Outcome(hours + 5, "a", 1, ActResult.APPLIED, {}),
        StageChanged(hours + 9, "a", Stage.FOREMAN_BUILD, StageStatus.STARTED, 2),
    ):
        found.apply(event)
    assert found.written["a"] == hours + 5
    assert AheadLimit(found, width=lambda: 1, cap=AUTO).places() == 5, "as before"


@pytest.mark.looptime
@pytest.mark.parametrize(("narrowed", "least", "most"), [(False, 12, 30), (True, 3, 9)])
async def test_a_queue_that_was_narrowed_needs_fewer_machines(narrowed: bool, least: int, most: int) -> None:
    lab = Lab(NAMES, write_seconds=7.7, write_width=4)
    seen = 0
    if narrowed:
        lab.rollout.apply(LaneNarrowed(0.0, "two writes met"))

    lab.executor.start()
    while not lab.rollout.settled:
        seen = max(seen, lab.executor.gate.powered_off_waiting)
        await lab.clock.sleep(1)
    await lab.end()
    assert lab.rollout.counts[HostStatus.DONE] == len(NAMES)
    assert least <= seen <= most


@pytest.mark.looptime
@pytest.mark.parametrize(("write", "most"), [(1.0, 40), (31.0, 4)])
async def test_machines_stand_dark_in_step_with_foreman(write: float, most: int) -> None:
    lab = Lab(NAMES, write_seconds=write)
    seen = 0

    lab.executor.start()
    while not lab.rollout.settled:
        seen = max(seen, lab.executor.gate.powered_off_waiting)
        await lab.clock.sleep(1)
    await lab.end()
    assert lab.rollout.counts[HostStatus.DONE] == len(NAMES)
    assert 3 <= seen <= most


@pytest.mark.looptime
async def test_the_operators_number_holds() -> None:
    lab = Lab(NAMES[:12], limits=Limits(ahead=2))
    lab.executor.start()
    while not lab.rollout.settled:
        assert lab.executor.gate.powered_off_waiting <= 2
        await lab.clock.sleep(1)
    await lab.end()
