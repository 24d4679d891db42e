"""A plan never leads to a protected host: by its name, its BMC's address or what its BMC tells."""

from __future__ import annotations

import json
import socket
from collections.abc import Collection
from dataclasses import asdict, replace

import pytest

from quads_tui.cli.terminal import consequence
from quads_tui.inputs import HostSpec
from quads_tui.planning import planner
from quads_tui.planning.planner import survey_untouched
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.plan import NOT_ASKED, Protected, plan_from
from quads_tui.rollout.stages import Kind
from quads_tui.runtime.launch import refuse_unverified_protection
from quads_tui.runtime.options import Refused

from .planner_lab import FOREMAN_HOST, HOSTS, LOOKED_UP, SILENT, UUIDS, Lab, lab, mac, names, shown

__all__ = ["lab", "names"]


async def test_a3_a_bmc_address_that_leads_to_a_protected_host_is_refused_before_anything_is_asked(
    lab: Lab, names: dict[str, str]
) -> None:
    names |= {f"mgmt-{FOREMAN_HOST}": "192.0.2.99", "mgmt-other.example.com": "192.0.2.99"}
    lab.with_site(f"  check_macs: false\nprotected_hosts: [{FOREMAN_HOST}]\n")
    plan = await lab.plan(lab.assignment(HOSTS[0], HostSpec(HOSTS[1], bmc="https://mgmt-other.example.com")))
    (reason,) = plan.refusals
    address = "https://mgmt-other.example.com"
    assert reason == f"the BMC address of {HOSTS[1]} ({address}) leads to the protected host {FOREMAN_HOST} (192.0.2.99:443)"
    assert not lab.asked and lab.server.counts()["reads"] == 0


@pytest.mark.parametrize("check", ["true", "false"])
@pytest.mark.parametrize("bonded", [False, True])
async def test_a3_a_bmc_that_tells_a_protected_hosts_macs_is_refused(lab: Lab, check: str, bonded: bool) -> None:
    if bonded:
        lab.server.control({"bonded": {FOREMAN_HOST: "52:54:00:ff:00:01"}})
    lab.with_site(f"  check_macs: {check}\nprotected_hosts: [{FOREMAN_HOST}]\n")
    run_safely = Identity("192.0.2.99:443", "/redfish/v1/Systems/1", UUIDS[9], "", (mac(6),), True)
    lab.machines = {HOSTS[1]: run_safely}
    plan = await lab.plan()
    (reason,) = plan.refusals
    assert reason.startswith(
        f"the BMC address of {HOSTS[1]} (https://mgmt-{HOSTS[1]}) leads to the protected host {FOREMAN_HOST}: "
    )
    assert FOREMAN_HOST not in lab.asked


async def test_a3_the_plan_keeps_the_protected_machines_for_the_first_act_of_hosts_that_did_not_answer(
    lab: Lab, names: dict[str, str]
) -> None:
    names[f"mgmt-{FOREMAN_HOST}"] = "192.0.2.99"
    lab.with_site(f"protected_hosts: [{FOREMAN_HOST}, unknown-to-foreman.example.com]\n")
    plan = await lab.plan(survey=False)
    assert not plan.refusals and not lab.asked
    assert [(one.name, one.machine.peer, one.machine.macs) for one in plan.protected] == [
        (FOREMAN_HOST, "192.0.2.99:443", (mac(6),)),
        ("unknown-to-foreman.example.com", "", ()),
    ]
    assert {host.bmc for host in plan.hosts} == {NOT_ASKED}


async def test_a3_the_address_of_a_protected_host_is_refused_while_its_name_does_not_resolve(lab: Lab) -> None:
    lab.with_site(f"protected_hosts: [{FOREMAN_HOST}]\n")
    plan = await lab.plan(lab.assignment(HostSpec(HOSTS[1], bmc=f"https://mgmt-{FOREMAN_HOST}")))
    assert len(plan.refusals) == 1 and f"leads to the protected host {FOREMAN_HOST}" in plan.refusals[0]
    assert not lab.asked


