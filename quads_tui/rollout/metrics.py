"""What the operator's graphs show: latencies of every service and the write lane, sampled once a second.

Latencies enter in real seconds, as they are measured and as samples keep them, and are rollout seconds from then on. The screens'
figures are converted here and nowhere else, so that a rehearsal has one clock.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from itertools import islice
from math import exp, log
from operator import add
from typing import Any, Generic, NamedTuple, TypeVar

from .lateness import Lateness

T = TypeVar("T")

METERS = ("redfish", "ipmi", "foreman_reads", "foreman_writes")
"""Of Meters, as samples name them."""
_PATIENCE = 3  # times a second from which on two samples do not follow one another
_IDLE_SECONDS = 600
_NOTHING = (0.0, 0.0, 0, 0)  # of a meter that journals of before do not have


class MeterPoint(NamedTuple):
    """One second of one kind of exchanges. Latencies in seconds; 0 where `exchanges` is 0.

    `work`: the median of what the server says it worked on an exchange; 0 where it does not say.
    """

    p50: float
    p95: float
    exchanges: int
    errors: int
    work: float = 0.0

    def merged(self, other: MeterPoint) -> MeterPoint:
        """Medians weighed by their exchanges, which is near enough for a picture; the worse of both p95."""
        count = self.exchanges + other.exchanges
        p50, work = (
            (one * self.exchanges + two * other.exchanges) / max(1, count)
            for one, two in ((self.p50, other.p50), (self.work, other.work))
        )
        return MeterPoint(p50, max(self.p95, other.p95), count, self.errors + other.errors, work)

    def times(self, speed: float) -> MeterPoint:
        """Its latencies multiplied."""
        return self if speed == 1.0 else MeterPoint(self.p50 * speed, self.p95 * speed, *self[2:4], self.work * speed)


_IDLE = MeterPoint(0.0, 0.0, 0, 0)  # one for all seconds without exchanges


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of the ordered values lie (nearest rank); 0 for none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class DownsampledSeries(Generic[T]):
    """A series of any length in bounded room: when it is full, neighbours are merged and each point stands for twice as long."""

    def __init__(self, merge: Callable[[T, T], T], size: int = 1440) -> None:
        self._merge = merge
        self._size = size
        self._points: list[T] = []
        self._open: T | None = None
        self._count = 0  # seconds in the open point
        self.step = 1
        """Seconds that a point stands for."""

    def add(self, value: T) -> None:
        """One second's."""
        self._open = value if self._open is None else self._merge(self._open, value)
        self._count += 1
        if self._count < self.step:
            return
        self._points.append(self._open)
        self._open, self._count = None, 0
        if len(self._points) >= self._size:
            pairs = zip(self._points[::2], self._points[1::2], strict=True)
            self._points = [self._merge(*pair) for pair in pairs]
            self.step *= 2

    def __iter__(self) -> Iterator[T]:
        yield from self._points
        if self._open is not None:
            yield self._open


_WIDTH = log(1.01)  # of a bucket: a figure of a window is within half a per cent
_FASTEST = 1e-6  # seconds
_WINDOWS = 6  # of different lengths whose figures are kept up to date


def _bucket(seconds: float) -> int:
    return round(log(max(seconds, _FASTEST)) / _WIDTH)


def _packed(buckets: Counter[int]) -> Sequence[int]:
    """Each bucket and its count, in turn: half an hour of them takes a tenth of the room that counters take."""
    return array("i", [number for pair in buckets.items() for number in pair]) if buckets else ()


class Window(NamedTuple):
    """Figures of the exchanges of a time. Latencies in rollout seconds; 0 where there were none."""

    p50: float = 0.0
    p95: float = 0.0
    exchanges: int = 0
    errors: int = 0


