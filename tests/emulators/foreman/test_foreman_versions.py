"""What the claimed version decides, page limits, and the mishap of a PUT that is taken back."""

from __future__ import annotations

import pytest

from quads_tui.emulators.foreman import json_answer


@pytest.mark.parametrize(("version", "shown"), [("1.24.1", 20), ("2.1.4", 20), ("2.5.1", 25), ("3.16.0-develop", 25)])
async def test_per_page_all_came_with_2_2(lab, version, shown):
    place = await lab(hosts=25, version=version)
    page = await place.get("/api/hosts", thin="1", per_page="all")
    assert (len(page["results"]), page["subtotal"]) == (shown, 25)
    assert len((await place.get("/api/hosts", thin="1", per_page="10000"))["results"]) == 25
    assert (await place.get("/api/status"))["version"] == version


@pytest.mark.parametrize(
    ("version", "status"), [("2.1.4", 200), ("2.2.0", 500), ("2.4.1", 500), ("2.5.0", 500), ("2.5.1", 200), ("3.12.0", 200)]
)
async def test_e1_thin_and_per_page_all_together_are_a_500_from_2_2_to_2_5_0(lab, version, status):
    place = await lab(hosts=2, version=version)
    assert (await place.call("GET", "/api/hosts", params={"thin": "1", "per_page": "all"})).status == status
    assert (await place.call("GET", "/api/hosts", params={"per_page": "all"})).status == 200
    assert (await place.call("GET", "/api/hosts", params={"thin": "1", "per_page": "500"})).status == 200


@pytest.mark.parametrize(
    ("version", "there", "absent"),
    [
        ("1.24.1", {"environment_id", "uptime_seconds"}, {"bmc_available", "initiated_at", "creator", "display_name"}),
        ("2.5.4", {"environment_name", "uptime_seconds"}, {"bmc_available"}),
        ("3.0.0", {"bmc_available", "uptime_seconds"}, {"environment_id", "initiated_at"}),
        ("3.5.0-rc1", {"initiated_at"}, {"uptime_seconds", "creator_id"}),
        ("3.6.1", {"creator_id", "compute_resource_provider"}, {"display_name"}),
        ("3.16.0", {"display_name", "creator", "initiated_at", "bmc_available"}, {"environment_id", "uptime_seconds"}),
    ],
)
async def test_members_of_a_host_follow_the_version(lab, version, there, absent):
    place = await lab(hosts=1, version=version)
    keys = set(await place.get(f"/api/hosts/{place.names[0]}"))
    assert there <= keys
    assert not absent & keys


async def test_no_page_is_longer_than_the_limit(lab):
    place = await lab(hosts=25, page_limit=7)
    names = []
    for page in range(1, 5):
        names += [row["name"] for row in (await place.get("/api/hosts", thin="1", per_page="all", page=str(page)))["results"]]
    assert names == place.names


async def test_a_given_answer_is_given_once_and_nothing_is_executed(lab):
    place = await lab(hosts=1)
    place.emulator.answer_with(json_answer({"message": "no"}, 409), method="PUT")
    assert (await place.put(place.names[0], build=True)).status == 409
    assert place.emulator.host_counts(place.names[0])["in_build"] is False
    assert (await place.put(place.names[0], build=True)).status == 200


async def test_a_put_that_is_taken_back_leaves_a_build_without_its_pxe_file(lab):
    place = await lab(hosts=1)
    name, uuid = place.names[0], "7b0c3a52-6a52-4a6e-9b54-31d4ffbdc7b2"
    place.emulator.inject("taken_back", method="PUT")
    reply = await place.put(name, build=True, progress_report_id=uuid)
    assert reply.status == 422
    assert "task failed" in reply.body["error"]["full_messages"][0]
    counts = place.emulator.host_counts(name)
    assert (counts["in_build"], counts["pxe"], place.emulator.live_token(name)) == (True, None, None)
    states = {row["status"] for row in (await place.get(f"/api/orchestration/{uuid}/tasks"))["results"]}
    assert states == {"failed", "rollbacked", "canceled"}
    assert (await place.call("PUT", f"/api/hosts/{name}/rebuild_config", {"only": ["TFTP"]})).status == 200
    assert place.emulator.live_token(name) is not None
