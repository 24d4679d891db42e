"""What the executor answers an operator, and when nothing is left that could move."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.commands import Disarm, Hold, Pause, RecordRowCommand, Release, Retry, Skip, Stop, Unskip
from quads_tui.rollout.events import HostNote, Ordered
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.stages import HostStatus, Kind, Stage

from .model import Lab, busy
from .test_flow import ends, names
from .test_ways_out import ordered, until
from .timeline import NAME, audit, ended, pauses, told, whole, without_seconds

pytestmark = pytest.mark.looptime

NEVER_ON = StageFailure(Cause.TIMEOUT, "never On", retryable=False)


def orders(lab: Lab) -> list[tuple[str, str, str]]:
    return [(event.host, event.order, event.reason) for event in lab.journal.events if isinstance(event, Ordered)]


# The audit


async def test_every_order_is_answered_with_what_came_of_it() -> None:
    """As the operator reads it, and as the audit keeps it."""
    lab = Lab(names(8))
    hosts = tuple(names(8))
    lab.executor.submit(Pause("admission", True))
    lab.executor.start()
    await asyncio.sleep(30)
    for command in (
        Pause("writes", True),
        Pause("writes", False),
        Pause("model R650", True),
        Retry(hosts),
        Retry(hosts[:1], from_start=True),
        Skip(hosts[:7], ""),
        Hold(hosts[7:], ""),
    ):
        lab.executor.submit(command)
    await asyncio.sleep(30)
    for command in (
        Unskip((*hosts[:2], hosts[7], "stranger")),
        Release(hosts[6:]),
        Release(hosts[7:]),
        Disarm((hosts[2], "stranger")),
        Skip(("stranger",), "x"),
        Retry(hosts[3:5], from_start=True),
        Pause("admission", False),
    ):
        lab.executor.submit(command)
    await asyncio.sleep(30)
    lab.executor.submit(Stop())
    await asyncio.sleep(1)
    short = names(8)
    assert audit(lab.journal.events) == [
        "new hosts paused",
        "Foreman writes paused",
        "Foreman writes resumed",
        "model R650: unknown; only new hosts (of all or of one model) and writes can be paused",
        "retry: no host; not possible for 8 in their state",
        "retry from the start: no host; not possible for 1 in their state",
        f"skip: {', '.join(short[:5])} and 2 more",
        f"hold: {short[7]}",
        f"unskip: {short[0]}, {short[1]}; not possible for 2 in their state",
        f"release: {short[7]}; not possible for 1 in their state",
        "release: no host; not possible for 1 in their state",
        f"disarm: no host; not armed, nothing done: {short[2]}; not possible for 1 in their state",
        "skip: no host; not possible for 1 in their state",
        f"retry from the start: {short[3]}, {short[4]}",
        "new hosts resumed",
        "stop: nothing new is started; quads-tui waits for the answers to the requests already sent",
    ]
    assert orders(lab) == [
        *((name, "skip", "skipped by the operator") for name in short[:7]),
        (short[7], "hold", "held by the operator"),
    ]
    await lab.end()
    assert ended(lab.journal.events) == ["operator"]


async def test_pauses_are_told_with_who_and_why() -> None:
    lab = Lab([NAME])
    for what in ("writes", "admission"):
        lab.executor.submit(Pause(what, True))
        lab.executor.submit(Pause(what, False))
    await whole(lab)
    who, why = "me@here", "by the operator"
    assert pauses(lab.journal.events) == [
        ("writes", True, who, why),
        ("writes", False, who, ""),
        ("admission", True, who, why),
        ("admission", False, who, ""),
    ]


async def test_five_hosts_are_named_and_the_sixth_is_counted() -> None:
    for count, tail in ((5, ""), (6, " and 1 more")):
        lab = Lab(names(count))
        lab.executor.submit(Skip(tuple(names(count)), "no"))
        await whole(lab)
        assert audit(lab.journal.events) == [f"skip: {', '.join(names(5))}{tail}"]


async def test_a_row_command_is_kept_and_changes_nothing() -> None:
    lab = Lab(names(2))
    lab.executor.start()
    await asyncio.sleep(5)
    host = names(1)[0]
    before = lab.rollout.hosts[host].status, lab.rollout.hosts[host].note
    lab.executor.submit(RecordRowCommand((host, "stranger"), "ssh in the pane:\x1b[2J ssh root@x" + "y" * 1000))
    await asyncio.sleep(0.01)
    assert (lab.rollout.hosts[host].status, lab.rollout.hosts[host].note) == before
    (noted,) = [event for event in lab.journal.events if isinstance(event, HostNote) and event.text.startswith("ssh in")]
    assert (noted.host, noted.waits, len(noted.text)) == (host, False, 500)
    assert noted.text.isprintable()
    assert audit(lab.journal.events)[-1] == noted.text
    await lab.end()


async def test_nothing_can_be_ordered_after_a_stop() -> None:
    lab = Lab(names(2))
    lab.machine(NAME).troubles = [("on", NEVER_ON)]
    await lab.run()
    lab.executor.stop("SIGTERM")
    lab.executor.stop("operator")  # the first reason stays
    for command in (Retry((NAME,)), Skip((NAME,), ""), Hold((NAME,), ""), Disarm((NAME,)), Unskip((NAME,)), Release((NAME,))):
        lab.executor.submit(command)
    await asyncio.wait_for(lab.executor.settled(), 1)
    await asyncio.sleep(10)
    assert [text.partition(":")[2] for text in audit(lab.journal.events)] == [" no host; not possible for 1 in their state"] * 6
    assert lab.executor.halted.is_set()
    await lab.end()
    assert ended(lab.journal.events) == ["SIGTERM"]


async def test_a_rollout_that_comes_to_its_end_was_not_stopped() -> None:
    lab = Lab([NAME])
    assert not lab.executor.halted.is_set()
    await lab.run()
    lab.executor.stop("")
    assert not lab.executor.halted.is_set()
    await lab.end()
    assert (lab.executor.stopped, ended(lab.journal.events)) == ("", [""])


async def test_a_host_that_is_under_way_is_neither_retried_nor_disarmed() -> None:
    lab = Lab([NAME])
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    await ordered(lab, Retry((NAME,)), Disarm((NAME,)), Unskip((NAME,)), Release((NAME,)))
    assert all("no host" in text for text in audit(lab.journal.events))
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    assert lab.machine(NAME).wipes == 1
    await lab.end()


async def test_a_disarmed_host_stays_failed_and_a_retry_begins_anew() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("on", NEVER_ON)]
    await lab.run()
    await ordered(lab, Disarm((NAME,)))
    assert lab.rollout.hosts[NAME].status is HostStatus.FAILED
    assert without_seconds(told(lab))[-1] == "remembers failed=power_off/unknown"
    events = len(lab.journal.events)
    await ordered(lab, Disarm((NAME,)))
    assert audit(lab.journal.events) == [f"disarm: {NAME}", f"disarm: no host; not armed, nothing done: {NAME}"]
    assert len(lab.journal.events) == events + 1, "nothing was done but to answer"
    await ordered(lab, Retry((NAME,)))
    await lab.end()
    assert (ends(lab.rollout), lab.machine(NAME).wipes, lab.world.builds[NAME]) == ({HostStatus.DONE: 1}, 1, 2)


@pytest.mark.parametrize(("order", "status"), [(Skip, HostStatus.SKIPPED), (Hold, HostStatus.HELD)])
async def test_a_failed_host_that_is_taken_out_is_disarmed_and_comes_back_whole(order: Any, status: HostStatus) -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("on", NEVER_ON)]
    await lab.run()
    assert lab.rollout.hosts[NAME].armed
    await ordered(lab, order((NAME,), "enough"))
    assert (lab.rollout.hosts[NAME].status, lab.rollout.hosts[NAME].armed) == (status, False)
    await ordered(lab, Unskip((NAME,)), Release((NAME,)))
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 1}


async def test_many_retries_begin_one_after_the_other_and_say_so() -> None:
    count = 45
    lab = Lab(names(count), kind=Kind.SPARE)
    for name in names(count):
        lab.machine(name).troubles = [("off", StageFailure(Cause.REFUSED, "no", retryable=False))]
    await lab.run()
    await ordered(lab, Retry(tuple(names(count))))
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: count}
    notes = {event.host: event.text for event in lab.journal.events if isinstance(event, HostNote) and event.waits}
    assert notes == {
        name: f"starts in {number * 0.05:.0f} s: retried hosts start one after another"
        for number, name in enumerate(names(count))
        if number >= 20
    }


# Settled


async def test_a_rollout_under_a_pause_is_settled_when_no_host_can_move_and_held_back_by_a_cause_only() -> None:
    lab = Lab(names(2))
    lab.executor.submit(Pause("admission", True))
    await lab.run()
    assert not lab.executor.held_back  # the operator's own pause
    lab.executor.submit(Pause("admission", False))
    await lab.executor.settled()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 2}


async def test_a_busy_bmc_under_a_pause_is_no_standstill() -> None:
    lab = Lab(names(1))
    lab.machine(NAME).troubles = [("off", busy())] * 2
    lab.executor.start()
    await asyncio.sleep(0.5)
    lab.executor.submit(Pause("admission", True))
    await lab.executor.settled()
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    await lab.end()


async def test_who_waits_for_the_end_after_an_order_waits_for_what_comes_of_it() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("off", StageFailure(Cause.REFUSED, "no", retryable=False))]
    await lab.run()
    lab.executor.submit(Retry((NAME,)))
    await lab.executor.settled()
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    lab.executor.submit(Retry((NAME,)))  # of a host that is done: nothing comes of it
    await asyncio.wait_for(lab.executor.settled(), 1)
    await lab.end()


async def test_hosts_that_are_about_to_be_let_in_are_waited_for() -> None:
    """A pause that is lifted while others stand: the rollout has not settled in that very moment."""
    lab = Lab(names(9), limits=Limits(ahead=2))
    lab.executor.submit(Pause("writes", True))
    await lab.run()
    assert sum(machine.power == "Off" for machine in lab.world.machines.values()) == 2
    assert not lab.world.writes
    lab.executor.submit(Pause("writes", False))
    lab.executor.submit(Pause("admission", True))
    await lab.executor.settled()
    assert ends(lab.rollout) == {HostStatus.DONE: 2, HostStatus.QUEUED: 7}
    lab.executor.submit(Pause("admission", False))
    await lab.executor.settled()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 9}
