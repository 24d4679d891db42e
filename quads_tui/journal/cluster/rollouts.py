"""The rollouts of a cluster as consoles have them: submitted, listed, read as they go on, and ordered about.

Nothing here can change what a worker wrote. Who may do this needs the role of a console in the database (`cluster init --grant`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from quads_tui.journal.reader import StoredSample
from quads_tui.rollout.commands import Command, from_dict, to_dict
from quads_tui.rollout.events import Event, from_row
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.text import clean

from .connection import Dsn
from .link import Link

IN_ANOTHER = "QT006"  # Refused: a host is in another rollout
CHANNELS = ("quads_tui_event", "quads_tui_rollout")
_MOST = 5000  # events or samples of one call
_EXCHANGES = 200  # of a host


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRollout:
    """One rollout of the cluster, as it stands now. Ages are real seconds by the database's clock."""

    id: str
    foreman: str  # key of the Foreman that it writes to (journal.servers.spelled)
    who: str  # that submitted it: user@machine, as the console says, and the session that brought it
    submitted: float  # real time by the database's clock, seconds since 1970 UTC
    wanted: bool  # a worker carries it, or is to; False: it is settled, or waits for an operator
    worker: str  # that carries it now; empty: none
    heard: float | None  # seconds since that worker was heard of; None: nobody carries it
    epoch: int  # how often it was claimed
    last: int  # number of its last event
    waiting: int  # commands that no worker has taken yet
    location: str = ""  # that its worker must reach; empty: any worker


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """What an operator ordered. `who`: as the console says; `role`: the database user.

    `taken`: a worker has it; what came of it is an event Commanded.
    """

    n: int
    who: str
    role: str
    command: Command | None  # None: of a version that is not known here
    taken: bool


