"""The report as one HTML file: style and charts inside, no script, nothing fetched, every string escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quads_tui.rollout.stages import HostStatus, Stage

from ..progress import clock_text
from .document import Failures, HostReport, Report
from .durations import quantiles
from .escape import html
from .figures import completion, every_host, lane_charts, latency_charts
from .style import STYLE
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

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # should a string ever slip through, it can neither run nor fetch


def as_html(report: Report) -> str:
    title = html(f"{report.asked.rollout or 'rollout'} · {report.asked.cloud}".rstrip(" ·"))
    return "".join(
        [
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{html(_POLICY)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title><style>{STYLE}</style></head><body>",
            _head(report, title),
            _armed(report),
            _unverified(report),
            _section("What was asked", _pairs(asked_lines(report.asked)) + _bullets("Warnings", report.asked.warnings)),
            _section("Who and when", _table(("", "from", "last entry", "how it ended"), run_lines(report))),
            _section("Completion", completion(report) + _table(("hosts done", "after"), milestones(report))),
            _failures(report),
            _others(report),
            _section("Every host, stage by stage", every_host(report)),
            _lane(report),
            _latencies(report),
            _durations(report),
            _acts(report),
            _said(report),
            _hosts(report),
            "</body></html>\n",
        ]
    )


def _section(title: str, body: str, kind: str = "") -> str:
    """Nothing without a body."""
    return f'<section class="{kind}"><h2>{html(title)}</h2>{body}</section>' if body else ""


def _head(report: Report, title: str) -> str:
    tag = ' <span class="tag warning">REHEARSAL</span>' if report.asked.rehearsal else ""
    tiles = [(f"{len(report.hosts):,}", "hosts", "")]
    tiles += [(f"{report.counts[end]:,}", end.value, end.value) for end in HostStatus if end.ended]
    tiles += [(f"{report.unfinished:,}", "at no end", "unfinished" if report.unfinished else "")]
    tiles += [(clock_text(report.seconds), "own time", ""), (f"{len(report.armed):,}", "armed", "failed" if report.armed else "")]
    shown = "".join(
        f'<div class="{kind if number != "0" else ""}"><b>{number}</b><span>{name}</span></div>' for number, name, kind in tiles
    )
    paused = "".join(f"<p class='warning'>{html(what)} paused: {html(why_)}</p>" for what, why_ in report.paused.items())
    last = f'<p class="soft">Last entry of the journal: {moment(report.last)}</p>' if report.last else ""
    return (
        f"<header><h1>{title}{tag}</h1><p class='state {report.state.value}'>{html(headline(report))}</p>"
        f'{last}{paused}<div class="tiles">{shown}</div></header>'
    )


def _unverified(report: Report) -> str:
    hosts = report.unverified
    names = "".join(f"<li><code>{html(host.name)}</code> {html(host.unverified)}</li>" for host in hosts)
    return _section(f"{NOT_VERIFIED}: {count(len(hosts), 'host')}", f"<ul>{names}</ul>") if hosts else ""


def _armed(report: Report) -> str:
    armed = report.armed
    if not armed:
        return ""
    names = "".join(f"<li><code>{html(host.name)}</code> {host.status.value} {html(why(host))}</li>" for host in armed)
    return _section(f"{count(len(armed), 'host')} ARMED: the next boot, by anyone, wipes them", f"<ul>{names}</ul>", "armed")


def _failures(report: Report) -> str:
    parts = [_group(group) for group in report.failures]
    if report.attempts:
        rows = [
            (STAGE_WORDS[tried.stage], tried.cause.value, f"{tried.attempts:,}", f"{tried.hosts:,}", f"{tried.recovered:,}")
            for tried in report.attempts
        ]
        parts.append("<h3>All failed attempts, those that a retry healed too</h3>")
        parts.append(_table(("stage", "cause", "attempts", "hosts", "of them done in the end"), rows, numbers=3))
    return _section("Failures by cause, with the evidence", "".join(parts))


def _others(report: Report) -> str:
    """Hosts that are neither done nor failed."""
    rest = [host for host in report.hosts if host.status not in (HostStatus.DONE, HostStatus.FAILED)]
    begun = [host for host in rest if host.began is not None or host.status.ended]
    left = f"<p>{count(len(rest) - len(begun), 'host')} not begun.</p>" if len(rest) > len(begun) else ""
    return _section("Hosts skipped, held or at no end", (_evidence(begun) if begun else "") + left)


def _group(group: Failures) -> str:
    stage = STAGE_WORDS[group.stage] if group.stage else "no stage"
    return (
        f"<h3>{count(len(group.hosts), 'host')}: {stage}, {group.cause.value}</h3>"
        f"<p><code>{html(group.reason)}</code></p>{_evidence(group.hosts)}"
    )


def _evidence(hosts: Sequence[HostReport]) -> str:
    """Their names, and folded up the last lines of each host's timeline."""
    names = ", ".join(html(host.name) + (' <b class="failed">STILL ARMED</b>' if host.armed else "") for host in hosts)
    told = []
    for host in hosts:
        lines = [
            f"{moment(line.at)}  {STAGE_WORDS[line.stage] if line.stage else '':<13}  {html(line.text)}" for line in host.evidence
        ]
        words = "\n".join(lines) or "nothing is known"
        told.append(f"<p><code>{html(host.name)}</code> {html(standing(host))}</p><pre>{words}</pre>")
    return f'<p class="soft">{names}</p><details><summary>Last lines of each</summary>{"".join(told)}</details>'


