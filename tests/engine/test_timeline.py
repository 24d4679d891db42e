"""What one host's journal tells and remembers, line by line."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest

from quads_tui.engine.claims import Machines
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.commands import Disarm, Retry, Skip, Unskip
from quads_tui.rollout.events import StageChanged
from quads_tui.rollout.plan import HostPlan, Target
from quads_tui.rollout.safety import Safety
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus

from .model import TARGET, Lab, busy
from .test_flow import ends, names
from .test_ways_out import ordered, until
from .timeline import NAME, told, whole, without_seconds

pytestmark = pytest.mark.looptime

SILENT = StageFailure(Cause.UNREACHABLE, "silent")

OFF = [
    "power_off started 1",
    "session opened",
    "intent: reset",
    "outcome: answered",
    "remembers off=True",
    "power_off finished 1 after 9.6 s",
]
PXE = [
    "pxe_set started 1",
    "intent: override",
    "remembers override=True, start=pxe_set",
    "pxe_set finished 1 after 2.3 s",
]
WRITE = [
    "waits: waiting for its turn in the Foreman write queue (build)",
    "intent: build",
    "remembers baseline=set, built_at=set, start=foreman_build",
    "armed",
    "outcome: applied",
    "waits: written; waiting until a read of Foreman confirms build mode",
]
BUILD = ["foreman_build started 1", "waits: waiting for Foreman to report whether the host is already in build mode", *WRITE]
ON = [
    "power_on started 1",
    "intent: reset",
    "outcome: answered",
    "remembers booted=True, installing_since=set, off=False, override=False, start=power_on",
    "not armed",
    "session closed",
    "power_on finished 1 after 15.3 s",
]
DISARMED = [
    "session closed",
    "session opened",
    "intent: override",
    "session closed",
    "remembers override=False",
    "not armed",
]


def with_parameter() -> Lab:
    return Lab(
        [NAME],
        plans={NAME: HostPlan(NAME, "x", parameters=("overcloud",))},
        target=replace(TARGET, parameters={"overcloud": "true"}),
    )


# Whole timelines


async def test_a_host_that_is_built() -> None:
    assert told(await whole(Lab([NAME]))) == [
        "takes a place",
        *OFF,
        *PXE,
        *BUILD,
        "foreman_build finished 1 after 1 s",
        "gives its place back",
        *ON,
        "install started 1",
        "remembers built_at=none, start=install",
        "install finished 1 after 604.069 s",
        "host done",
    ]


async def test_a_host_that_moves_its_ownership_only() -> None:
    assert told(await whole(Lab([NAME], kind=Kind.OWNERSHIP, target=Target(owner_id=41)))) == [
        "foreman_build started 1",
        "waits: waiting for its turn in the Foreman write queue (owner)",
        "intent: owner",
        "outcome: applied",
        "waits: written; waiting until a read of Foreman confirms the new owner",
        "foreman_build finished 1 after 1 s",
        "host done",
    ]


async def test_a_host_that_goes_to_the_spare_pool() -> None:
    assert told(await whole(Lab([NAME], kind=Kind.SPARE))) == [*OFF, "host done", "session closed"]


async def test_a_host_that_is_skipped_while_it_is_armed() -> None:
    lab = with_parameter()
    lab.machine(NAME).troubles = [("stale", "")] * 200
    lab.executor.start()
    while not lab.rollout.hosts[NAME].armed:
        await asyncio.sleep(0.1)
    await ordered(lab, Skip((NAME,), "bad DIMM"))
    await lab.end()
    assert without_seconds(told(lab)) == [
        "takes a place",
        *without_seconds([*OFF, *PXE]),
        "foreman_build started 1",
        "waits: waiting for Foreman to report whether the host is already in build mode",
        "waits: waiting for its turn in the Foreman write queue (parameter)",
        "intent: parameter",
        "outcome: applied",
        *WRITE,
        "ordered: skip",
        "foreman_build skipped 1: bad DIMM",
        "waits: waiting for its turn in the Foreman write queue (cancel)",
        "intent: cancel",
        "remembers built_at=none",
        "outcome: applied",
        *DISARMED,
        "remembers failed=power_off/unknown",
        "host skipped foreman_build: bad DIMM; off",
        "gives its place back",
    ]


async def test_a_host_that_foreman_refuses_three_times_and_that_is_retried() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("pxe", busy("SYS1")), *[("build", StageFailure(Cause.FOREMAN, "no free address"))] * 3]
    await lab.run()
    await ordered(lab, Retry((NAME,)))
    await lab.end()
    refused = [
        line
        for number in (1, 2, 3)
        for line in [
            f"foreman_build started {number}",
            "waits: waiting for Foreman to report whether the host is already in build mode",
            "waits: waiting for its turn in the Foreman write queue (build)",
            "intent: build",
            "outcome: refused (no free address)",
            f"foreman_build failed {number} foreman: no free address",
            "host waiting foreman_build foreman: no free address",
        ]
    ][:-1]
    assert without_seconds(told(lab)) == [
        "takes a place",
        *without_seconds(OFF),
        "pxe_set started 1",
        "pxe_set failed 1 busy: SYS1",
        "host waiting pxe_set busy: SYS1",
        "pxe_set started 2",
        "intent: override",
        "remembers override=True, start=pxe_set",
        "pxe_set finished 2",
        *refused,
        "remembers failed=foreman_build/foreman, start=foreman_build",
        *DISARMED,
        "host failed foreman_build foreman: no free address; off",
        "remembers failed=None, off=False, start=power_off",
        "host queued power_off: retry requested",
        "power_off started 2",
        "session opened",
        "remembers ",
        "remembers off=True",
        "power_off finished 2: was off already",
        "pxe_set started 3",
        "intent: override",
        "remembers override=True, start=pxe_set",
        "pxe_set finished 3",
        *[line.replace("started 1", "started 4") for line in BUILD],
        "foreman_build finished 4",
        "gives its place back",
        *without_seconds(ON),
        "install started 1",
        "remembers built_at=none, start=install",
        "install finished 1",
        "host done",
    ]


async def test_a_host_whose_bmc_is_silent_waits_outside_and_gives_its_place_back() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("look", SILENT), ("look", StageFailure(Cause.UNREACHABLE, "still silent"))]
    await whole(lab)
    assert without_seconds(told(lab))[:10] == [
        "takes a place",
        "power_off started 1",
        "session opened",
        "gives its place back",
        "power_off failed 1 unreachable: still silent",
        "host waiting power_off unreachable: still silent",
        "takes a place",
        "power_off started 2",
        "intent: reset",
        "outcome: answered",
    ]
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("look", SILENT)]  # it answers at the second look: within the same attempt
    await whole(lab)
    assert without_seconds(told(lab))[:6] == [
        "takes a place",
        "power_off started 1",
        "session opened",
        "gives its place back",
        "takes a place",
        "intent: reset",
    ]


async def test_a_host_whose_console_died_before_power_on() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("on", StageFailure(Cause.BUSY, "busy", after=100.0))]
    lab.executor.start()
    while lab.rollout.hosts[NAME].status is not HostStatus.WAITING:
        await asyncio.sleep(0.1)
    before = len(told(lab))
    await lab.crash()
    lab.resume()
    await whole(lab)
    assert re.sub(r"in \d+ s", "in N s", "\n".join(told(lab)[before:])).split("\n") == [
        "host queued power_on: resuming",
        "waits: starts in N s: its BMC may not show the effect of the last reset yet",
        "session closed",
        "waits: waiting for the next read of this host in Foreman",
        "remembers off=False, start=power_on",
        "power_on started 2",
        "session opened",
        "remembers ",
        "intent: reset",
        "outcome: answered",
        "remembers booted=True, installing_since=set, override=False",
        "not armed",
        "session closed",
        "power_on finished 2 after 16.2 s",
        "install started 1",
        "remembers built_at=none, start=install",
        "install finished 1 after 600.547 s",
        "host done",
    ]


async def test_an_attempt_that_was_cut_off_is_told_with_its_seconds() -> None:
    lab = Lab([NAME])
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    await asyncio.sleep(100)
    await lab.crash()
    await asyncio.sleep(50)
    lab.resume()
    await whole(lab)
    lines = without_seconds(told(lab))
    assert "install skipped 1: interrupted: quads-tui exited" in lines
    cut = next(event for event in lab.journal.events if isinstance(event, StageChanged) and event.status is StageStatus.SKIPPED)
    assert cut.seconds == pytest.approx(150, abs=1)
    assert lines[-1] == "host done"


async def test_the_seconds_of_a_stage_are_kept_to_the_millisecond() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).on_seconds = 14.44449
    assert "power_on finished 1 after 14.744 s" in told(await whole(lab))


# Ways out


async def test_a_host_that_is_skipped_while_it_installs_is_watched_again_when_it_comes_back() -> None:
    lab = Lab([NAME])
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    await asyncio.sleep(60)
    await ordered(lab, Skip((NAME,), "later"))
    lines = without_seconds(told(lab))
    assert lines[-3:] == [
        "install skipped 1: later",
        "remembers failed=install/install-timeout, start=install",
        "host skipped install: later; installing",
    ]
    await ordered(lab, Unskip((NAME,)))
    await lab.end()
    assert (ends(lab.rollout), lab.world.writes[NAME], lab.machine(NAME).wipes) == ({HostStatus.DONE: 1}, 1, 1)
    assert lab.rollout.hosts[NAME].attempts[Stage.POWER_OFF] == 1


@pytest.mark.parametrize("act", ["cancel", "clear"])
async def test_a_host_that_could_not_be_disarmed_goes_on_from_where_it_was(act: str) -> None:
    lab = Lab([NAME])
    lab.executor.start()
    await until(lab, Stage.FOREMAN_BUILD)
    lab.machine(NAME).troubles = [("stale", "")] * 200 + [(act, StageFailure(Cause.FOREMAN, "silent"))] * 2
    while not lab.rollout.hosts[NAME].armed:
        await asyncio.sleep(0.1)
    await ordered(lab, Skip((NAME,), "bad DIMM"))
    lines = without_seconds(told(lab))
    assert any(line.startswith("remembers failed=foreman_build/unknown") for line in lines)
    host = lab.rollout.hosts[NAME]
    assert host.reason == "bad DIMM"
    assert "silent" in host.not_disarmed
    assert host.safety in (Safety.ARMED, Safety.UNKNOWN)
    await lab.end()


async def test_a_host_that_fails_before_anything_was_set_has_nothing_to_clear() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("off", StageFailure(Cause.REFUSED, "no", retryable=False))]
    await whole(lab)
    assert without_seconds(told(lab)) == [
        "takes a place",
        "power_off started 1",
        "session opened",
        "power_off failed 1 refused: no",
        "remembers failed=power_off/refused",
        "not armed",
        "host failed power_off refused: no; untouched",
        "gives its place back",
        "session closed",
    ]


async def test_an_override_that_cannot_be_cleared_after_a_failure_is_told() -> None:
    lab = Lab([NAME])
    no = StageFailure(Cause.FOREMAN, "no free address", retryable=False)
    lab.machine(NAME).troubles = [("build", no), ("clear", SILENT)]
    await whole(lab)
    host = lab.rollout.hosts[NAME]
    assert (host.reason, host.safety) == ("no free address", Safety.UNKNOWN)
    assert host.not_disarmed == "its boot override could not be cleared: silent; build mode is not set by this rollout"


async def test_a_machine_is_free_for_others_once_nothing_of_its_host_stands_on_it() -> None:
    machines = Machines()
    lab = Lab(names(2), machines=machines)
    armed, built = names(2)
    lab.machine(armed).troubles = [("on", StageFailure(Cause.TIMEOUT, "never On", retryable=False))]
    await lab.run()
    facts = {name: lab.executor._memories[name].identity for name in (armed, built)}
    held = {name: bool(machines.claim("other", f"x-{name}", identity)) for name, identity in facts.items() if identity}
    assert held == {armed: True, built: False}
    await lab.end()
    assert facts[armed] is not None
    assert not machines.claim("other", "y", facts[armed])  # the rollout has left


async def test_a_machine_is_free_for_others_once_its_host_is_disarmed() -> None:
    machines = Machines()
    lab = Lab([NAME], machines=machines)
    lab.machine(NAME).troubles = [("on", StageFailure(Cause.TIMEOUT, "never On", retryable=False))]
    await lab.run()
    machine = lab.executor._memories[NAME].identity
    assert machine is not None
    assert machines.claim("other", "x", machine)
    await ordered(lab, Disarm((NAME,)))
    assert not machines.claim("other", "x", machine)
    await lab.end()


async def test_a_resume_holds_the_machines_of_hosts_that_something_of_ours_stands_on_and_no_others() -> None:
    lab = Lab(names(2))
    armed, built = names(2)
    lab.machine(armed).troubles = [("on", StageFailure(Cause.TIMEOUT, "never On", retryable=False))]
    await whole(lab)
    machines = lab._machines = Machines()
    lab.resume()
    lab.executor.start()
    facts = {name: lab.executor._memories[name].identity for name in (armed, built)}
    held = {name: bool(machines.claim("other", f"x-{name}", identity)) for name, identity in facts.items() if identity}
    assert held == {armed: True, built: False}
    await lab.end()
