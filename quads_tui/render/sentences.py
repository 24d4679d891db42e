"""The rollout in sentences, for screen readers and for who has no screen: no drawing, no columns, times in words."""

from __future__ import annotations

from collections.abc import Iterable

from quads_tui.rollout.forecast import Bound, Forecast
from quads_tui.rollout.http_log import Exchanged
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import FailureGroup, HostState, Rollout

from .detail import history, next_step
from .overview import groups, left_as

_NAMES = 5  # of hosts that are spoken before "and so many more"


def counted(number: int, what: str) -> str:
    """1 host, 2 hosts."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def span(seconds: float) -> str:
    """40 seconds, 3 minutes, 1 hour 20 minutes."""
    if seconds < 90:
        return counted(round(seconds), "second")
    minutes = round(seconds / 60)
    hours = [counted(minutes // 60, "hour")] if minutes >= 60 else []
    return " ".join([*hours, counted(minutes % 60, "minute")] if minutes % 60 or not hours else hours)


def progress(rollout: Rollout, forecast: Forecast, now: float) -> str:
    """One line: since when, what ended, how long still. `now` is real time."""
    counts = rollout.counts
    ended = [f"{counts[HostStatus.DONE]} of {len(rollout.hosts)} done"]
    ended += [f"{counts[s]} {s.value}" for s in (HostStatus.FAILED, HostStatus.SKIPPED, HostStatus.HELD) if counts[s]]
    return f"After {span(rollout.seconds(now))}: {', '.join(ended)}. {_left(rollout, forecast)}"


def _left(rollout: Rollout, forecast: Forecast) -> str:
    if rollout.ended_at is not None:
        return f"It was stopped ({rollout.end_reason})." if rollout.end_reason else "It has ended."
    if forecast.p50 == 0.0:
        return "Nothing is left to do."
    if forecast.bound is Bound.HUMAN:
        return f"It waits for a human: {forecast.why}."
    bound = f", {forecast.bound.value}" if forecast.bound is not Bound.NOTHING else ""
    bound += f": {forecast.why}" if forecast.why else ""
    if forecast.p50 is None:
        return f"How long still is not known{bound}."
    likely = f", nine in ten within {span(forecast.p90)}" if forecast.p90 is not None else ""
    return f"About {span(forecast.p50)} left{likely}{bound}."


def status(rollout: Rollout, meters: Meters, forecast: Forecast, now: float) -> list[str]:
    """Progress, where hosts stand, the write lane, pauses and what is armed."""
    lines = [progress(rollout, forecast, now)]
    queued, waiting = rollout.counts[HostStatus.QUEUED], rollout.counts[HostStatus.WAITING]
    places = [f"{rollout.at_stage[stage]} in {stage.value}" for stage in Stage if rollout.at_stage[stage]]
    places += [f"{waiting} of them wait for another attempt"] if waiting else []
    if queued or places:
        lines.append(", ".join([f"{queued} queued", *places]) + ".")
    lane = meters.lane
    if lane.shut:
        lines.append(f"The write lane is shut: {lane.shut}.")
    elif lane.depth or lane.in_flight:
        lines.append(f"The write lane: {counted(lane.depth, 'write')} waiting, {len(lane.in_flight)} under way.")
    lines += [f"{what} is paused: {why}." for what, why in rollout.paused.items()]
    if rollout.armed:
        lines.append(f"ARMED, the next boot wipes them: {names(rollout.armed)}.")
    return lines


def failed(rollout: Rollout) -> list[str]:
    """A line for each group of failures, the largest first."""
    return [_failure(rollout, group) for group in groups(rollout)] or ["No host has failed."]


def _failure(rollout: Rollout, group: FailureGroup) -> str:
    where = group.stage.value if group.stage else "the start"
    hosts = f"{names(group.hosts)}; left {left_as(rollout, group)}"
    return f"{counted(len(group.hosts), 'host')} failed at {where}, {group.cause.value}: {group.reason}: {hosts}."


def host(host: HostState, exchanges: Iterable[Exchanged], *, now: float, speed: float, why: str = "") -> list[str]:
    """All that is known of it, the newest of its history last. `why`: why it waits, in words."""
    where = f" at {host.stage.value}, attempt {host.attempt}" if host.stage else ""
    since = f", for {span((now - host.since) * speed)}" if host.since and not host.status.ended else ""
    lines = [f"{host.name}, {host.cloud}, model {host.model}, BMC {host.address}.", f"{host.status.value}{where}{since}."]
    lines += ["ARMED: the next boot wipes it."] if host.armed else []
    lines += [f"Cause {host.cause.value}: {host.reason}."] if host.cause else []
    lines += [f"Left as {host.safety.value}: {host.left_behind}."] if host.left_behind else []
    lines += [f"Next: {next_step(host, now=now, speed=speed, why=why)}."]
    return lines + [line.plain.strip() for line in history(host, exchanges, 200)]


def names(hosts: Iterable[str]) -> str:
    told = [host.partition(".")[0] for host in hosts]
    more = f" and {len(told) - _NAMES} more" if len(told) > _NAMES else ""
    return ", ".join(told[:_NAMES]) + more
