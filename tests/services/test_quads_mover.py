"""What a rollout leaves in QUADS' database is what QUADS' own mover leaves there, column by column, in each version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quads_tui.emulators.interfaces import Machine, Time
from quads_tui.emulators.quads import QuadsDatabase, QuadsEmulator
from quads_tui.engine.quads_outbox import Outbox
from quads_tui.engine.quads_sync import QuadsExchange
from quads_tui.inputs import Assignment, HostSpec, Secret, TlsPolicy
from quads_tui.inputs.times import zone_named
from quads_tui.planning.quads_moves import enriched
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import Event, HostChanged, Notice, QuadsTold, StageChanged, from_row, to_row
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind, StageStatus
from quads_tui.services.http import Http
from quads_tui.services.quads import Quads
from tests.clocks import FastClock
from tests.effort import WHOLE
from tests.waiting import until

from .quads_mover import Mover

ZONE = zone_named("America/New_York")  # of the QUADS server, and not this machine's
NOW = datetime.fromisoformat("2031-05-14T16:00:30+00:00").timestamp()
BEGUN, BUILT = NOW - 2400.0, NOW
NAMES = [f"a01-h{n:02}-000-r650.example.com" for n in range(6)]
VERSIONS = ["2.0.5", "2.1", "2.2"]


class Died(Exception):
    """The console's process, to its tests."""


class Still(Time):
    """A server's clock that stands still."""

    def utc(self) -> datetime:
        return datetime.fromtimestamp(NOW, UTC)


@dataclass
class World:
    lab: QuadsDatabase
    server: QuadsEmulator
    quads: Quads
    url: str
    generation: str

    async def plan(self) -> Plan:
        """What QUADS wants moved, as the planner makes it."""
        moves = await self.quads.moves()
        clouds = list(dict.fromkeys(move.new for move in moves))
        goals, schedules = [], {}
        for cloud in clouds:
            active = await self.quads.assignment(cloud)
            kind = Kind.SPARE if active is None else Kind.BUILD if active.wipe else Kind.OWNERSHIP
            goals.append(Goal(cloud, kind, quads_id=active.id if active else None))
            schedules |= await self.quads.schedules(cloud)
        hosts = [HostPlan(m.host, "x", cloud=m.new, source=m.current, schedule=schedules.get(m.host)) for m in moves]
        return Plan(tuple(goals), tuple(hosts))

    def written(self) -> list[str]:
        """Writes but those of the progress, which only stages tell."""
        return [line for line in self.server.log if "moves/progress/" not in line]


Scene = Callable[[QuadsDatabase], None]


@asynccontextmanager
async def world(generation: str, scene: Scene) -> AsyncIterator[World]:
    lab = QuadsDatabase(ZONE.clock(NOW))
    scene(lab)
    assert ZONE.info is not None
    server = QuadsEmulator(lab, time=Still(), username="admin", password="secret", generation=generation, zone=ZONE.info)
    url, clock = await server.serve(), FastClock()
    http = Http(clock)
    account = {"username": "admin", "password": Secret("secret")}
    quads = Quads(http, url=url, tls=TlsPolicy("system"), clock=clock, limits=Limits(), meter=Meter(), zone=ZONE, **account)  # type: ignore[arg-type]
    try:
        yield World(lab, server, quads, url, generation)
    finally:
        await http.close()
        await server.stop()


def machines(names: list[str]) -> list[Machine]:
    return [Machine(name, "R650", "") for name in names]


def build(lab: QuadsDatabase) -> None:
    """Six hosts for cloud02: two from the spare pool, two from cloud03 and two from cloud04, which nobody schedules any more."""
    lab.assign("cloud02", machines(NAMES), wipe=True)
    lab.settle("cloud03", NAMES[2:4])
    lab.settle("cloud04", NAMES[4:])
    lab.assignments[1].validated = lab.assignments[1].provisioned = True  # cloud02 stood before, and grows


def one_source(lab: QuadsDatabase) -> None:
    """The mover of 2.0.5 and 2.1 looks at the cloud that the first host leaves, and at no other."""
    lab.assign("cloud02", machines(NAMES), wipe=True)
    lab.settle("cloud03", NAMES[:4])


