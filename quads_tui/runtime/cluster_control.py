"""Control of a rollout of a cluster: commands are put into its database, and the worker that carries the rollout out takes them.

Several consoles may have control at once: each command is checked by the engine and recorded with who gave it. A command is never
given twice by itself: what was to be done may not be right any more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from quads_tui.journal.cluster.connection import DatabaseAway
from quads_tui.journal.cluster.link import Refused as RefusedByDatabase
from quads_tui.journal.cluster.rollouts import ClusterRollouts
from quads_tui.rollout.commands import Command
from quads_tui.rollout.counts import count
from quads_tui.rollout.events import Commanded, Event
from quads_tui.rollout.text import clean

_AGAIN = 1.0  # real seconds between two tries of a database that is away
_LATE = 5.0  # real seconds without an answer of a worker after which that is shown
_MOST = 100  # commands that wait to be sent


@dataclass(slots=True, eq=False)
class _Given:
    """A command that is in the database, or on its way there. `at`: the loop's time; `n`: its number there, once it is known."""

    command: Command
    at: float
    n: int = 0


class ClusterControl:
    """Implements rollout.ports.Control. `tell` gets what an operator must know of a command, in words: its answer, or that it
    was refused, or that it waits; `worker` gives who carries the rollout now, in words."""

    def __init__(
        self, rollouts: ClusterRollouts, rollout: str, who: str, *, tell: Callable[[str], None], worker: Callable[[], str]
    ) -> None:
        """`who`: user@machine. `rollouts`: a connection that nobody else uses; whoever opened it closes it."""
        self._rollouts = rollouts
        self._rollout = rollout
        self._who = who
        self._tell = tell
        self._worker = worker
        self._waiting: deque[Command] = deque()
        self._wake = asyncio.Event()
        self._given: deque[_Given] = deque()  # without an answer yet, in their order
        self._last = 0  # number of the last command that is known
        self._late_told = False

    async def connect(self) -> None:
        """Raises DatabaseAway."""
        await self._known()

    def submit(self, command: Command) -> None:
        if len(self._waiting) < _MOST:
            self._waiting.append(command)
            self._wake.set()
        else:
            self._tell(f"{_words(command)}: not sent, {count(len(self._waiting), 'command')} wait for the database")

    def on_event(self, event: Event) -> None:
        """An event of the rollout that was not there when this console attached."""
        if isinstance(event, Commanded) and event.who.partition(" (")[0] == self._who:  # behind it stands the session
            self._late_told = False
            if self._given:
                self._given.popleft()
            worker = self._worker()
            self._tell(f"{clean(event.text, 300)}{f' ({worker})' if worker else ''}")

    async def run(self) -> None:
        """Send what is submitted, until cancelled."""
        watching = asyncio.create_task(self._tell_late())
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    await self._send(self._waiting.popleft())
        finally:
            watching.cancel()

    async def _send(self, command: Command) -> None:
        given = _Given(command, asyncio.get_running_loop().time())
        self._given.append(given)  # its answer may come before that of the database
        try:
            given.n = await self._rollouts.order(self._rollout, self._who, command)
            self._last = max(self._last, given.n)
            return
        except RefusedByDatabase as refused:
            self._forget(given)
            self._tell(f"{_words(command)}: refused: {refused}")
            return
        except DatabaseAway as away:
            self._tell(f"{_words(command)}: the database does not answer: {away}")
        given.n = await self._arrived(command)
        if not given.n:
            self._forget(given)
            self._tell(f"{_words(command)}: did not reach the database, which answers again: repeat it if it is still right")

    def _forget(self, given: _Given) -> None:
        if given in self._given:
            self._given.remove(given)

    async def _arrived(self, command: Command) -> int:
        """The number of a command whose sending had no answer, once the database answers again; 0: it is not there."""
        while True:
            try:
                return max((n for n, known in await self._known() if known == command), default=0)
            except DatabaseAway:
                await asyncio.sleep(_AGAIN)

    async def _known(self) -> list[tuple[int, Command]]:
        """Our own commands that were not known yet."""
        found = await self._rollouts.commands(self._rollout, self._last)
        self._last = max([self._last, *(one.n for one in found)])
        return [(one.n, one.command) for one in found if one.who == self._who and one.command is not None]

    async def _tell_late(self) -> None:
        """Say once that commands have no answer yet."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_AGAIN)
            late = self._given[0] if self._given else None
            if late is None or not late.n or self._late_told or loop.time() - late.at < _LATE:
                continue
            with suppress(DatabaseAway):
                found = await self._rollouts.commands(self._rollout, late.n - 1)
                self._late_told = True
                self._tell(self._late_words(late, taken=bool(found and found[0].taken)))

    def _late_words(self, late: _Given, *, taken: bool) -> str:
        if taken:  # whoever takes one carries it out once, or not at all where it dies before
            return f"{_words(late.command)}: a worker took it, no result yet: if none comes, check the hosts and repeat it"
        waits = "waits" if len(self._given) == 1 else "wait"
        return f"{count(len(self._given), 'command')} {waits} for {self._worker() or 'a worker: this rollout has none now'}"


def _words(command: Command) -> str:
    """Which command, for who gave it: "skip 3 hosts"."""
    name = type(command).__name__.lower()
    hosts = getattr(command, "hosts", None)
    return name if hosts is None else f"{name} {count(len(hosts), 'host')}"
