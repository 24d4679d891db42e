"""The text that Prometheus scrapes. The only module that needs the package prometheus-client (the extra `metrics`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from quads_tui.rollout.tally import Histogram

from .reading import MeasuredRollout
from .table import BUILD_INFO, LOOP_LAG, METRICS, OF_THE_PROCESS, ROLLOUT, Kind, Value

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

Family = GaugeMetricFamily | CounterMetricFamily | HistogramMetricFamily


class Exposition(Collector):
    """Reads the rollouts anew each time that `text` is asked for. `lag`: how late the loop was."""

    def __init__(self, rollouts: Callable[[], Sequence[MeasuredRollout]], lag: Histogram) -> None:
        self._rollouts = rollouts
        self._of_the_process: dict[str, tuple[tuple[str, ...], Value]] = {
            BUILD_INFO: ((version("quads-tui"),), 1.0),
            LOOP_LAG: ((), lag),
        }
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """In the text format 0.0.4, which every Prometheus reads."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Family]:
        """For the registry."""
        for name, kind, text, labels in OF_THE_PROCESS:
            yield _family(name, kind, text, labels, [self._of_the_process[name]])
        readings = [measured.read() for measured in self._rollouts()]
        for metric in METRICS:
            samples = [
                ((reading.rollout.id, *labels), value) for reading in readings for labels, value in metric.samples(reading)
            ]
            yield _family(metric.name, metric.kind, metric.help, (ROLLOUT, *metric.labels), samples)


def _family(name: str, kind: Kind, text: str, labels: Sequence[str], samples: Iterable[tuple[tuple[str, ...], Value]]) -> Family:
    family: Family
    match kind:
        case Kind.GAUGE:
            family = GaugeMetricFamily(name, text, labels=labels)
        case Kind.COUNTER:
            family = CounterMetricFamily(name, text, labels=labels)
        case Kind.HISTOGRAM:
            family = HistogramMetricFamily(name, text, labels=labels)
    for values, value in samples:
        if isinstance(family, HistogramMetricFamily):
            assert isinstance(value, Histogram)
            buckets = [(f"{bound:g}" if bound < float("inf") else "+Inf", count) for bound, count in value.cumulative()]
            family.add_metric(values, buckets, value.sum)
        else:
            assert not isinstance(value, Histogram)
            family.add_metric(values, value)
    return family
