"""What sets the families apart: their documents, their refusals and what they make of a PATCH."""

from __future__ import annotations

from typing import Any

import pytest

ALL = (
    *("R650", "R620", "R630", "R670", "DL360", "DL320", "6048R"),
    *("1029U", "120U", "621C", "SR650", "GB200", "DGXH100", "3500RX"),
)
ONCE = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}


def keys(answer: Any) -> list[str]:
    """The last parts of the message ids of an error body."""
    return [info["MessageId"].rpartition(".")[2] for info in answer.json["error"]["@Message.ExtendedInfo"]]


@pytest.mark.parametrize("model", ALL)
async def test_every_link_of_the_documents_leads_to_a_document(start: Any, model: str) -> None:
    lab = await start(model)
    lab.bmc().requests_until_ready = 0
    root = await lab.call("GET", "/redfish/v1/", basic=False)
    assert root.status == 200
    seen: set[str] = set()
    left = [root.json[name]["@odata.id"] for name in ("Systems", "Managers", "Chassis", "SessionService")]
    left.append(root.json["Links"]["Sessions"]["@odata.id"])
    while left:
        path = left.pop()
        seen.add(path)
        answer = await lab.call("GET", path + "/")
        assert answer.status == 200, path
        assert answer.json["@odata.id"] == path
        assert answer.headers["OData-Version"] == "4.0"
        left += [member["@odata.id"] for member in answer.json.get("Members", []) if "BootOption" not in member["@odata.id"]]
    assert lab.bmc().family.system in seen


async def test_idrac9_says_409_psu501_when_it_is_already_so(start: Any) -> None:
    lab = await start("R650")
    answer = await lab.reset("On")
    assert answer.status == 409
    assert keys(answer) == ["PSU501"]
    assert lab.bmc().hardware.resets == 0


async def test_idrac9_settings_carry_the_mode_alone_and_apply_it_at_the_next_boot(start: Any) -> None:
    lab = await start("R650")
    system = await lab.call("GET", lab.bmc().family.system)
    assert "ETag" not in system.headers
    settings = system.json["@Redfish.Settings"]["SettingsObject"]["@odata.id"]
    boot = (await lab.call("GET", settings)).json["Boot"]
    assert [key for key in boot if "@" not in key] == ["BootSourceOverrideMode"]
    other = "Legacy" if boot["BootSourceOverrideMode"] == "UEFI" else "UEFI"
    assert keys(await lab.patch({"BootSourceOverrideMode": other})) == ["PropertyNotWritable"]
    assert keys(await lab.patch(ONCE, path=settings)) == ["PropertyNotWritable"]
    assert (await lab.patch({"BootSourceOverrideMode": other}, path=settings)).status == 200
    assert lab.bmc().hardware.boot.mode != other
    await lab.reset("ForceRestart")
    await lab.until(lambda: lab.bmc().hardware.boot.mode == other)
    assert lab.fleet.counts()["mode_changes"] == 1


async def test_ilo5_redirects_to_the_slash_keeps_the_mode_and_tells_post(start: Any) -> None:
    lab = await start("DL360")
    for path in ("/redfish/v1", "/redfish/v1/Systems/1"):
        answer = await lab.call("GET", path)
        assert (answer.status, answer.headers["Location"]) == (308, path + "/")
    assert (await lab.call("GET", "/redfish/v1/systems/1/")).json["Id"] == "1"
    system = await lab.call("GET", "/redfish/v1/Systems/1/")
    assert system.headers["ETag"].startswith('W/"')
    assert system.json["Oem"]["Hpe"]["PostState"] == "FinishedPost"
    refused = await lab.patch({**ONCE, "BootSourceOverrideMode": "UEFI"})
    assert (refused.status, keys(refused)) == (400, ["PropertyNotWritableOrUnknown"])
    assert "Message" not in refused.json["error"]["@Message.ExtendedInfo"][0]
    again = await lab.reset("On")
    assert (again.status, keys(again)) == (400, ["InvalidOperationForSystemState"])


