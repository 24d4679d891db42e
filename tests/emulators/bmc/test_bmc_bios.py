"""Dell's BIOS settings: what waits for a POST, what a job commits, and from which NIC the machine then boots."""

from __future__ import annotations

from typing import Any

import pytest

DELLS = ("R630", "R650", "R670")
ONCE = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}


def keys(answer: Any) -> list[str]:
    return [info["MessageId"].rpartition(".")[2] for info in answer.json["error"]["@Message.ExtendedInfo"]]


class Dell:
    """One of them, Off, in a mode, with the paths that its documents give."""

    def __init__(self, lab: Any, mode: str) -> None:
        self.lab, self.hardware = lab, lab.bmc().hardware
        self.hardware.boot.mode = mode
        self.seq = {"UEFI": "UefiBootSeq", "Legacy": "BootSeq"}[mode]

    async def read(self) -> Dell:
        system = (await self.lab.call("GET", self.lab.bmc().family.system)).json
        self.bios = system["Bios"]["@odata.id"]
        self.sources = system["Links"]["Oem"]["Dell"]["BootOrder"]["@odata.id"]
        manager = (await self.lab.call("GET", system["Links"]["ManagedBy"][0]["@odata.id"])).json
        self.jobs = manager["Links"]["Oem"]["Dell"]["Jobs"]["@odata.id"]
        return self

    async def once(self, device: str, **more: Any) -> Any:
        settings = (await self.lab.call("GET", self.bios)).json["@Redfish.Settings"]["SettingsObject"]["@odata.id"]
        wanted = {"OneTimeBootMode": f"OneTime{self.seq}", f"OneTime{self.seq}Dev": device}
        return await self.lab.call("PATCH", settings, {"Attributes": wanted, **more})

    async def names(self) -> list[str]:
        rows = (await self.lab.call("GET", self.sources)).json["Attributes"][self.seq]
        return [row["Name"] for row in rows]

    async def boot(self) -> str:
        boots = self.hardware.boots
        await self.lab.reset("ForceRestart")
        await self.lab.until(lambda: self.hardware.boots > boots and self.hardware.phase in ("installer", "os"))
        return self.hardware.phase


ON_RESET = {"@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}}


@pytest.fixture
async def dell(start: Any) -> Any:
    async def make(model: str, mode: str = "UEFI") -> Dell:
        lab = await start(model)
        lab.foreman.tokens[lab.names[0]] = "token"
        return await Dell(lab, mode).read()

    return make


@pytest.mark.parametrize("mode", ["UEFI", "Legacy"])
@pytest.mark.parametrize("model", DELLS)
async def test_the_device_of_one_boot_is_taken_once(dell: Any, model: str, mode: str) -> None:
    machine = await dell(model, mode)
    disk, foreman, other = await machine.names()
    for device, phase in ((other, "os"), (disk, "os"), (foreman, "installer")):
        assert (await machine.once(device, **ON_RESET)).status == 202
        assert machine.hardware.armed == (device == foreman)
        assert await machine.boot() == phase
    assert await machine.boot() == "os", "once is once"


async def test_without_a_job_nothing_is_applied(dell: Any) -> None:
    machine = await dell("R650")
    _, foreman, _ = await machine.names()
    assert (await machine.once(foreman)).status == 200
    assert not machine.hardware.armed
    assert await machine.boot() == "os"
    made = await machine.lab.call("POST", machine.jobs, {"TargetSettingsURI": f"{machine.bios}/Settings"})
    assert machine.hardware.armed
    assert await machine.boot() == "installer"
    assert (await machine.lab.call("GET", made.headers["Location"])).json["JobState"] == "Completed"


@pytest.mark.parametrize(("model", "stays"), [("R630", True), ("R650", False)])
async def test_what_is_committed_cannot_be_changed_until_its_job_is_gone(dell: Any, model: str, stays: bool) -> None:
    machine = await dell(model)
    _, foreman, other = await machine.names()
    await machine.once(foreman, **ON_RESET)
    refused = await machine.once(other, **ON_RESET)
    assert (refused.status, keys(refused)) == (400, ["SYS011"])
    (job,) = (await machine.lab.call("GET", machine.jobs)).json["Members"]
    assert (await machine.lab.call("DELETE", job["@odata.id"])).status == 200
    settings = (await machine.lab.call("GET", f"{machine.bios}/Settings")).json
    assert bool(settings["Attributes"]) == stays and not machine.hardware.armed
    clear = settings["Actions"]["Oem"]["#DellManager.ClearPending"]["target"]
    assert (await machine.lab.call("POST", clear, {})).status == 200
    assert not machine.hardware.bios.pending


async def test_what_the_bios_does_not_know_is_refused(dell: Any) -> None:
    machine = await dell("R650")
    refused = await machine.once("NIC.Slot.9-9-9", **ON_RESET)
    assert (refused.status, keys(refused)) == (400, ["PropertyValueNotInList"])
    refused = await machine.lab.call("PATCH", f"{machine.bios}/Settings", {"Attributes": {"Colour": "red"}})
    assert (refused.status, keys(refused)) == (400, ["PropertyUnknown"])


async def test_an_override_takes_the_first_nic_whichever_that_is(dell: Any) -> None:
    machine = await dell("R650")
    await machine.lab.patch(ONCE)
    assert await machine.boot() == "installer"
    machine.hardware.bios.prefer("NIC.Integrated.1-2-1")
    await machine.lab.patch(ONCE)
    assert not machine.hardware.armed
    assert await machine.boot() == "os"


@pytest.mark.parametrize("model", DELLS)
async def test_a_boot_order_is_applied_by_a_job_and_stays(dell: Any, model: str) -> None:
    machine = await dell(model)
    rows = (await machine.lab.call("GET", machine.sources)).json["Attributes"][machine.seq]
    settings = f"{machine.sources}/Settings"
    turned = [{**row, "Index": 2 - row["Index"]} for row in rows]
    assert (await machine.lab.call("PATCH", settings, {"Attributes": {machine.seq: turned}})).status == 200
    made = await machine.lab.call("POST", machine.jobs, {"TargetSettingsURI": settings})
    assert made.status == (201 if model == "R670" else 200)
    assert await machine.names() == [row["Name"] for row in rows]
    assert await machine.boot() == "installer"
    assert await machine.names() == [row["Name"] for row in reversed(rows)]


async def test_the_oldest_tell_nothing_of_it(start: Any) -> None:
    lab = await start("R620")
    assert lab.bmc().hardware.bios is None
    assert (await lab.call("GET", f"{lab.bmc().family.system}/Bios")).status == 404