def _of(buckets: Counter[int], errors: int) -> Window:
    count = sum(buckets.values())
    if not count:
        return Window(errors=errors)
    found, passed, ordered = [], 0, iter(sorted(buckets))
    for rank in (min(count - 1, int(0.5 * count)), min(count - 1, int(0.95 * count))):
        while passed <= rank:
            bucket = next(ordered)
            passed += buckets[bucket]
        found.append(exp(bucket * _WIDTH))
    return Window(found[0], found[1], count, errors)


def _as_told(point: MeterPoint) -> Counter[int]:
    """The exchanges of a second of which only quantiles are known."""
    slow = point.exchanges // 20
    return Counter({_bucket(point.p50): point.exchanges - slow}) + Counter({_bucket(point.p95): slow})


class Meter:
    """Latency of one kind of exchanges: a point a (real) second, and p50/p95 over the last `window` exchanges.

    All figures are rollout seconds: `speed` times as long as what this process measures.
    """

    def __init__(self, history: int = 1800, window: int = 1000, *, speed: float = 1.0) -> None:
        self._speed = speed
        self.points: deque[MeterPoint] = deque(maxlen=history)
        self.whole: DownsampledSeries[MeterPoint] = DownsampledSeries(MeterPoint.merged)
        self.total = 0
        self.errors = 0
        self.p50 = 0.0
        self.p95 = 0.0
        self.work = 0.0  # p50 of the server's own work; p50 less this is queueing and the wire
        self._recent: deque[float] = deque(maxlen=window)
        self._recent_work: deque[float] = deque(maxlen=window)
        self._buckets: deque[Sequence[int]] = deque(maxlen=history)  # of each second, as `points`; packed
        self._all: Counter[int] = Counter()  # of the whole run, as `whole`
        self._all_errors = 0
        self._windows: dict[int, tuple[Counter[int], list[int]]] = {}  # by their seconds: buckets and errors, kept up to date
        self._second: list[float] = []
        self._second_work: list[float] = []
        self._second_errors = 0

    def observe(self, seconds: float, ok: bool, work: float | None = None) -> None:
        """One exchange took this long on the wire (real seconds); not ok means no answer, or one of 500 and above.

        `work`: real seconds of it that the server says it worked (X-Runtime), None where it says nothing.
        """
        self.total += 1
        seconds *= self._speed
        if work is not None:
            self._second_work.append(work * self._speed)
            self._recent_work.append(work * self._speed)
        self._second.append(seconds)
        self._recent.append(seconds)
        if not ok:
            self.errors += 1
            self._second_errors += 1

    def tick(self) -> None:
        """Close the present second."""
        ordered = sorted(self._second)
        work = quantile(sorted(self._second_work), 0.5)
        point = MeterPoint(quantile(ordered, 0.5), quantile(ordered, 0.95), len(ordered), self._second_errors, work)
        point = _IDLE if point == _IDLE else point
        self._keep(point, Counter(map(_bucket, self._second)))
        self._second.clear()
        self._second_work.clear()
        self._second_errors = 0
        recent = sorted(self._recent)
        self.p50, self.p95 = quantile(recent, 0.5), quantile(recent, 0.95)
        self.work = quantile(sorted(self._recent_work), 0.5)

    def _keep(self, point: MeterPoint, buckets: Counter[int]) -> None:
        for seconds, (together, errors) in self._windows.items():
            together.update(buckets)
            errors[0] += point.errors
            if len(self.points) >= seconds:
                oldest = self._buckets[-seconds]
                for bucket, count in zip(oldest[::2], oldest[1::2], strict=True):
                    together[bucket] -= count
                    if not together[bucket]:
                        del together[bucket]
                errors[0] -= self.points[-seconds].errors
        self.points.append(point)
        self._buckets.append(_packed(buckets))
        self._keep_whole(point, buckets)

    def _keep_whole(self, point: MeterPoint, buckets: Counter[int]) -> None:
        self.whole.add(point)
        self._all.update(buckets)
        self._all_errors += point.errors

    def over(self, seconds: int) -> Window:
        """The figures of the last so many seconds, at most as many as there are points; 0: since the start."""
        if not seconds:
            return _of(self._all, self._all_errors)
        seconds = min(seconds, self._buckets.maxlen or seconds)
        if seconds not in self._windows:
            if len(self._windows) >= _WINDOWS:  # of sizes of the screen that are no more
                self._windows.clear()
            together: Counter[int] = Counter()
            for packed in islice(reversed(self._buckets), seconds):
                for bucket, count in zip(packed[::2], packed[1::2], strict=True):
                    together[bucket] += count
            self._windows[seconds] = together, [sum(point.errors for point in islice(reversed(self.points), seconds))]
        kept, errors = self._windows[seconds]
        return _of(kept, errors[0])

    @property
    def sampled(self) -> MeterPoint:
        """The last second, as a sample keeps it: in real seconds."""
        return self.points[-1].times(1 / self._speed)

    def add(self, point: MeterPoint) -> None:
        """A second that another process measured: its quantiles stand for the exchanges of that second."""
        self._keep(point, _as_told(point))
        self.total += point.exchanges
        self.errors += point.errors
        if point.exchanges:
            self.p50, self.p95, self.work = point.p50, point.p95, point.work

    def recall(self, point: MeterPoint) -> None:
        """A second of an earlier process of this rollout: it belongs to the whole run, and to nothing else."""
        self._keep_whole(point, _as_told(point))


