"""What the metrics of one rollout are read from, at one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from quads_tui.rollout.breaker import BreakerState
from quads_tui.rollout.causes import FOREMAN, Cause
from quads_tui.rollout.forecast import Bound, Forecast
from quads_tui.rollout.metrics import LaneState
from quads_tui.rollout.refusals import ADMISSION
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.tally import Tally
from quads_tui.rollout.view import RolloutView
from quads_tui.rollout.waits import CANARY

NO_STAGE = "none"  # of a host that failed before its first stage


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRollout:
    """A rollout of this process. `requests`: as Services.requests gives them."""

    view: RolloutView
    tally: Tally
    requests: Callable[[], Mapping[str, int]]
    rehearsal: bool

    def read(self) -> Reading:
        """As it is now."""
        view = self.view
        return Reading(
            rollout=view.rollout,
            lane=view.meters.lane,
            forecast=view.forecast,
            tally=self.tally,
            requests=self.requests(),
            rehearsal=self.rehearsal,
            now=view.clock.wall(),
            own=view.clock.now(),
        )


class PauseOf(StrEnum):
    """What is paused, without the names of models and types: those come from the site."""

    NEW_HOSTS = "new_hosts"
    WRITES = "writes"
    MODEL = "model"
    CANARY = "canary"


class PausedBy(StrEnum):
    OPERATOR = "operator"
    SAFETY = "safety"


class OutageOf(StrEnum):
    FOREMAN = "foreman"
    RACK = "rack"


class Limit(StrEnum):
    """What the end of the rollout depends on."""

    FOREMAN_WRITES = "foreman_writes"
    BMCS = "bmcs"
    INSTALLS = "installs"
    OPERATOR = "operator"


LIMITS = {
    Bound.LANE: Limit.FOREMAN_WRITES,
    Bound.BMC: Limit.BMCS,
    Bound.INSTALL: Limit.INSTALLS,
    Bound.HUMAN: Limit.OPERATOR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """`now` is real time, `own` the rollout's (Clock.now). All of it is O(1) to read, but what is derived below."""

    rollout: Rollout
    lane: LaneState
    forecast: Forecast
    tally: Tally
    requests: Mapping[str, int]
    rehearsal: bool
    now: float
    own: float

    def failed(self) -> Counter[tuple[str, Cause]]:
        """Hosts that are failed now, by stage and cause. One step for each group of failures, and no more than hosts."""
        found: Counter[tuple[str, Cause]] = Counter()
        for group in self.rollout.groups.values():
            found[group.stage.value if group.stage else NO_STAGE, group.cause] += len(group.hosts)
        return found

    def pauses(self) -> Counter[tuple[PauseOf, PausedBy]]:
        return Counter(
            (_pause_of(what), PausedBy.SAFETY if what in self.rollout.paused_by_safety else PausedBy.OPERATOR)
            for what in self.rollout.paused
        )

    def outages(self) -> Counter[tuple[OutageOf, BreakerState]]:
        return Counter(
            (
                OutageOf.FOREMAN if outage.service == FOREMAN else OutageOf.RACK,
                BreakerState.HALF_OPEN if outage.until is None else BreakerState.OPEN,
            )
            for outage in self.rollout.outages.standing.values()
        )

    @property
    def good_hosts(self) -> int:
        """Those whose end the estimate is of: done, or unfinished and neither overdue nor left by the time limit."""
        counts, forecast = self.rollout.counts, self.forecast
        lost = counts[HostStatus.FAILED] + counts[HostStatus.SKIPPED] + counts[HostStatus.HELD]
        return len(self.rollout.hosts) - lost - len(forecast.overdue) - len(forecast.late)

    @property
    def writing_age(self) -> float:
        """Own seconds since the oldest write under way was sent; 0 for none."""
        return max((self.own - flight.since for flight in self.lane.in_flight), default=0.0)


def _pause_of(what: str) -> PauseOf:
    if what == ADMISSION:
        return PauseOf.NEW_HOSTS
    if what == "writes":
        return PauseOf.WRITES
    return PauseOf.CANARY if what.startswith(CANARY) else PauseOf.MODEL
