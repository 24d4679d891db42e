"""Logins, cookies, lock-out, permissions and the shapes of refusals."""

from __future__ import annotations

import asyncio
import ssl

import aiohttp
import pytest
import trustme

HOST = "f01-h01-000-r650.example.com"


async def test_one_cookie_is_one_login(lab):
    place = await lab()
    replies = [await place.call("GET", "/api/status") for _ in range(5)]
    assert place.emulator.counts()["logins"] == 1
    cookies = {reply.headers["Set-Cookie"].partition(";")[0] for reply in replies}
    assert len(cookies) == 1 and "secure" not in replies[0].headers["Set-Cookie"]
    assert [entry.had_cookie for entry in place.emulator.log] == [False, True, True, True, True]


async def test_every_request_without_a_cookie_is_a_login(lab):
    place = await lab()
    forgetful = place.client(cookies=False)
    for _ in range(3):
        assert (await place.call("GET", "/api/status", session=forgetful)).status == 200
    assert place.emulator.counts()["logins"] == 3


async def test_an_idle_session_is_refused_once_with_nothing_in_the_body(lab):
    place = await lab()
    await place.get("/api/status")
    place.emulator.expire_sessions()
    reply = await place.call("GET", "/api/status")
    assert (reply.status, reply.text) == (401, "")
    assert (await place.call("GET", "/api/status")).status == 200
    assert place.emulator.counts()["logins"] == 2


async def test_a_forgotten_session_is_a_new_login(lab):
    place = await lab()
    await place.get("/api/status")
    place.emulator.forget_sessions()
    await place.get("/api/status")
    assert place.emulator.counts()["logins"] == 2


async def test_wrong_or_missing_credentials(lab):
    place = await lab()
    wrong = await place.call("GET", "/api/status", session=place.client("cloud02", "wrong"))
    assert (wrong.status, wrong.body) == (401, {"error": {"message": "Unable to authenticate user cloud02"}})
    none = await place.call("GET", "/api/status", session=place.client("", ""))
    assert (none.status, none.body) == (401, {"error": {"message": "Unable to authenticate user "}})
    for header in ("Basic !", "Basic", "Bearer x", "Basic /w=="):
        reply = await place.call("GET", "/api/status", session=place.client("", ""), headers={"Authorization": header})
        assert reply.status == 401
    assert (await place.call("GET", "/api/ping", session=place.client("", ""))).status == 200


async def test_too_many_failures_lock_out_whoever_has_no_cookie(lab):
    place = await lab(failed_logins=5)
    known = place.client()
    assert (await place.call("GET", "/api/status", session=known)).status == 200
    for _ in range(5):
        await place.call("GET", "/api/status", session=place.client("admin", "wrong"))
    locked = await place.call("GET", "/api/status", session=place.client())  # even with the right password
    assert (locked.status, locked.body) == (401, {"error": {"message": "Too many tries, please try again in a few minutes."}})
    assert (await place.call("GET", "/api/status", session=known)).status == 200
    assert place.emulator.counts()["failed_logins"] == 5


async def test_permissions_of_an_administrator_and_of_others(lab):
    place = await lab(permissions=frozenset(["view_hosts", "edit_hosts", "view_media"]))
    user = await place.get("/api/current_user")
    assert (user["admin"], [role["name"] for role in user["roles"]]) == (False, ["QUADS"])
    held = {row["name"] for row in (await place.get("/api/permissions/current_permissions"))["results"]}
    assert held == {"view_hosts", "edit_hosts", "view_media"}
    shown = (await place.get(f"/api/hosts/{HOST}"))["permissions"]
    assert (shown["edit_hosts"], shown["build_hosts"]) == (True, False)
    refused = await place.call("PUT", f"/api/hosts/{HOST}/rebuild_config", {})
    assert refused.status == 403
    assert refused.body["error"] == {
        "message": "Access denied", "details": "Missing one of the required permissions: build_hosts",
        "missing_permissions": ["build_hosts"],
    }  # fmt: skip
    administrated = await lab()
    assert (await administrated.get("/api/current_user"))["admin"] is True
    assert all((await administrated.get(f"/api/hosts/{HOST}"))["permissions"].values())


