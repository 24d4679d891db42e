"""Which charts an HTML report has, and what is in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from quads_tui.rollout.stages import Stage

from ..graphs import milliseconds
from .charts import Bar, Curve, curves, rows
from .document import Attempt, HostReport, Report
from .elapsed import Elapsed
from .escape import html
from .text import SERVICE_WORDS, STAGE_WORDS

_WIDE, _SMALL = (1160.0, 280.0), (560.0, 210.0)
_COLOURS = dict(zip(Stage, "abcde", strict=True))


def completion(report: Report) -> str:
    """How many hosts stood at which end, over own time. Ends that nobody reached have no curve."""
    if not report.hosts:
        return ""
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
    return _figure("Hosts", drawn, chart, "by the rollout's own time, hours:minutes")


def lane_charts(report: Report) -> str:
    if report.lane is None:
        return ""
    points = report.lane.points
    depth = Curve("most hosts waiting", "c", [(point.seconds, point.depth) for point in points], filled=True)
    rate = Curve("writes granted per minute", "a", [(point.seconds, point.rate) for point in points], filled=True)
    charts = [_small(curve.name, [curve], report, lambda value: f"{value:g}", least=1.0) for curve in (depth, rate)]
    return f'<div class="pair">{"".join(charts)}</div>'


def latency_charts(report: Report) -> str:
    charts = []
    for latency in report.latencies:
        if latency.points:
            drawn = [
                Curve("p50", "a", [(point.seconds, point.p50) for point in latency.points]),
                Curve("p95, worst second", "b", [(point.seconds, point.p95) for point in latency.points]),
            ]
            charts.append(_small(SERVICE_WORDS[latency.name], drawn, report, milliseconds))
    return f'<div class="pair">{"".join(charts)}</div>' if charts else ""


def every_host(report: Report) -> str:
    """A line a host, in the order in which they began: where its time went."""
    begun = sorted((host for host in report.hosts if host.began is not None), key=lambda host: host.began or 0.0)
    if not begun:
        return ""
    bars: dict[Stage, list[tuple[int, Bar]]] = {stage: [] for stage in Stage}
    for row, host in enumerate(begun):
        for stage, attempts in host.stages.items():
            bars[stage] += [(row, _bar(attempt, host, report)) for attempt in attempts]
    shown = {stage: placed for stage, placed in bars.items() if placed}
    chart = rows(
        "The stages of every host over time",
        {_COLOURS[stage]: placed for stage, placed in shown.items()},
        len(begun),
        until=report.seconds,
        marks=_resumes(report),
    )
    keys = [Curve(STAGE_WORDS[stage], _COLOURS[stage], ()) for stage in shown]
    return _figure("One line a host", keys, chart, "in the order in which they began")


def _bar(attempt: Attempt, host: HostReport, report: Report) -> Bar:
    """An attempt that was cut off ends where the host's story does."""
    if attempt.seconds is not None:
        return Bar(attempt.began, attempt.began + attempt.seconds)
    ended = report.seconds if host.ended is None or host.ended <= attempt.began else host.ended
    return Bar(attempt.began, ended)


def _resumes(report: Report) -> list[float]:
    elapsed = Elapsed(report.runs)
    return [elapsed.own(at) for at in report.resumed_at]


def _small(title: str, drawn: Sequence[Curve], report: Report, unit: Callable[[float], str], least: float = 0.0) -> str:
    chart = curves(title, drawn, until=report.seconds, unit=unit, marks=_resumes(report), size=_SMALL, least=least)
    return _figure(title.capitalize() if title.islower() else title, drawn if len(drawn) > 1 else (), chart, "")


def _figure(title: str, drawn: Sequence[Curve], chart: str, note: str) -> str:
    keys = "".join(f'<i class="key {curve.colour}"></i>{html(curve.name)}' for curve in drawn)
    return f"<figure><figcaption><b>{html(title)}</b> {html(note)}{keys}</figcaption>{chart}</figure>"
