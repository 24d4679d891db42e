"""What people read numbers by: counts (rollout/counts.py), durations, clock times and latencies (rollout/time_words.py)."""

from __future__ import annotations

from quads_tui.rollout.counts import count
from quads_tui.rollout.time_words import clock_time, duration, latency, measured

__all__ = ["clock_time", "count", "duration", "latency", "measured"]
