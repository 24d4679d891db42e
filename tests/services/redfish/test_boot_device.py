"""Dell's one-time boot device and its own boot order, judged by what emulated Dells then boot from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from quads_tui.emulators.bmc.bios import Bios
from quads_tui.emulators.bmc.bmc import Bmc as Emulated
from quads_tui.emulators.bmc.faults import Fault
from quads_tui.emulators.bmc.fleet import Fleet
from quads_tui.emulators.bmc.hardware import Hardware
from quads_tui.emulators.bmc.replies import Reply, Request
from quads_tui.emulators.bmc.service import RedfishService
from quads_tui.emulators.interfaces import Machine
from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.services.http import Http
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import BmcConnection
from tests.clocks import FastClock, GrantedTime

from .conftest import Told
from .test_families import Foreman

SPEED = 2000.0
HOST = "f01-h01-000.example.com"
FOREMANS, OTHER = "NIC.Integrated.1-1-1", "NIC.Integrated.1-2-1"
DELLS = [(model, mode) for model in ("R630", "R650", "R670") for mode in ("UEFI", "Legacy")]


class Dell:
    """One emulated machine, Off, whose first NIC is not Foreman's, and a client that knows a device's name."""

    def __init__(self, model: str, mode: str, device: str, fault: Fault) -> None:
        self.fleet = Fleet(
            [Machine(HOST, model, "04:3f:72:00:00:01")],
            time=GrantedTime(SPEED),
            seed=1,
            provisioner=Foreman(),
            username="root",
            password="pw",
            faults={HOST: fault},
        )
        self.hardware: Hardware = self.fleet.bmcs[HOST].hardware
        self.hardware.power = self.hardware.reported = "Off"
        self.hardware.phase = "off"
        self.hardware.boot.mode = mode
        if self.hardware.bios:
            self.hardware.bios.prefer(OTHER)
        self.clock, self.told, self.device = FastClock(SPEED, floor=5.0), Told(), device
        self.http = Http(self.clock)
        self.clients: list[Bmc] = []

    @property
    def bios(self) -> Bios:
        assert self.hardware.bios is not None
        return self.hardware.bios

    async def serve(self) -> Dell:
        await self.fleet.serve()
        self.client = self.another()
        return self

    def another(self) -> Bmc:
        """As the next process has it: nothing is remembered."""
        where, clock = self.fleet.address(HOST), self.clock
        made = Bmc(
            BmcConnection(
                self.http,
                address=where,
                host=HOST,
                username="root",
                password=Secret("pw"),
                tls=TlsPolicy(),
                clock=clock,
                limits=Limits(),
                meter=Meter(),
                acts=self.told,
            ),
            device=self.device,
        )
        self.clients.append(made)
        return made

    async def set(self) -> str:
        return await self.client.ensure_pxe_next(self.clock.deadline(180))

    async def clear(self) -> str:
        return await self.another().clear_override(self.clock.deadline(180))

    async def fails(self) -> StageFailure:
        with pytest.raises(StageFailure) as caught:
            await self.set()
        return caught.value

    async def boot(self) -> str:
        await self.client.ensure_on(self.clock.deadline(180))
        while self.hardware.phase not in ("installer", "os"):
            await self.clock.sleep(5)
        return self.hardware.phase


Make = Callable[..., "Dell"]


@pytest.fixture
async def dell() -> AsyncIterator[Callable[..., object]]:
    made: list[Dell] = []

    async def make(model: str = "R650", mode: str = "Legacy", device: str = FOREMANS, fault: Fault | None = None) -> Dell:
        made.append(Dell(model, mode, device, fault or Fault()))
        return await made[-1].serve()

    yield make
    for one in made:
        for client in one.clients:
            await client.close()
        await one.http.close()
        counts = one.fleet.counts()
        await one.fleet.close()
        assert (counts["sessions_open"], counts["mode_changes"]) == (0, 0)
        assert counts["peak_requests_per_bmc"] == 1
        assert len(one.told.intents) == len(one.told.results)


def name(mode: str, model: str) -> str:
    """What the BIOS calls Foreman's NIC."""
    return "NIC.PxeDevice.1-1" if mode == "UEFI" and model != "R630" else FOREMANS


@pytest.mark.parametrize(("model", "mode"), DELLS)
async def test_it_boots_from_foremans_nic_though_another_comes_first(dell: Make, model: str, mode: str) -> None:
    machine = await dell(model, mode)
    assert not await machine.client.pxe_armed()
    assert await machine.set() == f"boots once from {name(mode, model)}"
    assert machine.hardware.boot.target == "None", "no override beside it"
    assert len(machine.bios.jobs) == 1, "the BMC made the one job, and we no second"
    assert machine.hardware.armed and await machine.client.pxe_armed()
    assert await machine.another().pxe_armed()
    assert await machine.set() == f"{name(mode, model)} is already set for the next boot"
    assert await machine.boot() == "installer"
    assert len(machine.bios.jobs) == 1
    assert not await machine.client.pxe_armed()


