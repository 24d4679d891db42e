"""A Foreman emulator, and BMCs that tell what a test says, for the tests of plans."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from quads_tui.emulators.foreman import ForemanEmulator, ForemanOptions
from quads_tui.emulators.interfaces import Machine
from quads_tui.inputs import Assignment, HostSpec, Secret, Site, TlsPolicy, load_site
from quads_tui.planning.bmc_survey import BmcSurvey
from quads_tui.planning.planner import make_plan
from quads_tui.render.plan_text import plan_lines
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.plan import HostPlan, Plan
from quads_tui.rollout.ports import SideEffects
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
