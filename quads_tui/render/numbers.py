"""Counts as people read them; durations, clock times and latencies (rollout/time_words.py) come with them."""

from __future__ import annotations

from quads_tui.rollout.time_words import clock_time, duration, latency, measured

__all__ = ["clock_time", "count", "duration", "latency", "measured"]


def count(number: int, what: str) -> str:
    """1 host, 2 hosts, 1,700 hosts."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
