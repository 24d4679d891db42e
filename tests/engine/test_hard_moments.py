"""Foreman away, or a machine touched by others, at the moment that decides: nothing is lost, guessed or left armed unsaid."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.commands import Retry, Skip
from quads_tui.rollout.events import Intent
from quads_tui.rollout.stages import HostStatus, Stage

from .model import TARGET, Lab
from .model_services import ModelForeman
from .test_first_write import fleet, lab_of, refused

pytestmark = pytest.mark.looptime

AWAY = StageFailure(Cause.UNREACHABLE, "Foreman refused the connection", service="Foreman")


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.05)


async def test_a_build_that_was_settled_as_applied_is_taken_back_by_a_skip_though_the_next_look_fails() -> None:
    lab = lab_of(2)
    name = next(iter(lab.rollout.hosts))
    machine, host = lab.machine(name), lab.rollout.hosts[name]
    machine.troubles = [("build", "answer lost"), *(("shown", AWAY) for _ in range(20))]
    lab.executor.start()
    await until(lambda: machine.build and len(machine.troubles) < 15)
    lab.executor.submit(Skip((name,), "why"))
    await lab.executor.settled()
    await lab.end()
    assert host.status is HostStatus.SKIPPED
    assert (machine.build, machine.override, host.armed) == (False, False, False)


async def test_a_retry_sees_a_machine_off_again_that_somebody_switched_on_since() -> None:
    lab = lab_of(2)
    name = next(iter(lab.rollout.hosts))
    machine, host = lab.machine(name), lab.rollout.hosts[name]
    machine.troubles = [("build", refused())]
    lab.executor.start()
    await until(lambda: host.status is HostStatus.FAILED)
    machine.power = "On"
    lab.executor.submit(Retry((name,)))
    await until(lambda: host.status is not HostStatus.FAILED)
    await lab.executor.settled()
    await lab.end()
    assert host.status is HostStatus.DONE
    assert machine.wipes == 1


async def test_nothing_is_read_between_the_intent_and_the_write_of_a_parameter() -> None:
    class Slow(ModelForeman):
        async def parameter_id(self, host: str, name: str) -> str:
            await self._world.clock.sleep(25)
            return await super().parameter_id(host, name)

    plans = {name: replace(plan, parameters=("overcloud",)) for name, plan in fleet(3).items()}
    lab = Lab(list(plans), plans=plans, target=replace(TARGET, parameters={"overcloud": "true"}), foreman=Slow)
    lab.executor.start()
    await lab.executor.settled()
    await lab.end()
    assert {host.status for host in lab.rollout.hosts.values()} == {HostStatus.DONE}
    assert Counter(e.act for e in lab.journal.events if isinstance(e, Intent))["parameter"] == 3


async def test_hosts_are_not_failed_because_foreman_is_away_while_they_are_compared() -> None:
    class Restarts(ModelForeman):
        async def provisioning_macs(self, host: str) -> frozenset[str]:
            if 100 < self._world.clock.now() - began < 280:
                raise AWAY
            return await super().provisioning_macs(host)

    plans = {name: replace(plan, mac=f"06:bb:00:00:00:{n:02x}") for n, (name, plan) in enumerate(fleet(60).items())}
    lab = Lab(list(plans), plans=plans, foreman=Restarts)
    began = lab.clock.now()
    lab.executor.start()
    await lab.executor.settled()
    await lab.end()
    assert {host.status for host in lab.rollout.hosts.values()} == {HostStatus.DONE}


async def test_an_install_that_ended_while_foreman_was_away_is_done() -> None:
    class NoSearch(ModelForeman):
        async def in_build(self) -> frozenset[str]:
            if booted:
                raise AWAY
            return await super().in_build()

    plans, booted = fleet(2), list[str]()
    lab = Lab(list(plans), plans=plans, foreman=NoSearch)
    lab.executor.start()
    await until(lambda: all(host.stage is Stage.INSTALL for host in lab.rollout.hosts.values()))
    booted += plans  # from here on only the one read of each host at its deadline is answered
    await lab.executor.settled()
    await lab.end()
    assert {host.status for host in lab.rollout.hosts.values()} == {HostStatus.DONE}