@pytest.mark.parametrize("model", ["DL360", "R650"])
async def test_no_boot_change_while_in_post(start: Any, model: str) -> None:
    lab = await start(model)
    lab.bmc().hardware.phase = "post"
    lab.bmc().hardware.changed += 1
    answer = await lab.patch(ONCE)
    assert (answer.status, keys(answer)) == (400, ["UnableToModifyDuringSystemPOST"])
    lab.bmc().hardware.phase = "os"
    assert (await lab.patch(ONCE)).status == 200


async def test_smc_x11_resets_what_a_patch_leaves_out(start: Any) -> None:
    lab = await start("1029U")
    hardware = lab.bmc().hardware
    hardware.boot.mode = "UEFI"
    hardware.changed += 1
    assert (await lab.patch({**ONCE, "BootSourceOverrideMode": "UEFI"})).status == 204
    assert (hardware.boot.enabled, hardware.boot.mode, hardware.mode_changes) == ("Once", "UEFI", 0)
    await lab.patch({"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideMode": "UEFI"})
    assert (hardware.boot.target, hardware.boot.enabled) == ("Pxe", "Disabled")
    await lab.patch(ONCE)
    assert (hardware.boot.mode, hardware.mode_changes) == ("Legacy", 1)


async def test_smc_x11_misspells_an_allowable_and_has_it_right_in_the_action_info(start: Any) -> None:
    lab = await start("1029U")
    root = (await lab.call("GET", "/redfish/v1")).json
    assert root["Vendor"] is None
    assert "Supermicro" in root["Oem"]
    system = await lab.call("GET", lab.bmc().family.system)
    action = system.json["Actions"]["#ComputerSystem.Reset"]
    assert "GracefulShutdownGracefulRestart" in action["ResetType@Redfish.AllowableValues"]
    info = (await lab.call("GET", action["@Redfish.ActionInfo"])).json
    assert "GracefulShutdown" in info["Parameters"][0]["AllowableValues"]
    assert system.headers["ETag"] == system.json["@odata.etag"]
    stale = await lab.call("PATCH", lab.bmc().family.system, {"Boot": ONCE}, headers={"If-Match": '"0"'})
    assert stale.status == 412


async def test_conformant_answers_without_credentials_only_what_it_must(start: Any) -> None:
    lab = await start("3500RX")
    assert (await lab.call("GET", "/redfish", basic=False)).json == {"v1": "/redfish/v1/"}
    for path in ("/redfish/v1/", "/redfish/v1/odata", "/redfish/v1/$metadata", "/redfish/v1/%24metadata"):
        assert (await lab.call("GET", path, basic=False)).status == 200, path
    refused = await lab.call("GET", "/redfish/v1/Systems", basic=False)
    assert (refused.status, keys(refused)) == (401, ["NoValidSession"])
    assert refused.headers["WWW-Authenticate"].startswith("Basic")
    assert (await lab.call("GET", "/redfish/v1/Nothing", basic=False)).status == 401


async def test_conformant_names_schema_and_methods_and_takes_a_member_at_members(start: Any) -> None:
    lab = await start("3500RX")
    read = await lab.call("GET", lab.bmc().family.system)
    assert read.headers["Link"] == "<http://redfish.dmtf.org/schemas/v1/ComputerSystem.json>; rel=describedby"
    assert read.headers["Allow"] == "GET, HEAD, PATCH"
    login = {"UserName": "root", "Password": "calvin's heir"}
    made = await lab.call("POST", lab.bmc().family.sessions + "/Members", login, basic=False)
    assert made.status == 201


