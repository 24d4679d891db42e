"""Random schedules of a rollout in virtual time: faults, orders of an operator, and crashes; judged by the invariants.

    python -m tests.engine.schedules --count 200000 [--workers 2] [--first 0]

A schedule follows from its number alone: one that fails is printed whole and run again by --first N --count 1.

I1 a protected host, and one that is not in the plan, is never touched
I2 never more than one write at Foreman, across retries, cancels, crashes and resumes
I3 no write is repeated when a read shows that it was applied
I4 every host ends in exactly one state; what did not end well has its reason, and what is called done is done
I5 after any number of kills a resume comes to the same end without another wipe
I5 includes: no Reset is sent while another one to the same state may be on its way
I8 skip and hold take effect before the host's next write
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
from quads_tui.rollout.events import Event, HostChanged, Intent, Ordered, StageChanged
from quads_tui.rollout.stages import HostStatus, Stage, StageStatus
from tests.clocks import in_virtual_time

from .model import EPOCH, Lab, Machine

HOSTS = 2
PROTECTED = "protected.example.com"
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
ORDERS = ("skip", "hold", "unskip", "release", "retry", "restart", "disarm")


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
            [*names(), PROTECTED, "stranger.example.com"],
            planned=[*names(), PROTECTED],
            protected=frozenset({PROTECTED}),
            write_seconds=schedule.write_seconds,
        )
        for host, act, fault in schedule.faults:
            self.lab.machine(names()[host]).troubles.append((act, FAULTS[fault]()))  # type: ignore[no-untyped-call]
        for name, installs in zip(names(), schedule.installs, strict=True):
            self.lab.machine(name).installs = installs

    async def go(self) -> None:
        operator = asyncio.create_task(self._orders())
        self.lab.world.tasks.add(operator)  # he outlives the console
        for at, host in self.schedule.strangers:
            self.lab.world.work(self._ended_by_a_stranger(at, self.lab.machine(names()[host])))
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
            if not self.lab.journal.dead:
                self.lab.executor.submit(_command(order, (names()[number],)))

    def judge(self) -> None:
        lab, events = self.lab, self.lab.journal.events
        assert not lab.world.violations, lab.world.violations
        for name in (PROTECTED, "stranger.example.com"):
            machine = lab.machine(name)
            assert (machine.resets, machine.wipes, machine.override, lab.world.writes[name]) == (0, 0, False, 0), "I1"
        assert lab.world.peak_writes <= 1, "I2"
        assert not any(lab.world.left.values()), "a session is left at a BMC"
        rebuilds = sum(isinstance(e, HostChanged) and e.reason == "to be retried" for e in events)
        for name in names():
            host, machine = lab.rollout.hosts[name], lab.machine(name)
            cancels = sum(isinstance(e, Intent) and e.host == name and e.act == "cancel" for e in events)
            cancels += sum(names()[number] == name for _, number in self.schedule.strangers)
            assert lab.world.builds[name] <= 1 + rebuilds + cancels, "I3"
            assert host.status.ended, "I4"
            if host.status is HostStatus.DONE:
                assert (machine.build, machine.build_status, machine.power) == (False, 0, "On"), "I4"
                assert machine.wipes >= 1, "I4"
                assert machine.installed_at is not None, "I4"
                assert machine.installed_at >= EPOCH, "I4: what was installed before is not done"
            else:
                assert host.reason, "I4"
            assert machine.wipes <= 1 + rebuilds, "I5"
            if machine.build and machine.override and host.status is not HostStatus.DONE:
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
    """After a skip or a hold nothing but what makes the host safe, until a human takes it in again."""
    out: set[str] = set()
    for event in events:
        if isinstance(event, Ordered):
            out.add(event.host)
        elif isinstance(event, HostChanged) and event.reason == "to be retried":
            out.discard(event.host)
        elif isinstance(event, Intent) and event.host in out:
            assert event.act not in ("build", "owner", "parameter"), "I8"
            assert event.detail.get("type") != "On", "I8"


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
