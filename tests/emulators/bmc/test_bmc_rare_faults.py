"""The rarer faults, one by one: what the wire shows, what the machine did, and when it is over."""

from __future__ import annotations

import asyncio
import json
import time
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from quads_tui.emulators.bmc import corrupt_responses, faulty_changes, outages
from quads_tui.emulators.bmc.faults import WrongPassword

LOGIN = {"UserName": "root", "Password": "calvin's heir"}
SESSIONS = "/redfish/v1/SessionService/Sessions"
SYSTEMS = "/redfish/v1/Systems"
ONCE = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}


def keys(answer: Any) -> list[str]:
    return [info["MessageId"].rpartition(".")[2] for info in answer.json["error"]["@Message.ExtendedInfo"]]


async def corrupt_read(lab: Any, number: int = 0) -> tuple[int, Any, bytes]:
    """Status, headers and body of the second read of the system, which is the one that goes wrong."""
    url = lab.url(number) + lab.bmc(number).family.system
    auth = {"Authorization": aiohttp.encode_basic_auth("root", "calvin's heir")}
    for read in range(2):
        async with lab.client.get(url, headers=auth) as response:
            body = await response.read()
            assert read or json.loads(body)["PowerState"] == "On"
    return response.status, response.headers, body


async def test_a_page_for_people(start: Any) -> None:
    lab = await start("R650", "1029U", faults={0: corrupt_responses.HtmlPage(), 1: corrupt_responses.HtmlForbidden()})
    for number, status in enumerate((200, 403)):
        got, headers, body = await corrupt_read(lab, number)
        assert (got, headers["Content-Type"]) == (status, "text/html")
        assert body.startswith(b"<!DOCTYPE html>")


