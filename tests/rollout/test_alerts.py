"""An operator who does not look is called once for each new thing, and for nothing that is old."""

from __future__ import annotations

from dataclasses import replace

from quads_tui.rollout.alerts import AlertKind, Alerts
from quads_tui.rollout.breaker import BreakerState
from quads_tui.rollout.causes import FOREMAN, Cause
from quads_tui.rollout.events import HostChanged, OutageChanged, Paused, RolloutEnded, RolloutStarted
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import Rollout


def lab(count: int = 4) -> Rollout:
    hosts = tuple(HostPlan(f"h{number}.example.com", "x", "R650") for number in range(count))
    model = Rollout("r1", Plan((Goal("cloud02", Kind.BUILD),), hosts))
    model.apply(RolloutStarted(1.0, "r1", count, False, "me", 1.0))
    return model


def failed(host: str, reason: str, at: float = 2.0) -> HostChanged:
    return HostChanged(at, host, HostStatus.FAILED, Stage.INSTALL, Cause.INSTALL_FAILED, reason)


def kinds(alerts: Alerts) -> list[str]:
    return [alert.kind for alert in alerts.new()]


def test_a_kind_of_failure_calls_once_however_many_hosts_it_has() -> None:
    model = lab()
    alerts = Alerts(model)
    model.apply(failed("h0.example.com", "h0.example.com says 42"))
    (alert,) = alerts.new()
    assert (alert.kind, alert.text) == (
        AlertKind.FAILURE,
        "failure at Install, install-failed: h0.example.com says 42 (first host: h0.example.com)",
    )
    model.apply(failed("h1.example.com", "h1.example.com says 43"))
    assert kinds(alerts) == []
    model.apply(failed("h2.example.com", "the disk is gone"))
    assert kinds(alerts) == [AlertKind.FAILURE]


def test_one_cause_calls_once_whatever_its_hosts_were_left_as() -> None:
    model = lab()
    alerts = Alerts(model)
    for number, safety in enumerate((Safety.OFF, Safety.DISARMED, Safety.UNKNOWN)):
        model.apply(replace(failed(f"h{number}.example.com", "the disk is gone"), safety=safety, not_disarmed="silent" * number))
    assert len(model.groups) == 1
    assert kinds(alerts) == [AlertKind.FAILURE]


def test_a_group_that_comes_back_is_no_news() -> None:
    model = lab()
    alerts = Alerts(model)
    model.apply(failed("h0.example.com", "x"))
    assert kinds(alerts) == [AlertKind.FAILURE]
    model.apply(HostChanged(3.0, "h0.example.com", HostStatus.QUEUED))
    model.apply(failed("h0.example.com", "x", 4.0))
    assert kinds(alerts) == []


def test_every_pause_calls_and_what_was_there_before_does_not() -> None:
    model = lab()
    model.apply(Paused(2.0, "writes", True, "me", "Foreman hangs"))
    alerts = Alerts(model)
    assert kinds(alerts) == []
    for paused in (False, True):
        model.apply(Paused(3.0, "writes", paused, "me", "again"))
        told = alerts.new()
    assert [(alert.kind, alert.text) for alert in told] == [(AlertKind.PAUSED, "Foreman writes are paused: again")]


def test_the_end_calls_once_and_again_after_a_retry() -> None:
    model = lab(1)
    alerts = Alerts(model)
    assert kinds(alerts) == []
    model.apply(HostChanged(2.0, "h0.example.com", HostStatus.DONE))
    assert kinds(alerts) == [AlertKind.FINISHED]
    model.apply(RolloutEnded(3.0, ""))
    assert kinds(alerts) == []
    model.apply(HostChanged(4.0, "h0.example.com", HostStatus.QUEUED))
    model.apply(RolloutStarted(4.0, "r1", 1, True, "me", 1.0))
    assert kinds(alerts) == []
    model.apply(HostChanged(5.0, "h0.example.com", HostStatus.DONE))
    assert kinds(alerts) == [AlertKind.FINISHED]


def test_an_outage_calls_once_while_it_lasts_and_again_when_it_is_another_one() -> None:
    model = lab()
    alerts = Alerts(model)
    for since in (10.0, 5000.0):
        model.apply(OutageChanged(since, FOREMAN, BreakerState.OPEN, since, 0, since + 4, "connection refused"))
        (alert,) = alerts.new()
        assert alert.kind is AlertKind.OUTAGE
        assert alert.text.startswith("Foreman unavailable since ")
        assert alert.text.endswith(": connection refused")
        model.apply(OutageChanged(since + 4, FOREMAN, BreakerState.HALF_OPEN, since))
        model.apply(OutageChanged(since + 5, FOREMAN, BreakerState.OPEN, since, 0, since + 12, "connection refused"))
        assert kinds(alerts) == []
        model.apply(OutageChanged(since + 12, FOREMAN, BreakerState.CLOSED, since))
        assert kinds(alerts) == []
