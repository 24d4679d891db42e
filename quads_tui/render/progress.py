"""The rollout as one plain line: for headless runs, logs and terminals without a screen."""

from __future__ import annotations

from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout


def clock_text(seconds: float) -> str:
    """Own seconds as H:MM:SS."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def plain_line(rollout: Rollout, meters: Meters, now: float) -> str:
    """Time, counts of ends, hosts per stage, the write lane. `now` is real time."""
    counts = rollout.counts
    ends = [f"{counts[status]} {status.value}" for status in (HostStatus.DONE, HostStatus.FAILED) if counts[status]]
    ends += [f"{counts[status]} {status.value}" for status in (HostStatus.SKIPPED, HostStatus.HELD) if counts[status]]
    parts = [
        clock_text(rollout.seconds(now)),
        f"{sum(counts[status] for status in HostStatus if status.is_final)}/{len(rollout.hosts)} ended",
        " ".join(ends) or "none done",
    ]
    moving = [f"{stage.short} {rollout.at_stage[stage]}" for stage in Stage if rollout.at_stage[stage]]
    if moving or counts[HostStatus.QUEUED]:
        parts.append(" ".join([f"queued {counts[HostStatus.QUEUED]}", *moving]))
    lane = meters.lane
    if lane.depth or lane.in_flight or lane.shut:
        parts.append(f"lane {lane.depth}" + (f" SHUT: {lane.shut}" if lane.shut else ""))
    if rollout.armed:
        parts.append(f"armed {len(rollout.armed)}")
    for what in rollout.paused:
        parts.append(f"{what} PAUSED")
    return "  ".join(parts)
