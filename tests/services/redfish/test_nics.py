"""The MACs of a machine (A5): all of them, some, or none, however its BMC lists them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.identity import Comparison, Identity, compared
from quads_tui.services.redfish.connection import Missing
from quads_tui.services.redfish.errors import error_response
from quads_tui.services.redfish.nics import NicReader, Nics
from quads_tui.services.redfish.resources import System
from quads_tui.services.responses import Response
from tests.clocks import FastClock

from .conftest import Bench
from .fake import SYSTEM, error, linked

NICS = SYSTEM + "/EthernetInterfaces"
ADAPTERS = SYSTEM + "/NetworkInterfaces"
OURS = "52:54:00:00:00:01"
BUSY = error(503, "ServiceTemporarilyUnavailable")
LONG = 3000.0  # own seconds


@pytest.fixture(autouse=True)
def patient(bench: Bench) -> None:
    bench.clock.patient()


def mac(number: int) -> str:
    return f"52:54:00:00:{number // 256:02x}:{number % 256:02x}"


def list_nics(bench: Bench, *macs: str | None, **collection: Any) -> None:
    """By reference; None is a NIC that tells no MAC."""
    bench.bmc.system["EthernetInterfaces"] = {"@odata.id": NICS}
    paths = [f"{NICS}/{number}" for number in range(1, len(macs) + 1)]
    bench.bmc.documents |= {path: {"@odata.id": path, "MACAddress": mac} for path, mac in zip(paths, macs, strict=True)}
    bench.bmc.documents[NICS] = {"Members": linked(*paths), "Members@odata.count": len(paths), **collection}


async def verdict(bench: Bench, *wanted: str) -> tuple[Comparison, str]:
    wanted = wanted or (OURS,)
    known = await bench.client.identify(wanted, bench.clock.now() + 60)
    return compared(known, wanted)


async def test_a5_a_complete_list_that_lacks_the_mac_convicts(bench: Bench) -> None:
    list_nics(bench, mac(2), mac(3))
    result, why = await verdict(bench)
    assert result is Comparison.OTHER
    assert why == f"wrong machine behind this BMC: its NICs have the MACs {mac(2)}, {mac(3)}; Foreman expects the MAC {OURS}"


@pytest.mark.parametrize("nothing", [None, "", "00:00:00:00:00:00", "FF:FF:FF:FF:FF:FF", "N/A"])
async def test_a5_a_nic_that_tells_no_mac_convicts_nobody(bench: Bench, nothing: str | None) -> None:
    list_nics(bench, mac(2), nothing)
    result, why = await verdict(bench)
    assert result is Comparison.UNKNOWN
    assert why == f"its BMC reports some of its MAC addresses only ({mac(2)}); Foreman expects the MAC {OURS}"


@pytest.mark.parametrize("status", [404, 403, 500, 503])
async def test_a5_a_nic_that_cannot_be_read_convicts_nobody_and_hides_nobody(bench: Bench, status: int) -> None:
    list_nics(bench, mac(2), mac(3), OURS)
    bench.bmc.when("GET", f"{NICS}/2", error(status, "GeneralError"), times=99)
    assert (await verdict(bench))[0] is Comparison.SAME
    assert (await verdict(bench, mac(9)))[0] is Comparison.UNKNOWN


@pytest.mark.parametrize("count", [33, 70, 300])
async def test_a5_a_nic_past_the_thirty_second_counts(bench: Bench, count: int) -> None:
    macs = [mac(number) for number in range(2, count + 1)]
    list_nics(bench)
    bench.bmc.documents[NICS] = {"Members": [{"@odata.id": f"{NICS}/{one}", "MACAddress": one} for one in [*macs, OURS]]}
    assert (await verdict(bench))[0] is Comparison.SAME
    assert (await verdict(bench, mac(9999)))[0] is Comparison.OTHER


async def test_a5_a_nic_on_the_second_page_counts(bench: Bench) -> None:
    list_nics(bench, mac(2), **{"Members@odata.nextLink": f"{NICS}?$skip=1", "Members@odata.count": 2})
    bench.bmc.when("GET", "/EthernetInterfaces", second_page(OURS), times=99)
    assert (await verdict(bench))[0] is Comparison.SAME
    assert (await verdict(bench, mac(9)))[0] is Comparison.OTHER


def second_page(*macs: str) -> Any:
    async def answer(bmc: Any, request: Any, data: Any) -> Any:
        if "skip" not in request.raw_path:
            return None
        return web.json_response({"Members": [{"MACAddress": one} for one in macs]})

    return answer


ENDLESS: dict[str, Any] = {
    "itself": f"{NICS}",
    "a page that is gone": f"{NICS}/more",
    "somewhere else": "https://[",
    "nothing that is a link": 7,
}


@pytest.mark.parametrize("link", ENDLESS)
async def test_a5_a_list_without_an_end_convicts_nobody(bench: Bench, link: str) -> None:
    list_nics(bench, mac(2), **{"Members@odata.nextLink": ENDLESS[link]})
    assert (await verdict(bench))[0] is Comparison.UNKNOWN
    assert bench.bmc.count(f"GET {NICS}") < 10


async def test_a5_pages_without_number_are_bounded(bench: Bench) -> None:
    async def page(bmc: Any, request: Any, data: Any) -> None:
        number = len(bmc.log)
        bmc.documents[NICS] = {"Members": [{"MACAddress": mac(number)}], "Members@odata.nextLink": f"{NICS}?page={number}"}

    list_nics(bench)
    bench.bmc.when("GET", "/EthernetInterfaces", page, times=10_000)
    result, _ = await verdict(bench, "52:54:01:00:00:00")
    assert result is Comparison.UNKNOWN
    assert bench.bmc.count(f"GET {NICS}") <= 64


async def test_a5_a_count_that_disagrees_convicts_nobody(bench: Bench) -> None:
    list_nics(bench, mac(2), **{"Members@odata.count": 2})
    assert (await verdict(bench))[0] is Comparison.UNKNOWN


@pytest.mark.parametrize("name", ["MACAddress", "PermanentMACAddress"])
async def test_a5_members_may_come_with_their_documents(bench: Bench, name: str) -> None:
    list_nics(bench)
    bench.bmc.documents[NICS] = {"Members": [{name: mac(2)}, {"@odata.id": f"{NICS}/2", name: OURS.upper()}]}
    assert (await verdict(bench))[0] is Comparison.SAME
    assert bench.bmc.count(f"GET {NICS}/2") == 0


async def test_a5_either_mac_of_a_nic_counts(bench: Bench) -> None:
    list_nics(bench, mac(7))
    bench.bmc.documents[f"{NICS}/1"]["PermanentMACAddress"] = OURS
    assert (await verdict(bench))[0] is Comparison.SAME


@pytest.mark.parametrize("absent", ["not named", "404", "403", "empty"])
async def test_a5_a_bmc_that_lists_no_nics_tells_nothing(bench: Bench, absent: str) -> None:
    if absent != "not named":
        list_nics(bench)
    if absent in ("404", "403"):
        bench.bmc.when("GET", "/EthernetInterfaces", error(int(absent), "InsufficientPrivilege"), times=99)
    result, why = await verdict(bench)
    assert result is Comparison.UNKNOWN
    assert why == f"its BMC reports no MAC address; Foreman expects the MAC {OURS}"


async def test_a5_a_list_that_cannot_be_read_for_now_is_not_one_without_macs(bench: Bench) -> None:
    list_nics(bench, OURS)
    bench.bmc.when("GET", "/EthernetInterfaces", BUSY, times=2)
    failure = await bench.fails(bench.client.identify([OURS]))
    assert failure.retryable
    assert (await verdict(bench))[0] is Comparison.SAME, "asked again, and waited for"


async def test_a5_where_nothing_is_compared_a_list_that_cannot_be_read_does_not_hinder(bench: Bench) -> None:
    list_nics(bench, OURS)
    bench.bmc.when("GET", "/EthernetInterfaces", BUSY, times=99)
    assert (await bench.client.identify([])).macs == ()


async def test_a5_reading_stops_at_the_mac_that_is_looked_for(bench: Bench) -> None:
    list_nics(bench, mac(5), OURS, mac(6), mac(7))
    known = await bench.client.identify([OURS])
    assert (known.macs, known.complete) == ((OURS, mac(5)), False)
    assert bench.bmc.count(f"GET {NICS}/3") == 0


def list_functions(bench: Bench, *functions: dict[str, Any], part: str = "NetworkDeviceFunctions") -> None:
    bench.bmc.system["NetworkInterfaces"] = {"@odata.id": ADAPTERS}
    bench.bmc.documents[ADAPTERS] = {"Members": linked(f"{ADAPTERS}/1")}
    bench.bmc.documents[f"{ADAPTERS}/1"] = {part: {"@odata.id": f"{ADAPTERS}/1/F"}}
    bench.bmc.documents[f"{ADAPTERS}/1/F"] = {"Members": [{"Id": str(n), **one} for n, one in enumerate(functions)]}


FUNCTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "function": ("NetworkDeviceFunctions", {"Ethernet": {"MACAddress": OURS}}),
    "permanent": ("NetworkDeviceFunctions", {"Ethernet": {"PermanentMACAddress": OURS}}),
    "port": ("Ports", {"Ethernet": {"AssociatedMACAddresses": [OURS]}}),
    "old port": ("NetworkPorts", {"AssociatedNetworkAddresses": [OURS]}),
}


@pytest.mark.parametrize("place", FUNCTIONS)
@pytest.mark.parametrize("beside", [False, True])
async def test_a5_network_adapters_are_asked_where_the_interfaces_do_not_have_it(bench: Bench, place: str, beside: bool) -> None:
    if beside:
        list_nics(bench, mac(2))  # what is soldered to the board
    part, document = FUNCTIONS[place]
    list_functions(bench, document, part=part)
    assert (await verdict(bench))[0] is Comparison.SAME
    assert (await verdict(bench, mac(9)))[0] is Comparison.OTHER


@pytest.mark.parametrize(("other", "result"), [({}, Comparison.UNKNOWN), ({"NetDevFuncType": "FibreChannel"}, Comparison.OTHER)])
async def test_a5_a_function_without_a_mac_convicts_nobody_unless_it_is_no_ethernet(
    bench: Bench, other: dict[str, str], result: Comparison
) -> None:
    list_nics(bench, mac(2))
    list_functions(bench, {"Ethernet": {"MACAddress": mac(3)}}, other)
    assert (await verdict(bench))[0] is result


# A machine that is off


async def look(bench: Bench, *wanted: str, whole: bool = False) -> Identity:
    return await bench.client.identify(wanted, bench.clock.now() + 60, whole)


CARD = {"Ethernet": {"MACAddress": mac(9)}}


@pytest.mark.parametrize("onboard", [(None, None), ()], ids=["no MACs", "no interfaces"])
async def test_a5_a_card_beside_interfaces_that_tell_nothing_while_off_convicts_nobody(
    bench: Bench, onboard: tuple[None, ...]
) -> None:
    list_nics(bench, *onboard)
    list_functions(bench, CARD)
    result, why = await verdict(bench)
    assert result is Comparison.UNKNOWN
    assert why == f"its BMC reports some of its MAC addresses only ({mac(9)}); Foreman expects the MAC {OURS}"


@pytest.mark.parametrize("status", [404, 403])
async def test_a5_interfaces_that_are_named_and_not_shown_leave_the_list_incomplete(bench: Bench, status: int) -> None:
    list_nics(bench, OURS)
    list_functions(bench, CARD)
    bench.bmc.when("GET", "/EthernetInterfaces", error(status, "GeneralError"), times=99)
    assert (await verdict(bench))[0] is Comparison.UNKNOWN


@pytest.mark.parametrize("wanted", [(), (OURS,)], ids=["nothing to compare", "its MAC"])
@pytest.mark.parametrize("facts", [{}, {"UUID": "4c4c4544-0046-5010-8051-b4c04f4e3332", "SerialNumber": "ABC1234"}])
async def test_a5_one_machine_that_is_on_and_off_is_never_another_one(
    bench: Bench, facts: dict[str, str], wanted: tuple[str, ...]
) -> None:
    bench.bmc.system |= facts
    list_functions(bench, CARD)
    for before in ((mac(2), OURS), (None, None)):
        for now in ((None, None), (mac(2), OURS)):
            list_nics(bench, *before)
            client = bench.make()
            known = await client.identify(wanted, bench.clock.now() + 60)
            list_nics(bench, *now)
            assert (await client.identify(wanted, bench.clock.now() + 60)).differs(known) == ""
            await client.close()


async def test_a5_interfaces_alone_are_no_complete_list_where_there_are_adapters(bench: Bench) -> None:
    list_nics(bench, OURS)
    list_functions(bench, CARD)
    assert not (await look(bench, OURS)).complete, "the reading stopped before the adapters"
    known = await look(bench)
    assert (known.macs, known.complete) == ((OURS, mac(9)), True)


# Protected machines


@pytest.mark.parametrize("place", ["interface", "adapter"])
async def test_a3_the_whole_list_tells_a_mac_behind_the_one_that_is_looked_for(bench: Bench, place: str) -> None:
    list_nics(bench, OURS, *([mac(9)] if place == "interface" else []))
    if place == "adapter":
        list_functions(bench, CARD)
    assert (await look(bench, OURS)).macs == (OURS,)
    known = await look(bench, OURS, whole=True)
    assert (known.macs, known.complete) == ((OURS, mac(9)), True)


async def test_a3_the_whole_list_is_waited_for_though_nothing_is_compared(bench: Bench) -> None:
    list_nics(bench, OURS, mac(9))
    bench.bmc.when("GET", "/EthernetInterfaces", BUSY)
    failure = await bench.fails(bench.client.identify([], whole=True))
    assert failure.retryable
    assert (await look(bench, whole=True)).macs == (OURS, mac(9))


# Lists of every shape


class Pages:
    """Stands for the line to a BMC: documents by path, and what is raised instead."""

    def __init__(self, documents: dict[str, Any]) -> None:
        self.clock = FastClock(speed=1.0)
        self.documents = documents
        self.reads = 0

    async def read(self, path: str, deadline: float, deciding: object = ()) -> tuple[Any, Response]:
        self.reads += 1
        found = self.documents.get(path)
        if isinstance(found, StageFailure):
            raise found
        if found is None:
            raise Missing(error_response(Response(404)))
        return found, Response(200)


nic = st.sampled_from(["told", "permanent", "inline", "silent", "placeholder", "gone", "away", "null", "twice"])
ends = st.sampled_from(["ends", "ends", "ends", "itself", "first", "gone", "broken"])
counts = st.sampled_from(["right", "right", "none", "more"])


@settings(max_examples=120, deadline=None)
@given(st.lists(st.lists(nic, max_size=5), min_size=1, max_size=4), ends, counts)
def test_a5_only_a_list_that_was_read_whole_is_complete(pages: list[list[str]], end: str, count: str) -> None:
    documents: dict[str, Any] = {}
    truth: set[str] = set()
    whole, number, listed = end == "ends", 0, 0
    for index, kinds in enumerate(pages):
        members: list[Any] = []
        for kind in kinds:
            number += 1
            path, one = f"/n/{number}", mac(number)
            listed += 1
            if kind in ("told", "twice"):
                documents[path] = {"MACAddress": one}
            elif kind == "permanent":
                documents[path] = {"MACAddress": None, "PermanentMACAddress": one}
            elif kind == "silent":
                documents[path] = {"Id": "x"}
            elif kind == "placeholder":
                documents[path] = {"MACAddress": "00:00:00:00:00:00"}
            elif kind == "away":
                documents[path] = StageFailure(Cause.BUSY, "not now")
            if kind in ("told", "twice", "permanent", "inline"):
                truth.add(one)
            else:
                whole = False
            members.append({"@odata.id": path, "MACAddress": one} if kind == "inline" else {"@odata.id": path})
            if kind == "null":
                members[-1] = None
            if kind == "twice":
                whole = False  # of two entries that read the same, one may stand where another should
                members.append({"@odata.id": path})
        last = index == len(pages) - 1
        links = {"itself": f"/c/{index}", "first": "/c/0", "gone": "/c/99", "broken": "relative"}
        link = f"/c/{index + 1}" if not last else links.get(end)
        documents[f"/c/{index}"] = {"Members": members} | ({"Members@odata.nextLink": link} if link else {})
    entries = listed + sum(kind == "twice" for kinds in pages for kind in kinds)
    if count != "none":
        documents["/c/0"]["Members@odata.count"] = entries + (count == "more")
    whole = whole and count != "more" and bool(truth)
    line = Pages(documents)
    system = System.read("/s", {"EthernetInterfaces": {"@odata.id": "/c/0"}}, "")

    async def read(*wanted: str) -> Nics:
        return await NicReader(line, wanted, line.clock.now()).of(system)  # type: ignore[arg-type]

    found = asyncio.run(read())
    assert found.macs == truth
    assert found.complete == whole
    assert line.reads <= 2 + number + len(pages)
    for one in sorted(truth)[:2]:
        assert one in asyncio.run(read(one)).macs
    stranger = asyncio.run(read("52:54:ff:00:00:00"))
    assert (compared_with(stranger) is Comparison.OTHER) == whole


def compared_with(nics: Nics) -> Comparison:
    return compared(Identity(macs=tuple(sorted(nics.macs)), complete=nics.complete), {"52:54:ff:00:00:00"})[0]
