"""Documents that are damaged (D8): in a member that nobody needs they are read all the same, in one that decides never believed."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given, settings
from hypothesis import strategies as st

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.identity import Comparison, compared, mac_of, serial_of, uuid_of
from quads_tui.services.http import Http
from quads_tui.services.json_text import is_damaged
from quads_tui.services.redfish.deciding import Deciding, unreadable
from quads_tui.services.redfish.errors import error_response
from quads_tui.services.responses import Response

from .conftest import Bench
from .fake import RESET, SYSTEM, Doing, FakeBmc, linked

OTHER = "/redfish/v1/Systems/2"
NICS = SYSTEM + "/EthernetInterfaces"
INFO = SYSTEM + "/ResetActionInfo"
OURS, THEIRS = "52:54:00:00:00:01", "52:54:00:00:00:02"
UUIDS = "4c4c4544-0051-3010-8057-b4c04f4e3532", "4c4c4544-0051-3010-8057-b4c04f4e3533"
TAG = b'"AssetTag": "x"'
ALWAYS = 9_999


def tagged(raw: bytes) -> Callable[[bytes], bytes]:
    return lambda body: body.replace(TAG, b'"AssetTag": ' + raw)


NEEDLESS: dict[str, Callable[[bytes], bytes]] = {
    "carriage return": tagged(b'"A\r1"'),
    "control characters": tagged(b'"A\x00\x1b[2J\x7f"'),
    "Latin-1": tagged(b'"Gr\xfc\xdfe"'),
    "0xff": tagged(b'"\xff\xff\xff\xff"'),
    "half a character": tagged(b'"\\ud83d"'),
    "an escape that is none": tagged(b'"C:\\temp\\x"'),
    "NaN": tagged(b"NaN"),
    "infinity": tagged(b"[-Infinity, 1e999]"),
    "5,000 digits": tagged(b"9" * 5_000),
    "nested": tagged(b"[" * 40 + b"]" * 40),
    "told twice": tagged(b'"a", "AssetTag": 2'),
    "another type": tagged(b"{}"),
    "NUL behind": lambda body: body + b"\x00",
    "an older answer behind a NUL": lambda body: body + b'\x00"PowerState": "Off"}',
    "text behind": lambda body: body + b"\r\n0\r\n}",
    "UTF-16": lambda body: body.decode().encode("utf-16"),
    "byte order mark": lambda body: b"\xef\xbb\xbf" + body,
}


def damaged(damage: Callable[[bytes], bytes]) -> Doing:
    async def answer(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        document = bmc.document(request.path.rstrip("/"))
        return web.Response(body=damage(json.dumps(document).encode()), content_type="application/json")

    return answer


def told(member: str, value: object) -> Doing:
    """The document with another value of a member, or of one within another ("Boot.BootSourceOverrideMode")."""

    async def answer(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        document = json.loads(json.dumps(bmc.document(request.path.rstrip("/"))))
        *outer, name = member.split("/")
        place = document
        for step in outer:
            place = place[step]
        place[name] = value
        return web.json_response(document)

    return answer


@pytest.mark.parametrize("damage", NEEDLESS)
async def test_d8_damage_in_what_nobody_needs_costs_nothing(bench: Bench, damage: str) -> None:
    bench.bmc.system["AssetTag"] = "x"
    bench.bmc.when("GET", "/Systems/1", damaged(NEEDLESS[damage]), times=ALWAYS)
    assert await bench.off() == ""
    assert await bench.pxe() == ""
    assert bench.bmc.applied == ["ForceOff"] and len(bench.bmc.patches) == 1
    assert not [note for note in bench.told.notes if note.startswith("waiting")]


DECIDING: list[tuple[str, object]] = [
    ("PowerState", ["Off"]),
    ("PowerState", "Off\ufffd"),
    ("PowerState", "Off\r"),
    ("PowerState", True),
    ("UUID", 7),
    ("UUID", UUIDS[1][:-1] + "\ufffd"),
    ("@odata.id", {"@odata.id": SYSTEM}),
    ("@odata.id", OTHER + "\ufffd"),
    ("SystemType", ["Virtual"]),
    ("Boot", [{"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}]),
    ("Boot/BootSourceOverrideEnabled", True),
    ("Boot/BootSourceOverrideTarget", ["Pxe"]),
    ("Boot/BootSourceOverrideMode", "Legacy\x00"),
    ("@Redfish.Settings", "elsewhere"),
    ("@Redfish.Settings", {"SettingsObject": {"@odata.id": 1}}),
    ("Actions", []),
    ("Actions/#ComputerSystem.Reset", RESET),
    ("Actions/#ComputerSystem.Reset/target", RESET + "\ufffd"),
]


@pytest.mark.parametrize(("member", "value"), DECIDING)
async def test_d8_a_member_that_decides_is_asked_for_again(bench: Bench, member: str, value: object) -> None:
    bench.bmc.system["UUID"] = UUIDS[0]
    await bench.client.observe()
    bench.bmc.when("GET", "/Systems/1", told(member, value), times=2)
    assert await bench.off() == ""
    assert bench.bmc.applied == ["ForceOff"]
    name = member.replace("/", ".")
    assert any(f"{SYSTEM} is not readable now: {name}" in note for note in bench.told.notes)


@pytest.mark.parametrize(("member", "value"), DECIDING)
async def test_d8_what_stays_unreadable_is_never_acted_on(bench: Bench, member: str, value: object) -> None:
    bench.bmc.when("GET", "/Systems/1", told(member, value), times=ALWAYS)
    failure = await bench.fails(bench.off(15))
    assert (failure.cause, failure.retryable) == (Cause.PROTOCOL, True)
    assert f"not readable now: {member.replace('/', '.')}" in failure.reason
    assert bench.bmc.resets == [] and bench.bmc.patches == []


def two_systems(bench: Bench) -> None:
    bench.bmc.system |= {"UUID": UUIDS[0], "SerialNumber": "CN7016321", "EthernetInterfaces": {"@odata.id": NICS}}
    bench.bmc.members = linked(SYSTEM, OTHER)
    bench.bmc.documents |= {
        OTHER: {
            "@odata.id": OTHER,
            "PowerState": "On",
            "UUID": UUIDS[1],
            "SerialNumber": "CN7016321",
            "EthernetInterfaces": {"@odata.id": OTHER + "/N"},
        },
        NICS: {"Members": linked(NICS + "/1"), "Members@odata.count": 1},
        NICS + "/1": {"MACAddress": OURS},
        OTHER + "/N": {"Members": linked(OTHER + "/N/1"), "Members@odata.count": 1},
        OTHER + "/N/1": {"MACAddress": THEIRS},
    }


@pytest.mark.parametrize(("path", "member", "value"), [
    ("/Systems/1", "UUID", [UUIDS[1]]),
    ("/Systems/2", "UUID", UUIDS[0][:-1] + "\ufffd"),
    ("/Systems/1", "PowerState", 1),
    ("/Systems/2", "SystemType", ["Virtual"]),
    ("/Systems", "Members", {"@odata.id": OTHER}),
    ("/Systems", "Members", [{"@odata.id": SYSTEM + "\ufffd"}, {"@odata.id": OTHER}]),
    ("/Systems", "Members", [{"@odata.id": [SYSTEM]}, {"@odata.id": OTHER}]),
    ("/EthernetInterfaces/1", "MACAddress", OURS.replace(":", "\ufffd")),
    ("/N/1", "MACAddress", [OURS]),
])  # fmt: skip
async def test_d8_one_of_several_systems_is_chosen_by_what_was_read_well(
    bench: Bench, path: str, member: str, value: object
) -> None:
    two_systems(bench)
    bench.clock.patient()
    bench.bmc.when("GET", path, told(member, value), times=1)
    known = await bench.client.identify([OURS], bench.clock.now() + 600)
    assert (known.system, known.uuid, known.macs) == (SYSTEM, UUIDS[0], (OURS,))


async def test_d8_a_damaged_serial_number_of_a_twin_is_not_another_one(bench: Bench) -> None:
    """What both tell is their chassis' number. While one of them cannot be read nobody knows whether it is."""
    two_systems(bench)
    bench.bmc.when("GET", "/Systems/2", told("SerialNumber", "CN\ufffd016321"), times=ALWAYS)
    assert (await bench.client.identify([OURS], bench.clock.now() + 60)).serial == ""


