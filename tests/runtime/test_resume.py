"""What a resume takes from the events, against the rollout that they make."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quads_tui.journal.catalogue import StoredRollout
from quads_tui.journal.store import JournalStore
from quads_tui.rollout.events import Event, HostChanged
from quads_tui.rollout.metrics import LaneState, Meters, lane_facts
from quads_tui.rollout.rollout_time import RolloutTime
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.runtime.resume import recall_samples, untouched_hosts
from tests.rollout.test_state import events, rollout


@given(st.lists(events, max_size=60))
def test_untouched_hosts_are_those_that_the_rollout_has_queued_at_no_stage(happened: list[Event]) -> None:
    model = rollout()
    for event in happened:
        model.apply(event)
    hosts = model.hosts.values()
    assert untouched_hosts(model.plan, happened) == {
        host.name for host in hosts if host.status is HostStatus.QUEUED and host.stage is None
    }


def test_a_host_that_was_skipped_before_it_began_and_taken_in_again_is_untouched() -> None:
    plan = rollout().plan
    name = plan.hosts[0].name
    skipped = HostChanged(1.0, name, HostStatus.SKIPPED, Stage.POWER_OFF)
    again = HostChanged(2.0, name, HostStatus.QUEUED, Stage.POWER_OFF)
    assert name not in untouched_hosts(plan, [skipped])
    assert name in untouched_hosts(plan, [skipped, again])


def test_the_graphs_of_the_whole_run_begin_with_what_earlier_processes_sampled(tmp_path: Path) -> None:
    async def earlier() -> None:
        store = JournalStore(tmp_path / "journal.db")
        for second in range(20):
            lane = LaneState(depth=second, shut="result unknown" if second < 5 else "")
            facts = {"depth": second, "head_age": 0.0, "granted": 0, "lane": lane_facts(lane, 0.0)}
            damaged = {"redfish": ["a", 0.2, 3, 1]} if second == 7 else {"redfish": [0.1, 0.2, 3, 1]}
            store.sample(1000.0 + second, facts | damaged)
        await store.close()

    asyncio.run(earlier())
    meters, time = Meters(), RolloutTime()
    time.begin(1000.0, 30.0)
    recall_samples(StoredRollout("r1", tmp_path, {}), meters, time)
    meters.redfish.observe(0.5, ok=True)
    meters.tick(LaneState(depth=99), at=1060.0)
    assert [point.exchanges for point in meters.redfish.whole] == [3] * 19 + [1]
    assert [point.p50 for point in meters.redfish.whole] == pytest.approx([3.0] * 19 + [0.5])  # rollout seconds
    assert list(meters.lane_whole) == [*(depth for depth in range(20) if depth != 7), 99]
    assert sum(meters.blocked_whole) == 5
    assert meters.spans(whole=True)[-2:] == [(1018.0, 1019.0), (1057.0, 1060.0)]  # nothing was sampled in between
    assert (meters.redfish.over(0).exchanges, meters.redfish.over(0).errors) == (58, 19)
    assert (meters.redfish.total, meters.redfish.errors, len(meters.redfish.points)) == (1, 0, 1)