async def test_documents_that_are_no_json(start: Any) -> None:
    lab = await start(
        "R650",
        "R650",
        "R650",
        faults={0: corrupt_responses.TwoDocuments(), 1: corrupt_responses.EmptyBody(), 2: corrupt_responses.InvalidUtf8()},
    )
    glued = (await corrupt_read(lab))[2]
    assert json.loads(glued[: len(glued) // 2]) == json.loads(glued[len(glued) // 2 :])
    assert (await corrupt_read(lab, 1))[2] == b""
    with pytest.raises(UnicodeDecodeError):
        (await corrupt_read(lab, 2))[2].decode()


async def test_d12_a_bmc_that_refuses_names(start: Any) -> None:
    lab = await start("R650", faults={0: corrupt_responses.RefusesNames()})
    for host, status in (("", 200), ("mgmt-h1.example.com", 400), ("mgmt-h1.example.com:443", 400), ("192.0.2.7", 200)):
        async with lab.client.get(lab.url(0) + "/redfish/v1/", headers={"Host": host} if host else {}) as response:
            assert (response.status, response.content_type == "text/html") == (status, status == 400)


async def test_d8_damage_in_what_nobody_needs_and_in_what_decides(start: Any) -> None:
    lab = await start("R650", "R650", faults={0: corrupt_responses.DamagedText(), 1: corrupt_responses.DamagedMember()})
    with pytest.raises(UnicodeDecodeError):
        await corrupt_read(lab)
    assert json.loads((await corrupt_read(lab, 1))[2])["PowerState"] == ["Off"]


async def test_it_is_over_after_so_many_times(start: Any) -> None:
    lab = await start("R650", faults={0: corrupt_responses.EmptyBody(times=2)})
    path = lab.bmc().family.system
    empty = [(await lab.call("GET", path)).text == "" for _ in range(12)]
    assert empty == [False, True, False, False, True, *[False] * 7]


async def test_a_body_that_breaks_off(start: Any) -> None:
    lab = await start("R650", faults={0: corrupt_responses.TruncatedBody()})
    with pytest.raises(aiohttp.ClientPayloadError):
        await corrupt_read(lab)


async def test_a_connection_that_breaks(start: Any) -> None:
    lab = await start("R650", faults={0: corrupt_responses.ConnectionReset()})
    path = lab.bmc().family.system
    await lab.call("GET", path)
    # By hand, since the client would read again by itself.
    reader, writer = await asyncio.open_connection("127.0.0.1", int(lab.url().rpartition(":")[2]))
    auth = aiohttp.encode_basic_auth("root", LOGIN["Password"])
    writer.write(f"GET {path} HTTP/1.1\r\nHost: bmc\r\nAuthorization: {auth}\r\n\r\n".encode())
    try:
        assert await reader.read() == b""
    except ConnectionResetError:
        pass
    writer.close()
    assert lab.service().fault.left == 2


async def test_a_body_without_end(start: Any) -> None:
    lab = await start("R650", faults={0: corrupt_responses.EndlessBody()})
    url = lab.url() + lab.bmc().family.system
    auth = {"Authorization": aiohttp.encode_basic_auth("root", "calvin's heir")}
    await lab.call("GET", lab.bmc().family.system)
    async with lab.client.get(url, headers=auth) as response:
        assert response.content_length is None
        taken = 0
        while taken < 4_000_000:
            taken += len(await response.content.readany())
        response.close()
    assert (await lab.call("GET", lab.bmc().family.system)).json["PowerState"] == "On"


async def test_silence_until_the_client_hangs_up(start: Any) -> None:
    lab = await start("R650", faults={0: corrupt_responses.NoReply()})
    path = lab.bmc().family.system
    await lab.call("GET", path)
    hanging = asyncio.create_task(lab.call("GET", path))
    await lab.until(lambda: lab.service().fault.left == 2)
    assert not hanging.done()
    hanging.cancel()
    assert (await lab.call("GET", path)).status == 200
    assert lab.fleet.counts()["peak_requests_per_bmc"] == 1


async def test_a_byte_a_second_comes_whole_in_the_end(start: Any) -> None:
    lab = await start("R650", speed=30_000.0, faults={0: corrupt_responses.SlowBody()})
    before = lab.fleet.time.now()
    body = (await corrupt_read(lab))[2]
    assert json.loads(body)["PowerState"] == "On"
    assert lab.fleet.time.now() - before > len(body)


async def test_a_reused_connection_is_reset_and_nothing_done(start: Any) -> None:
    lab = await start("R650", "DL320", faults={0: corrupt_responses.ResetsReusedConnections()})
    for number in (0, 1):
        url, bmc = lab.url(number), lab.bmc(number)
        async with aiohttp.ClientSession(
            auth=None, headers={"Authorization": aiohttp.encode_basic_auth("root", LOGIN["Password"])}
        ) as client:
            async with client.get(url + bmc.family.system + "/") as response:
                assert response.status == 200
                await response.read()
            with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
                await client.post(url + bmc.family.reset, json={"ResetType": "ForceOff"})
        assert bmc.hardware.power == "On"


async def test_members_are_gone_for_a_while(start: Any) -> None:
    lab = await start(
        "R650", "GB200", faults={0: corrupt_responses.MembersMissing(), 1: corrupt_responses.MembersMissing(null=True)}
    )
    lab.bmc(1).requests_until_ready = 0
    for number, gone in enumerate(([], None)):
        whole = len((await lab.call("GET", SYSTEMS, number=number)).json["Members"])
        assert whole == number + 1
        await lab.call("POST", SESSIONS, LOGIN, number=number, basic=False)
        assert (await lab.call("GET", SYSTEMS, number=number)).json["Members"] == gone
        lab.service(number).fault.until = lab.fleet.time.now()
        assert len((await lab.call("GET", SYSTEMS, number=number)).json["Members"]) == whole


async def test_a_member_that_is_null(start: Any) -> None:
    lab = await start("1029U", faults={0: corrupt_responses.NullMember()})
    assert (await lab.call("GET", SYSTEMS)).json["Members"] == [None, {"@odata.id": lab.bmc().family.system}]


async def test_reads_from_a_cache(start: Any) -> None:
    lab = await start("R650", faults={0: corrupt_responses.StaleReads(seconds=1e9)})
    path = lab.bmc().family.system
    await lab.call("GET", path)
    await lab.reset("ForceOff")
    await lab.until(lambda: lab.bmc().hardware.reported == "Off")
    assert (await lab.call("GET", path)).json["PowerState"] == "On"
    lab.service().fault.until = 0.0
    assert (await lab.call("GET", path)).json["PowerState"] == "Off"


async def test_an_action_info_that_is_not_there(start: Any) -> None:
    lab = await start("621C", faults={0: corrupt_responses.NoActionInfo()})
    action = (await lab.call("GET", lab.bmc().family.system)).json["Actions"]["#ComputerSystem.Reset"]
    assert "ResetType@Redfish.AllowableValues" not in action
    assert (await lab.call("GET", action["@Redfish.ActionInfo"])).status == 404


@pytest.mark.parametrize("status", [301, 307, 308])
async def test_redirects_of_reads_and_changes(start: Any, status: int) -> None:
    lab = await start("R650", faults={0: corrupt_responses.Redirects(status)})
    bmc = lab.bmc()
    for method, path, body in (("GET", bmc.family.system, None), ("POST", bmc.family.reset, {"ResetType": "ForceOff"})):
        answer = await lab.call(method, path, body)
        assert (answer.status, answer.headers["Location"]) == (status, path + "/")
        assert bmc.hardware.power == "On"
        assert (await lab.call(method, path + "/", body)).status < 300
    assert bmc.hardware.power != "On"


# -- changes -----------------------------------------------------------------------------------------------------------


async def test_a_patch_that_is_not_made_and_one_that_is(start: Any) -> None:
    lab = await start("R650", "R650", faults={0: faulty_changes.PatchNotApplied(), 1: faulty_changes.PatchDenied()})
    assert (await lab.patch(ONCE)).status == 200
    assert not lab.bmc().hardware.armed
    assert (await lab.patch(ONCE)).status == 200
    assert lab.bmc().hardware.armed
    assert (await lab.patch(ONCE, number=1)).status == 400
    assert lab.bmc(1).hardware.armed
    assert (await lab.patch(ONCE, number=1)).status == 200


async def test_a_patch_without_a_mode_that_changes_it(start: Any) -> None:
    lab = await start("R650", faults={0: faulty_changes.FlipsMode()})
    mode = lab.bmc().hardware.boot.mode
    await lab.patch(ONCE)
    assert lab.bmc().hardware.boot.mode != mode
    assert lab.fleet.counts()["mode_changes"] == 1


async def test_locked_boot_settings(start: Any) -> None:
    lab = await start("R650", faults={0: faulty_changes.BootLocked(seconds=1e9)})
    for _ in range(2):
        answer = await lab.patch(ONCE)
        assert (answer.status, keys(answer)) == (400, ["UnableToModifyDuringSystemPOST"])
    lab.service().fault.until = 0.0
    assert (await lab.patch(ONCE)).status == 200


async def test_the_ladder_of_etags(start: Any) -> None:
    lab = await start(
        "R650",
        "1029U",
        "R650",
        faults={0: faulty_changes.EtagOutdated(), 1: faulty_changes.EtagWeakened(), 2: faulty_changes.EtagDemanded()},
    )
    assert [(await lab.patch(ONCE)).status for _ in range(2)] == [412, 200]
    path = lab.bmc(1).family.system
    read = await lab.call("GET", path, number=1)
    assert read.headers["ETag"].startswith('W/"')
    assert read.json["@odata.etag"] == read.headers["ETag"]
    full = {**ONCE, "BootSourceOverrideMode": lab.bmc(1).hardware.boot.mode}
    assert (await lab.patch(full, number=1)).status == 412
    strong = {"If-Match": read.headers["ETag"].removeprefix("W/")}
    assert (await lab.call("PATCH", path, {"Boot": full}, number=1, headers=strong)).status == 204
    path = lab.bmc(2).family.system
    assert "ETag" not in (await lab.call("GET", path, number=2)).headers
    assert (await lab.call("PATCH", path, {"Boot": ONCE}, number=2)).status == 428
    assert (await lab.call("PATCH", path, {"Boot": ONCE}, number=2, headers={"If-Match": "*"})).status == 200


async def test_a_reset_that_comes_late(start: Any) -> None:
    lab = await start("R650", speed=300.0, faults={0: faulty_changes.DelayedReset()})
    hardware = lab.bmc().hardware
    assert (await lab.reset("ForceOff")).status == 204
    assert (hardware.power, hardware.resets) == ("On", 0)
    await lab.until(lambda: hardware.power == "Off")
    assert hardware.resets == 1


@pytest.mark.parametrize("monitor", [True, False])
@pytest.mark.parametrize("fails", [True, False])
async def test_changes_by_task(start: Any, monitor: bool, fails: bool) -> None:
    lab = await start("R650", faults={0: faulty_changes.Tasks(polls=2, monitor=monitor, fails=fails)})
    answer = await lab.patch(ONCE)
    assert (answer.status, answer.json["TaskState"]) == (202, "Running")
    assert int(answer.headers["Retry-After"]) >= 1
    assert lab.bmc().hardware.armed
    looks = [await lab.call("GET", answer.headers["Location"]) for _ in range(4)]
    last = (500 if fails else 204) if monitor else 200
    assert [look.status for look in looks] == [*[202 if monitor else 200] * 2, last, 404]
    if not monitor:
        assert looks[2].json["TaskState"] == ("Exception" if fails else "Completed")
    assert (await lab.reset("ForceOff")).headers["Location"] != answer.headers["Location"]


# -- reach and access --------------------------------------------------------------------------------------------------


async def test_a_bmc_that_wakes_late(start: Any) -> None:
    lab = await start("R650", speed=300.0, faults={0: outages.WakesLate(seconds=60.0)})
    with pytest.raises(aiohttp.ClientConnectorError):
        await lab.call("GET", SYSTEMS)
    async with asyncio.timeout(60):
        while True:
            try:
                answer = await lab.call("GET", SYSTEMS)
                break
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.02)
    assert answer.status == 200
    assert lab.fleet.time.now() >= 60.0


async def test_a_switch_drops_all_behind_it_and_loses_no_session(start: Any) -> None:
    switch = outages.Switch(seconds=120.0)
    lab = await start(*["R650"] * 5, speed=300.0, faults={number: outages.BehindSwitch(switch) for number in range(4)})
    made = await lab.call("POST", SESSIONS, LOGIN, number=3, basic=False)
    await lab.reset("ForceOff", number=0)
    assert lab.bmc(3).reachable.is_set()
    await lab.reset("ForceOff", number=1)
    began = lab.fleet.time.now()
    assert [lab.bmc(number).reachable.is_set() for number in range(5)] == [False] * 4 + [True]
    assert (await lab.call("GET", SYSTEMS, number=4)).status == 200
    # What somebody gave up on while the switch was down never reaches the BMC.
    given_up = asyncio.create_task(lab.reset("ForceOff", number=2))
    await lab.until(lambda: lab.service(2).requests == 1)
    given_up.cancel()
    held = await lab.call("GET", SYSTEMS, number=3, headers={"X-Auth-Token": made.headers["X-Auth-Token"]}, basic=False)
    assert held.status == 200
    assert lab.fleet.time.now() - began >= 119.0
    assert (await lab.call("GET", SYSTEMS, number=2)).status == 200
    assert (lab.bmc(2).hardware.power, lab.fleet.counts()["peak_requests_per_bmc"]) == ("On", 1)


async def test_how_long_to_wait_is_told_as_a_date_or_not_at_all(start: Any) -> None:
    makes = {0: outages.NotReadyWithDate(1e9), 1: outages.NotReadyWithoutTime(1e9), 2: outages.NotReady400(1e9)}
    lab = await start("R650", "R650", "R650", faults=makes)
    for number in range(3):
        await lab.call("POST", SESSIONS, LOGIN, number=number, basic=False)
    dated = await lab.call("GET", SYSTEMS)
    assert dated.status == 503
    assert 0 < parsedate_to_datetime(dated.headers["Retry-After"]).timestamp() - time.time() < 60
    untold = await lab.call("GET", SYSTEMS, number=1)
    assert (untold.status, "Retry-After" in untold.headers) == (503, False)
    busy = await lab.call("GET", SYSTEMS, number=2)
    assert (busy.status, keys(busy)) == (400, ["SWC0700"])


async def test_times_to_wait_that_are_none(start: Any) -> None:
    makes = {0: outages.NotReadyWithNonsense("nan", seconds=1e9), 1: outages.NotReadyWithNonsense("0", header=True, seconds=1e9)}
    lab = await start("R650", "1029U", faults=makes)
    for number, (said, header) in enumerate((("nan", None), ("0", "0"))):
        await lab.call("POST", SESSIONS, LOGIN, number=number, basic=False)
        busy = await lab.call("GET", SYSTEMS, number=number)
        assert (busy.status, busy.headers.get("Retry-After"), keys(busy)) == (503, header, ["ServiceTemporarilyUnavailable"])
        assert busy.json["error"]["@Message.ExtendedInfo"][0]["MessageArgs"] == [said]


async def test_who_does_not_wait_is_counted(start: Any) -> None:
    fault = outages.NotReadyAtFirst()
    lab = await start("R650", speed=10.0, faults={0: fault})
    assert (await lab.call("GET", SYSTEMS)).status == 200
    looks = [await lab.call("GET", lab.bmc().family.system) for _ in range(2)]
    assert [(look.status, look.headers["Retry-After"]) for look in looks] == [(503, "1")] * 2
    assert fault.early == 1
    await lab.fleet.time.sleep(10.0)
    assert (await lab.call("GET", lab.bmc().family.system)).status == 200
    assert fault.early == 1


async def test_a_login_page_instead_of_redfish(start: Any) -> None:
    lab = await start("R650", faults={0: corrupt_responses.LoginPage(307, times=1)})
    system = lab.bmc().family.system
    looks = [await lab.call("GET", system) for _ in range(3)]
    assert [look.status for look in looks] == [200, 307, 200]
    assert looks[1].headers["Location"] == "/login.html"


async def test_sessions_that_end_in_the_middle(start: Any) -> None:
    lab = await start("R650", faults={0: outages.SessionEnds(every=3, times=1)})
    statuses = []
    for _ in range(2):
        made = await lab.call("POST", SESSIONS, LOGIN, basic=False)
        token = {"X-Auth-Token": made.headers["X-Auth-Token"]}
        statuses.append([(await lab.call("GET", SYSTEMS, headers=token, basic=False)).status for _ in range(4)])
    assert statuses == [[200, 200, 401, 401], [200] * 4]
    assert lab.fleet.counts()["lockouts"] == 0


async def test_a_password_that_must_be_changed(start: Any) -> None:
    lab = await start("R650", faults={0: outages.PasswordExpired()})
    made = await lab.call("POST", SESSIONS, LOGIN, basic=False)
    assert made.status == 201
    refused = await lab.call("GET", SYSTEMS)
    assert (refused.status, keys(refused)) == (403, ["PasswordChangeRequired"])
    token = {"X-Auth-Token": made.headers["X-Auth-Token"]}
    assert (await lab.call("DELETE", made.headers["Location"], headers=token, basic=False)).status == 204


async def test_five_wrong_passwords_lock_the_right_one_out(start: Any) -> None:
    lab = await start("R650", speed=60.0)
    wrong = {**LOGIN, "Password": "x"}
    for _ in range(4):
        await lab.call("POST", SESSIONS, wrong, basic=False)
    assert (await lab.call("POST", SESSIONS, LOGIN, basic=False)).status == 201
    for _ in range(4):
        await lab.call("GET", SYSTEMS, headers={"Authorization": aiohttp.encode_basic_auth("root", "x")}, basic=False)
    assert lab.fleet.counts()["lockouts"] == 0
    await lab.call("POST", SESSIONS, wrong, basic=False)
    assert lab.fleet.counts()["lockouts"] == 1
    assert (await lab.call("GET", SYSTEMS)).status == 401
    lab.bmc()._lockout._until = lab.fleet.time.now()
    assert (await lab.call("GET", SYSTEMS)).status == 200


async def test_a_password_that_never_fits_locks_out_too(start: Any) -> None:
    lab = await start("R650", faults={0: WrongPassword()})
    for _ in range(5):
        assert (await lab.call("POST", SESSIONS, LOGIN, basic=False)).status == 401
    assert lab.fleet.counts()["lockouts"] == 1


async def test_slow_answers_take_longer(start: Any) -> None:
    lab = await start("R650", "R650", faults={1: outages.SlowReplies(1000.0)})
    call = type("Call", (), {"method": "GET", "path": "/x"})()
    assert min(lab.service(1).latency(call) for _ in range(50)) > max(lab.service().latency(call) for _ in range(50))
