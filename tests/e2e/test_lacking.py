"""BMCs that cannot do what a rollout needs: told by plan and check, and their hosts are never switched off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from quads_tui.cli.check import with_plan_findings
from quads_tui.cli.checked import Checked
from quads_tui.cli.headless import headless
from quads_tui.cli.terminal import TerminalOperator
from quads_tui.emulators.bmc.fleet import Fleet
from quads_tui.emulators.bmc.missing_features import NoForceOff, NoOverride
from quads_tui.emulators.foreman import ForemanEmulator, ForemanOptions
from quads_tui.emulators.interfaces import Machine, Time
from quads_tui.inputs import Assignment, HostSpec, load_site
from quads_tui.planning.bmc_survey import NO_FORCE_OFF, NO_OVERRIDE
from quads_tui.rollout.plan import Plan
from quads_tui.rollout.stages import Stage
from quads_tui.runtime.launch import checked_plan, open_clients, roll_out
from quads_tui.runtime.options import Options
from quads_tui.runtime.process_resources import ProcessResources
from quads_tui.runtime.rollout_input import RolloutInput

SPEED = 200.0
MODELS = ("R650", "1029U", "R650", "DL360")
NAMES = [f"f01-h{n:02}-000-{model.lower()}.example.com" for n, model in enumerate(MODELS)]
FAULTS = {NAMES[0]: NoOverride(), NAMES[1]: NoForceOff(), NAMES[3]: NoForceOff()}


@pytest.fixture
async def work(tmp_path: Path) -> AsyncIterator[tuple[RolloutInput, Fleet]]:
    machines = [
        Machine(name, model, f"04:3f:72:00:00:{n:02x}") for n, (name, model) in enumerate(zip(NAMES, MODELS, strict=True))
    ]
    time = Time(SPEED)
    foreman = ForemanEmulator(machines, time=time, seed=1, options=ForemanOptions())
    fleet = Fleet(machines, time=time, seed=1, provisioner=foreman, username="root", password="pw", faults=FAULTS)
    url = await foreman.serve()
    await fleet.serve()
    for name, bmc in fleet.bmcs.items():
        foreman.boots(name, bmc.hardware.boot.mode)
    site = tmp_path / "site.yaml"
    site.write_text(
        f"foreman: {{url: '{url}', username: admin, password: changeme}}\n"
        f"redfish: {{username: root, password: pw, tls: {{verify: false}}}}\nspeed: {SPEED}\n"
    )
    hosts = tuple(HostSpec(name, model, fleet.address(name)) for name, model in zip(NAMES, MODELS, strict=True))
    given = Assignment(tmp_path / "a.yaml", "cloud02", hosts, os="RHEL 9.4", ptable="generic-rhel9", medium="RHEL Local")
    yield RolloutInput((given,), load_site(site)), fleet
    await fleet.close()
    await foreman.close()


async def plan_of(work: RolloutInput, options: Options) -> Plan:
    async with open_clients(work.site, options) as (services, _):
        return await checked_plan(work, services, None, options, lambda line: None)


async def test_b4_a_host_whose_bmc_lacks_override_or_force_off_is_told_and_never_switched_off(
    work: tuple[RolloutInput, Fleet], tmp_path: Path
) -> None:
    made, fleet = work
    options = Options(state_dir=tmp_path / "state", headless=True, yes=True)
    plan = await plan_of(made, options)
    assert [(host.blocker, host.blocker_stage) for host in plan.hosts] == [
        (NO_OVERRIDE, Stage.PXE_SET),
        (NO_FORCE_OFF, Stage.POWER_OFF),
        ("", None),
        (NO_FORCE_OFF, Stage.POWER_OFF),
    ]
    told = with_plan_findings(Checked(NAMES[0], fleet.address(NAMES[0]), ok=True), {host.name: host for host in plan.hosts})
    assert (told.ok, told.problem) == (False, NO_OVERRIDE)
    assert (
        await asyncio.wait_for(
            roll_out(replace(made), options, ProcessResources(), TerminalOperator(), partial(headless, json=False)), 120
        )
        == 1
    )
    assert [fleet.bmcs[name].hardware.resets for name in NAMES] == [0, 0, 2, 0]
    assert [fleet.bmcs[name].hardware.power for name in NAMES] == ["On"] * 4
