"""The model: whatever events come, its counters equal what a full count of its hosts gives."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from quads_tui.render.header import end_line, meanings, title_line
from quads_tui.rollout.causes import Cause, group_of
from quads_tui.rollout.events import (
    Event,
    HostArmed,
    HostChanged,
    HostNote,
    Identified,
    Paused,
    RolloutEnded,
    RolloutStarted,
    StageChanged,
)
from quads_tui.rollout.metrics import LaneState, Meter, Meters
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.text import clean

NAMES = ("a01.example.com", "a02.example.com", "a03.example.com")


def rollout() -> Rollout:
    hosts = tuple(HostPlan(name, "https://x", "R650") for name in NAMES)
    return Rollout("r1", Plan((Goal("cloud02", Kind.BUILD),), hosts))


hosts = st.sampled_from((*NAMES, "stranger.example.com"))
stages = st.sampled_from(list(Stage))
reasons = st.sampled_from(("", "timeout after 31 s", "timeout after 47 s", "[/oops]"))
events = st.one_of(
    st.builds(StageChanged, st.just(5.0), hosts, stages, st.sampled_from(list(StageStatus)), st.integers(1, 4), reason=reasons),
    st.builds(
        HostChanged,
        st.just(6.0),
        hosts,
        st.sampled_from(list(HostStatus)),
        st.none() | stages,
        st.none() | st.sampled_from(list(Cause)),
        reasons,
    ),
    st.builds(HostArmed, st.just(7.0), hosts, st.booleans()),
    st.builds(HostNote, st.just(8.0), hosts, reasons, st.booleans()),
    st.builds(Paused, st.just(9.0), st.sampled_from(("admission", "writes")), st.booleans(), st.just("me"), st.just("why")),
)


@given(st.lists(events, max_size=60))
def test_counters_equal_a_full_count(happened: list[Event]) -> None:
    model = rollout()
    for event in happened:
        model.apply(event)
    states = model.hosts.values()
    assert +model.counts == Counter(host.status for host in states)
    moving = (HostStatus.RUNNING, HostStatus.WAITING)
    assert +model.at_stage == Counter(host.stage for host in states if host.status in moving and host.stage)
    failed = {host.name for host in states if host.status is HostStatus.FAILED}
    grouped = [name for group in model.groups.values() for name in group.hosts]
    assert sorted(grouped) == sorted(failed)
    assert all(group.hosts for group in model.groups.values())
    assert set(model.armed) == {host.name for host in states if host.armed}
    assert model.settled == (not any(host.status in (*moving, HostStatus.QUEUED) for host in states))
    assert model.dirty <= set(NAMES)


def test_failures_that_differ_in_numbers_only_meet_in_one_group() -> None:
    model = rollout()
    for name, reason in zip(NAMES, ("still On after 31 s", "still On after 47 s", "licence"), strict=True):
        model.apply(HostChanged(1.0, name, HostStatus.FAILED, Stage.POWER_OFF, Cause.TIMEOUT, reason))
    assert sorted(len(group.hosts) for group in model.groups.values()) == [1, 2]
    model.apply(HostChanged(2.0, NAMES[0], HostStatus.QUEUED, Stage.POWER_OFF))
    assert sorted(len(group.hosts) for group in model.groups.values()) == [1, 1]
    assert (
        group_of("job 5f0c9d1e-1234-4abc-9def-001122334455 of b0:7b:25:79:19:9b for h1 failed", "h1") == "job # of # for # failed"
    )
    macs = [", ".join(f"02:00:00:00:00:{number:02x}" for number in range(count)) for count in (1, 2, 4)]
    assert {group_of(f"its NICs have the MACs {found}; Foreman", "h1") for found in (*macs, f"{macs[2]}, ...")} == {
        "its NICs have the MACs #; Foreman"
    }
    reports = ("/redfish/v1/Systems/1 at 192.0.2.7:443, UUID 1", "Systems/System.Embedded.1, serial number EC2929E, MACs 02:00")
    assert len({group_of(f"wrong machine behind this BMC. The BMC reports {one}", "h1") for one in reports}) == 1


def test_the_rollouts_own_seconds() -> None:
    model = rollout()
    assert model.seconds(100.0) == 0.0
    model.apply(RolloutStarted(100.0, "r1", 3, False, "me", 60.0))
    assert model.seconds(102.0) == 120.0
    model.apply(RolloutEnded(103.0, ""))
    assert model.seconds(500.0) == 180.0


def test_a_meter_keeps_a_point_a_second() -> None:
    meter = Meter()
    for number in range(100):
        meter.observe(number / 100, ok=number % 50 != 0)
    meter.tick()
    meter.tick()
    assert [(point.exchanges, point.errors) for point in meter.points] == [(100, 2), (0, 0)]
    assert (meter.points[0].p50, meter.points[0].p95) == (0.5, 0.95)
    assert (meter.p50, meter.p95, meter.total, meter.errors) == (0.5, 0.95, 100, 2)


def test_the_lane_is_sampled_with_its_rate() -> None:
    meters = Meters()
    meters.tick(LaneState(granted=3, depth=7))
    meters.tick(LaneState(granted=8, depth=2))
    assert list(meters.lane_depths) == [7, 2]


@given(st.text(max_size=2000), st.integers(1, 300))
def test_clean_text_is_one_printable_line(text: str, limit: int) -> None:
    line = clean(text, limit)
    assert len(line) <= limit
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 or 0xD800 <= ord(char) < 0xE000 for char in line)
    assert not set(line) & set("\u202e\u2066\u200b\ufeff\u2028")
    assert clean(line, limit) == line


def test_a2_hosts_whose_machine_nobody_compared_are_counted_from_the_plan_and_from_what_was_found() -> None:
    first, second, *rest = (HostPlan(name, "https://x") for name in NAMES)
    plan = Plan((Goal("cloud02", Kind.BUILD),), (replace(first, unverified="no MACs", accepted=True), second, *rest))
    rollout = Rollout("r1", plan)
    assert rollout.unverified == {first.name: "no MACs"}
    whole = partial(title_line, now=3.0, width=120, title="", control="", warnings=())
    assert "  3 hosts, 1 identity not verified  " in whole(rollout).plain
    asked = Rollout("r1", replace(plan, hosts=tuple(replace(host, accepted=False) for host in plan.hosts)))
    assert "  3 hosts, 1 identity not verified: held" in whole(asked).plain, "it will be: nobody has accepted it"
    asked.apply(Identified(1.0, second.name, "UUID 1", "some MACs only"))
    assert "  3 hosts, 2 identities not verified: 1 held" in whole(asked).plain, "an operator has released it"
    rollout.apply(Identified(1.0, second.name, "UUID 1", "some MACs only"))
    assert rollout.unverified == {first.name: "no MACs", second.name: "some MACs only"}
    rollout.apply(Identified(2.0, first.name, "UUID 2"))
    assert rollout.unverified == {second.name: "some MACs only"}
    assert meanings(asked, 60) == "   identity not verified: /verified:no", "one of them is not accepted"
    assert meanings(rollout, 60) == "   identity not verified (accepted): /verified:no"
    refused = Rollout("r1", asked.plan)
    refused.apply(HostChanged(1.0, first.name, HostStatus.SKIPPED, safety=Safety.UNTOUCHED))
    assert meanings(refused, 60) == "   identity not verified: /verified:no", "skipped, and never accepted"
    assert "1 not verified" in end_line(rollout, now=3.0, width=80, lag=0.0, forecast=None).plain


def test_a_timeline_says_nothing_twice() -> None:
    model = rollout()
    one, other, third = NAMES
    for event in (
        RolloutStarted(0.0, "r1", 3, False, "me", 1.0),
        StageChanged(1.0, one, Stage.PXE_SET, StageStatus.STARTED, 1),
        StageChanged(2.0, one, Stage.PXE_SET, StageStatus.FAILED, 1, 1.0, "no answer", Cause.TIMEOUT),
        HostChanged(2.0, one, HostStatus.WAITING, Stage.PXE_SET, Cause.TIMEOUT, "no answer", until=62.0),
        StageChanged(62.0, one, Stage.PXE_SET, StageStatus.STARTED, 2),
        StageChanged(63.0, one, Stage.PXE_SET, StageStatus.FAILED, 2, 1.0, "no answer", Cause.TIMEOUT),
        HostChanged(63.0, one, HostStatus.FAILED, Stage.PXE_SET, Cause.TIMEOUT, "no answer"),
        HostChanged(1.0, other, HostStatus.SKIPPED, None, None, "skipped by the operator"),
        HostChanged(1.0, third, HostStatus.HELD, None, None, "its disk"),
    ):
        model.apply(event)
    lines = {name: [line.text for line in model.hosts[name].timeline if not line.text.startswith("afterwards")] for name in NAMES}
    assert lines[one] == ["started", "failed: no answer", "retrying in 60 s", "started, attempt 2", "failed: no answer"]
    assert lines[other] == ["skipped by the operator"]
    assert lines[third] == ["held: its disk"]
