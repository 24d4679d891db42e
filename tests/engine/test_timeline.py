"""What one host's journal tells and remembers, line by line, and the pauses and reasons on the way."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import replace

import pytest

from quads_tui.engine.claims import Machines
from quads_tui.engine.hooks import Hooks
from quads_tui.inputs import Limits
from quads_tui.rollout.causes import FOREMAN, Cause, StageFailure
from quads_tui.rollout.commands import Disarm, Pause, Retry, Skip, Unskip
from quads_tui.rollout.events import HostChanged, HostNote, Intent, StageChanged
from quads_tui.rollout.plan import HostPlan, Target
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus

from .model import EPOCH, TARGET, Lab, ModelBmc, ModelForeman, busy
from .test_flow import ends, names
from .test_ways_out import ordered, until
from .timeline import notices, timeline

pytestmark = pytest.mark.looptime

NAME = names(1)[0]
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
    "waits: waits for the write lane (build)",
    "intent: build",
    "remembers baseline=set, built_at=set, start=foreman_build",
    "armed",
    "outcome: applied",
    "waits: waits for a look at Foreman that shows it in build",
]
BUILD = ["foreman_build started 1", "waits: waits for a look at Foreman: is it in build already?", *WRITE]
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


def told(lab: Lab, host: str = NAME) -> list[str]:
    return timeline(lab.journal.events, host)


def without_seconds(lines: list[str]) -> list[str]:
    return [re.sub(r" after [\d.]+ s", "", line) for line in lines]


def with_parameter() -> Lab:
    return Lab(
        [NAME],
        plans={NAME: HostPlan(NAME, "x", parameters=("overcloud",))},
        target=replace(TARGET, parameters={"overcloud": "true"}),
    )


def failures(lab: Lab, stage: Stage) -> list[tuple[Cause | None, str]]:
    return [
        (event.cause, event.reason)
        for event in lab.journal.events
        if isinstance(event, StageChanged) and event.stage is stage and event.status is StageStatus.FAILED
    ]


async def whole(lab: Lab) -> Lab:
    await lab.run()
    await lab.end()
    return lab


# Whole timelines


async def test_a_host_that_is_built() -> None:
    assert told(await whole(Lab([NAME]))) == [
        "takes a place",
        *OFF,
        *PXE,
        *BUILD,
        "foreman_build finished 1 after 12 s",
        "gives its place back",
        *ON,
        "install started 1",
        "remembers built_at=none, start=install",
        "install finished 1 after 612 s",
        "host done",
    ]


async def test_a_host_that_moves_its_ownership_only() -> None:
    assert told(await whole(Lab([NAME], kind=Kind.OWNERSHIP, target=Target(owner_id=41)))) == [
        "foreman_build started 1",
        "waits: waits for the write lane (owner)",
        "intent: owner",
        "outcome: applied",
        "waits: waits for a look at Foreman that shows its new owner",
        "foreman_build finished 1 after 13 s",
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
        "waits: waits for a look at Foreman: is it in build already?",
        "waits: waits for the write lane (parameter)",
        "intent: parameter",
        "outcome: applied",
        *WRITE,
        "ordered: skip",
        "foreman_build skipped 1: bad DIMM",
        "waits: waits for the write lane (cancel)",
        "intent: cancel",
        "remembers built_at=none",
        "outcome: applied",
        *DISARMED,
        "remembers failed=power_off/unknown",
        "host skipped foreman_build: bad DIMM; left off",
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
            "waits: waits for a look at Foreman: is it in build already?",
            "waits: waits for the write lane (build)",
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
        "host failed foreman_build foreman: no free address; left off",
        "remembers failed=None, off=False, start=power_off",
        "host queued power_off: to be retried",
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
        "host queued power_on: goes on from where it was",
        "waits: begins in N s: its BMC may not show yet what the last Reset did",
        "session closed",
        "waits: waits for a look at Foreman: how does it stand?",
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
        "install finished 1 after 612 s",
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
    assert "install skipped 1: cut off: the console ended" in lines
    cut = next(event for event in lab.journal.events if isinstance(event, StageChanged) and event.status is StageStatus.SKIPPED)
    assert cut.seconds == pytest.approx(150, abs=1)
    assert lines[-1] == "host done"


async def test_the_seconds_of_a_stage_are_kept_to_the_millisecond() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).on_seconds = 14.44449
    assert "power_on finished 1 after 14.744 s" in told(await whole(lab))


# Pauses between attempts


def waits(lab: Lab) -> list[float]:
    """Seconds from each failed attempt to the next one, as announced; they were kept."""
    events = lab.journal.events
    found = []
    for number, event in enumerate(events):
        if isinstance(event, HostChanged) and event.status is HostStatus.WAITING:
            assert event.until is not None
            began = next(later.at for later in events[number:] if isinstance(later, StageChanged))
            assert began == pytest.approx(event.until, abs=0.01)
            found.append(round(event.until - event.at, 3))
    return found


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (None, [4.0, 8.0, 10.0, 10.0]),
        (50.0, [50.0, 50.0, 50.0, 50.0]),
        (9.0, [9.0, 9.0, 10.0, 10.0]),
        (0.0, [4.0, 8.0, 10.0, 10.0]),
    ],
)
async def test_the_pause_doubles_up_to_its_limit_and_is_never_shorter_than_a_server_asks_for(
    monkeypatch: pytest.MonkeyPatch, after: float | None, expected: list[float]
) -> None:
    spread: list[tuple[float, float]] = []

    def no_jitter(least: float, most: float) -> float:
        spread.append((least, most))
        return 1.0

    monkeypatch.setattr(random, "uniform", no_jitter)
    lab = Lab([NAME], limits=Limits(attempts=6, backoff=4, backoff_max=10))
    lab.machine(NAME).troubles = [("pxe", StageFailure(Cause.BUSY, "SYS1", after=after))] * 4
    await whole(lab)
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    assert waits(lab) == expected
    assert set(spread) == {(0.7, 1.3)}


async def test_what_a_server_asks_for_counts_in_real_seconds() -> None:
    lab = Lab([NAME])
    lab.clock.speed = 3.0
    lab.machine(NAME).troubles = [("pxe", StageFailure(Cause.BUSY, "SYS1", after=50.0))]
    await whole(lab)
    assert waits(lab) == [150.0]


@pytest.mark.parametrize("attempts", [1, 3])
async def test_a_stage_is_tried_as_often_as_the_site_says(attempts: int) -> None:
    lab = Lab([NAME], limits=Limits(attempts=attempts))
    lab.machine(NAME).troubles = [("pxe", busy())] * 9
    await whole(lab)
    assert len(failures(lab, Stage.PXE_SET)) == attempts
    assert len(waits(lab)) == attempts - 1


async def test_what_cannot_be_repeated_is_not() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).troubles = [("pxe", StageFailure(Cause.REFUSED, "no PXE", retryable=False))] * 9
    await whole(lab)
    assert failures(lab, Stage.PXE_SET) == [(Cause.REFUSED, "no PXE")]
    assert "host failed pxe_set refused: no PXE; left off" in told(lab)


# A Foreman that is away


async def test_a_foreman_that_is_away_longer_than_the_stage_may_take_stops_the_rollout_with_the_minutes() -> None:
    lab = Lab([NAME], limits=Limits(foreman_build=200))
    lab.machine(NAME).troubles = [("build", StageFailure(Cause.UNREACHABLE, "no route", after=60.0))] * 99
    await whole(lab)
    assert notices(lab.journal.events) == ["error: stopped: Foreman is away for 4 min: no route"]
    assert len(failures(lab, Stage.FOREMAN_BUILD)) == 5
    assert lab.executor.stopped == "safety"


async def test_the_time_without_foreman_counts_anew_after_it_answered() -> None:
    away = [("build", StageFailure(Cause.BUSY, "503", after=60.0))] * 3
    refusal = [("build", StageFailure(Cause.FOREMAN, "no free address"))]
    lab = Lab([NAME], limits=Limits(foreman_build=200, attempts=3))
    lab.machine(NAME).troubles = [*away, *refusal, *away, *refusal, *away]  # type: ignore[list-item]
    await whole(lab)
    assert ends(lab.rollout) == {HostStatus.DONE: 1}


async def test_a_bmc_is_no_foreman_but_what_foreman_answers_about_a_bmcs_host_is() -> None:
    """In other stages too Foreman may be asked: its absence costs time, a BMC's costs attempts."""
    for service, status in ((FOREMAN, HostStatus.DONE), ("", HostStatus.FAILED)):
        lab = Lab([NAME])
        lab.machine(NAME).troubles = [("pxe", StageFailure(Cause.BUSY, "503", service=service))] * 5
        await whole(lab)
        assert ends(lab.rollout) == {status: 1}