async def test_refusals_have_the_shapes_of_the_real_ones(lab):
    place = await lab()
    missing = await place.call("GET", "/api/hosts/nobody.example.com")
    assert (missing.status, missing.body) == (404, {"error": {"message": "Resource host not found by id 'nobody.example.com'"}})
    assert (await place.call("GET", "/api/operatingsystems/RHEL 10/media")).status == 404
    assert (await place.call("GET", "/api/nothing")).body == {"status": 404, "error": "Not Found"}
    form = await place.call("PUT", f"/api/hosts/{HOST}", data={"build": "1"})
    assert form.status == 415 and form.body["error"]["message"].startswith("Media type in 'Content-Type: application/x-www-form")
    broken = await place.call("PUT", f"/api/hosts/{HOST}", data="{", headers={"Content-Type": "application/json"})
    assert broken.status == 400 and broken.body["error"].startswith("There was a problem in the JSON you submitted: ")
    device = await place.call("PUT", f"/api/hosts/{HOST}/boot", {"device": "tape"})
    assert device.status == 422 and isinstance(device.body["error"], str)
    bmc = await place.call("PUT", f"/api/hosts/{HOST}/boot", {"device": "pxe"})
    assert bmc.status == 422 and list(bmc.body) == ["message"]
    long = await place.call("GET", "/api/hosts?thin=1&search=name ^ (" + ",".join([HOST] * 400) + ")")
    assert long.status == 414 and long.headers["Content-Type"].startswith("text/html")


async def test_flat_bodies_work_and_unknown_keys_are_dropped(lab):
    place = await lab()
    flat = await place.call("PUT", f"/api/hosts/{HOST}", {"owner_id": 12, "owner_type": "User", "ownr": 3})
    assert flat.status == 200 and flat.body["owner_name"] == "cloud02"
    mixed = await place.call("PUT", f"/api/hosts/{HOST}", {"host": {"comment": "x"}, "owner_id": 13})
    assert (mixed.body["comment"], mixed.body["owner_name"]) == ("x", "cloud02")


async def test_headers_that_clients_read(lab):
    place = await lab()
    reply = await place.call("GET", "/api/status")
    assert (reply.headers["Foreman_version"], reply.headers["Foreman_api_version"]) == ("3.12.0", "2")
    assert float(reply.headers["X-Runtime"]) > 0.0
    assert reply.headers["Keep-Alive"] == "timeout=15, max=99"
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_settings_tell_how_long_a_token_lives(lab):
    place = await lab(token_minutes=42)
    found = (await place.get("/api/settings", search="name = token_duration"))["results"]
    assert [(row["name"], row["value"]) for row in found] == [("token_duration", 42)]
    assert (await place.get("/api/settings/token_duration"))["value"] == 42


async def test_a_connection_closes_after_its_hundred_responses(lab):
    place = await lab(responses_per_connection=3)
    left = [(await place.call("GET", "/api/status")).headers for _ in range(4)]
    assert [headers.get("Keep-Alive", "").rpartition("=")[2] for headers in left] == ["2", "1", "", "2"]
    assert left[2]["Connection"] == "close"
    counts = place.emulator.counts()
    assert (counts["connections_opened"], counts["connections"]) == (2, 1)


async def test_an_idle_connection_is_closed_by_the_server(lab):
    place = await lab(keep_alive=0.05)
    await place.call("GET", "/api/status")
    await asyncio.sleep(0.3)
    await place.call("GET", "/api/status")
    assert place.emulator.counts()["connections_opened"] == 2


async def test_connections_are_counted_at_their_peak(lab):
    place = await lab(speed=20)
    await asyncio.gather(*(place.get("/api/hosts", thin="1") for _ in range(4)))
    counts = place.emulator.counts()
    assert counts["connections"] == 4 and counts["reads"] == 4
    assert counts["search_queries"] == 0 and counts["writes"] == 0 and counts["peak_writes"] == 0


async def test_tls_marks_the_cookie_secure(lab):
    place = await lab()
    authority = trustme.CA()
    served, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.configure_trust(trusting)
    await place.emulator.close()
    place.url = await place.emulator.serve(ssl_context=served)
    assert place.url.startswith("https://127.0.0.1:")
    reply = await place.call("GET", "/api/status", ssl=trusting)
    assert reply.status == 200 and " secure;" in reply.headers["Set-Cookie"]
    place.emulator.inject("reset_before_apply")
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await place.call("GET", "/api/status", ssl=trusting)
    with pytest.raises(aiohttp.ClientConnectorCertificateError):  # who does not trust the authority
        await place.call("GET", "/api/status", session=place.client())
    assert (await place.call("GET", "/api/status", ssl=trusting)).status == 200
