"""Why a host does not go on at once, always in words."""

from __future__ import annotations

from collections.abc import Callable

from quads_tui.rollout.forecast import Forecast
from quads_tui.rollout.metrics import Meters
from quads_tui.rollout.stages import HostStatus, Kind, Stage
from quads_tui.rollout.state import HostState, Rollout
from quads_tui.rollout.waits import for_a_place, for_the_pause

from .eta import about

_SEEN = 3  # installs of a model from which on it is known how long they usually take
_DOING = {
    Stage.POWER_OFF: "waits for its BMC to show Off",
    Stage.PXE_SET: "its BMC is told to boot from PXE once",
    Stage.FOREMAN_BUILD: "on its way to the write lane",
    Stage.POWER_ON: "waits for its BMC to show On",
}


def why(host: HostState, rollout: Rollout, meters: Meters, forecast: Forecast, now: float) -> str:
    """One line: why it waits, or why it ended and what it was left as; empty for a host that is done. `now` is real time.

    `meters` and `forecast` may be a second old. Times are the rollout's own, but for what a BMC asks for.
    """
    say = _SAY.get(host.status)
    return say(host, rollout, meters, forecast, now) if say else host.full_reason


def _queued(host: HostState, rollout: Rollout, meters: Meters, forecast: Forecast, now: float) -> str:
    kind = rollout.pace.kinds[host.name]
    begins = host.stage in (None, kind.stages[0])
    if begins and (what := rollout.new_host_paused(host.name)):
        return for_the_pause(what, rollout.paused[what])
    if kind is not Kind.BUILD or (host.stage is not None and host.note):
        return host.note or "begins at once"
    words = for_a_place(len(rollout.ahead), rollout.first_write_verified)
    return words + (_turn(host, rollout, forecast, now) if rollout.first_write_verified else "")


def _waiting(host: HostState, rollout: Rollout, meters: Meters, forecast: Forecast, now: float) -> str:
    if host.until is None:
        return host.reason
    return f"next attempt in {max(0.0, (host.until - now) * rollout.speed):.0f} s: {host.reason}"


def _running(host: HostState, rollout: Rollout, meters: Meters, forecast: Forecast, now: float) -> str:
    lane = meters.lane
    for flight in lane.in_flight:
        if flight.host == host.name:
            return f"its write to Foreman ({flight.act}) is under way" + (f": {flight.settling}" if flight.settling else "")
    if place := lane.places.get(host.name):
        return _in_lane(place, rollout, meters, forecast)
    if host.stage is Stage.INSTALL:
        return _installing(host, rollout, now)
    unwritten = host.stage is Stage.FOREMAN_BUILD and host.name in forecast.turns
    return (host.note or (_DOING[host.stage] if host.stage else "")) + (_turn(host, rollout, forecast, now) if unwritten else "")


def _in_lane(place: int, rollout: Rollout, meters: Meters, forecast: Forecast) -> str:
    words = f"{ordinal(place)} in the write lane"
    if "writes" in rollout.paused:
        return f"{words}; {for_the_pause('writes', rollout.paused['writes'])}"
    if meters.lane.shut:
        return f"{words}, which is shut: {meters.lane.shut}"
    return words + (f", about {about(60.0 * place / forecast.writes_per_minute)}" if forecast.writes_per_minute else "")


def _installing(host: HostState, rollout: Rollout, now: float) -> str:
    began = rollout.pace.installing.get(host.name, host.since)
    words = f"installing for {about(max(0.0, (now - began) * rollout.speed))}"
    samples = rollout.pace.samples(host.model, Stage.INSTALL)
    if len(samples) < _SEEN:
        return words
    return f"{words}, usually {about(samples.quantile(0.5))}, nine in ten within {about(samples.quantile(0.9))}"


def _turn(host: HostState, rollout: Rollout, forecast: Forecast, now: float) -> str:
    turn = forecast.turns.get(host.name)
    if turn is None:
        return ""
    return f", its write in about {about(max(0.0, turn - (now - forecast.at) * rollout.speed))}"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


_Say = Callable[[HostState, Rollout, Meters, Forecast, float], str]
_SAY: dict[HostStatus, _Say] = {HostStatus.QUEUED: _queued, HostStatus.WAITING: _waiting, HostStatus.RUNNING: _running}
