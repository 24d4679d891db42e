"""A rollout as its journal tells it: live beside the process that writes it, or played again."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from quads_tui.engine.clock import RealClock
from quads_tui.journal.catalogue import StoredRollout
from quads_tui.journal.reader import JournalReader, StoredSample
from quads_tui.rollout.events import Event
from quads_tui.rollout.http_log import Exchanged
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.plan import plan_from
from quads_tui.rollout.state import Rollout

STEP = 0.25  # real seconds between two looks at the journal


class ReplayClock(RealClock):
    """Real time that begins at `origin` and runs `pace` times as fast."""

    def __init__(self, speed: float, origin: float, pace: float) -> None:
        super().__init__(speed)
        self._origin = origin
        self._pace = pace
        self._start = time.monotonic()

    def wall(self) -> float:
        return self._origin + (time.monotonic() - self._start) * self._pace


class Follower:
    """The model and the meters of a rollout that another process runs, never more than a second behind."""

    def __init__(self, kept: StoredRollout, *, pace: float | None = None) -> None:
        """`pace`: play it again, this many times as fast as it was. Raises NoJournal; KeyError and ValueError for a plan that
        cannot be read."""
        self._reader = JournalReader(kept.journal)
        facts = kept.facts
        self.rollout = Rollout(kept.id, plan_from(facts["plan"]), speed=facts["speed"])
        self.rollout.durations.seed(kept.seeds)
        self.meters = Meters()
        self.ended = False  # the last event told so, and nothing came after it
        self._last = 0
        self._sampled = 0.0
        self._pace = pace
        self._waiting: deque[tuple[int, Event]] = deque()
        self._waiting_samples: deque[StoredSample] = deque()
        self.clock: RealClock = (
            RealClock(facts["speed"]) if pace is None else ReplayClock(facts["speed"], facts["created_at"], pace)
        )

    async def step(self, taken: Callable[[Event], None] = lambda event: None) -> None:
        """Take in what is new. The file is read off the loop."""
        if self._pace is None or not self._last:
            events, samples = await asyncio.to_thread(self._read)
            self._waiting += events
            self._waiting_samples += samples
        until = self.clock.wall() if self._pace is not None else float("inf")
        while self._waiting and self._waiting[0][1].at <= until:
            _, event = self._waiting.popleft()
            self.rollout.apply(event)
            self.ended = event.kind == "rollout_ended"
            taken(event)
        while self._waiting_samples and self._waiting_samples[0].at <= until:
            self.meters.restore(self._waiting_samples.popleft().data, self.clock.now())

    async def run(self, taken: Callable[[Event], None] = lambda event: None) -> None:
        """Until cancelled."""
        while True:
            await self.step(taken)
            await asyncio.sleep(STEP)

    def exchanges(self, host: str) -> list[Exchanged]:
        """The last requests that were made for a host."""
        return self._reader.exchanges(host)

    def close(self) -> None:
        self._reader.close()

    def _read(self) -> tuple[list[tuple[int, Event]], list[StoredSample]]:
        events = list(self._reader.events(self._last))
        samples = list(self._reader.samples(self._sampled))
        if events:
            self._last = events[-1][0]
        if samples:
            self._sampled = samples[-1].at
        return events, samples
