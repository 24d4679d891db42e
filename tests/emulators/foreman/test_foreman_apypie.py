"""A stranger's client: apypie, on which hammer's and Ansible's Foreman modules stand, reads the API's own description first."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import apypie
import pytest


def api(lab: Any, cache: Path) -> apypie.Api:
    return apypie.Api(uri=lab.url, username="admin", password="changeme", api_version=2, apidoc_cache_dir=str(cache))


async def call(lab: Any, cache: Path, resource: str, action: str, **params: Any) -> Any:
    return await asyncio.to_thread(lambda: api(lab, cache).resource(resource).action(action).call(params))


async def test_e4_apypie_lists_shows_and_updates_a_host(lab: Any, tmp_path: Path) -> None:
    foreman = await lab(3)
    name = foreman.names[1]
    found = await call(foreman, tmp_path, "hosts", "index", search=f"name = {name}", per_page="all")
    assert [row["name"] for row in found["results"]] == [name]
    shown = await call(foreman, tmp_path, "hosts", "show", id=name)
    assert (shown["name"], shown["build"]) == (name, False)
    changed = await call(foreman, tmp_path, "hosts", "update", id=name, host={"build": True})
    assert changed["build"] is True


async def test_e4_apypie_reads_and_writes_the_parameters_of_a_host(lab: Any, tmp_path: Path) -> None:
    foreman = await lab(1)
    name = foreman.names[0]
    await call(foreman, tmp_path, "parameters", "create", host_id=name, parameter={"name": "rack", "value": "f01"})
    found = await call(foreman, tmp_path, "parameters", "index", host_id=name)
    assert ("rack", "f01") in [(row["name"], row["value"]) for row in found["results"]]


async def test_e4_what_is_wrong_is_refused_by_the_description_itself(lab: Any, tmp_path: Path) -> None:
    foreman = await lab(1)
    with pytest.raises(apypie.exceptions.MissingArgumentsError):
        await call(foreman, tmp_path, "hosts", "show")
    with pytest.raises(ValueError, match="owner_id"):
        await call(foreman, tmp_path, "hosts", "update", id=foreman.names[0], host={"owner_id": "nobody"})
