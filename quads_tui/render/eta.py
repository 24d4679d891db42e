"""The forecast in words: for the header, and for the write lane."""

from __future__ import annotations

from rich.cells import cell_len

from quads_tui.rollout.forecast import Bound, Forecast

from .progress import clock_text

UNKNOWN = "--"


def header_words(forecast: Forecast, width: int) -> str:
    """As much of it as goes into so many cells: the time, its p90, what it waits for, and why. Empty when nothing is to come."""
    if forecast.p50 == 0.0:
        return ""
    time = f"ETA {clock_text(forecast.p50) if forecast.p50 is not None else UNKNOWN}"
    p90 = f" (90%: {_rough(forecast.p90)})" if forecast.p90 is not None else ""
    bound = forecast.bound.value or (forecast.why if forecast.p50 is None else "")
    why = f": {forecast.why}" if forecast.bound is not Bound.NOTHING and forecast.why else ""
    ways = [f"{time}{p90}  {bound}{why}", f"{time}{p90}  {bound}", f"{time}  {bound}", f"{time}{p90}", time]
    return next((words.rstrip() for words in ways if cell_len(words.rstrip()) <= width), "")


def lane_words(forecast: Forecast) -> str:
    """When the write lane will be empty and how quick it is: "empty in 17:20, 14/min". Empty when nothing is left to write."""
    if not forecast.writes_left:
        return ""
    empty = UNKNOWN if forecast.lane_empty is None else _short(forecast.lane_empty)
    return f"empty in {empty}" + (f", {rate_words(forecast.writes_per_minute)}" if forecast.writes_per_minute else "")


def rate_words(per_minute: float) -> str:
    return f"{per_minute:.0f}/min" if per_minute >= 10 else f"{per_minute:.1f}/min"


def about(seconds: float) -> str:
    """A time that is not known to the second: 14 s, 3 min, 1:20 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60}:{minutes % 60:02} h"


def _rough(seconds: float) -> str:
    """Hours and minutes, rounded up; below an hour to the second."""
    minutes = -(-int(seconds) // 60)
    return f"{minutes // 60}:{minutes % 60:02}" if seconds >= 3600 else clock_text(seconds)


def _short(seconds: float) -> str:
    text = clock_text(seconds)
    return text if seconds >= 3600 else text.removeprefix("0:")
