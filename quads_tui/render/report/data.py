"""The report as JSON: `as_json`, one object. Members are only added while `version` stays.

Times are RFC 3339 in UTC, null where unknown; `seconds` are the rollout's own (real seconds x speed, only while a process carried
it), those in `latencies` are real. Text is clean: one printable line each.

    report          quads-tui
    version         1
    rollout, state  its id; unplanned, running, unfinished (killed), stopped, done or ended
    too_late        share of the time in which the machine did not keep up with the speed of a rehearsal, else 0
    holder          who carries it now, in words; empty for nobody
    end_reason      empty, operator, safety, time limit, SIGINT or SIGTERM: of the last process that ended well
    seconds, last   own seconds; when the journal's last entry was made
    asked           cloud, kind (build, ownership, spare or null), description, owner, ticket, ccuser, os, ptable, medium,
                    parameters (names only), foreman, models {model: hosts}, canary, warnings, who, at, assignment and site
                    (paths), rehearsal
    runs            a process each: started, last, speed, resumed, who, end (null: killed, or still at work)
    counts          hosts, done, failed, skipped, held, unfinished, armed
    armed_hosts     names: the next boot reinstalls them
    overdue_hosts   host, seconds (of its install), overdue_after: it took longer than those of nearly all hosts of its kind
    unverified_hosts  host, reason: nobody compared their machines with Foreman's hosts
    paused          {admission or writes: why}
    outages         service (Foreman, or a rack), since, until (null: it lasted), hosts (BMCs of the rack), given_up, reason
    progress        the completion curve: [seconds, done, failed, skipped, held] each time one of them changed
    clouds          cloud, kind, hosts, done, failed, skipped, held, unfinished, ended_after (seconds from the start to the end
                    of its last host; null: unfinished)
    hosts           name, cloud, model, address, status, stage, armed, safety (untouched, off, armed, disarmed, installing or
                    unknown; null: done, or not ended), cause, reason, notes, comments [{at, who, text}] (of
                    operators), began (seconds since the start), seconds,
                    stages {stage: [{attempt, status, began, seconds, reason, cause}]} (status started: unfinished),
                    timeline [{at, stage, text}] (the last lines; empty for hosts that are done)
    failures        by cause: stage, cause, reason, hosts (names); most hosts first
    failed_attempts stage, cause, attempts, hosts, recovered (hosts that ended done)
    acts            act, count, results {result: count}; open_acts: host, act, number, at of those without an outcome
    said            commands and notices: at, level (command, info, warning, error), who, text
    durations       per model and stage: model, stage, count, p50, p90, p95, seconds (of every finished attempt, ascending)
    lane            null without samples; granted, per_minute, peak_per_minute, mean_depth, peak_depth, longest_wait, busy
                    (share of seconds with a host waiting), series [seconds, depth, per_minute]
    latencies       redfish, ipmi (where it was used), foreman_reads, foreman_writes: exchanges, errors, p50, p95, worst,
                    series [seconds, p50, p95]
"""

from __future__ import annotations

import json
from typing import Any

from quads_tui.rollout.time_words import rfc3339

from .document import HostReport, Lane, Report
from .durations import quantiles

VERSION = 1