class ClusterRollouts:
    """One connection of a console. All calls raise DatabaseAway where the database does not answer, Refused where it refuses."""

    def __init__(self, dsn: Dsn) -> None:
        self._link = Link(dsn, CHANNELS)

    async def submit(
        self, rollout: str, *, foreman: str, who: str, facts: Mapping[str, Any], hosts: Collection[str], location: str = ""
    ) -> None:
        """A worker of this Foreman and location is to carry it out. `facts`: as JournalStore.describe has them, with the plan.

        `hosts`: names and BMC addresses; Refused (IN_ANOTHER) where one is in a rollout that is under way. May be repeated where
        no answer came.
        """
        keys, values = [*facts], [json.dumps(value) for value in facts.values()]
        call = "select quads_tui.submit(%s, %s, %s, %s, %s, %s, %s)"
        await self._link.call(call, rollout, foreman, location, who, keys, values, [*hosts])

    async def order(self, rollout: str, who: str, command: Command) -> int:
        """Give the command to whoever carries the rollout; where it was settled, a worker takes it up again for that.

        Gives the command's number. Raises Refused (IN_ANOTHER) where one of its hosts is in a newer rollout. Where no answer came
        it may have been given all the same: `commands` tells.
        """
        body = json.dumps(to_dict(command))
        return int((await self._link.call("select quads_tui.order_command(%s, %s, %s)", rollout, who, body))[0][0])

    async def want(self, rollout: str) -> bool:
        """A worker is to go on with it, though it was stopped. False: there is no such rollout. Raises Refused as `order`."""
        return bool((await self._link.call("select quads_tui.want(%s)", rollout))[0][0])

    async def take_back(self, rollout: str, who: str) -> bool:
        """No worker carries it from now on: its journal is a file of `who`. False: there is no such rollout.

        Raises Refused where a worker carries it, somebody else has taken it back, or a host is in a newer rollout.
        """
        return bool((await self._link.call("select quads_tui.take_back(%s, %s)", rollout, who))[0][0])

    async def all(self) -> list[ClusterRollout]:
        """The oldest first."""
        return [_rollout(row) for row in await self._link.call("select * from quads_tui.rollouts()")]

    async def one(self, rollout: str) -> ClusterRollout | None:
        """None: there is no such rollout."""
        rows = await self._link.call("select * from quads_tui.rollouts(%s)", rollout)
        return _rollout(rows[0]) if rows else None

    async def workers(self, foreman: str, location: str = "") -> list[str]:
        """Names of those that live, and can carry a rollout of this Foreman and location; those that have lived longest first."""
        rows = await self._link.call("select * from quads_tui.workers(%s, %s)", foreman, location)
        return [clean(name, 200) for name, _ in rows]

    async def facts(self, rollout: str, *keys: str) -> dict[str, Any]:
        """Those of these keys; without keys all of them. Empty: there is no such rollout."""
        rows = await self._link.call("select * from quads_tui.facts(%s, %s)", rollout, [*keys] or None)
        return {key: json.loads(value) for key, value in rows}

    async def events(self, rollout: str, after: int = 0) -> list[tuple[int, Event]]:
        """The next ones after number `after`, in order, some thousands at most: none are left where it is empty.

        No event ever appears before one that was read already. Raises ValueError for one of a newer version.
        """
        return [(n, event) for n, event, _ in await self.aged_events(rollout, after)]

    async def aged_events(self, rollout: str, after: int = 0) -> list[tuple[int, Event, float]]:
        """As `events`, each with the real seconds since it was written, by the database's clock."""
        rows = await self._link.call("select * from quads_tui.events(%s, %s, %s)", rollout, after, _MOST)
        return [(n, from_row(json.loads(body)), age) for n, body, age in rows]

    async def samples(self, rollout: str, after: int = 0) -> list[tuple[int, StoredSample]]:
        """As `events`, with numbers of their own."""
        rows = await self._link.call("select * from quads_tui.samples(%s, %s, %s)", rollout, after, _MOST)
        return [(n, StoredSample(*json.loads(body))) for n, body in rows]

    async def exchanges(self, rollout: str, host: str) -> list[Exchange]:
        """The last requests that were made for this host, in their order."""
        rows = await self._link.call("select * from quads_tui.exchanges(%s, %s, 0, %s)", rollout, host, _EXCHANGES)
        return [exchange_from(body) for _, body in rows]

    async def all_exchanges(self, rollout: str, after: int = 0) -> list[tuple[int, Exchange]]:
        """The next ones of all hosts, for an export; as `events`, with numbers of their own, which may have gaps."""
        rows = await self._link.call("select * from quads_tui.exchanges(%s, null, %s, %s)", rollout, after, _MOST)
        return [(n, exchange_from(body)) for n, body in rows]

    async def commands(self, rollout: str, after: int = 0) -> list[StoredCommand]:
        """Those after number `after`, in the order in which they were given."""
        rows = await self._link.call("select * from quads_tui.commands(%s, %s)", rollout, after)
        return [StoredCommand(n, clean(who, 200), clean(role, 100), _command(body), taken) for n, who, role, body, taken in rows]

    async def news(self, seconds: float) -> None:
        """Return when a rollout of the cluster went on, or after real `seconds`. A bell: what is new is read as always."""
        await self._link.news(seconds)

    async def close(self) -> None:
        await self._link.close()


def exchange_body(one: Exchange) -> str:
    """As the database keeps it; its answer's body is not kept."""
    return json.dumps([one.at, one.host, one.method, one.path, one.status, one.seconds, one.error])


def exchange_from(body: str) -> Exchange:
    at, host, method, path, status, seconds, error = json.loads(body)
    return Exchange(at=at, host=host, method=method, path=path, status=status, seconds=seconds, error=error)


def _rollout(row: tuple[Any, ...]) -> ClusterRollout:
    rollout, foreman, who, submitted, wanted, worker, heard, epoch, last, waiting, location = row
    return ClusterRollout(
        id=clean(rollout, 200),
        foreman=clean(foreman, 300),
        who=clean(who, 200),
        submitted=submitted,
        wanted=wanted,
        worker=clean(worker, 200),
        heard=heard,
        epoch=epoch,
        last=last,
        waiting=waiting,
        location=clean(location, 100),
    )


def _command(body: str) -> Command | None:
    try:
        return from_dict(json.loads(body))
    except (ValueError, RecursionError):
        return None
