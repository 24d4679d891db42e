"""What a resume takes from the events, against the rollout that they make."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quads_tui.rollout.events import Event, HostChanged
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.runtime.resume import untouched_hosts
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
