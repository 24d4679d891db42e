"""The forecast in words: for the header, and for the Foreman write queue."""

from __future__ import annotations

from typing import assert_never

from rich.cells import cell_len

from quads_tui.rollout.forecast import Bound, Forecast
from quads_tui.rollout.rollout_time import RolloutTime

UNKNOWN = "end not known yet"


def marked(time: RolloutTime, now: float) -> str:
    """For a line that stands alone, where its times are not those on the wall: what the clock of them shows; else nothing."""
    return "" if time.is_real else f" (now {time.clock(now, now)} at {time.speed_words})"


def header_words(forecast: Forecast, width: int, time: RolloutTime) -> str:
    """As much of it as goes into so many cells: the time, how sure it is, what limits it, why. Empty when nothing is to come."""
    late = overdue_words(forecast, 0, time)
    if forecast.p50 == 0.0:
        ways = [overdue_words(forecast, 2, time), late] if late else []
        return next((words for words in ways if cell_len(words) <= width), "")
    limit = bound_words(forecast.bound) or (forecast.why if forecast.p50 is None else "")
    whole = bound_words(forecast.bound, forecast.why) or limit
    if forecast.done_at is None:
        ways = [f"{UNKNOWN}  {whole}", f"{UNKNOWN}  {limit}", UNKNOWN, "end unknown"]
    else:
        done = time.clock(forecast.done_at, forecast.at)
        likely = f" ({surely_words(forecast, time)})" if forecast.p90 is not None else ""
        first = f"good hosts done about {done}{likely}"
        ways = [f"{first}, {overdue_words(forecast, 2, time)}", f"{first}, {late}"] if late else []
        ways += [f"{first}  {whole}", f"{first}  {limit}", first]
        # Not "done 15:34": that would read as if it had ended then.
        ways += [f"end about {done}{likely}  {limit}", f"end about {done}{likely}", f"end about {done}", f"end ~{done}"]
    return next((words.rstrip() for words in ways if cell_len(words.rstrip()) <= width), "")


def overdue_words(forecast: Forecast, named: int, time: RolloutTime) -> str:
    """3 overdue: h1, h2 and 1 more, watched until 23:52. Empty where none is; `named`: so many by name, none for 0."""
    if not forecast.overdue:
        return ""
    words = f"{len(forecast.overdue)} overdue"
    if named:
        shown = [one.name.partition(".")[0] for one in forecast.overdue[:named]]
        more = len(forecast.overdue) - len(shown)
        words += f": {', '.join(shown)}" + (f" and {more} more" if more else "")
    ends = [one.until for one in forecast.overdue if one.until is not None]
    return words + (f", watched until {time.clock(max(ends), forecast.at)}" if ends else "")


def surely_words(forecast: Forecast, time: RolloutTime) -> str:
    """90 % sure by 23:52; empty where that is not known."""
    return "" if forecast.surely_done_at is None else f"90 % sure by {time.clock(forecast.surely_done_at, forecast.at)}"


def bound_words(bound: Bound, why: str = "") -> str:
    """What the end waits for, with `why` in figures; empty for nothing."""
    aside = f" ({why})" if why else ""
    match bound:
        case Bound.LANE:
            return f"bottleneck: Foreman writes{aside}"
        case Bound.BMC:
            return f"bottleneck: BMCs{aside}"
        case Bound.INSTALL:
            return f"bottleneck: installs{aside}"
        case Bound.HUMAN:
            return "waiting for an operator" + (f": {why}" if why else "")
        case Bound.NOTHING:
            return ""
        case _:
            assert_never(bound)
