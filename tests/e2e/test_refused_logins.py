"""A BMC that refuses the password: how often it is sent, over survey, attempts, processes, and an operator's retries."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from quads_tui.cli.headless import headless
from quads_tui.cli.terminal import TerminalOperator
from quads_tui.emulators.bmc.faults import WrongPassword
from quads_tui.emulators.bmc.fleet import Fleet
from quads_tui.emulators.foreman import ForemanEmulator, ForemanOptions
from quads_tui.emulators.interfaces import Machine, Time
from quads_tui.inputs import Assignment, HostSpec, load_site
from quads_tui.journal.catalogue import stored_rollouts
from quads_tui.journal.reader import JournalReader
from quads_tui.planning.bmc_survey import ReadOnlySideEffects
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.events import Event, LoginRefused, StageChanged
from quads_tui.rollout.plan import HostPlan, Plan
from quads_tui.runtime.launch import open_clients, roll_out
from quads_tui.runtime.options import Options
from quads_tui.runtime.process_resources import ProcessResources
from quads_tui.runtime.resume import resume
from quads_tui.runtime.rollout_input import RolloutInput

SPEED = 200.0
NAMES = ["f01-h01-000-r650.example.com"]


def events_of(state: Path) -> list[Event]:
    (path,) = state.rglob("journal.db")
    reader = JournalReader(path)
    try:
        return [event for _, event in reader.events()]
    finally:
        reader.close()


async def test_d2_a_refused_password_is_sent_twice_over_survey_attempts_and_processes_and_again_for_an_operator(
    tmp_path: Path,
) -> None:
    machines = [Machine(name, "R650", f"04:3f:72:00:00:{n:02x}") for n, name in enumerate(NAMES)]
    time = Time(SPEED)
    foreman = ForemanEmulator(machines, time=time, seed=1, options=ForemanOptions())
    faults = {NAMES[0]: WrongPassword()}
    fleet = Fleet(machines, time=time, seed=1, provisioner=foreman, username="root", password="pw", faults=faults)
    url = await foreman.serve()
    await fleet.serve()
    for name, bmc in fleet.bmcs.items():
        foreman.boots(name, bmc.hardware.boot.mode)
    refusing = fleet.bmcs[NAMES[0]]
    site = tmp_path / "site.yaml"
    site.write_text(
        f"foreman: {{url: '{url}', username: admin, password: changeme}}\n"
        f"redfish: {{username: root, password: pw, tls: {{verify: false}}}}\nspeed: {SPEED}\n"
    )
    hosts = tuple(HostSpec(name, "R650", fleet.address(name)) for name in NAMES)
    given = Assignment(tmp_path / "a.yaml", "cloud02", hosts, os="RHEL 9.4", ptable="generic-rhel9", medium="RHEL Local")
    options = Options(site=site, state_dir=tmp_path / "state", headless=True, yes=True)
    front_end = partial(headless, json=False)
    try:
        made = RolloutInput((given,), load_site(site))
        rollout = roll_out(made, options, ProcessResources(), TerminalOperator(), front_end)
        assert await asyncio.wait_for(rollout, 120) == 1
        assert refusing.refused_logins == 2, "by the survey; the flow knows"
        events = events_of(tmp_path)
        failed = [event for event in events if isinstance(event, StageChanged) and event.cause is Cause.CREDENTIALS]
        assert len(failed) == 1 and "the password is not sent again until an operator retries the host" in failed[0].reason
        assert [event.times for event in events if isinstance(event, LoginRefused)][-1] == 2

        # Another process, which goes on with this journal, and was not asked to retry.
        async with open_clients(made.site, options) as (services, _):
            host = HostPlan(NAMES[0], fleet.address(NAMES[0]))
            services.recall_refusals(Plan((), (host,)), events)
            client = services.bmc(host, ReadOnlySideEffects())
            try:
                await client.observe()
                raise AssertionError("it was let in")
            except StageFailure as failure:
                assert failure.cause is Cause.CREDENTIALS
            await client.close()
        assert refusing.refused_logins == 2

        (stored,) = stored_rollouts(tmp_path / "state")
        again = resume(stored, options, ProcessResources(), TerminalOperator(), front_end, failed=True, ask=False)
        assert await asyncio.wait_for(again, 120) == 1
        assert refusing.refused_logins == 4, "an operator asked for it"
        assert refusing.lockouts == 0
    finally:
        await fleet.close()
        await foreman.close()
