"""Whatever a BMC lists without an end is read in bounds of number and time (D11), and numbers in documents are bounded too (D9)."""

from __future__ import annotations

import math
from typing import Any

import pytest
from aiohttp import web

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.identity import Comparison, compared
from quads_tui.services.redfish.dell import Dell, boot_names
from quads_tui.services.redfish.left_sessions import session_facts
from quads_tui.services.redfish.listing import listing

from .conftest import Bench
from .fake import SYSTEM, FakeBmc, error, linked

SYSTEMS = "/redfish/v1/Systems"
NICS, ADAPTERS = SYSTEM + "/EthernetInterfaces", SYSTEM + "/NetworkInterfaces"
MANAGER = "/redfish/v1/Managers/iDRAC.Embedded.1"
JOBS = f"{MANAGER}/Oem/Dell/Jobs"
MAC = "52:54:00:00:00:01"


@pytest.fixture(autouse=True)
def patient(bench: Bench) -> None:
    bench.clock.patient()


def endless(bench: Bench, path: str, *entries: dict[str, Any], circle: bool = False, seconds: float = 0.0) -> None:
    """A collection that always has a next page: itself, or one that was never seen before. Each takes `seconds` real ones."""
    pages = 0

    async def page(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        nonlocal pages
        pages += 1
        if seconds:
            await bench.clock.sleep_real(seconds)
        link = path if circle else f"{path}?$skip={pages}"
        return web.json_response({"Members": list(entries), "Members@odata.nextLink": {"@odata.id": link}})

    bench.bmc.when("GET", path, page, times=1_000_000)


def slow(bench: Bench, seconds: float) -> None:
    """Every read takes so many real seconds."""

    async def later(bmc: FakeBmc, request: web.Request, data: Any) -> None:
        await bench.clock.sleep_real(seconds)

    bench.bmc.when("GET", "", later, times=1_000_000)


@pytest.mark.parametrize("circle", [True, False])
async def test_d11_systems_without_an_end_are_read_in_bounds_and_said(bench: Bench, circle: bool) -> None:
    endless(bench, SYSTEMS, *linked(SYSTEM), circle=circle)
    failure = await bench.fails(bench.client.observe())
    assert (failure.cause, failure.retryable) == (Cause.PROTOCOL, True)
    assert "not all members are listed" in failure.reason
    assert bench.bmc.count(f"GET {SYSTEMS}") <= (2 if circle else 65)


@pytest.mark.parametrize("circle", [True, False])
async def test_d11_nics_without_an_end_are_read_in_bounds(bench: Bench, circle: bool) -> None:
    bench.bmc.system["EthernetInterfaces"] = {"@odata.id": NICS}
    endless(bench, NICS, {"@odata.id": f"{NICS}/1", "MACAddress": "52:54:00:00:00:99"}, circle=circle)
    known = await bench.client.identify([MAC], bench.clock.now() + 60)
    assert compared(known, [MAC])[0] is Comparison.UNKNOWN
    assert bench.bmc.count(f"GET {NICS}") <= (1 if circle else 64)


async def test_d11_slow_pages_without_an_end_are_read_until_the_deadline(bench: Bench) -> None:
    bench.bmc.system["EthernetInterfaces"] = {"@odata.id": NICS}
    endless(bench, NICS, {"@odata.id": f"{NICS}/1", "MACAddress": "52:54:00:00:00:99"}, seconds=1.0)  # 300 own seconds
    known = await bench.client.identify([MAC], bench.clock.now() + 3000)
    assert compared(known, [MAC])[0] is Comparison.UNKNOWN
    assert bench.bmc.count(f"GET {NICS}") < 20


@pytest.mark.parametrize("circle", [True, False])
async def test_d11_adapters_without_an_end_each_with_ports_without_an_end_are_read_in_bounds(bench: Bench, circle: bool) -> None:
    bench.bmc.system["NetworkInterfaces"] = {"@odata.id": ADAPTERS}
    ports = [f"/redfish/v1/Ports/{number}" for number in range(40)]
    endless(bench, ADAPTERS, *({"@odata.id": f"{port}/a", "Ports": {"@odata.id": port}} for port in ports), circle=circle)
    for port in ports:
        endless(bench, port, {"@odata.id": f"{port}/1", "MACAddress": "52:54:00:00:00:99"}, circle=circle)
    known = await bench.client.identify([MAC], bench.clock.now() + 60)
    assert compared(known, [MAC])[0] is Comparison.UNKNOWN
    assert len(bench.bmc.log) < (1 + 32 if circle else 640) + 10


async def test_d11_a_slow_bmc_with_many_adapters_is_read_until_the_deadline(bench: Bench) -> None:
    """Each adapter, and each list of its ports, would have a minute of its own."""
    bench.bmc.system["NetworkInterfaces"] = {"@odata.id": ADAPTERS}
    adapters = [f"{ADAPTERS}/{number}" for number in range(32)]
    bench.bmc.documents[ADAPTERS] = {"Members": linked(*adapters)}
    for adapter in adapters:
        bench.bmc.documents[adapter] = {name: {"@odata.id": f"{adapter}/{name}"} for name in ("Ports", "NetworkPorts")}
        bench.bmc.documents |= {f"{adapter}/{name}": {"Members": []} for name in ("Ports", "NetworkPorts")}
    await bench.client.observe()
    slow(bench, 1.0)  # 300 own seconds
    known = await bench.client.identify([MAC], bench.clock.now() + 3000)
    assert compared(known, [MAC])[0] is Comparison.UNKNOWN
    assert len(bench.clock.obeyed) < 20


async def test_d11_a_slow_bmc_with_many_systems_is_read_until_the_deadline_and_said(bench: Bench) -> None:
    paths = [f"{SYSTEMS}/n{number}" for number in range(32)]
    bench.bmc.members = linked(*paths)
    bench.bmc.documents |= {path: {**bench.bmc.document(SYSTEM), "@odata.id": path, "UUID": None} for path in paths}
    slow(bench, 1.0)  # 300 own seconds
    failure = await bench.fails(bench.client.identify([MAC], bench.clock.now() + 3000))
    assert len(bench.clock.obeyed) < 20
    assert "the BMC was too slow" in failure.reason
    assert "systems not read in time" in failure.reason


@pytest.mark.parametrize("circle", [True, False])
async def test_d11_a_queue_of_jobs_without_an_end_is_read_in_bounds(bench: Bench, circle: bool) -> None:
    dell = dell_with_jobs(bench)
    endless(bench, JOBS, *linked(f"{JOBS}/JID_1"), circle=circle)
    assert [job.id for job in await dell.jobs()] == ["JID_1"]
    assert bench.bmc.count(f"GET {JOBS}") <= (2 if circle else 65)


async def test_the_newest_jobs_are_found_on_whichever_page(bench: Bench) -> None:
    dell = dell_with_jobs(bench)
    jobs = [f"{JOBS}/JID_{number:012}" for number in range(60)]
    bench.bmc.documents |= {job: {"JobType": "BIOSConfiguration", "JobState": "Completed"} for job in jobs}
    bench.bmc.documents[jobs[-1]]["JobState"] = "Scheduled"
    bench.bmc.documents[JOBS] = {"Members": linked(*jobs[:50]), "Members@odata.nextLink": f"{JOBS}/more"}
    bench.bmc.documents[f"{JOBS}/more"] = {"Members": linked(*jobs[50:])}
    assert [job.id for job in await dell.jobs()] == ["JID_000000000059"]


def dell_with_jobs(bench: Bench) -> Dell:
    bench.bmc.root["Vendor"] = "Dell"
    bench.bmc.system["Links"] = {"ManagedBy": linked(MANAGER)}
    bench.bmc.documents[MANAGER] = {"Links": {"Oem": {"Dell": {"Jobs": {"@odata.id": JOBS}}}}}
    bench.bmc.documents[f"{JOBS}/JID_1"] = {"JobType": "BIOSConfiguration", "JobState": "Scheduled"}
    return Dell(bench.client._machine, bench.clock.now() + 3000)


# Temporary facts


async def test_an_action_info_that_was_away_for_a_moment_is_asked_for_again(bench: Bench) -> None:
    info = f"{SYSTEM}/ResetActionInfo"
    bench.bmc.system["Actions"] = {
        "#ComputerSystem.Reset": {"target": f"{SYSTEM}/Actions/ComputerSystem.Reset", "@Redfish.ActionInfo": info}
    }
    bench.bmc.documents[info] = {"Parameters": [{"Name": "ResetType", "AllowableValues": ["ForceOff", "ForceOn"]}]}
    bench.bmc.when("GET", "ResetActionInfo", error(404, "ResourceMissingAtURI"))
    assert (await bench.client.survey()).force_off is None
    assert (await bench.client.survey()).force_off is True


async def test_a_settings_object_that_was_away_for_a_moment_is_asked_for_again(bench: Bench) -> None:
    bench.bmc.system |= {"@Redfish.Settings": {"SettingsObject": {"@odata.id": f"{SYSTEM}/Settings"}}, "Boot": {}}
    bench.bmc.documents[f"{SYSTEM}/Settings"] = {"Boot": bench.bmc.boot}
    bench.bmc.when("GET", "/Settings", error(404, "ResourceMissingAtURI"))
    assert (await bench.client.survey()).override is True


async def test_a_service_root_that_does_not_name_its_systems_yet_is_read_again(bench: Bench) -> None:
    place = "/redfish/v1/Elsewhere/Systems"
    bench.bmc.documents |= {place: {"Members": linked(SYSTEM)}}
    bench.bmc.root["Systems"] = {"@odata.id": place}
    bench.bmc.when("GET", "/redfish/v1/Systems", error(404, "ResourceMissingAtURI"), times=99)
    bench.bmc.when("GET", "/redfish/v1/", web.json_response({"RedfishVersion": "1.11.0"}))
    assert (await bench.client.observe(bench.clock.now() + 3000)).power == "On"


@pytest.mark.parametrize("tag", ['"' + "x" * 5000 + '"', 7, True, None])
async def test_an_entity_tag_that_is_none_is_not_sent(bench: Bench, tag: object) -> None:
    bench.bmc.system["@odata.etag"] = tag
    assert await bench.client.ensure_pxe_next(bench.clock.now() + 3000) == ""
    assert [match for _, _, match in bench.bmc.patches] == [None]


# Numbers


COUNTS: dict[str, tuple[object, int, bool]] = {
    "a number": (2, 2, True),
    "digits": ("2", 2, True),
    "a float": (2.0, 2, True),
    "one more": (3, 3, False),
    "huge": (1e300, 1_000_000, False),
    "hundreds of digits": (10**400, 1_000_000, False),
    "huge in digits": ("9" * 30, 1_000_000, False),
    "negative": (-7, 2, True),
    "a yes": (True, 2, True),
    "digits of others": ("٧", 2, True),
    "nothing": (None, 2, True),
    "a list": ([7], 2, True),
    "a document": ({"count": 7}, 2, True),
}


@pytest.mark.parametrize("what", COUNTS)
async def test_d9_a_count_is_bounded(bench: Bench, what: str) -> None:
    said, count, whole = COUNTS[what]
    bench.bmc.documents["/redfish/v1/Chassis"] = {"Members": linked("/a", "/b"), "Members@odata.count": said}
    await bench.client.observe()
    listed = await listing(bench.client._connection, "/redfish/v1/Chassis", bench.clock.now())
    assert (listed.count, listed.whole) == (count, whole)


@pytest.mark.parametrize(
    ("more", "count", "whole"),
    [
        ('], "Members@odata.count": 2', 2, True),
        (', ], "Members@odata.count": 2', 2, True),  # a comma too many, as the count shows
        (", ]", 3, False),  # or a member that is missing: a machine that nobody sees
        (', ], "Members@odata.count": 3', 3, False),
        ('], "Members@odata.count": 2, "Members@odata.nextLink": ""', 2, True),
        ('], "Members@odata.count": 3, "Members@odata.nextLink": ""', 3, False),
        ('], "Members@odata.nextLink": ""', 2, False),
    ],
)
async def test_a_list_is_whole_where_its_count_says_so(bench: Bench, more: str, count: int, whole: bool) -> None:
    body = f'{{"Members": [{{"@odata.id": "/a"}}, {{"@odata.id": "/b"}}{more}}}'
    bench.bmc.when("GET", "/Chassis", web.Response(text=body, content_type="application/json"))
    await bench.client.observe()
    listed = await listing(bench.client._connection, "/redfish/v1/Chassis", bench.clock.now())
    assert (listed.count, listed.whole) == (count, whole)


@pytest.mark.parametrize(
    ("said", "percent"),
    [(42, 42), (42.9, 42), ("42", 42), (-1, 0), (1e300, 100), (10**30, 100), (True, 0), ("nan", 0), (None, 0), ([42], 0)],
)
async def test_d9_how_much_of_a_job_is_done_is_a_percentage(bench: Bench, said: object, percent: int) -> None:
    dell = dell_with_jobs(bench)
    bench.bmc.documents[f"{JOBS}/JID_1"]["PercentComplete"] = said
    await dell.system()
    job = await dell.job(f"{JOBS}/JID_1")
    assert job is not None
    assert job.percent == percent


@pytest.mark.parametrize("index", [True, -1, math.nan, 1e300, 10**30, "x", None, [0], {}])
def test_d9_a_boot_source_without_a_place_comes_last(index: object) -> None:
    places = {"odd": index, "second": 1, "first": 0}
    attributes = {"BootSeq": [{"Name": name, "Index": place} for name, place in places.items()]}
    assert boot_names(attributes, "BootSeq") == ["first", "second", "odd"]


@pytest.mark.parametrize(
    "said", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z", "1e300", "nan", 1e300, True, "1" * 5000, None]
)
def test_d9_a_time_that_cannot_be_is_none(said: object) -> None:
    assert session_facts({"CreatedTime": said}).created is None
