"""The report as Markdown (GitHub's): for tickets and mails. Every string from outside stands inside a line or a cell, escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quads_tui.rollout.stages import HostStatus, Stage

from ..progress import clock_text
from .document import Failures, HostReport, Report
from .durations import quantiles
from .escape import markdown
from .text import (
    NOT_VERIFIED,
    STAGE_WORDS,
    asked_lines,
    count,
    headline,
    lane_lines,
    latency_row,
    milestones,
    moment,
    run_lines,
    seconds_text,
    stage_text,
    standing,
    why,
)


def as_markdown(report: Report) -> str:
    lines = [f"# Rollout {markdown(report.asked.rollout)}", ""]
    if report.asked.rehearsal:
        lines += ["This was a **rehearsal**: no real machine was touched.", ""]
    lines += [f"State: **{markdown(headline(report))}**", ""]
    lines += _armed(report)
    lines += _unverified(report)
    lines += [
        f"{clock_text(report.seconds)} of its own time"
        + (f"; last entry of the journal {moment(report.last)}." if report.last else "."),
        "",
    ]
    lines += [f"Paused: {markdown(what)}, {markdown(reason)}\n" for what, reason in report.paused.items()]
    lines += _table("What was asked", ("", ""), asked_lines(report.asked))
    lines += _bullets("Warnings", report.asked.warnings)
    lines += _table("Who and when", ("", "from", "last entry", "how it ended"), run_lines(report))
    lines += _table("Completion", ("hosts done", "after"), milestones(report))
    lines += _failures(report)
    lines += _others(report)
    if report.lane:
        lines += _table("The write lane", ("", ""), lane_lines(report.lane))
    heads = ("service", "exchanges", "errors", "p50", "p95", "worst second's p95")
    lines += _table("Latencies (real time)", heads, [latency_row(latency) for latency in report.latencies])
    lines += _durations(report)
    lines += _acts(report)
    said = [(moment(said.at), said.level, said.who, said.text) for said in report.said]
    lines += _table("Operator's commands and notices", ("when", "", "who", "what"), said)
    lines += _hosts(report)
    return "\n".join(lines).rstrip("\n") + "\n"


def _armed(report: Report) -> list[str]:
    if not report.armed:
        return []
    names = [f"- {markdown(host.name)} ({host.status.value})" for host in report.armed]
    return [f"**{count(len(report.armed), 'host')} ARMED: the next boot, by anyone, wipes them.**", "", *names, ""]


def _unverified(report: Report) -> list[str]:
    hosts = [f"{host.name}: {host.unverified}" for host in report.unverified]
    return (
        [f"### {NOT_VERIFIED}: {count(len(hosts), 'host')}", "", *(f"- {markdown(line)}" for line in hosts), ""] if hosts else []
    )


def _failures(report: Report) -> list[str]:
    lines: list[str] = []
    for group in report.failures:
        lines += _group(group)
    rows = [
        (STAGE_WORDS[tried.stage], tried.cause.value, f"{tried.attempts:,}", f"{tried.hosts:,}", f"{tried.recovered:,}")
        for tried in report.attempts
    ]
    heads = ("stage", "cause", "attempts", "hosts", "of them done in the end")
    lines += _table("All failed attempts, those that a retry healed too", heads, rows, level=3)
    return ["## Failures by cause, with the evidence", "", *lines] if lines else []


def _others(report: Report) -> list[str]:
    """Hosts that are neither done nor failed."""
    rest = [host for host in report.hosts if host.status not in (HostStatus.DONE, HostStatus.FAILED)]
    begun = [host for host in rest if host.began is not None or host.status.ended]
    lines = [f"- {markdown(host.name)}: {markdown(standing(host))}" for host in begun]
    lines += ["", f"{count(len(rest) - len(begun), 'host')} not begun."] if len(rest) > len(begun) else []
    return ["## Hosts skipped, held or at no end", "", *lines, ""] if lines else []


def _group(group: Failures) -> list[str]:
    stage = STAGE_WORDS[group.stage] if group.stage else "no stage"
    lines = [f"### {count(len(group.hosts), 'host')}: {stage}, {group.cause.value}", "", f"Reason: {markdown(group.reason)}", ""]
    for host in group.hosts:
        left = f": {markdown(host.left_behind)}"
        lines.append(f"- {markdown(host.name)}" + (f"**{left}**" if host.armed else left))
        lines += _evidence(host)
    return [*lines, ""]


def _evidence(host: HostReport) -> list[str]:
    return [
        f"  - {moment(line.at)}, {STAGE_WORDS[line.stage] if line.stage else 'before'}: {markdown(line.text)}"
        for line in host.evidence
    ]


def _durations(report: Report) -> list[str]:
    rows = []
    for times in report.durations:
        p50, p90, p95 = (seconds_text(value) for value in quantiles(times.seconds))
        rows.append((STAGE_WORDS[times.stage], times.model or "unknown", f"{len(times.seconds):,}", p50, p90, p95))
    return _table("Stage durations by model (own time)", ("stage", "model", "count", "p50", "p90", "p95"), rows)


def _acts(report: Report) -> list[str]:
    rows = [
        (act.act, f"{act.count:,}", ", ".join(f"{number:,} {result}" for result, number in act.results.items()))
        for act in report.acts
    ]
    lines = _table("Acts on servers", ("act", "intended", "what came of it"), rows)
    opened = [(act.host, act.act, moment(act.at)) for act in report.open_acts]
    return lines + _table(
        "Acts of unknown outcome: the server may have done them", ("host", "act", "intended at"), opened, level=3
    )


def _hosts(report: Report) -> list[str]:
    stages = [stage for stage in Stage if any(stage in host.stages for host in report.hosts)]
    rows = []
    for host in report.hosts:
        cells = [stage_text(host.stages.get(stage, ())) for stage in stages]
        reason = "; ".join(part for part in (why(host), *host.notes) if part)
        outcome = host.status.value + (" ARMED" if host.armed else "")
        rows.append((host.name, host.model, outcome, *cells, seconds_text(host.seconds), reason))
    heads = ("host", "model", "outcome", *(STAGE_WORDS[stage] for stage in stages), "all", "why")
    return _table(f"{count(len(rows), 'host')}", heads, rows)


def _bullets(title: str, lines: Iterable[str]) -> list[str]:
    shown = [f"- Warning: {markdown(line)}" for line in lines]
    return [f"### {title}", "", *shown, ""] if shown else []


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], level: int = 2) -> list[str]:
    """Cells are escaped here. Nothing without rows."""
    if not rows:
        return []
    body = ["| " + " | ".join(markdown(cell) for cell in row) + " |" for row in rows]
    return [f"{'#' * level} {title}", "", f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads), *body, ""]
