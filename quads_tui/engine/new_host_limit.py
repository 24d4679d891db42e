"""The time limit at the gate: no host begins that would not be done by then."""

from __future__ import annotations

from quads_tui.rollout.ports import Clock
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.time_limit import TimeLimit
from quads_tui.rollout.waits import for_the_time_limit

_FRESH = 30.0  # own seconds between two looks at what was learned


class NewHostLimit:
    """Asked by the gate before a host begins; the time that is left is that of the question."""

    def __init__(self, rollout: Rollout, clock: Clock) -> None:
        self._rollout = rollout
        self._clock = clock
        self.version = 0  # another number: who was late may be so no longer
        writes = rollout.durations.writes.values()
        self._writes = sum(writes) / max(1, len(writes))  # of one host
        self.look()

    @property
    def why(self) -> str:
        """Why those do not begin that are late, in words."""
        return for_the_time_limit(self._rollout.plan.until, self._rollout.time)

    def look(self) -> None:
        """At what is known by now."""
        self._known = TimeLimit(self._rollout, self._clock.wall())
        self._looked = self._clock.now()
        self.version += 1

    def refresh(self) -> None:
        """Look from time to time."""
        if self._clock.now() - self._looked >= _FRESH:
            self.look()

    def is_late(self, host: str) -> bool:
        """It begins now, and is written after all that are powered off."""
        known = self._known
        writes = len(self._rollout.powered_off_waiting) * self._writes + known.writes(host)
        return known.needed(host, writes) > known.left(self._clock.wall())