@pytest.mark.parametrize("value", [OURS.replace(":", "\ufffd"), [OURS], 5, OURS + "\r"])
async def test_d8_a_damaged_mac_is_asked_for_again_and_convicts_nobody(bench: Bench, value: object) -> None:
    bench.clock.patient()
    bench.bmc.system["EthernetInterfaces"] = {"@odata.id": NICS}
    bench.bmc.documents |= {
        NICS: {"Members": linked(NICS + "/1", NICS + "/2"), "Members@odata.count": 2},
        NICS + "/1": {"MACAddress": OURS},
        NICS + "/2": {"MACAddress": THEIRS},
    }
    bench.bmc.when("GET", NICS + "/1", told("MACAddress", value), times=2)
    assert (await bench.client.identify([OURS], bench.clock.now() + 600)).macs == (OURS, THEIRS)
    bench.bmc.when("GET", NICS + "/1", told("MACAddress", value), times=ALWAYS)
    verdict, why = compared(await bench.client.identify([OURS], bench.clock.now() + 15), [OURS])
    assert verdict is Comparison.UNKNOWN, why


async def test_d8_an_action_info_that_was_damaged_once_is_read_again(bench: Bench) -> None:
    reset = {"target": RESET, "@Redfish.ActionInfo": INFO}
    bench.bmc.system["Actions"] = {"#ComputerSystem.Reset": reset}
    offered = [{"Name": "ResetType", "AllowableValues": ["On", "ForceOff"]}]
    bench.bmc.documents[INFO] = {"Parameters": offered}
    bench.bmc.when("GET", INFO, told("Parameters", [{"Name": "ResetType", "AllowableValues": ["On", "Forc\ufffdOff"]}]), times=1)
    assert (await bench.client.survey()).force_off is True or (await bench.client.survey()).force_off is True