@dataclass(frozen=True, slots=True)
class InFlight:
    """A write that Foreman has not settled yet. `since` is the rollout's own time (Clock.now)."""

    host: str
    act: str
    since: float
    settling: str = ""  # why the lane stays shut behind it, in words


@dataclass(frozen=True, slots=True)
class LaneState:
    """The write lane as it is now. Times in the rollout's own seconds."""

    width: int = 1
    depth: int = 0  # hosts waiting
    head: str = ""  # the host at the head of the queue
    head_age: float = 0.0
    in_flight: tuple[InFlight, ...] = ()
    granted: int = 0
    paused: bool = False
    shut: str = ""  # why nobody may write now, in words
    places: Mapping[str, int] = field(default_factory=dict)  # of those that wait, from 1; samples do not keep it
    elsewhere: str = ""  # which console on another machine writes now, in words; with a shared write queue only


@dataclass(slots=True)
class Meters:
    """All of it, as the screen reads it. `speed`: rollout seconds in a real one, for what this process measures."""

    speed: InitVar[float] = 1.0
    redfish: Meter = field(init=False)
    ipmi: Meter = field(init=False)  # a session with its requests is one exchange
    foreman_reads: Meter = field(init=False)
    foreman_writes: Meter = field(init=False)
    lane: LaneState = field(default_factory=LaneState)
    lateness: Lateness = field(default_factory=Lateness)
    times: deque[float] = field(default_factory=lambda: deque(maxlen=1800))  # real time at which each of these seconds ended
    times_whole: DownsampledSeries[float] = field(default_factory=lambda: DownsampledSeries(max))
    lane_depths: deque[int] = field(default_factory=lambda: deque(maxlen=1800))
    lane_whole: DownsampledSeries[int] = field(default_factory=lambda: DownsampledSeries(max))
    lane_blocked: deque[bool] = field(default_factory=lambda: deque(maxlen=1800))  # nobody might write in that second
    blocked_whole: DownsampledSeries[int] = field(default_factory=lambda: DownsampledSeries(add))  # such seconds
    lane_writing: deque[bool] = field(default_factory=lambda: deque(maxlen=1800))  # Foreman had a write of ours at that moment

    def __post_init__(self, speed: float) -> None:
        for name in METERS:
            setattr(self, name, Meter(speed=speed))

    def tick(self, lane: LaneState, late: float = 0.0, at: float | None = None) -> None:
        """Once a second. `late`: own seconds, as Lateness has them. `at`: real time; None: a second after the one before."""
        self.lateness.add(late)
        self.redfish.tick()
        self.ipmi.tick()
        self.foreman_reads.tick()
        self.foreman_writes.tick()
        self._keep(lane, at)

    def _keep(self, lane: LaneState, at: float | None) -> None:
        self.times.append(at if at is not None else self.times[-1] + 1 if self.times else 0.0)
        self.lane_depths.append(lane.depth)
        self.lane_blocked.append(_is_blocked(lane))
        self._keep_whole(lane, self.times[-1])
        self.lane_writing.append(bool(lane.in_flight))
        self.lane = lane

    def look(self, lane: LaneState) -> None:
        """The lane at this moment, between two seconds: for a screen that shows it beside the hosts as they are now."""
        self.lane = lane

    def _keep_whole(self, lane: LaneState, at: float) -> None:
        self.times_whole.add(at)
        self.lane_whole.add(lane.depth)
        self.blocked_whole.add(_is_blocked(lane))

    @property
    def idle(self) -> tuple[float, int]:
        """The share of the time in which Foreman had no write of ours, and the real seconds that this is about: ten minutes at
        most. By how it stood at the end of each of them: a rehearsal writes many times within one."""
        recent = list(islice(reversed(self.lane_writing), _IDLE_SECONDS))
        return (recent.count(False) / len(recent) if recent else 0.0), len(recent)

    def spans(self, whole: bool) -> list[tuple[float, float]]:
        """From when to when (real time) each of the newest points counts, or each of the whole run's.

        A point does not count for a time in which nothing was sampled.
        """
        times, longest = (list(self.times_whole), self.times_whole.step) if whole else (list(self.times), 1)
        before = [times[0] - longest, *times] if times else []
        return [(max(since, until - _PATIENCE * longest), until) for since, until in zip(before, times, strict=False)]

    def restore(self, facts: Mapping[str, Any], now: float, at: float | None = None, *, speed: float) -> None:
        """One sample of a journal, as `tick` does with what it measures. `now`: own time of the reader's clock; `at` as there;
        `speed`: of the process that made it."""
        for name in METERS:
            getattr(self, name).add(_point(facts, name, speed))
        self.lateness.add(facts.get("late", 0.0))
        self._keep(lane_from(facts, now), at)

    def recall(self, facts: Mapping[str, Any], at: float, *, speed: float) -> None:
        """One sample of an earlier process with its `speed`, made at real time `at`, for the graphs of the whole run. Before any
        `tick`."""
        lane, points = lane_from(facts, 0.0), [_point(facts, name, speed) for name in METERS]
        for name, point in zip(METERS, points, strict=True):
            getattr(self, name).recall(point)
        self._keep_whole(lane, at)


