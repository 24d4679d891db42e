"""Why a host does not go on at once, always in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from quads_tui.rollout.forecast import Forecast
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.outages import outage_words
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import HostState, Rollout
from quads_tui.rollout.waits import (
    FOR_FOREMAN,
    FOR_ITS_TURN,
    for_a_place,
    for_the_pause,
    for_the_time_limit,
    is_for_a_place,
    is_for_an_install,
)

from .comments import with_comment
from .numbers import duration
from .reasons import WRITTEN


class HostWord(StrEnum):
    """How a host stands, where its stage does not say it: the STATE column."""

    ARMED = "ARMED"
    OVERDUE = "overdue"
    FAILED = "failed"
    HELD = "held"
    SKIPPED = "skipped"
    DONE = "done"
    RETRYING = "retrying"
    WRITING = "writing"
    READY = "ready"
    RUNNING = ""


@dataclass(frozen=True, slots=True)
class HostNote:
    """The NOTE column. `quiet`: it is as usual. `progress`: an install, against its usual time; 1 is that."""

    text: str
    quiet: bool = False
    progress: float | None = None


_SEEN = 3  # installs of a model from which on it is known how long they usually take


def _doing(stage: Stage) -> str:
    match stage:
        case Stage.POWER_OFF:
            return "waiting for its BMC to report Off"
        case Stage.PXE_SET:
            return "setting PXE for the next boot"
        case Stage.FOREMAN_BUILD:
            return "preparing the write"
        case Stage.POWER_ON:
            return "waiting for its BMC to report On"
        case Stage.INSTALL:
            return "installing"
        case _:
            assert_never(stage)


def host_word(host: HostState, meters: Meters, forecast: Forecast) -> HostWord:
    """`meters` and `forecast` may be a second old."""
    match host.status:
        case HostStatus.QUEUED:
            return HostWord.RUNNING
        case HostStatus.WAITING:
            return HostWord.RETRYING
        case HostStatus.DONE:
            return HostWord.DONE
        case HostStatus.FAILED:
            return HostWord.ARMED if host.armed else HostWord.FAILED
        case HostStatus.SKIPPED:
            return HostWord.SKIPPED
        case HostStatus.HELD:
            return HostWord.ARMED if host.armed else HostWord.HELD
        case HostStatus.RUNNING:
            if host.stage is Stage.FOREMAN_BUILD:
                lane = meters.lane
                if any(flight.host == host.name for flight in lane.in_flight):
                    return HostWord.WRITING
                return HostWord.READY if host.name in lane.places else HostWord.RUNNING
            late = any(one.name == host.name for one in forecast.overdue)
            return HostWord.OVERDUE if late else HostWord.RUNNING
        case _:
            assert_never(host.status)


def host_note(host: HostState, rollout: Rollout, meters: Meters, forecast: Forecast, now: float) -> HostNote:
    """As `why`, for a row that shows the state and its time already, behind what an operator wrote about the host."""
    note = _host_note(host, rollout, meters, forecast, now)
    return replace(note, text=with_comment(host, note.text), quiet=False) if host.comments else note


def _host_note(host: HostState, rollout: Rollout, meters: Meters, forecast: Forecast, now: float) -> HostNote:
    if host.status is HostStatus.RUNNING and host.stage is Stage.INSTALL:
        return _install_note(host, rollout, forecast, now)
    text = why(host, rollout, meters, forecast, now)
    return HostNote(text, quiet=host.status in (HostStatus.QUEUED, HostStatus.RUNNING, HostStatus.DONE, HostStatus.SKIPPED))


def _install_note(host: HostState, rollout: Rollout, forecast: Forecast, now: float) -> HostNote:
    late = next((one for one in forecast.overdue if one.name == host.name), None)
    samples = rollout.durations.samples(host.model, Stage.INSTALL)
    if len(samples) < _SEEN:
        return HostNote("installing; no usual time is known yet", quiet=True)
    usual = samples.quantile(0.5)
    words = f"usually {duration(usual)}, 90 % within {duration(samples.quantile(0.9))}"
    if late is not None:
        until = f"; watched until {rollout.time.clock(late.until, now)}" if late.until is not None else ""
        return HostNote(words + until)
    began = rollout.durations.installing.get(host.name, host.since)
    return HostNote(words, quiet=True, progress=min(1.0, max(0.0, now - began) * rollout.speed / max(usual, 1.0)))


def why(host: HostState, rollout: Rollout, meters: Meters, forecast: Forecast, now: float) -> str:
    """One line: why it waits, or why it ended and what it was left as; empty for a host that is done. `now` is real time.

    `meters` and `forecast` may be a second old. Times are the rollout's own, but for what a BMC asks for.
    """
    match host.status:
        case HostStatus.QUEUED:
            return _queued(host, rollout, forecast, now)
        case HostStatus.WAITING:
            return _retrying(host, rollout, now)
        case HostStatus.RUNNING:
            return _running(host, rollout, meters, forecast, now)
        case HostStatus.DONE | HostStatus.FAILED | HostStatus.SKIPPED | HostStatus.HELD:
            return host.note if host.repair is not None else host.full_reason
        case _:
            assert_never(host.status)


def _queued(host: HostState, rollout: Rollout, forecast: Forecast, now: float) -> str:
    kind = rollout.durations.kinds[host.name]
    begins = host.stage in (None, kind.stages[0])
    if begins and (what := rollout.new_host_paused(host.name)):
        return for_the_pause(what, rollout.paused[what])
    if begins and (words := rollout.canaries.wait(host.name)):
        return words
    if host.name in forecast.late:
        return for_the_time_limit(rollout.plan.until, rollout.time)
    if (outage := rollout.outage_of(host.name)) is not None:
        return f"waiting: {outage_words(outage, now, rollout.time)}"
    if kind is not Kind.BUILD or (host.stage is not None and host.note) or is_for_an_install(host.note):
        return _note(host, rollout) or "starting"
    return _behind(_turn(host, rollout, forecast, now) if rollout.first_write_verified else "", _place(rollout))


def _retrying(host: HostState, rollout: Rollout, now: float) -> str:
    if (outage := rollout.outage_of(host.name)) is not None:
        return f"waiting: {outage_words(outage, now, rollout.time)}"
    if host.until is None:
        return host.reason
    due = "retrying at" if host.until > now else "retry due since"
    return f"{due} {rollout.time.clock(host.until, now)}: {host.reason}"


def _running(host: HostState, rollout: Rollout, meters: Meters, forecast: Forecast, now: float) -> str:
    lane = meters.lane
    for flight in lane.in_flight:
        if flight.host == host.name and host.stage is Stage.FOREMAN_BUILD:
            return f"writing to Foreman now ({flight.act})" + (f": {flight.settling}" if flight.settling else "")
    if host.stage is Stage.FOREMAN_BUILD and (place := lane.places.get(host.name)):  # `meters` may be a second old
        return _in_lane(host, place, rollout, meters, forecast)
    if host.stage is Stage.INSTALL:
        return _installing(host, rollout, forecast, now)
    queued_or_written = host.note.startswith((FOR_ITS_TURN, WRITTEN))  # in a queue that `meters` has not seen: no time is known
    unwritten = host.stage is Stage.FOREMAN_BUILD and host.name in forecast.turns and not queued_or_written
    words = _note(host, rollout) or (_doing(host.stage) if host.stage else "")
    return _behind(_turn(host, rollout, forecast, now) if unwritten else "", words)


def _behind(turn: str, words: str) -> str:
    """A time says what the host waits for."""
    return turn + (words.removeprefix(FOR_FOREMAN) if turn else words)


def _place(rollout: Rollout) -> str:
    return for_a_place(len(rollout.powered_off_waiting), rollout.first_write_verified)


def _note(host: HostState, rollout: Rollout) -> str:
    """What the host was last said to wait for; a number in it is that of now."""
    return _place(rollout) if is_for_a_place(host.note) else host.note


def _in_lane(host: HostState, place: int, rollout: Rollout, meters: Meters, forecast: Forecast) -> str:
    words = f"{ordinal(place)} in the Foreman write queue"
    if host.name in rollout.write_next:
        words += " (put first by the operator)"
    elif rollout.canaries[host.name] is not None:
        words += " (the first of its model, os and medium)"
    elif tail := rollout.durations.tail(host.name):
        words += f" (longest first: about {duration(tail)} from its write to done)"
    if "writes" in rollout.paused:
        return f"{words}; {for_the_pause('writes', rollout.paused['writes'])}"
    if meters.lane.shut:
        return f"{words}; Foreman writes blocked: {meters.lane.shut}"
    if meters.lane.elsewhere:
        words += f"; {meters.lane.elsewhere}"
    rate = forecast.writes_per_minute
    return (f"write in about {duration(60.0 * place / rate)}: " if rate else "") + words


def _installing(host: HostState, rollout: Rollout, forecast: Forecast, now: float) -> str:
    began = rollout.durations.installing.get(host.name, host.since)
    words = f"installing for {duration(max(0.0, (now - began) * rollout.speed))}"
    if late := next((one for one in forecast.overdue if one.name == host.name), None):
        words = f"overdue: {words}" + (f", watched until {rollout.time.clock(late.until, now)}" if late.until is not None else "")
    samples = rollout.durations.samples(host.model, Stage.INSTALL)
    if len(samples) < _SEEN:
        return words
    return f"{words}, usually {duration(samples.quantile(0.5))}, 90 % within {duration(samples.quantile(0.9))}"


def _turn(host: HostState, rollout: Rollout, forecast: Forecast, now: float) -> str:
    """The number comes first: a note is cut where its column ends."""
    turn = forecast.turns.get(host.name)
    if turn is None:
        return ""
    return f"write in about {duration(max(0.0, turn - (now - forecast.at) * rollout.speed))}: "


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
