"""What a host takes in memory: little while little is known, and bounded whatever happens to it."""

from __future__ import annotations

import tracemalloc

from quads_tui.rollout.comments import KEPT
from quads_tui.rollout.events import HostCommented, HostNote, StageChanged
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stage_spans import ATTEMPTS, LINES
from quads_tui.rollout.stages import Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout

MOST = 1200  # bytes of a host in all tables of a rollout: three empty deques alone take twice that


def plan(count: int) -> Plan:
    hosts = tuple(HostPlan(f"h{number:04}.example.com", f"https://127.0.0.1:{number}") for number in range(count))
    return Plan((Goal("cloud02", Kind.BUILD),), hosts)


def test_a_host_of_which_nothing_is_known_takes_little_memory() -> None:
    given = plan(300)
    tracemalloc.start()
    try:
        model = Rollout("r1", given)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / len(model.hosts) < MOST


def test_of_a_host_to_which_much_happens_the_newest_is_kept() -> None:
    model = Rollout("r1", plan(1))
    (name,) = model.hosts
    for number in range(1, 400):
        model.apply(StageChanged(float(number), name, Stage.POWER_OFF, StageStatus.STARTED, number))
        model.apply(HostNote(float(number), name, f"look {number}", True))
        model.apply(HostCommented(float(number), name, "ann@jump", f"comment {number}"))
    host = model.hosts[name]
    assert len(host.timeline) == LINES
    assert host.timeline[-2].text == "look 399"
    assert [span.began for span in host.spans] == [float(number) for number in range(400 - ATTEMPTS, 400)]
    assert [one.text for one in host.comments] == [f"comment {number}" for number in range(400 - KEPT, 400)]
