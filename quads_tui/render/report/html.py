"""The report as one HTML file: style and charts inside, no script, nothing fetched, every string escaped by the template."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from quads_tui.rollout.stages import HostStatus, Stage

from ..numbers import count, duration, measured
from ..palette import stage_colours
from . import text
from .document import HostReport, Report
from .durations import quantiles
from .figures import completion, css_class, every_host, lane_charts, latency_charts

if TYPE_CHECKING:
    from jinja2 import Template

POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # should a string ever slip through, it can neither run nor fetch


def as_html(report: Report) -> str:
    return _template().render(
        policy=POLICY,
        report=report,
        title=f"{report.asked.rollout or 'rollout'} · {report.asked.cloud}".rstrip(" ·"),
        stages=[{"css": css_class(stage), "colours": stage_colours(stage)} for stage in Stage],
        tiles=_tiles(report),
        asked=text.asked_lines(report.asked, report.time),
        runs=text.run_lines(report),
        comments=text.comment_rows(report),
        outages=text.outage_rows(report),
        completion=completion(report),
        milestones=text.milestones(report),
        clouds=text.cloud_rows(report),
        attempts=text.attempt_rows(report),
        others=text.Others(report),
        every_host=every_host(report),
        lane_charts=lane_charts(report),
        lane_lines=text.lane_lines(report.lane) if report.lane else [],
        latency_charts=latency_charts(report),
        latencies=[text.latency_row(latency) for latency in report.latencies],
        durations=_durations(report),
        actions=text.action_rows(report),
        open_actions=text.open_action_rows(report),
        hosts=_hosts(report),
        host_stages=text.stages_of(report),
        text=text,
        count=count,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # only a process that writes a report pays for it

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    return environment.get_template("report.html.j2")


def _tiles(report: Report) -> list[tuple[str, str, str]]:
    """Figures at the top: number, what of, class of the style."""
    found = [(f"{len(report.hosts):,}", "hosts", "")]
    found += [
        (f"{report.counts[end]:,}", end.value, end.value if report.counts[end] else "") for end in HostStatus if end.is_final
    ]
    found += [(f"{report.unfinished:,}", "unfinished", "unfinished" if report.unfinished else "")]
    armed = len(report.armed)
    return [*found, (duration(report.seconds), "rollout time", ""), (f"{armed:,}", "armed", "failed" if armed else "")]


def _durations(report: Report) -> list[tuple[Stage, list[tuple[str, ...]]]]:
    found: dict[Stage, list[tuple[str, ...]]] = {}
    for times in report.durations:
        p50, p90, p95 = (measured(value) for value in quantiles(times.seconds))
        found.setdefault(times.stage, []).append((times.model or "unknown", f"{len(times.seconds):,}", p50, p90, p95))
    return list(found.items())


def _hosts(report: Report) -> list[tuple[HostReport, Sequence[str], str]]:
    """Each with its cells, one a stage, and its whole time."""
    stages = text.stages_of(report)
    return [
        (host, [text.stage_text(host.stages.get(stage, ())) for stage in stages], text.seconds_text(host.seconds))
        for host in report.hosts
    ]