def still_used(lab: QuadsDatabase) -> None:
    """cloud03 keeps a host that is scheduled there."""
    one_source(lab)
    lab.schedules[6].assignment = 2
    lab.hosts[NAMES[5]].cloud = "cloud03"


def ownership(lab: QuadsDatabase) -> None:
    lab.assign("cloud02", machines(NAMES), wipe=False)
    lab.settle("cloud03", NAMES[:3])


def back(lab: QuadsDatabase) -> None:
    """To the spare pool: nothing is scheduled for them any more."""
    lab.assign("cloud03", machines(NAMES), wipe=True)
    lab.settle("cloud03", NAMES)
    lab.unschedule(NAMES)


def both(lab: QuadsDatabase) -> None:
    """Some to cloud02, some back to the spare pool, from one cloud."""
    lab.assign("cloud02", machines(NAMES), wipe=True)
    lab.settle("cloud03", NAMES)
    lab.unschedule(NAMES[3:])


def history(plan: Plan, fails: frozenset[str] = frozenset()) -> list[Event]:
    """All hosts begin, then all end."""
    events: list[Event] = []
    for host in plan.hosts:
        stage = plan.goal(host).kind.stages[0]
        events.append(StageChanged(BEGUN, host.name, stage, StageStatus.STARTED, 1))
    for host in plan.hosts:
        stage = plan.goal(host).kind.stages[-1]
        if host.name in fails:
            events.append(HostChanged(BUILT, host.name, HostStatus.FAILED, stage, Cause.BUSY, "SYS518"))
        else:
            events.append(HostChanged(BUILT, host.name, HostStatus.DONE))
    return events


async def owned() -> None:
    """Nobody took the rollout over."""


def exchange_of(place: World, outbox: Outbox, journal: list[Event]) -> QuadsExchange:
    def emit(event: Event) -> None:
        journal.append(event)
        made.on_event(event)

    made = QuadsExchange(place.quads, outbox, clock=FastClock(), emit=emit, owned=owned)
    return made


async def roll_out(
    place: World, fails: frozenset[str] = frozenset(), under_way: Callable[[], None] = lambda: None
) -> list[Event]:
    """The rollout as QUADS hears of it; gives the journal."""
    plan = await place.plan()
    journal: list[Event] = []
    exchange = exchange_of(place, Outbox(plan), journal)
    events = history(plan, fails)
    for event in events[: len(plan.hosts)]:
        journal.append(event)
        exchange.on_event(event)
    await exchange.flush(20)
    under_way()
    for event in events[len(plan.hosts) :]:
        journal.append(event)
        exchange.on_event(event)
    await exchange.flush(20)
    assert exchange.owed == 0
    return journal


async def left_by_the_mover(
    generation: str,
    scene: Scene,
    fails: frozenset[str] = frozenset(),
    under_way: Callable[[QuadsDatabase], None] = lambda lab: None,
    repair: bool = False,
) -> dict[str, Any]:
    async with world(generation, scene) as place:
        begun, built = (f"{datetime.fromtimestamp(at, ZONE.info):%Y-%m-%dT%H:%M}" for at in (BEGUN, BUILT))
        mover = Mover(place.url, generation, begun, built, fails, lambda: under_way(place.lab))
        await mover.run()
        if repair:
            await mover.repair()
        return place.lab.dump()


@pytest.mark.parametrize("generation", VERSIONS)
@pytest.mark.parametrize("scene", [one_source, still_used, ownership, back], ids=lambda scene: scene.__name__)
async def test_e5_the_same_state_as_after_quads_own_mover(generation: str, scene: Scene) -> None:
    async with world(generation, scene) as place:
        await roll_out(place)
        assert place.lab.dump() == await left_by_the_mover(generation, scene)


async def test_e5_every_cloud_that_hosts_left_as_the_mover_of_2_2_sees_it() -> None:
    """2.0.5 and 2.1 leave the assignments of the others active for ever; here they end in each version."""
    for scene in (build, both):
        expected = await left_by_the_mover("2.2", scene)
        async with world("2.2", scene) as place:
            await roll_out(place)
            assert place.lab.dump() == expected
        async with world("2.1", build) as place:
            await roll_out(place)
            assert [made.active for made in place.lab.assignments.values()] == [True, False, False]


