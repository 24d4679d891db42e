"""What the families beyond the first four do otherwise, each by its firmware's known quirks."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from quads_tui.emulators.bmc.families import FAMILIES

LOGIN = {"UserName": "root", "Password": "calvin's heir"}
ONCE = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}


def keys(answer: Any) -> list[str]:
    return [info["MessageId"].rpartition(".")[2] for info in answer.json["error"]["@Message.ExtendedInfo"]]


@pytest.mark.parametrize(("model", "version"), [("R620", "1.0.2"), ("R630", "1.4.0")])
async def test_old_idracs_log_in_elsewhere_and_know_less(start: Any, model: str, version: str) -> None:
    lab = await start(model)
    root = (await lab.call("GET", "/redfish/v1", basic=False)).json
    assert (root["RedfishVersion"], root["Links"]["Sessions"]["@odata.id"]) == (version, "/redfish/v1/Sessions")
    assert (await lab.call("POST", "/redfish/v1/Sessions", LOGIN, basic=False)).status == 201
    assert (await lab.call("POST", "/redfish/v1/SessionService/Sessions", LOGIN, basic=False)).status != 201
    system = (await lab.call("GET", lab.bmc().family.system)).json
    assert "@Redfish.Settings" not in system
    assert "GracefulRestart" not in system["Actions"]["#ComputerSystem.Reset"]["ResetType@Redfish.AllowableValues"]
    assert keys(await lab.reset("GracefulRestart")) == ["ActionParameterValueNotInList"]


async def test_old_idracs_call_a_change_an_error_that_they_made(start: Any) -> None:
    lab = await start("R630")
    hardware = lab.bmc().hardware
    seen = set()
    for _ in range(40):
        answer = await lab.patch(ONCE)
        assert hardware.armed
        seen.add((answer.status, keys(answer)[0] if answer.json else ""))
        await lab.patch({"BootSourceOverrideEnabled": "Disabled"})
        assert not hardware.armed
    assert seen == {(200, ""), (200, "SYS444"), (400, "SYS444")}


async def test_idrac10_takes_boot_on_the_settings_alone_and_never_the_first_etag(start: Any) -> None:
    lab = await start("R670")
    bmc = lab.bmc()
    refused = await lab.call("PATCH", bmc.family.system, {"Boot": ONCE})
    assert (refused.status, keys(refused)) == (400, ["PropertyNotWritable"])
    settings = (await lab.call("GET", bmc.family.system)).json["@Redfish.Settings"]["SettingsObject"]["@odata.id"]
    assert [(await lab.patch(ONCE, path=settings)).status for _ in range(2)] == [412, 200]
    assert bmc.hardware.armed
    assert (await lab.call("PATCH", settings, {"Boot": ONCE}, headers={"If-Match": '"0"'})).status == 412


async def test_idrac10_mode_on_the_settings_waits_for_the_next_boot(start: Any) -> None:
    lab = await start("R670")
    hardware = lab.bmc().hardware
    mode = hardware.boot.mode
    other = "Legacy" if mode == "UEFI" else "UEFI"
    answer = await lab.call("PATCH", f"{lab.bmc().family.system}/Settings", {"Boot": {"BootSourceOverrideMode": other}})
    assert (answer.status, hardware.boot.mode, hardware.pending_mode) == (200, mode, other)


async def test_idrac10_is_in_conflict_for_a_minute_after_off(start: Any) -> None:
    lab = await start("R670", speed=300.0)
    hardware = lab.bmc().hardware
    await lab.reset("ForceOff")
    await lab.until(lambda: hardware.power == "Off")
    answer = await lab.reset("On")
    assert (answer.status, keys(answer), hardware.power) == (409, ["ActionParameterValueConflict"], "Off")
    await lab.until(lambda: lab.fleet.time.now() > hardware.off_since + 60.0)
    assert (await lab.reset("On")).status == 204


async def test_ilo6_refuses_one_request_in_fifty_and_locks_nobody_out(start: Any) -> None:
    lab = await start("DL320")
    statuses = [(await lab.call("GET", "/redfish/v1/Systems/")).status for _ in range(100)]
    assert [number for number, status in enumerate(statuses, 1) if status == 401] == [50, 100]
    assert lab.fleet.counts()["lockouts"] == 0


async def test_x10_has_no_mode_no_etag_and_redirects_the_login(start: Any) -> None:
    lab = await start("6048R")
    login = await lab.call("POST", "/redfish/v1/SessionService/Sessions", LOGIN, basic=False)
    assert (login.status, login.headers["Location"]) == (301, "/redfish/v1/SessionService/Sessions/")
    assert (await lab.call("POST", login.headers["Location"], LOGIN, basic=False)).status == 201
    system = await lab.call("GET", lab.bmc().family.system)
    assert "ETag" not in system.headers
    assert "BootSourceOverrideMode" not in system.json["Boot"]
    refused = await lab.patch({**ONCE, "BootSourceOverrideMode": "UEFI"})
    assert (refused.status, keys(refused)) == (400, ["PropertyUnknown"])
    assert refused.json["error"]["Message"]
    mode = lab.bmc().hardware.boot.mode
    await lab.patch(ONCE)
    assert (lab.bmc().hardware.armed, lab.bmc().hardware.boot.mode) == (True, mode)


async def test_x12_and_x13_tell_vendor_allowables_and_leftovers_each_its_way(start: Any) -> None:
    lab = await start("120U", "621C")
    assert [(await lab.call("GET", "/redfish/v1", number=number)).json["Vendor"] for number in (0, 1)] == ["Supermicro", None]
    older, newer = [(await lab.call("GET", "/redfish/v1/Systems/1", number=number)).json for number in (0, 1)]
    assert "ResetType@Redfish.AllowableValues" in older["Actions"]["#ComputerSystem.Reset"]
    assert "ResetType@Redfish.AllowableValues" not in newer["Actions"]["#ComputerSystem.Reset"]
    assert [older["Boot"]["BootSourceOverrideTarget"], newer["Boot"]["BootSourceOverrideTarget"]] == ["None", "Pxe"]
    assert newer["Boot"]["BootSourceOverrideEnabled"] == "Disabled"
    assert not lab.bmc(1).hardware.armed


async def test_xcc_has_once_only_and_hangs_on_force_restart(start: Any) -> None:
    lab = await start("SR650")
    bmc = lab.bmc()
    assert (await lab.call("GET", "/redfish/v1/", basic=False)).json["@odata.id"] == "/redfish/v1/"
    system = (await lab.call("GET", bmc.family.system)).json
    pending = (await lab.call("GET", system["@Redfish.Settings"]["SettingsObject"]["@odata.id"])).json
    assert list(pending["Boot"]) == ["BootOrder"]
    refused = await lab.patch({**ONCE, "BootSourceOverrideEnabled": "Continuous"})
    assert keys(refused) == ["PropertyValueNotInList"]
    assert (await lab.patch(ONCE)).json["Boot"]["BootSourceOverrideTarget"] == "Pxe"
    await lab.reset("ForceRestart")
    await lab.until(lambda: bmc.hardware.phase == "stuck")
    assert bmc.hardware.power == "On"
    await lab.reset("ForceOff")
    await lab.until(lambda: bmc.hardware.power == "Off")
    await lab.reset("On")
    await lab.until(lambda: bmc.hardware.phase == "os")


@pytest.mark.parametrize("model", ["GB200", "DGXH100"])
async def test_two_systems_in_either_order_one_with_a_power_button(start: Any, model: str) -> None:
    lab = await start(*[model] * 12)
    orders = set()
    for number in range(12):
        lab.bmc(number).requests_until_ready = 0
        members = [
            member["@odata.id"] for member in (await lab.call("GET", "/redfish/v1/Systems", number=number)).json["Members"]
        ]
        orders.add(tuple(members))
        board = (await lab.call("GET", lab.bmc(number).family.baseboard, number=number)).json
        assert "Actions" not in board
        assert "Boot" not in board
    assert len(orders) == 2
    assert {len(order) for order in orders} == {2}


async def test_openbmc_wakes_with_503_has_no_mode_and_answers_204(start: Any) -> None:
    lab = await start("GB200")
    assert [(await lab.call("GET", "/redfish/v1", basic=False)).status for _ in range(2)] == [503, 200]
    system = await lab.call("GET", lab.bmc().family.system)
    assert "BootSourceOverrideMode" not in system.json["Boot"]
    settings = system.json["@Redfish.Settings"]["SettingsObject"]["@odata.id"]
    for path in (lab.bmc().family.system, settings):
        answer = await lab.patch(ONCE, path=path)
        assert (answer.status, answer.text, lab.bmc().hardware.armed) == (204, "", True)
        await lab.patch({"BootSourceOverrideEnabled": "Disabled"}, path=path)
    assert (await lab.call("PATCH", settings, {"Boot": ONCE}, headers={"If-Match": '"0"'})).status == 412


async def test_ami_wants_an_etag_on_sd_and_has_a_mode_that_is_null(start: Any) -> None:
    lab = await start("DGXH100")
    bmc = lab.bmc()
    system = (await lab.call("GET", bmc.family.system)).json
    assert system["Boot"]["BootSourceOverrideMode"] is None
    assert "BootSourceOverrideTarget@Redfish.AllowableValues" not in system["Boot"]
    settings = system["@Redfish.Settings"]["SettingsObject"]["@odata.id"]
    assert "Pxe" in (await lab.call("GET", settings)).json["Boot"]["BootSourceOverrideTarget@Redfish.AllowableValues"]
    assert (await lab.call("PATCH", settings, {"Boot": ONCE})).status == 428
    assert (await lab.patch(ONCE)).status == 400
    assert not bmc.hardware.armed
    assert (await lab.call("PATCH", settings, {"Boot": ONCE}, headers={"If-Match": "*"})).status == 204
    assert bmc.hardware.armed
    assert (await lab.call("POST", bmc.family.sessions, LOGIN, basic=False)).status == 201
    bmc.sessions.open()[0].used -= 31.0
    assert not bmc.sessions.open()


async def test_a_reset_on_a_reused_connection_breaks_on_ilo6_alone(start: Any) -> None:
    lab = await start("DL360", "DL320")
    auth = {"Authorization": aiohttp.encode_basic_auth("root", LOGIN["Password"])}
    done = []
    for number in (0, 1):
        async with aiohttp.ClientSession(headers=auth) as client:
            async with client.get(lab.url(number) + "/redfish/v1/Systems/1/") as response:
                await response.read()
            try:
                async with client.post(
                    lab.url(number) + lab.bmc(number).family.reset, json={"ResetType": "ForceOff"}
                ) as response:
                    done.append(response.status)
            except aiohttp.ClientConnectionError:
                done.append(0)
    assert done == [200, 0]
    assert lab.bmc(1).hardware.power == "On"


def test_the_families_are_all_that_the_fleet_has() -> None:
    assert set(FAMILIES) == {
        "idrac7",
        "idrac8",
        "idrac9",
        "idrac10",
        "ilo5",
        "ilo6",
        "smc_x10",
        "smc_x11",
        "smc_x12",
        "smc_x13",
        "xcc",
        "openbmc",
        "ami",
        "conformant",
    }
