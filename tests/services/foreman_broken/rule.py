"""One row: a rule, the server that breaks it, and what comes of that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from quads_tui.emulators.foreman import Answer, ForemanOptions
from quads_tui.rollout.causes import CredentialsRefused, StageFailure
from quads_tui.rollout.stages import HostStatus

from ..foreman_bench import HOST, Bench, open_bench

Play = Callable[[Bench], Awaitable[None]]
NOTHING = ""  # to be read: no word of trouble


@dataclass(frozen=True)
class Rule:
    """`play` breaks the rule and asserts what the server saw beyond `counts`; `reads` must be among what the operator is told.

    With NOTHING to be read, nothing may be told at all.
    """

    broken: str
    answers: str
    does: str
    reads: str
    play: Play
    counts: Mapping[str, int]
    options: ForemanOptions = field(default_factory=ForemanOptions)
    password: str = "changeme"

    async def check(self) -> None:
        """Raises AssertionError with what was told instead."""
        async with open_bench(self.options, password=self.password) as bench:
            await self.play(bench)
            counts = bench.server.counts()
        assert {name: counts[name] for name in self.counts} == self.counts, (counts, bench.told)
        if self.reads:
            assert self.reads in bench.told, bench.told
        else:
            assert bench.told == [], bench.told


def answered(answer: Answer, *, count: int = 1, ends: HostStatus = HostStatus.FAILED) -> Play:
    """The PUT of a rollout of one host is answered with this `count` times, and the host ends so."""

    async def play(bench: Bench) -> None:
        bench.server.answer_with(answer, count=count, method="PUT", path=f"/hosts/{HOST}$")
        assert await bench.provision() == {ends: 1}, bench.told
        assert bench.server.host_counts(HOST)["armings"] == (1 if ends is HostStatus.DONE else 0)

    return play


def suffering(
    fault: str, *, method: str = "PUT", seconds: float = 0.0, then: Callable[[Bench], None] = lambda bench: None
) -> Play:
    """One host is provisioned to its end though its first request of this method suffers the fault; built once."""

    async def play(bench: Bench) -> None:
        bench.server.inject(fault, method=method, seconds=seconds)  # type: ignore[arg-type]
        assert await bench.provision() == {HostStatus.DONE: 1}, bench.told
        assert bench.server.host_counts(HOST)["built"] == 1
        assert bench.server.host_counts(HOST)["owner"] == "cloud02"
        then(bench)

    return play


async def told(bench: Bench, work: Awaitable[object]) -> None:
    """A read that fails, and what it says."""
    try:
        await work
    except (StageFailure, CredentialsRefused) as failure:
        bench.says(failure)
    else:
        raise AssertionError("it succeeded")
