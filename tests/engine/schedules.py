"""Random schedules of a rollout in virtual time: faults, machines that move, orders of an operator, and crashes; judged by the
invariants.

    python -m tests.engine.schedules --count 200000 [--workers 2] [--first 0] [--journal memory|sqlite|cluster]

A schedule follows from its number alone: one that fails is printed whole and run again by --first N --count 1. With --journal the
rollout's journal is a real one, which is judged, too (stored_journals.py); a crash of a worker of a cluster is followed by another one.

I1 a protected host, and one that is not in the plan, is never touched
I2 never more than one write at Foreman, across retries, cancels, crashes and resumes
I3 no write is repeated when a read shows that it was applied
I4 every host ends in exactly one state; what did not end well has its reason, and what is called done is done
I5 after any number of kills a resume comes to the same end without another wipe
I5 includes: no Reset is sent while another one to the same state may be on its way
I8 skip and hold take effect before the host's next write
I9 no act on another machine than the pinned one, which is the host's own unless the operator accepted what cannot be compared:
   also where machines vanish, change their address, share BMCs, lose their system for a while, and tell placeholders or nothing
(I6, widgets and provisioning apart, stands in tests/console and tests/terminal; I7, secrets, in tests/inputs and tests/services.)
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from quads_tui.engine.executor import RolloutExecutor
from quads_tui.rollout.commands import Command, Disarm, Hold, Release, Retry, Skip, Unskip
from quads_tui.rollout.events import Event, HostChanged, Intent, Ordered, RepairChanged, StageChanged
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.repairs import Repair, RepairStatus
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from quads_tui.rollout.state import Rollout
from tests.clocks import in_virtual_time

from .many_schedules import check_many
from .model import Lab
from .network import SYSTEM, facts, peer
from .random_schedule import FAULTS, HOSTS, PROTECTED, STRANGER, NetworkSchedule, Schedule, names
from .stored_journals import Journals, MemoryJournals
from .world import EPOCH, Machine, MemoryJournal

_LONGEST = 7 * 86_400.0  # virtual seconds: what takes longer waits for what never comes


class Run:
    """One schedule on a lab of its own."""

    def __init__(self, schedule: Schedule, journals: Journals | None = None) -> None:
        self.schedule = schedule
        self.journals = journals or MemoryJournals()
        self.lab = Lab(
            [*names(), PROTECTED, STRANGER],
            planned=[*names(), PROTECTED],
            protected=frozenset({PROTECTED}),
            protected_machines={PROTECTED: Identity(peer(HOSTS), macs=facts(HOSTS).macs)},
            write_seconds=schedule.write_seconds,
        )
        self.lab.world.untouchable = {PROTECTED}
        if schedule.network is not None:
            self._set_up(schedule.network)
        for host, act, fault in schedule.faults:
            self.lab.machine(names()[host]).troubles.append((act, FAULTS[fault]()))  # type: ignore[no-untyped-call]
        for name, installs in zip(names(), schedule.installs, strict=True):
            self.lab.machine(name).installs = installs

    def __repr__(self) -> str:
        return repr(self.schedule)

    def _set_up(self, given: NetworkSchedule) -> None:
        world, network = self.lab.world, self.lab.world.network
        if given.twins:
            del network.boxes[network.leads[names()[1]]]
            network.leads[names()[1]] = at = network.leads[names()[0]]
            network.boxes[at].systems[f"{SYSTEM}b"] = names()[1]
            network.facts[names()[1]].serial = network.facts[names()[0]].serial  # of their chassis
        kinds = {what for _, what, _, _ in given.changes}
        world.traceable = not kinds & {"moves", "swapped"} or (len(given.tells) > 1 and "quiet" not in kinds)
        for told in network.facts.values():
            told.uuid = told.uuid if "uuid" in given.tells else ""
            told.serial = told.serial if "serial" in given.tells else ""
            told.macs = told.macs if "macs" in given.tells else ()
            if not given.complete:  # the NIC that provisions is not among those that it lists
                told.complete, told.macs = False, tuple(mac.replace("02:00", "02:01") for mac in told.macs)
        plans = []
        for number, name in enumerate(names()):
            at, _, path = network.home(name)
            plans.append(
                HostPlan(
                    name,
                    f"https://mgmt-{name}",
                    mac=f"02:ff:00:00:00:0{number}" if given.bonds[number] else facts(number).macs[0],
                    system=path if given.twins and given.named else "",
                    accepted=given.let[number],
                    compared=given.compared[number],
                    identity=network.told(at, path) if given.surveyed[number] else None,
                )
            )
            led = given.misled[number] or any(
                what == "swapped" or (what.startswith("misled") and number == host) for _, what, host, _ in given.changes
            )
            if given.let[number] and led:
                world.let.add(name)
        for name, elsewhere in zip(names(), given.misled, strict=True):
            if elsewhere:
                network.leads[name] = network.home(elsewhere)[0]
        self.lab.replan(plans)

    async def _changed(self, number: int, at: float, what: str, host: int, seconds: float) -> None:
        """`number`: of the change. What ends goes back to how it was.

        Nobody carries a machine away in the second between the last look at it and an act: a journal may take that long.
        """
        await asyncio.sleep(at)
        while self.lab.world.acting:
            await asyncio.sleep(0.1)
        network, name, other = self.lab.world.network, names()[host], names()[1 - host]
        old, box, path = network.home(name)
        match what:
            case "vanishes":
                box.gone = True
            case "absent":
                box.absent.add(path)
            case "moves":
                new = f"10.9.0.{number}:443"
                network.boxes[new] = network.boxes.pop(old)
                network.leads = {name: new if led == old else led for name, led in network.leads.items()}
            case "misled" | "misled and gone":
                network.leads[name] = network.home((other, PROTECTED, STRANGER)[number % 3])[0]
                box.gone = box.gone or what == "misled and gone"
            case "swapped":
                _, others, place = network.home(other)
                box.systems[path], others.systems[place] = other, name
            case "quiet":
                network.facts[name].quiet = True
        await asyncio.sleep(seconds)
        box.gone = False
        box.absent.clear()
        network.facts[name].quiet = False
        if what.startswith("misled"):
            network.leads[name] = network.home(name)[0]

    async def go(self) -> None:
        self.lab.keep_in(await self.journals.opened())
        operator = asyncio.create_task(self._orders())
        self.lab.world.tasks.add(operator)  # he outlives the console
        for at, host in self.schedule.strangers:
            self.lab.world.work(self._ended_by_a_stranger(at, self.lab.machine(names()[host])))
        for number, change in enumerate(self.schedule.network.changes if self.schedule.network else ()):
            self.lab.world.work(self._changed(number, *change))
        for at, seconds in self.schedule.steps:
            self.lab.world.work(self._set_clock(at, seconds))
        crashes, replaced = list(self.schedule.crashes), list[asyncio.Task[None]]()
        while True:
            events, pause = crashes.pop(0) if crashes else (0, 0.0)
            lab = self.lab
            lab.journal.crash_at = len(lab.journal.events) + events if events else 0
            lab.journal.survives = self.journals.lease > 0.0 and events % 3 == 0
            lab.executor.start()
            crashed = asyncio.ensure_future(lab.journal.crashed.wait())
            settled = asyncio.ensure_future(self._settled(operator, stay=not events))
            await asyncio.wait((crashed, settled), return_when=asyncio.FIRST_COMPLETED)
            crashed.cancel()
            if not events:
                break
            if lab.journal.survives:
                settled.cancel()
                lab.cut_off()
                replaced.append(lab.world.work(_stopped_when_lost(lab.executor, lab.journal)))
                pause = max(pause, self.journals.lease)
            else:
                for task in replaced:  # these processes die as well
                    task.cancel()
                replaced.clear()
                await lab.crash(within=60.0)
            await asyncio.sleep(pause)
            lab.resume(journal=await self.journals.opened())
        await lab.end()
        await asyncio.gather(*replaced)
        lab.journal.events = await self.journals.closed()
        for task in lab.world.tasks:  # installs that never end
            task.cancel()

    async def _settled(self, operator: asyncio.Task[None], stay: bool) -> None:
        await self.lab.executor.settled()
        while stay and not operator.done():
            await asyncio.wait((operator,))
            await asyncio.sleep(1)
            await self.lab.executor.settled()

    async def _ended_by_a_stranger(self, at: float, machine: Machine) -> None:
        await asyncio.sleep(at)
        machine.build, machine.build_status = False, 0

    async def _set_clock(self, at: float, seconds: float) -> None:
        await asyncio.sleep(at)
        self.lab.clock.stepped += seconds

    async def _orders(self) -> None:
        began = self.lab.clock.now()
        for at, number, order in self.schedule.orders:
            await asyncio.sleep(max(0.0, began + at - self.lab.clock.now()))
            if not self.lab.journal.dead and self._sensible(order, names()[number]):
                self.lab.executor.submit(_command(order, (names()[number],)))

    def _sensible(self, order: str, name: str) -> bool:
        """Nobody accepts a machine without having looked: what its BMC showed last is the host's own, or the one in use."""
        world = self.lab.world
        if order not in ("release", "retry", "restart"):
            return True
        return world.shown.get(name) in (None, world.acted.get(name, name))

    def judge(self) -> None:
        lab, events = self.lab, self.lab.journal.events
        assert not lab.world.violations, lab.world.violations
        for name in {PROTECTED, STRANGER} - set(lab.world.acted.values()):
            machine = lab.machine(name)
            assert (machine.resets, machine.wipes, machine.override, lab.world.writes[name]) == (0, 0, False, 0), "I1"
        assert lab.world.peak_writes <= 1, "I2"
        assert not any(lab.world.left.values()), "a session is left at a BMC"
        rebuilds = sum(isinstance(e, HostChanged) and e.reason == "retry requested" for e in events)
        for name in names():
            host, machine = lab.rollout.hosts[name], lab.machine(name)
            cancels = sum(isinstance(e, Intent) and e.host == name and e.act == "cancel" for e in events)
            cancels += sum(names()[number] == name for _, number in self.schedule.strangers)
            assert lab.world.builds[name] <= 1 + rebuilds + cancels, "I3"
            assert host.status.is_final, "I4"
            if host.status is HostStatus.DONE:
                assert (machine.build, machine.build_status, machine.power) == (False, 0, "On"), "I4"
                assert machine.wipes >= 1, "I4"
                assert machine.installed_at is not None, "I4"
                assert machine.installed_at >= EPOCH, "I4: what was installed before is not done"
            else:
                assert host.reason, "I4"
            assert machine.wipes <= 1 + rebuilds, "I5"
            theirs = lab.world.belongs.get(name, name) != name  # an operator let another host act on it
            if machine.build and machine.override and host.status is not HostStatus.DONE and not theirs:
                assert host.armed, "what stands armed is never left unsaid"
        causal(events)
        obeyed(events)
        again = Rollout("r1", lab.plan)
        for event in events:
            again.apply(event)
        for name, host in lab.rollout.hosts.items():
            read = again.hosts[name]
            assert (read.status, read.reason, read.armed) == (host.status, host.reason, host.armed), "J3"


