"""on_event: the site's command runs once for each new thing, as a real process."""

from __future__ import annotations

from pathlib import Path

from quads_tui.inputs import AlertCommand
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import HostChanged, RolloutStarted
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import Rollout
from quads_tui.runtime.alert_command import alerts_sent


async def test_one_cause_with_three_endings_is_one_call(tmp_path: Path) -> None:
    script, calls = tmp_path / "page", tmp_path / "calls"
    script.write_text(f'#!/bin/sh\necho "$QUADS_TUI_EVENT: $QUADS_TUI_TEXT" >> {calls}\n')
    script.chmod(0o700)
    hosts = tuple(HostPlan(f"h{number}.example.com", "x", "R650") for number in range(4))
    model = Rollout("r1", Plan((Goal("cloud02", Kind.BUILD),), hosts))
    model.apply(RolloutStarted(1.0, "r1", 4, False, "me", 1.0))
    async with alerts_sent(AlertCommand((str(script),)), model):
        for number, safety in enumerate((Safety.OFF, Safety.DISARMED, Safety.UNKNOWN)):
            host, reason = f"h{number}.example.com", "Foreman 422: no such medium"
            model.apply(HostChanged(2.0, host, HostStatus.FAILED, Stage.FOREMAN_BUILD, Cause.FOREMAN, reason, None, safety))
    (line,) = calls.read_text().splitlines()
    assert line.startswith("failure_group: ")
    assert "Foreman 422: no such medium" in line
