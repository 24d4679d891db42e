"""The lines of --json: what a failure left behind is a member, never text behind the reason."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import Event, HostArmed, HostChanged, RolloutStarted
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.view import RolloutView
from quads_tui.runtime.json_lines import JsonLines, finished
from tests.clocks import VirtualClock
from tests.rollout.simulated_rollout import NOW, Course

NAMES = ("h0.example.com", "h1.example.com", "h2.example.com")


def failed(host: str, safety: Safety | None) -> HostChanged:
    return HostChanged(2.0, host, HostStatus.FAILED, Stage.POWER_ON, Cause.TIMEOUT, "never On", None, safety)


def rollout(*events: Event) -> Rollout:
    hosts = tuple(HostPlan(name, "x") for name in NAMES)
    model = Rollout("r1", Plan((Goal("cloud02", Kind.BUILD),), hosts))
    for event in events:
        model.apply(event)
    return model


def test_every_failure_has_its_safety() -> None:
    armed = HostArmed(1.0, NAMES[1], True)
    model = rollout(armed, failed(NAMES[0], Safety.OFF), failed(NAMES[1], Safety.ARMED), failed(NAMES[2], None))
    common = {"stage": "power_on", "cause": "timeout", "reason": "never On"}
    assert finished(model, {}, 3.0)["failures"] == [
        {"host": NAMES[0], **common, "safety": "off", "armed": False},
        {"host": NAMES[1], **common, "safety": "armed", "armed": True},
        {"host": NAMES[2], **common, "safety": "untouched", "armed": False},
    ]


def test_a_hosts_line_has_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    listener = JsonLines(rollout())
    listener(failed(NAMES[0], Safety.OFF))
    listener(HostChanged(2.0, NAMES[1], HostStatus.HELD, None, None, "bad DIMM", None, Safety.UNKNOWN, "Foreman is silent"))
    listener(HostChanged(2.0, NAMES[2], HostStatus.QUEUED))
    first, second, third = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["reason"], first["safety"]) == ("never On", "off")
    assert (second["reason"], second["safety"], second["not_disarmed"]) == ("bad DIMM", "unknown", "Foreman is silent")
    assert "safety" not in third


class Spent(VirtualClock):
    """One whose waits end the test."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self.waits = waits

    def wall(self) -> float:
        return NOW + 10.0 * self.waits

    async def sleep_real(self, seconds: float) -> None:
        self.waits -= 1
        if not self.waits:
            raise EOFError


def late() -> Rollout:
    """h0000 was done late, h0001 is overdue, h0002 is not."""
    made = Course(["R650"] * 3)
    made.done(100.0, 1500.0)
    made.installing(1300.0)
    made.installing(500.0)
    made.rollout.durations.seed({}, {"hosts": {host: [None, 1200.0] for host in made.rollout.hosts}, "install": 5400.0})
    return made.rollout


async def test_a_host_that_becomes_overdue_is_a_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    model = late()
    with pytest.raises(EOFError):
        await JsonLines(model).tell_overdue(RolloutView(rollout=model, meters=Meters(), clock=Spent(3)))
    (told,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (told["event"], told["rollout"], told["host"]) == ("overdue", "r1", "h0001")
    assert told["seconds"] == 1330.0
    assert datetime.fromisoformat(told["until"]).timestamp() == pytest.approx(NOW + 5400.0 - 1300.0)


async def test_where_nothing_was_learned_nobody_looks_for_overdue_hosts() -> None:
    model = late()
    model.durations.seed({}, {})
    await JsonLines(model).tell_overdue(RolloutView(rollout=model, meters=Meters(), clock=Spent(1)))


def test_the_last_line_has_all_that_were_overdue() -> None:
    assert finished(late(), {}, NOW)["overdue_hosts"] == [
        {"host": "h0000", "seconds": 1500.0},
        {"host": "h0001", "seconds": 1300.0},
    ]


def test_the_last_line_has_the_hosts_that_the_time_limit_left() -> None:
    model = rollout()
    assert "until" not in finished(model, {}, 3.0)
    model.plan = replace(model.plan, until=NOW)
    model.apply(HostChanged(2.0, NAMES[1], HostStatus.HELD))
    told = finished(model, {}, 3.0)
    assert told["not_begun_hosts"] == [NAMES[0], NAMES[2]]
    assert datetime.fromisoformat(told["until"]).timestamp() == NOW


def test_each_cloud_is_told_at_the_start_when_its_last_host_has_ended_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    goals = (Goal("cloud02", Kind.BUILD), Goal("cloud05", Kind.OWNERSHIP))
    hosts = tuple(HostPlan(name, "x", cloud=cloud) for name, cloud in zip(NAMES, ("cloud02", "cloud05", "cloud02"), strict=True))
    model = Rollout("r1", Plan(goals, hosts))
    listener = JsonLines(model)

    def hear(event: Event) -> None:
        model.apply(event)
        listener(event)

    hear(RolloutStarted(1.0, "r1", 3, False, "me", 1.0))
    for name, status in zip(NAMES, (HostStatus.DONE, HostStatus.DONE, HostStatus.FAILED), strict=True):
        hear(HostChanged(2.0, name, status))
    hear(HostChanged(3.0, NAMES[2], HostStatus.QUEUED))
    hear(HostChanged(4.0, NAMES[2], HostStatus.DONE))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[0]["clouds"] == [
        {"cloud": "cloud02", "kind": "build", "hosts": 2},
        {"cloud": "cloud05", "kind": "ownership", "hosts": 1},
    ]
    ended = [(line["cloud"], line["done"], line["failed"]) for line in told if line["event"] == "cloud_finished"]
    assert ended == [("cloud05", 1, 0), ("cloud02", 1, 1), ("cloud02", 2, 0)]
    assert [line["cloud"] for line in told if line["event"] == "host"] == ["cloud02", "cloud05", "cloud02", "cloud02", "cloud02"]
    of_all = finished(model, {}, 5.0)["clouds"]
    assert of_all[1] == {"cloud": "cloud05", "kind": "ownership", "hosts": 1, "done": 1, "failed": 0, "skipped": 0, "held": 0, "unfinished": 0}  # fmt: skip
