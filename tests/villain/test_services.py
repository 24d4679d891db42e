"""A villain for a Foreman, or a QUADS: the program refuses to start, or says what it cannot read. Nothing is done to a host."""

from __future__ import annotations

from pathlib import Path

import yaml

from .lab import VillainLab, villain_lab
from .server import Villain, closed

# Of each sort one, in processes of their own; each by its name on the client alone is in test_kinds.py.
FOREMAN = ("redirect-307-away", "bomb-gzip", "endless-headers", "half-a-document", "poisoned-error-page")
QUADS = ("redirect-302-away", "endless-chunks", "poisoned-error", "flood-of-infos", "http-0.9")


def untouched(world: VillainLab) -> None:
    counts = world.lab.counts()
    assert counts["foreman"]["writes"] == 0
    assert not any(host["resets"] for host in counts["hosts"].values())
    assert world.collector.heard == []


async def test_a_villain_foreman_is_refused_with_3(tmp_path: Path) -> None:
    async with villain_lab(tmp_path, hosts=3, bmcs=0, kinds=FOREMAN, seed=1, share=1.0) as world:
        honest = world.site.read_text()
        url = yaml.safe_load(honest)["foreman"]["url"]
        for kind in FOREMAN:
            villain = await Villain(url, world.collector.server.url, seed=1, kinds=[kind]).start()
            world.site.write_text(honest.replace(url, villain.url))
            ran = await world.run("run", world.assignment, "--json", "--yes")
            await closed(villain)
            assert ran.status == 3, (kind, ran.status, ran.out, ran.err)
            assert ran.last["event"] == "refused" and ran.last["reasons"], kind
            assert villain.done[kind]
            ran.bounded(short=True)
        untouched(world)


async def test_a_villain_quads_is_refused_with_3(tmp_path: Path) -> None:
    async with villain_lab(tmp_path, hosts=3, bmcs=0, kinds=QUADS, seed=1, share=1.0, quads="2.2") as world:
        honest = world.site.read_text()
        url = yaml.safe_load(honest)["quads"]["url"]
        for kind in QUADS:
            villain = await Villain(url, world.collector.server.url, seed=1, kinds=[kind]).start()
            world.site.write_text(honest.replace(url, villain.url))
            ran = await world.run("plan", "--from-quads", "--json")
            await closed(villain)
            assert ran.status == 3, (kind, ran.status, ran.out, ran.err)
            assert villain.done[kind]
            ran.bounded(short=True)
        untouched(world)
