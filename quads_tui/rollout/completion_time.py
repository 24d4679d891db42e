"""When the last of many has ended, each of which takes a lognormal time: where the product of their probabilities says so."""

from __future__ import annotations

from collections.abc import Generator
from math import erfc, inf, log, log1p, sqrt

from .lognormal import Lognormal

ENDLESS = 7 * 24 * 3600.0  # seconds: an answer above this is none
_TRIES = 20  # half of them are enough
_ROOT = sqrt(2.0)
_PIECE = 512  # waits that are asked without a pause: half a millisecond


class Wait:
    """So many that begin `shift` seconds from now, or have run for `age`."""

    __slots__ = ("_age", "_count", "_middle", "_running", "_scale", "_shift", "half", "unwritten")

    def __init__(self, count: float, shift: float, spread: Lognormal, *, age: float = 0.0, unwritten: bool = False) -> None:
        self.unwritten = unwritten
        self._count, self._shift, self._middle, self._scale = count, shift, spread.middle, 1.0 / (spread.spread * _ROOT)
        self._age = min(age, spread.longest)
        self._running = spread.survival(self._age)
        self.half = shift + (0.0 if age else spread.median)  # when one of them has ended as likely as not, or before that

    def ends_within(self, seconds: float) -> float:
        """The logarithm of the probability that all of them have ended by then."""
        seconds -= self._shift
        if seconds <= 0.0:
            return -inf
        left = 0.5 * erfc((log(self._age + seconds) - self._middle) * self._scale) / self._running
        return self._count * log1p(-left) if left < 1.0 else -inf


def when_all_in_pieces(waits: list[Wait], share: float) -> Generator[None, None, tuple[float, list[Wait]]]:
    """When all have ended with the probability `share`, one half at least, and those that count there. Whoever asks may do
    something else at each `yield`."""
    wanted = log(share)
    low = max(wait.half for wait in waits)
    sure = -1e-2 / len(waits)
    counting: list[Wait] = []
    for start in range(0, len(waits), _PIECE):
        yield
        counting += (wait for wait in waits[start : start + _PIECE] if wait.ends_within(low) < sure)
    waits = counting or waits  # the others need not be asked again

    def over(seconds: float) -> Generator[None, None, float]:
        """Above 0 where the chance is still too small; nearly a straight line there."""
        chance = 0.0
        for start in range(0, len(waits), _PIECE):
            yield
            for wait in waits[start : start + _PIECE]:
                chance += wait.ends_within(seconds)
        return log(min(max(chance / wanted, 1e-9), 1e9))

    step = max(30.0, 0.1 * low)
    at_low = yield from over(low)
    at_high = yield from over(low + step)
    while at_high > 0.0 and low < ENDLESS:
        low, at_low, step = low + step, at_high, 2.0 * step
        at_high = yield from over(low + step)
    high = low + step
    for _ in range(_TRIES):
        if high - low < max(0.5, 0.001 * high) or at_low <= 0.0:
            break
        # Along the line between the two, but well inside, so that both ends come nearer.
        way = min(max(at_low / (at_low - at_high), 0.05), 0.95)
        middle = low + way * (high - low)
        found = yield from over(middle)
        if found > 0.0:
            low, at_low = middle, found
        else:
            high, at_high = middle, found
    return (high if at_low > 0.0 else low), waits
