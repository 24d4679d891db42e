"""The build lifecycle: arming, building, failing, cancelling, expiring; transactions and their rollback."""

from __future__ import annotations

import asyncio

from quads_tui.emulators.foreman import ForemanFaults

TARGET = {"operatingsystem_name": "RHEL 9.4", "ptable_name": "generic-rhel9", "medium_name": "RHEL Local"}


async def test_one_put_carries_everything_and_arms_the_host(lab):
    place = await lab()
    name = place.names[0]
    owner = (await place.get("/api/users", search="login=cloud02"))["results"][0]["id"]
    before = await place.get(f"/api/hosts/{name}")
    reply = await place.put(name, build=True, owner_id=owner, owner_type="User", **TARGET)
    body = reply.body
    assert reply.status == 200
    assert (body["build"], body["build_status"], body["build_status_label"]) == (True, 1, "Pending installation")
    assert (body["operatingsystem_name"], body["ptable_name"], body["medium_name"]) == ("RHEL 9.4", "generic-rhel9", "RHEL Local")
    assert (body["owner_id"], body["owner_name"], body["owner_type"]) == (owner, "cloud02", "User")
    assert body["installed_at"] == before["installed_at"] and body["initiated_at"] is None
    assert body["token"] == place.emulator.live_token(name) == place.emulator.host_counts(name)["pxe"]
    assert await place.names_of("build = true and owner = cloud02") == [name]


async def test_built_ends_build_mode_and_dates_the_installation(lab):
    place = await lab()
    name = place.names[0]
    armed = (await place.put(name, build=True)).body
    assert await place.emulator.built(name, armed["token"])
    body = await place.get(f"/api/hosts/{name}")
    assert (body["build"], body["build_status"], body["build_status_label"]) == (False, 0, "Installed")
    assert body["installed_at"] > armed["installed_at"] and body["installed_at"].endswith(" UTC")
    assert "token" not in body and place.emulator.live_token(name) is None
    counts = place.emulator.host_counts(name)
    assert (counts["built"], counts["armings"], counts["in_build"], counts["pxe"]) == (1, 1, False, "local")
    assert not await place.emulator.built(name, armed["token"])  # the token went with the build


async def test_a_failed_installation_is_status_three_in_body_and_search(lab):
    place = await lab()
    name = place.names[1]
    armed = (await place.put(name, build=True)).body
    assert await place.emulator.failed(name, armed["token"], "anaconda: no disk")
    body = await place.get(f"/api/hosts/{name}")
    assert (body["build"], body["build_status"], body["build_status_label"]) == (False, 3, "Installation error")
    assert body["installed_at"] > armed["installed_at"]
    assert await place.names_of("build_status = build_failed") == [name]
    assert (await place.put(name, build=True)).body["build_status"] == 1  # arming again forgets the errors


async def test_cancelling_looks_like_installed_but_keeps_the_old_date(lab):
    place = await lab()
    name = place.names[0]
    armed = (await place.put(name, build=True)).body
    body = (await place.put(name, build=False)).body
    assert (body["build"], body["build_status"], body["installed_at"]) == (False, 0, armed["installed_at"])
    assert place.emulator.live_token(name) is None and not await place.emulator.built(name, armed["token"])


async def test_arming_an_armed_host_changes_neither_token_nor_pxe(lab):
    place = await lab()
    name = place.names[0]
    first = (await place.put(name, build=True)).body
    orchestrations = place.emulator.counts()["orchestrations"]
    second = (await place.put(name, build=1)).body
    assert second["token"] == first["token"] and place.emulator.host_counts(name)["armings"] == 1
    assert place.emulator.counts()["orchestrations"] == orchestrations


async def test_an_expired_token_shows_in_the_body_not_in_the_search(lab):
    place = await lab(in_build={"f01-h01-000-r650.example.com": 361})
    name = place.names[0]
    body = await place.get(f"/api/hosts/{name}")
    assert (body["build"], body["build_status"], body["build_status_label"]) == (True, 2, "Token expired")
    assert "token" not in body and place.emulator.live_token(name) is None
    assert await place.get(f"/api/hosts/{name}/status/build") == {"status": 1, "status_label": "Token expired"}
    assert await place.names_of("build_status = token_expired") == []
    assert await place.names_of("build_status = pending") == [name]
    stale = place.emulator.host_counts(name)["pxe"]
    assert (await place.call("GET", f"/unattended/provision?token={stale}")).status == 401
    assert (await place.call("GET", f"/unattended/built?token={stale}")).status == 201  # this look-up ignores expiry


