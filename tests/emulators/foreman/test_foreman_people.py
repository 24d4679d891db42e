"""Users: their pages, their passwords, and the race of overlapping PUTs of one user's roles."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

WANTED = range(20)  # that many clients give one user one role each


def labs(count: int) -> dict[str, tuple[str, ...]]:
    return {"clouds": tuple(f"cloud{number:02d}" for number in range(1, count + 3))}


async def add_roles(place, *, strip_default: bool, gate_read: asyncio.Lock | None, gate_write: asyncio.Lock | None):
    """Reads the roles, appends one, PUTs the list; all at once, or with a lock around the write or around both."""
    await place.get("/api/status")
    roles = {row["name"]: row["id"] for row in (await place.get("/api/roles", per_page="all"))["results"]}
    added = [roles[f"cloud{number + 2:02d}"] for number in WANTED]

    async def add(role: int) -> int:
        async with gate_read or nullcontext():
            held = (await place.get("/api/users/cloud01/roles", per_page="all"))["results"]
            ids = [row["id"] for row in held if not (strip_default and row["name"] == "Default role")]
            async with gate_write or nullcontext():
                reply = await place.call("PUT", "/api/users/cloud01", {"user": {"role_ids": [*ids, role]}})
        if reply.status == 500:
            assert reply.body["error"]["message"] in ("resource have no errors", "Validation failed: Owner has this role already")
        return reply.status

    statuses = await asyncio.gather(*(add(role) for role in added))
    held = [row["id"] for row in (await place.get("/api/users/cloud01/roles", per_page="all"))["results"]]
    return statuses, len(set(held) & set(added)), held, roles["Default role"]


async def test_overlapping_puts_that_strip_the_default_role_mostly_fail(lab):
    place = await lab(speed=10, **labs(len(WANTED)))
    statuses, present, held, default = await add_roles(place, strip_default=True, gate_read=None, gate_write=None)
    assert statuses.count(200) + statuses.count(500) == len(WANTED)
    assert statuses.count(500) > statuses.count(200) >= 1
    assert present < len(WANTED) // 2 and default in held


async def test_kept_default_role_means_silent_losses(lab):
    place = await lab(speed=10, **labs(len(WANTED)))
    statuses, present, held, default = await add_roles(place, strip_default=False, gate_read=None, gate_write=None)
    assert statuses.count(200) > present and default in held


async def test_a_lock_around_the_write_alone_saves_one_role(lab):
    place = await lab(speed=100, **labs(len(WANTED)))
    reads = asyncio.Barrier(len(WANTED))

    class AfterAllReads(asyncio.Lock):
        async def __aenter__(self) -> None:
            await reads.wait()
            await super().__aenter__()

    statuses, present, _, _ = await add_roles(place, strip_default=True, gate_read=None, gate_write=AfterAllReads())
    assert statuses == [200] * len(WANTED) and present == 1


async def test_a_lock_around_read_and_write_loses_nothing(lab):
    place = await lab(speed=1000, **labs(len(WANTED)))
    statuses, present, held, default = await add_roles(place, strip_default=True, gate_read=asyncio.Lock(), gate_write=None)
    assert statuses == [200] * len(WANTED) and present == len(WANTED)
    assert held.count(default) == 1


async def test_pages_of_a_user(lab):
    place = await lab()
    shown = await place.get("/api/users/cloud02")
    assert [role["name"] for role in shown["roles"]] == ["cloud02"]  # without the Default role
    held = await place.get(f"/api/users/{shown['id']}/roles")
    assert [role["name"] for role in held["results"]] == ["Default role", "cloud02"]
    assert (await place.get("/api/users", search="login = cloud02"))["results"][0]["id"] == shown["id"]
    assert (await place.call("GET", "/api/users/nobody")).body == {"error": {"message": "Resource user not found by id 'nobody'"}}


async def test_passwords(lab):
    place = await lab()
    await place.call("PUT", "/api/users/cloud02", {"user": {"password": "5214"}})
    cloud = place.client("cloud02", "5214")
    assert (await place.call("GET", "/api/status", session=cloud)).status == 200
    assert (await place.call("GET", "/api/hosts", session=cloud)).status == 403
    refused = await place.call("PUT", "/api/users/admin", {"user": {"password": "mine"}})
    assert refused.status == 422
    changed = await place.call("PUT", "/api/users/admin", {"user": {"password": "mine", "current_password": "changeme"}})
    assert changed.status == 200


async def test_an_unknown_role_is_refused_and_nobody_changes_its_own(lab):
    place = await lab()
    assert (await place.call("PUT", "/api/users/cloud02", {"user": {"role_ids": [4711]}})).status == 404
    own = await place.call("PUT", "/api/users/admin", {"user": {"role_ids": [3]}})
    assert own.status == 200 and own.body["roles"] == []
