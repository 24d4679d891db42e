"""What is counted for the metrics, event by event and request by request."""

from __future__ import annotations

from math import inf

import pytest

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import Intent, Outcome, StageChanged
from quads_tui.rollout.http_log import CANCELLED, Exchange
from quads_tui.rollout.stages import ActResult, Stage, StageStatus
from quads_tui.rollout.tally import Histogram, Service, Tally


def stage(status: StageStatus, attempt: int = 1, cause: Cause | None = None) -> StageChanged:
    return StageChanged(1.0, "h0", Stage.PXE_SET, status, attempt, cause=cause)


def exchange(service: str, method: str, status: int, seconds: float = 0.2, error: str = "") -> Exchange:
    return Exchange(at=1.0, service=service, host="h0", method=method, path="/x", status=status, seconds=seconds, error=error)


def test_attempts_retries_and_causes() -> None:
    tally = Tally()
    for event in (
        stage(StageStatus.STARTED),
        stage(StageStatus.FAILED, cause=Cause.BUSY),
        stage(StageStatus.STARTED, 2),
        stage(StageStatus.FAILED, 2),  # a journal of old gave no cause
        stage(StageStatus.STARTED, 3),
        stage(StageStatus.FINISHED, 3),
    ):
        tally.on_event(event)
    assert tally.attempts == {
        (Stage.PXE_SET, StageStatus.STARTED): 3,
        (Stage.PXE_SET, StageStatus.FAILED): 2,
        (Stage.PXE_SET, StageStatus.FINISHED): 1,
    }
    assert tally.retries == {Stage.PXE_SET: 2}
    assert tally.failures == {(Stage.PXE_SET, Cause.BUSY): 1, (Stage.PXE_SET, Cause.UNKNOWN): 1}


def test_what_became_of_writes_those_of_an_earlier_process_included() -> None:
    tally = Tally()
    tally.on_event(Intent(1.0, "h0", 7, "build", {}))  # left without an outcome
    tally.on_event(Outcome(2.0, "h0", 7, ActResult.APPLIED, {}))
    tally.on_event(Intent(3.0, "h0", 8, "build", {}))
    tally.on_event(Outcome(4.0, "h0", 8, ActResult.REFUSED, {}))
    tally.on_event(Outcome(4.0, "h0", 8, ActResult.REFUSED, {}))  # no second one for one intent
    assert tally.outcomes == {("build", ActResult.APPLIED): 1, ("build", ActResult.REFUSED): 1}


@pytest.mark.parametrize(
    ("given", "service", "failed"),
    [
        (exchange("redfish", "GET", 200), Service.REDFISH, 0),
        (exchange("redfish", "PATCH", 412), Service.REDFISH, 0),
        (exchange("ipmi", "IPMI", 0), Service.IPMI, 1),
        (exchange("foreman", "GET", 500), Service.FOREMAN_READ, 1),
        (exchange("foreman", "PUT", 0, error="timeout"), Service.FOREMAN_WRITE, 1),
        (exchange("foreman", "PUT", 0, error=CANCELLED), None, 0),
        (exchange("quads", "GET", 200), None, 0),
        (exchange("", "GET", 200), None, 0),
    ],
)
def test_each_request_counts_for_its_service(given: Exchange, service: Service | None, failed: int) -> None:
    tally = Tally()
    tally.on_exchange(given)
    assert {one for one in Service if tally.latencies[one].count} == ({service} if service else set())
    assert tally.errors.total() == failed


def test_a_histogram_counts_up_to_and_with_each_bound() -> None:
    made = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        made.observe(seconds)
    assert made.cumulative() == [(0.1, 2), (1.0, 3), (inf, 4)]
    assert made.count == 4
    assert made.sum == pytest.approx(7.65)
