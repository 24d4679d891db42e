"""The panels round the table: header, pipeline, numbers, failures by cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from quads_tui.rollout.forecast import Forecast
from quads_tui.rollout.metrics import LaneState, Meter, Meters
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import FailureGroup, Rollout
from quads_tui.rollout.waits import paused_subject

from .eta import header_words
from .host_row import cut
from .numbers import duration, latency
from .palette import ATTENTION, BAD, BADGE, QUIET, STAGE_STYLES, STYLES, TITLE
from .symbols import BRAILLE, Symbols

_SHORTEST = 11  # cells that the time alone needs


def header(
    rollout: Rollout,
    *,
    now: float,
    width: int,
    title: str,
    lag: float,
    warnings: Sequence[str],
    forecast: Forecast | None = None,
    symbols: Symbols = BRAILLE,
) -> list[Text]:
    """What, how far and how long still: two lines. `lag`: p99 lateness of the loop, seconds."""
    counts = rollout.counts
    first = Text(" quads-tui ", TITLE)
    if title:
        first.append(f" {title} ", BADGE)
    first.append(f" {rollout.plan.cloud}  elapsed {duration(rollout.seconds(now))}")
    alarms = Text()
    if rollout.end_reason:
        alarms.append(f"  STOPPED ({rollout.end_reason})", BAD)
    for what in rollout.paused:
        alarms.append(f"  {paused_subject(what).upper()} PAUSED", f"{ATTENTION} reverse" if " " in ATTENTION else ATTENTION)
    if rollout.narrowed:
        alarms.append(f"  write concurrency reduced to 1: {rollout.narrowed[:60]}", BAD)
    for warning in warnings:
        alarms.append(f"  ! {warning}", ATTENTION)
    alarms.append(f"  program lag {lag * 1000:.0f} ms", QUIET)
    if forecast is not None and rollout.ended_at is None:
        words = header_words(forecast, max(_SHORTEST, width - first.cell_len - alarms.cell_len - 3))
        first.append(f"  {words}" if words else "", "bold")
    first.append_text(alarms)
    total = max(1, len(rollout.hosts))
    ended = sum(counts[status] for status in HostStatus if status.is_final)
    words = f" {100 * ended / total:5.1f}%  {counts[HostStatus.DONE]} done {counts[HostStatus.FAILED]} failed"
    words += "".join(f" {counts[s]} {s.value}" for s in (HostStatus.SKIPPED, HostStatus.HELD) if counts[s])
    words += f"  {len(rollout.armed)} armed" if rollout.armed else ""
    words += f"  {len(rollout.unverified)} not verified" if rollout.unverified else ""
    words += f"  of {len(rollout.hosts)}"
    room = max(10, width - len(words) - 2)
    done = room * counts[HostStatus.DONE] // total
    bad = -(-room * (ended - counts[HostStatus.DONE]) // total)
    moving = min(room - done - bad, room * (counts[HostStatus.RUNNING] + counts[HostStatus.WAITING]) // total)
    full, half, cross, empty = symbols.bar
    second = Text(" ")
    second.append(full * done, STYLES[HostStatus.DONE]).append(half * moving).append(cross * bad, STYLES[HostStatus.FAILED])
    second.append(empty * (room - done - bad - moving), QUIET).append(words)
    for line in (first, second):
        line.truncate(width, overflow="ellipsis", pad=True)
    return [first, second]


def pipeline(rollout: Rollout, width: int) -> Text:
    """How many hosts stand in each stage."""
    line = Text(f" queued {rollout.counts[HostStatus.QUEUED]}")
    for stage in Stage:
        line.append(" > ").append(stage.label if width >= 160 else stage.short, STAGE_STYLES[stage])
        line.append(f" {rollout.at_stage[stage]}")
    line.append(f" | retrying {rollout.counts[HostStatus.WAITING]}  failed {rollout.counts[HostStatus.FAILED]}")
    line.truncate(width, overflow="ellipsis", pad=True)
    return line


def numbers(meters: Meters, width: int, lane: str = "") -> Text:
    """Latencies (p50/p95; p95 alone on narrow terminals) and the Foreman write queue in one line. `lane`: more of it in words."""
    if width < 100:
        bmcs = [("Redfish", meters.redfish), *([("IPMI", meters.ipmi)] if meters.ipmi.total else [])]
        services = (*bmcs, ("reads", meters.foreman_reads), ("writes", meters.foreman_writes))
        text = " p95 " + "  ".join(f"{name} {latency(meter.p95)}" for name, meter in services)
        queue = f"{meters.lane.depth} ready, {lane}" if lane and not meters.lane.shut else queue_words(meters.lane)
        text += f"   {queue}"
        return Text(cut(text, width), ATTENTION if meters.lane.shut else "")

    def pair(meter: Meter) -> str:
        own = f" (Foreman's own time {latency(meter.work)})" if meter.work and width >= 160 else ""
        return f"{latency(meter.p50)}/{latency(meter.p95)}{own}"

    reads, writes = pair(meters.foreman_reads), pair(meters.foreman_writes)
    ipmi = f"  IPMI {pair(meters.ipmi)}" if meters.ipmi.total else ""
    text = f" Redfish {pair(meters.redfish)}{ipmi}  Foreman reads {reads}  writes {writes}   "
    text += queue_words(meters.lane) + (f", {lane}" if lane else "")
    return Text(cut(text, width), ATTENTION if meters.lane.shut else "")


def queue_words(lane: LaneState) -> str:
    """The Foreman write queue in words."""
    if lane.shut:
        return f"Foreman writes blocked: {lane.shut}"
    return f"{lane.depth} ready" + (f", the first for {duration(lane.head_age)}" if lane.head else "")


def groups(rollout: Rollout) -> list[FailureGroup]:
    """Failures by stage and cause, most hosts first."""
    return sorted(rollout.groups.values(), key=lambda group: (-len(group.hosts), group.since))


def left_as(rollout: Rollout, group: FailureGroup) -> str:
    """What its hosts were left as, the most first: "2 powered off, 1 STILL ARMED"."""
    counts = Counter(rollout.hosts[name].safety for name in group.hosts)
    return ", ".join(f"{count} {safety.short}" for safety, count in counts.most_common())


def failures(rollout: Rollout, width: int, height: int) -> list[Text]:
    """The groups in at most `height` lines."""
    found = groups(rollout)
    lines = [group_line(group, width) for group in found[:height]]
    if len(found) > height and lines:
        lines[-1] = Text(cut(f" and {len(found) - height + 1} more groups (F: all)", width), BAD)
    return lines


def group_line(group: FailureGroup, width: int, *, cursor: bool = False) -> Text:
    """Count, stage, cause, since when, the first host, and the reason as the first one had it."""
    stage = group.stage.short if group.stage else "?"
    since = datetime.fromtimestamp(group.since).astimezone().strftime("%H:%M")
    first = next(iter(group.hosts)).partition(".")[0]
    more = f" +{len(group.hosts) - 1}" if len(group.hosts) > 1 else ""
    text = f"{'>' if cursor else ' '}{len(group.hosts):3}x {stage:3} {group.cause.value:15} "
    text += f"since {since} " if width >= 110 else ""
    tail = f"  {first}{more} "
    room = max(8, width - len(text) - len(tail))
    return Text(cut(text + cut(group.reason, room) + tail, width), "reverse" if cursor else BAD)
