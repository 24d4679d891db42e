"""Whether this machine keeps up with the speed of a rehearsal. Where it does not, steps take longer than they would, and every
time on the screen says so of the machine and not of the lab.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from statistics import median

from .time_words import duration

TOO_LATE = 1.0  # own seconds by which a step is late: a write takes five, a BMC answers in less
_SECONDS = 5  # for so many real ones in a row, or it says nothing


class Lateness:
    """Own seconds by which each step is late: of the program's loop and the emulators' together, a value a second.

    Taken from the median of the last few: one value alone may come of a suspended machine.
    """

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=_SECONDS)
        self.seconds = 0.0
        self.is_too_late = False

    def add(self, seconds: float) -> None:
        """Of the last second."""
        self._recent.append(seconds)
        self.seconds = median(self._recent)
        limit = TOO_LATE / 2 if self.is_too_late else TOO_LATE  # it is not said and taken back every second
        self.is_too_late = len(self._recent) == _SECONDS and self.seconds >= limit


def share_too_late(values: Iterable[float]) -> float:
    """The share of the seconds of a rollout in which the machine did not keep up; 0 for none at all."""
    lateness, late, count = Lateness(), 0, 0
    for value in values:
        lateness.add(value)
        late += lateness.is_too_late
        count += 1
    return late / count if count else 0.0


def late_words(lateness: Lateness, speed: float) -> str:
    """A sentence without its end; empty where the machine keeps up."""
    if not lateness.is_too_late:
        return ""
    late = duration(max(1.0, lateness.seconds))
    words = f"each step takes about {late} of rollout time too long, all times are wrong"
    return f"this computer is too slow for speed {speed:g}: {words}"


def late_short(lateness: Lateness, speed: float) -> str:
    """The same for a line with little room."""
    return f"this computer is too slow for {speed:g}x: times are wrong" if lateness.is_too_late else ""
