"""PXE for one boot: where the documents say, verified by reading back, the mode never touched."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from quads_tui.rollout.causes import Cause

from .conftest import Bench
from .fake import SETTINGS, SYSTEM, FakeBmc, apply_and_hang_up, error, hang_up

ONCE = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}


def armed(bmc: FakeBmc) -> bool:
    return (bmc.boot["BootSourceOverrideTarget"], bmc.boot["BootSourceOverrideEnabled"]) == ("Pxe", "Once")


def with_settings(bmc: FakeBmc, boot: dict[str, Any]) -> None:
    """A settings resource that carries `boot`."""
    bmc.system = {**bmc.system, "@Redfish.Settings": {"SettingsObject": {"@odata.id": SETTINGS}}}
    bmc.documents[SETTINGS] = {"@odata.id": SETTINGS, "Boot": boot}


async def test_set_and_taken_back(bench: Bench) -> None:
    assert not await bench.client.pxe_armed()
    assert await bench.pxe() == ""
    assert armed(bench.bmc) and await bench.client.pxe_armed()
    assert bench.bmc.patches == [(SYSTEM, {"Boot": ONCE}, None)]
    assert await bench.clear() == ""
    assert bench.bmc.boot["BootSourceOverrideEnabled"] == "Disabled"
    assert [act for act, _ in bench.told.intents] == ["override", "override"]
    assert bench.bmc.modes == []


async def test_what_is_right_already_is_left_alone(bench: Bench) -> None:
    assert await bench.clear() == "no PXE boot was set"
    bench.bmc.boot.update(ONCE)
    assert await bench.pxe() == "PXE is already set for the next boot"
    assert bench.bmc.patches == []


async def test_pxe_that_is_disabled_is_not_set(bench: Bench) -> None:
    """X13 leaves the target behind; X12 has Hdd/Continuous standing."""
    bench.bmc.boot["BootSourceOverrideTarget"] = "Pxe"
    assert await bench.clear() == "no PXE boot was set"
    assert await bench.pxe() == ""
    bench.bmc.boot.update(BootSourceOverrideTarget="Hdd", BootSourceOverrideEnabled="Continuous")
    assert await bench.clear() == "no PXE boot was set"
    assert await bench.pxe() == ""
    assert len(bench.bmc.patches) == 2


async def test_another_override_is_not_ours_to_clear(bench: Bench) -> None:
    bench.bmc.boot.update(BootSourceOverrideTarget="Cd", BootSourceOverrideEnabled="Once")
    await bench.clear()
    assert bench.bmc.patches == []


async def test_settings_that_carry_the_override_get_it(bench: Bench) -> None:
    """iDRAC10: Boot of the system itself is read-only."""
    pending = {"BootSourceOverrideTarget": "None", "BootSourceOverrideEnabled": "Disabled"}
    with_settings(bench.bmc, pending)

    def takes(path: str, body: dict[str, Any]) -> web.Response | None:
        if path != SETTINGS:
            return error(400, "PropertyNotWritable", "Boot is read-only.")
        pending.update(body["Boot"])
        return web.Response(status=200)

    bench.bmc.takes = takes
    assert await bench.pxe() == ""
    assert [path for path, _, _ in bench.bmc.patches] == [SETTINGS]
    assert pending == ONCE and not armed(bench.bmc) and await bench.client.pxe_armed()
    assert await bench.clear() == ""
    assert pending["BootSourceOverrideEnabled"] == "Disabled"


async def test_settings_with_other_properties_only_do_not(bench: Bench) -> None:
    """iDRAC9 keeps the mode there, Lenovo the order."""
    with_settings(bench.bmc, {"BootSourceOverrideMode": "UEFI", "BootOrder": ["Boot0001"]})
    assert await bench.pxe() == ""
    assert [path for path, _, _ in bench.bmc.patches] == [SYSTEM]
    assert bench.bmc.count(f"GET {SETTINGS}") == 1, "asked once, since that is a matter of the family"


async def test_what_an_earlier_boot_used_up_may_still_stand_in_the_settings(bench: Bench) -> None:
    pending = {**ONCE}
    with_settings(bench.bmc, pending)
    assert await bench.pxe() == ""
    assert [path for path, _, _ in bench.bmc.patches] == [SETTINGS]


@pytest.mark.parametrize("mode", ["Legacy", None])
async def test_a_settings_resource_gets_its_own_mode_back(bench: Bench, mode: str | None) -> None:
    """AMI: null in the system; what is pending in /SD is not changed either."""
    bench.bmc.root["Vendor"] = "AMI"
    bench.bmc.boot["BootSourceOverrideMode"] = None
    pending: dict[str, Any] = {"BootSourceOverrideTarget": "None", "BootSourceOverrideMode": mode}
    with_settings(bench.bmc, pending)

    def takes(path: str, body: dict[str, Any]) -> None:
        pending.update(body["Boot"])

    bench.bmc.takes = takes
    assert await bench.pxe() == ""
    assert bench.bmc.patches[0][1] == {"Boot": {**ONCE, "BootSourceOverrideMode": mode} if mode else ONCE}


@pytest.mark.parametrize("times", [1, 99])
async def test_d6_settings_that_are_missing_for_a_moment_are_read_again_before_nothing_is_set(bench: Bench, times: int) -> None:
    pending = {**ONCE}
    with_settings(bench.bmc, pending)
    bench.bmc.takes = lambda path, body: pending.update(body["Boot"])
    bench.bmc.when("GET", SETTINGS, error(404, "ResourceMissingAtURI"), times=times)
    assert await bench.clear() == ("" if times == 1 else "no PXE boot was set")
    assert (pending["BootSourceOverrideEnabled"] == "Disabled") == (times == 1)
    assert times == 1 or bench.bmc.count(f"GET {SETTINGS}") == 2
    bench.bmc.rules.clear()
    assert await bench.client.pxe_armed() == (times == 99), "what was missing once is not taken for missing for good"


async def test_settings_are_the_second_try_where_the_system_refuses(bench: Bench) -> None:
    with_settings(bench.bmc, {"BootSourceOverrideMode": "UEFI"})
    pending = bench.bmc.documents[SETTINGS]["Boot"]

    def takes(path: str, body: dict[str, Any]) -> web.Response | None:
        if path == SYSTEM:
            return error(400, "PropertyNotWritable")
        pending.update(body["Boot"])
        return web.Response(status=204)

    bench.bmc.takes = takes
    assert await bench.pxe() == ""
    assert [path for path, _, _ in bench.bmc.patches] == [SYSTEM, SETTINGS]


async def test_an_entity_tag_is_sent_as_it_was_given(bench: Bench) -> None:
    bench.bmc.etag = 'W/"4FFF768E"'
    assert await bench.pxe() == ""
    assert [tag for _, _, tag in bench.bmc.patches] == ['W/"4FFF768E"']


async def test_a_tag_in_the_document_counts_where_no_header_has_one(bench: Bench) -> None:
    bench.bmc.system = {"@odata.etag": '"1720039110"'}
    bench.bmc.etag, bench.bmc.wants_etag = None, True
    assert await bench.pxe() == ""
    assert bench.bmc.patches[-1][2] == '"1720039110"'


@pytest.mark.parametrize("none", ['""', "", 'W/""', None])
async def test_428_without_any_tag_gets_the_star(bench: Bench, none: str | None) -> None:
    """AMI's /SD."""
    bench.bmc.system = {"@odata.etag": none}
    bench.bmc.wants_etag = True
    assert await bench.pxe() == ""
    assert [tag for _, _, tag in bench.bmc.patches] == [None, "*"]


