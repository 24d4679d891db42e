"""Writes that did not leave, that met another one, or whose host vanished: what is told, remembered and tried again."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.commands import Skip
from quads_tui.rollout.events import Intent, Outcome
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.plan import Target
from quads_tui.rollout.ports import Ticket, UnknownOutcome
from quads_tui.rollout.stages import HostStatus, Stage

from .model import Lab
from .model_services import ModelForeman
from .test_flow import ends, names
from .test_ways_out import assert_disarmed, ordered
from .timeline import NAME, failures, told, whole, without_seconds

pytestmark = pytest.mark.looptime


def outcomes(lab: Lab, act: str) -> list[tuple[str, dict[str, object]]]:
    numbers = {event.number for event in lab.journal.events if isinstance(event, Intent) and event.act == act}
    return [
        (event.result, event.detail) for event in lab.journal.events if isinstance(event, Outcome) and event.number in numbers
    ]


def sent_at(lab: Lab, act: str) -> list[float]:
    return [event.at for event in lab.journal.events if isinstance(event, Intent) and event.act == act]


async def slow() -> None:
    """Longer than an intent may stand before its first byte."""
    await asyncio.sleep(11)


class Slow(ModelForeman):
    """The connection of every build stands only when its intent is old, `times` times."""

    times = 0

    async def build(self, ticket: Ticket, host: str, target: Target, progress: str) -> HostRecord:
        if Slow.times:
            Slow.times -= 1
            await slow()
        return await super().build(ticket, host, target, progress)


async def test_a_write_that_is_not_let_out_queues_again_with_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Slow, "times", 9)
    lab = await whole(Lab([NAME], foreman=Slow))
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    at = sent_at(lab, "build")
    assert [round(later - earlier - 11) for earlier, later in pairwise(at)] == [1, 2, 4, 8, 16, 30, 30, 30, 30]
    why = "too much time passed between preparing and sending the request"
    assert outcomes(lab, "build")[:-1] == [("absent", {"why": f"not sent: {why}"})] * 9
    assert told(lab).count(f"note: the write (build) was not sent, and is tried again: {why}") == 9
    assert told(lab).count("waits: waiting for its turn in the Foreman write queue (build)") == 10
    assert lab.rollout.hosts[NAME].attempts[Stage.FOREMAN_BUILD] == 1


async def test_a_write_that_is_not_let_out_ten_times_is_a_foreman_that_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Slow, "times", 10)
    lab = await whole(Lab([NAME], foreman=Slow))
    words = "the write (build) was not sent in 10 tries: too much time passed between preparing and sending the request"
    assert failures(lab, Stage.FOREMAN_BUILD) == [(Cause.BUSY, words)]
    assert ends(lab.rollout) == {HostStatus.DONE: 1}  # and it is tried again


async def test_a_write_that_a_stop_kept_back_is_told_as_absent() -> None:
    class Stopping(ModelForeman):
        async def build(self, ticket: Ticket, host: str, target: Target, progress: str) -> HostRecord:
            lab.executor.stop("operator")
            return await super().build(ticket, host, target, progress)

    lab = Lab([NAME], foreman=Stopping)
    await lab.run()
    await lab.end()
    assert outcomes(lab, "build") == [("absent", {"why": "not sent: the rollout is stopping"})]
    assert not lab.world.writes


class Met(ModelForeman):
    """The first build is applied and rolled back all the same: another write met it. `retryable`: what its answer says."""

    retryable = True
    times = 1

    async def build(self, ticket: Ticket, host: str, target: Target, progress: str) -> HostRecord:
        record = await super().build(ticket, host, target, progress)
        if Met.times:
            Met.times -= 1
            self._world.machines[host].pxe_lost = True
            raise StageFailure(Cause.FOREMAN, "rolled back", retryable=Met.retryable)
        return record


async def test_a_host_that_another_write_put_in_build_gets_its_pxe_files_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Met, "times", 1)
    lab = await whole(Lab([NAME], foreman=Met))
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    lines = without_seconds(told(lab))
    began = lines.index("intent: build")
    assert lines[began : began + 11] == [
        "intent: build",
        "outcome: refused (rolled back)",
        "note: the write failed, but the host is in build mode as planned, through another write: rolled back",
        "remembers baseline=set, built_at=set, pxe_lost=True, start=foreman_build",
        "armed",
        "note: in build mode, but Foreman deleted the PXE files of the host: asking Foreman to write them again",
        "waits: waiting for its turn in the Foreman write queue (rebuild)",
        "intent: rebuild",
        "remembers pxe_lost=False",
        "outcome: applied",
        "waits: written; waiting until a read of Foreman confirms build mode",
    ]
    assert (lab.machine(NAME).rebuilds, lab.world.builds[NAME], lab.world.violations) == (1, 1, [])


async def test_a_refusal_after_which_foreman_shows_the_host_out_of_build_is_a_refusal() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("build", StageFailure(Cause.FOREMAN, "no free address"))]
    await whole(lab)
    assert failures(lab, Stage.FOREMAN_BUILD) == [(Cause.FOREMAN, "no free address")]
    assert lab.machine(NAME).rebuilds == 0


async def test_a_validation_is_no_meeting_of_two_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Met, "times", 1)
    monkeypatch.setattr(Met, "retryable", False)
    lab = await whole(Lab([NAME], foreman=Met))
    assert lab.rollout.hosts[NAME].status is HostStatus.FAILED
    assert lab.machine(NAME).rebuilds == 0


class Vanishing(ModelForeman):
    """The answer of the first build is lost, and the next read shows no such host."""

    async def build(self, ticket: Ticket, host: str, target: Target, progress: str) -> HostRecord:
        record = await super().build(ticket, host, target, progress)
        if self._world.builds[host] == 1:
            self._world.machines[host].gone = True
            raise UnknownOutcome("no answer in time")
        return record


async def test_a_host_that_vanishes_after_its_write_was_settled_is_told_and_still_taken_out_of_build() -> None:
    lab = Lab([NAME], foreman=Vanishing, limits=Limits(attempts=1))
    await lab.run()
    assert failures(lab, Stage.FOREMAN_BUILD) == [
        (Cause.UNKNOWN, "after the write, Foreman has no host of this name: it was renamed or deleted")
    ]
    assert "remembers left_in_build=True, start=foreman_build" in told(lab)
    lab.machine(NAME).gone = False
    await ordered(lab, Skip((NAME,), "gone"))
    assert_disarmed(lab)
    assert "remembers left_in_build=False" in told(lab)
    await lab.end()


async def test_what_the_outcome_of_a_write_keeps() -> None:
    lab = await whole(Lab([NAME]))
    [(result, detail)] = outcomes(lab, "build")
    assert (result, detail["build"]) == ("applied", True)
    assert str(detail["installed_at"]).startswith("2026-10-23")
    lab = Lab([NAME])
    lab.machine(NAME).installed_at = None
    await whole(lab)
    assert outcomes(lab, "build") == [("applied", {"installed_at": None, "build": True})]


async def test_a_write_that_did_not_happen_is_told_with_its_reason_and_not_looked_at_again() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("build", "lost")]
    await whole(lab)
    assert outcomes(lab, "build")[0] == ("absent", {"why": "connection reset"})
    assert failures(lab, Stage.FOREMAN_BUILD) == [(Cause.FOREMAN, "the write did not take effect: connection reset")]
    assert lab.world.reads["host"] == 0
    assert ends(lab.rollout) == {HostStatus.DONE: 1}


async def test_the_read_after_a_settled_write_is_repeated_at_the_pace_of_the_looks() -> None:
    lab = Lab([NAME], limits=Limits(poll=30))
    silent = ("shown", StageFailure(Cause.UNREACHABLE, "silent"))
    lab.machine(NAME).troubles = [("build", "answer lost"), silent, silent]
    await whole(lab)
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    written = next(event for event in lab.journal.events if isinstance(event, Outcome) and event.result == "applied")
    assert 60 <= written.at - sent_at(lab, "build")[0] <= 63


async def test_a_write_of_a_killed_console_that_never_arrived_is_told_as_absent() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("build", "lost")]
    lab.executor.start()
    while not sent_at(lab, "build"):
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    await lab.crash()
    lab.resume()
    await whole(lab)
    assert outcomes(lab, "build")[0] == ("absent", {"why": "checked after quads-tui exited: the write did not take effect"})
    note = "waits: quads-tui exited during a write for this host (build): Foreman writes are blocked until its result is known"
    assert note in told(lab)
    assert ends(lab.rollout) == {HostStatus.DONE: 1}


async def test_each_write_of_an_ownership_is_one_and_carries_no_build() -> None:
    lab = await whole(Lab(names(3)))
    assert lab.world.writes == dict.fromkeys(names(3), 1)
