"""A survey leaves no session at a BMC without a word, however the BMC answers its login and its logout: the BMC counts them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import asdict

import pytest

from quads_tui.emulators.bmc.bmc import Bmc as EmulatedBmc
from quads_tui.emulators.bmc.faults import Fault
from quads_tui.emulators.bmc.firmware_variants import LogoutRefused
from quads_tui.emulators.bmc.fleet import Fleet
from quads_tui.emulators.bmc.outages import LoginUnanswered, LogoutUnanswered
from quads_tui.emulators.bmc.replies import Reply, Request
from quads_tui.emulators.interfaces import Machine
from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.planning import bmc_survey
from quads_tui.planning.bmc_survey import BmcSurvey
from quads_tui.render.plan_text import plan_lines
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.plan import NOT_ASKED, Goal, HostPlan, Plan, plan_from
from quads_tui.rollout.ports import SideEffects
from quads_tui.rollout.stages import Kind
from quads_tui.services.http import Http
from quads_tui.services.redfish import Bmc, session
from quads_tui.services.redfish.connection import BmcConnection
from quads_tui.services.redfish.learned import LearnedBmcs
from tests.clocks import FastClock, GrantedTime
from tests.services.redfish.test_families import SPEED, Foreman

NAME, MAC = "f01-h01-000.example.com", "04:3f:72:00:00:01"
LOST = "no answer to a login: the session that it may have made stays open at the BMC until it expires"
UNANSWERED = "its deletion was not answered in time"


class Clock(FastClock):
    """Its wall can be moved on, as if time had passed."""

    passed = 0.0

    def wall(self) -> float:
        return super().wall() + self.passed


class Lab:
    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.bmc = fleet, fleet.bmcs[NAME]
        self.clock = Clock(SPEED, floor=30.0)  # long: the survey gives up before the client
        self.http, self.bmcs = Http(self.clock), LearnedBmcs()
        self.said: list[str] = []
        host = HostPlan(NAME, fleet.address(NAME), mac=MAC)
        self.plan = Plan((Goal("cloud02", Kind.BUILD),), (host,))

    @property
    def open(self) -> int:
        return len(self.bmc.sessions.open())

    def client(self, host: HostPlan, acts: SideEffects) -> Bmc:
        connection = BmcConnection(
            self.http,
            address=host.address,
            host=host.name,
            username="root",
            password=Secret("pw"),
            tls=TlsPolicy(),
            clock=self.clock,
            limits=Limits(),
            meter=Meter(),
            acts=acts,
            bmcs=self.bmcs,
        )
        return Bmc(connection)

    async def survey(self) -> HostPlan:
        async def provisioning(name: str) -> Collection[str]:
            return {MAC}

        self.surveyed = await BmcSurvey(self.client, provisioning, self.said.append).run(self.plan)
        return self.surveyed.hosts[0]


Start = Callable[..., Awaitable[Lab]]


@pytest.fixture
async def lab() -> AsyncIterator[Start]:
    labs: list[Lab] = []

    async def start(fault: Fault, model: str = "R650") -> Lab:
        machine = Machine(NAME, model, MAC)
        fleet = Fleet(
            [machine],
            time=GrantedTime(SPEED),
            seed=1,
            provisioner=Foreman(),
            username="root",
            password="pw",
            faults={NAME: fault},
        )
        await fleet.serve()
        labs.append(Lab(fleet))
        return labs[-1]

    yield start
    for one in labs:
        await one.http.close()
        await one.fleet.close()


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is never answered is given up soon; what is answered comes at once."""
    monkeypatch.setattr(session, "_CLOSING", 1.0)
    monkeypatch.setattr(session, "_DELETING", 2.0)
    monkeypatch.setattr(session, "_HURRIED", 0.5)
    monkeypatch.setattr(bmc_survey, "ANSWER_TIMEOUT", 1.0)


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize(
    ("fault", "left", "words"),
    [
        (Fault(), 0, ""),
        (LogoutUnanswered(done=True), 0, ""),
        (LogoutUnanswered(), 0, ""),
        (LogoutUnanswered(2, hangs=False), 0, ""),
        (LogoutUnanswered(2, hangs=False, done=True), 0, ""),
        (LogoutRefused(503, 2), 0, ""),
        (LogoutUnanswered(99), 1, UNANSWERED),
        (LogoutUnanswered(99, hangs=False), 1, "its deletion was refused 3 times"),
        (LogoutRefused(503, 99), 1, "its deletion was refused 3 times"),
        (LogoutRefused(204, 99), 1, "it was accepted without effect"),
        (LoginUnanswered(), 1, LOST),
        (LoginUnanswered(99), 2, LOST),  # of the survey, and of the login that looks for it
    ],
    ids=lambda value: f"{type(value).__name__}{vars(value)}" if isinstance(value, Fault) else None,
)
async def test_a_session_that_stays_is_said_of_its_host(lab: Start, fault: Fault, left: int, words: str) -> None:
    one = await lab(fault)
    host = await one.survey()
    assert one.open == left
    assert (words in host.left_session, bool(host.left_session)) == (True, bool(left))
    assert (plan_from(asdict(one.surveyed)).hosts[0].left_session == host.left_session) and one.bmc.sessions.created <= left + 1
    text = " ".join(" ".join(plan_lines(one.surveyed)).split())
    assert ("sessions that stay open, or may stay open, at BMCs after the survey: 1" in text) == bool(left)
    assert ([line for line in one.said if "sessions may be left" in line] != []) == bool(left)


