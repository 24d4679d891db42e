"""How long a rollout has run: one fact, told alike by the screen, the list and the report, also after a resume."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import NamedTuple

import pytest

from quads_tui.render.host_row import Columns, host_row
from quads_tui.render.report import build_report
from quads_tui.render.report.entry import entry
from quads_tui.render.symbols import BRAILLE
from quads_tui.render.wait_reason import HostNote, HostWord, why
from quads_tui.rollout.events import Event, HostChanged, Notice, RolloutEnded, RolloutStarted, StageChanged
from quads_tui.rollout.events import HostNote as Noted
from quads_tui.rollout.forecast import Outlook
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout

HOST = "f21-h17-000-r650.example.com"
PLAN = Plan((Goal("cloud02", Kind.BUILD),), (HostPlan(HOST, "https://x", "R650"),))
FACTS = {
    "rollout": "r1",
    "created_at": 1000.0,
    "plan": asdict(PLAN),
}
NIGHT = 36_000.0  # real seconds


class Sample(NamedTuple):
    at: float
    data: dict[str, object]


def journal(speed: float) -> tuple[list[Event], list[float]]:
    """Started, killed 100 s after its last event (one sample a second until then), and resumed the next morning for 50 s."""
    events: list[Event] = [RolloutStarted(1000.0, "r1", 1, False, "ann@jump", speed), Notice(1100.0, "info", "x")]
    morning = 1200.0 + NIGHT
    events += [
        RolloutStarted(morning, "r1", 1, True, "bob@jump", speed, last_seen=1200.0),
        RolloutEnded(morning + 50, "operator"),
    ]
    return events, [*(1000.0 + second for second in range(1, 201)), morning + 20]


@pytest.mark.parametrize("speed", [1.0, 30.0])
def test_the_screen_the_list_and_the_report_tell_the_same_time_after_a_resume(speed: float) -> None:
    events, sampled = journal(speed)
    rollout = Rollout("r1", PLAN)
    for event in events:
        rollout.apply(event)
    assert rollout.seconds(events[-1].at + 9999.0) == 250 * speed  # nobody has carried it since
    assert entry("r1", FACTS, events, sampled).seconds == 250 * speed
    assert build_report(FACTS, events, [Sample(at, {}) for at in sampled]).seconds == 250 * speed


def test_the_row_of_a_resumed_install_shows_the_time_of_its_note() -> None:
    rollout = Rollout("r1", PLAN)
    for event in (
        RolloutStarted(1000.0, "r1", 1, False, "ann@jump", 1.0),
        StageChanged(1000.0, HOST, Stage.INSTALL, StageStatus.STARTED, 1),
        RolloutStarted(3000.0, "r1", 1, True, "ann@jump", 1.0),
        StageChanged(3000.0, HOST, Stage.INSTALL, StageStatus.SKIPPED, 1, 2000.0, "interrupted: quads-tui exited"),
        HostChanged(3000.0, HOST, HostStatus.QUEUED, Stage.INSTALL, None, "resuming"),
        StageChanged(3001.0, HOST, Stage.INSTALL, StageStatus.STARTED, 2),
        Noted(3002.0, HOST, "x"),
    ):
        rollout.apply(event)
    now, host, meters = 3480.0, rollout.hosts[HOST], Meters()
    note = why(host, rollout, meters, Outlook(rollout, meters).at(now), now)
    row = host_row(host, Columns.of(PLAN, 120, BRAILLE), now=now, speed=1.0, word=HostWord.RUNNING, note=HostNote(note))
    assert re.findall(r"\d+ min", row.plain) == ["41 min", "41 min"]
