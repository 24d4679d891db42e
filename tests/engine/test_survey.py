"""The plan's look at BMCs: what was told in time counts, whatever else the BMC is still busy with."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from quads_tui.engine.survey import PATIENCE, BmcSurvey
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.identity import Identity
from quads_tui.rollout.plan import Goal, HostPlan, Plan
from quads_tui.rollout.stages import Kind
from quads_tui.services.redfish import Survey

MAC = "b0:7b:25:00:00:01"


class Bmc:
    """Tells after `wait` seconds, and its NICs after `nics` more."""

    def __init__(self, wait: float, nics: float, macs: str = MAC, failure: StageFailure | None = None) -> None:
        self._wait, self._nics, self._macs, self._failure = wait, nics, (macs,), failure
        self.closed = False

    async def survey(self) -> Survey:
        await asyncio.sleep(self._wait)
        if self._failure:
            raise self._failure
        return Survey("On", "UEFI", True, "R650")

    async def identify(self, macs: Collection[str], deadline: float | None = None) -> Identity:
        await asyncio.sleep(self._nics)
        return Identity("192.0.2.1:443", "/redfish/v1/Systems/1", macs=self._macs, complete=True)

    async def close(self) -> None:
        self.closed = True


FAILED = StageFailure(Cause.CREDENTIALS, "wrong password", retryable=False)
BMCS = {
    "quick": (Bmc(1, 1), "On", "", ""),
    "slow-nics": (Bmc(1, 600), "On", "", ""),
    "nics-never-in-time": (Bmc(PATIENCE - 0.5, 600), "On", "", ""),
    "silent": (Bmc(600, 0), "", "not all was told", ""),
    "refuses": (Bmc(1, 0, failure=FAILED), "", "credentials: wrong password", ""),
    "another": (Bmc(1, 1, macs="b0:7b:25:ff:ff:ff"), "On", "", "not the machine"),
}


@pytest.mark.looptime
async def test_each_bmc_is_told_by_what_it_said_in_time() -> None:
    plan = Plan((Goal("cloud02", Kind.BUILD),), tuple(HostPlan(name, "https://x", mac=MAC) for name in BMCS))
    said: list[str] = []
    survey = BmcSurvey(plan.hosts, lambda host, acts: BMCS[host.name][0], said.append)
    found = {host.name: host for host in (await survey.of(plan)).hosts}
    await survey.close()
    assert asyncio.get_running_loop().time() <= PATIENCE + 1
    for name, (bmc, power, trouble, wrong) in BMCS.items():
        host = found[name]
        assert host.power == power, name
        assert bool(host.bmc) == bool(trouble), name
        assert trouble in host.bmc
        assert bool(host.trouble) == bool(wrong), name
        assert wrong in host.trouble
        assert bmc.closed
    assert said
