"""What every screen of a rollout looks at: made by the process that runs it, and by the one that follows its journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .forecast import Forecast, Outlook
from .http_log import Exchanges
from .learned import HostResult
from .metrics import LaneState, Meters
from .ports import Clock
from .state import Rollout


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutView:
    """Read-only for whoever shows it; the forecast is computed once, here, for all of them."""

    rollout: Rollout
    meters: Meters
    clock: Clock
    exchanges: Exchanges = field(default=lambda host: ())
    past: Callable[[str], Sequence[HostResult]] = field(default=lambda host: ())  # of the host's last rollouts, the newest first
    title: str = ""  # what kind of rollout this is, where it is not a usual one: REHEARSAL, WATCH, ATTACHED
    warnings: tuple[str, ...] = ()  # for the header, all the time
    directory: Path | None = None  # the rollout's own, for screenshots; None: nowhere
    lane: Callable[[], LaneState] | None = None  # of the process that runs it; else the lane is as it was when last sampled
    _outlook: Outlook = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_outlook", Outlook(self.rollout, self.meters))

    def look(self) -> None:
        """Before it is drawn: the write queue is shown as it is now, as the hosts are."""
        if self.lane is not None:
            self.meters.look(self.lane())

    @property
    def forecast(self) -> Forecast:
        return self._outlook.at(self.clock.wall())
