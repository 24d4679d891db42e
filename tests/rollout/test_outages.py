"""What the events tell of outages: which last, which are over, whom they keep from what."""

from __future__ import annotations

import re

import pytest

from quads_tui.rollout.breaker import BreakerState
from quads_tui.rollout.causes import FOREMAN
from quads_tui.rollout.events import HostAhead, Intent, OutageChanged, Outcome, RolloutStarted, StageChanged, from_row, to_row
from quads_tui.rollout.moments import LONG_AGO
from quads_tui.rollout.outages import DATABASE, outage_words
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import ActResult, Kind, Stage, StageStatus
from quads_tui.rollout.state import Rollout

CLOSED, OPEN, HALF = BreakerState
AT = 1_795_000_000.0


def rollout(kind: Kind = Kind.BUILD) -> Rollout:
    racks = ["e21"] * 4 + ["e22"] * 2 + ["h6"]
    return Rollout("r", Plan((Goal("c", kind),), tuple(HostPlan(f"h{n}", "x", rack=rack) for n, rack in enumerate(racks))))


def changed(service: str, state: BreakerState, at: float = AT, **members: object) -> OutageChanged:
    return OutageChanged(at, service, state, AT, **members)  # type: ignore[arg-type]


def test_an_outage_is_one_from_its_beginning_to_its_end() -> None:
    model = rollout()
    model.apply(changed("rack e21", OPEN, hosts=3, until=AT + 4, why="no route"))
    model.apply(changed("rack e21", HALF, hosts=3, host="h3"))
    model.apply(changed("rack e21", OPEN, hosts=4, until=AT + 20))
    (outage,) = model.outages.standing.values()
    assert (outage.hosts, outage.until, outage.why, outage.host) == (4, AT + 20, "no route", "")
    model.apply(changed("rack e21", CLOSED, AT + 21, hosts=2))
    assert not model.outages.standing
    (over,) = model.outages.past
    assert (over.since, over.over, over.hosts, over.given_up) == (AT, AT + 21, 4, False)
    model.apply(changed("rack e21", CLOSED, AT + 22))  # of a damaged journal: nothing ends twice
    assert len(model.outages.past) == 1


@pytest.mark.parametrize(
    ("kind", "service", "host", "stage", "kept"),
    [
        (Kind.BUILD, FOREMAN, "h0", None, True),
        (Kind.BUILD, FOREMAN, "h0", Stage.POWER_OFF, True),
        (Kind.BUILD, FOREMAN, "h0", Stage.PXE_SET, False),  # under way: it goes on
        (Kind.BUILD, FOREMAN, "h0", Stage.POWER_ON, False),
        (Kind.BUILD, FOREMAN, "h0", Stage.INSTALL, False),
        (Kind.OWNERSHIP, FOREMAN, "h0", None, True),
        (Kind.SPARE, FOREMAN, "h0", None, False),  # needs no Foreman
        (Kind.BUILD, "rack e21", "h0", None, True),
        (Kind.BUILD, "rack e21", "h0", Stage.PXE_SET, True),
        (Kind.BUILD, "rack e21", "h0", Stage.FOREMAN_BUILD, False),  # no BMC is asked
        (Kind.BUILD, "rack e21", "h0", Stage.INSTALL, False),
        (Kind.SPARE, "rack e21", "h0", None, True),
        (Kind.OWNERSHIP, "rack e21", "h0", None, False),
        (Kind.BUILD, "rack e21", "h4", None, False),  # of another rack
        (Kind.BUILD, "rack e22", "h4", None, False),  # two are too few for an outage
    ],
)
def test_whom_an_outage_keeps_from_what(kind: Kind, service: str, host: str, stage: Stage | None, kept: bool) -> None:
    model = rollout(kind)
    model.apply(changed(service, OPEN, until=AT))
    assert (model.outages.of(host, kind, stage) is not None) is kept


def test_the_one_that_tries_is_let_through() -> None:
    model = rollout()
    model.apply(changed("rack e21", HALF, host="h1"))
    assert model.outage_of("h1") is None
    assert model.outage_of("h2") is not None


def test_an_outage_is_read_back_as_it_was_written() -> None:
    event = changed("rack e21", HALF, hosts=3, why="no route", host="h1")
    assert from_row(to_row(event)) == event


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (changed(FOREMAN, OPEN, until=AT + 22), "Foreman unavailable since TIME, next try in 22 s"),
        (changed(FOREMAN, HALF), "Foreman unavailable since TIME, trying now"),
        (changed("rack e21", OPEN, hosts=24, until=AT + 40), "rack e21: 24 BMCs do not answer since TIME, next try in 40 s"),
        (changed("rack e21", OPEN, hosts=1, until=AT - 9), "rack e21: 1 BMC does not answer since TIME, next try in 0 s"),
    ],
)
def test_what_the_operator_reads(event: OutageChanged, words: str) -> None:
    model = rollout()
    model.apply(event)
    (outage,) = model.outages.standing.values()
    assert re.sub(r"\d\d:\d\d", "TIME", outage_words(outage, AT, model.time)) == words


def test_what_was_under_way_while_the_database_did_not_answer_took_no_time_that_is_learned() -> None:
    model, speed = rollout(), 20.0
    model.apply(RolloutStarted(AT, "r", 7, False, "", speed))

    def written(host: str, number: int, stood: float = 0.0) -> None:
        model.apply(HostAhead(AT, host, True))
        model.apply(Intent(AT, host, number, "build", {}, LONG_AGO))
        if stood:
            model.apply(changed(DATABASE, CLOSED, AT + stood, why="no answer"))
        model.apply(StageChanged(AT + stood + 1, host, Stage.FOREMAN_BUILD, StageStatus.STARTED, 1))
        model.apply(Outcome(AT + stood + 2, host, number, ActResult.APPLIED, {}))

    written("h0", 1, stood=900.0)
    assert (len(model.durations.ready), len(model.durations.write), len(model.durations.between)) == (0, 0, 0)
    written("h1", 2)
    assert (model.durations.ready.mean, model.durations.write.mean) == (speed, 2 * speed)
    (outage,) = model.outages.past
    assert (outage.service, outage.since, outage.over, outage.why) == (DATABASE, AT, AT + 900.0, "no answer")