async def test_the_override_alone_would_have_missed_foreman(dell: Make) -> None:
    machine = await dell(device="")
    assert await machine.set() == ""
    assert await machine.boot() == "os"


@pytest.mark.parametrize(("model", "mode"), DELLS)
async def test_it_is_taken_back_by_whoever_comes_later(dell: Make, model: str, mode: str) -> None:
    machine = await dell(model, mode)
    await machine.set()
    await machine.clear()
    assert not machine.hardware.armed and not machine.bios.pending and not machine.bios.due
    assert not await machine.client.pxe_armed()
    intents = len(machine.told.intents)
    await machine.clear()
    assert len(machine.told.intents) == intents, "what is not there is not taken back"
    assert await machine.boot() == "os"


@pytest.mark.parametrize(
    ("model", "device", "why"),
    [
        ("R650", "NIC.Slot.9-1-1", "the BIOS lists no boot device NIC.Slot.9-1-1 in BootSeq"),
        ("R620", FOREMANS, "the BMC does not show its BIOS attributes"),
        ("1029U", FOREMANS, "the BMC is not a Dell"),
    ],
)
async def test_without_such_a_device_the_override_is_used_and_said(dell: Make, model: str, device: str, why: str) -> None:
    machine = await dell(model, device=device)
    assert f"PXE of any NIC instead of {device}: {why}" in await machine.set()
    assert machine.hardware.boot.effective
    assert await machine.client.pxe_armed()
    await machine.clear()
    assert not machine.hardware.boot.effective


class Changed(Fault):
    """Changes the answers to requests whose method and part of the path fit; `times` of them."""

    def __init__(self, method: str, path: str, change: Callable[[Emulated, Request], Reply | None], times: int = 1) -> None:
        self.method, self.path, self.change, self.times = method, path, change, times

    def before(self, bmc: Emulated, request: Request) -> Reply | None:
        if self.times and request.method == self.method and self.path in request.path:
            self.times -= 1
            return self.change(bmc, request)
        return None


async def test_settings_of_another_job_are_a_refusal_in_words_and_stay(dell: Make) -> None:
    machine = await dell()
    machine.bios.pending = {"OneTimeBootMode": "OneTimeBootSeq", "OneTimeBootSeqDev": "HardDisk.List.1-1"}
    job = machine.bios.schedule("bios")
    failure = await machine.fails()
    assert failure.cause is Cause.REFUSED and not failure.retryable
    assert job.id in failure.reason and "OneTimeBootSeqDev" in failure.reason and "already committed" in failure.reason
    assert machine.bios.jobs == [job] and job.waits
    assert not machine.hardware.boot.effective, "nor does an override stand beside what is unknown"
    await machine.clear()
    assert machine.bios.pending["OneTimeBootSeqDev"] == "HardDisk.List.1-1" and job.waits


async def test_ours_among_settings_of_others_stays_and_is_said(dell: Make) -> None:
    machine = await dell()
    await machine.set()
    machine.bios.pending["SriovGlobalEnable"] = "Enabled"
    with pytest.raises(StageFailure, match=f"next boot stays set to {FOREMANS}: .*SriovGlobalEnable"):
        await machine.clear()
    assert machine.hardware.armed


def healthy(bmc: Emulated, request: Request) -> Reply:
    """What the BMC does and answers when nothing is wrong with it."""
    return RedfishService(bmc, Fault()).healthy_reply(request)


def lost_after(bmc: Emulated, request: Request) -> Reply:
    healthy(bmc, request)
    return Reply(0, connection_reset=True)


async def test_an_answer_that_is_lost_is_looked_for_and_not_sent_again(dell: Make) -> None:
    machine = await dell(fault=Changed("PATCH", "/Bios/Settings", lost_after))
    assert await machine.set() == f"boots once from {FOREMANS}"
    assert (machine.told.results, len(machine.bios.jobs)) == (["unknown"], 1)


async def test_a_request_that_never_arrived_is_sent_again(dell: Make) -> None:
    machine = await dell(fault=Changed("PATCH", "/Bios/Settings", lambda bmc, request: Reply(0, connection_reset=True)))
    assert await machine.set() == f"boots once from {FOREMANS}"
    assert len(machine.told.results) == 2


async def test_yes_without_effect_is_not_believed(dell: Make) -> None:
    machine = await dell(fault=Changed("PATCH", "/Bios/Settings", lambda bmc, request: Reply(200), times=9))
    assert "instead of NIC.Integrated.1-1-1: the BMC accepted the one-time boot device but did not set it" in await machine.set()
    assert machine.hardware.boot.effective


