"""Which of a BMC's systems is the host's machine (A1, A4), and that it stays that one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.identity import Comparison, Identity, compared

from .conftest import Bench
from .fake import RESET, SYSTEM, FakeBmc, error, linked

TWIN = "/redfish/v1/Systems/2"
BOARD = "/redfish/v1/Systems/HGX_Baseboard_0"
NICS, TWIN_NICS = SYSTEM + "/EthernetInterfaces", TWIN + "/EthernetInterfaces"
UUID, OTHER_UUID = "4c4c4544-0046-5010-8051-b4c04f4e3332", "4c4c4544-0046-5010-8051-b4c04f4e3333"
MAC, OTHER_MAC = "52:54:00:00:00:01", "52:54:00:00:00:02"
GONE = error(404, "ResourceMissingAtURI")
LONG = 3000.0  # own seconds


@pytest.fixture(autouse=True)
def patient(bench: Bench) -> None:
    bench.clock.patient()


def system(bmc: FakeBmc, path: str, **members: Any) -> dict[str, Any]:
    """A document like the first system's, at another path."""
    action = {"#ComputerSystem.Reset": {"target": f"{path}/Actions/ComputerSystem.Reset"}}
    document = {**bmc.document(SYSTEM), "@odata.id": path, "Actions": action, "EthernetInterfaces": None, **members}
    return {name: value for name, value in document.items() if value is not None}


def nics(bmc: FakeBmc, of: str, mac: str) -> dict[str, str]:
    """A list of one NIC, and the reference to it."""
    bmc.documents[f"{of}/EthernetInterfaces"] = {"Members": [{"@odata.id": f"{of}/EthernetInterfaces/1", "MACAddress": mac}]}
    return {"@odata.id": f"{of}/EthernetInterfaces"}


@pytest.fixture
def twins(bench: Bench) -> Bench:
    """Two equal systems; the first is ours."""
    bench.bmc.system = {"UUID": UUID, "SerialNumber": "NODE1001"}
    bench.bmc.documents[TWIN] = system(bench.bmc, TWIN, UUID=OTHER_UUID, SerialNumber="NODE1002")
    bench.bmc.members = linked(SYSTEM, TWIN)
    return bench


def tell_macs(bench: Bench) -> None:
    bench.bmc.system["EthernetInterfaces"] = nics(bench.bmc, SYSTEM, MAC)
    bench.bmc.documents[TWIN]["EthernetInterfaces"] = nics(bench.bmc, TWIN, OTHER_MAC)


def untouched(bench: Bench) -> bool:
    return not bench.told.intents and not bench.bmc.resets and not bench.bmc.patches and not bench.bmc.count(f"POST {TWIN}")


async def no_reset(bmc: FakeBmc, request: Any, data: Any) -> Any:
    bmc.system["Actions"] = None


MOMENTS: dict[str, Any] = {"gone": GONE, "away": error(503, "ServiceTemporarilyUnavailable"), "without Reset": no_reset}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a1_a_member_that_is_gone_for_a_moment_never_makes_its_neighbour_the_only_one(twins: Bench, moment: str) -> None:
    twins.bmc.when("GET", "/Systems/1", MOMENTS[moment], times=99)
    failure = await twins.fails(twins.off(30))
    assert failure.cause is Cause.PROTOCOL
    assert "the BMC lists 2 systems (1, 2), and it is not clear which is meant" in failure.reason
    assert failure.reason.endswith("name it with `system:` in the assignment") and failure.advises
    assert failure.retryable is (moment != "without Reset")
    assert untouched(twins)


@pytest.mark.parametrize("empty", [None, 7, {"@odata.id": None}])
async def test_a1_a_member_whose_reference_is_missing_counts(twins: Bench, empty: Any) -> None:
    twins.bmc.members = [empty, *linked(TWIN)]
    failure = await twins.fails(twins.off(30))
    assert failure.retryable and "not all members are listed" in failure.reason
    assert untouched(twins)


async def test_a1_a_page_of_members_that_is_gone_hides_no_member(twins: Bench) -> None:
    twins.bmc.documents["/redfish/v1/Systems"] = {"Members": linked(TWIN), "Members@odata.nextLink": "/redfish/v1/Systems/more"}
    failure = await twins.fails(twins.off(30))
    assert failure.retryable and untouched(twins)


