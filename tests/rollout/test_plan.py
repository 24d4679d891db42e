"""The plan survives its way through the journal, also when an older version of the program wrote it."""

from __future__ import annotations

import json
from dataclasses import asdict

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.plan import Goal, HostPlan, Plan, plan_from
from quads_tui.rollout.stages import Kind, Stage

PLAN = Plan(
    (Goal("cloud02", Kind.BUILD),),
    (
        HostPlan("a.example.com", "x", device="NIC.Integrated.1-1-1", order=("NIC.Slot.1-1-1", "NIC.Integrated.1-1-1")),
        HostPlan("b.example.com", "x", identity=Identity("192.0.2.7:443", macs=("52:54:00:00:00:01",), complete=True)),
    ),
)


def test_boot_devices_come_back() -> None:
    assert plan_from(json.loads(json.dumps(asdict(PLAN)))) == PLAN


def test_a_journal_of_before_knows_none() -> None:
    facts = json.loads(json.dumps(asdict(PLAN)))
    for host in facts["hosts"]:
        del host["device"], host["order"], host["identity"], host["rack"]
    assert [(host.device, host.order, host.identity, host.rack) for host in plan_from(facts).hosts] == [("", (), None, "")] * 2


def test_what_stands_in_a_hosts_way_is_read_under_the_name_that_earlier_journals_gave_it() -> None:
    blocked = HostPlan("a", "x", blocker="no such host", blocker_stage=Stage.FOREMAN_BUILD, blocker_cause=Cause.UNKNOWN_HOST)
    plan = Plan((Goal("cloud02", Kind.BUILD),), (blocked, HostPlan("b", "x")))
    facts = json.loads(json.dumps(asdict(plan)))
    for host in facts["hosts"]:
        for name in ("", "_stage", "_cause"):
            host[f"trouble{name}"] = host.pop(f"blocker{name}")
    assert {"trouble": "no such host", "trouble_stage": "foreman_build", "trouble_cause": "unknown-host"}.items() <= facts[
        "hosts"
    ][0].items()
    assert plan_from(facts) == plan
