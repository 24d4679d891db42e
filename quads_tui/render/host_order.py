"""The orders of the table. Each is a key over a host; equal hosts keep the order in which they are given, the plan's."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, assert_never

from quads_tui.rollout.pieces import PIECE, at_once
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import HostState

Slowness = Callable[[HostState], float]
"""How long a running host is in its stage against what is usual there: 1 is usual."""


def _rank(status: HostStatus) -> int:
    """What needs an operator comes first."""
    match status:
        case HostStatus.FAILED:
            return 0
        case HostStatus.HELD:
            return 1
        case HostStatus.WAITING:
            return 2
        case HostStatus.RUNNING:
            return 3
        case HostStatus.QUEUED:
            return 4
        case HostStatus.SKIPPED:
            return 5
        case HostStatus.DONE:
            return 6
        case _:
            assert_never(status)


_RANKS = {status: _rank(status) for status in HostStatus}
_STAGES = {stage: number for number, stage in enumerate(Stage)}

_KEYS: Mapping[str, Callable[[HostState], Any]] = {
    "plan": lambda host: host.index,
    "host": lambda host: host.name,
    "cloud": lambda host: host.cloud,
    "model": lambda host: host.model,
    "stage": lambda host: _STAGES[host.stage] if host.stage else -1,
    "state": lambda host: _RANKS[host.status],
    "tries": lambda host: -sum(host.attempts.values()),
    "time": lambda host: (host.status.is_final or not host.since, host.since),  # the longest in its stage first
    "cause": lambda host: (not host.cause, host.cause or "", host.reason),
}
ORDERS = ("attention", *_KEYS)


def ordered(hosts: Iterable[HostState], order: str, slowness: Slowness, *, turned: bool = False) -> list[HostState]:
    """`attention`: failed (armed first), held, waiting to retry, running ones with the slowest first, queued, skipped, done."""
    return at_once(ordered_in_pieces(hosts, order, slowness, turned=turned))


def ordered_in_pieces(
    hosts: Iterable[HostState], order: str, slowness: Slowness, *, turned: bool = False
) -> Generator[None, None, list[HostState]]:
    """The same; whoever asks may do something else at each `yield`."""

    def attention(host: HostState) -> tuple[int, float]:
        if host.status is HostStatus.FAILED:
            return 0, -float(host.armed)
        return _RANKS[host.status], -slowness(host) if host.status is HostStatus.RUNNING else 0.0

    key = attention if order == "attention" else _KEYS[order]
    given, keys, found = list(hosts), list[Any](), list[int]()
    for start in range(0, len(given), PIECE):
        keys += map(key, given[start : start + PIECE])
        found += sorted(range(start, len(keys)), key=keys.__getitem__, reverse=turned)
        yield
    found.sort(key=keys.__getitem__, reverse=turned)  # of sorted pieces: it only merges them
    yield
    return [given[place] for place in found]
