"""The hosts that wait at the gate, in the order of their turns."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple

from quads_tui.rollout.stages import Stage

from .host_order import HostOrder

Queue = dict[str, tuple[Stage, asyncio.Future[None], float]]  # `float`: own time from which on the host has been waiting


def by_order(queue: Queue, order: HostOrder) -> list[str]:
    """Those that have not been let in."""
    waiting = [host for host, (_, place, _) in queue.items() if not place.done()]
    return sorted(waiting, key=lambda host: order.key(host, queue[host][2]))


class Group(NamedTuple):
    """Hosts that wait to begin, and that one thing may keep all together."""

    limited: bool  # they need a place
    first: bool  # pauses concern them
    model: str
    type: Hashable = None  # of which hosts are built before all others, None where there are no such


class Ranking:
    """The hosts of `queue` by their turns. They may be ten thousand, so they are sorted only when need be, and those that wait
    for the same are passed over at once. `group`: of a host and the stage that it waits for.
    """

    def __init__(self, queue: Queue, order: HostOrder, group: Callable[[str, Stage], Group]) -> None:
        self._queue = queue
        self._order = order
        self._group = group
        self._ranked: dict[Group, list[str]] = {}  # the last one is next; some may have gone since
        self._version = -1  # -1: others have come since

    def others_came(self) -> None:
        self._version = -1

    def walk(
        self, version: int, kept: Callable[[Group], bool], late: Callable[[str], bool], waits: Callable[[str], object]
    ) -> Iterator[str]:
        """The next ones, but for groups that are `kept`, and hosts that are `late` for good. Another `version`: sort again.
        `waits`: whether a host waits for others of its type, as all of its type do then."""
        version += self._order.version
        if self._version != version:
            self._ranked, self._version = {}, version
            for host in reversed(by_order(self._queue, self._order)):
                self._ranked.setdefault(self._group(host, self._queue[host][0]), []).append(host)
        may: list[list[str]] = []
        for group, hosts in self._ranked.items():
            if kept(group):
                continue
            while hosts and (not self._waits(hosts[-1]) or late(hosts[-1])):
                hosts.pop()
            if hosts and not (group.first and group.type is not None and waits(hosts[-1])):
                may.append(hosts)
        one_by_one = ((host for host in reversed(hosts) if self._waits(host)) for hosts in may)
        return heapq.merge(*one_by_one, key=lambda host: self._order.key(host, self._queue[host][2]))

    def _waits(self, host: str) -> bool:
        return host in self._queue and not self._queue[host][1].done()