async def test_unattended_calls_need_no_login_and_are_no_api_requests(lab):
    place = await lab()
    name = place.names[0]
    token = (await place.put(name, build=True, **TARGET)).body["token"]
    stranger = place.client("", "")
    before = place.emulator.counts()
    provision = await place.call("GET", f"/unattended/provision?token={token}", session=stranger)
    assert provision.status == 200 and "RHEL 9.4" in provision.text
    failed = await place.call("POST", f"/unattended/failed?token={token}", session=stranger, data=b"log", body=None)
    assert (failed.status, failed.text) == (201, "")
    assert (await place.call("GET", "/unattended/built?token=none", session=stranger)).status == 404
    after = place.emulator.counts()
    assert (after["reads"], after["writes"]) == (before["reads"], before["writes"])
    assert place.emulator.host_counts(name)["failed"] == 1


async def test_a_refused_value_changes_nothing_at_all(lab):
    place = await lab()
    name = place.names[0]
    before = await place.get(f"/api/hosts/{name}")
    reply = await place.put(name, build=True, owner_id=12, **(TARGET | {"medium_name": "RHEL 8 Local"}))
    assert reply.status == 422
    assert reply.body["error"]["errors"] == {"medium_id": ["RHEL 8 Local does not belong to RHEL 9.4 operating system"]}
    assert reply.body["error"]["full_messages"] == ["Medium RHEL 8 Local does not belong to RHEL 9.4 operating system"]
    assert reply.body["error"]["id"] == before["id"]
    assert await place.get(f"/api/hosts/{name}") == before and place.emulator.live_token(name) is None


async def test_unknown_names_and_owners_are_refused(lab):
    place = await lab()
    name = place.names[0]
    reply = await place.put(name, medium_name="RHEL Lokal")
    assert (reply.status, reply.body) == (422, {"error": {"message": "Could not find medium with name: RHEL Lokal"}})
    reply = await place.put(name, owner_id=4711, owner_type="User")
    assert reply.status == 422 and "There is no owner with id 4711 and type User" in reply.body["error"]["errors"]["owner"]
    reply = await place.put(name, owner_id=11, owner_type="Cloud")
    assert reply.status == 422 and "owner_type" in reply.body["error"]["errors"]
    reply = await place.put(name, operatingsystem_id=9999)
    assert reply.status == 422 and reply.body["error"]["errors"]["operatingsystem_id"] == ["can't be blank"]


async def test_a_hanging_smart_proxy_rolls_back_the_database_and_loses_the_pxe_file(lab):
    name = "f01-h01-000-r650.example.com"
    place = await lab(faults=ForemanFaults(proxy_hang={name: 1}))
    before = await place.get(f"/api/hosts/{name}")
    started = place.emulator.time.now()
    reply = await place.put(name, build=True, progress_report_id="first", **TARGET)
    assert reply.status == 422 and place.emulator.time.now() - started >= 60
    assert "task failed with the following error" in reply.body["error"]["errors"]["base"][0]
    assert reply.body["error"]["full_messages"] == reply.body["error"]["errors"]["base"]
    states = [task["status"] for task in (await place.get("/api/orchestration/first/tasks"))["results"]]
    assert states.count("failed") == 1 and set(states) == {"rollbacked", "failed", "canceled"}
    assert await place.get(f"/api/hosts/{name}") == before
    assert place.emulator.host_counts(name)["pxe"] is None and place.emulator.counts()["pxe_lost"] == 1
    assert (await place.put(name, build=True, **TARGET)).status == 200  # only the first time
    assert place.emulator.live_token(name) is not None


async def test_a_dhcp_conflict_is_permanent(lab):
    name = "f01-h01-000-r650.example.com"
    place = await lab(faults=ForemanFaults(dhcp_conflict=frozenset([name])))
    for _ in range(2):
        reply = await place.put(name, build=True)
        assert reply.status == 422 and list(reply.body["error"]["errors"]) == ["conflict"]
    assert (await place.put(name, owner_id=12, owner_type="User")).status == 200  # nothing to orchestrate


async def test_rebuild_config_restores_a_lost_pxe_file(lab):
    place = await lab()
    name = place.names[0]
    token = (await place.put(name, build=True)).body["token"]
    place.emulator.foreman.database.pxe_files.clear()
    assert place.emulator.live_token(name) is None
    reply = await place.call("PUT", f"/api/hosts/{name}/rebuild_config", {"only": ["TFTP"]})
    assert (reply.status, reply.body) == (200, {"message": "Configuration successfully rebuilt."})
    assert place.emulator.live_token(name) == token