@pytest.mark.parametrize("text", ["4c4c4544-0051-3010-8057-b4c04f4e353\ufffd", "\ufffd", "52:54\ufffd00:00:00:01"])
def test_d8_a_lost_character_is_in_no_fact(text: str) -> None:
    assert (uuid_of(text), mac_of(text), serial_of(text)) == ("", "", "")


NAMES = st.sampled_from(["PowerState", "UUID", "Name", "AssetTag", "Ä"])
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters='"\\\ufffd', exclude_categories=["Cc", "Cs"]), max_size=8)


@settings(max_examples=60, derandomize=True)
@given(st.dictionaries(NAMES, PLAIN, min_size=1), st.binary(min_size=1, max_size=6), st.data())
def test_d8_damage_inside_a_text_stays_there(members: dict[str, str], junk: bytes, data: st.DataObject) -> None:
    """And is seen there, unless the bytes happen to be a text of their own."""
    junk = junk.translate(None, b'"\\')
    name = data.draw(st.sampled_from(sorted(members)))
    pieces = [
        json.dumps(key, ensure_ascii=False).encode() + b':"' + value.encode() + (junk if key == name else b"") + b'"'
        for key, value in members.items()
    ]
    found = Response(
        200, {}, b"{" + b",".join(pieces) + b"}" + data.draw(st.sampled_from([b"", b"\x00", b"\x00{}", b"\r\n}"]))
    ).json()
    assert found.keys() == members.keys()
    assert {key: value for key, value in found.items() if key != name} == {
        key: value for key, value in members.items() if key != name
    }
    if is_damaged(found[name]):
        assert unreadable(found, [Deciding((name,))]).startswith(f"{name} is damaged")
    else:
        assert found[name] == members[name] + junk.decode()


class Name(AbstractResolver):
    """One name for the BMC's own address."""

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        return


async def test_d12_an_idrac_that_refuses_its_dns_name_is_told_and_not_touched(bench: Bench) -> None:
    page = "<!DOCTYPE html><html><title>400 - Bad Request</title></html>"

    async def by_name(bmc: FakeBmc, request: web.Request, data: Any) -> web.StreamResponse | None:
        by_address = request.host.startswith("127.")
        return None if by_address else web.Response(status=400, text=page, content_type="text/html")

    for method in ("GET", "POST"):
        bench.bmc.when(method, "", by_name, times=ALWAYS)
    own, bench.http = bench.http, Http(bench.clock, resolver=Name)
    named = bench.other(address=bench.bmc.address.replace("127.0.0.1", "mgmt-h1.example.com"))
    failure = await bench.fails(named.ensure_off(bench.clock.now() + 15))
    assert failure.cause is Cause.PROTOCOL
    assert all(word in failure.reason for word in ("HostHeaderCheck", "ManualDNSEntry", "redfish.addresses"))
    failure = await bench.fails(named.observe())
    assert "HostHeaderCheck" in failure.reason
    assert bench.bmc.created == 0 and bench.bmc.resets == []
    await bench.http.close()
    bench.http = own
    assert await bench.off() == ""  # by its address it is well


async def test_d8_the_service_root_decides_where_the_systems_are(bench: Bench) -> None:
    bench.bmc.when("GET", "/redfish/v1/", web.json_response({**bench.bmc.root, "Systems": ["/redfish/v1/Others"]}), times=2)
    assert await bench.off() == ""
    assert any("service root is not readable now: Systems is not a reference" in note for note in bench.told.notes)


def test_a_redirect_that_is_not_followed_names_its_target() -> None:
    answer = Response(302, {"Location": "https://sso.example.com/\x1b[2Jlogin"}, b"")
    assert error_response(answer).text == "HTTP 302 with an empty body, a redirect to https://sso.example.com/ [2Jlogin"
