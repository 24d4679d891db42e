"""A rollout read from its journal: live while another process writes it, or replayed."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from quads_tui.engine.clock import RealClock
from quads_tui.journal.catalogue import StoredRollout
from quads_tui.journal.reader import JournalReader, NoJournal, StoredSample
from quads_tui.rollout.events import Event
from quads_tui.rollout.learned import HostResult
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.plan import plan_from
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.view import RolloutView

from .learned_store import past_results
from .options import Usage

_PIECE = 500  # events that are applied without a pause: five milliseconds
STEP = 0.25  # real seconds between two reads of the journal
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


class FollowedClock(RealClock):
    """Real time, that stands still at `stands_at` (real time too) while no process carries the rollout."""

    stands_at: float | None = None

    def wall(self) -> float:
        return super().wall() if self.stands_at is None else self.stands_at

    def now(self) -> float:
        return super().now() - (super().wall() - self.wall()) * self.speed


class Follower:
    """The state and the metrics of a rollout that another process runs, never more than a second behind."""

    def __init__(self, stored: StoredRollout, *, title: str = "WATCH", replay_speed: float | None = None) -> None:
        """`replay_speed`: play it again, this many times as fast as it was.

        Raises NoJournal; KeyError and ValueError for a plan that cannot be read.
        """
        self._reader = JournalReader(stored.journal)
        facts = stored.facts
        rollout = Rollout(stored.id, plan_from(facts["plan"]), speed=facts["speed"])
        rollout.durations.seed(stored.seeds, stored.learned)
        meters = Meters()
        self.stored = stored
        self._past: dict[str, tuple[HostResult, ...]] | None = None  # None: not read yet
        self.ended = False  # the last event was the end of the rollout
        self._last = 0
        self._sampled = 0.0
        self._replay_speed = replay_speed
        self._waiting: deque[tuple[int, Event]] = deque()
        self._waiting_samples: deque[StoredSample] = deque()
        speed = facts["speed"]
        self._nobody = False  # no process carries the rollout
        self._clock = FollowedClock(speed)
        clock = ReplayClock(speed, facts["created_at"], replay_speed) if replay_speed is not None else self._clock
        self.view = RolloutView(
            rollout=rollout,
            meters=meters,
            clock=clock,
            exchanges=self._reader.exchanges,
            past=lambda host: (self._past or {}).get(host, ()),
            title=title,
            directory=stored.directory,
        )

    async def step(self, applied: Callable[[Event], None] = lambda event: None) -> None:
        """Read and apply what is new. The file is read in a thread."""
        if self._replay_speed is None or not self._last:
            events, samples = await asyncio.to_thread(self._read)
            self._waiting += events
            self._waiting_samples += samples
        until = self.view.clock.wall() if self._replay_speed is not None else float("inf")
        applied_here = 0
        while self._waiting and self._waiting[0][1].at <= until:
            _, event = self._waiting.popleft()
            applied_here += 1
            if not applied_here % _PIECE:
                await asyncio.sleep(0)  # the first step has all that happened until now
            self.view.rollout.apply(event)
            self.ended = event.kind == "rollout_ended"
            applied(event)
        while self._waiting_samples and self._waiting_samples[0].at <= until:
            sample = self._waiting_samples.popleft()
            self.view.rollout.time.heard(sample.at)
            self.view.meters.restore(sample.data, self.view.clock.now(), sample.at)
        self._set_clock()

    def run_by(self, holder: str) -> None:
        """Who carries the rollout now; empty: nobody, and its clock stands still at the last sign of life."""
        self._nobody = not holder
        self._set_clock()

    def _set_clock(self) -> None:
        if self._replay_speed is not None:
            return
        kept = self.view.rollout.time
        kept.carried = not self._nobody and time.time() - kept.last < _SILENT
        self._clock.stands_at = kept.last if self._nobody and kept.last else None

    async def run(self, applied: Callable[[Event], None] = lambda event: None) -> None:
        """Until cancelled."""
        while True:
            await self.step(applied)
            await asyncio.sleep(STEP)

    def close(self) -> None:
        self._reader.close()

    def _read(self) -> tuple[list[tuple[int, Event]], list[StoredSample]]:
        if self._past is None:
            state = self.stored.directory.parent.parent
            real = self.stored.rehearsal is None
            self._past = past_results(state, self.stored.facts["foreman"], self.view.rollout.hosts) if real else {}
        events = list(self._reader.events(self._last))
        samples = list(self._reader.samples(self._sampled))
        if events:
            self._last = events[-1][0]
        if samples:
            self._sampled = samples[-1].at
        return events, samples


def follow(stored: StoredRollout, *, title: str = "WATCH", replay_speed: float | None = None) -> Follower:
    """Raises Usage for one that cannot be followed."""
    if stored.unreadable:
        raise Usage(stored.unreadable)
    if "plan" not in stored.facts:
        raise Usage(f"{stored.id} has no confirmed plan yet: there is nothing to show")
    try:
        return Follower(stored, title=title, replay_speed=replay_speed)
    except (NoJournal, KeyError, ValueError, TypeError) as error:
        raise Usage(f"{stored.journal} cannot be read: {error}") from None
