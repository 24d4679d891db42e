"""A Foreman that turns villain in the middle of a rollout, answers to writes included, and is well again later."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.services.rawserver import Request

from .lab import villain_lab
from .server import Villain, closed

KINDS = (
    "half-a-document", "one-wrong-type", "wrong-types", "members-missing", "poison-in-every-string", "poisoned-error-page",
    "closes", "resets", "bomb-gzip", "endless-headers", "http-0.9", "redirect-302-away",
)  # fmt: skip
TRICKS = 2 * len(KINDS)


class Turns:
    """Honest until two writes were answered, and again when it has played all its tricks."""

    def __init__(self) -> None:
        self.villain: Villain | None = None
        self.writes = 0

    def __call__(self, request: Request) -> bool:
        self.writes += request.method == "PUT"
        played = sum(self.villain.done.values()) if self.villain else 0
        return self.writes < 3 or played >= TRICKS


async def test_a_foreman_that_turns_villain_in_the_middle_costs_time_and_no_host_twice(tmp_path: Path) -> None:
    async with villain_lab(tmp_path, hosts=10, bmcs=0, kinds=KINDS, seed=5, share=0.0, speed=60) as world:
        honest = world.site.read_text()
        url = yaml.safe_load(honest)["foreman"]["url"]
        turns = Turns()
        villain = Villain(url, world.collector.server.url, seed=5, kinds=KINDS, share=0.7, spares=turns)
        turns.villain = villain
        await villain.start()
        world.site.write_text(honest.replace(url, villain.url))
        ran = await world.run("run", world.assignment, "--json", "--yes")
        await closed(villain)
        assert ran.status in (0, 1), ran.out[-3000:] + ran.err
        ran.bounded()
        assert sum(villain.done.values()) == TRICKS and set(villain.done) == set(KINDS)
        counts = world.lab.counts()
        assert world.collector.heard == []
        assert counts["foreman"]["peak_writes"] == 1
        assert all(host["wipes"] <= 1 for host in counts["hosts"].values()), "a host was wiped twice"
        assert sum(host["wipes"] for host in counts["hosts"].values()) == ran.last["done"]
        failed = {failure["host"]: failure for failure in ran.last["failures"]}
        assert len(failed) == ran.last["failed"] <= 5, failed
        assert all(failure["reason"] for failure in failed.values())