async def test_tasks_of_a_put_are_visible_while_it_runs(lab):
    place = await lab(speed=20)
    name = place.names[0]
    running = asyncio.create_task(place.put(name, build=True, progress_report_id="slow"))
    seen: set[str] = set()
    while not running.done():
        reply = await place.call("GET", "/api/orchestration/slow/tasks")
        if reply.status == 200:
            seen |= {task["status"] for task in reply.body["results"]}
    assert {"pending", "running", "completed"} <= seen
    final = (await place.get("/api/orchestration/slow/tasks"))["results"]
    assert {task["status"] for task in final} == {"completed"}
    assert set(final[0]) == {"id", "name", "timestamp", "status", "priority", "created"}
    assert (await place.call("GET", "/api/orchestration/none/tasks")).status == 404


async def test_overlapping_puts_of_one_host_queue_up_and_both_tokens_work(lab):
    place = await lab()
    name = place.names[0]
    row = place.emulator.foreman.database.hosts[name].saving
    async with row:  # so that both have read the host before either has written it
        puts = [asyncio.create_task(place.put(name, build=True)) for _ in range(2)]
        await place.until(lambda: len(row._waiters or ()) == 2)
    replies = await asyncio.gather(*puts)
    assert [reply.status for reply in replies] == [200, 200]
    tokens = {reply.body["token"] for reply in replies}
    assert len(tokens) == 2 and place.emulator.live_token(name) in tokens
    assert place.emulator.counts()["peak_writes_per_host"] == 2
    assert await place.emulator.built(name, next(iter(tokens - {place.emulator.live_token(name)})))


async def test_host_parameters_attributes_replaces_the_whole_list(lab):
    place = await lab(parameters={"overcloud": "true", "keep": "x"}, hidden={"secret": "s3"})
    name = place.names[0]
    body = await place.get(f"/api/hosts/{name}")
    assert {row["name"]: row["value"] for row in body["parameters"]} == {"overcloud": "true", "keep": "x", "secret": "*****"}
    shown = await place.get(f"/api/hosts/{name}", show_hidden_parameters="true")
    assert {row["name"]: row["value"] for row in shown["parameters"]}["secret"] == "s3"
    ids = {row["name"]: row["id"] for row in body["parameters"]}
    entries = [{"name": "overcloud", "value": "false"}, {"id": ids["keep"], "value": "y"}, {"name": "new", "value": "1"}]
    after = (await place.put(name, host_parameters_attributes=entries)).body["parameters"]
    # An entry with an id but no name is destroyed, like those that are not named at all.
    assert {row["name"]: row["value"] for row in after} == {"overcloud": "false", "new": "1"}
    assert {row["name"]: row["id"] for row in after}["overcloud"] == ids["overcloud"]


async def test_parameters_have_a_resource_of_their_own(lab):
    place = await lab()
    name = place.names[0]
    path = f"/api/hosts/{name}/parameters"
    orchestrations = place.emulator.counts()["orchestrations"]
    created = await place.call("POST", path, {"parameter": {"name": "role", "value": "ceph", "parameter_type": "string"}})
    assert created.status == 201 and created.body["value"] == "ceph"
    again = await place.call("POST", path, {"parameter": {"name": "role", "value": "ceph"}})
    assert again.status == 422 and again.body["error"]["full_messages"] == ["Name has already been taken"]
    changed = await place.call("PUT", f"{path}/overcloud", {"parameter": {"value": "false"}})
    assert (changed.status, changed.body["value"]) == (200, "false")
    assert await place.names_of("params.overcloud = false") == [name]
    assert await place.names_of("not params.overcloud = true") == [name]
    found = await place.get(path, search="name=role")
    assert [row["id"] for row in found["results"]] == [created.body["id"]]
    assert (await place.call("DELETE", f"{path}/{created.body['id']}")).status == 200
    gone = await place.call("GET", f"{path}/role")
    assert (gone.status, gone.body) == (404, {"error": {"message": "Resource parameter not found by id 'role'"}})
    assert place.emulator.counts()["orchestrations"] == orchestrations


async def test_special_hosts_unknown_unmanaged_and_in_build(lab):
    place = await lab(
        missing=frozenset(["f01-h01-000-r650.example.com"]),
        unmanaged=frozenset(["f02-h02-000-r650.example.com"]),
        in_build={"f03-h03-000-r650.example.com": 30},
    )
    assert (await place.call("GET", f"/api/hosts/{place.names[0]}")).status == 404
    assert place.emulator.host_counts(place.names[0])["built"] == 0
    assert await place.names_of("managed = false") == [place.names[1]]
    assert await place.names_of("build = true") == [place.names[2]]
    assert place.emulator.live_token(place.names[2]) is not None and place.emulator.live_token(place.names[0]) is None
    unmanaged = (await place.put(place.names[1], build=True)).body
    assert unmanaged["build"] and "token" not in unmanaged and place.emulator.live_token(place.names[1]) is None
