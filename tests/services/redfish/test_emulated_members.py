"""Off, PXE, on through BMCs that make it hard to tell which machine is meant (A1, A4, A5), judged by what was done to whom."""

from __future__ import annotations

import asyncio

import pytest

from quads_tui.emulators.bmc import identity_faults, outages
from quads_tui.emulators.bmc.faults import Fault
from quads_tui.emulators.bmc.fleet import Fleet
from quads_tui.emulators.fault_profiles import RARE_FAULTS, FaultKind
from quads_tui.emulators.interfaces import Machine
from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.identity import Comparison, compared
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.services.http import Http
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import BmcConnection
from tests.clocks import FastClock, GrantedTime

from .conftest import Told
from .test_families import SPEED, Foreman

NAME, MAC = "f01-h01-000.example.com", "04:3f:72:00:00:01"
FAULTS = [
    fault
    for fault in RARE_FAULTS
    if fault.name.startswith(("twin-", "facts-", "nic", "redirects-", "login-page-", "not-ready-nan", "damaged-", "garbled-"))
]


class Lab:
    def __init__(self, model: str, fault: Fault) -> None:
        self.fault = fault
        self.fleet = Fleet(
            [Machine(NAME, model, MAC)],
            time=GrantedTime(SPEED),
            seed=1,
            provisioner=Foreman(),
            username="root",
            password="pw",
            faults={NAME: fault},
        )

    async def __aenter__(self) -> Lab:
        await self.fleet.serve()
        self.clock = FastClock(SPEED, floor=5.0)
        self.http = Http(self.clock)
        self.acts = Told()
        self.bmc = self.another()
        return self

    def another(self) -> Bmc:
        """A further client of the same process."""
        return Bmc(
            BmcConnection(
                self.http,
                address=self.fleet.address(NAME),
                host=NAME,
                username="root",
                password=Secret("pw"),
                tls=TlsPolicy(),
                clock=self.clock,
                limits=Limits(),
                meter=Meter(),
                acts=self.acts,
            )
        )

    async def __aexit__(self, *_: object) -> None:
        await self.bmc.close()
        await self.http.close()
        await self.fleet.close()

    @property
    def system(self) -> str:
        return self.fleet.bmcs[NAME].family.system

    def soon(self) -> float:
        return self.clock.deadline(600)


@pytest.mark.parametrize("model", ["1029U-TR4", "GB200"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a5_each_rarity_ends_well_on_the_machine_that_foreman_means(fault: FaultKind, model: str) -> None:
    assert fault.make is not None
    async with Lab(model, fault.make()) as lab:
        known = await lab.bmc.identify([MAC], lab.soon())
        assert (known.system, compared(known, [MAC])[0]) == (lab.system, Comparison.SAME)
        lab.bmc.pin(known)
        await lab.bmc.ensure_off(lab.soon())
        await lab.bmc.ensure_pxe_next(lab.soon())
        await lab.bmc.ensure_on(lab.soon())
        assert getattr(lab.fault, "changes_received", []) == []
        assert lab.fleet.bmcs[NAME].hardware.resets == 2


async def test_d10_a_bmc_that_wants_to_be_left_alone_at_the_first_look_hears_nothing_of_any_client() -> None:
    fault = outages.NotReadyAtFirst()
    async with Lab("1029U-TR4", fault) as lab:
        with pytest.raises(StageFailure) as caught:
            await lab.bmc.observe()  # once, as the flow's first look
        assert (caught.value.cause, caught.value.after) == (Cause.BUSY, 1.0)
        another = lab.another()
        await asyncio.gather(lab.bmc.observe(lab.soon()), another.identify([MAC], lab.soon()))
        await another.close()
        assert fault.early == 0


UNVERIFIED: dict[str, tuple[Fault, str]] = {
    "not told": (identity_faults.NicsNotShown(), "its BMC reports no MAC address"),
    "ours is not listed": (identity_faults.NicGone(missing=True), "its BMC reports only some MAC addresses"),
}


@pytest.mark.parametrize("what", UNVERIFIED)
async def test_a5_what_is_not_known_is_not_wrong(what: str) -> None:
    fault, words = UNVERIFIED[what]
    async with Lab("1029U-TR4", fault) as lab:
        result, why = compared(await lab.bmc.identify([MAC], lab.soon()), [MAC])
        assert result is Comparison.UNKNOWN
        assert why.startswith(words) and why.endswith(f"Foreman provisions through {MAC}")


async def test_a1_twins_without_macs_are_not_guessed_at() -> None:
    fault = identity_faults.SecondSystem(away=1)
    async with Lab("6048R", fault) as lab:  # tells no NICs
        for act in (lab.bmc.ensure_off, lab.bmc.ensure_on, lab.bmc.ensure_pxe_next):
            with pytest.raises(StageFailure, match="lists 2 systems"):
                await act(lab.clock.now())
        assert (fault.changes_received, lab.acts.intents) == ([], [])


async def test_a4_facts_that_are_none_are_not_known() -> None:
    for fault in (identity_faults.Placeholders(), identity_faults.SecondSystem(same_serial=True)):
        async with Lab("1029U-TR4", fault) as lab:
            known = await lab.bmc.identify([MAC], lab.soon())
            assert known.serial == ""
            assert bool(known.uuid) is isinstance(fault, identity_faults.SecondSystem)
