"""What the formats for people share: times, durations and the sentences at the top."""

from __future__ import annotations

from datetime import UTC, datetime

from quads_tui.rollout.stages import HostStatus, Kind, Stage, StageStatus

from ..graphs import milliseconds
from ..progress import clock_text
from .document import Asked, Attempt, HostReport, Lane, Latency, Report, State

STAGE_WORDS = {stage: stage.value.replace("_", " ") for stage in Stage}
SERVICE_WORDS = {"redfish": "Redfish", "foreman_reads": "Foreman reads", "foreman_writes": "Foreman writes"}
WHAT = {
    Kind.BUILD: "wipe and build: power off, PXE once, one Foreman write, power on, install",
    Kind.OWNERSHIP: "ownership only (wipe: false)",
    Kind.SPARE: "back to the spare pool: power off only",
}
_SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


def moment(at: float | None) -> str:
    """Real time as people write it, in UTC; empty for none or for a number that is no time."""
    if not at:
        return ""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return ""


def seconds_text(seconds: float | None) -> str:
    """Own seconds: 0.8 s, 12 s, 4:05, 1:02:03; a dash for none."""
    if seconds is None:
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}" if whole < 3600 else clock_text(whole)


def count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def headline(report: Report) -> str:
    """How the rollout stands, in one sentence."""
    done, total = report.counts[HostStatus.DONE], len(report.hosts)
    if report.state is State.UNPLANNED:
        return (
            f"Planning: {report.holder}."
            if report.holder
            else "UNFINISHED: its process died while it planned; no host was touched."
        )
    if report.state is State.RUNNING:
        return f"Running ({report.holder}): {total - report.unfinished:,} of {count(total, 'host')} at an end."
    if report.state is State.UNFINISHED:
        left = f"{count(report.unfinished, 'host')} of {total:,} at no end" if report.unfinished else "every host is at an end"
        return f"UNFINISHED: its process was killed, with {left}. quads-tui resume goes on with it."
    if report.state is State.STOPPED:
        return f"STOPPED ({report.end_reason or 'operator'}) with {count(report.unfinished, 'host')} of {total:,} unfinished."
    if report.state is State.DONE:
        return f"Done: all {count(total, 'host')}."
    return f"Ended: {done:,} of {count(total, 'host')} done, {', '.join(_others(report))}."


def _others(report: Report) -> list[str]:
    ends = (HostStatus.FAILED, HostStatus.SKIPPED, HostStatus.HELD)
    return [f"{report.counts[end]:,} {end.value}" for end in ends if report.counts[end]]


def asked_lines(asked: Asked) -> list[tuple[str, str]]:
    """What was wanted, as names and values; only what there is."""
    models = ", ".join(f"{number} {model or 'of unknown model'}" for model, number in asked.models.items())
    build = Kind.BUILD in asked.kinds
    lines = [
        ("Cloud", asked.cloud),
        ("Kind", "; ".join(WHAT[kind] for kind in Kind if kind in asked.kinds)),
        ("Description", asked.description),
        ("Owner", asked.owner),
        ("Ticket", asked.ticket),
        ("CC", ", ".join(asked.ccuser)),
        ("OS", asked.os or ("as Foreman has it" if build else "")),
        ("Partition table", asked.ptable or ("as Foreman has it" if build else "")),
        ("Medium", asked.medium or ("as Foreman has it" if build else "")),
        ("Host parameters", ", ".join(asked.parameters)),
        ("Hosts", f"{sum(asked.models.values()):,}: {models}" if models else ""),
        ("Foreman", asked.foreman),
        ("Assignment", "" if asked.rehearsal else asked.assignment),  # a rehearsal's files end with it
        ("Site", "" if asked.rehearsal else asked.site),
        ("Asked by", f"{asked.who}, {moment(asked.created_at)}".strip(", ")),
    ]
    return [(name, value) for name, value in lines if value]


def run_lines(report: Report) -> list[tuple[str, str, str, str]]:
    """Per process: what it was, when it began, when its last entry was, and how it ended."""
    found = []
    for run in report.runs:
        speed = "" if run.speed == 1 else f", speed {run.speed:g}"
        end = f"stopped ({run.end})" if run.end else "ended"
        if run.end is None:
            end = "still at work" if report.holder and run == report.runs[-1] else "killed"
        what = "resumed" if run.resumed else "started"
        found.append((f"{what} by {run.who}{speed}", moment(run.started), moment(run.last), end))
    return found


def milestones(report: Report) -> list[tuple[str, str]]:
    """When which share of all hosts was done."""
    total, found = len(report.hosts), []
    for share in _SHARES:
        wanted = max(1, round(share * total)) if total else 1
        reached = next((point.seconds for point in report.progress if point.done >= wanted), None)
        if reached is not None:
            found.append((f"{share:.0%} ({wanted:,})", clock_text(reached)))
    return found


def lane_lines(lane: Lane) -> list[tuple[str, str]]:
    return [
        ("Writes granted", f"{lane.granted:,}"),
        ("Granted per minute", f"{lane.rate:.1f} on average, {lane.peak_rate:.1f} at most"),
        ("Hosts waiting", f"{lane.mean_depth:.1f} on average, {lane.peak_depth:.0f} at most"),
        ("Somebody waited", f"{lane.busy:.0%} of the time"),
        ("Longest wait at the head", seconds_text(lane.longest_wait)),
    ]


def latency_row(latency: Latency) -> tuple[str, str, str, str, str, str]:
    """Service, exchanges, errors, p50, p95, worst second."""
    figures = [milliseconds(value) if latency.exchanges else "–" for value in (latency.p50, latency.p95, latency.worst)]
    return SERVICE_WORDS[latency.name], f"{latency.exchanges:,}", f"{latency.errors:,}", figures[0], figures[1], figures[2]


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
        words += " no end"
    elif last.status is not StageStatus.FINISHED:
        words += f" {last.status.value}"
    return words.strip()


NOT_VERIFIED = "Not verified: nobody compared the machine with Foreman's host"


def why(host: HostReport) -> str:
    """Why a host stands where it does and what it was left as; empty for one that is done."""
    if host.status is HostStatus.DONE:
        return ""
    words = ": ".join(part for part in (host.cause.value if host.cause else "", host.reason) if part)
    return "; ".join(part for part in (words, host.left_behind) if part)


def standing(host: HostReport) -> str:
    """Where a host stands and why, in one line."""
    where = f" in {STAGE_WORDS[host.stage]}" if host.stage and not host.status.ended else ""
    return f"{host.status.value}{where}" + (f": {why(host)}" if why(host) else "")