@pytest.mark.parametrize("generation", VERSIONS)
@pytest.mark.parametrize("scene", [one_source, ownership, back], ids=lambda scene: scene.__name__)
async def test_e5_the_same_state_when_one_host_fails(generation: str, scene: Scene) -> None:
    fails = frozenset(NAMES[4:5])
    expected = await left_by_the_mover(generation, scene, fails)
    async with world(generation, scene) as place:
        await roll_out(place, fails)
        assert place.lab.dump() == expected
    assert not any(made["provisioned"] for made in expected["assignments"].values() if made["cloud"] == "cloud02")


@pytest.mark.parametrize("generation", VERSIONS)
async def test_e5_a_failed_host_whose_schedule_is_removed_under_way_does_not_keep_its_cloud_from_validation(
    generation: str,
) -> None:
    fails = frozenset(NAMES[4:5])
    expected = await left_by_the_mover(generation, one_source, fails, lambda lab: lab.unschedule(NAMES[4:5]), repair=True)
    assert expected["assignments"][1] == {"cloud": "cloud02", "active": True, "provisioned": True, "validated": False}
    async with world(generation, one_source) as place:
        journal = await roll_out(place, fails, lambda: place.lab.unschedule(NAMES[4:5]))
        assert place.lab.dump() == expected
        said = [event.text for event in journal if isinstance(event, Notice)]
        assert "cloud02: all hosts that are still scheduled for this cloud in QUADS are built" in said


@pytest.mark.parametrize("generation", VERSIONS)
async def test_e5_a_schedule_that_is_removed_or_replaced_under_way_stops_nothing(generation: str) -> None:
    def changed(lab: QuadsDatabase) -> None:
        lab.unschedule(NAMES[:2])
        replaced = lab.schedules.pop(3)
        replaced.id = 17
        lab.schedules[17] = replaced

    expected = await left_by_the_mover(generation, one_source, under_way=changed)
    async with world(generation, one_source) as place:
        await roll_out(place, under_way=lambda: changed(place.lab))
        assert place.lab.dump() == expected
    assert expected["assignments"][1]["provisioned"]
    assert expected["schedules"][17]["build_end"] == "2031-05-14T12:00"


@pytest.mark.parametrize("generation", VERSIONS)
async def test_e5_a_host_that_goes_to_another_cloud_instead_is_not_waited_for(generation: str) -> None:
    async with world(generation, one_source) as place:
        exchange: list[QuadsExchange] = []
        journal: list[Event] = []
        plan = await place.plan()
        exchange.append(exchange_of(place, Outbox(plan), journal))
        for event in history(plan, frozenset(NAMES[:1])):
            exchange[0].on_event(event)
        running = asyncio.create_task(exchange[0].run())
        await until(lambda: exchange[0].owed == 0)
        assert not place.lab.assignments[1].provisioned
        place.lab.reassign("cloud05", NAMES[:1], wipe=True)  # long after the last host has ended: it is asked again
        await until(lambda: place.lab.assignments[1].provisioned)
        running.cancel()


@pytest.mark.parametrize("generation", VERSIONS)
async def test_e5_a_quads_that_is_away_in_the_middle_ends_up_the_same(generation: str) -> None:
    fails = frozenset(NAMES[5:])
    expected = await left_by_the_mover(generation, build, fails)
    if generation != "2.2":
        expected["assignments"][2]["active"] = expected["assignments"][3]["active"] = False  # see above
    async with world(generation, build) as place:
        plan, journal = await place.plan(), list[Event]()
        exchange = exchange_of(place, Outbox(plan), journal)
        running = asyncio.create_task(exchange.run())
        events = history(plan, fails)
        for event in events[:3]:
            exchange.on_event(event)
        await until(lambda: exchange.owed == 0)
        await place.server.stop()
        for event in events[3:9]:
            exchange.on_event(event)
        await until(lambda: any(isinstance(event, Notice) for event in journal))
        await place.server.start()
        for event in events[9:]:
            exchange.on_event(event)
        await until(lambda: exchange.owed == 0)
        running.cancel()
        assert place.lab.dump() == expected
        assert len(place.written()) == len(set(place.written()))