async def test_a1_a_count_that_is_higher_than_the_members_hides_no_member(twins: Bench) -> None:
    twins.bmc.documents["/redfish/v1/Systems"] = {"Members": linked(TWIN), "Members@odata.count": 2}
    assert (await twins.fails(twins.off(30))).retryable
    assert untouched(twins)


async def test_a1_a_member_that_comes_back_is_waited_for(twins: Bench) -> None:
    tell_macs(twins)
    twins.bmc.when("GET", "/Systems/1", GONE, times=2)
    known = await twins.client.identify([MAC], twins.clock.now() + LONG)
    assert (known.system, known.uuid, known.macs) == (SYSTEM, UUID, (MAC,))


async def test_a1_after_the_first_act_only_that_system(twins: Bench) -> None:
    tell_macs(twins)
    twins.client.pin(await twins.client.identify([MAC]))
    await twins.off(LONG)
    twins.bmc.when("GET", "/Systems/1", GONE, times=10_000)
    failure = await twins.fails(twins.on(30))
    assert failure.retryable and failure.reason.startswith(f"the system {SYSTEM} cannot be read now")
    assert twins.bmc.resets == ["ForceOff"]
    twins.bmc.rules.clear()
    twins.bmc.members = linked(TWIN)  # ours has left the list: a pinned system is not looked for
    await twins.on(LONG)
    assert (twins.bmc.resets, twins.bmc.count(f"POST {TWIN}")) == (["ForceOff", "On"], 0)


async def test_a1_another_process_keeps_to_the_pinned_system(twins: Bench) -> None:
    tell_macs(twins)
    pinned = await twins.client.identify([MAC])
    twins.bmc.members = linked(TWIN)
    later = twins.other()
    later.pin(pinned)
    assert await later.ensure_off(twins.clock.now() + LONG) == ""
    assert twins.bmc.applied == ["ForceOff"]
    assert twins.bmc.log.count(f"GET {TWIN}") == 1  # by the first client, which had to choose


async def test_a1_a_pinned_system_that_is_gone_at_once_is_waited_for(bench: Bench) -> None:
    bench.client.pin(await bench.client.identify([]))
    bench.bmc.when("GET", "/Systems/1", GONE, times=2)
    assert await bench.off(LONG) == ""


async def test_a1_a_reset_that_is_hidden_for_a_moment_is_waited_for(bench: Bench) -> None:
    bench.bmc.system["Actions"] = None
    asyncio.get_running_loop().call_later(0.05, lambda: bench.bmc.system.pop("Actions"))
    assert await bench.off(LONG) == ""


async def test_a1_a_reset_that_is_not_offered_is_said(bench: Bench) -> None:
    bench.bmc.system["Actions"] = None
    failure = await bench.fails(bench.off(20))
    assert "the BMC offers no Reset action for this system" in failure.reason
    assert untouched(bench)


@pytest.mark.parametrize("changed", [{"UUID": OTHER_UUID}, {"SerialNumber": "NODE1002"}])
async def test_a1_a_changed_identity_names_both_and_nothing_is_done(bench: Bench, changed: dict[str, str]) -> None:
    bench.bmc.system = {"UUID": UUID, "SerialNumber": "NODE1001"}
    bench.client.pin(await bench.client.identify([]))
    bench.bmc.system |= changed
    for act in (bench.off, bench.pxe, bench.on, bench.clear):
        failure = await bench.fails(act(30))
        assert (failure.cause, failure.retryable) == (Cause.WRONG_BMC, False)
        assert failure.reason.startswith("another machine answers: ")
        assert next(iter(changed.values())) in failure.reason and (UUID in failure.reason) and "NODE1001" in failure.reason
    assert untouched(bench)


async def test_a1_a_machine_that_changes_between_off_and_on_is_left_alone(bench: Bench) -> None:
    bench.bmc.system = {"UUID": UUID}
    await bench.off(LONG)  # not even pinned: one client, one machine
    bench.bmc.system = {"UUID": OTHER_UUID}
    assert (await bench.fails(bench.on(30))).cause is Cause.WRONG_BMC
    assert bench.bmc.resets == ["ForceOff"]


