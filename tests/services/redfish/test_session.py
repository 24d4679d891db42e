"""One session, closed on every way out; Basic where there are none; never a lock-out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from quads_tui.rollout.causes import Cause
from quads_tui.rollout.ports import Held, NotSent, Skipped, Stopping, TakenOver

from .conftest import Bench
from .fake import RESET, SESSIONS, SYSTEM, FakeBmc, error, hang_up


async def test_one_session_for_all_of_it_and_none_left(bench: Bench) -> None:
    await bench.off()
    await bench.pxe()
    await bench.on()
    await bench.client.close()
    assert (bench.bmc.created, bench.bmc.sessions) == (1, {})
    await bench.client.observe()
    assert bench.bmc.created == 2
    assert bench.bmc.log.count("GET /redfish/v1/Systems") == 2, "chosen once, and once a token was shown to be gone"


async def test_nothing_is_closed_where_nothing_was_opened(bench: Bench) -> None:
    await bench.client.close()
    assert bench.bmc.log == []


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_no_sessions_means_basic(bench: Bench, status: int) -> None:
    bench.bmc.when("POST", "Sessions", error(status, "ResourceMissingAtURI"), times=99)
    assert await bench.off() == ""
    assert bench.bmc.created == 0 and bench.bmc.refused_logins == 0


async def test_201_without_a_token_means_basic(bench: Bench) -> None:
    bench.bmc.when("POST", "Sessions", web.Response(status=204))
    assert await bench.off() == ""
    assert bench.bmc.created == 0


@pytest.mark.parametrize(
    "full",
    [
        error(503, "RAC0218", "The maximum number of user sessions is reached."),
        error(400, "SessionLimitExceeded"),
        error(403, "CreateLimitReachedForResource"),
    ],
)
async def test_a_full_session_table_means_basic_for_now(bench: Bench, full: web.Response) -> None:
    bench.bmc.when("POST", "Sessions", full)
    assert await bench.off() == ""
    assert bench.bmc.created == 0
    assert any("no session is free" in note for note in bench.told.notes)
    await bench.client.close()
    await bench.client.observe()
    assert bench.bmc.created == 1


async def test_a_wordless_503_to_the_login_is_asked_once_more_and_then_basic(bench: Bench) -> None:
    bench.bmc.when("POST", "Sessions", web.Response(status=503), times=99)
    assert await bench.off() == ""
    assert bench.bmc.count("POST " + SESSIONS) == 2


async def test_an_old_dell_has_its_sessions_elsewhere(bench: Bench) -> None:
    bench.bmc.root["Links"] = None
    bench.bmc.when("POST", "/SessionService/Sessions", error(404, "ResourceMissingAtURI"))

    async def old(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        bmc.sessions["old"] = "/redfish/v1/Sessions/7"
        return web.json_response(
            {}, status=201, headers={"X-Auth-Token": "old", "Location": "http://10.0.0.1/redfish/v1/Sessions/7"}
        )

    bench.bmc.when("POST", "/redfish/v1/Sessions", old)
    assert await bench.off() == ""
    await bench.client.close()
    assert "DELETE /redfish/v1/Sessions/7" in bench.bmc.log


async def test_without_a_location_the_body_tells_what_to_delete(bench: Bench) -> None:
    async def silent(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        bmc.sessions["quiet"] = f"{SESSIONS}/q"
        return web.json_response({"@odata.id": f"{SESSIONS}/q"}, status=201, headers={"X-Auth-Token": "quiet"})

    bench.bmc.when("POST", "Sessions", silent)
    await bench.client.observe()
    await bench.client.close()
    assert bench.bmc.sessions == {}
    assert bench.bmc.count(f"DELETE {SESSIONS}/q") == 1


async def test_a_session_of_another_host_is_never_deleted(bench: Bench) -> None:
    async def evil(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        return web.json_response({}, status=201, headers={"X-Auth-Token": "t", "Location": "//evil.example.com/x"})

    bench.bmc.sessions["t"] = "/nowhere"
    bench.bmc.when("POST", "Sessions", evil)
    await bench.client.observe()
    await bench.client.close()
    assert bench.bmc.count("DELETE") == 0
    bench.bmc.sessions.clear()


async def test_an_expired_session_is_made_anew_once(bench: Bench) -> None:
    await bench.client.observe()
    bench.bmc.sessions.clear()
    assert await bench.off() == ""
    assert bench.bmc.created == 2


async def test_a_random_401_leaves_no_session_behind(bench: Bench) -> None:
    bench.bmc.when("GET", "/Systems/1", error(401, "NoValidSession"))
    assert await bench.off() == ""
    assert bench.bmc.created == 2


async def test_401_after_a_new_login_is_the_end(bench: Bench) -> None:
    bench.bmc.when("GET", "Systems", error(401, "NoValidSession", "There is no valid session."), times=99)
    failure = await bench.fails(bench.off())
    assert (failure.cause, failure.retryable) == (Cause.CREDENTIALS, False)
    assert "no valid session" in failure.reason
    assert bench.bmc.created == 2
    before = len(bench.bmc.log)
    await bench.fails(bench.off())
    assert len(bench.bmc.log) == before + 1  # the service root, which asks for no login


@pytest.mark.parametrize("basic", [False, True])
async def test_a_wrong_password_is_tried_twice_and_then_never_again(bench: Bench, basic: bool) -> None:
    if basic:
        bench.bmc.when("POST", "Sessions", error(404, "ResourceMissingAtURI"), times=99)
    client = bench.make("nivlac")
    for _ in range(3):
        failure = await bench.fails(client.ensure_off(bench.clock.now() + 100))
        assert (failure.cause, failure.retryable) == (Cause.CREDENTIALS, False)
        assert "user root" in failure.reason and "nivlac" not in failure.reason
    assert bench.bmc.refused_logins == 2
    assert bench.told.intents == []


async def test_a_login_refused_at_random_is_tried_once_more(bench: Bench) -> None:
    bench.bmc.when("POST", "Sessions", error(401, "ResourceAtUriUnauthorized"))
    assert await bench.off() == ""


async def test_a_password_that_must_be_changed_is_said(bench: Bench) -> None:
    bench.bmc.when("POST", "Sessions", error(403, "PasswordChangeRequired", "Change it at /x."), times=99)
    failure = await bench.fails(bench.off())
    assert (failure.cause, failure.retryable) == (Cause.CREDENTIALS, False)
    assert failure.reason == "the password must be changed first: Change it at /x."
    assert bench.bmc.count("POST " + SESSIONS) == 1


async def test_a_lost_login_answer_is_no_lost_reset(bench: Bench) -> None:
    """The session died before the Reset: what is lost is the login, and the Reset certainly did not happen."""
    await bench.client.observe()

    async def expire(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        bmc.sessions.clear()
        bmc.when("POST", "Sessions", hang_up)
        return error(401, "NoValidSession")

    bench.bmc.when("POST", RESET, expire)
    assert await bench.off() == ""
    assert bench.told.results == ["absent", "answered"]


async def test_a_cancelled_login_is_closed_too(bench: Bench) -> None:
    async def slow(bmc: FakeBmc, request: web.Request, data: Any) -> None:
        started.set()
        await asyncio.sleep(0.1)

    started = asyncio.Event()
    bench.bmc.when("POST", "Sessions", slow)
    task = asyncio.create_task(bench.off())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await bench.client.close()
    assert bench.bmc.created == 1 and bench.bmc.sessions == {}


async def test_closing_survives_its_own_cancellation(bench: Bench) -> None:
    async def slow(bmc: FakeBmc, request: web.Request, data: Any) -> None:
        arrived.set()
        await asyncio.sleep(0.1)

    arrived = asyncio.Event()
    await bench.client.observe()
    bench.bmc.when("DELETE", "", slow)
    task = asyncio.create_task(bench.client.close())
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.bmc.sessions == {}


async def test_closing_never_raises(bench: Bench) -> None:
    await bench.client.observe()
    bench.bmc.when("DELETE", "", hang_up, times=99)
    await bench.client.close()
    assert bench.bmc.count("DELETE ") >= 1
    assert len(bench.bmc.sessions) == 1
    bench.bmc.sessions.clear()  # it ends by its timeout: nobody else deletes it


async def test_requests_of_one_bmc_stand_in_line(bench: Bench) -> None:
    await asyncio.gather(bench.client.observe(), bench.off(), bench.client.pxe_armed(), bench.client.observe())
    assert (bench.bmc.peak, bench.bmc.created) == (1, 1)


@pytest.mark.parametrize("status", [301, 307, 308])
async def test_slash_redirects_are_followed_by_sending_the_same_again(bench: Bench, status: int) -> None:
    """HPE, old Supermicro and Lenovo; the login too."""

    async def slash(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response | None:
        if request.path.endswith("/"):
            return None
        return web.Response(status=status, headers={"Location": f"https://wrong.example.com{request.path}/"})

    for method, path in (("POST", ""), ("GET", "Systems"), ("GET", "Systems/1")):
        bench.bmc.when(method, path, slash, times=99)
    bench.bmc.root["Links"] = {"Sessions": {"@odata.id": SESSIONS}}
    assert await bench.off() == ""
    assert bench.bmc.created == 1
    assert (bench.bmc.log.count(f"GET {SYSTEM}") == 1) == (status != 307), "remembered where it is said to last"
    assert bench.bmc.applied == ["ForceOff"]


# C5 and D4: sessions that are to be deleted


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Location": SESSIONS + "/9"}, {}),
        ({"Location": "http://10.0.0.1" + SESSIONS + "/9"}, {}),
        ({"Location": "/redfish/v1/SessionService/Sessions/9/"}, {}),
        ({"Location": "9"}, {}),
        ({"Location": "Sessions/9"}, {}),
        ({"Location": "./Sessions/9"}, {}),
        ({"Location": SESSIONS}, {"@odata.id": SESSIONS + "/9", "Id": "9"}),
        ({"Location": SESSIONS + "/"}, {"Id": "9"}),
        ({}, {"Id": "9"}),
        ({}, {"@odata.id": SESSIONS + "/9"}),
        ({}, {"@odata.id": SESSIONS, "Id": "9"}),
    ],
)
async def test_d4_the_session_is_found_wherever_the_bmc_names_it(
    bench: Bench, headers: dict[str, str], body: dict[str, Any]
) -> None:
    async def made(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        bmc.sessions["nine"] = SESSIONS + "/9"
        return web.json_response(body, status=201, headers={"X-Auth-Token": "nine", **headers})

    bench.bmc.when("POST", "Sessions", made)
    await bench.client.observe()
    assert [uri.rstrip("/") for uri in bench.told.sessions] == [SESSIONS + "/9"], "journalled, for whoever resumes"
    await bench.client.close()
    assert (bench.bmc.sessions, bench.told.sessions) == ({}, [])


async def test_d4_a_session_whose_address_is_not_told_is_said(bench: Bench) -> None:
    async def made(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        bmc.sessions["x"] = "/nowhere"
        return web.json_response({}, status=201, headers={"X-Auth-Token": "x"})

    bench.bmc.when("POST", "Sessions", made)
    await bench.client.observe()
    assert "the BMC does not report where its session is: it stays open until it expires" in bench.told.notes
    bench.bmc.sessions.clear()


async def test_c5_a_login_whose_answer_is_lost_is_said(bench: Bench) -> None:
    bench.bmc.when("POST", "Sessions", hang_up)
    assert await bench.off() == ""
    assert "no answer to a login: a session may be left at the BMC" in bench.told.notes, "at once: this process may be killed"
    await bench.client.close()
    words = "no answer to a login: the session that it may have made stays open at the BMC until it expires"
    assert bench.told.notes[-1] == words


@pytest.mark.parametrize("refusal", [web.Response(status=403), error(403, "NoValidSession")])
@pytest.mark.parametrize("where", [("GET", SYSTEM), ("POST", RESET)])
async def test_d3_one_403_without_a_reason_leaves_no_host_off(
    bench: Bench, refusal: web.Response, where: tuple[str, str]
) -> None:
    await bench.client.observe()
    bench.bmc.when(*where, refusal)
    assert await bench.off() == ""
    assert bench.bmc.resets == ["ForceOff"]
    await bench.client.close()
    assert (bench.bmc.created, bench.bmc.sessions, bench.told.sessions) == (2, {}, [])


async def test_d3_a_403_that_lasts_is_no_storm_of_logins(bench: Bench) -> None:
    await bench.client.observe()
    bench.bmc.when("POST", RESET, web.Response(status=403), times=99)
    for _ in range(4):
        assert (await bench.fails(bench.off())).cause is Cause.REFUSED
    assert bench.bmc.created <= 4 and bench.bmc.count("POST " + RESET) <= 7


@pytest.mark.parametrize("status", [307, 500, 502, 503])
async def test_d2_a_bmc_that_makes_no_session_because_it_is_unwell_gets_basic(bench: Bench, status: int) -> None:
    headers = {"Location": "/login.html"} if status == 307 else None
    bench.bmc.when("POST", "Sessions", web.Response(status=status, headers=headers), times=99)
    assert await bench.off() == ""
    assert bench.bmc.count("POST " + SESSIONS) == 2
    assert bench.bmc.resets == ["ForceOff"]


@pytest.mark.parametrize("refusal", [error(401, "NoValidSession"), web.Response(status=503), web.Response(status=500)])
async def test_c5_a_refused_deletion_is_tried_once_more(bench: Bench, refusal: web.Response) -> None:
    await bench.client.observe()
    bench.bmc.when("DELETE", "", refusal)
    await bench.client.close()
    assert (bench.bmc.sessions, bench.told.sessions, bench.bmc.count("DELETE")) == ({}, [], 2)


async def test_c5_a_deletion_that_is_refused_every_time_is_said_and_left_in_the_journal(bench: Bench) -> None:
    await bench.client.observe()
    bench.bmc.when("DELETE", "", error(503, "GeneralError", "Not now."), times=3)
    await bench.client.close()
    assert bench.told.sessions == [SESSIONS + "/1"]
    assert bench.told.notes[-1].startswith(f"the session {SESSIONS}/1 stays open at the BMC, its deletion was refused 3 times: ")
    bench.bmc.sessions.clear()


async def test_c5_what_another_process_left_is_deleted_by_a_login_of_our_own(bench: Bench) -> None:
    left = [f"{SESSIONS}/{number}" for number in (71, 72)]
    bench.bmc.sessions |= dict(zip(("lost-1", "lost-2"), left, strict=True))
    bench.told.sessions += [*left, SESSIONS + "/70"]  # one of them has ended by itself
    await bench.client.end_sessions([*left, SESSIONS + "/70"], "")
    assert list(bench.bmc.sessions.values()) == bench.told.sessions == [SESSIONS + "/1"]
    assert bench.bmc.log[0] == "GET /redfish/v1/"
    assert not [line for line in bench.bmc.log if "Systems" in line], "before anything else"


async def test_c5_where_all_sessions_are_taken_they_are_deleted_by_basic(bench: Bench) -> None:
    bench.bmc.sessions["lost"] = f"{SESSIONS}/71"
    bench.told.sessions.append(f"{SESSIONS}/71")
    bench.bmc.when("POST", "Sessions", error(503, "RAC0218", "The maximum number of user sessions is reached."))
    await bench.client.end_sessions([f"{SESSIONS}/71"], "")
    assert (bench.bmc.sessions, bench.told.sessions, bench.bmc.created) == ({}, [], 0)


async def test_c5_a_bmc_that_is_away_is_not_waited_for(bench: Bench) -> None:
    bench.bmc.when("GET", "/redfish/v1/", hang_up, times=99)
    await bench.client.end_sessions([f"{SESSIONS}/71"], "")
    assert bench.told.notes[-1].startswith("sessions of an earlier process that stay open at the BMC: 1 (")


# The first byte


@pytest.mark.parametrize("why", [Skipped("out"), Held("wait"), Stopping(), TakenOver("taken over")])
async def test_first_byte_an_act_that_is_refused_when_the_connection_stands_is_not_sent(bench: Bench, why: Exception) -> None:
    bench.told.last_word = why
    with pytest.raises(type(why)):
        await bench.off()
    with pytest.raises(type(why)):
        await bench.pxe()
    assert (bench.bmc.resets, bench.bmc.patches, bench.told.results) == ([], [], ["absent", "absent"])


async def test_first_byte_the_resend_after_a_401_asks_again(bench: Bench) -> None:
    async def expired(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        bench.told.last_word = Held("wait")
        return error(401, "NoValidSession")

    bench.bmc.when("POST", RESET, expired)
    with pytest.raises(Held):
        await bench.off()
    assert (bench.told.confirmed, bench.bmc.resets, bench.told.results) == (2, [], ["absent"])


async def test_first_byte_what_was_decided_long_ago_is_looked_at_again(bench: Bench) -> None:
    bench.told.last_word = NotSent("it was delayed for too long after it was decided")

    async def well_again(bmc: FakeBmc, request: web.Request, data: Any) -> None:
        if bench.told.confirmed:
            bench.told.last_word = None

    bench.bmc.when("GET", SYSTEM, well_again, times=99)
    assert await bench.off() == ""
    assert (bench.told.results, bench.bmc.resets) == (["absent", "answered"], ["ForceOff"])


async def test_first_byte_a_thawed_process_does_not_even_log_in(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def taken_over() -> None:
        raise TakenOver("taken over")

    monkeypatch.setattr(bench.told, "before_login", taken_over)
    with pytest.raises(TakenOver):
        await bench.off()
    assert bench.bmc.created == 0


async def test_whether_the_bmc_answers_at_all_is_said_of_every_exchange(bench: Bench) -> None:
    """A refusal is an answer; a connection that dies is none."""
    for doing, silences in ((error(503, "GeneralError"), 0), (hang_up, 1)):
        bench.told.heards.clear()
        bench.bmc.when("GET", SYSTEM, doing, 2)  # on a kept connection it is sent once more, and nothing said
        await bench.client.observe(bench.clock.now() + 600)
        assert sum(bool(why) for why in bench.told.heards) == silences
        assert bench.told.heards[-1] == ""
    await bench.client.close()
