"""When a rollout will be over, by how likely it is that every host has ended: half (p50) and nine in ten (p90).

A host has left: the rest of the stage that it is in, and the stages after it. How long its last stage takes (the install) is
spread lognormally by model, fitted to those that ended and to those that have run for a while; a model that nobody has seen is
taken as all models together. The stages before it add their medians. A host that is not written yet comes after all the writes
before it, at the pace of the last ones that were applied, but never before its own power off and PXE. The rollout is over when
its last host is, and the last of many is later than most: so the answer is where the product of all hosts' probabilities reaches
the share, not the longest median.

p90 adds what the samples leave open: the pace of the lane, the median of each model. Not foreseen: failures still to come, their
repeated attempts, an operator's orders, a Foreman that goes away. A host that is overdue is named and does not count: when the
good ones have ended does not depend on it. Of those that are not overdue so many count as are likely to end at all.

All times are the rollout's own seconds; `now` is real time. One pass over the hosts: meant to be made once a second, in pieces
of many hosts.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from math import sqrt

from .completion_time import ENDLESS, Wait, when_all_in_pieces
from .durations import Samples
from .lognormal import NINE_OF_TEN, Lognormal
from .metrics import Meters
from .pieces import PIECE, at_once
from .refusals import model_pause
from .remaining_hosts import HostGroup, Likeness, OverdueHost, RemainingHosts
from .stages import HostStatus, Kind, Stage
from .state import Rollout
from .time_limit import TimeLimit
from .waits import for_the_pause

_AT_ONCE = 6 * PIECE  # hosts whose forecast may be made at once: of 700 it takes 10 ms, up to 14 in a process that slept
_SELDOM = 5.0  # real seconds after which the last one is too old to be shown
_BUDGET = 0.001  # CPU seconds of the forecast in one turn of the loop, and one piece more
_PAUSE = 0.02  # real seconds that the loop has in between for everything else
SPARING = 200  # times as long as it took, until what is O(hosts) is done again for the screen
_KNOWN = 3  # samples of one thing from which on it is known
_RECENT = 10  # samples of the lane's depth that say whether anybody waits there
_FEW = 0.1  # of the time that is left: writes that take less of it are not what the end waits for
_PREPARING = tuple(stage for stage in Stage if stage.is_before_write)


class Bound(StrEnum):
    """What the end waits for."""

    LANE = "lane"
    BMC = "bmc"
    INSTALL = "install"
    HUMAN = "operator"
    NOTHING = ""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Rollout seconds from `at` (real time) on; None: not known. `speed` of them are one real second."""

    at: float = 0.0
    p50: float | None = None
    p90: float | None = None
    bound: Bound = Bound.NOTHING
    why: str = ""  # the bound in figures: "14 a minute"
    writes_left: int = 0  # by the plan, for hosts that are not written yet
    lane_empty: float | None = None  # until the last of them is applied
    writes_per_minute: float | None = None
    turns: Mapping[str, float] = field(default_factory=dict)  # until its write is applied, for every host not written yet
    speed: float = 1.0
    overdue: tuple[OverdueHost, ...] = ()  # not among those whose end p50 and p90 tell
    late: frozenset[str] = frozenset()  # hosts that are not begun, since they would not be done by the time limit; nor are these

    @property
    def done_at(self) -> float | None:
        """Real time of p50."""
        return None if self.p50 is None else self.at + self.p50 / self.speed

    @property
    def written_at(self) -> float | None:
        """Real time of lane_empty."""
        return None if self.lane_empty is None else self.at + self.lane_empty / self.speed

    @property
    def surely_done_at(self) -> float | None:
        """Real time of p90."""
        return None if self.p90 is None else self.at + self.p90 / self.speed


def forecast(rollout: Rollout, meters: Meters, now: float) -> Forecast:
    """The state of things at real time `now`."""
    return at_once(forecast_in_pieces(rollout, meters, now))


def _piece(pieces: Generator[None, None, Forecast]) -> Forecast | None:
    """The next one; the forecast after the last."""
    try:
        next(pieces)
    except StopIteration as end:
        made: Forecast = end.value
        return made
    return None


