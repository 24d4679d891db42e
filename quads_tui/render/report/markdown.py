"""The report as Markdown (GitHub's): for tickets and mails. Every string from outside stands inside a line or a cell, escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quads_tui.rollout.rollout_time import RolloutTime

from ..numbers import count, duration
from . import text
from .document import Failures, HostReport, Report
from .durations import quantiles
from .escape import markdown
from .text import moment, seconds_text, stage_text


def as_markdown(report: Report) -> str:
    lines = [f"# Rollout {markdown(report.asked.rollout)}", ""]
    if report.asked.rehearsal:
        lines += ["This was a **rehearsal**: no real server was contacted.", ""]
    lines += [f"State: **{markdown(text.headline(report))}**", ""]
    lines += _armed(report)
    lines += _unverified(report)
    overdue = [f"- {markdown(host.name)}: {text.overdue_line(host, install)}" for host, install in report.overdue]
    lines += [f"### {text.OVERDUE}: {count(len(overdue), 'host')}", "", *overdue, ""] if overdue else []
    lines += [
        f"{duration(report.seconds)} of rollout time"
        + (f"; last entry of the journal {moment(report.last, report.time)}." if report.last else "."),
        *text.time_notes(report),
        "",
    ]
    lines += [f"{markdown(text.pause_line(what, reason))}\n" for what, reason in report.paused.items()]
    lines += _table(text.ASKED, ("", ""), text.asked_lines(report.asked, report.time))
    lines += _bullets("Warnings", report.asked.warnings)
    lines += _table(text.RUNS, text.RUN_HEADS, text.run_lines(report))
    lines += _table(text.COMPLETION, text.MILESTONE_HEADS, text.milestones(report))
    lines += _table(text.CLOUDS, text.CLOUD_HEADS, text.cloud_rows(report))
    lines += _table(text.COMMENTS, text.COMMENT_HEADS, text.comment_rows(report))
    lines += _table(text.OUTAGES, text.OUTAGE_HEADS, text.outage_rows(report))
    lines += _failures(report)
    lines += _others(report)
    if report.lane:
        lines += _table(text.LANE, ("", ""), text.lane_lines(report.lane))
    latencies = [text.latency_row(latency) for latency in report.latencies]
    lines += _table(text.LATENCIES, text.LATENCY_HEADS, latencies)
    lines += _durations(report)
    lines += _table(text.ACTIONS, text.ACTION_HEADS, text.action_rows(report))
    lines += _table(text.OPEN_ACTIONS, text.OPEN_ACTION_HEADS, text.open_action_rows(report), level=3)
    messages = [(moment(message.at, report.time), message.level, message.who, message.text) for message in report.messages]
    lines += _table(text.MESSAGES, ("when", "", "who", "what"), messages)
    lines += _hosts(report)
    return "\n".join(lines).rstrip("\n") + "\n"


def _armed(report: Report) -> list[str]:
    if not report.armed:
        return []
    names = [f"- {markdown(host.name)} ({host.status.value})" for host in report.armed]
    return [f"**{text.armed_title(report)}.**", "", *names, ""]


def _unverified(report: Report) -> list[str]:
    hosts = [f"{host.name}: {host.unverified}" for host in report.unverified]
    return (
        [f"### {text.NOT_VERIFIED}: {count(len(hosts), 'host')}", "", *(f"- {markdown(line)}" for line in hosts), ""]
        if hosts
        else []
    )


def _failures(report: Report) -> list[str]:
    lines: list[str] = []
    for group in report.failures:
        lines += _group(group, report)
    lines += _table(text.ATTEMPTS, text.ATTEMPT_HEADS, text.attempt_rows(report), level=3)
    return [f"## {text.FAILURES}", "", *lines] if lines else []


def _others(report: Report) -> list[str]:
    others = text.Others(report)
    lines = [f"- {markdown(host.name)}: {markdown(text.standing(host))}" for host in others.begun]
    lines += ["", f"{count(others.not_started, 'host')} not started."] if others.not_started else []
    return [f"## {text.OTHERS}", "", *lines, ""] if lines else []


def _group(group: Failures, report: Report) -> list[str]:
    lines = [f"### {text.group_title(group)}", "", f"Reason: {markdown(group.reason)}", ""]
    for host in group.hosts:
        left = markdown(host.left_behind)
        lines.append(f"- {markdown(host.name)}: " + (f"**{left}**" if host.armed else left))
        lines += _evidence(host, report.time)
    return [*lines, ""]


def _evidence(host: HostReport, time: RolloutTime) -> list[str]:
    return [
        f"  - {moment(line.at, time)}, {line.stage.label if line.stage else 'before'}: {markdown(line.text)}"
        for line in host.evidence
    ]


def _durations(report: Report) -> list[str]:
    rows = []
    for times in report.durations:
        p50, p90, p95 = (seconds_text(value) for value in quantiles(times.seconds))
        rows.append((times.stage.label, times.model or "unknown", f"{len(times.seconds):,}", p50, p90, p95))
    return _table(f"{text.DURATIONS} (rollout time)", ("stage", "model", "count", "p50", "p90", "p95"), rows)


def _hosts(report: Report) -> list[str]:
    stages = text.stages_of(report)
    rows = []
    for host in report.hosts:
        cells = [stage_text(host.stages.get(stage, ())) for stage in stages]
        reason = text.why_and_notes(host)
        outcome = host.status.value + (" STILL ARMED" if host.armed else "")
        cloud = (host.cloud,) if len(report.clouds) > 1 else ()
        rows.append((host.name, *cloud, host.model, outcome, *cells, seconds_text(host.seconds), reason))
    return _table(count(len(rows), "host"), text.host_heads(report, stages), rows)


def _bullets(title: str, lines: Iterable[str]) -> list[str]:
    shown = [f"- Warning: {markdown(line)}" for line in lines]
    return [f"### {title}", "", *shown, ""] if shown else []


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], level: int = 2) -> list[str]:
    """Cells are escaped here. Nothing without rows."""
    if not rows:
        return []
    body = ["| " + " | ".join(markdown(cell) for cell in row) + " |" for row in rows]
    return [f"{'#' * level} {title}", "", f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads), *body, ""]
