"""What the formats for people share: titles, column heads, times, and the sentences at the top."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import assert_never

from quads_tui.rollout.overdue import OverdueInstall
from quads_tui.rollout.rollout_time import RolloutTime
from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus
from quads_tui.rollout.waits import for_the_pause

from ..listing import State
from ..numbers import count, duration, latency, measured
from .document import Asked, Attempt, Evidence, Failures, HostReport, Lane, Latency, Report

SERVICE_WORDS = {"redfish": "Redfish", "ipmi": "IPMI", "foreman_reads": "Foreman reads", "foreman_writes": "Foreman writes"}
ASKED, RUNS, COMPLETION, FAILURES = "Request", "Processes", "Completion", "Failures by cause"
CLOUDS = "Clouds"
CLOUD_HEADS = ("cloud", "kind", "hosts", "done", "failed", "skipped", "held", "unfinished", "ended after")
RUN_HEADS = ("", "from", "last entry", "how it ended")
MILESTONE_HEADS = ("hosts done", "after")
ATTEMPTS = "All failed attempts, including those that a retry recovered"
ATTEMPT_HEADS = ("stage", "cause", "attempts", "hosts", "recovered")
OTHERS = "Hosts skipped, held or unfinished"
COMMENTS = "Comments on hosts"
COMMENT_HEADS = ("host", "when", "who", "comment")
OUTAGES = "Outages"
OUTAGE_HEADS = ("what did not answer", "from", "until", "reason")
LANE, LATENCIES, DURATIONS = "Foreman write queue", "Latencies", "Stage durations by model"
LATENCY_HEADS = ("service", "exchanges", "errors", "p50", "p95", "worst second's p95")
ACTIONS = "Changes sent to servers"
ACTION_HEADS = ("change", "started", "results")
OPEN_ACTIONS = "Changes whose result is unknown: the server may have carried them out"
OPEN_ACTION_HEADS = ("host", "change", "started at")
MESSAGES = "Operator commands and notices"
OVERDUE = "Overdue: the install took longer than those of nearly all hosts of this kind"
NOT_VERIFIED = "Not verified: the machine could not be compared with Foreman's host"


def kind_words(kind: Kind) -> str:
    match kind:
        case Kind.BUILD:
            return "wipe and reinstall: power off, PXE once, one Foreman write, power on, install"
        case Kind.OWNERSHIP:
            return "ownership only (wipe: false)"
        case Kind.SPARE:
            return "back to the spare pool: power off only"
        case _:
            assert_never(kind)


_SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


def moment(at: float | None, time: RolloutTime) -> str:
    """Real time `at` on the rollout's clock as people write it, in UTC; empty for none or for a number that is no time."""
    if not at:
        return ""
    try:
        return f"{datetime.fromtimestamp(time.shown_at(at), UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return ""


def time_notes(report: Report) -> list[str]:
    """What the times in the report are, where they are not those on the wall, and whether they can be believed; else nothing."""
    time = report.time
    if time.is_real:
        return []
    lines = [f"Times in this report are rollout time: {time.speed:g} times as fast as real time, counted from the start."]
    if report.too_late:
        lines.append(
            f"The computer was too slow for speed {time.speed:g} during {max(0.01, report.too_late):.0%} of the rehearsal: "
            "steps took longer than they would in reality, and the times are wrong."
        )
    return lines


def seconds_text(seconds: float | None) -> str:
    """Rollout seconds; a dash for none."""
    return "–" if seconds is None else measured(seconds)


def headline(report: Report) -> str:
    """How the rollout stands, in one sentence."""
    done, total = report.counts[HostStatus.DONE], len(report.hosts)
    if report.state is State.UNPLANNED:
        return (
            f"Planning: {report.holder}."
            if report.holder
            else "UNFINISHED: quads-tui exited during planning; no host was touched."
        )
    if report.state is State.RUNNING:
        ended = f"{total - report.unfinished:,} of {count(total, 'host')}"
        return f"Running ({report.holder}): {ended} have ended (done, failed, skipped or held)."
    if report.state is State.UNFINISHED:
        left = f"{count(report.unfinished, 'host')} of {total:,} unfinished" if report.unfinished else "all hosts have ended"
        if report.copy_of:
            return (
                f"UNFINISHED when it was copied from {report.copy_of}; {left}. The rollout may have continued there since then."
            )
        if not report.resume:
            return f"No worker of the cluster carries it now; {left}. The next free worker continues it."
        return f"UNFINISHED: quads-tui exited before the rollout ended; {left}. Continue with: {report.resume}"
    if report.state is State.STOPPED:
        return f"STOPPED ({report.end_reason or 'operator'}): {report.unfinished:,} of {count(total, 'host')} unfinished."
    if report.state is State.DONE:
        return f"Done: all {count(total, 'host')}."
    return f"Ended: {done:,} of {count(total, 'host')} done, {', '.join(_others(report))}."


