"""A Foreman and BMCs in memory, for the flow in virtual time. They count what was done to every machine."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from quads_tui.engine.claims import Machines
from quads_tui.engine.context import RolloutContext
from quads_tui.engine.executor import RolloutExecutor
from quads_tui.engine.resume_state import Recall, recall
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.events import Event, from_row, to_row
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.hooks import Hook
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.plan import Goal, HostPlan, Plan, Target
from quads_tui.rollout.ports import REFUSALS, Probe, SideEffects, TakenOver, Ticket, UnknownOutcome
from quads_tui.rollout.stages import Kind
from quads_tui.rollout.state import Rollout
from quads_tui.services.commands import run_command
from tests.clocks import VirtualClock

from .network import Network

EPOCH = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
TARGET = Target(owner_id=41, operatingsystem_id=9, ptable_id=125, medium_id=14, parameters={})


@dataclass
class Machine:
    """One server: its power, its override, what Foreman holds of it, and what happened to it."""

    power: str = "Off"
    override: bool = False
    build: bool = False
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
    stays_on: bool = False  # whatever it is told
    silent: bool = False  # its BMC does not answer
    troubles: list[tuple[str, Exception | str]] = field(default_factory=list)  # (act, what), each once

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
        self.machines = {name: Machine(power="On", off_seconds=9.0 + number / 1000) for number, name in enumerate(names)}
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
        self.writes: Counter[str] = Counter()
        self.write_ends: list[tuple[float, str]] = []  # own time and host of each write that was carried out
        self.builds: Counter[str] = Counter()  # writes that put it in build
        self.reads: Counter[str] = Counter()
        self.sessions: Counter[str] = Counter()
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
        """A connection stands, as late as a test wants it to."""
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


class ModelForeman:
    """Implements the engine's ForemanPort and HostReads."""

    def __init__(self, world: World, seconds: float = 1.0) -> None:
        self._world = world
        self._seconds = seconds

    async def build(self, ticket: Ticket, host: str, target: Target, progress: str) -> HostRecord:
        wanted: dict[str, object] = {
            "owner_id": target.owner_id,
            "owner_type": "User",
            "operatingsystem_id": target.operatingsystem_id,
            "ptable_id": target.ptable_id,
            "medium_id": target.medium_id,
            "build": True,
        }
        return await self._write(ticket, host, "build", wanted)

    async def cancel_build(self, ticket: Ticket, host: str, progress: str) -> HostRecord:
        return await self._write(ticket, host, "cancel", {"build": False})

    async def set_owner(self, ticket: Ticket, host: str, target: Target, progress: str) -> HostRecord:
        return await self._write(ticket, host, "owner", {"owner_id": target.owner_id, "owner_type": "User"})

    async def rebuild_config(self, ticket: Ticket, host: str) -> None:
        await self._write(ticket, host, "rebuild", {})
        self._world.machines[host].pxe_lost = False
        self._world.machines[host].rebuilds += 1

    async def rolled_back(self, progress: str) -> bool:
        if self._world.no_task_lists:
            raise StageFailure(Cause.UNREACHABLE, "no answer about the tasks")
        return self._world.takes_back

    async def parameter_id(self, host: str, name: str) -> str:
        return name if name in self._world.machines[host].parameters else ""

    async def set_parameter(self, ticket: Ticket, host: str, name: str, value: str, known: str) -> None:
        await self._write(ticket, host, "parameter", {"parameters": {name: value}})

    async def host(self, name: str) -> HostRecord | None:
        self._read("host")
        trouble = self._world.machines[name].trouble("shown")
        if isinstance(trouble, Exception):
            raise trouble
        return None if self._world.machines[name].gone else self._record(name)

    async def provisioning_macs(self, host: str) -> frozenset[str]:
        self._world.reads["interfaces"] += 1
        trouble = self._world.machines[host].trouble("interfaces")
        if isinstance(trouble, StageFailure):
            raise trouble
        return self._world.provisioning[host]

    async def probe_host(self, name: str, wanted: dict[str, object], progress: str) -> Probe:
        if self._world.no_looks is not None:
            raise self._world.no_looks
        if not self._record(name).has(wanted):
            return Probe.ABSENT
        return Probe.LIKELY if wanted.get("build") is False else Probe.APPLIED  # a Foreman that keeps no task lists

    async def probe_parameter(self, host: str, name: str, value: str) -> Probe:
        return Probe.APPLIED if self._world.machines[host].parameters.get(name) == value else Probe.ABSENT

    async def in_build(self) -> frozenset[str]:
        self._read("search")
        machines = self._world.machines.items()
        seen = ((name, machine) for name, machine in machines if machine.build and not machine.gone)
        return frozenset(name for name, machine in seen if machine.trouble("stale") is None)

    async def records(self, names: Collection[str]) -> dict[str, HostRecord]:
        self._read("records")
        return {name: self._record(name) for name in names if not self._world.machines[name].gone}

    def _read(self, what: str) -> None:
        self._world.reads[what] += 1
        self._world.meters.foreman_reads.observe(0.0, True)
        if self._world.away is not None:
            raise self._world.away
        if self._world.no_looks is not None:
            raise self._world.no_looks

    async def _write(self, ticket: Ticket, host: str, act: str, wanted: dict[str, object]) -> HostRecord:
        world, machine = self._world, self._world.machines[host]
        await world.connected()
        if world.away is not None:
            raise world.away
        await ticket.confirm()
        ticket.use()
        trouble = machine.trouble(act)
        if isinstance(trouble, StageFailure):
            raise trouble
        if trouble == "lost":
            raise UnknownOutcome("connection reset")
        world.writing += 1
        world.peak_writes = max(world.peak_writes, world.writing)
        world.writes[host] += 1
        world.meters.foreman_writes.observe(self._seconds, True)
        world.builds[host] += wanted.get("build") is True
        machine.pxe_lost |= act == "build" and world.takes_back
        work = world.work(self._apply(host, {} if trouble == "ignored" else wanted))
        if trouble == "answer lost":
            await world.clock.sleep(self._seconds / 2)
            raise UnknownOutcome("no answer in time")
        await asyncio.shield(work)
        return self._record(host)

    async def _apply(self, host: str, wanted: dict[str, object]) -> None:
        machine = self._world.machines[host]
        await self._world.clock.sleep(self._seconds)
        self._world.write_ends.append((self._world.clock.now(), host))
        if "build" in wanted:
            machine.build = bool(wanted["build"])
            machine.build_status = 1 if machine.build else 0
        parameters = wanted.get("parameters")
        machine.parameters |= parameters if isinstance(parameters, dict) else {}
        machine.wanted |= wanted
        self._world.writing -= 1

    def _record(self, name: str) -> HostRecord:
        machine = self._world.machines[name]

        def number(key: str) -> int | None:
            value = machine.wanted.get(key)
            return value if isinstance(value, int) else None

        return HostRecord(
            name=name,
            id=1,
            build=machine.build,
            build_status=machine.build_status,
            installed_at=machine.installed_at,
            owner_id=number("owner_id"),
            owner_type="User",
            operatingsystem_id=number("operatingsystem_id"),
            ptable_id=number("ptable_id"),
            medium_id=number("medium_id"),
            managed=True,
            mac=None,
        )


