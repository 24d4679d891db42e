"""A rollout read from its journal, a file or the database of a cluster: live while another process writes it, or replayed."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from quads_tui.engine.clock import RealClock
from quads_tui.journal.catalogue import StoredRollout
from quads_tui.journal.reader import NoJournal, StoredSample
from quads_tui.rollout.events import Event
from quads_tui.rollout.learned import HostResult
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.plan import plan_from
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.view import RolloutView

from .event_source import EventSource, JournalSource
from .learned_store import past_results
from .options import Usage

_PIECE = 500  # events that are applied without a pause: five milliseconds
_SILENT = 10.0  # real seconds without any sign of life, of which a process gives one a second: nobody carries the rollout


class ReplayClock(RealClock):
    """Real time that begins at `origin` and runs `pace` times as fast."""

    def __init__(self, speed: float, origin: float, pace: float) -> None:
        super().__init__(speed)
        self._origin = origin
        self._pace = pace
        self._start = time.monotonic()

    def wall(self) -> float:
        return self._origin + (time.monotonic() - self._start) * self._pace

    def begin(self, origin: float) -> None:
        """It shows `origin` now."""
        self._origin, self._start = origin, time.monotonic()


class FollowedClock(RealClock):
    """Real time of the machine that carries the rollout, `skew` ahead of ours. It stands still at `stands_at` (real time there)
    while no process carries the rollout."""

    stands_at: float | None = None
    skew = 0.0

    def runs_at(self) -> float:
        """Real time there, whoever carries the rollout."""
        return super().wall() + self.skew

    def wall(self) -> float:
        return self.runs_at() if self.stands_at is None else self.stands_at

    def now(self) -> float:
        return super().now() - (super().wall() - self.wall()) * self.speed


class Follower:
    """The state and the metrics of a rollout that another process runs, never more than a second behind."""

    def __init__(
        self,
        stored: StoredRollout,
        *,
        title: str = "WATCH",
        replay_speed: float | None = None,
        source: EventSource | None = None,
    ) -> None:
        """`replay_speed`: play it again, this many times as fast as it was. `source`: None: its journal on this machine.

        Raises NoJournal; KeyError and ValueError for a plan that cannot be read.
        """
        self._source = source or JournalSource(stored.journal)
        facts = stored.facts
        rollout = Rollout(stored.id, plan_from(facts["plan"]), speed=facts["speed"])
        rollout.durations.seed(stored.seeds, stored.learned)
        meters = Meters()
        self.stored = stored
        self._past: dict[str, tuple[HostResult, ...]] | None = None  # None: not read yet
        self.ended = False  # the last event was the end of the rollout
        self._replay_speed = replay_speed
        self._waiting: deque[Event] = deque()
        self._waiting_samples: deque[StoredSample] = deque()
        speed = facts["speed"]
        self._nobody = False  # no process carries the rollout
        self._clock = FollowedClock(speed)
        clock = ReplayClock(speed, facts["created_at"], replay_speed) if replay_speed is not None else self._clock
        self.view = RolloutView(
            rollout=rollout,
            meters=meters,
            clock=clock,
            exchanges=self._source.exchanges,
            past=lambda host: (self._past or {}).get(host, ()),
            title=title,
            directory=stored.directory,
        )

    async def step(self, applied: Callable[[Event], None] = lambda event: None) -> None:
        """Read and apply what is new."""
        if self._replay_speed is None or self._past is None:
            if self._past is None:
                self._past = await asyncio.to_thread(self._past_results)
            events, samples = await self._source.read()
            self._clock.skew = self._source.skew
            if isinstance(self.view.clock, ReplayClock) and events:
                self.view.clock.begin(events[0].at)  # nobody wants to see how the plan, or a worker, was waited for
            self._waiting += events
            self._waiting_samples += samples
        until = self.view.clock.wall() if self._replay_speed is not None else float("inf")
        applied_here = 0
        while self._waiting and self._waiting[0].at <= until:
            event = self._waiting.popleft()
            applied_here += 1
            if not applied_here % _PIECE:
                await asyncio.sleep(0)  # the first step has all that happened until now
            self.view.rollout.apply(event)
            self.ended = event.kind == "rollout_ended"
            applied(event)
        while self._waiting_samples and self._waiting_samples[0].at <= until:
            sample = self._waiting_samples.popleft()
            time = self.view.rollout.time
            time.heard(sample.at)
            self.view.meters.restore(sample.data, self.view.clock.now(), sample.at, speed=time.speed_at(sample.at))
        self._set_clock()

    def run_by(self, holder: str) -> None:
        """Who carries the rollout now; empty: nobody, and its clock stands still at the last sign of life."""
        self._nobody = not holder
        self._set_clock()

    def _set_clock(self) -> None:
        if self._replay_speed is not None:
            return
        kept = self.view.rollout.time
        kept.carried = not self._nobody and self._clock.runs_at() - kept.last < _SILENT
        self._clock.stands_at = kept.last if self._nobody and kept.last else None

    async def run(self, applied: Callable[[Event], None] = lambda event: None) -> None:
        """Until cancelled."""
        while True:
            await self.step(applied)
            await self.wait()

    async def wait(self) -> None:
        """Until there may be something new, for a second at most."""
        await self._source.wait()

    def close(self) -> None:
        self._source.close()

    def _past_results(self) -> dict[str, tuple[HostResult, ...]]:
        """In a thread."""
        if self.stored.rehearsal is not None:
            return {}
        return past_results(self.stored.directory.parent.parent, self.stored.facts["foreman"], self.view.rollout.hosts)


def follow(
    stored: StoredRollout, *, title: str = "WATCH", replay_speed: float | None = None, source: EventSource | None = None
) -> Follower:
    """`source`: None: its journal on this machine. Raises Usage for one that cannot be followed."""
    if stored.unreadable:
        raise Usage(stored.unreadable)
    if "plan" not in stored.facts:
        raise Usage(f"{stored.id} has no confirmed plan yet: there is nothing to show")
    try:
        return Follower(stored, title=title, replay_speed=replay_speed, source=source)
    except (NoJournal, KeyError, ValueError, TypeError) as error:
        raise Usage(f"{stored.journal if source is None else stored.id} cannot be read: {error}") from None
