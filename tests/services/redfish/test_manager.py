"""The restart of a BMC itself, against emulated BMCs that do it, refuse it, and come back as they please."""

from __future__ import annotations

import pytest

from quads_tui.emulators.bmc import restart_faults
from quads_tui.emulators.bmc.faults import Fault
from quads_tui.emulators.bmc.service import RedfishService
from quads_tui.rollout.causes import Cause, StageFailure

from .test_emulated_members import MAC, NAME, Lab
from .test_families import MODELS


def service(lab: Lab) -> RedfishService:
    return lab.fleet.services[NAME]


async def restarted(lab: Lab, seconds: float = 1500.0) -> str:
    """As the engine does it: of the machine that was identified before."""
    lab.bmc.pin(await lab.bmc.identify([MAC], lab.clock.now() + seconds))
    return await lab.bmc.restart(lab.clock.now() + seconds)


async def refused(lab: Lab, seconds: float = 1500.0) -> StageFailure:
    with pytest.raises(StageFailure) as caught:
        await restarted(lab, seconds)
    return caught.value


@pytest.mark.parametrize("model", MODELS)
async def test_every_family_restarts_its_bmc_once_and_leaves_the_machine_alone(model: str) -> None:
    async with Lab(model, Fault()) as lab:
        hardware = lab.fleet.bmcs[NAME].hardware
        words = await restarted(lab)
        assert words.startswith("GracefulRestart accepted, it answers again after "), words
        assert words.endswith("power On as before")
        assert (service(lab).restarts, hardware.resets, hardware.power) == (1, 0, "On")
        assert [act for act, _ in lab.acts.intents] == ["bmc_reset"]
        assert any(note.startswith("waiting until the BMC answers again") for note in lab.acts.notes)
        assert lab.acts.results == ["answered"]
        await lab.bmc.close()
        assert lab.fleet.sessions_open(NAME) == 0
    assert lab.acts.sessions == []


async def test_sessions_of_before_are_forgotten_and_not_deleted() -> None:
    async with Lab("R650", Fault()) as lab:
        deleted: list[str] = []
        answer = service(lab).fault.before

        def seen(bmc: object, request: object) -> object:
            if getattr(request, "method", "") == "DELETE":
                deleted.append(getattr(request, "path", ""))
            return answer(bmc, request)  # type: ignore[arg-type]

        service(lab).fault.before = seen  # type: ignore[method-assign, assignment]
        await restarted(lab)
        assert deleted == []
        await lab.bmc.close()
        assert len(deleted) == 1  # the one of after


@pytest.mark.parametrize(
    ("fault", "cause", "words"),
    [
        (restart_faults.RestartRefused(), Cause.REFUSED, "do not permit this operation"),
        (restart_faults.NoManager(), Cause.REFUSED, "the BMC lists no manager that could be restarted"),
        (
            restart_faults.NoManagerReset(),
            Cause.REFUSED,
            "the BMC offers no Reset action (Manager.Reset) at /redfish/v1/Managers",
        ),
        (restart_faults.NoManagerReset("On", "Nmi"), Cause.REFUSED, "the BMC offers no restart of itself, only On, Nmi"),
    ],
)
async def test_what_a_bmc_does_not_do_is_said_and_no_restart_follows(fault: Fault, cause: Cause, words: str) -> None:
    async with Lab("R650", fault) as lab:
        failure = await refused(lab)
        assert (failure.cause, failure.retryable) == (cause, False)
        assert words in failure.reason
        assert service(lab).restarts == 0
        assert len(lab.acts.intents) == len(lab.acts.results)


async def test_of_several_managers_the_bmc_is_restarted_and_not_that_of_the_enclosure() -> None:
    fault = restart_faults.EnclosureManager()
    async with Lab("R650", fault) as lab:
        assert (await restarted(lab)).startswith("GracefulRestart accepted, it answers again")
        assert (service(lab).restarts, fault.restarts) == (1, 0)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("EnclosureManager", "the BMC lists no manager that could be restarted"),
        ("BMC", "the BMC lists 2 managers and shows 1 of them"),  # of another node
    ],
)
async def test_no_other_manager_is_restarted_while_the_bmc_does_not_show_its_own(kind: str, words: str) -> None:
    fault = restart_faults.EnclosureManager(kind, lost=True)
    async with Lab("R650", fault) as lab:
        failure = await refused(lab)
        assert words in failure.reason
        assert (service(lab).restarts, fault.restarts) == (0, 0)
        assert lab.acts.intents == []


async def test_a_bmc_that_never_comes_back_is_given_up_at_its_deadline() -> None:
    async with Lab("R650", restart_faults.RestartsForLong()) as lab:
        failure = await refused(lab, 300)
        assert failure.cause is Cause.UNREACHABLE
        assert "min after its restart (limits.bmc_restart)" in failure.reason
        assert service(lab).restarts == 1


async def test_a_bmc_that_breaks_the_connection_as_it_restarts_is_seen_to_come_back() -> None:
    async with Lab("R650", restart_faults.RestartBreaks()) as lab:
        assert "it answers again after" in await restarted(lab)
        assert (service(lab).restarts, lab.acts.results) == (1, ["unknown"])


async def test_a_restart_that_is_accepted_and_ignored_is_said_so() -> None:
    async with Lab("R650", restart_faults.RestartIgnored()) as lab:
        assert "it kept answering: it may not have restarted" in await restarted(lab)
    async with Lab("R650", restart_faults.RestartIgnored(sessions=True)) as lab:
        assert "it kept answering" in await restarted(lab)
        await lab.bmc.close()
        assert lab.fleet.sessions_open(NAME) == 0


async def test_a_power_that_is_reported_late_is_waited_for_and_another_one_is_said() -> None:
    async with Lab("R650", restart_faults.PowerMisread(20.0)) as lab:
        assert (await restarted(lab)).endswith("power On as before")
    async with Lab("R650", restart_faults.PowerMisread()) as lab:
        assert (await restarted(lab)).endswith("power was On, now Off")


async def test_force_restart_is_sent_where_nothing_else_is_offered() -> None:
    async with Lab("R650", restart_faults.NoManagerReset("ForceRestart", "On")) as lab:
        family = type("Forced", (type(lab.fleet.bmcs[NAME].family),), {"manager_resets": ("ForceRestart",)})()
        lab.fleet.bmcs[NAME].family = service(lab).family = family
        assert (await restarted(lab)).startswith("ForceRestart accepted")
