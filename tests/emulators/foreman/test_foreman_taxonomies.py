"""Owners and hosts that are not in the same organization or location, and hosts whose primary interface is a bond."""

from __future__ import annotations


async def test_b1_an_owner_outside_the_hosts_organization_makes_each_put_a_422(lab):
    place = await lab(elsewhere=frozenset({"cloud03"}), displaced=frozenset({"cloud03", "cloud04"}))
    users = {row["login"]: row for row in (await place.get("/api/users", per_page="all"))["results"]}
    host = await place.get(f"/api/hosts/{place.names[0]}")
    assert host["organization_id"] not in [row["id"] for row in users["cloud03"]["organizations"]]
    reply = await place.put(place.names[0], owner_id=users["cloud03"]["id"], owner_type="User", build=True)
    assert (reply.status, reply.body["error"]["full_messages"]) == (
        422,
        [
            "Is owned by does not belong into host's organization",
            "Is owned by does not belong into host's location",
        ],
    )
    reply = await place.put(place.names[0], owner_id=users["cloud04"]["id"], owner_type="User")
    assert reply.body["error"]["errors"] == {"is_owned_by": ["does not belong into host's location"]}
    assert (await place.put(place.names[0], owner_id=users["cloud02"]["id"], owner_type="User")).status == 200


async def test_a6_a_bond_as_primary_interface_is_what_the_top_of_the_record_shows(lab):
    bond = "04:3f:72:ff:00:01"
    place = await lab(bonded={"f01-h01-000-r650.example.com": bond})
    host = await place.get(f"/api/hosts/{place.names[0]}")
    found = {nic["identifier"]: (nic["mac"], nic["primary"], nic["provision"]) for nic in host["interfaces"]}
    assert host["mac"] == bond
    assert found["bond0"] == (bond, True, False)
    assert found["eno1"] == ("04:3f:72:00:00:00", False, True)
