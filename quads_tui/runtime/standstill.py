"""A rollout whose database does not answer stands still, and its journal tells of that afterwards."""

from __future__ import annotations

from collections.abc import Callable

from quads_tui.engine.stoppable_clock import StoppableClock
from quads_tui.rollout.breaker import BreakerState
from quads_tui.rollout.events import Event, Notice, OutageChanged
from quads_tui.rollout.outages import DATABASE
from quads_tui.rollout.time_words import duration

_LONG = 5.0  # real seconds; what is shorter spoils no duration that is learned


class Standstill:
    """`emit`: the engine's, once it runs."""

    def __init__(self, clock: StoppableClock) -> None:
        self.emit: Callable[[Event], None] | None = None
        self._clock = clock
        self._why = ""
        self._since = 0.0  # real time
        self._began = clock.moment()

    def on_away(self, why: str) -> None:
        """The journal's: why the database does not answer, and "" when it does again."""
        clock = self._clock
        if why:
            self._why, self._since, self._began = why, clock.wall(), clock.moment()
            clock.stop()
            return
        clock.go()
        stood = self._began.until(clock.moment()) or 0.0
        if self._why and self.emit is not None and stood >= _LONG:
            now, words = clock.wall(), f"the {DATABASE} did not answer for {duration(stood * clock.speed)}"
            self.emit(OutageChanged(now, DATABASE, BreakerState.CLOSED, self._since, why=self._why))
            self.emit(Notice(now, "warning", f"{words}: the rollout stood still meanwhile"))
        self._why = ""