async def test_a_write_that_foreman_holds_for_long_counts_from_its_sending() -> None:
    """The queue for writes is no absence; a write that is under way for long and then fails is."""
    lab = Lab(names(2), limits=Limits(foreman_build=100), write_seconds=1.0)
    lab.machine(NAME).troubles = [("build", StageFailure(Cause.BUSY, "503", after=20.0))] * 2
    lab.executor.submit(Pause("writes", True))
    lab.executor.start()
    await asyncio.sleep(500)
    lab.executor.submit(Pause("writes", False))
    await lab.executor.settled()
    await lab.end()
    assert ends(lab.rollout) == {HostStatus.DONE: 2}
    assert notices(lab.journal.events) == []


# Errors of ours, and deadlines


async def test_an_error_of_ours_in_a_stage_fails_its_host_at_once_and_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ensure = ModelBmc.ensure_pxe_next

    async def breaks(bmc: ModelBmc, deadline: float) -> str:
        if bmc._host == NAME:
            raise ValueError("x")
        return await ensure(bmc, deadline)

    monkeypatch.setattr(ModelBmc, "ensure_pxe_next", breaks)
    lab = await whole(Lab(names(2)))
    assert failures(lab, Stage.PXE_SET) == [(Cause.UNKNOWN, "internal error: ValueError")]
    failed = next(event for event in lab.journal.events if isinstance(event, StageChanged) and event.cause)
    assert failed.service == "quads-tui"
    assert ends(lab.rollout) == {HostStatus.FAILED: 1, HostStatus.DONE: 1}
    assert f"ValueError in pxe_set of {NAME}" in caplog.text


