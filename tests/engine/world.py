"""Machines in memory, what a Foreman and BMCs hold of them, and what was done to them: for the flow in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from quads_tui.rollout.events import Event, from_row, to_row
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.ports import TakenOver
from tests.clocks import VirtualClock

from .network import Network

LATE = 8.0  # own seconds: longer than the lease of cluster_journals, and shorter than an intent may wait to be sent
EPOCH = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)


@dataclass
class Machine:
    """One server: its power, its override, what Foreman holds of it, and what happened to it."""

    name: str
    in_build: set[str]  # of all machines of its world, so that a look at ten thousand costs what is found
    power: str = "Off"
    override: bool = False
    build_status: int = 0
    installed_at: datetime | None = EPOCH - timedelta(days=30)
    wanted: dict[str, object] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    pxe_lost: bool = False  # in build, but Foreman deleted its PXE files
    rebuilds: int = 0
    wipes: int = 0
    resets: int = 0
    installs: str = "built"  # built, failed, never
    install_seconds: float = 600.0
    off_seconds: float = 9.0  # until Off is to be seen
    pxe_seconds: float = 2.0  # until the boot override is set
    on_seconds: float = 15.0  # until On is to be seen
    ordered: bool = True  # its boot order is as wanted
    order_job: str = ""  # "waits" for a POST, or "runs" in one
    order_seconds: float = 200.0  # of that POST
    gone: bool = False  # Foreman shows it no more
    restarts: int = 0  # of its BMC
    restart_seconds: float = 180.0  # until its BMC answers again
    stays_on: bool = False  # whatever it is told
    silent: bool = False  # its BMC does not answer
    troubles: list[tuple[str, Exception | str]] = field(default_factory=list)  # (act, what), each once

    @property
    def build(self) -> bool:
        return self.name in self.in_build

    @build.setter
    def build(self, build: bool) -> None:
        (self.in_build.add if build else self.in_build.discard)(self.name)

    def trouble(self, act: str) -> Exception | str | None:
        for number, (at, what) in enumerate(self.troubles):
            if at == act:
                del self.troubles[number]
                return what
        return None


class World:
    """All machines, Foreman's write counter and the clock."""

    def __init__(self, names: Collection[str], clock: VirtualClock) -> None:
        self.clock = clock
        # No two take exactly as long: who comes first is no accident of the loop.
        self.in_build: set[str] = set()
        self.machines = {
            name: Machine(name, self.in_build, power="On", off_seconds=9.0 + number / 1000) for number, name in enumerate(names)
        }
        self.network = Network(names)
        self.provisioning = {name: frozenset(facts.macs) for name, facts in self.network.facts.items()}  # as Foreman knows them
        self.acted: dict[str, str] = {}  # the machine of each host's first act
        self.belongs: dict[str, str] = {}  # the host that acted first on each machine
        self.traceable = (
            True  # no machine moves that tells fewer than two facts: at its new place it may be taken for another one
        )
        self.shown: dict[str, str] = {}  # the machine that each host's BMC told of when it was last identified
        self.let: set[str] = set()  # hosts that may act on a machine that cannot be compared, by the operator's word in the plan
        self.untouchable: set[str] = set()  # machines
        self.writing = 0
        self.peak_writes = 0
        self.acting = 0  # acts between the look that allowed them and their arrival
        self.writes: Counter[str] = Counter()
        self.write_ends: list[tuple[float, str]] = []  # own time and host of each write that was carried out
        self.builds: Counter[str] = Counter()  # writes that put it in build
        self.reads: Counter[str] = Counter()
        self.sessions: Counter[str] = Counter()  # of the process that runs now
        self.journal = MemoryJournal()  # of the process that runs now
        self.meters = Meters()
        self.numbers = itertools.count(1)  # of BMC sessions
        self.left: defaultdict[str, set[str]] = defaultdict(set)  # sessions that stand at the BMCs
        self.dark_before_write = 0  # the most machines that were off while nothing had been put in build
        self.pxe_persistent = False  # BMCs that know no one-time boot
        self.takes_back = False  # the first build of each machine meets an equal one, and is rolled back with its PXE files
        self.no_task_lists = False  # Foreman does not answer about the tasks of a PUT
        self.no_looks: Exception | None = None  # Foreman answers all reads with it
        self.away: Exception | None = None  # it answers nothing at all, and no write reaches it
        self.violations: list[str] = []  # what no console may ever do to a machine
        self.tasks: set[asyncio.Task[None]] = set()
        self.between: list[Callable[[], Awaitable[None]]] = []  # each once: what happens between an intent and its first byte

    async def connected(self) -> None:
        """A connection stands, as late as a test wants it to; for a process that is cut off from its journal, after its lease."""
        if self.journal.is_cut_off:
            await self.clock.sleep(LATE)
        if self.between:
            await self.between.pop(0)()

    def work(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """What a server does goes on when its client is gone."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def touched(self, host: str, machine: str) -> None:
        """An act of the host's rollout arrives at the machine."""
        if machine in self.untouchable:
            self.violations.append(f"{host}: an act on {machine}, which is protected")
        if machine != host and host not in self.let:
            self.violations.append(f"{host}: an act on {machine}")
        if self.acted.setdefault(host, machine) != machine:
            self.violations.append(f"{host}: an act on {machine} after one on {self.acted[host]}")
        first = self.belongs.setdefault(machine, host)
        if self.traceable and first != host:
            self.violations.append(f"{host}: an act on {machine} after one of {first}")

    def boot(self, name: str) -> None:
        """Power came on: the override is used up; a host in build installs."""
        machine = self.machines[name]
        if machine.order_job:
            machine.order_job = "runs"
            self.work(self._set_order(machine))
        pxe, machine.override = machine.override, machine.override and self.pxe_persistent
        if pxe and machine.build and machine.pxe_lost:
            self.violations.append(f"{name}: booted without its PXE files")
        elif pxe and machine.build:
            machine.wipes += 1
            self.work(self._install(machine))

    async def restart_bmc(self, name: str) -> None:
        """Its BMC is away, for all machines behind it, and forgets its sessions."""
        at, box, _ = self.network.home(name)
        behind = [host for host, leads in self.network.leads.items() if leads == at]
        for host in behind:
            self.machines[host].silent = True
            self.left[host].clear()
        for machine in box.systems.values():
            self.machines[machine].restarts += 1
        await self.clock.sleep(self.machines[name].restart_seconds)
        for host in behind:
            self.machines[host].silent = False

    async def _set_order(self, machine: Machine) -> None:
        await self.clock.sleep(machine.order_seconds)
        if machine.power == "On":
            machine.ordered, machine.order_job = True, ""

    async def _install(self, machine: Machine) -> None:
        boot = machine.resets
        await self.clock.sleep(machine.install_seconds)
        if machine.resets == boot and machine.installs != "never" and machine.build:
            machine.build = False
            machine.build_status = 0 if machine.installs == "built" else 3
            machine.installed_at = EPOCH + timedelta(seconds=self.clock.now())


class MemoryJournal:
    """Implements ports.Journal; remembers the order, and what was committed before what."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        """`events`: of the processes before."""
        self.events = list(events)  # on disk
        self.dead = False  # the process was killed: nothing more reaches the disk
        self.crash_at = 0  # die when this many events are written
        self.survives = False  # then it is cut off from its disk, and does not die
        self.is_cut_off = False
        self.lost = asyncio.Event()  # another process has it
        self.crashed = asyncio.Event()
        self.taken_over = False

    def record(self, event: Event) -> None:
        if not self.dead:
            self.events.append(from_row(json.loads(json.dumps(to_row(event)))))
            if len(self.events) == self.crash_at:
                self.dead = True
                self.crashed.set()

    async def commit(self, event: Event) -> None:
        await asyncio.sleep(0)
        self.record(event)
        if self.dead:
            await asyncio.Event().wait()

    def sample(self, at: float, data: dict[str, object]) -> None:
        pass

    async def owned(self, locks: Callable[[], None] | None = None) -> None:
        if self.taken_over:
            raise TakenOver("taken over")
        if locks is not None:
            locks()
