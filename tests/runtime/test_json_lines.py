"""The lines of --json: what a failure left behind is a member, never text behind the reason."""

from __future__ import annotations

import json

import pytest

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import Event, HostArmed, HostChanged
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import Rollout
from quads_tui.runtime.json_lines import JsonLines, finished

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
