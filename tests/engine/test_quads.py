"""What QUADS is told: the same after a crash as without it, and never in the way of the hosts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quads_tui.engine.quads_outbox import Outbox
from quads_tui.engine.quads_sync import QuadsExchange
from quads_tui.rollout.causes import Cause
from quads_tui.rollout.events import Event, HostChanged, Notice, QuadsTold, StageChanged, from_row, to_row
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.ports import QuadsError, TakenOver
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from tests.clocks import VirtualClock

HOSTS = tuple(HostPlan(f"h{n}.example.com", "x", cloud="cloud02", schedule=n + 1) for n in range(3))
PLAN = Plan((Goal("cloud02", Kind.BUILD, quads_id=7),), HOSTS)


class Server:
    """A QUADS that takes everything, or is away."""

    def __init__(self, *, tracks: bool = True) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.away = False
        self.refuses = ""
        self.built = False  # what it says of the cloud when it is asked again
        self.asked = 0
        self.stumbles = ""  # a host that it answers 500 about, or all
        self.stumbled = 0
        self.slow = 0.0  # seconds until a host's first update is answered
        self._tracks = tracks

    async def tracks(self) -> bool:
        self._answer()
        return self._tracks

    async def send_progress(self, schedule: int, status: str, message: str, error: str) -> None:
        self._answer("progress")
        self.told.append(("progress", schedule, status))

    async def send_started(self, host: str) -> None:
        self._answer(host=host)
        await asyncio.sleep(self.slow)
        self.told.append(("begun", host))

    async def start_tracking(self, host: str) -> None:
        self._answer(host=host)
        self.told.append(("tracking", host))

    async def send_failure(self, host: str) -> None:
        self._answer()
        self.told.append(("failure", host))

    async def send_built(self, host: str, cloud: str, built_at: float) -> None:
        self._answer("host", host)
        self.told.append(("host", host, cloud))

    async def send_schedule_times(self, host: str, cloud: str, begun_at: float, built_at: float) -> None:
        self._answer()
        self.told.append(("schedule", host, begun_at, built_at))

    async def mark_unvalidated(self, assignment: int) -> None:
        self._answer()
        self.told.append(("unvalidated", assignment))

    async def end_empty_assignment(self, cloud: str) -> None:
        self._answer()
        self.told.append(("emptied", cloud))

    async def update_assignment(self, assignment: int, *, provisioned: bool, validated: bool) -> None:
        self._answer()
        self.told.append(("assignment", assignment, provisioned, validated))

    async def all_built(self, cloud: str) -> bool:
        self._answer()
        self.asked += 1
        return self.built

    def _answer(self, what: str = "", host: str = "") -> None:
        if self.away:
            raise QuadsError("QUADS does not answer: connection refused")
        if self.stumbles and self.stumbles in (host, "all"):
            self.stumbled += 1
            raise QuadsError("HTTP 500", answered=True)
        if what and what == self.refuses:
            raise QuadsError("HTTP 403", final=True)


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
        made.on_event(event)

    made = QuadsExchange(server, Outbox(plan), clock=VirtualClock(), emit=emit, owned=owned)
    return made, said


@pytest.mark.looptime
async def test_all_hosts_done_is_an_assignment_provisioned() -> None:
    server = Server()
    made, _ = exchange(server)
    task = asyncio.create_task(made.run())
    for number in range(3):
        for event in history(number):
            made.on_event(event)
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
            made.on_event(event)
    await made.flush(5)
    assert not [told for told in server.told if told[0] == "assignment"]
    assert ("progress", 2, "failed") in server.told


@pytest.mark.looptime
async def test_ownership_alone_is_validated_too() -> None:
    plan = Plan((replace(PLAN.goals[0], kind=Kind.OWNERSHIP),), HOSTS[:1])
    server = Server()
    made, _ = exchange(server, plan)
    made.on_event(HostChanged(5.0, HOSTS[0].name, HostStatus.DONE))
    await made.flush(5)
    assert server.told[-1] == ("assignment", 7, True, True)
    assert ("progress", 1, "completed") in server.told


@pytest.mark.looptime
async def test_a_server_without_tracking_is_not_tracked() -> None:
    server = Server(tracks=False)
    made, _ = exchange(server)
    for event in history(0):
        made.on_event(event)
    await made.flush(5)
    assert [told[0] for told in server.told] == ["begun", "unvalidated", "schedule", "host"]


@pytest.mark.looptime
async def test_a_quads_that_is_away_is_told_later_and_spoken_of_twice() -> None:
    server = Server()
    server.away = True
    made, said = exchange(server)
    task = asyncio.create_task(made.run())
    for event in history(0):
        made.on_event(event)
    await asyncio.sleep(600)
    assert [update.partition(" ")[0] for update in made._outbox.waiting] == [
        "begun", "unvalidated", "tracking", "schedule", "host", "progress",
    ]  # fmt: skip
    server.away = False
    await asyncio.sleep(120)
    task.cancel()
    assert made.owed == 0
    notices = [event.text for event in said if isinstance(event, Notice)]
    assert len(notices) == 2
    assert "the rollout continues" in notices[0]
    assert notices[1] == "QUADS answers again"
    assert [told for told in server.told if told[0] == "progress"] == [("progress", 1, "validation")]  # the newest only


@pytest.mark.looptime
async def test_what_it_refuses_for_good_is_said_and_not_asked_again() -> None:
    server = Server()
    server.refuses = "host"
    made, said = exchange(server)
    for event in history(0):
        made.on_event(event)
    await made.flush(5)
    assert made.owed == 0
    assert [event.text for event in said if isinstance(event, Notice)] == [
        f'QUADS update "host {HOSTS[0].name}" was refused: HTTP 403'
    ]


@pytest.mark.looptime
async def test_e5_a_schedule_that_is_gone_is_said_once_for_a_host() -> None:
    server = Server()
    server.refuses = "progress"
    made, said = exchange(server)
    task = asyncio.create_task(made.run())
    for event in history(0):
        made.on_event(event)
        await asyncio.sleep(1)
    task.cancel()
    assert [event.text for event in said if isinstance(event, Notice)] == [
        f'QUADS update "progress {HOSTS[0].name}" was refused: HTTP 403'
    ]
    assert ("host", HOSTS[0].name, "cloud02") in server.told


@pytest.mark.looptime
async def test_e5_a_failed_host_is_asked_about_until_quads_no_longer_waits_for_it() -> None:
    server = Server()
    made, _ = exchange(server)
    task = asyncio.create_task(made.run())
    for number, end in enumerate((HostStatus.DONE, HostStatus.FAILED, HostStatus.DONE)):
        for event in history(number, end):
            made.on_event(event)
    await asyncio.sleep(605)
    assert server.asked == 10
    assert not [told for told in server.told if told[0] == "assignment"]
    assert made.owed == 0
    server.built = True  # somebody removed its schedule
    await asyncio.sleep(70)
    assert [told for told in server.told if told[0] == "assignment"] == [("assignment", 7, True, False)]
    asked = server.asked
    made.on_event(HostChanged(9000.0, HOSTS[1].name, HostStatus.QUEUED, None, None, "retry requested"))
    made.on_event(HostChanged(9100.0, HOSTS[1].name, HostStatus.DONE))
    await asyncio.sleep(600)
    task.cancel()
    assert server.asked == asked
    assert [told for told in server.told if told[0] == "assignment"] == [("assignment", 7, True, False)]  # told once


@pytest.mark.looptime
async def test_e5_nobody_is_asked_while_a_host_is_under_way_or_retried() -> None:
    server = Server()
    server.built = True
    made, _ = exchange(server)
    task = asyncio.create_task(made.run())
    for number, end in enumerate((HostStatus.DONE, HostStatus.FAILED)):
        for event in history(number, end):
            made.on_event(event)
    await asyncio.sleep(600)
    for event in history(2):
        made.on_event(event)
    made.on_event(HostChanged(2001.0, HOSTS[1].name, HostStatus.QUEUED, None, None, "retry requested"))
    await asyncio.sleep(600)
    task.cancel()
    assert server.asked == 0


@pytest.mark.looptime
async def test_e5_a_cloud_is_empty_when_its_last_host_has_left_or_failed_to() -> None:
    hosts = tuple(replace(host, source="cloud03") for host in HOSTS)
    server = Server()
    made, _ = exchange(server, replace(PLAN, hosts=hosts))
    for event in [*history(0), *history(1, HostStatus.FAILED)]:
        made.on_event(event)
    await made.flush(5)
    assert not [told for told in server.told if told[0] == "emptied"]
    for event in history(2):
        made.on_event(event)
    await made.flush(5)
    made.on_event(HostChanged(9000.0, HOSTS[1].name, HostStatus.QUEUED, None, None, "retry requested"))
    made.on_event(HostChanged(9100.0, HOSTS[1].name, HostStatus.DONE))
    await made.flush(5)
    assert [told for told in server.told if told[0] == "emptied"] == [("emptied", "cloud03")]


@pytest.mark.looptime
async def test_e5_what_is_on_its_way_when_the_rollout_ends_is_not_sent_once_more() -> None:
    server = Server()
    server.slow = 3.0
    made, _ = exchange(server)
    for event in history(0):
        made.on_event(event)
    task = asyncio.create_task(made.run())
    await asyncio.sleep(1)
    task.cancel()
    await made.flush(60)
    assert made.owed == 0
    assert len(server.told) == len(set(server.told)) == 6


@pytest.mark.looptime
async def test_e5_what_quads_did_not_take_is_tried_once_more_at_the_end() -> None:
    server = Server()
    server.away = True
    made, _ = exchange(server)
    for event in history(0):
        made.on_event(event)
    task = asyncio.create_task(made.run())
    await asyncio.sleep(10)
    task.cancel()
    server.away = False
    await made.flush(60)
    assert made.owed == 0


@pytest.mark.looptime
@pytest.mark.parametrize("ends", [True, False], ids=["the console ends", "the console stays"])
async def test_e5_a_host_that_quads_stumbles_over_holds_up_no_other(ends: bool) -> None:
    """QUADS answers 500 whenever it is told of one host: the others are told, the cloud is not concluded before."""
    server = Server()
    server.stumbles = HOSTS[1].name
    made, said = exchange(server)
    for number in range(3):
        for event in history(number):
            made.on_event(event)
    task = asyncio.create_task(made.run())
    await asyncio.sleep(0 if ends else 3600)
    if ends:
        task.cancel()
        await made.flush(60)
    assert [told for told in server.told if told[0] == "host"] == [("host", HOSTS[n].name, "cloud02") for n in (0, 2)]
    assert not [told for told in server.told if told[0] == "assignment"]
    assert [event.text for event in said if isinstance(event, Notice)] == [
        f'QUADS update "begun {HOSTS[1].name}" failed and will be sent again: HTTP 500'
    ]
    server.stumbles = ""
    if ends:
        await made.flush(60)
    else:
        await asyncio.sleep(70)
        task.cancel()
    assert made.owed == 0
    assert server.told[-1] == ("assignment", 7, True, False)
    told = [what for what in server.told if HOSTS[1].name in what]
    assert [what[0] for what in told] == ["begun", "tracking", "schedule", "host"]


@pytest.mark.looptime
async def test_e5_quads_is_not_asked_about_a_cloud_that_it_does_not_know_the_state_of() -> None:
    server = Server()
    server.built = True  # of what it knows, without the host that it stumbles over
    server.stumbles = HOSTS[0].name
    made, _ = exchange(server)
    for number, end in enumerate((HostStatus.DONE, HostStatus.FAILED, HostStatus.DONE)):
        for event in history(number, end):
            made.on_event(event)
    await made.flush(60)
    assert server.asked == 0
    server.stumbles = ""
    await made.flush(60)
    assert server.told[-1] == ("assignment", 7, True, False)


@pytest.mark.looptime
async def test_e5_a_quads_that_answers_nothing_but_500_is_away() -> None:
    server = Server()
    server.stumbles = "all"
    hosts = tuple(HostPlan(f"h{n}.example.com", "x", cloud="cloud02", schedule=n + 1) for n in range(20))
    made, _ = exchange(server, replace(PLAN, hosts=hosts))
    for host in hosts:
        made.on_event(StageChanged(1000.0, host.name, Stage.POWER_OFF, StageStatus.STARTED, 1))
    owed = made.owed
    task = asyncio.create_task(made.run())
    await asyncio.sleep(3600)
    assert made.owed == owed
    assert server.stumbled < 65 * 6  # a few each minute, never all of them
    server.stumbles = ""
    await asyncio.sleep(70)
    task.cancel()
    assert made.owed == 0


def test_e5_hosts_that_were_never_begun_are_not_told_of() -> None:
    outbox = Outbox(PLAN)
    for host in HOSTS:
        outbox.apply(HostChanged(5.0, host.name, HostStatus.SKIPPED, None, None, "skipped by the operator"))
    assert {key.partition(" ")[0] for key in outbox.waiting} == {"progress"}


def test_a_journal_of_before_owes_nothing_that_was_told_then() -> None:
    outbox = Outbox(PLAN)
    for number in range(3):
        for event in history(number):
            outbox.apply(event)
        name = HOSTS[number].name
        outbox.apply(QuadsTold(1.0, f"host {name}", {"host": name, "cloud": "cloud02", "built_at": "2026-11-29T23:10"}))
        body = {"schedule": number + 1, "begun_at": "2026-11-29T22:10", "built_at": "2026-11-29T23:10"}
        outbox.apply(QuadsTold(1.0, f"schedule {name}", body))
    outbox.apply(QuadsTold(1.0, "assignment cloud02", {"assignment": 7, "provisioned": True, "validated": False}))
    assert {key.partition(" ")[0] for key in outbox.waiting} == {"progress"}


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
        st.sampled_from(["", "SYS518", "retry requested"]),
    ),
)


@given(st.lists(events, max_size=40), st.data())
def test_a_resume_owes_exactly_what_the_dead_process_owed(happened: list[Event], data: st.DataObject) -> None:
    outbox, journal = Outbox(PLAN), []
    for event in happened:
        outbox.apply(event)
        journal.append(event)
        if outbox.waiting and data.draw(st.booleans()):
            update = next(iter(outbox.waiting.values()))
            told = QuadsTold(1.0, update.key, update.body)
            outbox.apply(told)
            journal.append(told)
    again = Outbox(PLAN)
    for event in journal:
        again.apply(from_row(to_row(event)))
    assert list(again.waiting.values()) == list(outbox.waiting.values())


@pytest.mark.looptime
async def test_c3_a_process_that_was_taken_over_tells_quads_nothing() -> None:
    async def taken_over() -> None:
        raise TakenOver("another process has taken the rollout over")

    server = Server()
    made = QuadsExchange(server, Outbox(PLAN), clock=VirtualClock(), emit=lambda event: None, owned=taken_over)
    for event in history(0):
        made.on_event(event)
    await made.flush(5)
    assert (server.told, made.owed > 0) == ([], True)