class ModelBmc:
    """Implements the engine's BmcPort."""

    def __init__(self, world: World, host: HostPlan, acts: SideEffects) -> None:
        self._world = world
        self._plan = host
        self._host = host.name
        self._acts = acts
        self._pinned: Identity | None = None
        self._open = False
        self.pxe_persistent = world.pxe_persistent

    async def identify(self, macs: Collection[str], deadline: float | None = None, whole: bool = False) -> Identity:
        await self._session(deadline)
        self._fail("look")
        network = self._world.network
        if self._pinned is None:
            now = network.chosen(self._host, self._plan.system, macs)
        else:
            now = network.checked(self._host, self._pinned, self._acts.note)
        self._world.shown[self._host] = network.machine_at(now.peer, now.system)
        ends = next((number for number, mac in enumerate(now.macs, 1) if mac in macs and not whole), len(now.macs))
        return replace(now, macs=now.macs[:ends], complete=now.complete and ends == len(now.macs))

    def pin(self, identity: Identity) -> None:
        self._pinned = identity

    async def observe(self, deadline: float | None = None) -> str:
        machine = await self._read(deadline)
        self._fail("look")
        return machine.power

    async def ensure_off(self, deadline: float) -> str:
        machine = await self._read(deadline)
        self._fail("off")
        if machine.power == "Off":
            return "was off already"
        await self._intend("reset", {"type": "ForceOff"})
        if machine.stays_on:
            await self._world.clock.sleep(deadline - self._world.clock.now())
            raise StageFailure(Cause.TIMEOUT, "still On")
        name = self._reached()
        await asyncio.shield(self._world.work(self._switch(name, "Off", self._world.machines[name].off_seconds)))
        self._acts.result("answered", {})
        return ""

    async def ensure_pxe_next(self, deadline: float) -> str:
        machine = await self._read(deadline)
        self._fail("pxe")
        if machine.override:
            return "PXE is already set for the next boot"
        await self._intend("override", {})
        await asyncio.shield(self._world.work(self._arm(self._reached())))
        return ""

    async def ensure_on(self, deadline: float) -> str:
        machine = await self._read(deadline)
        self._fail("on")
        if machine.power == "On":
            return "was on already"
        await self._intend("reset", {"type": "On"})
        name = self._reached()
        await asyncio.shield(self._world.work(self._switch(name, "On", self._world.machines[name].on_seconds)))
        self._acts.result("answered", {})
        return ""

    async def clear_override(self, deadline: float) -> str:
        await self._read(deadline)
        self._fail("clear")
        await self._intend("override", {"enabled": "Disabled"})
        self._world.machines[self._reached()].override = False
        return ""

    async def stage_order(self, order: Sequence[str], deadline: float) -> str:
        machine = await self._read(deadline)
        if machine.ordered:
            return "the boot order is already as wanted"
        if not machine.order_job:
            await self._acts.intend("override", {})
            self._world.machines[self._reached()].order_job = "waits"
        return ""

    async def order_job(self, deadline: float) -> str:
        machine = await self._read(deadline)
        return f"JID_1 {machine.order_job}" if machine.order_job else ""

    async def verify_order(self, order: Sequence[str], deadline: float) -> None:
        if not (await self._read(deadline)).ordered:
            raise StageFailure(Cause.REFUSED, "the boot order was not applied")

    async def pxe_armed(self) -> bool:
        machine = await self._read()
        self._fail("armed?")
        return machine.override

    async def is_off(self) -> bool:
        machine = await self._read()
        self._fail("off?")
        return machine.power == "Off"

    def allow_login(self) -> None:
        pass

    async def end_sessions(self, uris: Sequence[str], peer: str, login: float | None = None) -> None:
        if login is not None:  # this BMC tells which session was made then
            uris = [*uris, *(uri for uri in self._world.left[self._host] if uri not in uris)]
        for uri in uris:
            self._world.left[self._host].discard(uri)
            self._acts.session(uri, False)

    async def _intend(self, act: str, detail: dict[str, object]) -> None:
        await self._acts.intend(act, detail)
        try:
            await self._world.connected()
            await self._acts.confirm()
        except REFUSALS as no:
            self._acts.result("absent", {"error": f"not sent: {no}"})
            raise

    async def close(self) -> None:
        if self._open:
            self._open = False
            self._world.sessions[self._host] -= 1
            if not self._world.journal.dead:
                self._world.left[self._host].discard(self._uri)
            self._acts.session(self._uri, False)

    async def _session(self, deadline: float | None = None) -> None:
        clock, machine = self._world.clock, self._world.machines[self._host]
        await clock.sleep(0.3)
        while machine.silent:
            if deadline is None or clock.now() + 10 > deadline:
                raise StageFailure(Cause.UNREACHABLE, "no answer")
            await clock.sleep(10)
        if not self._open:
            await self._acts.before_login()
            self._open = True
            self._world.sessions[self._host] += 1
            self._uri = f"/Sessions/{next(self._world.numbers)}"
            if not self._world.journal.dead:
                self._world.left[self._host].add(self._uri)
            self._acts.session(self._uri, True)
            assert self._world.sessions[self._host] == 1, "one session a BMC"

    async def _read(self, deadline: float | None = None) -> Machine:
        """The pinned machine, by a fresh read."""
        await self._session(deadline)
        if self._pinned is None:
            self._world.violations.append(f"{self._host}: a read that decides, of a machine that was not identified")
            raise StageFailure(Cause.UNKNOWN, "not pinned", retryable=False)
        network = self._world.network
        self._pinned = network.checked(self._host, self._pinned, self._acts.note)
        return self._world.machines[network.machine_at(self._pinned.peer, self._pinned.system)]

    def _reached(self) -> str:
        """The machine that an act arrives at now."""
        assert self._pinned is not None
        name = self._world.network.machine_at(self._pinned.peer, self._pinned.system)
        self._world.touched(self._host, name)
        return name

    async def _switch(self, name: str, power: str, seconds: float) -> None:
        machine = self._world.machines[name]
        await self._world.clock.sleep(seconds)
        if machine.power == power:
            self._world.violations.append(f"{name}: a Reset to {power} was sent twice")
        machine.power = power
        machine.resets += 1
        if not self._world.builds:
            off = sum(machine.power == "Off" for machine in self._world.machines.values())
            self._world.dark_before_write = max(self._world.dark_before_write, off)
        if power == "On":
            self._world.boot(name)

    async def _arm(self, name: str) -> None:
        machine = self._world.machines[name]
        await self._world.clock.sleep(machine.pxe_seconds)
        if machine.power != "Off":
            self._world.violations.append(f"{name}: PXE was set on a machine that is on")
        machine.override = True

    def _fail(self, act: str) -> None:
        trouble = self._world.machines[self._host].trouble(act)
        if isinstance(trouble, StageFailure):
            raise trouble


