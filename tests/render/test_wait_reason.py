"""Why a host waits, in the words of the NOTE column."""

from __future__ import annotations

import re

import pytest

from quads_tui.render.host_row import Columns, host_row
from quads_tui.render.symbols import BRAILLE
from quads_tui.render.wait_reason import host_note, host_word, why
from quads_tui.rollout.breaker import BreakerState
from quads_tui.rollout.causes import FOREMAN, Cause
from quads_tui.rollout.events import Event, HostAhead, HostChanged, HostNote, OutageChanged, StageChanged
from quads_tui.rollout.forecast import forecast
from quads_tui.rollout.metrics import LaneState, Meters
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.waits import for_a_place, for_an_install, for_the_turn, is_for_a_place
from tests.rollout.simulated_rollout import NOW as COURSE_NOW
from tests.rollout.simulated_rollout import course

NAMES = [f"h{n}" for n in range(5)]


def told(*events: Event) -> Rollout:
    rollout = Rollout(
        "r1", Plan((Goal("cloud02", Kind.BUILD),), tuple(HostPlan(name, "x", "R650", rack="e21") for name in NAMES))
    )
    for event in events:
        rollout.apply(event)
    return rollout


def note(rollout: Rollout, name: str) -> str:
    meters = Meters()
    return why(rollout.hosts[name], rollout, meters, forecast(rollout, meters, 100.0), 100.0)


@pytest.mark.parametrize("status", [HostStatus.RUNNING, HostStatus.QUEUED])
def test_the_number_of_hosts_that_are_powered_off_is_that_of_now_and_not_of_when_the_host_came_to_the_gate(
    status: HostStatus,
) -> None:
    begun: list[Event] = [
        HostAhead(1.0, "h0", True),
        HostAhead(1.0, "h1", True),
        StageChanged(1.0, "h2", Stage.POWER_OFF, StageStatus.STARTED, 1),
        HostNote(2.0, "h2", for_a_place(2, False), True),
    ]
    if status is HostStatus.QUEUED:
        begun.insert(3, HostChanged(2.0, "h2", status, Stage.POWER_OFF, None, "to be retried"))
    rollout = told(*begun)
    assert note(rollout, "h2") == note(rollout, "h3") == for_a_place(2, False)
    rollout.apply(HostAhead(3.0, "h1", False))
    assert note(rollout, "h2") == note(rollout, "h3") == for_a_place(1, False)


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("count", [0, 1, 2, 700])
def test_the_words_for_a_place_are_known_again_with_any_number(count: int, verified: bool) -> None:
    assert is_for_a_place(for_a_place(count, verified))


def test_hosts_that_wait_for_the_same_share_one_text() -> None:
    assert for_a_place(7, True) is for_a_place(7, True)


@pytest.mark.parametrize("words", ["", for_the_turn("h1"), "waits for its BMC to show Off", for_a_place(3, True) + "; more"])
def test_other_words_are_left_as_they_are(words: str) -> None:
    assert not is_for_a_place(words)


def test_who_waits_for_an_outage_says_so_with_the_time_of_the_next_try() -> None:
    rollout = told(
        StageChanged(1.0, "h1", Stage.POWER_ON, StageStatus.STARTED, 1),
        HostChanged(2.0, "h1", HostStatus.WAITING, Stage.POWER_ON, Cause.UNREACHABLE, "rack e21: 3 BMCs do not answer"),
        StageChanged(1.0, "h2", Stage.INSTALL, StageStatus.STARTED, 1),
        OutageChanged(90.0, "rack e21", BreakerState.OPEN, 90.0, 4, 140.0, "no route"),
    )
    for name in ("h0", "h1"):
        assert note(rollout, name).startswith("waiting: rack e21: 4 BMCs do not answer since ")
        assert note(rollout, name).endswith(", next try in 40 s")
    assert note(rollout, "h2") == "installing for 99 s".replace("99 s", "2 min")
    rollout.apply(OutageChanged(99.0, FOREMAN, BreakerState.HALF_OPEN, 95.0))
    assert "Foreman unavailable since " in note(rollout, "h0")
    assert note(rollout, "h0").endswith(", trying now")
    assert "rack e21" in note(rollout, "h1")  # it is under way: what it waits for is its rack


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_number_of_a_note_stands_before_its_words_are_cut(width: int) -> None:
    """When its write comes is what a host in the queue is looked at for; the widest table, beside a drawer, is 134 cells wide."""
    made = course(done=[1200.0] * 20, installing=[60.0] * 5, queued=200)
    rollout, lane = made.rollout, LaneState(depth=9, places={made.in_lane(30.0): 3})
    meters = Meters(lane=lane)
    told = forecast(rollout, meters, COURSE_NOW)
    (ready,) = lane.places
    queued = next(host for host in rollout.hosts.values() if host.name in told.turns and host.stage is None)
    for host, words in ((rollout.hosts[ready], "3rd"), (queued, "0 hosts")):
        text = host_note(host, rollout, meters, told, COURSE_NOW)
        columns = Columns.of(rollout.plan, min(width, 134), BRAILLE)
        row = host_row(host, columns, now=COURSE_NOW, speed=1.0, word=host_word(host, meters, told), note=text).plain
        assert re.search(rf"write in about \d+ (s|min|h( \d+ min)?)(: {words}|…)", row)


def test_who_waits_for_the_limit_on_installs_says_so() -> None:
    rollout = told(HostNote(2.0, "h0", for_an_install(5), True))
    assert note(rollout, "h0") == for_an_install(5)
    assert note(rollout, "h1") == for_a_place(0, False)


@pytest.mark.parametrize(
    "words",
    [
        "written; waiting until a read of Foreman confirms build mode",
        "waiting for its turn in the Foreman write queue (build)",  # since less than a second: its place is not known yet
    ],
)
def test_a_host_that_is_written_or_queued_is_not_said_to_be_written_at_another_time(words: str) -> None:
    made = course(done=[1200.0] * 20, installing=[60.0] * 5, queued=200)
    rollout = made.rollout
    host = rollout.hosts[made.in_lane(30.0)]
    told = forecast(rollout, Meters(), COURSE_NOW)
    assert host.name in told.turns
    rollout.apply(HostNote(COURSE_NOW, host.name, words, True))
    assert why(host, rollout, Meters(), told, COURSE_NOW) == words
