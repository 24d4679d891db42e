"""The plan against the emulated Foreman, with BMCs that tell what a test says: what it refuses, names and asks for."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, replace

import pytest

from quads_tui.inputs import HostSpec
from quads_tui.planning import planner, sharing
from quads_tui.planning.planner import survey_untouched
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.plan import CHECK_MACS_OFF, HostPlan, plan_from
from quads_tui.rollout.scrub import MASK, SECRETS
from quads_tui.rollout.stages import Stage
from quads_tui.services import peers

from .planner_lab import FOREMAN_HOST, HOSTS, UUIDS, Lab, lab, mac, names

__all__ = ["lab", "names"]


async def test_a_plan_of_well_hosts_refuses_nothing_and_knows_each_machine(lab: Lab) -> None:
    plan = await lab.plan()
    assert (plan.refusals, plan.warnings, plan.unaccepted) == ((), lab.site.warnings, ())
    assert [host.identity and host.identity.uuid for host in plan.hosts] == UUIDS[:3]
    assert [host.rack for host in plan.hosts] == HOSTS[:3]
    assert lab.server.counts()["writes"] == 0


async def test_no_token_hides_a_name_of_the_plan(lab: Lab) -> None:
    await lab.plan()
    SECRETS.add_token(HOSTS[1])
    SECRETS.add_token("0123456789abcdef")
    assert SECRETS.scrub(f"{HOSTS[1]}: 0123456789abcdef") == f"{HOSTS[1]}: {MASK}"


# A2: two hosts on one machine


@pytest.mark.parametrize(
    ("addresses", "systems", "refused"),
    [
        (("https://127.0.0.1:9", "https://127.0.0.1:9"), ("", ""), True),
        (("https://[::ffff:127.0.0.1]:9", "https://127.0.0.1:9"), ("", ""), True),
        (("https://127.0.0.1", "https://127.0.0.1:443"), ("", ""), True),
        (("https://one.example.com", "https://two.example.com"), ("", ""), True),
        (("https://one.example.com", "https://two.example.com:444"), ("", ""), True),
        (("https://192.0.2.9", "http://192.0.2.9"), ("", ""), True),
        (("https://[2001:db8::9]", "https://[2001:DB8:0::9]:8443"), ("", ""), True),
        (("https://gone.example.com", "https://gone.example.com:8443"), ("", ""), True),
        (("https://[::1]:9", "https://[::1]:8"), ("", ""), False),
        (("https://127.0.0.1:9", "https://127.0.0.1:8"), ("", ""), False),
        (("https://127.0.0.1:9", "https://127.0.0.1:9"), ("Node1", ""), True),
        (("https://127.0.0.1:9", "https://127.0.0.1:9"), ("Node1", "/redfish/v1/Systems/Node1"), True),
        (("https://127.0.0.1:9", "https://127.0.0.1:9"), ("Node1", "Node2"), False),
    ],
)
async def test_a2_two_hosts_whose_addresses_lead_to_one_bmc_are_refused_and_both_named(
    lab: Lab, names: dict[str, str], addresses: tuple[str, str], systems: tuple[str, str], refused: bool
) -> None:
    names |= {"one.example.com": "192.0.2.9", "two.example.com": "192.0.2.9"}
    specs = [HostSpec(name, bmc=bmc, system=system) for name, bmc, system in zip(HOSTS, addresses, systems, strict=False)]
    plan = await lab.plan(lab.assignment(*specs))
    assert bool(plan.refusals) == refused, plan.refusals
    if refused:
        assert len(plan.refusals) == 1 and plan.refusals[0].startswith(f"{HOSTS[0]} and {HOSTS[1]} have the same BMC (")
        assert not lab.asked
    else:
        assert [host.system for host in plan.hosts] == list(systems) and all(host.own_address for host in plan.hosts)


async def test_a2_two_hosts_whose_bmcs_tell_one_machine_are_refused_and_both_named(lab: Lab) -> None:
    machine = Identity("198.51.100.1:443", "/redfish/v1/Systems/1", UUIDS[9], "SN10009")
    lab.machines = {HOSTS[0]: machine, HOSTS[2]: replace(machine, peer="198.51.100.2:443")}
    plan = await lab.plan()
    (reason,) = plan.refusals
    assert reason.startswith(f"{HOSTS[0]} and {HOSTS[2]} are the same machine: the same UUID and serial number (")


async def test_a2_a_host_that_is_known_to_be_another_machine_is_in_nobodys_way(lab: Lab) -> None:
    of_second = Identity("192.0.2.1:443", "/redfish/v1/Systems/1", UUIDS[1], "SN10001", (mac(1),), True)
    lab.machines = {HOSTS[0]: of_second}
    plan = await lab.plan()
    assert not plan.refusals
    assert [host.blocker_cause for host in plan.hosts] == [Cause.WRONG_BMC, None, None]


async def test_a2_twin_nodes_that_tell_their_chassis_serial_number_are_two_machines(lab: Lab) -> None:
    lab.machines = {
        name: Identity(f"192.0.2.{n}:443", "/redfish/v1/Systems/1", UUIDS[n], "CHASSIS7", (mac(n),), True)
        for n, name in enumerate(HOSTS[:2])
    }
    plan = await lab.plan()
    assert not plan.refusals
    assert [host.identity.serial for host in plan.hosts if host.identity] == ["", "", "SN10002"]


def test_a2_many_hosts_that_share_one_fact_are_compared_in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    ask = Identity.is_one_with

    def counted(self: Identity, other: Identity) -> str:
        nonlocal compared
        compared += 1
        return ask(self, other)

    monkeypatch.setattr(Identity, "is_one_with", counted)
    usb = "0a:00:00:00:00:01"  # the BMC's own USB NIC has one MAC on all machines of this model
    hosts = [
        HostPlan(f"h{n}", "x", identity=Identity(uuid=f"8a3b4f3c-1f0e-4e0a-9d21-7c5b6a49{n:04x}", macs=(usb,)))
        for n in range(2000)
    ]
    assert sharing.sharing_machines(hosts) == {} and compared < 5000


async def test_a2_one_address_at_two_ports_is_one_machine_away_from_loopback(lab: Lab) -> None:
    for address, refused in (("192.0.2.9", True), ("127.0.0.9", False)):
        lab.machines = {
            name: Identity(f"{address}:{port}", "/redfish/v1/Systems/1", "", "", (mac(n),), True)
            for n, (name, port) in enumerate(zip(HOSTS, (443, 80), strict=False))
        }
        assert bool((await lab.plan(lab.assignment(*HOSTS[:2]))).refusals) == refused


# Not verified


async def test_a5_hosts_that_cannot_be_compared_are_asked_for_or_accepted_by_pattern(lab: Lab) -> None:
    lab.with_site("  unverified: [f21-h01-*]\n  check_macs: [f21-h02-*]\n")
    mute = Identity("198.51.100.1:443", "/redfish/v1/Systems/1", UUIDS[0])
    lab.machines = {HOSTS[0]: mute, HOSTS[1]: replace(mute, peer="198.51.100.2:443", uuid=UUIDS[1])}
    plan = await lab.plan()
    assert not plan.refusals
    assert [(host.unverified, host.accepted) for host in plan.hosts] == [
        (f"its BMC reports no MAC address; Foreman expects the MAC {mac(0)}", False),
        (f"its BMC reports no MAC address; Foreman expects the MAC {mac(1)}", True),
        (CHECK_MACS_OFF, False),
    ]
    assert [host.name for host in plan.unaccepted] == [HOSTS[0], HOSTS[2]]
    assert plan.cautions[0].startswith("not verified: 3 hosts (")
    assert plan.confirmed().unaccepted == () and len(plan.confirmed().not_verified) == 3


async def test_a6_the_provisioning_nic_counts_where_the_primary_interface_is_a_bond(lab: Lab) -> None:
    lab.server.control({"bonded": {HOSTS[0]: "52:54:00:ff:00:01"}})
    plan = await lab.plan()
    assert [(host.blocker, host.unverified, host.mac) for host in plan.hosts[:1]] == [("", "", mac(0))]


# B1: what Foreman would refuse


async def test_b1_an_owner_outside_the_hosts_organization_or_location_is_refused(lab: Lab) -> None:
    lab.server.control({"elsewhere": ["cloud02"], "displaced": ["cloud02", "cloud03"]})
    owned = lab.assignment(*HOSTS[3:5], cloud="cloud03", wipe=False)
    plan = await lab.plan(lab.assignment(), owned)
    assert plan.refusals == (
        f"the Foreman user cloud02 is not in the location Rack row 1 of 3 hosts ({', '.join(HOSTS[:3])}): Foreman would refuse every "
        "write to them (422). The user's locations: Rack row 9. Add Rack row 1 to that user",
        f"the Foreman user cloud02 is not in the organization Scale Lab of 3 hosts ({', '.join(HOSTS[:3])}): Foreman would refuse every "
        "write to them (422). The user's organizations: Perf Lab. Add Scale Lab to that user",
        f"the Foreman user cloud03 is not in the location Rack row 1 of 2 hosts ({', '.join(HOSTS[3:5])}): Foreman would refuse every "
        "write to them (422). The user's locations: Rack row 9. Add Rack row 1 to that user",
    )


async def test_b1_an_owner_who_is_an_administrator_or_in_the_parent_organization_is_not_refused(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.server.control({"elsewhere": ["cloud02", "cloud03"]})
    lab.server.foreman.database.by_login["cloud03"].admin = True
    assert not (await lab.plan(lab.assignment(cloud="cloud03"))).refusals

    async def parents(places: str) -> dict[int, frozenset[int]]:
        return {1: frozenset({3})}

    monkeypatch.setattr(lab.foreman, "parents", parents)
    assert not (await lab.plan()).refusals


async def test_b1_all_permissions_that_are_missing_are_told_at_once(lab: Lab) -> None:
    lab.server.control({"permissions": ["view_hosts", "edit_hosts", "view_ptables"]})
    plan = await lab.plan(lab.assignment(parameters={"overcloud": "true"}))
    assert plan.refusals == (
        "our Foreman user lacks the permissions build_hosts, create_params, edit_params, view_media, view_operatingsystems, "
        "view_params, view_users",
    )


async def test_b1_a_foreman_that_does_not_list_our_permissions_is_asked_where_they_are_needed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def untold() -> None:
        return None

    monkeypatch.setattr(lab.foreman, "granted", untold)
    lab.server.control({"permissions": ["view_hosts", "view_ptables"]})
    (reason,) = (await lab.plan()).refusals
    assert reason == "our Foreman user lacks the permissions view_media, view_operatingsystems, view_users"
    reading = ["view_hosts", "view_users", "view_ptables", "view_media", "view_operatingsystems", "view_settings"]
    lab.server.control({"permissions": reading})
    (reason,) = (await lab.plan()).refusals
    assert reason == f"our Foreman user lacks the permissions build_hosts, edit_hosts on {HOSTS[0]}"


async def test_b1_tokens_that_die_before_an_install_may_end_are_told(lab: Lab) -> None:
    lab.site = replace(lab.site, limits=replace(lab.site.limits, install=7 * 3600.0))
    (warning,) = set((await lab.plan()).warnings) - set(lab.site.warnings)
    assert warning.startswith(
        "build tokens are valid for 360 min (Foreman setting token_duration), but an install may take 420 min"
    )


async def test_b1_a_plan_takes_few_reads_whatever_it_checks(lab: Lab) -> None:
    lab.with_site(f"protected_hosts: [{FOREMAN_HOST}]\n")
    await lab.plan(lab.assignment(*HOSTS))
    assert lab.server.counts()["reads"] <= 20


# Several clouds


async def test_a_plan_of_many_clouds_takes_no_more_reads_than_one(lab: Lab) -> None:
    """CONTRACT 4 knows no clouds: what two assignments ask Foreman about is read once."""
    one = [lab.assignment(HOSTS[0])]
    many = [lab.assignment(host, cloud=f"cloud{number:02}") for number, host in enumerate(HOSTS, 2)]
    reads = []
    for given in (one, many):
        before = lab.server.counts()["reads"]
        plan = await lab.plan(*given, survey=False)
        assert not plan.refusals and len(plan.goals) == len(given)
        reads.append(lab.server.counts()["reads"] - before)
    assert reads[0] == reads[1]
    targets = {goal.target.owner_id: replace(goal.target, owner_id=None) for goal in plan.goals}
    assert len(targets) == len(many) and len({asdict(target)["medium_id"] for target in targets.values()}) == 1


async def test_a_host_of_two_clouds_is_refused_and_both_are_named(lab: Lab) -> None:
    plan = await lab.plan(lab.assignment(*HOSTS[:2]), lab.assignment(HOSTS[1], cloud="cloud05"))
    assert plan.refusals == (f"{HOSTS[1]} is in more than one of the assignments (cloud02, cloud05)",)
    assert not lab.asked and lab.server.counts()["reads"] == 0


async def test_what_does_not_fit_is_refused_for_each_cloud_that_asks_for_it(lab: Lab) -> None:
    wrong = [lab.assignment(host, cloud=f"cloud0{n}", medium="no such") for n, host in enumerate(HOSTS[:2], 2)]
    (reason,) = (await lab.plan(*wrong, lab.assignment(HOSTS[2], cloud="cloud05"))).refusals
    assert "no such" in reason


# B5: untouched hosts of a resumed rollout


async def test_b5_a_resume_looks_at_untouched_hosts_only_and_ends_those_that_conflict(lab: Lab) -> None:
    plan = await lab.plan()
    lab.asked.clear()
    lab.with_site(f"protected_hosts: [{FOREMAN_HOST}]\n")
    lab.machines = {HOSTS[2]: Identity("192.0.2.99:443", "/redfish/v1/Systems/1", "", "", (mac(6),), True)}
    again = await survey_untouched(plan, {HOSTS[1], HOSTS[2]}, lab.site, lab.foreman, lab.survey, lambda line: None)
    assert sorted(lab.asked) == HOSTS[1:3] and not again.refusals
    assert again.hosts[:2] == plan.hosts[:2]
    assert (again.hosts[2].blocker_stage, again.hosts[2].blocker_cause) == (Stage.POWER_OFF, Cause.WRONG_BMC)


async def test_a_plan_is_kept_and_read_again_with_all_that_it_knows(lab: Lab) -> None:
    lab.with_site(f"protected_hosts: [{FOREMAN_HOST}]\n")
    plan = await lab.plan()
    assert plan_from(json.loads(json.dumps(asdict(plan)))) == plan


async def test_names_that_hang_hold_neither_the_loop_nor_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = threading.Event()

    def hangs(host: str, port: int) -> frozenset[str]:
        ends.wait(30)
        return frozenset()

    monkeypatch.setattr(peers, "_looked_up", hangs)
    monkeypatch.setattr(peers, "_PATIENCE", 0.05)
    try:
        found = await planner.peers_of(["https://hangs.example.com", "https://192.0.2.7:8443", "http://[2001:DB8::7]"])
    finally:
        ends.set()
    assert found == {
        "https://hangs.example.com": None,
        "https://192.0.2.7:8443": {"192.0.2.7:8443"},
        "http://[2001:DB8::7]": {"[2001:db8::7]:80"},
    }
