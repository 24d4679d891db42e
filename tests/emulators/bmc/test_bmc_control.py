"""The control server: counts, faults, one host, the button."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from quads_tui.emulators import fault_profiles
from quads_tui.emulators.bmc.faults import DeadBmc, NeverOn
from quads_tui.emulators.control import Control

DEAD = next(fault for fault in fault_profiles.FAILURES if fault.make is DeadBmc)


class Back:
    """A client of the control server."""

    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self.client, self.url = client, url

    async def __call__(self, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
        async with self.client.request(method, self.url + path, data=body) as response:
            return response.status, await response.json()


@pytest.fixture
async def back(start: Any) -> AsyncIterator[tuple[Any, Back]]:
    lab = await start("R650", "DL360", "R640", faults={1: DeadBmc(), 2: NeverOn()})
    control = Control(lab.fleet, lab.foreman, {lab.names[1]: DEAD})
    yield lab, Back(lab.client, await control.serve())
    await control.close()


async def test_counts_have_what_is_promised(back: tuple[Any, Back]) -> None:
    lab, ask = back
    status, counts = await ask("GET", "/counts")
    assert status == 200
    assert {"requests", "resets", "sessions_open", "peak_requests_per_bmc", "mode_changes"} <= counts["bmc"].keys()
    assert counts["hosts"] == {name: {"wipes": 0, "resets": 0, "built": 0, "armed": False} for name in lab.names}


async def test_armed_needs_the_token_and_the_override(back: tuple[Any, Back]) -> None:
    lab, ask = back
    name = lab.names[0]

    async def armed() -> bool:
        return bool((await ask("GET", "/counts"))[1]["hosts"][name]["armed"])

    await lab.patch({"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"})
    assert not await armed()
    lab.foreman.tokens[name] = "token"
    assert await armed()
    await lab.patch({"BootSourceOverrideEnabled": "Disabled"})
    assert not await armed()


async def test_a_run_is_counted_as_the_servers_saw_it(back: tuple[Any, Back]) -> None:
    lab, ask = back
    name = lab.names[0]
    lab.foreman.tokens[name] = "token"
    await lab.patch({"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"})
    await lab.reset("ForceRestart")
    await lab.until(lambda: lab.foreman.built_hosts == [name])
    counts = (await ask("GET", "/counts"))[1]
    assert counts["hosts"][name] == {"wipes": 1, "resets": 1, "built": 1, "armed": False}
    assert counts["bmc"]["requests"] == 3
    host = (await ask("GET", f"/hosts/{name}"))[1]
    assert (host["family"], host["wipes"], host["model"]) == ("idrac9", 1, "R650")
    assert any("installer" in entry["what"] for entry in host["log"])


async def test_faults_are_told(back: tuple[Any, Back]) -> None:
    lab, ask = back
    expected = {"fault": "bmc-dead", "stage": "power_off", "cause": "unreachable", "permanent": True, "cured_by": None}
    assert (await ask("GET", "/faults"))[1] == {lab.names[1]: expected}
    assert (await ask("GET", f"/hosts/{lab.names[1]}"))[1]["fault"] == expected


async def test_somebody_presses_the_button(back: tuple[Any, Back]) -> None:
    lab, ask = back
    path = f"/hosts/{lab.names[0]}"
    status, host = await ask("POST", path, json.dumps({"power": "Off"}))
    assert (status, host["changed"], host["resets"]) == (200, True, 0)
    await lab.until(lambda: lab.bmc().hardware.power == "Off")
    assert (await ask("POST", path, '{"power": "Off"}'))[1]["changed"] is False
    assert (await ask("POST", path, '{"power": "On"}'))[1]["changed"] is True
    await lab.until(lambda: lab.bmc().hardware.power == "On")


@pytest.mark.parametrize("body", ["", "[]", '{"power": "Sideways"}', "{"])
async def test_a_button_that_is_none(back: tuple[Any, Back], body: str) -> None:
    lab, ask = back
    assert (await ask("POST", f"/hosts/{lab.names[0]}", body))[0] == 400


async def test_what_is_not_there(back: tuple[Any, Back]) -> None:
    lab, ask = back
    assert (await ask("GET", "/hosts/nobody.example.com"))[0] == 404
    assert (await ask("GET", "/nothing"))[0] == 404
    assert (await ask("POST", "/counts"))[0] == 405
    assert (await ask("DELETE", f"/hosts/{lab.names[0]}"))[0] == 405
    assert "what" in (await ask("GET", "/"))[1]
