"""Which charts an HTML report has, and what is in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quads_tui.rollout.stages import Stage

from ..numbers import latency
from .charts import Bar, Chart, Curve, curves, rows
from .document import Attempt, HostReport, Report
from .text import SERVICE_WORDS

_WIDE, _SMALL = (1160.0, 280.0), (560.0, 210.0)


def css_class(stage: Stage) -> str:
    """Of a stage's curves in the page's style."""
    return stage.value.replace("_", "-")


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its caption; `keys` tell its colours, none where there is one curve."""

    title: str
    note: str
    keys: Sequence[Curve]
    chart: Chart


def completion(report: Report) -> Figure | None:
    """How many hosts stood at which end, over rollout time. Ends that nobody reached have no curve."""
    if not report.hosts:
        return None
    points = report.progress
    drawn = [Curve("done", "a", [(point.seconds, point.done) for point in points], steps=True, filled=True)]
    drawn.append(Curve("failed", "b", [(point.seconds, point.failed) for point in points], steps=True))
    if any(point.skipped or point.held for point in points):
        drawn.append(Curve("skipped or held", "d", [(point.seconds, point.skipped + point.held) for point in points], steps=True))
    chart = curves(
        "Hosts done and failed over time",
        drawn,
        until=report.seconds,
        unit=lambda value: f"{value:.0f}",
        marks=_resumes(report),
        size=_WIDE,
        least=len(report.hosts),
    )
    return Figure("Hosts", "over rollout time", drawn, chart)


def lane_charts(report: Report) -> list[Figure]:
    if report.lane is None:
        return []
    points = report.lane.points
    depth = Curve(
        "highest number of hosts waiting to be written", "c", [(point.seconds, point.depth) for point in points], filled=True
    )
    rate = Curve("writes started per minute", "a", [(point.seconds, point.rate) for point in points], filled=True)
    return [_small(curve.name, [curve], report, lambda value: f"{value:g}", least=1.0) for curve in (depth, rate)]


def latency_charts(report: Report) -> list[Figure]:
    charts = []
    for service in report.latencies:
        if service.points:
            drawn = [
                Curve("p50", "a", [(point.seconds, point.p50) for point in service.points]),
                Curve("p95, worst second", "b", [(point.seconds, point.p95) for point in service.points]),
            ]
            charts.append(_small(SERVICE_WORDS[service.name], drawn, report, latency))
    return charts


def every_host(report: Report) -> Figure | None:
    """A line a host, in the order in which they began: where its time went."""
    begun = sorted((host for host in report.hosts if host.began is not None), key=lambda host: host.began or 0.0)
    if not begun:
        return None
    bars: dict[Stage, list[tuple[int, Bar]]] = {stage: [] for stage in Stage}
    for row, host in enumerate(begun):
        for stage, attempts in host.stages.items():
            bars[stage] += [(row, _bar(attempt, host, report)) for attempt in attempts]
    shown = {stage: placed for stage, placed in bars.items() if placed}
    chart = rows(
        "The stages of every host over time",
        {css_class(stage): placed for stage, placed in shown.items()},
        len(begun),
        until=report.seconds,
        marks=_resumes(report),
    )
    keys = [Curve(stage.label, css_class(stage), ()) for stage in shown]
    return Figure("One line per host", "sorted by start time", keys, chart)


def _bar(attempt: Attempt, host: HostReport, report: Report) -> Bar:
    """An attempt that was interrupted ends where the host's last entry is."""
    if attempt.seconds is not None:
        return Bar(attempt.began, attempt.began + attempt.seconds)
    ended = report.seconds if host.ended is None or host.ended <= attempt.began else host.ended
    return Bar(attempt.began, ended)


def _resumes(report: Report) -> list[float]:
    return [report.time.own(at) for at in report.resumed_at]


def _small(title: str, drawn: Sequence[Curve], report: Report, unit: Callable[[float], str], least: float = 0.0) -> Figure:
    chart = curves(title, drawn, until=report.seconds, unit=unit, marks=_resumes(report), size=_SMALL, least=least)
    return Figure(title.capitalize() if title.islower() else title, "", drawn if len(drawn) > 1 else (), chart)
