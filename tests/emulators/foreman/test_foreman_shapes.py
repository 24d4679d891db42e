"""Every document has the keys, and the types, of recorded answers of real Foreman servers (shapes.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SHAPES = json.loads((Path(__file__).parent / "shapes.json").read_text())
HOST = "f01-h01-000-r650.example.com"
SYSTEM = "/api/operatingsystems/RHEL%209.4"
PATHS = {
    "status": "/api/status",
    "hosts.index": "/api/hosts",
    "hosts.show": f"/api/hosts/{HOST}",
    "hosts.get_status": f"/api/hosts/{HOST}/status/build",
    "interfaces.index": f"/api/hosts/{HOST}/interfaces",
    "host_parameters.index": f"/api/hosts/{HOST}/parameters",
    "host_parameters.show": f"/api/hosts/{HOST}/parameters/overcloud",
    "users.index": "/api/users",
    "users.show": "/api/users/cloud02",
    "roles.index": "/api/users/cloud02/roles",
    "roles.show": "/api/roles/QUADS",
    "operatingsystems.index": "/api/operatingsystems",
    "operatingsystems.show": SYSTEM,
    "media.index": f"{SYSTEM}/media",
    "media.show": "/api/media/1",
    "ptables.index": f"{SYSTEM}/ptables",
    "ptables.show": "/api/ptables/generic-rhel9",
}


def kind(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}[type(value)]


def walk(value: Any, prefix: str = "") -> dict[str, set[str]]:
    """Dotted keys of a body with the types seen; `x[]` is an element of x. Permissions are named by the server, so not keys."""
    seen: dict[str, set[str]] = {}
    pairs: list[tuple[str, Any]] = []
    if isinstance(value, dict) and prefix != "permissions.":
        pairs = [(f"{prefix}{key}", member) for key, member in value.items()]
    elif isinstance(value, list):
        pairs = [(f"{prefix.rstrip('.')}[]", member) for member in value]
    for key, member in pairs:
        seen.setdefault(key, set()).add(kind(member))
        for deeper, types in walk(member, key + ".").items():
            seen.setdefault(deeper, set()).update(types)
    return seen


def compare(name: str, document: Any) -> None:
    shape = SHAPES["endpoints"][name]
    ours, recorded = walk(document), shape["keys"]
    top = {key for key in recorded if "." not in key and "[]" not in key} | (
        set(SHAPES["core"]) if name.startswith("hosts.i") else set()
    )
    assert top - set(ours) == set(), "recorded, but not in our document"
    allowed = set(recorded) | set(shape["more"]) | set(SHAPES["core"] if name.startswith("hosts.") else ())
    # What is nested may be absent from the few recorded samples: only the keys of the top are held strictly.
    strays = {key for key in ours if "." not in key and "[]" not in key} - allowed
    assert strays - {"token", "origin"} == set(), "in our document, but never recorded"
    for key, types in ours.items():
        known = set(recorded.get(key, ())) - {"null"}
        if known:
            assert types - {"null"} <= known, key


@pytest.mark.parametrize("name", [*PATHS])
async def test_documents(lab, name):
    place = await lab()
    body = await place.get(PATHS[name])
    envelope = SHAPES["endpoints"][name]["envelope"]
    if envelope is None:
        compare(name, body)
        return
    assert sorted(walk({key: value for key, value in body.items() if key != "results"}) | {"results": set()}) == envelope
    assert body["results"]
    for item in body["results"]:
        compare(name, item)


async def test_answers_to_writes(lab):
    place = await lab()
    compare("hosts.update", (await place.put(HOST, build=True)).body)
    created = await place.call("POST", f"/api/hosts/{HOST}/parameters", {"parameter": {"name": "a", "value": "b"}})
    compare("host_parameters.create", created.body)
    updated = await place.call("PUT", f"/api/hosts/{HOST}/parameters/a", {"value": "c"})
    assert set(SHAPES["endpoints"]["host_parameters.update"]["keys"]) <= set(updated.body)
    compare("users.update", (await place.call("PUT", "/api/users/cloud02", {"user": {"firstname": "C"}})).body)
    compare("hosts.rebuild_config", (await place.call("PUT", f"/api/hosts/{HOST}/rebuild_config", {})).body)


async def test_a_host_of_the_index_has_exactly_the_core_keys(lab):
    place = await lab()
    (item, *_) = (await place.get("/api/hosts"))["results"]
    assert set(item) == set(SHAPES["core"])
    await place.put(HOST, build=True)
    (item, *_) = (await place.get("/api/hosts"))["results"]
    assert set(item) == {*SHAPES["core"], "token"}


async def test_the_index_and_the_page_of_a_host_agree(lab):
    place = await lab()
    (item, *_) = (await place.get("/api/hosts"))["results"]
    shown = await place.get(f"/api/hosts/{item['id']}")
    assert item.items() <= shown.items()
    assert set(shown) - set(item) == {"parameters", "all_parameters", "interfaces", "permissions"}
    assert shown == await place.get(f"/api/v2/hosts/{item['id']}-whatever")
