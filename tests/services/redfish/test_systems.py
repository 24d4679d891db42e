"""Which system is meant, and bodies that are no documents."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from quads_tui.rollout.causes import Cause
from quads_tui.services.redfish.errors import error_response
from quads_tui.services.redfish.resources import Boot, System, local_path, references, reset_values
from quads_tui.services.responses import Response

from .conftest import Bench
from .fake import RESET, SYSTEM, FakeBmc


async def test_members_may_come_in_pages(bench: Bench) -> None:
    bench.bmc.documents["/redfish/v1/Systems"] = {"Members": [], "Members@odata.nextLink": "/redfish/v1/Systems/more"}
    bench.bmc.documents["/redfish/v1/Systems/more"] = {
        "Members": [{"@odata.id": SYSTEM}],
        "Members@odata.nextLink": None,
    }
    assert await bench.off() == ""


@pytest.mark.parametrize("empty", [None, [], [None], "soon", [{"@odata.id": None}], [{"@odata.id": "//evil/x"}]])
async def test_empty_members_are_waited_out(bench: Bench, empty: Any) -> None:
    bench.bmc.members = empty
    asyncio.get_running_loop().call_later(0.1, lambda: setattr(bench.bmc, "members", [{"@odata.id": SYSTEM}]))
    assert await bench.off() == ""


async def test_members_that_stay_empty_are_said(bench: Bench) -> None:
    bench.bmc.members = []
    failure = await bench.fails(bench.off(40))
    assert failure.cause is Cause.BUSY and "no systems" in failure.reason


async def test_it_tells_what_it_sees(bench: Bench) -> None:
    seen = await bench.client.observe()
    assert (seen.power, seen.override_target, seen.override_enabled, seen.mode) == ("On", "None", "Disabled", "UEFI")
    assert (seen.model, seen.uuid, seen.manufacturer) == ("C-1", "0-1", "Contoso")


async def drip(bmc: FakeBmc, request: web.Request, data: Any) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(40):
        await response.write(b" ")
        await asyncio.sleep(0.02)
    return response


async def endless(bmc: FakeBmc, request: web.Request, data: Any) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(100):
        await response.write(b'"x",' * 10_000)
    return response


async def truncated(bmc: FakeBmc, request: web.Request, data: Any) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"PowerState": "Off", ')
    assert request.transport is not None
    request.transport.close()
    return response


async def hang(bmc: FakeBmc, request: web.Request, data: Any) -> web.StreamResponse:
    await asyncio.sleep(1)
    return web.Response()


BODIES: dict[str, Any] = {
    "html": web.Response(text="<html><body>Login</body></html>", content_type="text/html"),
    "html 403": web.Response(status=403, text="<html><body>Forbidden</body></html>", content_type="text/html"),
    "html 404": web.Response(status=404, text="<html><body>Starting</body></html>", content_type="text/html"),
    "empty": web.Response(),
    "list": web.json_response([1]),
    "glued": web.Response(text='{"PowerState": "Off"}{"PowerState": "Off"}'),
    "deep": web.Response(text="[" * 50_000),
    "wrong encoding": web.Response(body=b'{"PowerState": "\xff"}'),
    "500": web.Response(status=500, text="oops"),
    "truncated": truncated,
    "endless": endless,
    "drip": drip,
    "hang": hang,
}


@pytest.mark.parametrize("body", BODIES)
async def test_what_is_no_document_is_asked_for_again_and_never_believed(bench: Bench, body: str) -> None:
    await bench.client.observe()
    bench.bmc.when("GET", "/Systems/1", BODIES[body], times=2)
    assert await bench.off(1000) == ""
    assert bench.bmc.applied == ["ForceOff"]
    bench.bmc.peak = 1  # those that hang are still hanging


@pytest.mark.parametrize(("body", "words"), [("html", "HTML page"), ("glued", "more than one JSON"), ("500", "HTTP 500")])
async def test_what_stays_no_document_is_a_broken_protocol(bench: Bench, body: str, words: str) -> None:
    await bench.client.observe()
    bench.bmc.when("GET", "/Systems/1", BODIES[body], times=99)
    failure = await bench.fails(bench.off(15))
    assert failure.cause is Cause.PROTOCOL and words in failure.reason


async def test_a_web_server_without_redfish_is_said(bench: Bench) -> None:
    bench.bmc.when("GET", "/redfish/v1/", BODIES["html 404"], times=99)
    failure = await bench.fails(bench.off(15))
    assert failure.cause is Cause.PROTOCOL and "HTML page" in failure.reason


COMPLAINTS = [
    ({"error": {"@Message.ExtendedInfo": {"MessageId": "Base.1.5.GeneralError", "Message": "As an object."}}}, "As an object."),
    ({"@Message.ExtendedInfo": [{"MessageId": "X.1.Top", "Message": "At the top."}]}, "At the top."),
    ({"error": {"code": "iLO.0.10.ExtendedInfo", "@Message.ExtendedInfo": [{"MessageID": "Base.0.10.Old"}]}}, "Old"),
    ({"error": {"code": "x", "Message": "Capital M."}}, "Capital M."),
    ({"error": {"@Message.ExtendedInfo": [{"MessageId": "A.B", "MessageArgs": ["Boot", 3]}]}}, "B (Boot, 3)"),
    ({"error": "broken"}, "HTTP 400 without a reason"),
    ({"error": {"@Message.ExtendedInfo": [None, 3, {"Message": None}]}}, "HTTP 400 without a reason"),
    ([], "HTTP 400 without a reason"),
]


@pytest.mark.parametrize(("body", "words"), COMPLAINTS)
def test_error_bodies_stray_from_the_schema(body: Any, words: str) -> None:
    assert error_response(Response(400, {}, json.dumps(body).encode())).text == words


def test_seconds_are_taken_from_the_words_where_no_header_has_them() -> None:
    info = [
        {"MessageId": "IDRAC.2.8.SYS518", "Message": "Not ready."},
        {"MessageId": "Base.1.12.ServiceTemporarilyUnavailable", "Message": "Retry.", "MessageArgs": ["30"]},
    ]
    body = json.dumps({"error": {"@Message.ExtendedInfo": info}}).encode()
    said = error_response(Response(503, {}, body))
    assert (said.after, said.busy, said.text) == (30.0, True, "Not ready. Retry.")
    assert error_response(Response(503, {"Retry-After": "7"}, body)).after == 7.0


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "error",
                    "@Message.ExtendedInfo",
                    "MessageId",
                    "Message",
                    "MessageArgs",
                    "Boot",
                    "Actions",
                    "Members",
                    "Parameters",
                ]
                + ["#ComputerSystem.Reset", "@Redfish.Settings", "SettingsObject", "@odata.id", "PowerState", "target", "Oem"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(json_like)
def test_no_document_breaks_the_readers(document: Any) -> None:
    assert error_response(Response(500, {}, json.dumps(document).encode())).text.isprintable()
    if isinstance(document, dict):
        System.read("/x", document, "")
        Boot.read(document)
        references(document.get("Members"))
        reset_values(document)


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ({"@odata.id": SYSTEM}, SYSTEM),
        (f"http://10.0.0.1:8080{RESET}", RESET),
        ("https://evil.example.com//x", ""),
        ("//evil.example.com/x", ""),
        ("relative", ""),
        ("/a b", ""),
        ("/a\r\nX: y", ""),
        ("/\\evil", ""),
        ("http://[", ""),
        (None, ""),
        (7, ""),
        ("/redfish/v1/Chassis/1#/Fans/0", "/redfish/v1/Chassis/1"),
        ("/redfish/v1/Systems?$skip=1", "/redfish/v1/Systems?$skip=1"),
    ],
)
def test_only_paths_of_the_same_bmc(reference: Any, path: str) -> None:
    assert local_path(reference) == path


async def test_a_poll_that_tells_the_same_is_not_read_anew_and_one_that_does_not_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, read = System.read, []

    def counted(*told: Any) -> System:
        read.append(told)
        return plain(*told)

    monkeypatch.setattr(System, "read", counted)
    looks = [(await bench.client.observe()).power for _ in range(3)]
    assert (looks, len(read)) == (["On"] * 3, 1)
    bench.bmc.power = "Off"
    looks = [(await bench.client.observe()).power for _ in range(3)]
    assert (looks, len(read)) == (["Off"] * 3, 2)
    await bench.client.close()
    assert (await bench.client.observe()).power == "Off"
    assert len(read) == 3, "a client that rests keeps no document"


async def test_the_same_document_under_another_entity_tag_is_changed_under_that(bench: Bench) -> None:
    bench.bmc.etag, bench.bmc.wants_etag, bench.bmc.power = '"1"', True, "Off"
    await bench.client.observe()
    bench.bmc.etag = '"2"'
    await bench.pxe()
    assert [tag for _, _, tag in bench.bmc.patches] == ['"2"']
