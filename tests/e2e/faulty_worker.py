"""The program itself, as a worker that sends a signal to its own process at a named point.

python -m tests.e2e.faulty_worker N SIGNAL POINT -- WORDS

N: the how-manyth time. POINT: an act whose intent is on the database's disk (build, reset, override), `login` (that one is about to
be sent is), `check` (before the check at the first byte of an act at a BMC), or `wire` (the last check of a write to Foreman passed:
its first byte is next).
"""

from __future__ import annotations

import os
import sys
from typing import Any

from quads_tui.cli import main
from quads_tui.journal.cluster.journal import ClusterJournal
from quads_tui.journal.cluster.place import PostgresPlace
from quads_tui.rollout.events import BmcSession, Event, Intent


class _Point:
    def __init__(self, at: int, number: int) -> None:
        self._left = at
        self._number = number

    def passed(self) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), self._number)


def _is_of(event: Event, point: str) -> bool:
    if point == "login":
        return isinstance(event, BmcSession) and event.is_open and not event.uri
    return isinstance(event, Intent) and event.act == point


def install(at: int, number: int, name: str) -> None:
    point = _Point(at, number)
    answer, owned, sending = ClusterJournal._answer, ClusterJournal.owned, PostgresPlace.sending

    def answered(self: ClusterJournal, events: Any, why: str) -> None:
        for event, _ in events:
            if not why and _is_of(event, name):
                point.passed()
        answer(self, events, why)

    async def before_check(self: ClusterJournal) -> None:
        if name == "check":
            point.passed()
        await owned(self)

    async def sent(self: PostgresPlace, *values: Any) -> None:
        await sending(self, *values)
        if name == "wire":
            point.passed()

    ClusterJournal._answer = answered  # type: ignore[method-assign]
    ClusterJournal.owned = before_check  # type: ignore[method-assign]
    PostgresPlace.sending = sent  # type: ignore[method-assign]


if __name__ == "__main__":
    install(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    sys.argv = ["quads-tui", *sys.argv[sys.argv.index("--") + 1 :]]
    main()
