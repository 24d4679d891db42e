"""A worker in the database of its cluster: it is alive, claims rollouts, takes their commands, and lets go."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from quads_tui.rollout.commands import Command, from_dict
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.events import Event, to_row
from quads_tui.rollout.text import clean

from .connection import Dsn
from .link import CALL, Link, Refused

CHANNELS = ("quads_tui_rollout",)
TAKEN = "QT002"  # another worker carries the rollout
DEAD = "QT003"  # this worker was declared dead


class DeclaredDead(QuadsTuiError):
    """This worker was not heard of for its lease: its rollouts are free for others, and it must not act any more."""


class Claim(NamedTuple):
    """The right to carry a rollout. Each claim has a greater epoch than those before."""

    rollout: str
    epoch: int


class WorkerRow:
    """This process as a worker. All calls raise DatabaseAway where the database does not answer."""

    def __init__(self, dsn: Dsn, *, name: str, foreman: str, lease: float, locations: Sequence[str] = ()) -> None:
        """`foreman`: key of the one that its site writes to. `lease`: real seconds unheard of after which it counts as dead.
        `locations`: whose BMCs it reaches; rollouts without a location need none."""
        self.id = uuid.uuid4()
        self.name = name
        self.lease = lease
        self._foreman = foreman
        self._locations = [*locations]
        self._claims = Link(dsn, CHANNELS)
        self._beats = Link(dsn)

    async def register(self) -> None:
        """May be repeated."""
        call = "select quads_tui.register(%s, %s, %s, %s, %s)"
        await self._beats.call(call, self.id, self.name, self._foreman, self._locations, timedelta(seconds=self.lease))

    async def beat(self, seconds: float) -> None:
        """Be heard of, within real `seconds`. Raises DeclaredDead."""
        await self._alive(self._beats, "select quads_tui.beat(%s)", seconds)

    async def claim(self) -> Claim | None:
        """One of the rollouts that nobody carries; None: there is none. Raises DeclaredDead."""
        rows = await self._alive(self._claims, "select * from quads_tui.claim(%s)")
        return Claim(*rows[0]) if rows else None

    async def leave(self) -> None:
        """This worker ends; what it still carries is free."""
        await self._beats.call("select quads_tui.leave(%s)", self.id)

    async def news(self, seconds: float) -> None:
        """Return when a rollout was submitted, ordered about or let go, or after real `seconds`."""
        await self._claims.news(seconds)

    async def close(self) -> None:
        await self._claims.close()
        await self._beats.close()

    async def _alive(self, link: Link, statement: str, seconds: float = CALL) -> list[tuple[Any, ...]]:
        try:
            return await link.call(statement, self.id, seconds=seconds)
        except Refused as refused:
            if refused.code == DEAD:
                raise DeclaredDead("this worker was declared dead: it did not reach the database for too long") from None
            raise


class ClaimedRollout:
    """A rollout that this worker carries: what is ordered there, and its end. All calls raise DatabaseAway, and Refused (TAKEN)
    where another worker carries it."""

    def __init__(self, dsn: Dsn, claim: Claim) -> None:
        self.claim = claim
        self._link = Link(dsn, CHANNELS)

    async def take_commands(self) -> list[tuple[str, Command]]:
        """Those that nobody has taken, with who gave them: as the console says, and the database's session that brought them.

        They are this worker's to carry out now.
        """
        rows = await self._link.call("select * from quads_tui.take_commands(%s, %s)", self.claim.rollout, self.claim.epoch)
        taken = []
        for _, who, body in rows:
            try:
                taken.append((clean(who, 200), from_dict(json.loads(body))))
            except (ValueError, RecursionError):
                continue  # of a newer version: it has no effect, and no event Commanded
        return taken

    async def say(self, event: Event) -> None:
        """An event where no journal could be opened; without effect where one was."""
        body = json.dumps(to_row(event))
        await self._link.call("select quads_tui.append(%s, %s, 0, %s, %s, %s, %s)", *self.claim, [body], [], [], [])

    async def let_go(self, *, wanted: bool) -> None:
        """`wanted`: another worker is to go on with it."""
        await self._link.call("select quads_tui.let_go(%s, %s, %s)", self.claim.rollout, self.claim.epoch, wanted)

    async def news(self, seconds: float) -> None:
        """As WorkerRow.news."""
        await self._link.news(seconds)

    async def close(self) -> None:
        await self._link.close()
