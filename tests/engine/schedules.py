"""Random schedules of a rollout in virtual time: faults, machines that move, orders of an operator, and crashes; judged by the
invariants.

    python -m tests.engine.schedules --count 200000 [--workers 2] [--first 0]

A schedule follows from its number alone: one that fails is printed whole and run again by --first N --count 1.

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

import argparse
import asyncio
import multiprocessing
import random
import time
from dataclasses import dataclass, field

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.commands import Command, Disarm, Hold, Release, Retry, Skip, Unskip
from quads_tui.rollout.events import Event, HostChanged, Intent, Ordered, RepairChanged, StageChanged
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.repairs import Repair, RepairStatus
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from tests.clocks import in_virtual_time

from .model import Lab
from .network import SYSTEM, facts, peer
from .world import EPOCH, Machine

HOSTS = 2
PROTECTED = "protected.example.com"
STRANGER = "stranger.example.com"  # not in the plan
FAULTS = {
    "busy": lambda: StageFailure(Cause.BUSY, "SYS518"),
    "503 with Retry-After": lambda: StageFailure(Cause.BUSY, "503", after=40.0),
    "unreachable": lambda: StageFailure(Cause.UNREACHABLE, "connection refused"),
    "409": lambda: StageFailure(Cause.FOREMAN, "409 conflict"),
    "refused": lambda: StageFailure(Cause.REFUSED, "no licence", retryable=False),
    "answer lost": lambda: "answer lost",
    "lost": lambda: "lost",
}
ACTS = {  # where each of them may strike
    "look": ("busy", "unreachable", "503 with Retry-After"),
    "off": ("busy", "refused"),
    "pxe": ("busy", "refused"),
    "on": ("busy", "unreachable"),
    "clear": ("busy",),
    "build": ("busy", "503 with Retry-After", "409", "refused", "answer lost", "lost"),
    "cancel": ("busy", "answer lost", "lost"),
    "stale": ("busy",),  # a search that shows yesterday
}
TELLS = (  # what the machines of a lab tell of themselves
    ("uuid", "serial", "macs"),
    ("uuid",),
    ("uuid", "macs"),
    ("serial",),
    ("macs",),
    (),
    (),
)
CHANGES = ("vanishes", "absent", "moves", "misled", "misled and gone")
ORDERS = ("skip", "hold", "unskip", "release", "retry", "restart", "disarm")


@dataclass
class NetworkSchedule:
    """`changes`: (own seconds, what, host, seconds until it is over).

    Machines that are swapped tell a UUID, always: a swap that no fact shows is one that nobody could see.
    """

    tells: tuple[str, ...]
    complete: bool  # all MACs of each machine
    twins: bool  # both hosts are systems of one BMC
    named: bool  # and the assignment says which
    let: list[bool]  # the plan accepts the host although it may not be verified
    compared: list[bool]
    surveyed: list[bool]  # the plan knows the machine
    bonds: list[bool]  # Foreman's primary MAC is a bond's
    misled: list[str]  # whose BMC each host's name leads to from the start; empty: its own
    changes: list[tuple[float, str, int, float]]

    @classmethod
    def by(cls, luck: random.Random) -> NetworkSchedule:
        def some(share: float) -> list[bool]:
            return [luck.random() < share for _ in range(HOSTS)]

        tells = luck.choice(TELLS)
        kinds = (*CHANGES, "swapped") if "uuid" in tells and luck.random() < 0.4 else (*CHANGES, "quiet")
        twins = luck.random() < 0.3
        kinds += ("absent",) * 5 if twins else ()
        changes = [
            (
                luck.choice((0.0, luck.uniform(0, 40), luck.uniform(0, 40), luck.uniform(0, 900))),
                luck.choice(kinds),
                luck.randrange(HOSTS),
                luck.choice((5.0, 60.0, 600.0, 1e6)),
            )
            for _ in range(luck.choice((0, 1, 2, 3, 4)))
        ]
        return cls(
            tells,
            luck.random() < 0.8,
            twins,
            luck.random() < 0.5,
            some(0.5),
            some(0.8),
            some(0.3),
            some(0.2),
            [luck.choice(("", "", "", "", "", "", *names(), PROTECTED, STRANGER)) for _ in range(HOSTS)],
            sorted(changes),
        )


@dataclass
class Schedule:
    """`faults`: (host, act, fault). `orders`: (own seconds, host, order). `crashes`: (events until the next one, seconds until
    somebody resumes)."""

    number: int
    faults: list[tuple[int, str, str]] = field(default_factory=list)
    orders: list[tuple[float, int, str]] = field(default_factory=list)
    crashes: list[tuple[int, float]] = field(default_factory=list)
    installs: list[str] = field(default_factory=list)
    strangers: list[tuple[float, int]] = field(default_factory=list)  # somebody ends the host's build in Foreman
    write_seconds: float = 1.0  # how long Foreman takes over a write
    network: NetworkSchedule | None = None
    steps: list[tuple[float, float]] = field(default_factory=list)  # (own seconds, how far somebody sets the wall clock)

    @classmethod
    def of(cls, number: int) -> Schedule:
        luck = random.Random(number)
        made = cls(number)
        for _ in range(luck.choice((0, 0, 1, 2, 4))):
            act = luck.choice(list(ACTS))
            made.faults.append((luck.randrange(HOSTS), act, luck.choice(ACTS[act])))
        for _ in range(luck.choice((0, 0, 0, 1, 3))):
            made.orders.append(
                (luck.choice((luck.uniform(0, 90), luck.uniform(0, 1500))), luck.randrange(HOSTS), luck.choice(ORDERS))
            )
        for _ in range(luck.choice((0, 1, 1, 2, 3))):
            made.crashes.append((luck.randint(1, 60), luck.choice((0.0, 3.0, 30.0, 300.0, 3000.0))))
        made.installs = [luck.choice(("built", "built", "built", "failed", "never")) for _ in range(HOSTS)]
        for _ in range(luck.choice((0, 0, 0, 0, 1))):
            made.strangers.append((luck.uniform(10, 900), luck.randrange(HOSTS)))
        made.write_seconds = luck.choice((1.0, 1.0, 20.0, 100.0))
        if luck.random() < 0.7:
            made.network = NetworkSchedule.by(luck)
            for _ in range(luck.choice((0, 1, 2))):  # what a human answers
                made.orders.append((luck.uniform(60, 3000), luck.randrange(HOSTS), luck.choice(("release", "retry"))))
        for _ in range(luck.choice((0, 1, 1, 3))):
            made.steps.append((luck.choice((luck.uniform(0, 90), luck.uniform(0, 1500))), luck.choice((-600.0, 600.0))))
        made.orders.sort()
        return made


def names() -> list[str]:
    return [f"h{number}.example.com" for number in range(HOSTS)]


class Run:
    """One schedule on a lab of its own."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
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
        """`number`: of the change. What ends goes back to how it was."""
        await asyncio.sleep(at)
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
        operator = asyncio.create_task(self._orders())
        self.lab.world.tasks.add(operator)  # he outlives the console
        for at, host in self.schedule.strangers:
            self.lab.world.work(self._ended_by_a_stranger(at, self.lab.machine(names()[host])))
        for number, change in enumerate(self.schedule.network.changes if self.schedule.network else ()):
            self.lab.world.work(self._changed(number, *change))
        for at, seconds in self.schedule.steps:
            self.lab.world.work(self._set_clock(at, seconds))
        crashes = list(self.schedule.crashes)
        while True:
            events, pause = crashes.pop(0) if crashes else (0, 0.0)
            lab = self.lab
            lab.journal.crash_at = len(lab.journal.events) + events if events else 0
            lab.executor.start()
            crashed = asyncio.ensure_future(lab.journal.crashed.wait())
            settled = asyncio.ensure_future(self._settled(operator, stay=not events))
            await asyncio.wait((crashed, settled), return_when=asyncio.FIRST_COMPLETED)
            crashed.cancel()
            if not events:
                break
            await lab.crash()
            await asyncio.sleep(pause)
            lab.resume()
        await lab.end()
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


def check(number: int) -> None:
    """Raises AssertionError with the whole schedule."""
    schedule = Schedule.of(number)

    async def whole() -> None:
        run = Run(schedule)
        await run.go()
        run.judge()

    try:
        in_virtual_time(whole)
    except Exception as error:
        raise AssertionError(f"{error!r} in {schedule}") from error


def _worker(numbers: range) -> list[str]:
    bad = []
    for number in numbers:
        try:
            check(number)
        except AssertionError as error:
            bad.append(str(error))
    return bad


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    parts = [
        range(start, min(start + 250, given.first + given.count)) for start in range(given.first, given.first + given.count, 250)
    ]
    bad: list[str] = []
    with multiprocessing.Pool(given.workers) as pool:
        for done, found in enumerate(pool.imap_unordered(_worker, parts), 1):
            bad += found
            for words in found:
                print(words, flush=True)
            if done % 40 == 0:
                print(f"{done * 250} schedules, {len(bad)} bad, {time.monotonic() - began:.0f} s", flush=True)
    print(f"{given.count} schedules, {len(bad)} bad, {time.monotonic() - began:.0f} s")
    raise SystemExit(bool(bad))


if __name__ == "__main__":
    main()
