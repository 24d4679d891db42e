"""Bounds: how often a BMC is asked, how long it is waited for, and what is never asked twice. Lock-outs are worse than failures."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from quads_tui.rollout.causes import Cause
from quads_tui.services.redfish.errors import ErrorResponse
from quads_tui.services.redfish.failures import failure_from, failure_of
from quads_tui.services.responses import FailureKind, RequestFailed

from .conftest import Bench
from .fake import PASSWORD, RESET, SESSIONS, SYSTEM, USER, FakeBmc, error, hang_up

LONG = 3000.0  # own seconds: the bound comes first, not the deadline


def intents(bench: Bench, act: str) -> int:
    return sum(told == act for told, _ in bench.told.intents)


def refuse_tls(bench: Bench, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """From now on the certificate is not believed, as seen by requests of this method."""
    request = bench.http.request

    async def refusing(verb: str, *arguments: Any, **members: Any) -> Any:
        if verb == method:
            raise RequestFailed("the certificate is not the pinned one", sent=False, kind=FailureKind.TLS)
        return await request(verb, *arguments, **members)

    monkeypatch.setattr(bench.http, "request", refusing)


# Resets


async def test_a_system_that_offers_no_reset_is_not_waited_for_without_end(bench: Bench) -> None:
    bench.bmc.system = {"Actions": None}
    failure = await bench.fails(bench.off(LONG))
    assert (failure.cause, failure.reason) == (
        Cause.REFUSED,
        "ForceOff is refused: the BMC offers no Reset action for this system",
    )
    assert bench.told.intents == []


async def test_a_reset_whose_answer_is_lost_is_sent_three_times_and_no_more(bench: Bench) -> None:
    bench.bmc.when("POST", RESET, hang_up, times=99)
    failure = await bench.fails(bench.off(LONG))
    assert failure.cause is Cause.UNREACHABLE
    assert "was lost 3 times" in failure.reason
    assert intents(bench, "reset") == 3
    assert bench.told.results == ["unknown"] * 3


async def test_a_reset_that_is_refused_is_sent_nine_times_and_no_more(bench: Bench) -> None:
    bench.bmc.when("POST", RESET, error(409, "PropertyValueConflict", "The chassis is locked."), times=99)
    failure = await bench.fails(bench.off(LONG))
    assert (failure.cause, failure.reason) == (Cause.REFUSED, "ForceOff is refused: The chassis is locked.")
    assert intents(bench, "reset") == 9


@pytest.mark.parametrize(("times", "arrives"), [(2, True), (99, False)])
async def test_a_reset_that_certainly_did_not_arrive_is_tried_again_after_a_while_and_nine_times_at_most(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, times: int, arrives: bool
) -> None:
    request, refused = bench.http.request, 0

    async def refusing(verb: str, *arguments: Any, **members: Any) -> Any:
        nonlocal refused
        if verb == "POST" and bench.bmc.created and refused < times:
            refused += 1
            raise RequestFailed("refused the connection", sent=False, kind=FailureKind.REFUSED)
        return await request(verb, *arguments, **members)

    monkeypatch.setattr(bench.http, "request", refusing)
    if arrives:
        assert await bench.off() == ""
        assert bench.told.results == ["absent", "absent", "answered"]
        assert bench.bmc.resets == ["ForceOff"]
    else:
        failure = await bench.fails(bench.off(LONG))
        assert failure.reason == "ForceOff is refused: refused the connection"
        assert bench.told.results == ["absent"] * 9
        assert bench.bmc.resets == []
    assert "trying again: refused the connection" in bench.told.notes


@pytest.mark.parametrize("act", ["off", "pxe"])
async def test_a_certificate_that_is_not_believed_ends_the_stage_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    await bench.client.observe()
    refuse_tls(bench, monkeypatch, "POST" if act == "off" else "PATCH")
    failure = await bench.fails(bench.off(LONG) if act == "off" else bench.pxe(LONG))
    assert (failure.cause, failure.retryable) == (Cause.UNREACHABLE, False)
    assert "not the pinned one" in failure.reason
    assert bench.told.results == ["absent"]


async def test_a_certificate_that_is_not_believed_by_a_look_is_no_reason_to_wait(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_tls(bench, monkeypatch, "GET")
    failure = await bench.fails(bench.off(LONG))
    assert (failure.cause, failure.retryable) == (Cause.UNREACHABLE, False)
    assert bench.bmc.log == []


@pytest.mark.parametrize(("act", "method", "path"), [("off", "POST", RESET), ("pxe", "PATCH", SYSTEM)])
async def test_a_retry_after_beyond_the_deadline_of_an_act_is_handed_on(bench: Bench, act: str, method: str, path: str) -> None:
    bench.bmc.when(method, path, error(503, "SYS518", "Not now.", Retry_After="600"), times=99)
    failure = await bench.fails(bench.off() if act == "off" else bench.pxe())
    assert (failure.cause, failure.after, failure.retryable) == (Cause.BUSY, pytest.approx(600, abs=10), True)
    assert failure.reason == "Not now."
    assert bench.clock.obeyed == []
    assert len(bench.told.intents) == 1
    await bench.clock.sleep_real(600)  # until then its session is not deleted either


@pytest.mark.parametrize(("act", "method", "path"), [("off", "POST", RESET), ("pxe", "PATCH", SYSTEM)])
async def test_a_retry_after_within_the_deadline_of_an_act_is_obeyed(bench: Bench, act: str, method: str, path: str) -> None:
    bench.bmc.when(method, path, error(503, "SYS518", "Not now.", Retry_After="2"), times=3)
    assert await (bench.off(LONG) if act == "off" else bench.pxe(LONG)) == ""
    assert bench.clock.waited() == [2] * 3
    assert len(bench.told.intents) == 4


# Patches


async def test_an_override_is_sent_twelve_times_and_no_more(bench: Bench) -> None:
    bench.bmc.when("PATCH", SYSTEM, error(503, "ResourceInUse", "Busy with itself."), times=99)
    failure = await bench.fails(bench.pxe(LONG))
    assert failure.cause is Cause.TIMEOUT
    assert failure.reason == "the boot override was not set: Busy with itself."
    assert intents(bench, "override") == 12


async def test_no_override_is_sent_after_the_deadline(bench: Bench) -> None:
    failure = await bench.fails(bench.pxe(-1))
    assert (failure.cause, failure.reason) == (Cause.TIMEOUT, "the boot override was not set: no effect")
    assert bench.bmc.patches == []
    assert bench.told.intents == []


async def test_a_cancelled_patch_is_marked_unknown(bench: Bench) -> None:
    arrived = asyncio.Event()

    async def slow(bmc: FakeBmc, request: web.Request, data: Any) -> None:
        arrived.set()
        await asyncio.sleep(0.2)

    bench.bmc.when("PATCH", SYSTEM, slow)
    task = asyncio.create_task(bench.pxe())
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.told.results == ["unknown"]
    await bench.client.close()
    await bench.bmc.idle()
    bench.bmc.peak = 0  # the server was still busy with what we left


async def test_a_bmc_that_wants_the_mode_repeated_gets_it_as_it_is(bench: Bench) -> None:
    def takes(path: str, body: dict[str, Any]) -> web.Response | None:
        return None if "BootSourceOverrideMode" in body["Boot"] else error(400, "PropertyMissing", "The mode is missing.")

    bench.bmc.takes = takes
    assert await bench.pxe() == ""
    assert [body["Boot"].get("BootSourceOverrideMode") for _, body, _ in bench.bmc.patches] == [None, "UEFI"]
    assert bench.bmc.boot["BootSourceOverrideMode"] == "UEFI"


async def test_a_mode_that_is_not_known_is_not_sent(bench: Bench) -> None:
    bench.bmc.boot["BootSourceOverrideMode"] = None
    bench.bmc.takes = lambda path, body: error(400, "PropertyMissing", "The mode is missing.")
    failure = await bench.fails(bench.pxe())
    assert failure.cause is Cause.REFUSED
    assert "The mode is missing." in failure.reason
    assert ["BootSourceOverrideMode" in body["Boot"] for _, body, _ in bench.bmc.patches] == [False]


# Looks and logins


@pytest.mark.parametrize(
    ("answer", "cause", "words"),
    [
        (error(403, "InsufficientPrivilege", "You may not."), Cause.REFUSED, "You may not."),
        (error(403, "PasswordChangeRequired", "Change it."), Cause.CREDENTIALS, "the password must be changed first: Change it."),
    ],
)
async def test_a_look_that_waiting_does_not_help_is_asked_once(
    bench: Bench, answer: web.Response, cause: Cause, words: str
) -> None:
    bench.bmc.when("GET", "/Systems/1", answer, times=99)
    failure = await bench.fails(bench.off(LONG))
    assert (failure.cause, failure.retryable, failure.reason) == (cause, False, words)
    assert bench.bmc.count(f"GET {SYSTEM}") == 1


@pytest.mark.parametrize("path", ["/redfish/v1/", "/redfish/v1/Systems", "/Systems/1"])
@pytest.mark.parametrize("status", [405, 501])
async def test_a_bmc_that_is_starting_and_allows_no_get_is_asked_again(bench: Bench, status: int, path: str) -> None:
    bench.bmc.when("GET", path, error(status, "OperationNotAllowed", "Not here."), times=3)
    assert await bench.off(LONG) == ""


async def test_a_bmc_that_never_allows_the_get_is_asked_until_the_deadline(bench: Bench) -> None:
    bench.bmc.when("GET", "/Systems/1", error(405, "OperationNotAllowed", "Not here."), times=999)
    failure = await bench.fails(bench.off(60))
    assert (failure.cause, failure.reason) == (Cause.REFUSED, "Not here.")
    assert 3 <= bench.bmc.count(f"GET {SYSTEM}") <= 20


async def test_an_act_that_is_not_allowed_is_refused_for_good(bench: Bench) -> None:
    bench.bmc.when("PATCH", SYSTEM, error(405, "OperationNotAllowed", "Not here."), times=99)
    assert (await bench.fails(bench.pxe(LONG))).cause is Cause.REFUSED


@pytest.mark.parametrize("act", ["off", "pxe"])
async def test_an_act_that_is_refused_until_the_password_is_changed_is_sent_once(bench: Bench, act: str) -> None:
    bench.bmc.when("POST" if act == "off" else "PATCH", RESET if act == "off" else SYSTEM,
                   error(403, "PasswordChangeRequired", "Change it."), times=99)  # fmt: skip
    failure = await bench.fails(bench.off(LONG) if act == "off" else bench.pxe(LONG))
    assert (failure.cause, failure.retryable) == (Cause.CREDENTIALS, False)
    assert len(bench.told.intents) == 1


def wants_basic(status: int) -> web.Response:
    return web.Response(status=status, headers={"WWW-Authenticate": 'Basic realm="front"'})


async def test_basic_in_front_of_the_service_root_is_used_after_one_refused_login(bench: Bench) -> None:
    async def front(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response | None:
        return None if request.headers.get("Authorization") else wants_basic(401)

    bench.bmc.root["Links"] = None
    bench.bmc.when("GET", "/redfish/v1/", front, times=99)
    bench.bmc.when("POST", "Sessions", wants_basic(401), times=99)
    assert await bench.off() == ""
    assert bench.bmc.count("POST " + SESSIONS) == 1
    assert (bench.bmc.created, bench.bmc.refused_logins) == (0, 0)


async def test_basic_in_front_of_the_service_root_that_refuses_us_is_asked_no_third_time(bench: Bench) -> None:
    asked: list[str] = []

    async def front(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        if request.headers.get("Authorization") or request.method == "POST":
            asked.append(request.method)
        return wants_basic(401)

    bench.bmc.root["Links"] = None
    for method in ("GET", "POST"):
        bench.bmc.when(method, "", front, times=99)
    for _ in range(2):
        failure = await bench.fails(bench.off(LONG))
        assert (failure.cause, failure.retryable) == (Cause.CREDENTIALS, False)
        assert USER in failure.reason
        assert PASSWORD not in failure.reason
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("status", "key", "cause", "retryable"),
    [
        (401, "NoValidSession", Cause.CREDENTIALS, False),
        (400, "PasswordChangeRequired", Cause.CREDENTIALS, False),
        (503, "", Cause.BUSY, True),
        (400, "SYS518", Cause.BUSY, True),
        (500, "", Cause.PROTOCOL, True),
        (403, "", Cause.REFUSED, False),
        (405, "", Cause.REFUSED, False),
        (400, "PropertyUnknown", Cause.REFUSED, True),
    ],
)
def test_what_an_answer_means_for_the_stage(status: int, key: str, cause: Cause, retryable: bool) -> None:
    failure = failure_of(ErrorResponse(status, frozenset({key} - {""}), "words", 7.0))
    assert (failure.cause, failure.retryable) == (cause, retryable)
    assert "words" in failure.reason
    assert failure.after == (7.0 if status >= 500 or key == "SYS518" else None)


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind not in (FailureKind.REDIRECT, FailureKind.NOT_YET)])
def test_only_a_certificate_does_not_get_better_by_asking_again(kind: FailureKind) -> None:
    failure = failure_from(RequestFailed("words", sent=False, kind=kind))
    assert (failure.cause, failure.retryable) == (Cause.UNREACHABLE, kind is not FailureKind.TLS)


def test_what_was_not_sent_because_the_bmc_wants_to_be_left_alone_is_busy_for_so_long() -> None:
    failure = failure_from(RequestFailed("words", sent=False, kind=FailureKind.NOT_YET, after=7.0))
    assert (failure.cause, failure.retryable, failure.after) == (Cause.BUSY, True, 7.0)
