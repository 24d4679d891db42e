"""Durations, clock times, latencies and rates, written in one way everywhere. A duration never looks like a clock time."""

from __future__ import annotations

from datetime import datetime

_FAR = 20 * 3600.0  # real seconds from which on a clock time has its day beside it


def duration(seconds: float) -> str:
    """A time span that moves on, or is not known to the second: 47 s, 12 min, 1 h 24 min."""
    if seconds < 89.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def measured(seconds: float) -> str:
    """A time span that was measured: 0.8 s, 47 s, 4 min 5 s, 1 h 24 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if round(seconds) >= 3600:
        return duration(seconds)
    minutes, whole = divmod(round(seconds), 60)
    return f"{minutes} min {whole} s" if whole else f"{minutes} min"


def latency(seconds: float) -> str:
    """45 ms, 1.2 s, 61 s."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def clock_time(at: float, now: float) -> str:
    """Real time `at` on the wall here, 23:41; with its day if it is not near `now`."""
    there = datetime.fromtimestamp(at).astimezone()
    return there.strftime("%H:%M" if abs(at - now) < _FAR else "%a %H:%M")


def per_minute(rate: float) -> str:
    """14/min, 3.5/min."""
    return f"{rate:.0f}/min" if rate >= 10 else f"{rate:.1f}/min"


def count(number: int, what: str) -> str:
    """1 host, 2 hosts, 1,700 hosts."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
