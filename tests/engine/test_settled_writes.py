"""Writes whose answer is missing, wrong or old: what a fresh read shows decides, and nothing is sent twice or believed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from quads_tui.rollout.causes import Cause, CredentialsRefused, StageFailure, Unreadable
from quads_tui.rollout.commands import Pause, Retry
from quads_tui.rollout.events import HostNote, Intent, Outcome
from quads_tui.rollout.foreman_host import HostRecord
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Stage

from .model import TARGET, Lab
from .model_services import ModelForeman
from .test_flow import ends, names
from .world import Machine

pytestmark = pytest.mark.looptime

NAME = names(1)[0]
WRITES = ("build", "cancel", "parameter", "rebuild")


def writes(lab: Lab) -> list[str]:
    return [event.act for event in lab.journal.events if isinstance(event, Intent) and event.act in WRITES]


def with_parameter() -> Lab:
    return Lab(
        [NAME],
        plans={NAME: HostPlan(NAME, "x", parameters=("overcloud",))},
        target=replace(TARGET, parameters={"overcloud": "true"}),
    )


# Answers that are missing


async def test_a_parameter_whose_answer_was_lost_is_found_by_a_read_and_not_sent_again() -> None:
    lab = with_parameter()
    lab.machine(NAME).troubles = [("parameter", "answer lost")]
    rollout = await lab.run()
    assert ends(rollout) == {HostStatus.DONE: 1}
    assert writes(lab) == ["parameter", "build"]
    assert lab.machine(NAME).parameters == {"overcloud": "true"}
    await lab.end()


async def test_a_parameter_that_never_arrived_is_sent_again_after_the_write_deadline() -> None:
    lab = with_parameter()
    lab.machine(NAME).troubles = [("parameter", "lost")]
    rollout = await lab.run()
    assert ends(rollout) == {HostStatus.DONE: 1}
    assert writes(lab) == ["parameter", "parameter", "build"]
    sent = [event.at for event in lab.journal.events if isinstance(event, Intent) and event.act == "parameter"]
    assert sent[1] - sent[0] > 180
    await lab.end()


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_parameter_of_a_killed_console_is_settled_by_a_read(arrived: bool) -> None:
    lab = with_parameter()
    lab.executor.start()
    while not writes(lab):
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.2)
    await lab.crash()
    if not arrived:
        for task in list(lab.world.tasks):
            task.cancel()
        lab.world.writing = 0
        await asyncio.sleep(0)
    lab.resume()
    rollout = await lab.run()
    assert ends(rollout) == {HostStatus.DONE: 1}
    assert lab.machine(NAME).parameters == {"overcloud": "true"}
    assert lab.world.peak_writes == 1
    sent = [event.at for event in lab.journal.events if isinstance(event, Intent) and event.act in WRITES]
    assert (sent[1] - sent[0] > 180) is not arrived  # where it is there, nobody waits for the write deadline
    await lab.end()


@pytest.mark.parametrize("deadline", [60.0, 900.0])
async def test_the_write_deadline_is_the_sites(deadline: float) -> None:
    """limits.write_deadline: how long a Foreman may still work on a request whose sender is gone."""
    lab = Lab(names(2), limits=Limits(write_deadline=deadline))
    lab.machine(NAME).troubles = [("build", "lost")]
    rollout = await lab.run()
    sent = [event.at for event in lab.journal.events if isinstance(event, Intent) and event.act == "build"]
    assert deadline < sent[1] - sent[0] < deadline + 60
    assert ends(rollout) == {HostStatus.DONE: 2}
    await lab.end()


async def test_refused_credentials_while_the_write_of_a_killed_console_is_settled_stop_the_rollout() -> None:
    lab = Lab(names(3))
    lab.executor.start()
    while not writes(lab):
        await asyncio.sleep(0.1)
    await lab.crash()
    for name in names(3):
        lab.machine(name).troubles = [("shown", CredentialsRefused("Foreman 401: wrong password"))]
    lab.resume()
    lab.executor.start()
    await lab.executor.settled()
    await lab.end()
    assert lab.executor.stopped == "safety"
    assert "wrong password" in lab.rollout.notices[-1].text


# Answers that are not as asked


async def test_a_build_that_is_answered_with_another_host_is_a_failure_and_nothing_is_powered_on() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("build", "ignored")] * 9
    rollout = await lab.run()
    host = rollout.hosts[NAME]
    assert (host.status, host.stage, host.cause, host.armed) == (HostStatus.FAILED, Stage.FOREMAN_BUILD, Cause.FOREMAN, False)
    assert "shows other values than were written" in host.reason
    machine = lab.machine(NAME)
    assert (machine.power, machine.override, machine.wipes) == ("Off", False, 0)
    assert set(writes(lab)) == {"build"}
    await lab.end()


async def test_a_cancel_that_foreman_accepts_and_does_not_show_is_a_failure_and_no_build_follows() -> None:
    lab = Lab([NAME])
    machine = lab.machine(NAME)
    machine.build, machine.build_status = True, 1  # somebody else's
    machine.troubles = [("cancel", "ignored")] * 9
    rollout = await lab.run()
    host = rollout.hosts[NAME]
    assert (host.status, host.stage, host.cause) == (HostStatus.FAILED, Stage.FOREMAN_BUILD, Cause.FOREMAN)
    assert "still shows the host in build mode" in host.reason
    assert set(writes(lab)) == {"cancel"}
    assert (machine.power, machine.wipes) == ("Off", 0)
    await lab.end()


@pytest.mark.parametrize("lost", [True, False])
async def test_pxe_files_are_written_again_when_foreman_does_not_tell_whether_it_took_a_write_back(lost: bool) -> None:
    lab = Lab([NAME])
    lab.world.takes_back, lab.world.no_task_lists = lost, True
    lab.machine(NAME).troubles = [("build", "answer lost")]
    rollout = await lab.run()
    assert ends(rollout) == {HostStatus.DONE: 1}
    assert (lab.machine(NAME).rebuilds, lab.machine(NAME).wipes) == (1, 1)
    assert not lab.world.violations
    await lab.end()


async def test_pxe_files_are_left_alone_when_foreman_tells_that_its_write_stands() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("build", "answer lost")]
    await lab.run()
    assert (lab.machine(NAME).rebuilds, lab.machine(NAME).wipes) == (0, 1)
    await lab.end()


# A build of an earlier attempt: adopted only as long as it stands as we want it


def expired(machine: Machine) -> None:
    machine.build_status = 2


def another_os(machine: Machine) -> None:
    machine.wanted["operatingsystem_id"] = 10


def another_owner(machine: Machine) -> None:
    machine.wanted["owner_id"] = 42


def cancelled(machine: Machine) -> None:
    machine.build, machine.build_status = False, 0


CHANGES = [expired, another_os, another_owner, cancelled]


async def built_and_failed() -> Lab:
    """A host that failed after its write: no search showed it in build."""
    lab = Lab([NAME])
    lab.executor.start()
    while not writes(lab):
        await asyncio.sleep(0.1)
    lab.machine(NAME).troubles = [("stale", "")] * 2000
    await lab.executor.settled()
    assert lab.rollout.hosts[NAME].status is HostStatus.FAILED
    assert set(writes(lab)) == {"build"}
    lab.machine(NAME).troubles = []
    return lab


async def retried(lab: Lab) -> None:
    lab.executor.submit(Retry((NAME,)))
    await asyncio.sleep(1)
    await lab.executor.settled()
    await lab.end()


async def test_a_build_that_stands_is_adopted_and_not_written_again() -> None:
    lab = await built_and_failed()
    assert writes(lab) == ["build"]  # neither did its own attempts write it again
    await retried(lab)
    assert writes(lab) == ["build"]
    assert (lab.rollout.hosts[NAME].status, lab.machine(NAME).wipes) == (HostStatus.DONE, 1)


@pytest.mark.parametrize("change", CHANGES)
async def test_a_build_that_no_longer_stands_as_wanted_is_written_again(change: object) -> None:
    lab = await built_and_failed()
    change(lab.machine(NAME))  # type: ignore[operator]
    again = ["build"] if change is cancelled else ["cancel", "build"]
    await retried(lab)
    assert writes(lab) == ["build", *again]
    machine = lab.machine(NAME)
    assert (lab.rollout.hosts[NAME].status, machine.wipes) == (HostStatus.DONE, 1)
    assert (machine.wanted["operatingsystem_id"], machine.wanted["owner_id"]) == (9, 41)


@pytest.mark.parametrize("change", [cancelled, expired])
async def test_a_build_that_no_longer_stands_arms_nobody(change: object) -> None:
    """Its successor is refused: the host is off, its override is cleared, and it is not called armed."""
    lab = await built_and_failed()
    change(lab.machine(NAME))  # type: ignore[operator]
    lab.machine(NAME).troubles = [("build", StageFailure(Cause.FOREMAN, "422", retryable=False))]
    await retried(lab)
    host, machine = lab.rollout.hosts[NAME], lab.machine(NAME)
    assert (host.status, host.armed) == (HostStatus.FAILED, False)
    assert (machine.power, machine.build, machine.override) == ("Off", False, False)


async def test_a_host_that_waits_for_its_write_says_so() -> None:
    lab = Lab([NAME])
    lab.executor.submit(Pause("writes", True))
    lab.executor.start()
    await asyncio.sleep(60)
    last = [event for event in lab.journal.events if isinstance(event, HostNote)][-1]
    assert last.waits
    assert "build" in last.text
    await lab.crash()


async def test_foreman_that_dies_under_a_write_stops_the_rollout_and_a_resume_settles_the_write() -> None:
    lab = Lab(names(4))
    for machine in lab.world.machines.values():
        machine.troubles = [("build", "answer lost")]
    lab.executor.start()
    while not lab.world.writing:
        await asyncio.sleep(0.1)
    write = next(event for event in lab.journal.events if isinstance(event, Intent) and event.act == "build")
    first = write.host
    lab.world.no_looks = StageFailure(Cause.UNREACHABLE, "Foreman refused the connection", service="Foreman")
    await asyncio.wait_for(lab.executor.settled(), 3600)
    assert lab.executor.stopped == "safety"
    assert (
        lab.rollout.notices[-1].text
        == f"stopped: Foreman has been unavailable for 15 min: the result of the write for {first} is unknown"
    )
    outcomes = [(event.host, event.number) for event in lab.journal.events if isinstance(event, Outcome)]
    assert (first, write.number) not in outcomes
    await lab.end()
    lab.world.no_looks = None
    lab.resume()
    rollout = await lab.run()
    assert ends(rollout) == {HostStatus.DONE: 4}
    assert lab.world.builds[first] == 1
    await lab.end()


class OddRecord(ModelForeman):
    """From its build write on, the record of one host cannot be read; searches and all other hosts can."""

    async def host(self, name: str) -> HostRecord | None:
        if name == NAME and self._world.writes[NAME]:
            raise Unreadable("Foreman shows it with installed_at []")
        return await super().host(name)


async def test_a_host_whose_record_cannot_be_read_after_its_write_fails_and_the_others_go_on() -> None:
    lab = Lab(names(4), foreman=OddRecord)
    lab.machine(NAME).troubles = [("build", "answer lost")]
    rollout = await lab.run()
    assert ends(rollout) == {HostStatus.DONE: 3, HostStatus.FAILED: 1}
    failed = rollout.hosts[NAME]
    assert "the write took effect, but the host in Foreman is not readable now: Foreman shows it with" in failed.reason
    assert failed.safety is Safety.OFF
    assert writes(lab).count("build") == 4
    await lab.end()


async def test_the_write_of_a_dead_process_is_settled_though_the_record_of_its_host_cannot_be_read() -> None:
    lab = Lab([NAME], foreman=OddRecord)
    lab.machine(NAME).troubles = [("build", "answer lost")]
    lab.executor.start()
    while not writes(lab):
        await lab.clock.sleep(1)
    await lab.clock.sleep(0.2)
    await lab.crash()
    lab.resume()
    await lab.run()
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    assert writes(lab) == ["build", "cancel", "build"], "in build by a write of which nothing is known: taken back first"
    await lab.end()
