"""The plan against the emulated Foreman, with BMCs that tell what a test says: what it refuses, names and asks for."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import AsyncIterator, Collection
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pytest

from quads_tui.cli.terminal import consequence
from quads_tui.emulators.foreman import ForemanEmulator, ForemanOptions
from quads_tui.emulators.interfaces import Machine
from quads_tui.inputs import Assignment, HostSpec, Secret, Site, TlsPolicy, load_site
from quads_tui.planning import planner, sharing
from quads_tui.planning.bmc_survey import BmcSurvey
from quads_tui.planning.planner import make_plan, survey_untouched
from quads_tui.render.plan_text import plan_lines
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.plan import CHECK_MACS_OFF, NOT_ASKED, HostPlan, Plan, Protected, plan_from
from quads_tui.rollout.ports import SideEffects
from quads_tui.rollout.scrub import MASK, SECRETS
from quads_tui.rollout.stages import Kind, Stage
from quads_tui.runtime.launch import refuse_unverified_protection
from quads_tui.runtime.options import Refused
from quads_tui.services import peers
from quads_tui.services.foreman import Foreman
from quads_tui.services.foreman.session import ForemanSession
from quads_tui.services.http import Http
from quads_tui.services.survey import Survey
from tests.clocks import FastClock, GrantedTime

HOSTS = [f"f21-h{n:02}-000-r650.example.com" for n in range(6)]
FOREMAN_HOST = "foreman.example.com"  # one of the machines, protected where a test says so
SILENT = "no answer"
UUIDS = [f"8a3b4f3c-1f0e-4e0a-9d21-7c5b6a49{n:04x}" for n in range(16)]


LOOKED_UP = peers._looked_up


def shown(plan: Plan) -> str:
    """As the operator reads it, without its line breaks."""
    return " ".join(" ".join(plan_lines(plan)).split())


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


@dataclass
class Lab:
    server: ForemanEmulator
    foreman: Foreman
    site: Site
    path: Path
    machines: dict[str, Identity] = field(default_factory=dict)  # what a host's BMC tells, instead of its own machine
    asked: list[str] = field(default_factory=list)  # hosts whose BMC was contacted

    def assignment(self, *hosts: HostSpec | str, **more: object) -> Assignment:
        specs = [HostSpec(host, "R650") if isinstance(host, str) else host for host in hosts or HOSTS[:3]]
        facts = {"os": "RHEL 9.4", "ptable": "generic-rhel9", "medium": "RHEL Local", "cloud": "cloud02", **more}
        return Assignment(Path("a.yaml"), hosts=tuple(specs), **facts)  # type: ignore[arg-type]

    def with_site(self, text: str) -> None:
        """With these lines at its end: first more of the redfish section, then more sections."""
        path = self.path.with_name("changed.yaml")
        path.write_text(self.path.read_text() + text)
        self.site = load_site(path)

    def bmc(self, host: HostPlan, acts: SideEffects) -> object:
        self.asked.append(host.name)
        number = [*HOSTS, FOREMAN_HOST].index(host.name)
        own = Identity(f"192.0.2.{number}:443", "/redfish/v1/Systems/1", UUIDS[number], f"SN1000{number}", (mac(number),), True)
        return Told(self.machines.get(host.name, own))

    @property
    def survey(self) -> BmcSurvey:
        return BmcSurvey(self.bmc, self.foreman.provisioning_macs, lambda line: None)  # type: ignore[arg-type]

    async def plan(self, *assignments: Assignment, survey: bool = True) -> Plan:
        given = assignments or (self.assignment(),)
        return await make_plan(given, self.site, self.foreman, lambda line: None, self.survey if survey else None)


@dataclass
class Told:
    """A BMC that tells this machine."""

    machine: Identity

    async def survey(self) -> Survey:
        return Survey("On", "", True, "R650", identity=replace(self.machine, macs=(), complete=False))

    async def identify(self, macs: Collection[str], deadline: float | None = None, whole: bool = False) -> Identity:
        return self.machine

    async def close(self) -> None:
        pass


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    clock = FastClock(speed=500.0)
    machines = [Machine(name, "R650", mac(n)) for n, name in enumerate([*HOSTS, FOREMAN_HOST])]
    server = ForemanEmulator(machines, time=GrantedTime(500.0), seed=7, options=ForemanOptions())
    url = await server.serve()
    path = tmp_path / "site.yaml"
    path.write_text(
        f"foreman:\n  url: {url}\n  username: admin\n  password: x\nredfish:\n  username: root\n  password: x\n"
        '  tls: {verify: false}\n  address: "https://mgmt-{host}"\n'
    )
    http = Http(clock)
    foreman = Foreman(ForemanSession(http, url=url, username="admin", password=Secret("changeme"), tls=TlsPolicy("system"), clock=clock, limits=Limits(), reads=Meter(), writes=Meter(),))  # fmt: skip
    yield Lab(server, foreman, load_site(path), path)
    await http.close()
    await server.close()


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The lab's name service: mgmt-NAME to an IP address; what is not in it does not exist, and of SILENT it tells nothing."""
    known: dict[str, str] = {}

    def looked_up(host: str, port: int) -> frozenset[str] | None:
        if known.get(host) == SILENT:
            return None
        return frozenset({peers.peer(known[host], port)} if host in known else ())

    monkeypatch.setattr(peers, "_looked_up", looked_up)
    return known


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


# A3: protected hosts


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


async def test_a2_one_address_at_two_ports_is_one_machine_away_from_loopback(lab: Lab) -> None:
    for address, refused in (("192.0.2.9", True), ("127.0.0.9", False)):
        lab.machines = {
            name: Identity(f"{address}:{port}", "/redfish/v1/Systems/1", "", "", (mac(n),), True)
            for n, (name, port) in enumerate(zip(HOSTS, (443, 80), strict=False))
        }
        assert bool((await lab.plan(lab.assignment(*HOSTS[:2]))).refusals) == refused


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
        f"hosts whose BMC could not be compared with that of a protected host ({FOREMAN_HOST}): {HOSTS[1]}; "
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
