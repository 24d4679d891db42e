"""Attempts of a stage: the pauses between them, a Foreman that is away, errors of ours, deadlines and the build."""

from __future__ import annotations

import asyncio
import random

import pytest

from quads_tui.engine.hooks import Hooks
from quads_tui.rollout.causes import FOREMAN, Cause, StageFailure
from quads_tui.rollout.commands import Pause
from quads_tui.rollout.events import HostChanged, HostNote, Intent, StageChanged
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.plan import HostPlan
from quads_tui.rollout.stages import HostStatus, Stage

from .model import Lab, busy
from .model_services import ModelBmc
from .test_flow import ends, names
from .timeline import NAME, failures, notices, told, whole, without_seconds

pytestmark = pytest.mark.looptime

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
    assert "host failed pxe_set refused: no PXE; off" in told(lab)


# A Foreman that is away


async def test_a_foreman_that_is_away_longer_than_the_stage_may_take_stops_the_rollout_with_the_minutes() -> None:
    lab = Lab([NAME], limits=Limits(foreman_build=200))
    lab.machine(NAME).troubles = [("build", StageFailure(Cause.UNREACHABLE, "no route", after=60.0))] * 99
    await whole(lab)
    assert notices(lab.journal.events) == ["error: stopped: Foreman has been unavailable for 4 min: no route"]
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
    assert failures(lab, Stage.PXE_SET) == [(Cause.TIMEOUT, "the stage did not finish before its deadline")]
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
    lab.machine(NAME).troubles = [("stale", "")] * 1000
    lab.executor.start()
    while not failures(lab, Stage.FOREMAN_BUILD):
        await asyncio.sleep(1)
    lab.machine(NAME).troubles.clear()
    await lab.executor.settled()
    await lab.end()
    assert failures(lab, Stage.FOREMAN_BUILD) == [
        (Cause.UNKNOWN, "Foreman accepted build mode for the host, but later reads of Foreman do not show it")
    ]
    assert lab.world.builds[NAME] == 1
    finished = [line for line in without_seconds(told(lab)) if line.startswith("foreman_build finished")]
    assert finished == ["foreman_build finished 2: build mode is still set in Foreman from an earlier attempt"]


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
    assert notes == (
        ["build mode is cancelled and set again: the build token would expire before the install ends"] if again else []
    )


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