@pytest.mark.parametrize("nothing", [None, "", "00000000-0000-0000-0000-000000000000", "03000200-0400-0500-0006-000700080009"])
async def test_a1_values_that_are_empty_while_the_machine_is_off_are_not_different(bench: Bench, nothing: str | None) -> None:
    bench.bmc.system = {"UUID": UUID, "SerialNumber": "NODE1001"}
    bench.client.pin(await bench.client.identify([]))
    bench.bmc.system = {"UUID": nothing, "SerialNumber": "To be filled by O.E.M."}
    assert await bench.off(LONG) == ""
    bench.bmc.system = {"UUID": OTHER_UUID}
    assert (await bench.fails(bench.on(30))).cause is Cause.WRONG_BMC  # what was known before is not forgotten


@pytest.mark.parametrize("name", ["2", TWIN, TWIN + "/"])
async def test_a4_the_assignment_names_the_system(twins: Bench, name: str) -> None:
    known = await twins.other(system=name).identify([])
    assert (known.system, known.uuid, known.serial) == (TWIN, OTHER_UUID, "NODE1002")


async def test_a4_a_named_system_that_is_gone_is_waited_for(twins: Bench) -> None:
    client = twins.other(system="1")
    twins.bmc.when("GET", "/Systems/1", GONE, times=2)
    await client.ensure_off(twins.clock.now() + LONG)
    assert twins.bmc.applied == ["ForceOff"] and twins.bmc.count(f"POST {TWIN}") == 0


async def test_a4_a_name_that_is_no_system_is_told_with_those_that_are(twins: Bench) -> None:
    failure = await twins.fails(twins.other(system="Node3").identify([]))
    assert failure.reason == "`system: Node3` in the assignment is not one of the BMC's systems (1, 2)"
    assert untouched(twins)


@pytest.mark.parametrize(("mac", "path"), [(MAC, SYSTEM), (OTHER_MAC, TWIN)])
async def test_a4_foremans_mac_decides_where_it_is_told(twins: Bench, mac: str, path: str) -> None:
    tell_macs(twins)
    known = await twins.client.identify([mac.upper()])
    assert (known.system, compared(known, {mac})[0]) == (path, Comparison.SAME)


async def test_a4_a_mac_that_both_tell_decides_nothing(twins: Bench) -> None:
    tell_macs(twins)
    twins.bmc.documents[TWIN]["EthernetInterfaces"] = nics(twins.bmc, TWIN, MAC)
    failure = await twins.fails(twins.client.identify([MAC], twins.clock.now() + 30))
    assert f"{MAC}, which Foreman provisions through, is on 2 of them" in failure.reason
    assert not failure.retryable


async def test_a4_a_neighbour_whose_nics_cannot_be_read_does_not_hinder(twins: Bench) -> None:
    tell_macs(twins)
    twins.bmc.when("GET", TWIN_NICS, error(503, "ServiceTemporarilyUnavailable"), times=99)
    assert (await twins.client.identify([MAC])).system == SYSTEM


async def test_a4_our_nics_that_cannot_be_read_for_a_moment_are_waited_for(twins: Bench) -> None:
    tell_macs(twins)
    twins.bmc.when("GET", NICS, error(503, "ServiceTemporarilyUnavailable"), times=2)
    assert (await twins.client.identify([MAC], twins.clock.now() + LONG)).system == SYSTEM


async def test_a4_a_survey_does_not_guess_and_tells_of_the_chosen_one(twins: Bench) -> None:
    tell_macs(twins)
    seen = await twins.client.survey()
    assert (seen.power, seen.identity.system, bool(seen.identity.peer)) == ("", "", True)
    await twins.client.identify([MAC])
    seen = await twins.client.survey()
    assert (seen.power, seen.identity.uuid) == ("On", UUID)


