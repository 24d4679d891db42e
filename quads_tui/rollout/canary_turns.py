"""When hosts that wait for the first of their type are written, for the forecast: after its install, and one after another."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from heapq import nsmallest

from .canary import CanaryGroup
from .pieces import PIECE
from .state import HostState, Rollout


class CanaryTurns:
    """At one moment; `now` is real time. All else is in the rollout's own seconds."""

    def __init__(self, rollout: Rollout, now: float) -> None:
        self._canaries, self._durations = rollout.canaries, rollout.durations
        self._now, self._speed = now, rollout.speed
        self._first: dict[str, tuple[str, ...]] = {}  # by the hosts that wait: those that they wait for
        self._opens: dict[tuple[str, ...], float] = {}  # seconds until the write of the last one that was asked for

    def arrange(self, hosts: list[HostState]) -> Generator[None, None, list[HostState]]:
        """Of hosts that have not begun, in the order of their turns: who is still to be the first of its type comes before the
        others, and who waits for it after them. In pieces of many hosts."""
        if all(group.is_open for group in self._canaries.groups):
            return hosts
        closed: dict[int, tuple[CanaryGroup, list[HostState]]] = {}
        for number, host in enumerate(hosts):
            if not number % PIECE:
                yield
            if (group := self._canaries[host.name]) is not None:
                closed.setdefault(id(group), (group, []))[1].append(host)
        firsts: dict[str, HostState] = {}
        for group, theirs in closed.values():
            missing = max(0, group.wanted - len(group.built) - len(group.live))
            candidates: list[HostState] = []
            for start in range(0, len(theirs), PIECE):
                yield
                candidates = nsmallest(missing, [*candidates, *theirs[start : start + PIECE]], key=self._tail)
            firsts |= {host.name: host for host in candidates}
            names = (*group.live, *(host.name for host in candidates))
            for number, host in enumerate(theirs):
                if not number % PIECE:
                    yield
                if host.name not in firsts:
                    self._first[host.name] = names
        others: list[HostState] = []
        waiting: list[HostState] = []
        for number, host in enumerate(hosts):
            if not number % PIECE:
                yield
            if host.name not in firsts:
                (waiting if host.name in self._first else others).append(host)
        return [*firsts.values(), *others, *waiting]

    def _tail(self, host: HostState) -> float:
        return self._durations.tail(host.name) or 0.0

    def turn(self, host: str, soonest: float, ready: float, write: float, turns: Mapping[str, float]) -> float:
        """Seconds until its write is applied. `soonest`: if it waited for no other host; `ready`: from its begin until it may be
        written; `write`: what its writes take; `turns`: of the hosts before it."""
        first = self._first.get(host)
        if first is None:
            return soonest
        if first not in self._opens:
            self._opens[first] = ready + max((self._built_in(canary, turns) for canary in first), default=0.0)
        self._opens[first] += write
        return max(soonest, self._opens[first])

    def _built_in(self, host: str, turns: Mapping[str, float]) -> float:
        tail = self._durations.tail(host) or 0.0
        written = self._durations.written.get(host)
        return turns.get(host, 0.0) + tail if written is None else max(0.0, tail - (self._now - written) * self._speed)