async def _stopped_when_lost(executor: RolloutExecutor, journal: MemoryJournal) -> None:
    """As RolloutRunner does it: who has lost the rollout to another process does nothing more."""
    await journal.lost.wait()
    executor.stop("safety")
    await executor.finish("safety")


def _command(order: str, host: tuple[str, ...]) -> Command:
    return {
        "skip": Skip(host, "x"),
        "hold": Hold(host, "x"),
        "unskip": Unskip(host),
        "release": Release(host),
        "retry": Retry(host),
        "restart": Retry(host, from_start=True),
        "disarm": Disarm(host),
    }[order]


def causal(events: list[Event]) -> None:
    """Per host and stage: started, then exactly one other; attempts count on, over resumes too."""
    begun: dict[tuple[str, Stage], int] = {}
    seen: dict[tuple[str, Stage], int] = {}
    for event in events:
        if isinstance(event, StageChanged):
            key = (event.host, event.stage)
            if event.status is StageStatus.STARTED:
                assert key not in begun, "I4"
                assert event.attempt == seen.get(key, 0) + 1, "I4"
                begun[key] = seen[key] = event.attempt
            else:
                assert begun.pop(key) == event.attempt, "I4"
    assert not begun, "I4"


def obeyed(events: list[Event]) -> None:
    """After a skip or a hold nothing but what makes the host safe, or repairs it, until a human takes it in again."""
    out: set[str] = set()
    cycled: set[str] = set()
    for event in events:
        if isinstance(event, Ordered):
            out.add(event.host)
        elif isinstance(event, RepairChanged) and event.repair is Repair.POWER_CYCLE:
            (cycled.add if event.status is RepairStatus.STARTED else cycled.discard)(event.host)
        elif isinstance(event, HostChanged) and event.reason == "retry requested":
            out.discard(event.host)
        elif isinstance(event, Intent) and event.host in out:
            assert event.act not in ("build", "owner", "parameter"), "I8"
            assert event.detail.get("type") != "On" or event.host in cycled, "I8"


def check(number: int, journals: Journals | None = None, make: Callable[[Schedule, Journals], Run] = Run) -> None:
    """Raises AssertionError with the whole schedule."""
    schedule, kept = Schedule.of(number), journals or MemoryJournals()
    runs: list[Run] = []

    async def whole() -> None:
        runs.append(make(schedule, kept))
        async with asyncio.timeout(_LONGEST):
            await runs[0].go()
        runs[0].judge()

    random.seed(number)  # of the pauses between attempts
    try:
        in_virtual_time(whole, kept.busy)
    except Exception as error:
        raise AssertionError(f"{error!r} in {runs[0] if runs else schedule}") from error


if __name__ == "__main__":
    check_many(check, __doc__)