class MemoryJournal:
    """Implements ports.Journal; remembers the order, and what was committed before what."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.dead = False  # the process was killed: nothing more reaches the disk
        self.crash_at = 0  # die when this many events are written
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

    async def owned(self) -> None:
        if self.taken_over:
            raise TakenOver("taken over")


class Lab:
    """A world with an executor over it."""

    def __init__(
        self,
        names: Collection[str],
        *,
        planned: Collection[str] = (),
        kind: Kind = Kind.BUILD,
        limits: Limits | None = None,
        plans: dict[str, HostPlan] | None = None,
        target: Target = TARGET,
        token_seconds: float = 6 * 3600.0,
        protected: frozenset[str] = frozenset(),
        write_seconds: float = 1.0,
        write_width: int = 1,
        protected_machines: Mapping[str, Identity] | None = None,
        machines: Machines | None = None,
        rollout: str = "r1",
        hooks: tuple[Hook, ...] = (),
        foreman: type[ModelForeman] = ModelForeman,
        parts: Mapping[str, Any] | None = None,
        **setting: Any,
    ) -> None:
        """`parts`: other factories for the executor's parts; `setting`: other members of its context."""
        self._parts = parts or {}
        self._foreman = foreman
        self._setting = setting
        self._protected_machines = protected_machines or {}
        self._machines = machines
        self._rollout = rollout
        self._hooks = hooks
        self._write_seconds = write_seconds
        self._write_width = write_width
        self.clock = VirtualClock()
        self.world = World(names, self.clock)  # all of them, unless only some are `planned`
        self.journal = MemoryJournal()
        given = plans or {}
        hosts = tuple(self._with_mac(given.get(name) or HostPlan(name, f"https://mgmt-{name}")) for name in planned or names)
        self.plan = Plan((Goal("cloud02", kind, "", "jdoe", "1", "RHEL 9.4", "p", "m", target),), hosts)
        self._limits = limits or Limits()
        self._protected = protected
        self._token_seconds = token_seconds
        self.locked: Callable[[], Awaitable[None]] | None = None
        self._open()

    def _open(self, recalled: Recall | None = None) -> None:
        self.world.journal = self.journal
        self.rollout = Rollout(self._rollout, self.plan)
        for event in self.journal.events:
            self.rollout.apply(event)
        foreman = self._foreman(self.world, self._write_seconds)
        self.executor = RolloutExecutor(
            RolloutContext(
                rollout=self.rollout,
                meters=self.world.meters,
                clock=self.clock,
                journal=self.journal,
                foreman=foreman,
                reads=foreman,
                bmc=lambda host, acts: ModelBmc(self.world, host, acts),
                limits=self._limits,
                protected=self._protected,
                token_seconds=self._token_seconds,
                write_width=self._write_width,
                who="me@here",
                machines=self._machines,
                protected_machines=self._protected_machines,
                run_command=run_command,
                hooks=self._hooks,
                recall=recalled,
                locked=self.locked,
                **{"sample_seconds": 600.0, **self._setting},  # each sample costs as much as a host's stage
            ),
            **self._parts,
        )

    def _with_mac(self, host: HostPlan) -> HostPlan:
        """As Foreman knows it, where the test does not say."""
        return replace(host, mac=host.mac or next(iter(self.world.provisioning[host.name])))

    def replan(self, plans: Collection[HostPlan]) -> None:
        """Before the start: other plans for these hosts."""
        given = {plan.name: plan for plan in plans}
        self.plan = replace(self.plan, hosts=tuple(given.get(host.name, host) for host in self.plan.hosts))
        self._open()

    async def crash(self) -> None:
        """As kill -9: nothing more is written or sent; what was sent goes on at the servers."""
        self.journal.dead = True
        ours = asyncio.all_tasks() - self.world.tasks - {asyncio.current_task()}
        for task in ours:
            task.cancel()
        await asyncio.gather(*ours, return_exceptions=True)

    def resume(self, protected: frozenset[str] = frozenset()) -> None:
        """Another process opens the journal; its site protects these hosts too."""
        self._protected |= protected
        events, self.journal = self.journal.events, MemoryJournal()
        self.journal.events = list(events)
        self._open(recall(self.plan, events))

    async def run(self) -> Rollout:
        """Until no host can move without a human."""
        self.executor.start()
        await self.executor.settled()
        return self.rollout

    async def end(self) -> None:
        await self.executor.finish()

    def machine(self, name: str) -> Machine:
        return self.world.machines[name]


def busy(reason: str = "SYS518") -> StageFailure:
    return StageFailure(Cause.BUSY, reason)
