"""Off, PXE, on against every family of the emulated fleet, judged by what its machines did."""

from __future__ import annotations

import pytest

from quads_tui.emulators.bmc.families import FAMILIES, family_of
from quads_tui.emulators.bmc.fleet import Fleet
from quads_tui.emulators.interfaces import Machine
from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.identity import Comparison, compared
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.services.http import Http
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import BmcConnection
from tests.clocks import FastClock, GrantedTime

from .conftest import Told

SPEED = 300.0
MODELS = (
    "R620",
    "R630",
    "R650",
    "R670",
    "DL360",
    "DL320",
    "6048R",
    "1029U-TR4",
    "120U",
    "621C",
    "SR650",
    "GB200",
    "DGXH100",
    "3500RX",
)


class Foreman:
    """Has a token for everybody, so that whoever boots from the network is wiped."""

    def live_token(self, host: str) -> str | None:
        return "token"

    async def built(self, host: str, token: str) -> bool:
        return True

    async def failed(self, host: str, token: str, log: str) -> bool:
        return True


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("model", MODELS)
async def test_off_pxe_on(model: str, seed: int) -> None:
    name = "f01-h01-000.example.com"
    machine = Machine(name, model, "04:3f:72:00:00:01")
    fleet = Fleet([machine], time=GrantedTime(SPEED), seed=seed, provisioner=Foreman(), username="root", password="pw")
    await fleet.serve()
    clock, acts = FastClock(SPEED, floor=5.0), Told()
    http = Http(clock)
    bmc = Bmc(
        BmcConnection(
            http,
            address=fleet.address(name),
            host=name,
            username="root",
            password=Secret("pw"),
            tls=TlsPolicy(),
            clock=clock,
            limits=Limits(),
            meter=Meter(),
            acts=acts,
        )
    )
    hardware = fleet.bmcs[name].hardware
    try:
        known = await bmc.identify((machine.mac,), clock.deadline(600))
        told = machine.mac in known.macs
        assert told or not fleet.bmcs[name].family.nics
        assert compared(known, {machine.mac})[0] is (Comparison.SAME if told else Comparison.UNKNOWN)
        assert known.system == fleet.bmcs[name].family.system and known.uuid == fleet.bmcs[name].uuid
        bmc.pin(known)
        await bmc.ensure_off(clock.deadline(600))
        assert hardware.power == "Off"
        assert await bmc.ensure_off(clock.deadline(600)) == "was off already"
        await bmc.ensure_pxe_next(clock.deadline(600))
        await bmc.clear_override(clock.deadline(600))
        assert not await bmc.pxe_armed()
        await bmc.ensure_pxe_next(clock.deadline(600))
        assert await bmc.pxe_armed()
        await bmc.ensure_on(clock.deadline(600))
        assert (await bmc.observe(clock.deadline(60))).power == "On"
        asked = len(acts.intents), fleet.counts()["requests"]
        report = await bmc.report()
        assert report.power == "On"
        assert (len(acts.intents), fleet.counts()["requests"]) <= (asked[0], asked[1] + 10)
        family = fleet.bmcs[name].family
        assert bool(report.last_reset) is family.tells_last_reset
        if family.log_services:
            assert report.sel
            assert {line.text for line in report.sel} <= {text for _, text in hardware.log}
        assert not report.missing
    finally:
        await bmc.close()
        await http.close()
        await fleet.close()
    assert hardware.last_boot["source"] == "Pxe"
    counts = fleet.counts()
    assert (counts["sessions_open"], counts["peak_requests_per_bmc"], counts["mode_changes"]) == (0, 1, 0)
    assert counts["requests"] == sum(http.requests.values())
    assert hardware.resets == 2


def test_no_family_is_left_out() -> None:
    assert {family_of(model).name for model in MODELS} == set(FAMILIES)
