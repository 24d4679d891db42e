"""A host whose record in Foreman is odd or gone after its write: it fails, its write is not sent again, and the others go on."""

from __future__ import annotations

import asyncio

import pytest

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.commands import Retry, Skip
from quads_tui.rollout.events import Intent, Outcome
from quads_tui.rollout.ports import Probe
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Stage

from .model import Lab
from .model_services import ModelForeman
from .test_flow import ends, names
from .test_settled_writes import writes

pytestmark = pytest.mark.looptime

NAME = names(1)[0]


class HiddenForeman(ModelForeman):
    """No look at what became of a write shows NAME, until `machine.gone` is False again."""

    async def probe_host(self, name: str, wanted: dict[str, object], progress: str) -> Probe:
        return Probe.ODD if self._world.machines[name].gone else await super().probe_host(name, wanted, progress)


def lab_of(count: int) -> Lab:
    """The answer to the build write of NAME is lost, and from then on Foreman shows no such host."""
    lab = Lab(names(count), foreman=HiddenForeman)
    lab.machine(NAME).troubles = [("build", "answer lost")]
    return lab


async def sent(lab: Lab) -> None:
    lab.executor.start()
    while not lab.world.writes[NAME]:
        await lab.clock.sleep(0.1)
    lab.machine(NAME).gone = True


def assert_failed(lab: Lab) -> None:
    host = lab.rollout.hosts[NAME]
    assert (host.status, host.stage, host.cause) == (HostStatus.FAILED, Stage.FOREMAN_BUILD, Cause.UNKNOWN)
    assert "the result of the last write is unknown: it can no longer arrive" in host.reason
    assert "check it in Foreman before you retry" in host.reason
    assert (host.safety, host.armed) == (Safety.UNKNOWN, False)
    assert [event.act for event in lab.journal.events if isinstance(event, Intent) and event.host == NAME].count("build") == 1
    machine = lab.machine(NAME)
    assert (machine.power, machine.override, machine.wipes) == ("Off", False, 0)


async def test_one_host_that_foreman_no_longer_shows_does_not_stop_the_others() -> None:
    lab = lab_of(4)
    await sent(lab)
    await lab.executor.settled()
    assert ends(lab.rollout) == {HostStatus.DONE: 3, HostStatus.FAILED: 1}
    assert_failed(lab)
    assert lab.executor.stopped == ""
    intents = [event for event in lab.journal.events if isinstance(event, Intent) and event.act == "build"]
    assert intents[1].at - intents[0].at > 180, "nothing is written before the deadline of the write that nobody can read"
    results = {event.number: event.result for event in lab.journal.events if isinstance(event, Outcome)}
    assert results[intents[0].number] == "unknown"
    await lab.end()


async def test_a_retry_by_a_human_takes_it_out_of_build_and_builds_it() -> None:
    lab = lab_of(2)
    await sent(lab)
    await lab.executor.settled()
    lab.machine(NAME).gone = False
    lab.executor.submit(Retry((NAME,)))
    await lab.clock.sleep(1)
    await lab.executor.settled()
    assert ends(lab.rollout) == {HostStatus.DONE: 2}
    assert [act for act in writes(lab) if act != "build"] == ["cancel"], "it was in build by the write that nobody could read"
    assert lab.machine(NAME).wipes == 1
    await lab.end()


async def test_a_skip_by_a_human_takes_it_out_of_build() -> None:
    lab = lab_of(2)
    await sent(lab)
    await lab.executor.settled()
    lab.machine(NAME).gone = False
    lab.executor.submit(Skip((NAME,), "broken"))
    await lab.clock.sleep(1)
    await lab.executor.settled()
    assert (lab.rollout.hosts[NAME].status, lab.machine(NAME).build) == (HostStatus.SKIPPED, False)
    await lab.end()


@pytest.mark.parametrize("again", [False, True])
async def test_a_resume_ends_the_host_too_and_writes_nothing_for_it(again: bool) -> None:
    """`again`: the resumed process is killed as well, when the outcome is on disk and the end of the host is not."""
    lab = lab_of(3)
    await sent(lab)
    await lab.crash()
    lab.resume()
    lab.executor.start()
    if again:
        while not any(isinstance(event, Outcome) and event.result == "unknown" for event in lab.journal.events):
            await asyncio.sleep(1)
        assert lab.rollout.hosts[NAME].status is not HostStatus.FAILED
        await lab.crash()
        lab.machine(NAME).gone = False  # even if Foreman shows it now, nobody knows what was done to it meanwhile
        lab.resume()
        lab.executor.start()
    await lab.executor.settled()
    assert ends(lab.rollout) == {HostStatus.DONE: 2, HostStatus.FAILED: 1}
    assert_failed(lab)
    await lab.end()
