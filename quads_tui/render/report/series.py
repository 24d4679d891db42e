"""The journal's samples, one a second, as figures and as few points as a chart can show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from quads_tui.rollout.lateness import share_too_late
from quads_tui.rollout.rollout_time import RolloutTime

from .document import Lane, LanePoint, Latency, LatencyPoint

POINTS = 240  # most points of a series
SERVICES = ("redfish", "ipmi", "foreman_reads", "foreman_writes")


class Sample(Protocol):
    """What is read of a sample: real time and the figures that the engine keeps once a second."""

    @property
    def at(self) -> float: ...

    @property
    def data(self) -> Mapping[str, Any]: ...


class _Second(NamedTuple):
    """One service in one second. Latencies in seconds."""

    p50: float
    p95: float
    exchanges: int
    errors: int

    def times(self, speed: float) -> _Second:
        return self._replace(p50=self.p50 * speed, p95=self.p95 * speed)


@dataclass(frozen=True, slots=True)
class _Row:
    own: float
    bucket: int
    depth: float
    wait: float  # of the lane's head, own seconds
    granted: int  # since the sample before
    speed: float  # of the process that measured it
    services: Mapping[str, _Second]  # real seconds


class Series:
    """The samples of one rollout. What is no number in them counts as 0. `too_late`: as Report has it."""

    def __init__(self, samples: Iterable[Sample], elapsed: RolloutTime) -> None:
        kept = list(samples)
        self._buckets = max(1, min(POINTS, len(kept)))
        self._width = elapsed.total / self._buckets
        self._total = elapsed.total
        self._rows: list[_Row] = []
        self.too_late = 0.0 if elapsed.is_real else share_too_late(_number(sample.data.get("late")) for sample in kept)
        before = 0
        for sample in kept:
            own = elapsed.own(sample.at)
            granted = int(_number(sample.data.get("granted")))
            bucket = min(self._buckets - 1, int(own / self._width)) if self._width else 0
            self._rows.append(
                _Row(
                    own,
                    bucket,
                    _number(sample.data.get("depth")),
                    _number(sample.data.get("head_age")),
                    granted - before if granted >= before else granted,  # a new process counts from zero
                    elapsed.speed_at(sample.at),
                    {name: _second(sample.data.get(name)) for name in SERVICES},
                )
            )
            before = granted

    def lane(self) -> Lane | None:
        """None without samples."""
        rows = self._rows
        if not rows:
            return None
        minutes = self._width / 60
        points = tuple(
            LanePoint(
                self._middle(bucket),
                max(row.depth for row in inside),
                sum(row.granted for row in inside) / minutes if minutes else 0.0,
            )
            for bucket, inside in self._grouped()
        )
        granted = sum(row.granted for row in rows)
        return Lane(
            points=points,
            granted=granted,
            rate=granted / (self._total / 60) if self._total else 0.0,
            peak_rate=max(point.rate for point in points),
            mean_depth=sum(row.depth for row in rows) / len(rows),
            peak_depth=max(row.depth for row in rows),
            longest_wait=max(row.wait for row in rows),
            busy=sum(row.depth > 0 for row in rows) / len(rows),
        )

    def latencies(self, *, real: bool) -> tuple[Latency, ...]:
        """Of every service; of IPMI only where it was used. In real seconds, or in the rollout's own."""
        found = [self._latency(name, real=real) for name in SERVICES]
        return tuple(one for one in found if one.exchanges or one.name != "ipmi")

    def _latency(self, name: str, *, real: bool) -> Latency:
        def of(rows: Iterable[_Row]) -> list[_Second]:
            return [row.services[name].times(1.0 if real else row.speed) for row in rows if row.services[name].exchanges]

        seconds = of(self._rows)
        points = []
        for bucket, inside in self._grouped():
            if sampled := of(inside):
                middle = _weighted([(second.p50, second.exchanges) for second in sampled], 0.5)
                points.append(LatencyPoint(self._middle(bucket), middle, max(second.p95 for second in sampled)))
        return Latency(
            name=name,
            points=tuple(points),
            exchanges=sum(second.exchanges for second in seconds),
            errors=sum(second.errors for second in seconds),
            p50=_weighted([(second.p50, second.exchanges) for second in seconds], 0.5),
            p95=_weighted([(second.p95, second.exchanges) for second in seconds], 0.95),
            worst=max((second.p95 for second in seconds), default=0.0),
        )

    def _grouped(self) -> list[tuple[int, list[_Row]]]:
        found: dict[int, list[_Row]] = {}
        for row in self._rows:
            found.setdefault(row.bucket, []).append(row)
        return sorted(found.items())

    def _middle(self, bucket: int) -> float:
        return (bucket + 0.5) * self._width


def _weighted(values: list[tuple[float, int]], share: float) -> float:
    """The value below which `share` of the weight lies; 0 for none."""
    left = share * sum(weight for _, weight in values)
    for value, weight in sorted(values):
        left -= weight
        if left <= 0:
            return value
    return 0.0


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) and value >= 0 else 0.0


def _second(value: object) -> _Second:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) not in (4, 5):
        return _Second(0.0, 0.0, 0, 0)
    p50, p95, exchanges, errors = (_number(part) for part in value[:4])
    return _Second(p50, p95, int(exchanges), int(errors))
