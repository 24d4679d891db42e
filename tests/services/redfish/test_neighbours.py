"""Nothing leads from a host's system to its neighbour: no redirect, no link, no list that lies, no word that the MACs deny (A1, A4)."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.identity import Comparison, compared
from quads_tui.services.redfish import Bmc

from .conftest import Bench
from .fake import RESET, SYSTEM, FakeBmc, linked
from .test_members import LONG, MAC, NICS, OTHER_MAC, TWIN, nics, twins, untouched

__all__ = ["twins"]
TWIN_RESET = f"{TWIN}/Actions/ComputerSystem.Reset"


@pytest.fixture(autouse=True)
def patient(bench: Bench) -> None:
    bench.clock.patient()


def redirect(where: str, status: int) -> web.Response:
    return web.Response(status=status, headers={"Location": where})


async def pinned(bench: Bench) -> Bmc:
    client = bench.other(system="1")
    client.pin(await client.identify([]))
    return client


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("when", ["before it is chosen", "after it is pinned"])
async def test_a1_a_read_that_is_redirected_to_the_neighbour_is_no_look_at_the_machine(
    twins: Bench, status: int, when: str
) -> None:
    twins.bmc.system = {}  # nothing tells the two apart
    client = await pinned(twins) if when.startswith("after") else twins.other(system="1")
    twins.bmc.when("GET", "/Systems/1", redirect(TWIN, status), times=99)
    failure = await twins.fails(client.ensure_off(twins.clock.now() + 20))
    assert (failure.cause, failure.retryable) == (Cause.PROTOCOL, True)
    assert failure.reason == f"the BMC redirects {SYSTEM} to {TWIN}, which is another resource: it is not followed"
    assert untouched(twins)
    twins.bmc.rules.clear()
    assert await client.ensure_off(twins.clock.now() + LONG) == ""  # and it is not remembered
    assert (twins.bmc.applied, twins.bmc.count(f"POST {TWIN}")) == (["ForceOff"], 0)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a1_an_act_that_is_redirected_to_the_neighbour_goes_nowhere(twins: Bench, status: int) -> None:
    client = await pinned(twins)
    twins.bmc.when("POST", "ComputerSystem.Reset", redirect(TWIN_RESET, status))
    assert await client.ensure_off(twins.clock.now() + LONG) == ""
    twins.bmc.when("PATCH", "/Systems/1", redirect(TWIN, status))
    assert await client.ensure_pxe_next(twins.clock.now() + LONG) == ""
    assert (twins.bmc.count(f"POST {TWIN}"), twins.bmc.count(f"PATCH {TWIN}")) == (0, 0)
    assert twins.told.results == ["absent", "answered"] * 2
    words = "which is another resource: it is not followed"
    assert f"trying again: the BMC redirects {RESET} to {TWIN_RESET}, {words}" in twins.told.notes
    assert f"trying again: the BMC redirects {SYSTEM} to {TWIN}, {words}" in twins.told.notes


@pytest.mark.parametrize("status", [302, 307])
async def test_d1_a_redirect_to_a_web_page_is_not_ready_and_is_over_with_it(bench: Bench, status: int) -> None:
    bench.bmc.when("GET", "/Systems/1", redirect("/login.html", status), times=2)
    assert await bench.off(LONG) == ""
    assert f"trying again: the BMC redirects {SYSTEM} to /login.html: its Redfish service is not ready" in bench.told.notes
    assert bench.bmc.count("login.html") == 0


@pytest.mark.parametrize("lasting", [True, False])
async def test_a1_a_neighbour_that_answers_in_the_machines_place_is_waited_out(twins: Bench, lasting: bool) -> None:
    async def other(bmc: FakeBmc, request: Any, data: Any) -> web.Response:
        return web.json_response(bmc.documents[TWIN])

    twins.bmc.system = {"UUID": None}
    del twins.bmc.documents[TWIN]["UUID"], twins.bmc.documents[TWIN]["SerialNumber"]
    client = await pinned(twins)
    twins.bmc.when("GET", "/Systems/1", other, times=999 if lasting else 2)
    if lasting:
        failure = await twins.fails(client.ensure_off(twins.clock.now() + 20))
        assert failure.retryable
        assert failure.reason == f"the system {SYSTEM} cannot be read now: {TWIN} answers in its place"
        assert untouched(twins)
    else:
        assert await client.ensure_off(twins.clock.now() + LONG) == ""
        assert (twins.bmc.applied, twins.bmc.count(f"POST {TWIN}")) == (["ForceOff"], 0)


@pytest.mark.parametrize("spelled", [SYSTEM + "/", "/redfish/v1/systems/1/", None])
async def test_a1_another_spelling_of_the_same_path_is_the_same_machine(bench: Bench, spelled: str | None) -> None:
    bench.bmc.system = {"@odata.id": spelled}
    assert await bench.off(LONG) == ""


LINKS: dict[str, tuple[dict[str, Any], str]] = {
    "Reset": ({"Actions": {"#ComputerSystem.Reset": {"target": TWIN_RESET}}}, TWIN_RESET),
    "Reset by way of dots": (
        {"Actions": {"#ComputerSystem.Reset": {"target": f"{SYSTEM}/../2/Actions/ComputerSystem.Reset"}}},
        f"{SYSTEM}/../2/Actions/ComputerSystem.Reset",
    ),
    "settings": ({"@Redfish.Settings": {"SettingsObject": {"@odata.id": TWIN}}}, TWIN),
    "BIOS": ({"Bios": {"@odata.id": f"{TWIN}/Bios"}}, f"{TWIN}/Bios"),
    "list of NICs": ({"EthernetInterfaces": {"@odata.id": f"{TWIN}/EthernetInterfaces"}}, f"{TWIN}/EthernetInterfaces"),
}


@pytest.mark.parametrize("what", LINKS)
async def test_a1_a_link_to_the_neighbours_parts_is_refused_and_both_are_named(twins: Bench, what: str) -> None:
    client = await pinned(twins)
    changed, where = LINKS[what]
    twins.bmc.system |= changed
    for act in (client.ensure_off, client.ensure_pxe_next):
        failure = await twins.fails(act(twins.clock.now() + 20))
        assert (failure.cause, failure.retryable) == (Cause.WRONG_BMC, False)
        part = what.removesuffix(" by way of dots")
        assert failure.reason == (
            f"the system {SYSTEM} names {where} as its {part}, which is another system's: nothing is sent there"
        )
    assert untouched(twins)


LIST, MORE = "/redfish/v1/Systems", "/redfish/v1/Systems/more"
LISTS: dict[str, list[dict[str, Any]]] = {
    "a count of 1 beside an empty entry": [{"Members": [None, *linked(TWIN)], "Members@odata.count": 1}],
    "a second page that counts 0": [
        {"Members": linked(TWIN), "Members@odata.count": 2, "Members@odata.nextLink": MORE},
        {"Members": [], "Members@odata.count": 0},
    ],
    "the neighbour twice": [{"Members": linked(TWIN, TWIN), "Members@odata.count": 2}],
    "the neighbour twice, without a count": [{"Members": linked(TWIN, TWIN)}],
    "the neighbour in two spellings": [{"Members": linked(TWIN, TWIN + "/"), "Members@odata.count": 2}],
    "a count in digits": [{"Members": linked(TWIN), "Members@odata.count": "2"}],
    "a count with a fraction": [{"Members": linked(TWIN), "Members@odata.count": 2.0}],
    "a count under another name": [{"Members": linked(TWIN), "@odata.count": 2}],
    "a next page under another name": [{"Members": linked(TWIN), "@odata.nextLink": MORE}, {"Members": linked(SYSTEM)}],
    "next pages that differ": [{"Members": linked(TWIN), "@odata.nextLink": MORE, "Members@odata.nextLink": MORE + "2"}],
    "a circle": [{"Members": linked(TWIN), "Members@odata.nextLink": MORE}, {"Members": [], "Members@odata.nextLink": LIST}],
}


@pytest.mark.parametrize("what", LISTS)
async def test_a1_a_list_that_contradicts_itself_never_makes_the_neighbour_the_only_one(twins: Bench, what: str) -> None:
    twins.bmc.documents |= dict(zip((LIST, MORE), LISTS[what], strict=False))
    failure = await twins.fails(twins.off(30))
    assert failure.cause is Cause.PROTOCOL and "it is not clear which is meant" in failure.reason
    assert failure.reason.endswith("name it with `system:` in the assignment")
    assert untouched(twins)


@pytest.mark.parametrize("again", ["1", "1/"])
@pytest.mark.parametrize("count", [None, 1, 2, "2"])
async def test_a5_a_nic_that_is_listed_twice_may_stand_for_another_and_convicts_nobody(
    bench: Bench, again: str, count: object
) -> None:
    bench.bmc.system["EthernetInterfaces"] = {"@odata.id": NICS}
    bench.bmc.documents[NICS] = {"Members": linked(f"{NICS}/1", f"{NICS}/{again}"), "Members@odata.count": count}
    bench.bmc.documents[f"{NICS}/1"] = {"MACAddress": OTHER_MAC}
    known = await bench.client.identify([MAC])
    assert (known.macs, known.complete) == ((OTHER_MAC,), False)
    assert compared(known, [MAC])[0] is Comparison.UNKNOWN


@pytest.mark.parametrize("tells", [None, "52:54:00:00:00:77"])
@pytest.mark.parametrize("looked", [False, True])
async def test_a4_a_named_system_whose_mac_a_neighbour_tells_is_refused_and_both_are_named(
    twins: Bench, tells: str | None, looked: bool
) -> None:
    if tells:
        twins.bmc.system["EthernetInterfaces"] = nics(twins.bmc, SYSTEM, tells)
    twins.bmc.documents[TWIN]["EthernetInterfaces"] = nics(twins.bmc, TWIN, MAC)
    client = twins.other(system="1")
    if looked:
        await client.identify([])  # no MAC was known then
    failure = await twins.fails(client.identify([MAC], twins.clock.now() + 30))
    assert (failure.cause, failure.retryable) == (Cause.WRONG_BMC, False)
    assert failure.reason == (
        f"`system: 1` in the assignment names {SYSTEM}, but {MAC}, which Foreman provisions through, is on {TWIN}: "
        "correct `system:` or the host's MAC address in Foreman"
    )
    assert untouched(twins)


async def test_a4_a_named_system_that_tells_no_mac_is_taken_where_no_neighbour_tells_foremans(twins: Bench) -> None:
    twins.bmc.documents[TWIN]["EthernetInterfaces"] = nics(twins.bmc, TWIN, OTHER_MAC)
    known = await twins.other(system="1").identify([MAC], twins.clock.now() + 30)
    assert (known.system, compared(known, [MAC])[0]) == (SYSTEM, Comparison.UNKNOWN)


async def test_a1_what_is_read_besides_the_system_is_none_of_the_neighbours(twins: Bench) -> None:
    info = f"{TWIN}/ResetActionInfo"
    twins.bmc.system["Actions"] = {"#ComputerSystem.Reset": {"target": RESET, "@Redfish.ActionInfo": info}}
    client = await pinned(twins)
    failure = await twins.fails(client.ensure_off(twins.clock.now() + 20))
    assert (failure.cause, failure.retryable) == (Cause.WRONG_BMC, False)
    assert failure.reason == f"the system {SYSTEM} names {info} as its own, which is another system's: nothing is sent there"
    assert untouched(twins)
