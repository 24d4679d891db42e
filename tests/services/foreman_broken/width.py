"""Two writes at once: the operator's explicit word, taken back at the first conflict."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from quads_tui.emulators.foreman import Answer, ForemanFaults, ForemanOptions, json_answer
from quads_tui.render.header import end_line
from quads_tui.rollout.stages import HostStatus

from ..foreman_bench import HOSTS, Bench
from .rule import Rule

MET = HOSTS[3]
SAID = "two writes may have overlapped at Foreman; write concurrency reduced to 1"
LAST = 4  # writes of ten that surely begin after the conflict


def _overlaps(bench: Bench) -> int:
    """How many of the last writes began while another one was at work."""
    writes = [entry for entry in bench.server.log if entry.method == "PUT"][-LAST:]
    return sum(later.arrived < earlier.ended for earlier, later in pairwise(writes))


async def _ten_hosts(bench: Bench, width: int) -> None:
    # Long enough that writes which may overlap do.
    bench.server.inject("slow", count=99, method="PUT", seconds=50.0)
    assert await bench.provision(HOSTS[:10], width=width) == {HostStatus.DONE: 10}, bench.told
    assert {bench.server.host_counts(name)["built"] for name in HOSTS[:10]} == {1}


async def _narrowed(bench: Bench, width: int = 4) -> None:
    await _ten_hosts(bench, width)
    assert bench.width == 1
    assert 2 <= bench.server.counts()["peak_writes"] <= width
    assert _overlaps(bench) == 0
    assert bench.rollout is not None
    line = end_line(bench.rollout, now=bench.clock.wall(), width=200, lag=0.0, forecast=None).plain
    assert f"write concurrency reduced to 1: {bench.rollout.narrowed}"[:80] in line


def _conflict(broken: str, answers: str, meet: Callable[[Bench], None], reads: str) -> Rule:
    async def play(bench: Bench) -> None:
        meet(bench)
        await _narrowed(bench)

    does = "back to one at a time at once and for good, also after a resume; the write itself is sent again once it is settled"
    return Rule(broken, answers, does, f"{SAID}: {MET}: {reads}", play, {"writes": 11, "peak_writes_per_host": 1})


def _given(status: int, body: object) -> Callable[[Bench], None]:
    answer: Answer = json_answer(body, status)
    return lambda bench: bench.server.answer_with(answer, method="PUT", path=f"/hosts/{MET}$")


async def _wide(bench: Bench) -> None:
    refused = json_answer({"error": {"message": "Foreman has had enough of this host"}}, 422)
    bench.server.answer_with(refused, method="PUT", path=f"/hosts/{MET}$")
    bench.server.inject("slow", count=99, method="PUT", seconds=50.0)
    assert await bench.provision(HOSTS[:10], width=4) == {HostStatus.DONE: 9, HostStatus.FAILED: 1}
    assert bench.width == 4
    assert bench.server.counts()["peak_writes"] >= 2


async def _of_2019(bench: Bench) -> None:
    await _narrowed(bench, width=2)
    assert bench.server.counts()["writes"] in (10, 11)  # the one that met another was done all the same, or is sent again
    bench.says(next(text for text in bench.told if text.startswith(SAID)).partition(":")[0])


RULES = (
    _conflict(
        "writes to different hosts do not meet (write_width 4): conflict",
        "409 `{message}`",
        _given(409, {"message": "Cannot save host, another change is under way"}),
        "Foreman 409: Cannot save host, another change is under way",
    ),
    _conflict(
        "the same: a lock",
        "422, the words of a lock",
        _given(422, {"error": {"message": "Host is locked by another task"}}),
        "Foreman 422: Host is locked by another task",
    ),
    _conflict(
        "the same: a deadlock in the database",
        "500, PostgreSQL's words",
        _given(500, {"error": {"message": "PG::TRDeadlockDetected: ERROR: deadlock detected"}}),
        "Foreman 500: PG::TRDeadlockDetected: ERROR: deadlock detected",
    ),
    _conflict(
        "the same: a connection reset",
        "resets the connection, does nothing",
        lambda bench: bench.server.inject("reset_before_apply", method="PUT", path=f"/hosts/{MET}$"),
        f"foreman closed the connection without an answer to PUT /api/hosts/{MET}",
    ),
    Rule(
        "a Foreman as in 2019, write_width 2",
        "500 or a reset for every write that overlaps another",
        "the first overlap is the last; all ten hosts are built, each once",
        SAID,
        _of_2019,
        {"peak_writes": 2, "peak_writes_per_host": 1},
        ForemanOptions(faults=ForemanFaults(concurrency_2019=True)),
    ),
    Rule(
        "a refusal that has nothing to do with other writes, write_width 4",
        "422 `{error: {message}}`",
        "stays four wide; that host fails alone",
        "Foreman 422: Foreman has had enough of this host; the host stays powered off",
        _wide,
        {"writes": 10, "peak_writes_per_host": 1},
    ),
)