@pytest.mark.parametrize("order", [(SYSTEM, BOARD), (BOARD, SYSTEM)])
async def test_a4_a_baseboard_beside_the_machine_is_told_from_it_by_the_mac_or_the_assignment(
    bench: Bench, order: tuple[str, str]
) -> None:
    bench.bmc.documents[BOARD] = {"@odata.id": BOARD, "SystemType": "Physical", "PowerState": "On"}
    bench.bmc.members = linked(*order)
    assert "(1, HGX_Baseboard_0)" in (await bench.fails(bench.off(30))).reason
    bench.bmc.system["EthernetInterfaces"] = nics(bench.bmc, SYSTEM, MAC)
    assert (await bench.client.identify([MAC])).system == SYSTEM
    assert await bench.off(LONG) == "" and await bench.pxe(LONG) == ""


@pytest.mark.parametrize("kind", ["Composed", "Virtual", "OS", "DPU"])
async def test_a4_what_calls_itself_no_physical_machine_is_none(twins: Bench, kind: str) -> None:
    twins.bmc.documents[TWIN]["SystemType"] = kind
    assert await twins.off(LONG) == ""
    twins.bmc.when("GET", "/Systems/2", GONE, times=99)
    assert "not clear" in (await twins.fails(twins.other().ensure_on(twins.clock.now() + 30))).reason  # it may be another by now


async def test_a4_facts_that_twins_share_are_not_known(twins: Bench) -> None:
    tell_macs(twins)
    for document in (twins.bmc.system, twins.bmc.documents[TWIN]):
        document["SerialNumber"] = "CHASSIS77"
    known = await twins.client.identify([MAC])
    assert (known.serial, known.uuid) == ("", UUID)
    twins.client.pin(known)
    assert (await twins.client.identify([MAC])).serial == ""
    later = twins.other()
    later.pin(known)
    assert (await later.identify([MAC])).serial == ""
    twins.bmc.when("GET", "/Systems/2", GONE, times=99)  # a neighbour that cannot be asked may share it too
    assert (await twins.other(system="1").identify([])).serial == ""


async def test_a4_a_service_tag_in_the_sku_is_no_serial_number(bench: Bench) -> None:
    bench.bmc.system = {"SKU": "ABC1234"}
    assert (await bench.client.identify([])).serial == ""


async def test_it_costs_one_read_of_the_system_more_than_its_nics(bench: Bench) -> None:
    bench.bmc.system["EthernetInterfaces"] = nics(bench.bmc, SYSTEM, MAC)
    known = await bench.client.identify([MAC])
    assert [line.partition(" ")[0] for line in bench.bmc.log] == [
        "GET",
        "POST",
        "GET",
        "GET",
        "GET",
    ]  # root, login, list, it, NICs
    assert known == Identity(f"127.0.0.1:{bench.bmc.server.port}", SYSTEM, "", "", (MAC,), True)
    assert RESET not in "".join(bench.bmc.log)


SURVEYED: dict[str, tuple[dict[str, Any], bool | None, bool | None]] = {
    "all": ({}, True, True),
    "no override": ({"Boot": {"BootOrder": ["Boot0001"]}}, False, True),
    "no boot": ({"Boot": None}, False, True),
    "no boot while off": ({"Boot": None, "PowerState": "Off"}, None, True),
    "settings": ({"Boot": None, "@Redfish.Settings": {"SettingsObject": {"@odata.id": SYSTEM + "/Settings"}}}, None, True),
    "no force off": (
        {
            "Actions": {
                "#ComputerSystem.Reset": {"target": RESET, "ResetType@Redfish.AllowableValues": ["On", "GracefulShutdown"]}
            }
        },
        True,
        False,
    ),
    "no reset": ({"Actions": {}}, True, False),
    "no reset among others": ({"Actions": {"Oem": {}}}, True, False),
    "starting": ({"Actions": None}, True, None),
    "not told": ({"Actions": {"#ComputerSystem.Reset": {"target": RESET}}}, True, None),
    "a comma is missing": (
        {"Actions": {"#ComputerSystem.Reset": {"target": RESET, "ResetType@Redfish.AllowableValues": ["OnForceOff", "Nmi"]}}},
        True,
        True,
    ),
}


@pytest.mark.parametrize("what", SURVEYED)
async def test_a_survey_tells_what_the_acts_will_need(bench: Bench, what: str) -> None:
    bench.bmc.system, override, force_off = SURVEYED[what]
    seen = await bench.client.survey()
    assert (seen.override, seen.force_off, seen.acts) == (override, force_off, what != "starting")
    assert seen.identity.system == SYSTEM