def _others(report: Report) -> list[str]:
    ends = (HostStatus.FAILED, HostStatus.SKIPPED, HostStatus.HELD)
    return [f"{report.counts[end]:,} {end.value}" for end in ends if report.counts[end]]


def asked_lines(asked: Asked, time: RolloutTime) -> list[tuple[str, str]]:
    """What was wanted, as names and values; only what there is."""
    models = ", ".join(f"{number} {model or 'of unknown model'}" for model, number in asked.models.items())
    build = Kind.BUILD in asked.kinds
    lines = [
        ("Cloud", asked.cloud),
        ("Kind", "; ".join(kind_words(kind) for kind in Kind if kind in asked.kinds)),
        ("Description", asked.description),
        ("Owner", asked.owner),
        ("Ticket", asked.ticket),
        ("CC", ", ".join(asked.ccuser)),
        ("OS", asked.os or ("as set in Foreman" if build else "")),
        ("Partition table", asked.ptable or ("as set in Foreman" if build else "")),
        ("Medium", asked.medium or ("as set in Foreman" if build else "")),
        ("Host parameters", ", ".join(asked.parameters)),
        ("Hosts", f"{sum(asked.models.values()):,}: {models}" if models else ""),
        ("Canary", asked.canary),
        ("Foreman", asked.foreman),
        ("Assignment", "" if asked.rehearsal else asked.assignment),  # a rehearsal's files end with it
        ("Site", "" if asked.rehearsal else asked.site),
        ("Requested by", f"{asked.who}, {moment(asked.created_at, time)}".strip(", ")),
    ]
    return [(name, value) for name, value in lines if value]


def run_lines(report: Report) -> list[tuple[str, str, str, str]]:
    """Per process: what it was, when it began, when its last entry was, and how it ended."""
    found = []
    for run in report.runs:
        speed = "" if run.speed == 1 else f", speed {run.speed:g}"
        end = f"stopped ({run.end})" if run.end else "ended"
        if run.end is None:
            end = "still running" if report.holder and run == report.runs[-1] else "killed"
        what = "resumed" if run.resumed else "started"
        found.append((f"{what} by {run.who}{speed}", moment(run.started, report.time), moment(run.last, report.time), end))
    return found


def milestones(report: Report) -> list[tuple[str, str]]:
    """When which share of all hosts was done."""
    total, found = len(report.hosts), []
    for share in _SHARES:
        wanted = max(1, round(share * total)) if total else 1
        reached = next((point.seconds for point in report.progress if point.done >= wanted), None)
        if reached is not None:
            found.append((f"{share:.0%} ({wanted:,})", measured(reached)))
    return found


def lane_lines(lane: Lane) -> list[tuple[str, str]]:
    return [
        ("Writes started", f"{lane.granted:,}"),
        ("Writes started per minute", f"{lane.rate:.1f} on average, {lane.peak_rate:.1f} at most"),
        ("Hosts waiting", f"{lane.mean_depth:.1f} on average, {lane.peak_depth:.0f} at most"),
        ("Hosts were waiting", f"{lane.busy:.0%} of the time"),
        ("Longest wait in the queue", seconds_text(lane.longest_wait)),
    ]


def latency_row(service: Latency) -> tuple[str, str, str, str, str, str]:
    """Service, exchanges, errors, p50, p95, worst second."""
    p50, p95, worst = (latency(value) if service.exchanges else "–" for value in (service.p50, service.p95, service.worst))
    return SERVICE_WORDS[service.name], f"{service.exchanges:,}", f"{service.errors:,}", p50, p95, worst


def stage_text(attempts: tuple[Attempt, ...]) -> str:
    """One cell of the table of hosts: seconds of all attempts together, their number if not one, and what is not `finished`."""
    if not attempts:
        return ""
    last = attempts[-1]
    spent = [attempt.seconds for attempt in attempts if attempt.seconds is not None]
    words = seconds_text(sum(spent)) if spent else ""
    if len(attempts) > 1:
        words += f" ×{len(attempts)}"
    if last.status is StageStatus.STARTED:
        words += " unfinished"
    elif last.status is not StageStatus.FINISHED:
        words += f" {last.status.value}"
    return words.strip()


