"""The limits on hosts that install at once and on machines that are powered on in a rack: kept, said, and costing nobody else."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest

from quads_tui.rollout.events import HostNote, StageChanged
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus

from .model import Lab
from .test_flow import ends, names

pytestmark = pytest.mark.looptime


def lab_of(count: int, limits: Limits, racks: int = 1, kind: Kind = Kind.BUILD) -> Lab:
    hosts = names(count)
    plans = {name: HostPlan(name, f"https://mgmt-{name}", rack=f"e{n % racks}") for n, name in enumerate(hosts)}
    return Lab(hosts, plans=plans, limits=limits, kind=kind)


async def whole(lab: Lab) -> None:
    await lab.run()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: len(lab.rollout.hosts)}
    assert not lab.world.violations


def most_at_once(lab: Lab, first: Stage) -> int:
    """Hosts between the begin of this stage and the end of their install."""
    now = most = 0
    for event in lab.journal.events:
        if isinstance(event, StageChanged):
            now += event.stage is first and event.status is StageStatus.STARTED
            now -= event.stage is Stage.INSTALL and event.status is StageStatus.FINISHED
            most = max(most, now)
    return most


@pytest.mark.parametrize("most", [1, 5])
async def test_no_more_hosts_than_the_limit_install_or_stand_dark_for_it(most: int) -> None:
    lab = lab_of(12, Limits(installing=most))
    await whole(lab)
    assert most_at_once(lab, Stage.POWER_OFF) == most
    hosts = "1 host is" if most == 1 else "5 hosts are"
    words = f"waiting for an install to end: {hosts} under way (limits.installing)"
    assert words in {e.text for e in lab.journal.events if isinstance(e, HostNote) and e.waits}


async def test_without_the_limit_all_install_at_once() -> None:
    lab = lab_of(12, Limits())
    await whole(lab)
    assert most_at_once(lab, Stage.INSTALL) == 12


async def test_a_failed_host_makes_room_for_another() -> None:
    lab = lab_of(6, Limits(installing=2))
    lab.machine(names(6)[0]).installs = "failed"
    await lab.run()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 5, HostStatus.FAILED: 1}


async def test_hosts_that_are_not_built_know_no_such_limit() -> None:
    lab = lab_of(6, Limits(installing=1), kind=Kind.SPARE)
    began = lab.clock.now()
    await whole(lab)
    assert lab.clock.now() - began < 60


async def test_after_a_resume_those_that_install_count_from_the_first_moment_on() -> None:
    lab = lab_of(12, Limits(installing=3))
    lab.executor.start()
    while lab.rollout.at_stage[Stage.INSTALL] < 3:
        await asyncio.sleep(0.1)
    await lab.crash()
    lab.resume()
    await whole(lab)
    assert most_at_once(lab, Stage.POWER_OFF) == 3


@pytest.mark.parametrize("most", [1, 2])
async def test_a_resume_with_a_lower_limit_goes_on_with_those_that_stand_dark(most: int) -> None:
    lab = lab_of(12, Limits())
    lab.executor.start()
    while len(lab.rollout.powered_off_waiting) < 5:
        await asyncio.sleep(0.1)
    await lab.crash()
    begun = {event.host for event in lab.journal.events if isinstance(event, StageChanged)}
    lab._limits = Limits(installing=most)
    lab.resume()
    lab.executor.start()
    await asyncio.sleep(300)
    assert {event.host for event in lab.journal.events if isinstance(event, StageChanged)} == begun  # and with no others yet
    await asyncio.wait_for(lab.executor.settled(), 24 * 3600)
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 12}


@pytest.mark.parametrize(("most", "interval"), [(1, 30.0), (3, 60.0)])
async def test_no_more_machines_of_a_rack_are_powered_on_in_an_interval(most: int, interval: float) -> None:
    lab = lab_of(12, Limits(power_on_per_rack=most, power_on_interval=interval), racks=2)
    await whole(lab)
    on: dict[str, list[float]] = defaultdict(list)
    for event in lab.journal.events:
        if isinstance(event, StageChanged) and event.stage is Stage.POWER_ON and event.status is StageStatus.STARTED:
            on[lab.plan.hosts[names(12).index(event.host)].rack].append(event.at)
    assert len(on) == 2
    for times in on.values():
        assert all(later - first >= interval - 0.01 for first, later in zip(times, times[most:], strict=False))
        assert times[-1] - times[0] < 6 / most * interval + 60  # and no slower than need be
    hosts = "1 host" if most == 1 else "3 hosts"
    words = f"waiting to power on: at most {hosts} of rack e0 in {interval:g} s (limits.power_on_per_rack)"
    assert words in {e.text for e in lab.journal.events if isinstance(e, HostNote) and e.waits}
