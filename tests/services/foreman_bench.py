"""A small lab over an emulated Foreman: the engine and the Foreman client as they are, machines that boot what they find."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from quads_tui.emulators.foreman import ForemanEmulator, ForemanOptions
from quads_tui.emulators.interfaces import Machine
from quads_tui.engine.context import RolloutContext
from quads_tui.engine.executor import RolloutExecutor
from quads_tui.inputs import Assignment, ForemanSite, HostSpec, RedfishSite, Secret, SecretSource, Site, TlsPolicy
from quads_tui.planning.planner import make_plan
from quads_tui.rollout.commands import Retry
from quads_tui.rollout.events import Commanded, Event, HostChanged, HostNote, LaneNarrowed, Notice, StageChanged
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.plan import HostPlan, Plan, Target
from quads_tui.rollout.ports import Probe, SideEffects
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, StageStatus
from quads_tui.rollout.state import Rollout
from quads_tui.services.commands import run_command
from quads_tui.services.foreman import Foreman
from quads_tui.services.foreman.session import ForemanSession
from quads_tui.services.http import Http
from tests.clocks import FastClock, GrantedTime
from tests.waiting import until

SPEED = 500.0
HOSTS = tuple(f"f21-h{number:02}-000-r650.example.com" for number in range(1, 31))
HOST = HOSTS[0]


class BootingBmc:
    """Implements the engine's BmcPort: a machine that installs when it is powered on with PXE set and finds a live token."""

    def __init__(
        self, server: ForemanEmulator, host: str, on: set[str], works: set[asyncio.Task[bool]], booting: Callable[[str], None]
    ) -> None:
        self._server = server
        self._host = host
        self._booting = booting
        self._on = on
        self._works = works
        self._override = False
        self.pxe_persistent = False

    async def identify(self, macs: Collection[str], deadline: float | None = None, whole: bool = False) -> Identity:
        return Identity(self._host, "/redfish/v1/Systems/1", macs=tuple(macs), complete=True)

    def pin(self, identity: Identity) -> None:
        return None

    def allow_login(self) -> None:
        return None

    async def observe(self, deadline: float | None = None) -> object:
        return None

    async def ensure_off(self, deadline: float) -> str:
        self._on.discard(self._host)
        return ""

    async def ensure_pxe_next(self, deadline: float) -> str:
        self._override = True
        return ""

    async def ensure_on(self, deadline: float, *, pxe: bool = True) -> str:
        self._booting(self._host)
        token = self._server.live_token(self._host) if self._override else None
        self._on.add(self._host)
        self._override = False
        if token is not None:
            work = asyncio.ensure_future(self._server.built(self._host, token))
            self._works.add(work)
            work.add_done_callback(self._works.discard)
        return ""

    async def clear_override(self, deadline: float) -> str:
        self._override = False
        return ""

    async def pxe_armed(self) -> bool:
        return self._override

    async def is_off(self) -> bool:
        return self._host not in self._on

    async def close(self) -> None:
        return