def _lane(report: Report) -> str:
    if report.lane is None:
        return ""
    return _section("The write lane", lane_charts(report) + _pairs(lane_lines(report.lane)))


def _latencies(report: Report) -> str:
    if not report.latencies:
        return ""
    heads = ("service", "exchanges", "errors", "p50", "p95", "worst second's p95")
    rows = [latency_row(latency) for latency in report.latencies]
    note = '<p class="soft">Real time on the wire. Errors: no answer, or one of 500 and above.</p>'
    return _section("Latencies", latency_charts(report) + _table(heads, rows, numbers=5) + note)


def _durations(report: Report) -> str:
    found: dict[Stage, list[tuple[str, ...]]] = {}
    for times in report.durations:
        p50, p90, p95 = (seconds_text(value) for value in quantiles(times.seconds))
        found.setdefault(times.stage, []).append((times.model or "unknown", f"{len(times.seconds):,}", p50, p90, p95))
    heads = ("model", "count", "p50", "p90", "p95")
    tables = "".join(f"<div><h3>{STAGE_WORDS[stage]}</h3>{_table(heads, rows, numbers=4)}</div>" for stage, rows in found.items())
    note = '<p class="soft">Finished attempts, in the rollout\'s own time; foreman build includes the wait for the lane.</p>'
    return _section("Stage durations by model", tables and f'{note}<div class="pair">{tables}</div>')


def _acts(report: Report) -> str:
    rows = [
        (act.act, f"{act.count:,}", ", ".join(f"{number:,} {result}" for result, number in act.results.items()))
        for act in report.acts
    ]
    body = _table(("act", "intended", "what came of it"), rows)
    if report.open_acts:
        opened = [(act.host, act.act, moment(act.at)) for act in report.open_acts]
        body += f"<h3>{count(len(opened), 'act')} of unknown outcome: the server may have done it</h3>"
        body += _table(("host", "act", "intended at"), opened)
    return _section("Acts on servers", body)


def _said(report: Report) -> str:
    rows = [
        f'<tr><td>{moment(said.at)}</td><td class="{html(said.level)}">{html(said.level)}</td><td>{html(said.who)}</td>'
        f"<td>{html(said.text)}</td></tr>"
        for said in report.said
    ]
    body = f"<table><tr><th>when</th><th></th><th>who</th><th>what</th></tr>{''.join(rows)}</table>" if rows else ""
    return _section("Operator's commands and notices", body or '<p class="soft">None.</p>')


def _hosts(report: Report) -> str:
    if not report.hosts:
        return ""
    stages = [stage for stage in Stage if any(stage in host.stages for host in report.hosts)]
    heads = ["host", "model", "outcome", *(STAGE_WORDS[stage] for stage in stages), "all", "why"]
    rows = []
    for host in report.hosts:
        cells = "".join(f'<td class="n">{stage_text(host.stages.get(stage, ()))}</td>' for stage in stages)
        armed = ' <b class="failed">ARMED</b>' if host.armed else ""
        reason = html("; ".join(part for part in (why(host), *host.notes) if part))
        kind = host.status.value
        rows.append(
            f'<tr><td>{html(host.name)}</td><td>{html(host.model)}</td><td class="{kind}">{kind}{armed}</td>{cells}'
            f'<td class="n">{seconds_text(host.seconds)}</td><td>{reason}</td></tr>'
        )
    head = "".join(f"<th>{head}</th>" for head in heads)
    note = '<p class="soft">Seconds of all attempts together, in the rollout\'s own time; ×2: two attempts.</p>'
    body = f'{note}<div class="scroll"><table class="hosts"><tr>{head}</tr>{"".join(rows)}</table></div>'
    return _section(count(len(rows), "host"), body)


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return _table((), list(pairs))


def _bullets(title: str, lines: Sequence[str]) -> str:
    shown = "".join(f'<li class="warning">{html(line)}</li>' for line in lines)
    return f"<h3>{html(title)}</h3><ul>{shown}</ul>" if lines else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 0) -> str:
    """Cells are escaped here. The last `numbers` columns are figures. Nothing without rows."""
    if not rows:
        return ""
    first = len(rows[0]) - numbers
    head = "".join(f'<th class="{"n" if index >= first else ""}">{html(name)}</th>' for index, name in enumerate(heads))
    body = "".join(
        "<tr>"
        + "".join(f'<td class="{"n" if index >= first else ""}">{html(cell)}</td>' for index, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{body}</table>"
