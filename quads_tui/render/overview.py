"""The panels round the table: header, pipeline, numbers or graphs, failures by cause."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from rich.text import Text

from quads_tui.rollout.meters import LaneState, Meter, Meters
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout

from .graphs import braille, held, milliseconds
from .host_row import STYLES, cut
from .progress import clock_text


def header(rollout: Rollout, *, now: float, width: int, title: str, lag: float, warnings: Sequence[str]) -> list[Text]:
    """What and how far: two lines. `lag`: p99 lateness of the loop, seconds."""
    counts = rollout.counts
    first = Text(" quads-tui ", "bold reverse")
    if title:
        first.append(f" {title} ", "bold #1b1b1b on #e5c07b")
    first.append(f" {rollout.plan.cloud}  run {clock_text(rollout.seconds(now))}  loop {lag * 1000:.0f}ms")
    if rollout.end_reason:
        first.append(f"  STOPPED ({rollout.end_reason})", STYLES[HostStatus.FAILED])
    for what in rollout.paused:
        first.append(f"  {what.upper()} PAUSED", "bold reverse yellow")
    if rollout.narrowed:
        first.append(f"  WRITE LANE BACK TO 1 WIDE: {rollout.narrowed[:60]}", "bold reverse red")
    for warning in warnings:
        first.append(f"  ! {warning}", "yellow")
    total = max(1, len(rollout.hosts))
    ended = sum(counts[status] for status in HostStatus if status.ended)
    words = f" {100 * ended / total:5.1f}%  {counts[HostStatus.DONE]} done {counts[HostStatus.FAILED]} failed"
    words += "".join(f" {counts[s]} {s.value}" for s in (HostStatus.SKIPPED, HostStatus.HELD) if counts[s])
    words += f"  {len(rollout.armed)} armed" if rollout.armed else ""
    words += f"  of {len(rollout.hosts)}"
    room = max(10, width - len(words) - 2)
    done = room * counts[HostStatus.DONE] // total
    bad = -(-room * (ended - counts[HostStatus.DONE]) // total)
    moving = min(room - done - bad, room * (counts[HostStatus.RUNNING] + counts[HostStatus.WAITING]) // total)
    second = Text(" ")
    second.append("█" * done, STYLES[HostStatus.DONE]).append("▒" * moving).append("X" * bad, STYLES[HostStatus.FAILED])
    second.append("░" * (room - done - bad - moving), "dim").append(words)
    for line in (first, second):
        line.truncate(width, overflow="ellipsis", pad=True)
    return [first, second]


def pipeline(rollout: Rollout, width: int) -> Text:
    """How many hosts stand in each stage."""
    parts = [f" queued {rollout.counts[HostStatus.QUEUED]}"]
    parts += [f"{stage.short} {rollout.at_stage[stage]}" for stage in Stage]
    text = " > ".join(parts) + f" | retry {rollout.counts[HostStatus.WAITING]} failed {rollout.counts[HostStatus.FAILED]}"
    return Text(cut(text, width))


def numbers(meters: Meters, width: int) -> Text:
    """Latencies and the lane in one line, for low terminals: p50/p95."""
    lane = meters.lane

    def pair(meter: Meter) -> str:
        work = f" ({milliseconds(meter.work)} work)" if meter.work else ""
        return f"{milliseconds(meter.p50)}/{milliseconds(meter.p95)}{work}"

    text = f" redfish {pair(meters.redfish)}  foreman r {pair(meters.foreman_reads)} w {pair(meters.foreman_writes)}  "
    text += lane_words(lane)
    return Text(cut(text, width), "bold yellow" if lane.shut else "")


def lane_words(lane: LaneState) -> str:
    """The write lane in words."""
    text = f"lane {lane.depth}"
    if lane.head:
        text += f" head {clock_text(lane.head_age)}"
    if lane.shut:
        text += f" SHUT: {lane.shut}"
    return text


def graphs(meters: Meters, now: float, width: int, height: int) -> list[Text]:
    """Four boxes side by side: Redfish, Foreman reads, Foreman writes, the write lane. `now` is own time."""
    inner = width // 4 - 2
    rows = height - 3
    lane = meters.lane
    boxes = []
    for title, meter in (
        ("Redfish p50/p95", meters.redfish),
        ("Foreman reads", meters.foreman_reads),
        ("Foreman writes", meters.foreman_writes),
    ):
        newest = list(islice(reversed(meter.points), 2 * inner))[::-1]
        work = f"  work {milliseconds(meter.work)}" if meter.work else ""  # what is above it is queueing and the wire
        foot = f"{milliseconds(meter.p50)} / {milliseconds(meter.p95)}{work}  err {meter.errors}  n {meter.total}"
        lines = braille(held(point.p50 for point in newest), inner, rows, held(point.p95 for point in newest))
        boxes.append(_box(title, lines, foot, inner))
    depths = list(islice(reversed(meters.lane_depths), 2 * inner))[::-1]
    foot = lane_words(lane)
    if lane.in_flight and not lane.shut:
        flight = lane.in_flight[0]
        foot += f"  {flight.act} {max(0.0, now - flight.since):.0f}s"
    boxes.append(_box(f"Foreman write queue, {lane.width} wide", braille(depths, inner, rows), foot, inner))
    return [Text(cut("".join(box[row] for box in boxes), width)) for row in range(height)]


def _box(title: str, lines: list[str], foot: str, inner: int) -> list[str]:
    head = cut(f" {title} ", min(inner, len(title) + 2))
    return [f"╭{head}{'─' * (inner - len(head))}╮", *(f"│{line}│" for line in lines), f"│{cut(foot, inner)}│", f"╰{'─' * inner}╯"]


def failures(rollout: Rollout, width: int, height: int) -> list[Text]:
    """Failures by stage and cause, most hosts first."""
    groups = sorted(rollout.groups.values(), key=lambda group: -len(group.hosts))
    lines = []
    for group in groups[:height]:
        stage = group.stage.short if group.stage else "?"
        first = next(iter(group.hosts)).partition(".")[0]
        more = f" +{len(group.hosts) - 1}" if len(group.hosts) > 1 else ""
        text = f" {len(group.hosts):3}x {stage:3} {group.cause.value:15} "
        tail = f"  {first}{more} "
        room = max(8, width - len(text) - len(tail))
        lines.append(Text(cut(text + cut(group.reason, room) + tail, width), "#f0953f"))
    if len(groups) > height and lines:
        lines[-1] = Text(cut(f" and {len(groups) - height + 1} more groups", width), "#f0953f")
    return lines
