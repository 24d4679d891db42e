"""Rollouts of a cluster as consoles read them: chosen by name, followed as they proceed, or read whole."""

from __future__ import annotations

import asyncio
import difflib
import re
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from quads_tui.journal.catalogue import StoredRollout
from quads_tui.journal.cluster.connection import DatabaseAway
from quads_tui.journal.cluster.rollouts import ClusterRollout, ClusterRollouts
from quads_tui.journal.reader import StoredSample
from quads_tui.rollout.events import Event, RolloutStarted
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.text import clean

from .event_source import STEP
from .options import Options, Usage
from .outside_text import printable, printable_event

_NEWS = 0.75  # real seconds without a notification after which it is read nevertheless
_AGAIN = 1.0  # real seconds between two tries of a database that is away
_LIVELY = 10.0  # a worker that was heard of within so many real seconds lives, whatever its lease
_SKEW = 1.0  # real seconds; clocks that differ by less are taken for equal
_ASKED = 5.0  # real seconds for which the requests of a host are read again after a screen asked for them
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
_DAMAGE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class RolloutInCluster:
    """One rollout as it stands in the database. `alive`: the worker that carries it lives, by the clock of the database."""

    row: ClusterRollout
    alive: bool

    @property
    def worker(self) -> str:
        """Who carries it; empty: nobody, or a worker that died."""
        return self.row.worker if self.alive else ""


async def standing(rollouts: ClusterRollouts, row: ClusterRollout) -> RolloutInCluster:
    """Raises DatabaseAway."""
    alive = bool(row.worker)
    if alive and row.heard is not None and row.heard > _LIVELY:
        alive = row.worker in await rollouts.workers(row.foreman, row.location)
    return RolloutInCluster(row, alive)


async def choose_in_cluster(rollouts: ClusterRollouts, name: str | None, where: str, *, newest: bool = False) -> ClusterRollout:
    """The rollout of this id, or of the only id that begins so. Without a name the newest that a worker carries, else the newest;
    `newest`: the newest anyway.

    `where`: the database, in words. Raises Usage and DatabaseAway.
    """
    rows = (await rollouts.all())[::-1]
    if not rows:
        raise Usage(f"there is no rollout in {where}")
    if name is None:
        return rows[0] if newest else next((row for row in rows if row.worker), rows[0])
    found = [row for row in rows if row.id == name] or [row for row in rows if row.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    near = [row.id for row in found] or difflib.get_close_matches(name, [row.id for row in rows], 3, 0.4)
    others = f"similar: {', '.join(near[:5])}" if near else f"the newest: {', '.join(row.id for row in rows[:3])}"
    raise Usage(f"there is no rollout {clean(name, 200)} in {where}; {others}")


async def stored_in_cluster(rollouts: ClusterRollouts, row: ClusterRollout, options: Options) -> StoredRollout:
    """With all its facts. Its directory is that of this machine for it: for screenshots and exports.

    Raises DatabaseAway, and Usage for an id that cannot be the name of a directory: it comes from another machine.
    """
    if not _ID.fullmatch(row.id):
        raise Usage(f"the rollout {row.id!r} has an id that quads-tui does not give: it cannot be used here")
    return StoredRollout(row.id, options.state / "cluster" / row.id, printable(await rollouts.facts(row.id)))


async def all_events(rollouts: ClusterRollouts, rollout: str) -> list[Event]:
    """Raises DatabaseAway; ValueError for one of a newer version."""
    events: list[Event] = []
    last = 0
    while found := await rollouts.events(rollout, last):
        last = found[-1][0]
        events += [printable_event(event) for _, event in found]
    return events


async def all_samples(rollouts: ClusterRollouts, rollout: str) -> list[StoredSample]:
    """Raises as `all_events`."""
    samples: list[StoredSample] = []
    last = 0
    while found := await rollouts.samples(rollout, last):
        last = found[-1][0]
        samples += [sample for _, sample in found]
    return samples


class ClusterSource:
    """Implements EventSource for a rollout in the database. While that does not answer nothing is new, and `away` gives why."""

    def __init__(self, rollouts: ClusterRollouts, found: RolloutInCluster) -> None:
        """`rollouts`: a connection that nobody else uses; whoever opened it closes it."""
        self.standing = found
        self.away = ""  # in words
        self.away_since = 0.0  # real time
        self.skew = 0.0
        self._rollouts = rollouts
        self._last = 0
        self._sampled = 0
        self._ahead: deque[float] = deque(maxlen=50)  # how far the worker's clock was ahead of ours, by its last events
        self._exchanges: dict[str, list[Exchange]] = {}
        self._asked: tuple[str, float] = ("", 0.0)  # the host whose requests a screen wants, and when it asked (monotonic)

    async def read(self) -> tuple[Sequence[Event], Sequence[StoredSample]]:
        try:
            news = await self._read()
            self.away = ""
            return news
        except DatabaseAway as error:
            self._is_away(str(error))
        except _DAMAGE as error:
            self._is_away(f"its events cannot be read by this version: {clean(error, 300)}")
        return [], []

    def _is_away(self, why: str) -> None:
        if not self.away:
            self.away_since = time.time()
        self.away = why

    async def _read(self) -> tuple[list[Event], list[StoredSample]]:
        """All of it, or nothing: what was read before a failure is read again."""
        rollout = self.standing.row.id
        events: list[Event] = []
        samples: list[StoredSample] = []
        last, sampled, ahead = self._last, self._sampled, self._ahead.copy()
        while found := await self._rollouts.aged_events(rollout, last):
            last = found[-1][0]
            now = time.time()
            for _, event, age in found:
                if isinstance(event, RolloutStarted):
                    ahead.clear()  # another worker, with another clock
                ahead.append(event.at + age - now)
                events.append(printable_event(event))
        while more := await self._rollouts.samples(rollout, sampled):
            sampled = more[-1][0]
            samples += [sample for _, sample in more]
        if (row := await self._rollouts.one(rollout)) is not None:
            self.standing = await standing(self._rollouts, row)
        host, asked = self._asked
        if host and time.monotonic() - asked < _ASKED:
            self._exchanges = {host: await self._rollouts.exchanges(rollout, host)}
        self._last, self._sampled, self._ahead = last, sampled, ahead
        if ahead:  # written late, an event makes the clock seem behind, never ahead
            self.skew = skew if abs(skew := max(ahead)) >= _SKEW else 0.0
        return events, samples

    async def wait(self) -> None:
        if self.away:
            await asyncio.sleep(_AGAIN)
            return
        await asyncio.sleep(STEP)  # a busy rollout notifies all the time
        try:
            await self._rollouts.news(_NEWS)
        except DatabaseAway as error:
            self._is_away(str(error))

    def exchanges(self, host: str) -> Sequence[Exchange]:
        """Those that are known; the next read has them, or newer ones."""
        self._asked = (host, time.monotonic())
        return self._exchanges.get(host, ())

    def close(self) -> None:
        """Nothing of its own to close."""