def why(host: HostReport) -> str:
    """Why a host stands where it does and what it was left as; empty for one that is done."""
    if host.status is HostStatus.DONE:
        return ""
    words = ": ".join(part for part in (host.cause.value if host.cause else "", host.reason) if part)
    return "; ".join(part for part in (words, host.left_behind) if part)


def standing(host: HostReport) -> str:
    """Where a host stands and why, in one line."""
    where = f" in {host.stage.label}" if host.stage and not host.status.is_final else ""
    return f"{host.status.value}{where}" + (f": {why(host)}" if why(host) else "")


def why_and_notes(host: HostReport) -> str:
    return "; ".join(part for part in (why(host), *host.notes) if part)


def evidence_line(line: Evidence, time: RolloutTime) -> str:
    return f"{moment(line.at, time)}  {line.stage.label if line.stage else '':<9}  {line.text}"


def group_title(group: Failures) -> str:
    stage = group.stage.label if group.stage else "before the first stage"
    return f"{count(len(group.hosts), 'host')}: {stage}, {group.cause.value}"


def armed_title(report: Report) -> str:
    hosts = len(report.armed)
    return (
        f"{count(hosts, 'host')} STILL ARMED: the next boot, whoever causes it, reinstalls {'the host' if hosts == 1 else 'them'}"
    )


def overdue_line(host: HostReport, install: OverdueInstall) -> str:
    """How long, and what became of it."""
    return f"{duration(install.seconds)}, overdue after {duration(install.after)}: {host.status.value}"


def pause_line(what: str, reason: str) -> str:
    """`what` as in events.Paused."""
    words = for_the_pause(what, reason)
    return words[:1].upper() + words[1:]


def outage_rows(report: Report) -> list[tuple[str, str, str, str]]:
    """One line for each, however many hosts it concerned."""
    found = []
    for outage in report.outages:
        what = outage.service + (f" ({count(outage.hosts, 'BMC')})" if outage.hosts else "")
        until = moment(outage.over, report.time) if outage.over is not None else "the last entry"
        until += ", not waited for any longer" if outage.given_up else ""
        found.append((what, moment(outage.since, report.time), until, outage.why))
    return found


def comment_rows(report: Report) -> list[tuple[str, str, str, str]]:
    """Under COMMENT_HEADS."""
    return [(host.name, moment(one.at, report.time), one.who, one.text) for host in report.hosts for one in host.comments]


class Others:
    """Hosts that are neither done nor failed: those that began, and how many did not."""

    def __init__(self, report: Report) -> None:
        rest = [host for host in report.hosts if host.status not in (HostStatus.DONE, HostStatus.FAILED)]
        self.begun = [host for host in rest if host.began is not None or host.status.is_final]
        self.not_started = len(rest) - len(self.begun)


def attempt_rows(report: Report) -> list[tuple[str, str, str, str, str]]:
    """Under ATTEMPT_HEADS."""
    return [
        (tried.stage.label, tried.cause.value, f"{tried.attempts:,}", f"{tried.hosts:,}", f"{tried.recovered:,}")
        for tried in report.attempts
    ]


def action_rows(report: Report) -> list[tuple[str, str, str]]:
    """Under ACTION_HEADS."""
    return [
        (action.act, f"{action.count:,}", ", ".join(f"{number:,} {result}" for result, number in action.results.items()))
        for action in report.acts
    ]


def open_action_rows(report: Report) -> list[tuple[str, str, str]]:
    """Under OPEN_ACTION_HEADS."""
    return [(action.host, action.act, moment(action.at, report.time)) for action in report.open_acts]


def stages_of(report: Report) -> list[Stage]:
    """Those that any host began."""
    return [stage for stage in Stage if any(stage in host.stages for host in report.hosts)]


def cloud_rows(report: Report) -> list[tuple[str, ...]]:
    """Under CLOUD_HEADS; none where there is only one cloud."""
    if len(report.clouds) < 2:
        return []
    rows = []
    for one in report.clouds:
        figures = (getattr(one.counts, name) for name in CLOUD_HEADS[2:-1])
        rows.append((one.counts.cloud, one.counts.kind.value, *map(str, figures), seconds_text(one.ended_after)))
    return rows


def host_heads(report: Report, stages: Sequence[Stage]) -> tuple[str, ...]:
    cloud = ("cloud",) if len(report.clouds) > 1 else ()
    return ("host", *cloud, "model", "outcome", *(stage.label for stage in stages), "all", "why")