def forecast_in_pieces(rollout: Rollout, meters: Meters, now: float) -> Generator[None, None, Forecast]:
    """The same; whoever asks may do something else at each `yield`, which come every millisecond or so of work."""
    if not rollout.started_at:
        return Forecast(now)
    if rollout.settled:
        return _settled(rollout, now)
    if rollout.ended_at is not None:
        return Forecast(now, why=f"stopped ({rollout.end_reason})" if rollout.end_reason else "stopped")
    remaining = RemainingHosts(rollout, now)
    yield from remaining.look(rollout)
    late = yield from _late(rollout, remaining, now)
    left = remaining.writes_left
    between = _between(rollout, left, now) if left else (0.0, 0.0)
    rate = 60.0 / between[0] if between and between[0] else None
    if why := _paused(rollout, remaining):
        return Forecast(
            now,
            bound=Bound.HUMAN,
            why=why,
            writes_left=left,
            writes_per_minute=rate,
            overdue=tuple(remaining.overdue),
            late=late,
        )
    turns: dict[str, float] = {}
    empty: float | None = None
    made: tuple[float, float, bool] | None = None
    if between is not None:
        turns = yield from remaining.turns(between[0])
        empty = max(turns.values(), default=0.0)
        groups = yield from remaining.groups(turns, between[1] / between[0] if between[0] else 1.0)
        made = yield from _ends(remaining, groups)
    p50, p90, lane_decides = made or (None, None, left > 0)
    few = not left or bool(p50 and rate and 60.0 * left / rate < _FEW * p50)
    bound, why = _bound(rollout, meters, remaining, rate, unwritten_decide=lane_decides or not few, few=few)
    return Forecast(
        now,
        p50=p50,
        p90=p90,
        bound=bound,
        why=why,
        writes_left=left,
        lane_empty=empty,
        writes_per_minute=rate,
        turns=turns,
        speed=rollout.speed,
        overdue=tuple(remaining.overdue),
        late=late,
    )


