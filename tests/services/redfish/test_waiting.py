"""Waiting belongs to the BMC: whoever was told to leave it alone, all its clients do, and what it says is bounded (D9, D10)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from quads_tui.rollout.causes import Cause
from quads_tui.services.redfish import Bmc
from quads_tui.services.redfish.connection import Missing

from .conftest import Bench
from .fake import RESET, SESSIONS, SYSTEM, FakeBmc, error

LONG = 3000.0  # own seconds: 10 real ones


def busy(headers: dict[str, str], arguments: Any = None, status: int = 503) -> web.Response:
    key = "ServiceTemporarilyUnavailable" if arguments is not None else "GeneralError"
    info = {"MessageId": f"Base.1.12.{key}", "Message": "Not now.", "MessageArgs": arguments}
    return web.json_response({"error": {"@Message.ExtendedInfo": [info]}}, status=status, headers=headers)


class Asked:
    """Answers 503 for `seconds` real seconds from its first answer on, and counts who did not wait that long."""

    def __init__(self, bench: Bench, seconds: float = 2.0) -> None:
        self.bench, self.seconds, self.until, self.early = bench, seconds, 0.0, 0

    async def __call__(self, bmc: FakeBmc, request: web.Request, data: Any) -> web.Response | None:
        now = self.bench.clock.now()
        if not self.until:
            self.until = now + self.seconds * self.bench.clock.speed
        elif now < self.until:
            self.early += 1
        else:
            return None
        return busy({"Retry-After": f"{self.seconds:g}"})


NONSENSE: dict[str, tuple[dict[str, str], Any]] = {
    "nan": ({}, ["nan"]),
    "0": ({}, ["0"]),
    "-5": ({}, ["-5"]),
    "a number": ({}, [0]),
    "a yes": ({}, [True]),
    "nothing": ({}, [None]),
    "a list": ({}, [[30]]),
    "infinity": ({}, ["-inf"]),
    "a header of 0": ({"Retry-After": "0"}, None),
    "a header of -5": ({"Retry-After": "-5"}, None),
    "a header of nan": ({"Retry-After": "nan"}, None),
    "a header of inf": ({"Retry-After": "inf"}, None),
    "a header of 1e-300": ({"Retry-After": "1e-300"}, None),
    "a date that is over": (
        {"Retry-After": "Mon, 23 Nov 1998 09:00:00 GMT", "Date": "Mon, 23 Nov 1998 10:00:00 GMT"},
        None,
    ),
    "a date that is none": ({"Retry-After": "Mon, 99 Nov 1998 99:00:00 GMT"}, None),
}


@pytest.mark.parametrize("what", NONSENSE)
async def test_d9_a_bmc_that_asks_to_wait_for_no_time_is_asked_once_a_second_until_the_deadline(bench: Bench, what: str) -> None:
    bench.bmc.when("GET", "/Systems/1", busy(*NONSENSE[what]), times=99_999)
    failure = await bench.fails(bench.off(LONG))
    assert (failure.cause, failure.reason) == (Cause.BUSY, "Not now.")
    assert 2 <= bench.bmc.count(f"GET {SYSTEM}") <= 11
    assert set(bench.clock.waited()) == {1}
    bench.bmc.rules.clear()
    await bench.clock.sleep_real(1)


HUGE: dict[str, tuple[dict[str, str], Any]] = {
    "1e300": ({}, ["1e300"]),
    "a number": ({}, [1e300]),
    "a header of 1e300": ({"Retry-After": "1e300"}, None),
    "a header of 40 digits": ({"Retry-After": "9" * 40}, None),
    "a header of 1e999999": ({"Retry-After": "1e999999"}, None),
    "a date in the year 9999": (
        {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT", "Date": "Mon, 23 Nov 1998 10:00:00 GMT"},
        None,
    ),
}


@pytest.mark.parametrize("what", HUGE)
async def test_d9_a_bmc_that_asks_to_wait_for_ages_is_left_alone_for_ten_minutes(bench: Bench, what: str) -> None:
    bench.bmc.when("GET", "/Systems/1", busy(*HUGE[what]))
    failure = await bench.fails(bench.off(LONG))
    assert (failure.cause, failure.reason, failure.after) == (Cause.BUSY, "Not now.", pytest.approx(600, abs=10))
    asked = len(bench.bmc.log)
    again = await bench.fails(bench.off(LONG))
    assert (again.cause, again.reason, again.retryable) == (Cause.BUSY, "Not now.", True)
    assert 500 < (again.after or 0) <= 600
    assert (len(bench.bmc.log), bench.clock.obeyed) == (asked, []), "nothing was sent, and nobody waited for nothing"
    await bench.clock.sleep_real(600)
    assert await bench.off(LONG) == ""


WHOEVER: dict[str, Callable[[Bench, Bmc], Awaitable[object]]] = {
    "power": lambda bench, bmc: bmc.ensure_off(bench.clock.now() + LONG),
    "override": lambda bench, bmc: bmc.ensure_pxe_next(bench.clock.now() + LONG),
    "clearing": lambda bench, bmc: bmc.clear_override(bench.clock.now() + LONG),
    "look": lambda bench, bmc: bmc.observe(bench.clock.now() + LONG),
    "identity": lambda bench, bmc: bmc.identify(["52:54:01:00:00:01"], bench.clock.now() + LONG),
    "survey": lambda bench, bmc: bmc.survey(),
    "off?": lambda bench, bmc: bmc.is_off(),
    "armed?": lambda bench, bmc: bmc.pxe_armed(bench.clock.now() + LONG),
    "sessions of another process": lambda bench, bmc: bmc.end_sessions([f"{SESSIONS}/99"], ""),
}


@pytest.mark.parametrize("who", WHOEVER)
async def test_d10_after_the_first_look_was_answered_503_whoever_asks_that_bmc_waits(bench: Bench, who: str) -> None:
    bench.clock.patient()
    asked = Asked(bench)
    bench.bmc.when("GET", "", asked, times=99)
    bench.bmc.when("POST", "", asked, times=99)
    bench.bmc.when("PATCH", "", asked, times=99)
    failure = await bench.fails(bench.client.observe())
    assert (failure.cause, failure.after, failure.reason) == (Cause.BUSY, 2.0, "Not now.")
    await WHOEVER[who](bench, bench.other() if who != "look" else bench.client)
    # What has to be asked once only, and at once, is not asked at all.
    assert asked.early == 0
    assert bench.clock.waited()[:1] == ([2] if who != "sessions of another process" else [])


async def test_d10_a_look_that_is_to_be_made_once_is_not_made_while_the_bmc_wants_to_be_left_alone(bench: Bench) -> None:
    bench.bmc.when("GET", "/Systems/1", busy({"Retry-After": "2"}))
    for look in (bench.client.observe, bench.client.observe, bench.other().observe):
        failure = await bench.fails(look())
        assert (failure.cause, failure.reason) == (Cause.BUSY, "Not now.")
    assert bench.bmc.count(f"GET {SYSTEM}") == 1


@pytest.mark.parametrize("status", [429, 503, 500, 409, 400])
async def test_d10_every_refusal_that_says_when_to_ask_again_is_obeyed(bench: Bench, status: int) -> None:
    bench.bmc.when("GET", "/Systems/1", busy({"Retry-After": "3"}, status=status))
    assert await bench.off(LONG) == ""
    assert bench.clock.waited() == [3]


async def test_d10_a_refused_login_counts_for_the_look_behind_it(bench: Bench) -> None:
    asked = Asked(bench)
    bench.bmc.when("POST", SESSIONS, asked, times=99)
    bench.bmc.when("GET", "", lambda bmc, request, data: never(asked, request), times=99)
    assert await bench.off(LONG) == ""
    assert asked.early == 0
    assert bench.clock.waited() == [2]


async def never(asked: Asked, request: web.Request) -> None:
    asked.early += bool(asked.until) and asked.bench.clock.now() < asked.until


async def test_d10_a_logout_waits_too_where_that_is_short(bench: Bench) -> None:
    await bench.client.observe()
    bench.bmc.when("DELETE", "/1", busy({"Retry-After": "2"}))
    await bench.client.close()
    assert (bench.bmc.sessions, bench.clock.waited()) == ({}, [2])


async def test_d10_a_logout_that_would_have_to_wait_for_long_is_not_sent_and_said(bench: Bench) -> None:
    await bench.client.observe()
    bench.bmc.when("DELETE", "/1", busy({"Retry-After": "300"}))
    await bench.client.close()
    assert bench.bmc.count("DELETE") == 1
    assert "stays open" in bench.told.notes[-1]
    assert "the BMC asks to wait" in bench.told.notes[-1]
    assert bench.told.notes[-1].endswith(": Not now.")
    bench.bmc.sessions.clear()


async def test_d10_another_bmc_is_not_waited_for(bench: Bench) -> None:
    other = await FakeBmc().start()
    try:
        bench.bmc.when("GET", "/Systems/1", busy({"Retry-After": "600"}))
        await bench.fails(bench.client.observe())
        neighbour = bench.make(address=other.address)
        await neighbour.observe()
        await neighbour.close()
        assert bench.clock.obeyed == []
        await bench.clock.sleep_real(600)
    finally:
        await other.server.close()


@pytest.mark.parametrize("by_name", [True, False])
async def test_d10_one_bmc_under_two_names_is_one(bench: Bench, by_name: bool) -> None:
    name = bench.other(address=bench.bmc.address.replace("127.0.0.1", "localhost"))
    await name.observe()  # so it knows who answers there
    told, other = (name, bench.client) if by_name else (bench.client, name)
    bench.bmc.when("GET", "/Systems/1", busy({"Retry-After": "20"}))
    await bench.fails(told.observe())
    await other.observe(bench.clock.now() + 30 * bench.clock.speed)
    assert bench.clock.waited() == [20]


async def test_a_reset_is_not_sent_while_the_bmc_wants_to_be_left_alone(bench: Bench) -> None:
    """Another client was told so after the look, which decided, and before the act."""

    def hear() -> None:
        bench.told.before = None
        bench.http.not_before.hear([bench.bmc.address.removeprefix("http://")], 20.0, "Somebody else was told.")

    bench.told.before = hear
    assert await bench.off(30 * bench.clock.speed) == ""
    assert bench.told.results == ["absent", "answered"]
    assert bench.clock.waited() == [20]
    assert bench.bmc.count(f"POST {RESET}") == 1
    assert any("not sent: the BMC asks to wait" in note for note in bench.told.notes)


async def test_d10_a_wait_that_is_too_long_for_a_stage_is_the_flows(bench: Bench) -> None:
    bench.bmc.when("GET", "/Systems/1", busy({"Retry-After": "61"}))
    failure = await bench.fails(bench.off(1000 * bench.clock.speed))
    assert (failure.cause, failure.after, bench.clock.obeyed) == (Cause.BUSY, pytest.approx(61, abs=1), [])
    await bench.clock.sleep_real(61)


# Redirects


def redirect(where: str | None, status: int) -> web.Response:
    return web.Response(status=status, headers={"Location": where} if where is not None else {})


NOT_READY = "the BMC redirects {} to {}: its Redfish service is not ready"


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("/login.html", NOT_READY.format(SYSTEM, "/login.html")),
        ("https://127.0.0.1:9/login.html", NOT_READY.format(SYSTEM, "https://127.0.0.1:9/login.html")),
        ("//127.0.0.1:9/redfish/v1", NOT_READY.format(SYSTEM, "//127.0.0.1:9/redfish/v1")),
        ("login.html", NOT_READY.format(SYSTEM, "login.html")),
        (None, NOT_READY.format(SYSTEM, "an address that it does not give")),
        (SYSTEM, f"the BMC redirects {SYSTEM} to {SYSTEM}, in a circle"),
        (
            f"https://127.0.0.1:9{SYSTEM}",
            f"the BMC redirects {SYSTEM} to https://127.0.0.1:9{SYSTEM}, which is another address: it is not followed",
        ),
    ],
)
async def test_d1_a_redirect_that_leads_to_no_redfish_is_over_with_it(
    bench: Bench, status: int, where: str | None, words: str
) -> None:
    bench.bmc.when("GET", "/Systems/1", redirect(where, status), times=2)
    assert await bench.off() == ""
    assert f"trying again: {words}" in bench.told.notes


async def test_d1_redirects_from_one_spelling_to_the_other_and_back_have_an_end(bench: Bench) -> None:
    async def turn(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        return redirect(request.path.rstrip("/") if request.path.endswith("/") else request.path + "/", 308)

    bench.bmc.when("GET", "/Systems/1", turn, times=99)
    bench.bmc.when("GET", "/Systems/1/", turn, times=99)
    failure = await bench.fails(bench.client.observe())
    assert failure.reason == f"the BMC redirects {SYSTEM} to {SYSTEM}, in a circle"
    assert bench.bmc.count(f"GET {SYSTEM}") == 2


async def test_d1_what_moved_for_good_and_is_gone_there_is_asked_for_where_it_was(bench: Bench) -> None:
    bench.bmc.when("GET", "/Systems/1", redirect(SYSTEM + "/", 301))
    await bench.client.observe()
    bench.bmc.when("GET", "/Systems/1/", error(404, "ResourceMissingAtURI"), times=99)
    await bench.client.observe()
    assert [line for line in bench.bmc.log if SYSTEM in line][-2:] == [f"GET {SYSTEM}/", f"GET {SYSTEM}"]


async def test_d1_what_is_gone_where_everything_is_redirected_to_is_gone(bench: Bench) -> None:
    async def turn(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response | None:
        slash = request.path.endswith("/")
        return error(404, "ResourceMissingAtURI") if slash else redirect(request.path + "/", 301)

    await bench.client.observe()
    bench.bmc.documents["/redfish/v1/Gone"] = {}
    bench.bmc.when("GET", "/Gone", turn, times=99)
    bench.bmc.when("GET", "/Gone/", turn, times=99)
    for _ in range(2):
        with pytest.raises(Missing):
            await bench.client._connection.read("/redfish/v1/Gone", bench.clock.now())


async def test_d10_a_wait_that_others_prolong_ends_at_the_deadline(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.bmc.when("GET", "/Systems/1", busy({"Retry-After": "2"}), times=99)
    await bench.fails(bench.client.observe())
    sleep, name = bench.clock.sleep_real, bench.bmc.address.removeprefix("http://")

    async def prolonged(seconds: float) -> None:
        await sleep(seconds)
        bench.http.not_before.hear([name], 2.0, "Told to others.")

    monkeypatch.setattr(bench.clock, "sleep_real", prolonged)
    failure = await bench.fails(bench.client.observe(bench.clock.now() + LONG))
    assert (failure.cause, failure.reason) == (Cause.BUSY, "Told to others.")
    assert len(bench.clock.obeyed) <= 5
    await sleep(2)


async def test_d1_an_act_that_is_answered_see_other_is_not_sent_again_blindly(bench: Bench) -> None:
    bench.bmc.when("POST", RESET, redirect(RESET + "/", 303))
    assert await bench.off() == ""
    assert bench.told.results == ["unknown", "answered"]
