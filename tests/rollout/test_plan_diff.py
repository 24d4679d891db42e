"""What makes a plan worse than the one that was confirmed, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quads_tui.rollout.identity import Identity
from quads_tui.rollout.plan import Goal, HostPlan, Plan, Target
from quads_tui.rollout.plan_diff import worse
from quads_tui.rollout.stages import Kind

HOSTS = tuple(
    HostPlan(f"h{number}.example.com", f"https://mgmt-h{number}", cloud="cloud02", source="cloud01") for number in range(8)
)
PLAN = Plan((Goal("cloud02", Kind.BUILD, owner="jdoe", os="RHEL 9.4", target=Target(3, 1, 2, 4)),), HOSTS)


def with_first(**changes: object) -> Plan:
    return replace(PLAN, hosts=(replace(HOSTS[0], **changes), *HOSTS[1:]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (replace(PLAN, refusals=("the owner is gone",)), "refused now: the owner is gone"),
        (
            with_first(blocker="Foreman has no host of this name"),
            "h0.example.com: can no longer be provisioned: Foreman has no host",
        ),
        (with_first(in_build=True), "h0.example.com: is in build mode now"),
        (
            with_first(unverified="its BMC reports no MAC address"),
            "h0.example.com: its machine is now not verified: its BMC reports no MAC",
        ),
        (with_first(address="https://other"), "its BMC address has changed to https://other"),
        (with_first(source="cloud09"), "its move is now from cloud09 to cloud02"),
        (with_first(notes=("its owner is bob",)), "h0.example.com: its owner is bob"),
        (
            replace(PLAN, goals=(replace(PLAN.goals[0], os="RHEL 10"),)),
            "the goal or the settings of cloud02 in Foreman have changed",
        ),
        (
            replace(PLAN, goals=(replace(PLAN.goals[0], target=Target(9)),)),
            "the goal or the settings of cloud02 in Foreman have changed",
        ),
        (
            replace(PLAN, goals=(replace(PLAN.goals[0], kind=Kind.SPARE),)),
            "the goal or the settings of cloud02 in Foreman have changed",
        ),
    ],
)
def test_worse(now: Plan, says: str) -> None:
    (line,) = worse(PLAN, now)
    assert says in line


def test_hosts_that_came_are_counted_and_named() -> None:
    assert worse(replace(PLAN, hosts=HOSTS[:1]), PLAN) == [
        "not in the confirmed plan: 7 hosts: " + ", ".join(f"h{number}.example.com" for number in range(1, 6)) + " and 2 more"
    ]


def test_as_good_or_better() -> None:
    assert worse(PLAN, PLAN) == []
    assert worse(PLAN, replace(PLAN, hosts=HOSTS[1:])) == []
    assert worse(with_first(blocker="x"), PLAN) == []
    assert worse(with_first(blocker="x"), with_first(blocker="y")) == []
    assert worse(with_first(in_build=True, notes=("in build",)), PLAN) == []


def test_what_was_confirmed_or_accepted_as_not_verified_is_not_worse() -> None:
    now = with_first(unverified="its BMC reports no MAC address")
    assert not worse(now.confirmed(), now)
    assert not worse(PLAN, with_first(unverified="its BMC reports no MAC address", accepted=True))


def test_another_machine_behind_the_same_name_is_worse() -> None:
    uuids = [f"8a3b4f3c-1f0e-4e0a-9d21-7c5b6a49{number:04x}" for number in range(2)]
    before, now = (with_first(identity=Identity(uuid=uuid)) for uuid in uuids)
    assert worse(before, now) == [f"h0.example.com: another machine answers at its BMC now: UUID {uuids[1]}, was {uuids[0]}"]
    assert not worse(before, with_first(identity=Identity(serial="SN1000")))