async def test_a3_a_protected_bmc_is_refused_at_another_port_too(lab: Lab, names: dict[str, str]) -> None:
    names[f"mgmt-{FOREMAN_HOST}"] = "192.0.2.99"
    lab.with_site(f"  check_macs: false\nprotected_hosts: [{FOREMAN_HOST}]\n")
    for bmc in ("http://192.0.2.99", "https://192.0.2.99:8443"):
        plan = await lab.plan(lab.assignment(HOSTS[0], HostSpec(HOSTS[1], bmc=bmc)))
        assert len(plan.refusals) == 1 and f"leads to the protected host {FOREMAN_HOST}" in plan.refusals[0]
    lab.machines = {HOSTS[0]: Identity("192.0.2.99:8443", "/redfish/v1/Systems/1")}  # its name leads there only now
    plan = await lab.plan(lab.assignment(HOSTS[0]))
    assert len(plan.refusals) == 1 and f"leads to the protected host {FOREMAN_HOST}" in plan.refusals[0]


async def test_a3_a_protected_bmc_whose_address_nobody_tells_is_named_and_asked_for_and_without_a_human_refused(
    lab: Lab, names: dict[str, str]
) -> None:
    names[f"mgmt-{FOREMAN_HOST}"] = SILENT
    lab.with_site(f"  check_macs: false\nprotected_hosts: [{FOREMAN_HOST}]\n")
    lab.machines = {HOSTS[1]: Identity("192.0.2.99:443", "/redfish/v1/Systems/1")}
    plan = await lab.plan(lab.assignment(HOSTS[0], HostSpec(HOSTS[1], bmc="https://192.0.2.99")))
    warning = (
        f"DNS does not answer for mgmt-{FOREMAN_HOST}, the BMC address of the protected host {FOREMAN_HOST}:"
        " the BMC addresses of the other hosts cannot be compared with it"
    )
    assert warning in plan.warnings and [host.name for host in plan.unguarded] == [HOSTS[1]]
    assert "including 1 that MAY BE PROTECTED HOSTS (BMC address could not be compared)" in consequence(plan)
    assert (
        "MAY BE PROTECTED HOSTS, and are part of the rollout (DNS does not answer for a protected host, so its BMC could not be compared): 1"
        in shown(plan)
    )
    with pytest.raises(Refused) as refused:
        refuse_unverified_protection(plan)
    assert refused.value.reasons[0] == warning
    assert refused.value.reasons[1].startswith(
        f"hosts whose BMC may be that of a protected host ({FOREMAN_HOST}), because the two could not be compared: {HOSTS[1]}; "
    )
    assert plan_from(json.loads(json.dumps(asdict(plan)))) == plan


async def test_a3_an_address_of_its_own_is_no_reason_to_refuse_where_the_machine_is_known(
    lab: Lab, names: dict[str, str]
) -> None:
    names[f"mgmt-{FOREMAN_HOST}"] = SILENT
    lab.with_site(f"protected_hosts: [{FOREMAN_HOST}]\n")
    plan = await lab.plan(lab.assignment(HostSpec(HOSTS[1], bmc="https://192.0.2.1")))
    refuse_unverified_protection(plan)
    assert plan.hosts[0].identity and not plan.unguarded and plan.untold


@pytest.mark.parametrize(("protected", "refused"), [(FOREMAN_HOST, False), ("unknown-to-foreman.example.com", True)])
async def test_a3_a_bmc_that_was_not_asked_can_be_compared_later_only_with_macs_that_foreman_has(
    lab: Lab, names: dict[str, str], protected: str, refused: bool
) -> None:
    names[f"mgmt-{protected}"] = SILENT
    lab.with_site(f"  check_macs: false\n  unverified: ['*']\nprotected_hosts: [{protected}]\n")
    plan = await lab.plan(lab.assignment(HostSpec(HOSTS[1], bmc="https://192.0.2.1")), survey=False)
    assert bool(plan.unguarded) == refused