async def test_a_deadline_that_passed_is_told_in_words_and_the_stage_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    ensure, late = ModelBmc.ensure_pxe_next, [True]

    async def slow(bmc: ModelBmc, deadline: float) -> str:
        if late:
            late.pop()
            raise TimeoutError
        return await ensure(bmc, deadline)

    monkeypatch.setattr(ModelBmc, "ensure_pxe_next", slow)
    lab = await whole(Lab([NAME]))
    assert failures(lab, Stage.PXE_SET) == [(Cause.TIMEOUT, "the stage's deadline passed")]
    assert ends(lab.rollout) == {HostStatus.DONE: 1}


async def test_stages_get_the_deadlines_of_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, float] = {}
    for name in ("ensure_off", "ensure_pxe_next", "ensure_on"):

        def with_deadline(bmc: ModelBmc, deadline: float, name: str = name, real: object = getattr(ModelBmc, name)) -> object:
            given[name] = deadline - bmc._world.clock.now()
            return real(bmc, deadline)  # type: ignore[operator]

        monkeypatch.setattr(ModelBmc, name, with_deadline)
    await whole(Lab([NAME], limits=Limits(power_off=101, pxe_set=102, power_on=103)))
    assert given == {"ensure_off": 101.0, "ensure_pxe_next": 102.0, "ensure_on": 103.0}


