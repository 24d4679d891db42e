"""Sessions, the serial queue and what the wire does when a BMC is not well."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from quads_tui.emulators.bmc.faults import (
    BmcRestarts,
    DeadBmc,
    NoLicence,
    NotReady,
    ReplyLost,
    ResetIgnored,
    SessionsTaken,
    StalePower,
    WrongPassword,
)
from quads_tui.emulators.bmc.replies import Request

LOGIN = {"UserName": "root", "Password": "calvin's heir"}
SESSIONS = "/redfish/v1/SessionService/Sessions"


def first_key(answer: Any) -> str:
    return str(answer.json["error"]["@Message.ExtendedInfo"][0]["MessageId"].rpartition(".")[2])


@pytest.mark.parametrize("model", ["R650", "DL360", "1029U", "3500RX"])
async def test_a_session_opens_works_and_ends(start: Any, model: str) -> None:
    lab = await start(model)
    made = await lab.call("POST", SESSIONS, LOGIN, basic=False)
    assert made.status == 201
    assert made.headers["Location"] == made.json["@odata.id"]
    assert lab.fleet.counts()["sessions_open"] == 1
    token = {"X-Auth-Token": made.headers["X-Auth-Token"]}
    assert (await lab.call("GET", "/redfish/v1/Systems/", headers=token, basic=False)).status == 200
    listed = await lab.call("GET", SESSIONS, headers=token, basic=False)
    assert [member["@odata.id"] for member in listed.json["Members"]] == [made.headers["Location"]]
    assert (await lab.call("DELETE", made.headers["Location"], headers=token, basic=False)).status == 204
    assert lab.fleet.counts()["sessions_open"] == 0
    assert (await lab.call("GET", "/redfish/v1/Systems/", headers=token, basic=False)).status == 401


async def test_wrong_words_at_the_door(start: Any) -> None:
    lab = await start("R650")
    assert (await lab.call("POST", SESSIONS, {**LOGIN, "Password": "x"}, basic=False)).status == 401
    assert (await lab.call("POST", SESSIONS, {"UserName": "root"}, basic=False)).status == 400
    for value in ("Basic !!!", "Bearer x", aiohttp.encode_basic_auth("root", "x")):
        assert (await lab.call("GET", "/redfish/v1/Systems", headers={"Authorization": value}, basic=False)).status == 401


async def test_the_session_cap_of_idrac9_is_eight_and_basic_still_works(start: Any) -> None:
    lab = await start("R650")
    for _ in range(8):
        assert (await lab.call("POST", SESSIONS, LOGIN, basic=False)).status == 201
    ninth = await lab.call("POST", SESSIONS, LOGIN, basic=False)
    assert (ninth.status, first_key(ninth)) == (503, "RAC0218")
    assert (await lab.call("GET", "/redfish/v1/Systems")).status == 200
    assert lab.fleet.counts()["peak_sessions_per_bmc"] == 8


async def test_a_session_that_rests_longer_than_its_timeout_is_gone(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = await start("1029U")
    made = await lab.call("POST", SESSIONS, LOGIN, basic=False)
    token = {"X-Auth-Token": made.headers["X-Auth-Token"]}
    sessions = lab.bmc().sessions
    sessions.open()[0].used -= 299.0
    assert (await lab.call("GET", "/redfish/v1/Systems", headers=token, basic=False)).status == 200
    sessions.open()[0].used -= 301.0
    assert (await lab.call("GET", "/redfish/v1/Systems", headers=token, basic=False)).status == 401
    assert lab.fleet.counts()["sessions_open"] == 0


async def test_requests_to_one_bmc_wait_for_each_other_and_are_counted(start: Any) -> None:
    lab = await start("R650", "R650")
    inside = peak = 0
    plain = lab.fleet.time.sleep

    async def watched(seconds: float) -> None:
        nonlocal inside, peak
        inside += 1
        peak = max(peak, inside)
        await asyncio.sleep(0.02)
        inside -= 1

    lab.fleet.time.sleep = watched
    await asyncio.gather(*(lab.call("GET", "/redfish/v1/Systems") for _ in range(3)))
    assert peak == 1
    assert lab.fleet.counts()["peak_requests_per_bmc"] == 3
    await asyncio.gather(*(lab.call("GET", "/redfish/v1/Systems", number=number) for number in (0, 1)))
    assert peak == 2
    lab.fleet.time.sleep = plain
    assert lab.fleet.counts()["requests"] == 5


async def test_one_request_at_a_time_is_a_peak_of_one(start: Any) -> None:
    lab = await start("R650")
    for _ in range(3):
        await lab.call("GET", "/redfish/v1/Systems")
    assert lab.fleet.counts()["peak_requests_per_bmc"] == 1


async def test_a_dead_bmc_refuses_connections(start: Any) -> None:
    lab = await start("R650", "R650", faults={0: DeadBmc()})
    with pytest.raises(aiohttp.ClientConnectorError):
        await lab.call("GET", "/redfish/v1/")
    assert (await lab.call("GET", "/redfish/v1/", number=1)).status == 200


async def test_a_wrong_password_is_401_on_every_way(start: Any) -> None:
    lab = await start("DL360", faults={0: WrongPassword()})
    assert (await lab.call("GET", "/redfish/v1/", basic=False)).status == 200
    assert (await lab.call("POST", SESSIONS, LOGIN, basic=False)).status == 401
    assert (await lab.call("GET", "/redfish/v1/Systems/")).status == 401


async def test_a_missing_licence_refuses_the_override_and_nothing_else(start: Any) -> None:
    lab = await start("1029U", faults={0: NoLicence()})
    refused = await lab.patch({"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"})
    assert (refused.status, first_key(refused)) == (403, "OemLicenseNotPassed")
    assert not lab.bmc().hardware.armed
    assert (await lab.reset("ForceOff")).status == 200


@pytest.mark.parametrize(
    ("model", "key"), [("R650", "SYS518"), ("DL360", "ResourceNotReadyRetry"), ("3500RX", "ServiceTemporarilyUnavailable")]
)
async def test_not_ready_for_a_minute_after_the_first_login(start: Any, model: str, key: str) -> None:
    lab = await start(model, speed=300.0, faults={0: NotReady()})
    assert (await lab.call("POST", SESSIONS, LOGIN, basic=False)).status == 201
    early = await lab.call("GET", "/redfish/v1/Systems/")
    assert (early.status, first_key(early), early.headers["Retry-After"]) == (503, key, "1")
    await lab.fleet.time.sleep(61)
    assert (await lab.call("GET", "/redfish/v1/Systems/")).status == 200


async def test_when_others_hold_all_sessions_basic_works(start: Any) -> None:
    lab = await start("R650", "3500RX", faults={0: SessionsTaken(), 1: SessionsTaken()})
    for number, key in ((0, "RAC0218"), (1, "SessionLimitExceeded")):
        refused = await lab.call("POST", SESSIONS, LOGIN, number=number, basic=False)
        assert (refused.status, first_key(refused)) == (503, key)
        assert (await lab.call("GET", "/redfish/v1/Systems", number=number)).status == 200


async def test_a_bmc_that_restarts_is_away_two_minutes_and_forgets_its_sessions(start: Any) -> None:
    lab = await start("R650", speed=300.0, faults={0: BmcRestarts()})
    await lab.call("POST", SESSIONS, LOGIN, basic=False)
    url = lab.url()
    assert (await lab.reset("ForceOff")).status == 204
    await asyncio.sleep(0.1)
    with pytest.raises(aiohttp.ClientConnectorError):
        await lab.call("GET", "/redfish/v1/")
    await asyncio.sleep(0.5)
    assert (await lab.call("GET", "/redfish/v1/Systems")).status == 200
    assert lab.url() == url
    assert lab.fleet.counts()["sessions_open"] == 0
    assert lab.bmc().hardware.power == "Off"


async def test_stale_power_is_corrected_by_the_409(start: Any) -> None:
    lab = await start("R650", faults={0: StalePower()})
    path = lab.bmc().family.system
    assert (await lab.call("GET", path)).json["PowerState"] == "On"
    refused = await lab.reset("ForceOff")
    assert (refused.status, first_key(refused)) == (409, "PSU501")
    assert (await lab.call("GET", path)).json["PowerState"] == "Off"


async def test_a_reset_is_ignored_once(start: Any) -> None:
    lab = await start("R650", faults={0: ResetIgnored()})
    assert (await lab.reset("ForceOff")).status == 204
    await lab.fleet.time.sleep(60)
    assert (lab.bmc().hardware.power, lab.bmc().hardware.resets) == ("On", 0)
    assert (await lab.reset("ForceOff")).status == 204
    await lab.until(lambda: lab.bmc().hardware.power == "Off")


async def test_a_reset_is_done_and_its_answer_lost(start: Any) -> None:
    lab = await start("R650", tls=False, faults={0: ReplyLost()})
    with pytest.raises(aiohttp.ClientError):
        await lab.reset("ForceOff")
    assert lab.bmc().hardware.resets == 1
    await lab.until(lambda: lab.bmc().hardware.power == "Off")
    assert (await lab.reset("On")).status == 204


async def test_power_state_is_reported_late_now_and_then_and_settles(start: Any) -> None:
    lab = await start(*["R650"] * 12, speed=100.0)

    async def late(number: int) -> bool:
        hardware = lab.bmc(number).hardware
        await lab.reset("ForceOff", number=number)
        await lab.until(lambda: hardware.power == "Off")
        was_late = hardware.reported != "Off"
        await lab.until(lambda: hardware.reported == "Off")
        return was_late

    assert 0 < sum(await asyncio.gather(*(late(number) for number in range(12)))) < 12


async def test_700_listeners_start_within_two_seconds_of_cpu(start: Any) -> None:
    began = time.process_time()
    lab = await start(*["R650"] * 700, tls=True)
    assert time.process_time() - began < 2.0
    assert len({lab.url(number) for number in range(700)}) == 700


async def test_the_same_seed_gives_the_same_latencies(start: Any) -> None:
    first, second, other = await start("R650"), await start("R650"), await start("R650", seed=8)
    request = Request("GET", "/redfish/v1", "", False, {}, b"")
    drawn = [[lab.service().latency(request) for _ in range(5)] for lab in (first, second, other)]
    assert drawn[0] == drawn[1] != drawn[2]


async def test_equal_seeds_mean_equal_machines_whatever_else_was_asked(start: Any) -> None:
    quiet, asked = await start("R650"), await start("R650", faults={0: ResetIgnored()})
    for _ in range(3):
        await asked.call("POST", SESSIONS, LOGIN, basic=False)
    await asked.patch({"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"})
    machines = [lab.bmc() for lab in (quiet, asked)]
    assert len({(bmc.uuid, bmc.serial, bmc.hardware.boot.mode) for bmc in machines}) == 1
    for purpose in ("off", "on", "post", "install", "report"):
        assert len({bmc.draws.next(purpose).random() for bmc in machines}) == 1