async def test_a_busy_bmc_is_asked_again(dell: Make) -> None:
    machine = await dell(fault=Changed("PATCH", "/Bios/Settings", lambda bmc, request: bmc.family.error(400, "SWC0700")))
    assert await machine.set() == f"boots once from {FOREMANS}"


def without_its_job(bmc: Emulated, request: Request) -> Reply:
    """The settings are taken, and the wish to have them applied on reset is not."""
    reply = healthy(bmc, request)
    assert bmc.hardware.bios is not None
    bmc.hardware.bios.jobs.clear()
    return reply


async def test_settings_that_nothing_will_apply_are_taken_back(dell: Make) -> None:
    machine = await dell(fault=Changed("PATCH", "/Bios/Settings", without_its_job, times=9))
    assert "PXE of any NIC instead of" in await machine.set()
    assert machine.hardware.boot.effective and not machine.bios.pending


async def test_a_job_that_cannot_be_deleted_is_said(dell: Make) -> None:
    machine = await dell(fault=Changed("DELETE", "/Jobs/", lambda bmc, request: bmc.family.error(400, "SUP016"), times=9))
    await machine.set()
    with pytest.raises(StageFailure, match=f"next boot stays set to {FOREMANS}: Unable to delete a job"):
        await machine.clear()


ORDER = (FOREMANS, "HardDisk.List.1-1")


def order(machine: Dell) -> list[str]:
    return [name for name in machine.bios.orders[machine.hardware.boot.mode] if name.startswith("NIC.")]


async def staged(machine: Dell, wanted: tuple[str, ...] = ORDER) -> str:
    return await machine.client.stage_order(wanted, machine.clock.deadline(180))


async def applied(machine: Dell) -> None:
    await machine.client.ensure_on(machine.clock.deadline(180))
    while words := await machine.client.order_job(machine.clock.deadline(180)):
        assert words.startswith("JID_")
        await machine.clock.sleep(15)
    await machine.client.verify_order(ORDER, machine.clock.deadline(180))


@pytest.mark.parametrize(("model", "mode"), DELLS)
async def test_an_order_is_set_by_one_job_and_then_left_alone(dell: Make, model: str, mode: str) -> None:
    machine = await dell(model, mode)
    assert await staged(machine) == ""
    assert await staged(machine) == "", "the job that waits is not made twice"
    assert [job.target for job in machine.bios.jobs] == ["order"]
    await applied(machine)
    assert order(machine)[0] == name(mode, model)
    intents = len(machine.told.intents)
    assert await staged(machine) == "the boot order is already as wanted"
    assert len(machine.told.intents) == intents


async def test_the_order_of_what_is_not_named_stays(dell: Make) -> None:
    machine = await dell()
    disk, other, foremans = machine.bios.orders["Legacy"]
    assert await staged(machine, (foremans, "NIC.Slot.9-1-1")) == ""
    assert machine.bios.pending_order == [foremans, disk, other]


@pytest.mark.parametrize(
    ("model", "wanted", "why"),
    [
        ("R650", ("NIC.Slot.9-1-1",), "the BIOS lists none of NIC.Slot.9-1-1 in BootSeq"),
        ("R620", ORDER, "the BMC does not show its BIOS attributes"),
        ("DL360", ORDER, "the BMC is not a Dell"),
    ],
)
async def test_an_order_that_cannot_be_is_left_alone_and_said(dell: Make, model: str, wanted: tuple[str, ...], why: str) -> None:
    machine = await dell(model)
    assert await staged(machine, wanted) == f"the boot order was not changed: {why}"
    assert machine.told.intents == []


async def test_a_job_that_fails_is_told_in_its_own_words(dell: Make) -> None:
    machine = await dell()
    machine.bios.fails = True
    await staged(machine)
    with pytest.raises(StageFailure, match=r"not applied \(it is HardDisk.*JID_\d+ Failed 100%: Unable to complete"):
        await applied(machine)


async def test_an_order_that_waits_for_somebody_elses_job_is_a_refusal(dell: Make) -> None:
    machine = await dell()
    machine.bios.pending_order = [FOREMANS, OTHER, "HardDisk.List.1-1"]
    job = machine.bios.schedule("order")
    with pytest.raises(StageFailure, match=f"the boot order is refused: Pending .* already committed.*: {job.id}"):
        await staged(machine)
    assert machine.bios.jobs == [job]


async def test_lost_answers_stage_and_commit_once(dell: Make) -> None:
    machine = await dell(fault=Changed("POST", "/Jobs", lost_after))
    assert await staged(machine) == ""
    assert (machine.told.results, len(machine.bios.jobs)) == (["answered", "unknown"], 1)