class Outlook:
    """The forecast for those who ask more often than it changes: made anew after a second, and less often where it is dear.

    It is made in pieces, between which the loop that asks for it goes on; until then the last one stands. Of few hosts it is made
    at once for whoever asks for the first time, or seldom, as what prints a line every 10 s does.
    """

    def __init__(self, rollout: Rollout, meters: Meters) -> None:
        self._rollout = rollout
        self._meters = meters
        self._last = Forecast()
        self._holds = 1.0  # real seconds
        self._pieces: Generator[None, None, Forecast] | None = None  # of the one that is being made
        self._used = 0.0  # CPU seconds for it

    def at(self, now: float) -> Forecast:
        age = abs(now - self._last.at)
        if self._pieces is None and age >= self._holds:
            self._pieces, self._used = forecast_in_pieces(self._rollout, self._meters, now), 0.0
            loop = None if age > _SELDOM and len(self._rollout.hosts) <= _AT_ONCE else _running_loop()
            if loop is None:
                self._go_on(at_once=True)
            else:
                loop.call_soon(self._go_on)  # whoever asks has something else to do
        return self._last

    def _go_on(self, at_once: bool = False) -> None:
        loop = None if at_once else _running_loop()
        began = time.thread_time()
        pieces, self._pieces = self._pieces, None
        if pieces is None:
            return
        while (made := _piece(pieces)) is None:
            if loop is not None and time.thread_time() - began > _BUDGET:
                self._pieces = pieces
                loop.call_later(_PAUSE, self._go_on)
                break
        self._used += time.thread_time() - began
        if made is not None:
            self._last = made
            self._holds = max(1.0, SPARING * self._used)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """None: nobody is held up."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _settled(rollout: Rollout, now: float) -> Forecast:
    wanted = [(rollout.counts[status], status.value) for status in (HostStatus.FAILED, HostStatus.HELD) if rollout.counts[status]]
    if wanted:
        return Forecast(now, bound=Bound.HUMAN, why=", ".join(f"{count} {word}" for count, word in wanted))
    return Forecast(now, 0.0, 0.0, lane_empty=0.0)


def _late(rollout: Rollout, remaining: RemainingHosts, now: float) -> Generator[None, None, frozenset[str]]:
    """The hosts that the time limit leaves; they are no longer among those that remain."""
    if not rollout.plan.until:
        return frozenset()
    names = yield from remaining.to_begin()
    if not names:
        return frozenset()
    late = yield from TimeLimit(rollout, now).late(names, remaining.writes_left)
    yield from remaining.leave_out(late)
    return late


def _paused(rollout: Rollout, remaining: RemainingHosts) -> str:
    """The pause without whose end the rollout has none."""
    held_up = {"admission": remaining.not_begun.total(), "writes": remaining.writes_left}
    held_up |= {model_pause(model): count for model, count in remaining.not_begun.items()}
    held_up |= {group.pause: len(group.waiting) for group in rollout.canaries.groups}
    for what, why in rollout.paused.items():
        if held_up.get(what):
            return for_the_pause(what, why)
    return ""


def _between(rollout: Rollout, left: int, now: float) -> tuple[float, float] | None:
    """Own seconds from one write to the next: as they were, and as slow as they may turn out over all that are left."""
    between = rollout.durations.between
    count = len(between)
    if count < _KNOWN:
        return None
    mean, last = between.mean, rollout.durations.last_write
    since = (now - last) * rollout.speed if last is not None else 0.0
    if since > mean:  # a lane that stands still is not as quick as it was
        mean = (mean * count + since) / (count + 1)
    mean = max(mean, 1e-3)
    return mean, mean + NINE_OF_TEN * between.deviation * sqrt(1.0 / count + 1.0 / left)


def _ends(remaining: RemainingHosts, groups: list[HostGroup]) -> Generator[None, None, tuple[float, float, bool] | None]:
    """p50, p90, and whether the hosts that are not written yet decide. None while a stage is not known that all depend on."""
    if not groups:
        return 0.0, 0.0, False
    spreads: dict[Likeness, tuple[Lognormal, Lognormal]] = {}
    half: list[Wait] = []
    most: list[Wait] = []
    for number, group in enumerate(groups):
        if not number % PIECE:
            yield
        if group.key not in spreads:
            spread = remaining.spread(group.key, _KNOWN)
            if spread is None:
                return None
            spreads[group.key] = spread
        half.append(Wait(group.many, group.p50, spreads[group.key][0], age=group.age, unwritten=group.unwritten))
        most.append(Wait(group.many, group.p90, spreads[group.key][1], age=group.age, unwritten=group.unwritten))
    p50, deciding = yield from when_all_in_pieces(half, 0.5)
    p90, _ = yield from when_all_in_pieces(most, 0.9)
    if p50 > ENDLESS:
        return None
    before = sum(wait.ends_within(p50) for wait in deciding if wait.unwritten)
    after = sum(wait.ends_within(p50) for wait in deciding if not wait.unwritten)
    return p50, max(p50, p90), before < after  # logarithms of probabilities: the lower one decides


def _bound(
    rollout: Rollout, meters: Meters, remaining: RemainingHosts, rate: float | None, *, unwritten_decide: bool, few: bool
) -> tuple[Bound, str]:
    """`unwritten_decide`: the end waits for hosts that are not written yet; `few`: their writes take little of the time left.

    Writes limit it while hosts queue for them, BMCs while none does and hosts are being prepared, installs after that.
    """
    at, lane = rollout.at_stage, meters.lane
    preparing = sum(at[stage] for stage in _PREPARING)
    if unwritten_decide:
        if not rollout.first_write_verified and Kind.BUILD in rollout.plan.kinds:
            return (Bound.LANE if lane.depth or lane.in_flight else Bound.BMC), "until the first Foreman write is verified"
        if lane.shut or (lane.depth and not few and (_crowded(meters.lane_depths) or not preparing)):
            pace = f"{rate:.{0 if rate >= 10 else 1}f} a minute" if rate else f"{remaining.writes_left} left"
            blocked = f", blocked: {lane.shut}" if lane.shut else ""
            return Bound.LANE, f"{pace}{blocked}"
    if (unwritten_decide and preparing and not (few and lane.depth)) or not at[Stage.INSTALL] + at[Stage.FOREMAN_BUILD]:
        changing = sum(at[stage] for stage in Stage if stage.is_at_bmc)
        return Bound.BMC, f"{changing} hosts waiting for their BMCs" if changing != 1 else "1 host waiting for its BMC"
    canaries = [group.why for group in rollout.canaries.groups if group.why] if unwritten_decide and not preparing else []
    if canaries and at[Stage.INSTALL]:
        return Bound.INSTALL, canaries[0]
    usual = _usual(rollout.durations.samples(None, Stage.INSTALL))
    return Bound.INSTALL, f"{at[Stage.INSTALL]} installing" + (f", usually {usual}" if usual else "")


def _crowded(depths: deque[int]) -> bool:
    """Whether somebody waits there most of the time."""
    recent = list(islice(reversed(depths), _RECENT))
    return sum(recent) * 2 >= len(recent) > 0


def _usual(samples: Samples) -> str:
    return f"{samples.quantile(0.5) / 60:.0f} min" if len(samples) >= _KNOWN else ""