def _point(facts: Mapping[str, Any], name: str, speed: float) -> MeterPoint:
    """What a sample kept of one meter, in rollout seconds."""
    return MeterPoint(*facts.get(name, _NOTHING)).times(speed)


def _is_blocked(lane: LaneState) -> bool:
    """Nobody may write now."""
    return bool(lane.shut) or lane.paused


def lane_facts(lane: LaneState, now: float) -> dict[str, Any]:
    """What a sample keeps of the lane beside its figures, as JSON types. Ages in own seconds."""
    flights = [[flight.host, flight.act, round(now - flight.since, 1), flight.settling] for flight in lane.in_flight]
    facts = {"width": lane.width, "head": lane.head, "paused": lane.paused, "shut": lane.shut, "in_flight": flights}
    return {**facts, "elsewhere": lane.elsewhere} if lane.elsewhere else facts


def lane_from(facts: Mapping[str, Any], now: float) -> LaneState:
    """The inverse, of a whole sample."""
    lane = facts["lane"]
    return LaneState(
        width=lane["width"],
        depth=facts["depth"],
        head=lane["head"],
        head_age=facts["head_age"],
        in_flight=tuple(InFlight(host, act, now - age, settling) for host, act, age, settling in lane["in_flight"]),
        granted=facts["granted"],
        paused=lane["paused"],
        shut=lane["shut"],
        elsewhere=lane.get("elsewhere", ""),
    )