async def test_a_machine_that_was_off_counts_as_on_again_when_its_power_off_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook after power off fails: until the stage is repeated somebody may have switched the machine on."""
    failing = [StageFailure(Cause.HOOK, "hook cmdb: exit status 1")]

    async def after(hooks: Hooks, stage: Stage, host: HostPlan, acts: object) -> None:
        if failing:
            raise failing.pop()

    monkeypatch.setattr(Hooks, "after", after)
    lab = await whole(Lab([NAME]))
    assert without_seconds(told(lab))[6:11] == [
        "power_off failed 1 hook: hook cmdb: exit status 1",
        "host waiting power_off hook: hook cmdb: exit status 1",
        "power_off started 2",
        "remembers off=False",
        "remembers off=True",
    ]


# The build


async def test_a_build_that_foreman_accepts_and_never_shows_is_not_sent_again() -> None:
    lab = Lab([NAME], limits=Limits(foreman_build=60))
    lab.machine(NAME).troubles = [("stale", "")] * 7
    await whole(lab)
    assert failures(lab, Stage.FOREMAN_BUILD) == [(Cause.UNKNOWN, "Foreman accepted the build, but no later search shows it")]
    assert lab.world.builds[NAME] == 1
    finished = [line for line in without_seconds(told(lab)) if line.startswith("foreman_build finished")]
    assert finished == ["foreman_build finished 2: the build write of an earlier attempt stands"]


@pytest.mark.parametrize(
    ("token", "install", "wait", "again"),
    [
        (3600.0, 1800.0, 1750.0, False),
        (3600.0, 1800.0, 1850.0, True),
        (3600.0, 3600.0, 1750.0, False),  # it never lives as long as an install may take: half its life is enough
        (3600.0, 5400.0, 1750.0, False),
        (3600.0, 5400.0, 1850.0, True),
        (0.0, 5400.0, 9000.0, False),  # it lives for ever
    ],
)
async def test_a_token_that_may_die_before_the_install_ends_is_issued_anew(
    token: float, install: float, wait: float, again: bool
) -> None:
    lab = Lab([NAME], token_seconds=token, limits=Limits(install=install))
    lab.machine(NAME).troubles = [("on", StageFailure(Cause.BUSY, "busy", after=wait))]
    await whole(lab)
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    acts = [event.act for event in lab.journal.events if isinstance(event, Intent) and event.act in ("build", "cancel")]
    assert acts == (["build", "cancel", "build"] if again else ["build"])
    notes = [event.text for event in lab.journal.events if isinstance(event, HostNote) and not event.waits]
    assert notes == (["the build token would die before the install ends: armed anew"] if again else [])


async def test_a_second_power_on_sets_pxe_again_where_the_machine_is_still_off() -> None:
    lab = Lab([NAME])
    machine = lab.machine(NAME)
    machine.troubles = [("on", StageFailure(Cause.BUSY, "busy", after=100.0))]
    lab.executor.start()
    while lab.rollout.hosts[NAME].status is not HostStatus.WAITING:
        await asyncio.sleep(0.1)
    machine.override = False  # somebody cleared it
    await lab.executor.settled()
    await lab.end()
    assert (ends(lab.rollout), machine.wipes) == ({HostStatus.DONE: 1}, 1)


# The end of an install


class Unseen(ModelForeman):
    """Its searches show every host in build that ever was."""

    async def in_build(self) -> frozenset[str]:
        self.seen = getattr(self, "seen", frozenset[str]()) | await super().in_build()
        return self.seen


def installing(seconds: float = 600.0) -> Lab:
    lab = Lab([NAME], limits=Limits(install=seconds))
    lab.machine(NAME).installs = "never"
    return lab


def install_failures(lab: Lab) -> list[tuple[Cause | None, str]]:
    """Each of them ended the host: an install is not tried again without a human."""
    host = lab.rollout.hosts[NAME]
    assert host.status is HostStatus.FAILED
    assert host.attempts[Stage.INSTALL] == 1
    assert lab.machine(NAME).wipes == 1
    return failures(lab, Stage.INSTALL)


async def test_an_install_that_does_not_end_is_given_up_with_the_minutes() -> None:
    lab = await whole(installing(seconds=1260))
    assert install_failures(lab) == [(Cause.INSTALL_TIMEOUT, "still in build after 21 min")]


async def test_a_foreman_that_says_nothing_at_the_end_of_an_install_is_told_with_the_minutes() -> None:
    lab = installing(seconds=1260)
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    lab.world.no_looks = StageFailure(Cause.BUSY, "503")
    await lab.executor.settled()
    await lab.end()
    assert install_failures(lab) == [(Cause.UNKNOWN, "no end of the install seen in 21 min: 503")]


async def test_a_token_that_expired_is_told_and_a_retry_builds_anew() -> None:
    lab = installing()
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    lab.machine(NAME).build_status = 2
    await lab.executor.settled()
    assert install_failures(lab) == [(Cause.TOKEN_EXPIRED, "the build token expired before the install ended")]
    lab.machine(NAME).installs = "built"
    await ordered(lab, Retry((NAME,)))
    await lab.end()
    assert (ends(lab.rollout), lab.world.builds[NAME]) == ({HostStatus.DONE: 1}, 2)


async def test_a_host_that_foreman_no_longer_shows_at_the_end_of_its_install_is_given_up() -> None:
    lab = installing()
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    lab.machine(NAME).gone = True
    await lab.executor.settled()
    await lab.end()
    assert install_failures(lab) == [(Cause.INSTALL_TIMEOUT, "still in build after 10 min")]


async def test_an_install_whose_end_only_the_last_read_shows_is_done() -> None:
    lab = await whole(Lab([NAME], limits=Limits(install=700), foreman=Unseen))
    assert ends(lab.rollout) == {HostStatus.DONE: 1}
    assert "install finished 1 after 700 s" in told(lab)


@pytest.mark.parametrize("installed", [EPOCH.replace(year=2020), None])
async def test_a_build_that_somebody_cancelled_is_told_and_not_tried_again(installed: object) -> None:
    lab = installing()
    machine = lab.machine(NAME)
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    await asyncio.sleep(100)
    machine.build, machine.build_status, machine.installed_at = False, 0, installed  # type: ignore[assignment]
    await lab.executor.settled()
    await lab.end()
    words = "out of build, but not installed: somebody cancelled the build in Foreman"
    assert install_failures(lab) == [(Cause.CANCELLED, words)]


async def test_a_first_install_of_a_host_that_foreman_never_installed_is_done() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).installed_at = None
    assert ends((await whole(lab)).rollout) == {HostStatus.DONE: 1}


async def test_an_installer_that_reports_an_error_is_told_and_not_tried_again() -> None:
    lab = Lab([NAME])
    lab.machine(NAME).installs = "failed"
    assert install_failures(await whole(lab)) == [(Cause.INSTALL_FAILED, "the installer reported an error to Foreman")]


async def test_another_build_status_is_not_tried_again() -> None:
    lab = installing()
    machine = lab.machine(NAME)
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    machine.build, machine.build_status = False, 4
    await lab.executor.settled()
    await lab.end()
    assert install_failures(lab) == [(Cause.UNKNOWN, "Foreman shows build_status 4 after the install")]


async def test_an_install_whose_time_is_over_at_a_resume_gets_five_looks() -> None:
    lab = installing()
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    await asyncio.sleep(100)
    await lab.crash()
    await asyncio.sleep(9000)
    lab.resume()
    await whole(lab)
    last = [event for event in lab.journal.events if isinstance(event, StageChanged)][-1]
    assert (last.status, last.seconds) == (StageStatus.FAILED, 5 * Limits().poll)


async def test_an_install_goes_on_with_the_rest_of_its_time_after_a_resume() -> None:
    lab = installing()
    lab.executor.start()
    await until(lab, Stage.INSTALL)
    await asyncio.sleep(100)
    await lab.crash()
    await asyncio.sleep(100)
    lab.resume()
    await whole(lab)
    last = [event for event in lab.journal.events if isinstance(event, StageChanged)][-1]
    assert last.status is StageStatus.FAILED
    assert last.seconds == pytest.approx(400, abs=1)


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
        "host skipped install: later; it may be installing: no longer watched, nothing touched",
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
    reason = lab.rollout.hosts[NAME].reason
    assert reason.startswith("bad DIMM; NOT SAFE: ")
    assert "left off" not in reason
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
        "host failed power_off refused: no",
        "gives its place back",
        "session closed",
    ]


async def test_an_override_that_cannot_be_cleared_after_a_failure_is_told() -> None:
    lab = Lab([NAME])
    no = StageFailure(Cause.FOREMAN, "no free address", retryable=False)
    lab.machine(NAME).troubles = [("build", no), ("clear", SILENT)]
    await whole(lab)
    assert lab.rollout.hosts[NAME].reason == "no free address; its boot override could not be cleared: silent"


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