class ListeningJournal:
    """Implements ports.Journal: keeps the events, and nothing on a disk."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)

    async def commit(self, event: Event) -> None:
        self.record(event)

    def sample(self, at: float, data: dict[str, object]) -> None:
        return

    async def owned(self, locks: Callable[[], None] | None = None) -> None:
        return


class ListeningForeman(Foreman):
    """The client as it is; `on_probe` is called before every look at a write whose outcome is unknown."""

    on_probe: Callable[[], None] = staticmethod(lambda: None)

    async def probe_host(self, name: str, wanted: Mapping[str, object], progress: str) -> Probe:
        self.on_probe()
        return await super().probe_host(name, wanted, progress)


@dataclass
class Bench:
    """An emulated Foreman of 30 hosts, a client of it, and what an operator of a rollout over it reads (`told`)."""

    server: ForemanEmulator
    url: str
    http: Http
    clock: FastClock
    foreman: ListeningForeman
    meters: Meters
    site: Site
    told: list[str] = field(default_factory=list)
    lane_shut: list[str] = field(default_factory=list)
    rollout: Rollout | None = None
    width: int = 1  # of the lane at the end
    booting: Callable[[str], None] = lambda name: None  # called before a machine looks for its token

    def says(self, text: object) -> None:
        """Something to be read, without this run's port and deadlines."""
        self.told.append(re.sub(r"127\.0\.0\.1:\d+", "foreman", str(text)))

    async def provision(
        self,
        hosts: tuple[str, ...] = (HOST,),
        *,
        width: int = 1,
        medium: str = "RHEL Local",
        wipe: bool = True,
        retry: Retry | None = None,
        parameters: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[HostStatus, int]:
        """A whole rollout; gives how many hosts ended how. `retry`: an order for what is left when none can move by itself."""
        plan = await self.plan(hosts, medium, wipe, parameters)
        journal = ListeningJournal()
        self.rollout = Rollout("r1", plan, speed=SPEED)
        executor = RolloutExecutor(self._setting(self.rollout, journal, width))
        executor.start()
        self.foreman.on_probe = lambda: self._look_at(executor)
        await asyncio.wait_for(executor.settled(), 60)
        if retry is not None:
            executor.submit(retry)
            await until(lambda: executor.stopped or any(isinstance(event, Commanded) for event in journal.events))
            assert not executor.stopped
            await asyncio.wait_for(executor.settled(), 60)
        await executor.finish(executor.stopped)
        self.width = executor.lane.state().width
        self._read(journal.events)
        return {status: count for status, count in self.rollout.counts.items() if count}

    async def plan(self, hosts: tuple[str, ...], medium: str, wipe: bool, parameters: Mapping[str, str]) -> Plan:
        specs = tuple(HostSpec(name, "R650", f"http://127.0.0.1:{port}") for port, name in enumerate(hosts, 1))
        asked = Assignment(Path("a.yaml"), "cloud02", specs, wipe=wipe, os="RHEL 9.4", ptable="generic-rhel9", medium=medium)
        plan = await make_plan((replace(asked, parameters=dict(parameters)),), self.site, self.foreman, lambda line: None)
        for text in (*plan.refusals, *plan.warnings, *(note for host in plan.hosts for note in (*host.notes, host.blocker))):
            if text:
                self.says(text)
        return plan

    def _setting(self, rollout: Rollout, journal: ListeningJournal, width: int) -> RolloutContext:
        on: set[str] = set(HOSTS)
        works: set[asyncio.Task[bool]] = set()

        def bmc(host: HostPlan, acts: SideEffects) -> BootingBmc:
            return BootingBmc(self.server, host.name, on, works, lambda name: self.booting(name))

        return RolloutContext(
            rollout=rollout,
            meters=self.meters,
            clock=self.clock,
            journal=journal,
            foreman=self.foreman,
            reads=self.foreman,
            bmc=bmc,
            limits=self.site.limits,
            protected=frozenset(),
            token_seconds=self.server.options.token_minutes * 60.0,
            write_width=width,
            who="me@here",
            run_command=run_command,
        )

    def _look_at(self, executor: RolloutExecutor) -> None:
        shut = re.sub(r", check \d+$", "", executor.lane.state().shut)
        if shut not in self.lane_shut:
            self.lane_shut.append(shut)

    def _read(self, events: list[Event]) -> None:
        for shut in self.lane_shut:
            self.says(f"Foreman writes blocked: {shut}")
        for event in events:
            match event:
                case StageChanged() if event.status is StageStatus.FAILED:
                    self.says(event.reason)
                case HostChanged(safety=Safety() as safety) if event.status is HostStatus.FAILED:
                    self.says(f"{event.reason}; {safety.words}")
                case HostNote() if not event.waits:
                    self.says(event.text)
                case Notice():
                    self.says(event.text)
                case LaneNarrowed():
                    self.says(f"write concurrency reduced to 1: {event.why}")
                case _:
                    pass

    async def target(self) -> Target:
        return Target(
            owner_id=await self.foreman.find("user", "cloud02"),
            operatingsystem_id=await self.foreman.find("operating system", "RHEL 9.4"),
            ptable_id=await self.foreman.find("partition table", "generic-rhel9"),
            medium_id=await self.foreman.find("installation medium", "RHEL Local"),
        )

    def sent(self, host: str = HOST) -> list[str]:
        """The requests about one host as the server saw them, in their order, without the host's address."""
        lines = [
            f"{entry.method} {entry.path}" for entry in self.server.log if host in entry.path or "orchestration" in entry.path
        ]
        return [re.sub(r"orchestration/[^/]+/", "orchestration/:uuid/", line.replace(host, ":host")) for line in lines]


@asynccontextmanager
async def open_bench(options: ForemanOptions | None = None, *, password: str = "changeme") -> AsyncIterator[Bench]:
    clock = FastClock(speed=SPEED, floor=1.5)
    machines = [Machine(name, "R650", f"52:54:00:00:00:{number:02x}") for number, name in enumerate(HOSTS)]
    server = ForemanEmulator(machines, time=GrantedTime(SPEED), seed=7, options=options or ForemanOptions())
    url = await server.serve()
    http, meters = Http(clock), Meters()
    tls, secret = TlsPolicy("off"), SecretSource("plain", Path("site.yaml"), 1, "password")
    limits = Limits(install=1200.0)
    site = Site(
        Path("site.yaml"),
        ForemanSite(url, "admin", secret, tls),
        RedfishSite("http://127.0.0.1:1", "root", secret, tls),
        limits=limits,
    )
    session = ForemanSession(
        http,
        url=url,
        username="admin",
        password=Secret(password),
        tls=tls,
        clock=clock,
        limits=limits,
        reads=meters.foreman_reads,
        writes=meters.foreman_writes,
    )
    foreman = ListeningForeman(session)
    try:
        yield Bench(server, url, http, clock, foreman, meters, site)
    finally:
        await http.close()
        with suppress(asyncio.CancelledError):
            await server.close()
