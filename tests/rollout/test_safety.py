"""What a host was left as is a fact of its own: derived once, the same after a resume, and read from journals that had it in words."""

from __future__ import annotations

from typing import Any

import pytest

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import HostArmed, HostChanged, Intent, from_row, to_row
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import HostState, Rollout

HOST = "h0.example.com"
WHY = "Foreman 422: Conflict DHCP record"


def rollout() -> tuple[Rollout, HostState]:
    hosts = tuple(HostPlan(f"h{number}.example.com", "x", "R650") for number in range(4))
    model = Rollout("r1", Plan((Goal("cloud02", Kind.BUILD),), hosts))
    return model, model.hosts[HOST]


def failed(host: str = HOST, safety: Safety | None = None) -> HostChanged:
    return HostChanged(5.0, host, HostStatus.FAILED, Stage.FOREMAN_BUILD, Cause.FOREMAN, WHY, None, safety)


def old_row(reason: str, status: str = "failed", host: str = HOST) -> list[Any]:
    """As the versions wrote it that had no safety."""
    return ["host", 5.0, host, status, "foreman_build", "foreman", reason, None]


@pytest.mark.parametrize(
    ("ending", "safety", "why_not"),
    [
        ("", None, ""),
        ("; left off", Safety.OFF, ""),
        ("; it may be installing: no longer watched, nothing touched", Safety.INSTALLING, ""),
        ("; NOT SAFE: Foreman is silent; at all", Safety.UNKNOWN, "Foreman is silent; at all"),
        (
            "; its boot override could not be cleared: the BMC is silent",
            Safety.UNKNOWN,
            "its boot override could not be cleared: the BMC is silent",
        ),
    ],
)
def test_a_row_of_an_old_journal_has_its_words_taken_from_the_reason(ending: str, safety: Safety | None, why_not: str) -> None:
    event = from_row(old_row(WHY + ending))
    assert isinstance(event, HostChanged)
    assert (event.reason, event.safety, event.not_disarmed) == (WHY, safety, why_not)
    assert from_row(to_row(event)) == event


@pytest.mark.parametrize("status", ["queued", "waiting", "running"])
def test_a_row_of_a_host_at_no_end_keeps_its_reason(status: str) -> None:
    event = from_row(old_row(f"{WHY}; left off", status))
    assert isinstance(event, HostChanged)
    assert (event.reason, event.safety) == (f"{WHY}; left off", None)


def test_old_rows_of_one_cause_with_three_endings_are_one_group() -> None:
    model, _ = rollout()
    for number, ending in enumerate(("", "; left off", "; its boot override could not be cleared: the BMC is silent")):
        model.apply(from_row(old_row(WHY + ending, host=f"h{number}.example.com")))
    assert [group.reason for group in model.groups.values()] == [WHY]


def test_a_row_with_more_members_or_another_safety_is_not_read() -> None:
    row = to_row(failed(safety=Safety.OFF))
    for wrong in ([*row, "more"], [*row[:8], "quite", ""]):
        with pytest.raises(ValueError, match="is not supported"):
            from_row(wrong)


def test_armed_is_what_the_last_event_about_it_says_whatever_the_end_said() -> None:
    model, host = rollout()
    model.apply(HostArmed(4.0, HOST, True))
    model.apply(failed(safety=Safety.ARMED))
    assert (host.safety, host.armed) == (Safety.ARMED, True)
    assert host.left_behind == "STILL ARMED: the next boot reinstalls the host"
    model.apply(HostArmed(6.0, HOST, False))
    assert (host.safety, host.armed) == (Safety.DISARMED, False)


def test_without_a_word_of_its_end_a_host_is_untouched_until_something_was_sent_for_it() -> None:
    model, host = rollout()
    model.apply(failed())
    assert host.safety is Safety.UNTOUCHED
    model.apply(Intent(5.5, HOST, 1, "owner", {}))
    assert host.safety is Safety.UNTOUCHED
    model.apply(Intent(5.6, HOST, 2, "reset", {}))
    assert host.safety is Safety.UNKNOWN


def test_a_retry_forgets_what_the_last_end_left_behind() -> None:
    model, host = rollout()
    model.apply(Intent(4.0, HOST, 1, "reset", {}))
    model.apply(failed(safety=Safety.OFF))
    assert host.left_behind == "the host stays powered off"
    model.apply(HostChanged(6.0, HOST, HostStatus.QUEUED, Stage.POWER_OFF))
    assert (host.safety, host.left_behind) == (Safety.UNKNOWN, "")


def test_pxe_that_is_left_set_outside_build_mode_is_said_as_that_and_not_as_armed() -> None:
    model, host = rollout()
    why = "its boot override could not be cleared: silent; build mode is not set by this rollout"
    model.apply(HostChanged(5.0, HOST, HostStatus.FAILED, Stage.PXE_SET, None, "bad DIMM", None, Safety.UNKNOWN, why))
    assert host.left_behind == f"not disarmed completely, check it before it boots: {why}"


def test_what_could_not_be_made_safe_is_said_beside_it() -> None:
    model, host = rollout()
    model.apply(HostArmed(4.0, HOST, True))
    model.apply(HostChanged(5.0, HOST, HostStatus.HELD, None, None, "bad DIMM", None, Safety.UNKNOWN, "Foreman is silent"))
    assert host.left_behind == "STILL ARMED: the next boot reinstalls the host (Foreman is silent)"
    assert host.reason == "bad DIMM"