async def test_conformant_preconditions(start: Any) -> None:
    lab = await start("3500RX")
    path = lab.bmc().family.system
    read = await lab.call("GET", path)
    etag = read.headers["ETag"]
    assert (await lab.call("GET", path, headers={"If-None-Match": etag})).status == 304
    assert keys(await lab.call("PATCH", path, {"Boot": ONCE})) == ["PreconditionRequired"]
    assert (await lab.call("PATCH", path, {"Boot": ONCE}, headers={"If-Match": '"x"'})).status == 412
    done = await lab.call("PATCH", path, {"Boot": ONCE}, headers={"If-Match": etag})
    assert done.status == 200
    assert done.json["Boot"]["BootSourceOverrideTarget"] == "Pxe"
    assert done.headers["ETag"] != etag
    assert (await lab.call("PATCH", path, {"Boot": ONCE}, headers={"If-Match": etag})).status == 412
    assert (await lab.call("PATCH", path, {"Boot": ONCE}, headers={"If-Match": "*"})).status == 200
    assert (await lab.call("GET", path, headers={"OData-Version": "3.0"})).status == 412


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "key"),
    [
        ("GET", "/redfish/v1/Nothing", None, 404, "ResourceMissingAtURI"),
        ("DELETE", "/redfish/v1/Systems", None, 405, "OperationNotAllowed"),
        ("PATCH", "/redfish/v1/Chassis/1U", {"AssetTag": "x"}, 405, "OperationNotAllowed"),
        ("GET", "/redfish/v1/Systems/437XR1138R2/Actions/ComputerSystem.Reset", None, 405, "OperationNotAllowed"),
        ("GET", "/redfish/v1/Systems?$expand=.", None, 501, "QueryNotSupported"),
        ("PATCH", "/redfish/v1/Systems/437XR1138R2", {}, 400, "NoOperation"),
        ("PATCH", "/redfish/v1/Systems/437XR1138R2", [], 400, "UnrecognizedRequestBody"),
        ("PATCH", "/redfish/v1/Systems/437XR1138R2", {"Colour": "red"}, 400, "PropertyUnknown"),
        ("PATCH", "/redfish/v1/Systems/437XR1138R2", {"PowerState": "Off"}, 400, "PropertyNotWritable"),
        ("PATCH", "/redfish/v1/Systems/437XR1138R2", {"Boot": "Pxe"}, 400, "PropertyValueTypeError"),
        (
            "PATCH",
            "/redfish/v1/Systems/437XR1138R2",
            {"Boot": {"BootSourceOverrideTarget": "Tape"}},
            400,
            "PropertyValueNotInList",
        ),
        ("POST", "/redfish/v1/Systems/437XR1138R2/Actions/ComputerSystem.Reset", {}, 400, "ActionParameterMissing"),
        (
            "POST",
            "/redfish/v1/Systems/437XR1138R2/Actions/ComputerSystem.Reset",
            {"ResetType": "Explode"},
            400,
            "ActionParameterValueNotInList",
        ),
        (
            "POST",
            "/redfish/v1/Systems/437XR1138R2/Actions/ComputerSystem.Reset",
            {"ResetType": "ForceOff", "Now": True},
            400,
            "ActionParameterUnknown",
        ),
    ],
)
async def test_conformant_refusals(start: Any, method: str, path: str, body: Any, status: int, key: str) -> None:
    lab = await start("3500RX")
    answer = await lab.call(method, path, body, headers={"If-Match": "*"} if method == "PATCH" else None)
    assert (answer.status, keys(answer)) == (status, [key])
    if status == 405:
        assert answer.headers["Allow"]


async def test_conformant_reports_the_way_between_on_and_off(start: Any) -> None:
    lab = await start("3500RX", "R650", speed=20.0)
    assert (await lab.reset("ForceOff")).status == 204
    assert (await lab.call("GET", lab.bmc().family.system)).json["PowerState"] == "PoweringOff"
    await lab.reset("ForceOff", number=1)
    assert (await lab.call("GET", lab.bmc(1).family.system, number=1)).json["PowerState"] in ("On", "Off")