@pytest.mark.usefixtures("brief")
async def test_what_a_login_without_an_answer_made_is_found_where_the_bmc_tells_whose_it_is(lab: Start) -> None:
    one: Lab

    class MinuteAgo(LoginUnanswered):
        """The BMC made it a minute before the next login."""

        def after(self, bmc: EmulatedBmc, request: Request, reply: Reply) -> None:
            super().after(bmc, request, reply)
            if reply.never_sent:
                for made in bmc.sessions.open():
                    made.created -= 60
                one.clock.passed += 60

    one = await lab(MinuteAgo(), "DL360")
    host = await one.survey()
    assert (one.open, host.left_session, one.bmc.sessions.created) == (0, "", 2)


@pytest.mark.usefixtures("brief")
async def test_a_session_in_use_for_another_host_is_never_taken_for_a_lost_one(lab: Start) -> None:
    one: Lab

    class MinuteAgo(LoginUnanswered):
        def after(self, bmc: EmulatedBmc, request: Request, reply: Reply) -> None:
            super().after(bmc, request, reply)
            if reply.never_sent:
                (neighbour, lost) = sorted(bmc.sessions.open(), key=lambda made: int(made.id))
                neighbour.created -= 60
                bmc.sessions.delete(lost.id)
                one.clock.passed += 60

    fault = MinuteAgo(0)
    one = await lab(fault, "DL360")
    neighbour = one.client(one.plan.hosts[0], bmc_survey.ReadOnlySideEffects())
    await neighbour.survey()
    fault.left = 1
    host = await one.survey()
    assert (one.open, host.left_session) == (1, LOST)
    await neighbour.close()
    assert one.open == 0


class Held(Fault):
    """The first request like this is not answered before `go`; what the BMC does comes then, and its answer is of no use."""

    def __init__(self, method: str) -> None:
        self.method, self.arrived, self.go = method, asyncio.Event(), asyncio.Event()

    def before(self, bmc: EmulatedBmc, request: Request) -> Reply | None:
        if self.arrived.is_set() or request.method != self.method:
            return None
        self.arrived.set()
        self.doing = asyncio.create_task(self._do(bmc, request))
        return Reply(204, never_sent=True)

    async def _do(self, bmc: EmulatedBmc, request: Request) -> None:
        await self.go.wait()
        if request.method == "POST":
            bmc.sessions.create("root", request.client)
        else:
            bmc.sessions.delete(request.path.rpartition("/")[2])


@pytest.mark.usefixtures("brief")
async def test_a_session_that_is_made_when_nobody_waits_for_it_any_more_is_said(lab: Start) -> None:
    fault = Held("POST")
    one = await lab(fault)
    host = await one.survey()
    assert (one.open, host.left_session) == (0, LOST)
    fault.go.set()
    await fault.doing
    assert one.open == 1


@pytest.mark.usefixtures("brief")
async def test_a_survey_that_ends_by_its_own_deadline_says_what_it_leaves(lab: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """The login, and then the search for what it made, are still under way."""
    monkeypatch.setattr(bmc_survey, "ANSWER_TIMEOUT", 60.0)
    monkeypatch.setattr(bmc_survey, "SURVEY_TIMEOUT", 1.0)
    one = await lab(LoginUnanswered(99))
    host = await one.survey()
    assert (one.open > 0, host.bmc, host.left_session) == (True, NOT_ASKED, LOST)


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize(("method", "words"), [("POST", LOST), ("DELETE", UNANSWERED)])
async def test_a_survey_that_is_interrupted_says_so_too_however_often(lab: Start, method: str, words: str) -> None:
    fault = Held(method)
    one = await lab(fault)
    task = asyncio.create_task(one.survey())
    await fault.arrived.wait()
    while not task.done():
        task.cancel()
        await asyncio.sleep(0.1)
    with suppress(asyncio.CancelledError):
        await task
    assert one.said[-1] == f"sessions may be left at 1 BMC until they expire: {NAME}"


@pytest.mark.usefixtures("brief")
async def test_sessions_that_wait_for_their_turn_to_be_deleted_are_said_where_the_survey_ends(
    lab: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bmc_survey, "SURVEY_TIMEOUT", 1.0)
    one = await lab(Fault())
    one.bmcs.closing = asyncio.Semaphore(0)
    host = await one.survey()
    assert one.open == 1 and UNANSWERED in host.left_session


@pytest.mark.usefixtures("brief")
async def test_a_login_that_was_not_sent_yet_leaves_nothing_and_is_not_said(lab: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waited for a place among the handshakes of a busy machine."""
    monkeypatch.setattr(bmc_survey, "SURVEY_TIMEOUT", 1.0)
    one = await lab(Fault(), model="DL360")
    gate = OpensOnce()
    monkeypatch.setattr(one.http, "_gate", gate)
    host = await one.survey()
    assert gate.waiting.is_set() and one.bmc.sessions.created == 0
    assert (host.bmc, host.left_session) == (NOT_ASKED, "")


class OpensOnce(asyncio.Semaphore):
    """For the read of the service root; at an HPE a login has a connection of its own."""

    def __init__(self) -> None:
        super().__init__(1)
        self.waiting = asyncio.Event()

    async def acquire(self) -> bool:
        if self.locked():
            self.waiting.set()
        return await super().acquire()

    def release(self) -> None:
        pass
