"""The forecast in words: for the header, and for the Foreman write queue."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from rich.cells import cell_len

from quads_tui.rollout.forecast import Bound, Forecast
from quads_tui.rollout.state import Rollout

from .numbers import clock_time

UNKNOWN = "end not known yet"


def on_screen(forecast: Forecast, rollout: Rollout) -> Forecast:
    """The same in the time that the screen shows (Rollout.shown_at): that of a faster rehearsal is its own."""
    if rollout.speed == 1.0:
        return forecast
    late = tuple(one if one.until is None else one._replace(until=rollout.shown_at(one.until)) for one in forecast.overdue)
    return replace(forecast, at=rollout.shown_at(forecast.at), speed=1.0, overdue=late)


def header_words(forecast: Forecast, width: int) -> str:
    """As much of it as goes into so many cells: the time, how sure it is, what limits it, why. Empty when nothing is to come."""
    late = overdue_words(forecast, 0)
    if forecast.p50 == 0.0:
        ways = [overdue_words(forecast, 2), late] if late else []
        return next((words for words in ways if cell_len(words) <= width), "")
    limit = bound_words(forecast.bound) or (forecast.why if forecast.p50 is None else "")
    why = f": {forecast.why}" if forecast.bound is not Bound.NOTHING and forecast.why else ""
    if forecast.done_at is None:
        ways = [f"{UNKNOWN}  {limit}{why}", f"{UNKNOWN}  {limit}", UNKNOWN, "end unknown"]
    else:
        time = clock_time(forecast.done_at, forecast.at)
        likely = f" ({surely_words(forecast)})" if forecast.p90 is not None else ""
        first = f"good hosts done about {time}{likely}"
        ways = [f"{first}, {overdue_words(forecast, 2)}", f"{first}, {late}"] if late else []
        ways += [f"{first}  {limit}{why}", f"{first}  {limit}", first]
        # Not "done 15:34": that would read as if it had ended then.
        ways += [f"end about {time}{likely}  {limit}", f"end about {time}{likely}", f"end about {time}", f"end ~{time}"]
    return next((words.rstrip() for words in ways if cell_len(words.rstrip()) <= width), "")


def overdue_words(forecast: Forecast, named: int) -> str:
    """3 overdue: h1, h2 and 1 more, watched until 23:52. Empty where none is; `named`: so many by name, none for 0."""
    if not forecast.overdue:
        return ""
    words = f"{len(forecast.overdue)} overdue"
    if named:
        shown = [one.name.partition(".")[0] for one in forecast.overdue[:named]]
        more = len(forecast.overdue) - len(shown)
        words += f": {', '.join(shown)}" + (f" and {more} more" if more else "")
    ends = [one.until for one in forecast.overdue if one.until is not None]
    return words + (f", watched until {clock_time(max(ends), forecast.at)}" if ends else "")


def surely_words(forecast: Forecast) -> str:
    """90 % by 23:52; empty where that is not known."""
    return "" if forecast.surely_done_at is None else f"90 % by {clock_time(forecast.surely_done_at, forecast.at)}"


def bound_words(bound: Bound) -> str:
    """What the end waits for; empty for nothing."""
    match bound:
        case Bound.LANE:
            return "limited by Foreman writes"
        case Bound.BMC:
            return "limited by BMCs"
        case Bound.INSTALL:
            return "limited by installs"
        case Bound.HUMAN:
            return "waiting for an operator"
        case Bound.NOTHING:
            return ""
        case _:
            assert_never(bound)
