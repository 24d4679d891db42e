"""What a resume reads in a journal, event by event."""

from __future__ import annotations

import pytest

from quads_tui.engine.resume_state import Recall, recall
from quads_tui.rollout.events import (
    BmcSession,
    Event,
    HookRan,
    HostChanged,
    Intent,
    Ordered,
    Outcome,
    Remembered,
    StageChanged,
)
from quads_tui.rollout.moments import Moment
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import ActResult, HostStatus, Kind, Stage, StageStatus

from .model import TARGET

PLAN = Plan(
    (Goal("cloud02", Kind.BUILD, "", "jdoe", "1", "RHEL 9.4", "p", "m", TARGET),),
    (HostPlan("a", "https://mgmt-a"), HostPlan("b", "https://mgmt-b")),
)
AT = Moment("boot", 12.0)


def read(*events: Event) -> Recall:
    return recall(PLAN, events)


def intent(host: str, number: int, act: str) -> Intent:
    return Intent(1.0, host, number, act, {}, AT)


def test_a_rollout_that_has_only_begun_has_nothing_open() -> None:
    empty = read()
    assert (empty.cut_off, empty.unsettled, empty.resets, empty.pending, empty.sessions) == ({}, {}, {}, {}, {})
    assert (empty.last_number, empty.cloud_hooks) == (0, set())
    assert {name: memory.start for name, memory in empty.memories.items()} == dict.fromkeys("ab", Stage.POWER_OFF)


def test_an_attempt_that_has_not_ended_was_cut_off() -> None:
    begun = StageChanged(5.0, "a", Stage.PXE_SET, StageStatus.STARTED, 3)
    found = read(StageChanged(4.0, "b", Stage.POWER_OFF, StageStatus.STARTED, 1), begun)
    assert found.cut_off == {"a": (Stage.PXE_SET, 3, 5.0), "b": (Stage.POWER_OFF, 1, 4.0)}
    assert found.memories["a"].start is Stage.PXE_SET
    assert found.memories["a"].attempts == {Stage.PXE_SET: 3}
    for status in (StageStatus.FINISHED, StageStatus.FAILED, StageStatus.SKIPPED):
        assert read(begun, StageChanged(6.0, "a", Stage.PXE_SET, status, 3)).cut_off == {}


def test_a_write_without_an_outcome_of_its_own_is_unsettled() -> None:
    write = intent("a", 7, "build")
    assert read(write).unsettled == {"a": write}
    assert read(write, Outcome(2.0, "a", 6, ActResult.APPLIED, {})).unsettled == {"a": write}
    assert read(write, Outcome(2.0, "b", 7, ActResult.APPLIED, {})).unsettled == {"a": write}
    assert read(write, Outcome(2.0, "a", 7, ActResult.ABSENT, {})).unsettled == {}
    assert read(Outcome(2.0, "a", 7, ActResult.ABSENT, {})).unsettled == {}


@pytest.mark.parametrize("act", ["build", "cancel", "owner", "parameter", "rebuild"])
def test_every_write_to_foreman_may_be_unsettled(act: str) -> None:
    found = read(intent("a", 7, act))
    assert (list(found.unsettled), found.resets) == (["a"], {})


def test_what_went_to_a_bmc_waits_for_nobody_but_a_reset_is_remembered() -> None:
    found = read(intent("a", 7, "reset"), intent("b", 8, "override"))
    assert (found.unsettled, found.resets) == ({}, {"a": AT})


def test_numbers_go_on_behind_the_highest() -> None:
    assert read(intent("a", 9, "reset"), intent("b", 4, "build")).last_number == 9


def test_a_session_is_open_until_its_end_is_told() -> None:
    opened = [BmcSession(1.0, "a", "/S/1", True), BmcSession(1.0, "a", "/S/2", True)]
    assert {host: list(uris) for host, uris in read(*opened).sessions.items()} == {"a": ["/S/1", "/S/2"]}
    found = read(*opened, BmcSession(2.0, "a", "/S/1", False), BmcSession(2.0, "b", "/S/2", False))
    assert list(found.sessions["a"]) == ["/S/2"]


def test_a_hook_of_a_cloud_runs_again_unless_it_ran_well() -> None:
    def ran(cloud: str, ok: bool) -> set[tuple[str, str]]:
        return read(HookRan(1.0, "a", "tenant", cloud, ok, 1.0, "")).cloud_hooks

    assert ran("cloud02", True) == {("tenant", "cloud02")}
    assert ran("cloud02", False) == ran("", True) == ran("", False) == set()


def test_an_order_stands_until_it_is_taken_back_or_the_host_has_ended() -> None:
    order = Ordered(1.0, "a", "skip", "bad DIMM")
    assert read(order).pending == {"a": order}
    assert read(order, HostChanged(2.0, "a", HostStatus.WAITING)).pending == {"a": order}
    assert read(order, Ordered(2.0, "a", "", "")).pending == {}
    assert read(Ordered(2.0, "a", "", "")).pending == {}
    for status in (HostStatus.DONE, HostStatus.FAILED, HostStatus.SKIPPED, HostStatus.HELD):
        assert read(order, HostChanged(2.0, "a", status)).pending == {}
        assert read(HostChanged(2.0, "a", status)).pending == {}
    assert read(order, HostChanged(2.0, "b", HostStatus.SKIPPED)).pending == {"a": order}


def test_what_the_flow_knew_is_known_again_and_strange_hosts_are_passed_over() -> None:
    facts = read().memories["a"].facts() | {"off": True, "built_at": ["boot", 3.0]}
    found = read(
        Remembered(1.0, "a", facts),
        Remembered(1.0, "gone", facts),
        StageChanged(1.0, "gone", Stage.PXE_SET, StageStatus.STARTED, 1),
    )
    assert found.memories["a"].off
    assert found.memories["a"].built_at == Moment("boot", 3.0)
    assert not found.memories["b"].off
    assert found.cut_off == {}
