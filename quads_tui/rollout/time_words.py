"""Durations and times, written in one way everywhere. As people read them, a duration never looks like a clock time."""

from __future__ import annotations

from datetime import UTC, datetime

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
    """45 ms, 1.2 s, 61 s, 8 min."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 99.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    return duration(seconds)


def limit_words(seconds: float) -> str:
    """How long something is waited for, to the second: 0.5 s, 15 s, 7 min 30 s."""
    return f"{seconds:.3g} s" if seconds < 99.5 else measured(seconds)


def clock_time(at: float, now: float) -> str:
    """Time `at` on the clock here, 23:41; with its day if it is not near `now`. Seconds since 1970."""
    there = _local(at)
    return there.strftime("%H:%M" if abs(at - now) < _FAR else "%a %H:%M")


def time_of_day(at: float) -> str:
    """23:41:05."""
    return _local(at).strftime("%H:%M:%S")


def date_and_time(at: float) -> str:
    """2026-11-29 02:00; empty for a number that is no time, as a damaged file may have it."""
    try:
        return _local(at).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return ""


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at).astimezone()


def rfc3339(at: float | None) -> str | None:
    """UTC with milliseconds; None for none or for a number that is no time."""
    if not at:
        return None
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return None