async def test_412_gets_a_fresh_tag(bench: Bench) -> None:
    bench.bmc.etag = '"1"'

    async def changed(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        bmc.etag = '"2"'
        bmc.patches.append((request.path, data, request.headers["If-Match"]))
        return error(412, "PreconditionFailed")

    bench.bmc.when("PATCH", SYSTEM, changed)
    assert await bench.pxe() == ""
    assert [tag for _, _, tag in bench.bmc.patches] == ['"1"', '"2"']


async def test_412_for_weak_tags_ends_strong_and_then_without(bench: Bench) -> None:
    tags: list[str | None] = []

    async def picky(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response | None:
        tags.append(request.headers.get("If-Match"))
        return None if tags[-1] is None else error(412, "PreconditionFailed")

    bench.bmc.etag = 'W/"1"'
    bench.bmc.when("PATCH", SYSTEM, picky, times=9)
    assert await bench.pxe() == ""
    assert tags == ['W/"1"', 'W/"1"', '"1"', "1", "*", None]


@pytest.mark.parametrize("hint", [{"Vendor": "Supermicro"}, {"Vendor": None, "Oem": {"Supermicro": {}}}, {"Vendor": "AMI"}])
@pytest.mark.parametrize("mode", ["UEFI", "Legacy"])
async def test_families_that_fill_gaps_get_the_mode_as_it_was_read(bench: Bench, hint: dict[str, Any], mode: str) -> None:
    bench.bmc.root.update(hint)
    bench.bmc.boot["BootSourceOverrideMode"] = mode

    def takes(path: str, body: dict[str, Any]) -> None:
        bench.bmc.boot.update({"BootSourceOverrideMode": "UEFI", "BootSourceOverrideEnabled": "Disabled"})

    bench.bmc.takes = takes
    assert await bench.pxe() == ""
    assert bench.bmc.patches == [(SYSTEM, {"Boot": {**ONCE, "BootSourceOverrideMode": mode}}, None)]
    assert await bench.clear() == ""
    assert bench.bmc.boot["BootSourceOverrideMode"] == mode and set(bench.bmc.modes) == {mode}


@pytest.mark.parametrize("mode", [None, "absent"])
async def test_a_mode_that_cannot_be_read_is_left_out(bench: Bench, mode: str | None) -> None:
    """X10 has none, AMI says null."""
    bench.bmc.root["Vendor"] = "Supermicro"
    if mode is None:
        bench.bmc.boot["BootSourceOverrideMode"] = None
    else:
        del bench.bmc.boot["BootSourceOverrideMode"]
    assert await bench.pxe() == ""
    assert bench.bmc.patches == [(SYSTEM, {"Boot": ONCE}, None)]


async def test_a_mode_that_the_bmc_moves_along_is_put_back(bench: Bench) -> None:
    bench.bmc.boot["BootSourceOverrideMode"] = "Legacy"

    def takes(path: str, body: dict[str, Any]) -> None:
        bench.bmc.boot["BootSourceOverrideMode"] = "UEFI"

    bench.bmc.takes = takes
    assert await bench.pxe() == ""
    assert armed(bench.bmc) and bench.bmc.boot["BootSourceOverrideMode"] == "Legacy"
    assert any("changed the boot mode from Legacy to UEFI" in note for note in bench.told.notes)


async def test_a_mode_that_does_not_come_back_is_loud(bench: Bench) -> None:
    async def stubborn(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        bmc.merge({"Boot": {**data["Boot"], "BootSourceOverrideMode": "Legacy"}})
        return web.Response(status=200)

    bench.bmc.when("PATCH", SYSTEM, stubborn, times=99)
    failure = await bench.fails(bench.pxe())
    assert (failure.cause, failure.retryable) == (Cause.REFUSED, False)
    assert "from UEFI to Legacy" in failure.reason


@pytest.mark.parametrize("look", [1, 2, 3, 4])
async def test_d8_a_boot_mode_that_is_garbled_once_is_no_changed_mode(bench: Bench, look: int) -> None:
    looks = 0

    async def garbled(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response | None:
        nonlocal looks
        looks += 1
        bmc.boot["BootSourceOverrideMode"] = "U\u00cbFI" if looks == look else "UEFI"
        answer = bmc.answer(request, data)
        bmc.boot["BootSourceOverrideMode"] = "UEFI"
        return answer

    async def knows_modes(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response | None:
        mode = data["Boot"].get("BootSourceOverrideMode", "UEFI")
        return None if mode in ("UEFI", "Legacy") else error(400, "PropertyValueNotInList")

    bench.bmc.when("GET", SYSTEM, garbled, times=99)
    bench.bmc.when("PATCH", SYSTEM, knows_modes, times=99)
    assert await bench.pxe() == ""
    assert armed(bench.bmc)
    assert bench.bmc.modes == [], "the mode is not touched"


async def test_200_and_nothing_happened_is_no_success(bench: Bench) -> None:
    bench.bmc.when("PATCH", SYSTEM, web.Response(status=200), times=99)
    failure = await bench.fails(bench.pxe())
    assert failure.cause is Cause.TIMEOUT
    assert "without effect; the BMC shows None/Disabled" in failure.reason


async def test_200_and_nothing_happened_once_is_sent_again(bench: Bench) -> None:
    bench.bmc.when("PATCH", SYSTEM, web.Response(status=200))
    assert await bench.pxe() == ""
    assert armed(bench.bmc) and len(bench.told.intents) == 2


async def test_400_though_it_was_applied_is_success(bench: Bench) -> None:
    """Dell 13G: SYS444, SYS410."""

    async def lies(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        bmc.merge(data)
        return error(400, "SYS444", "Unable to apply.")

    bench.bmc.when("PATCH", SYSTEM, lies)
    assert await bench.pxe() == ""
    assert len(bench.told.intents) == 1


async def test_it_shows_late(bench: Bench) -> None:
    async def later(bmc: FakeBmc, request: web.Request, data: Any) -> web.Response:
        pending.append(data)
        return web.Response(status=202)

    async def arrives(bmc: FakeBmc, request: web.Request, data: Any) -> None:
        if bmc.count(f"GET {SYSTEM}") == 4:
            bmc.merge(pending[0])

    pending: list[Any] = []
    bench.bmc.when("PATCH", SYSTEM, later)
    bench.bmc.when("GET", "/Systems/1", arrives, times=99)
    assert await bench.pxe() == ""
    assert len(bench.told.intents) == 1


@pytest.mark.parametrize("key", ["UnableToModifyDuringSystemPOST", "InvalidOperationForSystemState"])
async def test_locked_during_post_is_waited_out(bench: Bench, key: str) -> None:
    bench.bmc.when("PATCH", SYSTEM, error(400, key), times=3)
    assert await bench.pxe() == ""
    assert len(bench.told.intents) == 4


async def test_busy_obeys_retry_after(bench: Bench) -> None:
    bench.bmc.when("PATCH", SYSTEM, error(503, "ResourceNotReadyRetry", Retry_After="2"))
    assert await bench.pxe(3000) == ""
    assert bench.clock.waited() == [2]


@pytest.mark.parametrize(("how", "patches"), [(apply_and_hang_up, 1), (hang_up, 2)])
async def test_a_lost_answer_is_read_back(bench: Bench, how: Any, patches: int) -> None:
    bench.bmc.when("PATCH", SYSTEM, how)
    assert await bench.pxe() == ""
    assert armed(bench.bmc) and len(bench.told.intents) == patches
    assert bench.told.results[0] == "unknown"


async def test_a_missing_licence_is_final(bench: Bench) -> None:
    bench.bmc.when("PATCH", SYSTEM, error(403, "OemLicenseNotPassed", "DCMS is needed."), times=99)
    failure = await bench.fails(bench.pxe())
    assert (failure.cause, failure.retryable) == (Cause.REFUSED, False)
    assert "DCMS is needed." in failure.reason
    assert len(bench.told.intents) == 1


async def test_a_refused_property_ends_in_the_servers_words(bench: Bench) -> None:
    bench.bmc.when("PATCH", SYSTEM, error(400, "PropertyNotWritable", "Boot is read-only."), times=99)
    failure = await bench.fails(bench.pxe())
    assert failure.cause is Cause.REFUSED and "Boot is read-only." in failure.reason


async def test_a_target_spelled_otherwise_is_sent_as_offered(bench: Bench) -> None:
    bench.bmc.boot["BootSourceOverrideTarget@Redfish.AllowableValues"] = ["None", "PXE"]
    assert await bench.pxe() == ""
    assert bench.bmc.boot["BootSourceOverrideTarget"] == "PXE"
