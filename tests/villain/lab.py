"""An emulated lab some of whose BMCs are villains, and the program on it, measured."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

from tests.e2e.conftest import Lab, emulated
from tests.forks import Piped
from tests.waiting import PATIENCE

from .server import Collector, Villain, closed
from .steps import HELD

MEMORY = 400.0  # MB: a console of a small rollout takes 60


def within_bounds(figures: dict[str, float], *, short: bool = False) -> None:
    """What the program promises, whatever the servers do, in the figures of tests.villain.measured."""
    assert short or figures["lag_99"] < HELD, figures
    assert figures["rss"] < MEMORY, figures


@dataclass
class Ran:
    """How the program ended."""

    status: int
    out: str
    err: str
    figures: dict[str, float]

    @property
    def last(self) -> dict[str, Any]:
        """The last JSON line."""
        last: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return last

    def bounded(self, *, short: bool = False) -> None:
        """No traceback, nothing that steers a terminal, and neither memory nor loop were taken.

        `short`: it did not live long enough for a hundredth of its time to be more than its own start.
        """
        assert "Traceback" not in self.out + self.err, self.err
        foreign = {code for code in map(ord, self.out + self.err) if (code < 32 and code != 10) or 127 <= code < 160}
        assert not foreign, (foreign, self.err)
        within_bounds(self.figures, short=short)


@dataclass
class VillainLab:
    """`villains` by the names of their hosts; the other hosts are well."""

    lab: Lab
    collector: Collector
    villains: dict[str, Villain]
    assignment: Path
    site: Path

    @property
    def tricks(self) -> Counter[str]:
        return sum((villain.done for villain in self.villains.values()), Counter())

    def command(self, *words: str | Path, figures: Path) -> list[str]:
        program = self.lab.command(*words, site=self.site)[3:]
        return [sys.executable, "-m", "tests.villain.measured", str(figures), *program]

    async def run(self, *words: str | Path) -> Ran:
        """The program to its end, while the villains of this loop answer it."""
        figures = self.lab.directory / "figures.json"
        program = self.command(*words, figures=figures)[3:]
        process = await asyncio.to_thread(Piped, program, module="tests.villain.measured")
        try:
            out, err = await asyncio.to_thread(process.communicate, PATIENCE)
        finally:
            process.kill()
        assert process.returncode is not None
        return Ran(process.returncode, out, err, json.loads(figures.read_text()))


def decks(kinds: Sequence[str], hands: int, seed: int) -> list[list[str]]:
    """The kinds in an order of the seed's, for each of `hands` villains from another place on: together they try all of them."""
    order = list(kinds)
    Random(seed).shuffle(order)
    step = max(1, len(order) // hands)
    return [order[hand * step :] + order[: hand * step] for hand in range(hands)]


@asynccontextmanager
async def villain_lab(
    directory: Path, *, hosts: int, bmcs: int, kinds: Sequence[str], seed: int, share: float, speed: float = 100, quads: str = ""
) -> AsyncIterator[VillainLab]:
    """`bmcs` of the hosts have a villain between them and the program, which plays a trick on that share of the requests."""
    with emulated(directory / "lab", hosts=hosts, speed=speed, seed=seed, quads=quads) as lab:
        collector = await Collector().start()
        assignment = yaml.safe_load(lab.assignment.read_text())
        villains: dict[str, Villain] = {}
        dealt = decks(kinds, max(1, bmcs), seed)
        for number, host in enumerate(assignment["hosts"][:bmcs]):
            villain = Villain(host["bmc"], collector.server.url, seed=seed * 1000 + number, kinds=dealt[number], share=share)
            villains[host["name"]] = await villain.start()
            host["bmc"] = villain.url
        edited = lab.directory / "villains.yaml"
        edited.write_text(yaml.safe_dump(assignment))
        # Villains do not say who they are, and are asked to start all the same.
        rules = yaml.safe_load(lab.site.read_text())
        rules["redfish"]["unverified"] = ["*"]
        site = lab.directory / "villains-site.yaml"
        site.write_text(yaml.safe_dump(rules))
        try:
            yield VillainLab(lab, collector, villains, edited, site)
        finally:
            await closed(*villains.values())
            await collector.server.close()
