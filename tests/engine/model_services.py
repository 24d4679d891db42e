"""A Foreman and BMCs over a World: the ports of the engine, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

from quads_tui.rollout.bmc_report import BmcReport, LogLine
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.plan import HostPlan, Target
from quads_tui.rollout.ports import REFUSALS, NotSent, Probe, SideEffects, Ticket, UnknownOutcome
from quads_tui.rollout.repairs import BMC_RESET
from quads_tui.rollout.stages import ActResult

from .world import Machine, World


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

    async def give_back(self, ticket: Ticket, host: str, owner_id: int, owner_type: str, progress: str) -> HostRecord:
        return await self._write(ticket, host, "give_back", {"owner_id": owner_id, "owner_type": owner_type, "build": False})

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
        machines = self._world.machines
        seen = [(name, machines[name]) for name in self._world.in_build]
        return frozenset(name for name, it in seen if not (it.gone or (it.troubles and it.trouble("stale") is not None)))

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
            owner_type=str(machine.wanted.get("owner_type", "User")),
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
        self._sessions = world.sessions  # of this process
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

    async def report(self) -> BmcReport:
        machine = await self._read(None)
        if isinstance(trouble := self._world.machines[self._host].trouble("report"), Exception):
            raise trouble
        return BmcReport(power=machine.power, progress="OSRunning", sel=(LogLine("2026-11-22T22:00:00Z", "boot"),))

    async def ensure_off(self, deadline: float) -> str:
        machine = await self._read(deadline)
        self._fail("off")
        if machine.power == "Off":
            return "was off already"
        await self._intend("reset", {"type": "ForceOff"})
        if machine.stays_on:
            await self._world.clock.sleep(deadline - self._world.clock.now())
            raise StageFailure(Cause.TIMEOUT, "stayed On")
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

    async def ensure_on(self, deadline: float, *, pxe: bool = True) -> str:
        machine = await self._read(deadline)
        self._fail("on")
        if machine.power == "On":
            return "was on already"
        await self._intend("reset", {"type": "On"})
        name = self._reached()
        await asyncio.shield(self._world.work(self._switch(name, "On", self._world.machines[name].on_seconds)))
        self._acts.result("answered", {})
        return ""

    async def restart(self, deadline: float) -> str:
        machine = await self._read(deadline)
        self._fail("restart")
        await self._intend(BMC_RESET, {"type": "GracefulRestart"})
        name = self._reached()
        before, self._open = machine.power, False
        self._sessions[self._host] -= 1
        await asyncio.shield(self._world.work(self._world.restart_bmc(name)))
        self._acts.session(self._uri, False)
        self._acts.result(ActResult.ANSWERED, {})
        return f"GracefulRestart accepted; power {before} as before"

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
        self._world.acting += 1
        try:
            await self._intend_until_sent(act, detail)
        finally:
            self._world.acting -= 1

    async def _intend_until_sent(self, act: str, detail: dict[str, object]) -> None:
        while True:
            await self._acts.intend(act, detail)
            try:
                await self._world.connected()
                return await self._acts.confirm()
            except (NotSent, *REFUSALS) as no:
                self._acts.result("absent", {"error": f"not sent: {no}"})
                if not isinstance(no, NotSent):
                    raise
            await self._world.clock.sleep(2.0)

    async def close(self) -> None:
        if self._open:
            self._open = False
            self._sessions[self._host] -= 1
            if not self._world.journal.dead:
                self._world.left[self._host].discard(self._uri)
            self._acts.session(self._uri, False)

    async def _session(self, deadline: float | None = None) -> None:
        clock, machine = self._world.clock, self._world.machines[self._host]
        await clock.sleep(0.3)
        while machine.silent:
            self._acts.heard("no answer")
            if deadline is None or clock.now() + 10 > deadline:
                raise StageFailure(Cause.UNREACHABLE, "no answer")
            await clock.sleep(10)
        self._acts.heard()
        if not self._open:
            await self._acts.before_login()
            self._open = True
            self._sessions[self._host] += 1
            self._uri = f"/Sessions/{next(self._world.numbers)}"
            if not self._world.journal.dead:
                self._world.left[self._host].add(self._uri)
            self._acts.session(self._uri, True)
            assert self._sessions[self._host] == 1, "one session a BMC"

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