def as_json(report: Report) -> str:
    """The object of this module's docstring, as ASCII, with a line's end."""
    return json.dumps(document(report), allow_nan=False) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The same as JSON types."""
    return {
        "report": "quads-tui",
        "version": VERSION,
        "rollout": report.asked.rollout,
        "state": report.state.value,
        "holder": report.holder,
        "too_late": _round(report.too_late),
        "end_reason": report.end_reason,
        "seconds": _round(report.seconds),
        "last": rfc3339(report.last),
        "asked": _asked(report),
        "runs": [
            {
                "started": rfc3339(run.started),
                "last": rfc3339(run.last),
                "speed": run.speed,
                "resumed": run.resumed,
                "who": run.who,
                "end": run.end,
            }
            for run in report.runs
        ],
        "counts": {
            "hosts": len(report.hosts),
            **{status.value: count for status, count in report.counts.items() if status.is_final},
            "unfinished": report.unfinished,
            "armed": len(report.armed),
        },
        "armed_hosts": [host.name for host in report.armed],
        "overdue_hosts": [
            {"host": host.name, "seconds": _round(install.seconds), "overdue_after": _round(install.after)}
            for host, install in report.overdue
        ],
        "unverified_hosts": [{"host": host.name, "reason": host.unverified} for host in report.unverified],
        "paused": dict(report.paused),
        "outages": [
            {
                "service": outage.service,
                "since": rfc3339(outage.since),
                "until": rfc3339(outage.over),
                "hosts": outage.hosts,
                "given_up": outage.given_up,
                "reason": outage.why,
            }
            for outage in report.outages
        ],
        "progress": [[_round(point.seconds), point.done, point.failed, point.skipped, point.held] for point in report.progress],
        "clouds": [{**one.counts.members(), "ended_after": _round(one.ended_after)} for one in report.clouds],
        "hosts": [_host(host) for host in report.hosts],
        "failures": [
            {
                "stage": group.stage,
                "cause": group.cause.value,
                "reason": group.reason,
                "hosts": [host.name for host in group.hosts],
            }
            for group in report.failures
        ],
        "failed_attempts": [
            {
                "stage": tried.stage.value,
                "cause": tried.cause.value,
                "attempts": tried.attempts,
                "hosts": tried.hosts,
                "recovered": tried.recovered,
            }
            for tried in report.attempts
        ],
        "acts": [{"act": act.act, "count": act.count, "results": dict(act.results)} for act in report.acts],
        "open_acts": [
            {"host": act.host, "act": act.act, "number": act.number, "at": rfc3339(act.at)} for act in report.open_acts
        ],
        "said": [
            {"at": rfc3339(message.at), "level": message.level, "who": message.who, "text": message.text}
            for message in report.messages
        ],
        "durations": _durations(report),
        "lane": _lane(report.lane) if report.lane else None,
        "latencies": {
            latency.name: {
                "exchanges": latency.exchanges,
                "errors": latency.errors,
                "p50": latency.p50,
                "p95": latency.p95,
                "worst": latency.worst,
                "series": [[_round(point.seconds), point.p50, point.p95] for point in latency.points],
            }
            for latency in report.real_latencies
        },
    }


def _asked(report: Report) -> dict[str, Any]:
    asked = report.asked
    return {
        "cloud": asked.cloud,
        "kind": ", ".join(sorted(asked.kinds)) or None,
        "description": asked.description,
        "owner": asked.owner,
        "ticket": asked.ticket,
        "ccuser": list(asked.ccuser),
        "os": asked.os,
        "ptable": asked.ptable,
        "medium": asked.medium,
        "parameters": list(asked.parameters),
        "foreman": asked.foreman,
        "models": dict(asked.models),
        "canary": asked.canary,
        "warnings": list(asked.warnings),
        "who": asked.who,
        "at": rfc3339(asked.created_at),
        "assignment": asked.assignment,
        "site": asked.site,
        "rehearsal": asked.rehearsal,
    }


def _host(host: HostReport) -> dict[str, Any]:
    return {
        "name": host.name,
        "cloud": host.cloud,
        "model": host.model,
        "address": host.address,
        "status": host.status.value,
        "stage": host.stage,
        "armed": host.armed,
        "safety": host.safety,
        "cause": host.cause,
        "reason": host.reason,
        "notes": list(host.notes),
        "comments": [{"at": rfc3339(one.at), "who": one.who, "text": one.text} for one in host.comments],
        "began": _round(host.began),
        "seconds": _round(host.seconds),
        "stages": {
            stage.value: [
                {
                    "attempt": attempt.number,
                    "status": attempt.status.value,
                    "began": _round(attempt.began),
                    "seconds": _round(attempt.seconds),
                    "reason": attempt.reason,
                    "cause": attempt.cause,
                }
                for attempt in attempts
            ]
            for stage, attempts in host.stages.items()
        },
        "timeline": [{"at": rfc3339(line.at), "stage": line.stage, "text": line.text} for line in host.evidence],
    }


def _durations(report: Report) -> list[dict[str, Any]]:
    found = []
    for times in report.durations:
        p50, p90, p95 = (_round(value) for value in quantiles(times.seconds))
        figures = {"count": len(times.seconds), "p50": p50, "p90": p90, "p95": p95}
        found.append(
            {"model": times.model, "stage": times.stage.value, **figures, "seconds": [_round(value) for value in times.seconds]}
        )
    return found


def _lane(lane: Lane) -> dict[str, Any]:
    return {
        "granted": lane.granted,
        "per_minute": _round(lane.rate),
        "peak_per_minute": _round(lane.peak_rate),
        "mean_depth": _round(lane.mean_depth),
        "peak_depth": lane.peak_depth,
        "longest_wait": _round(lane.longest_wait),
        "busy": _round(lane.busy),
        "series": [[_round(point.seconds), point.depth, _round(point.rate)] for point in lane.points],
    }


def _round(value: float | None) -> float | None:
    """Milliseconds are enough."""
    return None if value is None else round(value, 3)
