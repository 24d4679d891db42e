"""What a resume takes from the events, against the rollout that they make."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quads_tui.rollout.events import Event
from quads_tui.rollout.stages import HostStatus
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
