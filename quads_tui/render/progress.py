"""The rollout as one plain line: for headless runs, logs and terminals without a screen."""

from __future__ import annotations

from quads_tui.rollout.lateness import late_short
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import Rollout
from quads_tui.rollout.waits import paused_subject

from .clouds import is_done
from .eta import marked
from .numbers import duration


def plain_line(rollout: Rollout, meters: Meters, now: float) -> str:
    """Time, counts of ends, hosts per stage, the Foreman write queue. `now` is real time."""
    counts = rollout.counts
    ends = [f"{counts[status]} {status.value}" for status in (HostStatus.DONE, HostStatus.FAILED) if counts[status]]
    ends += [f"{counts[status]} {status.value}" for status in (HostStatus.SKIPPED, HostStatus.HELD) if counts[status]]
    parts = [
        duration(rollout.seconds(now)) + marked(rollout.time, rollout.ended_at or now),
        f"{sum(counts[status] for status in HostStatus if status.is_final)}/{len(rollout.hosts)} ended",
        " ".join(ends) or "none done",
    ]
    if len(rollout.clouds) > 1:
        parts.append(f"{sum(is_done(each) for each in rollout.clouds.values())}/{len(rollout.clouds)} clouds done")
    moving = [f"{stage.short} {rollout.at_stage[stage]}" for stage in Stage if rollout.at_stage[stage]]
    if moving or counts[HostStatus.QUEUED]:
        parts.append(" ".join([f"not started {counts[HostStatus.QUEUED]}", *moving]))
    lane = meters.lane
    if lane.shut:
        parts.append(f"Foreman writes blocked: {lane.shut}")
    elif lane.elsewhere:
        parts.append(f"Foreman writes: {lane.elsewhere}, {lane.depth} of this rollout ready")
    elif lane.depth or lane.in_flight:
        parts.append(f"{lane.depth} ready to be written to Foreman")
    if armed := len(rollout.left_armed):
        parts.append(f"{armed} ARMED")
    parts += rollout.outage_lines(now)
    if not rollout.time.is_real and (late := late_short(meters.lateness, rollout.speed)):
        parts.append(late)
    parts += [f"{paused_subject(what)} PAUSED" for what in rollout.paused]
    return "  ".join(parts)