@pytest.mark.parametrize("generation", VERSIONS)
async def test_e5_after_a_crash_at_any_point_a_resume_ends_up_the_same_and_tells_nothing_twice(generation: str) -> None:
    fails = frozenset(NAMES[5:])
    expected = await left_by_the_mover(generation, one_source, fails)
    told = 0
    some = (0, *range(1 + 2 * VERSIONS.index(generation), 59, 8), 59)  # each version has points of its own
    for crash in range(60) if WHOLE else some:
        async with world(generation, one_source) as place:
            plan, journal = await place.plan(), list[Event]()
            outbox = Outbox(plan)
            for event in history(plan, fails):
                journal.append(event)
                outbox.apply(event)

            def died(event: Event, journal: list[Event] = journal, outbox: Outbox = outbox, crash: int = crash) -> None:
                journal.append(event)
                outbox.apply(event)
                if sum(isinstance(event, QuadsTold) for event in journal) >= crash:
                    raise Died

            if crash:
                try:
                    await QuadsExchange(place.quads, outbox, clock=FastClock(), emit=died, owned=owned).flush(20)
                except Died:
                    pass
            resumed = Outbox(plan)
            for event in journal:
                resumed.apply(from_row(to_row(event)))
            if generation != "2.2":
                for box in (resumed, outbox):
                    box.forget_tracking()
            assert list(resumed.waiting.values()) == list(outbox.waiting.values())
            await exchange_of(place, resumed, journal).flush(20)
            assert place.lab.dump() == expected
            assert len(place.server.log) == len(set(place.server.log))
            told = sum(isinstance(event, QuadsTold) for event in journal)
    assert told < 60  # the last crash was none


@pytest.mark.parametrize("generation", VERSIONS)
async def test_e5_what_comes_before_a_wipe_is_told_before_anything_else_and_once(generation: str) -> None:
    async with world(generation, one_source) as place:
        await roll_out(place)
        written, lab = place.written(), place.lab
        begins = [line for line in written if '"build": false' in line]
        assert begins == [f'PATCH /hosts/{name} {{"build": false, "switch_config_applied": false}}' for name in NAMES]
        unvalidated = 'PATCH /assignments/1 {"validated": false}'
        assert written[:2] == [begins[0], unvalidated]
        assert written.count(unvalidated) == 1
        dones = [line for line in written if '"build": true' in line]
        assert max(written.index(line) for line in begins) < min(written.index(line) for line in dones)
        assert (
            written.index('PATCH /assignments/2 {"active": false}') == written.index(dones[3]) + 1
        )  # the last that came from cloud03
        assert written[-1] == 'PATCH /assignments/1 {"provisioned": true, "validated": false}'
        overcloud = ', "overcloud": true' if generation == "2.2" else ""
        done = f'{{"build": true, "cloud": "cloud02", "last_build": "2031-05-14T12:00"{overcloud}, "validated": false}}'
        assert dones == [f"PATCH /hosts/{name} {done}" for name in NAMES]
        assert lab.schedules[1].build_start == datetime.fromisoformat("2031-05-14 11:20")
        assert bool([line for line in place.server.log if "moves/progress" in line]) == (generation == "2.2")


async def test_e5_an_assignment_of_a_file_learns_from_quads_where_its_hosts_are() -> None:
    async with world("2.1", one_source) as place:
        place.lab.hosts[NAMES[5]].cloud = "cloud02"
        hosts = tuple(HostSpec(name) for name in [*NAMES[3:], "unknown.example.com"])
        (found,) = await enriched(place.quads, (Assignment(Path("x.yaml"), "cloud02", hosts),))
        assert [host.source for host in found.hosts] == ["cloud03", "cloud01", "cloud02", ""]
        assert [host.schedule for host in found.hosts] == [4, 5, 6, None]
        assert found.notes == (f"hosts of the assignment that are already in cloud02 in QUADS: {NAMES[5]}",)
