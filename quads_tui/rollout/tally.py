"""What happened in this process, counted event by event and request by request. It begins at 0 with each process."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from itertools import accumulate
from math import inf

from .causes import Cause
from .events import Event, Intent, Outcome, StageChanged
from .http_log import CANCELLED, READS, Exchange
from .stages import ActResult, Stage, StageStatus

LATENCY_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Real seconds: from a fast read to the longest that a write to Foreman may take."""


class Service(StrEnum):
    """Whom requests go to. Reads and writes of Foreman are two: a write takes many times as long."""

    REDFISH = "redfish"
    IPMI = "ipmi"  # a session with its requests is one request
    FOREMAN_READ = "foreman_read"
    FOREMAN_WRITE = "foreman_write"


class Histogram:
    """How many values lie up to each bound, and their sum. `observe` takes as long for the millionth value as for the first."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds`: ascending; values above the last one are counted too."""
        self.sum = 0.0
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def cumulative(self) -> list[tuple[float, int]]:
        """For each bound, and infinity last, how many values are not above it."""
        return list(zip((*self._bounds, inf), accumulate(self._counts), strict=True))

    @property
    def count(self) -> int:
        return sum(self._counts)


class Tally:
    """Hears every event and every request of one rollout in this process. Each is O(1)."""

    def __init__(self) -> None:
        self.attempts: Counter[tuple[Stage, StageStatus]] = Counter()
        self.retries: Counter[Stage] = Counter()  # attempts after the first one of the host in this stage
        self.failures: Counter[tuple[Stage, Cause]] = Counter()  # of attempts; the host may have gone on
        self.outcomes: Counter[tuple[str, ActResult]] = Counter()  # by what was to be done (Intent.act), and what became of it
        self.latencies = {service: Histogram(LATENCY_BOUNDS) for service in Service}  # real seconds
        self.errors: Counter[Service] = Counter()  # no answer, or one of 500 and above
        self._under_way: dict[int, str] = {}  # what was to be done, by the number of its intent

    def on_event(self, event: Event) -> None:
        """An event of this process; and before the first one, the intents that an earlier process left without an outcome."""
        match event:
            case StageChanged():
                self.attempts[event.stage, event.status] += 1
                if event.status is StageStatus.STARTED and event.attempt > 1:
                    self.retries[event.stage] += 1
                elif event.status is StageStatus.FAILED:
                    self.failures[event.stage, event.cause or Cause.UNKNOWN] += 1
            case Intent():
                self._under_way[event.number] = event.act
            case Outcome():
                if (act := self._under_way.pop(event.number, None)) is not None:
                    self.outcomes[act, event.result] += 1
            case _:
                pass

    def on_exchange(self, exchange: Exchange) -> None:
        """A request and what came of it. As for the meters, one that we ended ourselves says nothing about the service."""
        service = _SERVICES.get((exchange.service, exchange.method in READS))
        if service is None or exchange.error == CANCELLED:
            return
        self.latencies[service].observe(exchange.seconds)
        if not 0 < exchange.status < 500:
            self.errors[service] += 1


_SERVICES = {  # by Exchange.service, and whether it reads
    ("redfish", True): Service.REDFISH,
    ("redfish", False): Service.REDFISH,
    ("ipmi", False): Service.IPMI,
    ("foreman", True): Service.FOREMAN_READ,
    ("foreman", False): Service.FOREMAN_WRITE,
}
