"""Faults of identity, as the wire shows them."""

from __future__ import annotations

from typing import Any

import pytest

from quads_tui.emulators.bmc import identity_faults

SYSTEM = "/redfish/v1/Systems/1"
TWIN = "/redfish/v1/Systems/Twin"
NICS = SYSTEM + "/EthernetInterfaces"
MODEL = "1029U"
LOGIN = {"UserName": "root", "Password": "calvin's heir"}


async def token(lab: Any, number: int = 0) -> dict[str, str]:
    made = await lab.call("POST", "/redfish/v1/SessionService/Sessions", LOGIN, basic=False, number=number)
    return {"X-Auth-Token": made.headers["X-Auth-Token"]}


async def test_a_twin_looks_like_the_machine_and_does_nothing(start: Any) -> None:
    fault = identity_faults.SecondSystem()
    lab = await start(MODEL, faults={0: fault})
    listed = (await lab.call("GET", "/redfish/v1/Systems/")).json
    assert [member["@odata.id"] for member in listed["Members"]] == [TWIN, SYSTEM]
    ours, twin = [(await lab.call("GET", path)).json for path in (SYSTEM, TWIN)]
    assert twin["Actions"]["#ComputerSystem.Reset"]["target"].startswith(TWIN)
    assert ours["UUID"] != twin["UUID"] and ours["SerialNumber"] != twin["SerialNumber"]
    assert (await lab.call("POST", twin["Actions"]["#ComputerSystem.Reset"]["target"], {"ResetType": "ForceOff"})).status == 204
    assert fault.changes_received == [f"POST {TWIN}/Actions/ComputerSystem.Reset"]
    assert lab.bmc().hardware.power == "On"


@pytest.mark.parametrize("status", [404, 503])
async def test_our_system_is_away_for_so_many_reads(start: Any, status: int) -> None:
    lab = await start(MODEL, faults={0: identity_faults.SecondSystem(away=2, status=status)})
    signed = await token(lab)
    statuses = [(await lab.call("GET", SYSTEM, headers=signed, basic=False)).status for _ in range(3)]
    assert statuses == [status, status, 200]


async def test_reset_is_hidden_for_so_many_reads(start: Any) -> None:
    lab = await start(MODEL, faults={0: identity_faults.SecondSystem(no_reset=1)})
    assert ["Actions" in (await lab.call("GET", SYSTEM)).json for _ in range(2)] == [False, True]


async def test_twins_with_the_serial_number_of_their_chassis(start: Any) -> None:
    lab = await start(MODEL, faults={0: identity_faults.SecondSystem(same_serial=True)})
    assert len({(await lab.call("GET", path)).json["SerialNumber"] for path in (SYSTEM, TWIN)}) == 1


async def test_facts_that_nobody_wrote_and_that_go_with_the_power(start: Any) -> None:
    lab = await start(MODEL, MODEL, faults={0: identity_faults.Placeholders(), 1: identity_faults.UnknownWhileOff()})
    assert (await lab.call("GET", SYSTEM)).json["SerialNumber"] == "To be filled by O.E.M."
    assert (await lab.call("GET", SYSTEM, number=1)).json["UUID"]
    await lab.reset("ForceOff", number=1)
    await lab.until(lambda: lab.bmc(1).hardware.power == "Off")
    off = (await lab.call("GET", SYSTEM, number=1)).json
    assert (off["UUID"], off["SerialNumber"]) == (None, "")


async def test_pages_of_nics(start: Any) -> None:
    lab = await start(MODEL, MODEL, faults={0: identity_faults.NicsPaged(), 1: identity_faults.NicsPaged(circle=True)})
    for number, last in ((0, None), (1, f"{NICS}?$skip=0")):
        link, macs, pages = NICS, [], 0
        while link and pages < 11:
            page = (await lab.call("GET", link, number=number)).json
            macs += [member["MACAddress"] for member in page["Members"]]
            link, pages = page.get("Members@odata.nextLink"), pages + 1
        assert (len(macs), page["Members@odata.count"], macs[-1]) == (41, 41, lab.bmc(number).mac.upper())
        assert (pages, link) == (11, last)


async def test_pages_of_nics_without_an_end(start: Any) -> None:
    lab = await start(MODEL, faults={0: identity_faults.NicsEndless()})
    links, macs = [NICS], set()
    for _ in range(20):
        page = (await lab.call("GET", links[-1])).json
        macs.add(tuple(member["@odata.id"] for member in page["Members"]))
        links.append(page["Members@odata.nextLink"])
    assert (len(set(links)), len(macs)) == (21, 1)


async def test_gaps_in_the_list_of_nics(start: Any) -> None:
    faults = (
        identity_faults.NicGone(),
        identity_faults.NicWithoutMac(),
        identity_faults.NicsMiscounted(),
        identity_faults.NicsNotShown(),
        identity_faults.NicsAway(1),
    )
    lab = await start(*[MODEL] * 5, faults=dict(enumerate(faults)))
    gone, silent, miscounted = [(await lab.call("GET", NICS, number=number)).json for number in range(3)]
    assert (await lab.call("GET", gone["Members"][0]["@odata.id"])).status == 404
    signed = await token(lab)
    assert (await lab.call("GET", gone["Members"][1]["@odata.id"], headers=signed, basic=False)).status == 200
    signed = await token(lab, 1)
    silent_nic = await lab.call("GET", silent["Members"][0]["@odata.id"], headers=signed, basic=False, number=1)
    assert silent_nic.json["MACAddress"] is None
    assert miscounted["Members@odata.count"] == len(miscounted["Members"]) + 1
    assert "EthernetInterfaces" not in (await lab.call("GET", SYSTEM, number=3)).json
    assert [(await lab.call("GET", NICS, number=4)).status for _ in range(2)] == [503, 200]
