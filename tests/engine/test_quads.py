"""What QUADS is told: the same after a crash as without it, and never in the way of the hosts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quads_tui.engine.quads import Outbox, QuadsExchange
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import Event, HostChanged, Notice, QuadsTold, StageChanged, from_row, to_row
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.ports import TakenOver
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.services.quads import QuadsTrouble
from tests.clocks import VirtualClock

HOSTS = tuple(HostPlan(f"h{n}.example.com", "x", cloud="cloud02", schedule=n + 1) for n in range(3))
PLAN = Plan((Goal("cloud02", Kind.BUILD, quads_id=7),), HOSTS)


class Server:
    """A QUADS that takes everything, or is away."""

    def __init__(self, *, tracks: bool = True) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.away = False
        self.refuses = ""
        self._tracks = tracks

    async def tracks(self) -> bool:
        self._answer()
        return self._tracks

    async def tell_progress(self, schedule: int, status: str, message: str, error: str) -> None:
        self._answer()
        self.told.append(("progress", schedule, status))

    async def tell_host(self, host: str, cloud: str, built_at: str) -> None:
        self._answer("host")
        self.told.append(("host", host, cloud))

    async def tell_schedule(self, schedule: int, begun_at: str, built_at: str) -> None:
        self._answer()
        self.told.append(("schedule", schedule))

    async def tell_assignment(self, assignment: int, *, provisioned: bool, validated: bool) -> None:
        self._answer()
        self.told.append(("assignment", assignment, provisioned, validated))

    def _answer(self, what: str = "") -> None:
        if self.away:
            raise QuadsTrouble("QUADS does not answer: connection refused")
        if what and what == self.refuses:
            raise QuadsTrouble("HTTP 403", final=True)


def history(number: int, end: HostStatus = HostStatus.DONE) -> list[Event]:
    name = HOSTS[number].name
    events: list[Event] = [StageChanged(1000.0, name, stage, StageStatus.STARTED, 1) for stage in Stage]
    cause = None if end is HostStatus.DONE else Cause.BUSY
    return [*events, HostChanged(2000.0, name, end, Stage.INSTALL, cause, "" if cause is None else "SYS518")]


async def owned() -> None:
    """Nobody has taken the rollout over."""


def exchange(server: Server, plan: Plan = PLAN) -> tuple[QuadsExchange, list[Event]]:
    said: list[Event] = []

    def emit(event: Event) -> None:
        said.append(event)
        made.take(event)

    made = QuadsExchange(server, Outbox(plan), VirtualClock(), emit, owned)
    return made, said


@pytest.mark.looptime
async def test_all_hosts_done_is_an_assignment_provisioned() -> None:
    server = Server()
    made, _ = exchange(server)
    task = asyncio.create_task(made.run())
    for number in range(3):
        for event in history(number):
            made.take(event)
    await asyncio.sleep(1)
    task.cancel()
    assert server.told[-1] == ("assignment", 7, True, False)
    assert [told for told in server.told if told[0] == "host"] == [("host", host.name, "cloud02") for host in HOSTS]
    assert ("progress", 1, "validation") in server.told
    assert made.owed == 0


@pytest.mark.looptime
async def test_one_failed_host_leaves_the_assignment_open() -> None:
    server = Server()
    made, _ = exchange(server)
    for number, end in enumerate((HostStatus.DONE, HostStatus.FAILED, HostStatus.SKIPPED)):
        for event in history(number, end):
            made.take(event)
    await made.flush(5)
    assert not [told for told in server.told if told[0] == "assignment"]
    assert ("progress", 2, "failed") in server.told


@pytest.mark.looptime
async def test_ownership_alone_is_validated_too() -> None:
    plan = Plan((replace(PLAN.goals[0], kind=Kind.OWNERSHIP),), HOSTS[:1])
    server = Server()
    made, _ = exchange(server, plan)
    made.take(HostChanged(5.0, HOSTS[0].name, HostStatus.DONE))
    await made.flush(5)
    assert server.told[-1] == ("assignment", 7, True, True)
    assert ("progress", 1, "completed") in server.told


@pytest.mark.looptime
async def test_a_server_without_tracking_is_not_tracked() -> None:
    server = Server(tracks=False)
    made, _ = exchange(server)
    for event in history(0):
        made.take(event)
    await made.flush(5)
    assert [told[0] for told in server.told] == ["host", "schedule"]


@pytest.mark.looptime
async def test_a_quads_that_is_away_is_told_later_and_spoken_of_twice() -> None:
    server = Server()
    server.away = True
    made, said = exchange(server)
    task = asyncio.create_task(made.run())
    for event in history(0):
        made.take(event)
    await asyncio.sleep(600)
    assert made.owed == 3
    server.away = False
    await asyncio.sleep(120)
    task.cancel()
    assert made.owed == 0
    notices = [event.text for event in said if isinstance(event, Notice)]
    assert len(notices) == 2
    assert "provisioning goes on" in notices[0]
    assert notices[1] == "QUADS answers again"
    assert [told for told in server.told if told[0] == "progress"] == [("progress", 1, "validation")]  # the newest only


@pytest.mark.looptime
async def test_what_it_refuses_for_good_is_said_and_not_asked_again() -> None:
    server = Server()
    server.refuses = "host"
    made, said = exchange(server)
    for event in history(0):
        made.take(event)
    await made.flush(5)
    assert made.owed == 0
    assert [event.text for event in said if isinstance(event, Notice)] == [f"QUADS, host {HOSTS[0].name}: HTTP 403"]


events = st.one_of(
    st.builds(
        StageChanged,
        st.floats(1, 9e8),
        st.sampled_from([host.name for host in HOSTS]),
        st.sampled_from(list(Stage)),
        st.sampled_from(list(StageStatus)),
        st.integers(1, 3),
    ),
    st.builds(
        HostChanged,
        st.floats(1, 9e8),
        st.sampled_from([host.name for host in HOSTS]),
        st.sampled_from(list(HostStatus)),
        st.none() | st.sampled_from(list(Stage)),
        st.none(),
        st.sampled_from(["", "SYS518", "to be retried"]),
    ),
)


@given(st.lists(events, max_size=40), st.data())
def test_a_resume_owes_exactly_what_the_dead_process_owed(happened: list[Event], data: st.DataObject) -> None:
    outbox, journal = Outbox(PLAN), []
    for event in happened:
        outbox.take(event)
        journal.append(event)
        if outbox.waiting and data.draw(st.booleans()):
            update = next(iter(outbox.waiting.values()))
            told = QuadsTold(1.0, update.key, update.body)
            outbox.take(told)
            journal.append(told)
    again = Outbox(PLAN)
    for event in journal:
        again.take(from_row(to_row(event)))
    assert list(again.waiting.values()) == list(outbox.waiting.values())


@pytest.mark.looptime
async def test_c3_a_process_that_was_taken_over_tells_quads_nothing() -> None:
    async def taken_over() -> None:
        raise TakenOver("another process has taken the rollout over")

    server = Server()
    made = QuadsExchange(server, Outbox(PLAN), VirtualClock(), lambda event: None, taken_over)
    for event in history(0):
        made.take(event)
    await made.flush(5)
    assert (server.told, made.owed > 0) == ([], True)
