"""The rollout in sentences, for screen readers and for who has no screen: no drawing, no columns."""

from __future__ import annotations

from collections.abc import Iterable

from quads_tui.rollout.forecast import Bound, Forecast
from quads_tui.rollout.http_log import Exchange
from quads_tui.rollout.lateness import late_words
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.remaining_hosts import OverdueHost
from quads_tui.rollout.rollout_time import RolloutTime
from quads_tui.rollout.stages import HostStatus, Stage
from quads_tui.rollout.state import FailureGroup, HostState, Rollout
from quads_tui.rollout.waits import for_the_pause, time_limit_words

from .clouds import cloud_sentences
from .comments import comment_lines
from .detail import history, next_step
from .eta import bound_words, marked, overdue_words, surely_words
from .failures import groups, left_as
from .numbers import count, duration

_NAMES = 5  # of hosts that are named before "and so many more"


def progress(rollout: Rollout, forecast: Forecast, now: float) -> str:
    """One line: since when, what ended, how long still. `now` is real time."""
    counts = rollout.counts
    ended = [f"{counts[HostStatus.DONE]} of {len(rollout.hosts)} done"]
    ended += [f"{counts[s]} {s.value}" for s in (HostStatus.FAILED, HostStatus.SKIPPED, HostStatus.HELD) if counts[s]]
    run = duration(rollout.seconds(now)) + marked(rollout.time, rollout.ended_at or now)
    return f"After {run}: {', '.join(ended)}. {_left(rollout, forecast)}"


def _left(rollout: Rollout, forecast: Forecast) -> str:
    if rollout.ended_at is not None:
        return f"Stopped ({rollout.end_reason})." if rollout.end_reason else "The rollout has ended."
    if forecast.p50 == 0.0:
        late = overdue_words(forecast, _NAMES, rollout.time)
        if forecast.late:
            return f"No more hosts are begun: {count(len(forecast.late), 'host')} would not be done by the time limit" + (
                f"; {late}." if late else "."
            )
        return f"The good hosts are done; {late}." if late else "No host continues by itself."
    words = bound_words(forecast.bound, forecast.why) or forecast.why
    if forecast.bound is Bound.HUMAN:
        return f"{words[:1].upper()}{words[1:]}."
    limit = f"; {words}" if words else ""
    if forecast.done_at is None:
        return f"The end is not known yet{limit}."
    likely = f", {surely_words(forecast, rollout.time)}" if forecast.p90 is not None else ""
    return f"Good hosts done about {rollout.time.clock(forecast.done_at, forecast.at)}{likely}{limit}."


def status(rollout: Rollout, meters: Meters, forecast: Forecast, now: float) -> list[str]:
    """Progress, where hosts stand, the Foreman write queue, pauses and what is armed."""
    lines = [progress(rollout, forecast, now), *too_late(rollout, meters), *cloud_sentences(rollout)]
    queued, waiting = rollout.counts[HostStatus.QUEUED], rollout.counts[HostStatus.WAITING]
    places = [f"{rollout.at_stage[stage]} in {stage.label}" for stage in Stage if rollout.at_stage[stage]]
    later = f"; waiting to retry: {waiting}" if waiting else ""
    if queued or places:
        lines.append(", ".join([f"{queued} not started", *places]) + f"{later}.")
    lane = meters.lane
    if lane.shut:
        lines.append(f"Foreman writes blocked: {lane.shut}.")
    elif lane.elsewhere:
        lines.append(f"Foreman write queue: {lane.elsewhere}; {count(lane.depth, 'host')} of this rollout ready.")
    elif lane.depth or lane.in_flight:
        lines.append(f"Foreman write queue: {count(lane.depth, 'host')} ready, {len(lane.in_flight)} being written now.")
    lines += [f"Overdue: {_overdue(one, now, rollout.time)}." for one in forecast.overdue]
    if rollout.plan.until:
        late = f": {count(len(forecast.late), 'host')} will not be begun" if forecast.late else ""
        lines.append(f"Time limit {time_limit_words(rollout.plan.until, rollout.time)}{late}.")
    lines += [_sentence(words) for words in rollout.outage_lines(now)]
    lines += [_sentence(for_the_pause(what, why)) for what, why in rollout.paused.items()]
    if armed := rollout.left_armed:
        lines.append(f"Armed (the next boot reinstalls them): {names(armed)}.")
    return lines


def too_late(rollout: Rollout, meters: Meters) -> list[str]:
    """That the machine does not keep up with the speed of the rehearsal; nothing where it does."""
    words = "" if rollout.time.is_real else late_words(meters.lateness, rollout.speed)
    return [_sentence(words)] if words else []


def _overdue(one: OverdueHost, now: float, time: RolloutTime) -> str:
    return one.name + (f", watched until {time.clock(one.until, now)}" if one.until is not None else "")


def failed(rollout: Rollout) -> list[str]:
    """A line for each group of failures, the largest first."""
    return [_failure(rollout, group) for group in groups(rollout)] or ["No host has failed."]


def _failure(rollout: Rollout, group: FailureGroup) -> str:
    where = group.stage.label if group.stage else "the start"
    hosts = f"{names(group.hosts)}; afterwards {left_as(rollout, group)}"
    return f"{count(len(group.hosts), 'host')} failed at {where}, {group.cause.value}: {group.reason}: {hosts}."


def host(host: HostState, exchanges: Iterable[Exchange], *, now: float, time: RolloutTime, why: str = "") -> list[str]:
    """All that is known of it, the newest of its history last. `why`: why it waits, in words."""
    where = f" at {host.stage.label}, attempt {host.attempt}" if host.stage else ""
    since = f", for {duration((now - host.since) * time.speed)}" if host.since and not host.status.is_final else ""
    lines = [f"{host.name}, {host.cloud}, model {host.model}, BMC {host.address}.", f"{host.status.label}{where}{since}."]
    lines += ["Armed: the next boot reinstalls the host."] if host.armed else []
    lines += [f"Cause {host.cause.value}: {host.reason}."] if host.cause else []
    lines += [f"Afterwards: {host.left_behind}."] if host.left_behind else []
    lines += [_sentence(words) for words in comment_lines(host, time)]
    lines += [f"Next: {next_step(host, now=now, time=time, why=why)}."]
    return lines + [line.plain.strip() for line in history(host, exchanges, 200, time)]


def names(hosts: Iterable[str]) -> str:
    short = [host.partition(".")[0] for host in hosts]
    more = f" and {len(short) - _NAMES} more" if len(short) > _NAMES else ""
    return ", ".join(short[:_NAMES]) + more


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