async def test_a3_a_protected_host_without_a_bmc_is_a_note_and_no_warning(lab: Lab) -> None:
    lab.with_site(f"  check_macs: false\nprotected_hosts: [{FOREMAN_HOST}]\n")
    plan = await lab.plan(lab.assignment(HostSpec(HOSTS[1], bmc="https://192.0.2.1")))
    refuse_unverified_protection(plan)
    assert plan.warnings == lab.site.warnings and not plan.refusals
    assert f"note protected hosts without a BMC address in DNS: {FOREMAN_HOST}" in shown(plan)


async def test_a3_after_a_resume_the_address_of_a_protected_bmc_is_an_ip_address_or_none(lab: Lab, names: dict[str, str]) -> None:
    lab.with_site(f"protected_hosts: [{FOREMAN_HOST}]\n")
    plan = await lab.plan()
    url = Protected(FOREMAN_HOST, Identity(f"https://mgmt-{FOREMAN_HOST}"))  # as an earlier version kept it
    plan = plan_from(json.loads(json.dumps(asdict(replace(plan, protected=(url,))))))
    for now, peer, unknown in (
        (SILENT, "", f"mgmt-{FOREMAN_HOST}"),
        ("192.0.2.99", "192.0.2.99:443", ""),
        (SILENT, "192.0.2.99:443", ""),  # as it was told before
    ):
        names[f"mgmt-{FOREMAN_HOST}"] = now
        said: list[str] = []
        plan = await survey_untouched(plan, {HOSTS[0]}, lab.site, lab.foreman, lab.survey, said.append)
        (one,) = plan.protected
        assert (one.machine.peer, one.machine.macs, one.unknown) == (peer, (mac(6),), unknown)
        assert bool(said) == bool(unknown)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (socket.gaierror(socket.EAI_NONAME, "no such name"), frozenset()),
        (socket.gaierror(socket.EAI_NODATA, "no address"), frozenset()),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), None),
        (socket.gaierror(socket.EAI_FAIL, "failed"), None),
        (OSError("no sockets left"), None),
    ],
)
def test_a3_a_name_that_does_not_exist_is_told_from_a_name_service_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, error: OSError, told: frozenset[str] | None
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    assert LOOKED_UP("mgmt.example.com", 443) == told


async def test_a3_protected_names_have_time_of_their_own(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[str]] = []

    async def peers_of(addresses: Collection[str]) -> dict[str, frozenset[str] | None]:
        asked.append(set(addresses))
        return dict.fromkeys(addresses)

    monkeypatch.setattr(planner, "peers_of", peers_of)
    lab.with_site(f"protected_hosts: [{FOREMAN_HOST}]\n")
    await lab.plan(lab.assignment(HOSTS[0]))
    assert asked == [{f"https://mgmt-{FOREMAN_HOST}"}, {f"https://mgmt-{HOSTS[0]}"}]


async def test_a3_a_protected_host_by_name_is_refused_before_anything_is_asked(lab: Lab) -> None:
    lab.with_site(f"protected_hosts: [{HOSTS[1].upper()}.]\n")
    plan = await lab.plan()
    assert plan.refusals == (f"{HOSTS[1]} is a protected host (site file, protected_hosts)",)
    assert not lab.asked and lab.server.counts()["reads"] == 0


async def test_a3_powering_off_for_the_spare_pool_is_guarded_too(lab: Lab) -> None:
    lab.with_site(f"protected_hosts: [{FOREMAN_HOST}]\n")
    lab.machines = {HOSTS[0]: Identity(macs=(mac(6),))}
    plan = await lab.plan(lab.assignment(cloud="cloud01"))
    assert plan.goals[0].kind is Kind.SPARE and len(plan.refusals) == 1
