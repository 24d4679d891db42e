"""How long things take whose logarithms are spread normally: installs, power actions. Fitted to those that ended and those
that have not.

What is still running counts as "at least this long". Without that an early estimate would be made of the quick hosts alone, since
they are the first to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, exp, log, pi, sqrt

_ROOT = sqrt(2.0)
_FAR = 6.0  # deviations above the median
_STEPS = 12  # the likelihood is concave in these parameters (Olsen 1978), so that Newton's method is there in five or six
NINE_OF_TEN = 1.2816  # deviations above the median below which 90 % lie


@dataclass(frozen=True, slots=True)
class Lognormal:
    """`middle` and `spread` are of the natural logarithm of seconds."""

    middle: float
    spread: float

    def survival(self, seconds: float) -> float:
        """The share that takes longer."""
        return 0.5 * erfc((log(seconds) - self.middle) / self.spread / _ROOT) if seconds > 0 else 1.0

    @property
    def longest(self) -> float:
        """Seconds; what has run longer is taken as having run for this long, since nothing is known out there."""
        return exp(self.middle + _FAR * self.spread)

    @property
    def median(self) -> float:
        return exp(self.middle)

    def slower(self, share: float) -> Lognormal:
        return Lognormal(self.middle + share, self.spread)


@dataclass(frozen=True, slots=True)
class LogMoments:
    """What is kept of those that ended: how many (a share counts as that much of one), and the sums of logarithms and squares."""

    count: float = 0.0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: LogMoments) -> LogMoments:
        return LogMoments(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @classmethod
    def like(cls, known: Lognormal, count: float) -> LogMoments:
        """As if so many had ended that are spread like these."""
        return cls(count, count * known.middle, count * (known.middle**2 + known.spread**2))


def fit(ended: LogMoments, running: Sequence[tuple[float, float]] = (), *, spread: float, weight: float) -> Lognormal:
    """The likeliest spread of what ended and what runs on: (seconds so far, how many). `ended` must count one at least.

    `spread` is what is expected before anything is known, and has the weight of that many that ended.
    """
    count, total, squares = ended.count, ended.total, ended.squares
    middle = total / count
    variance = (max(0.0, squares - total * middle) + weight * spread**2) / (count + weight)
    ages = [(log(age) - middle, many) for age, many in running if age > 1.0]
    # About the mean of those that ended, so that the sums below stay small: x has the sum 0 and these squares.
    squares = max(0.0, squares - total * middle) + weight * spread**2
    scale, shift = 1.0 / sqrt(variance), 0.0  # scale * x - shift is standard normal
    for _ in range(_STEPS):
        by_scale = (count + weight) / scale - scale * squares
        by_shift = -count * shift
        twice_scale, mixed, twice_shift = -(count + weight) / scale**2 - squares, 0.0, -count
        for age, many in ages:
            z = scale * age - shift
            if z < -4.0:
                continue  # says nothing yet
            hazard = _hazard(z)
            bend = many * hazard * (hazard - z)
            by_scale -= many * age * hazard
            by_shift += many * hazard
            twice_scale -= age * age * bend
            mixed += age * bend
            twice_shift -= bend
        # The step that solves the two linear equations of Newton's method.
        determinant = twice_scale * twice_shift - mixed * mixed
        up = (mixed * by_shift - twice_shift * by_scale) / determinant
        across = (mixed * by_scale - twice_scale * by_shift) / determinant
        step = min(1.0, 0.5 * scale / -up) if up < 0.0 else 1.0  # the scale stays positive
        scale, shift = scale + step * up, shift + step * across
        if abs(up) < 1e-4 * scale and abs(across) < 1e-4:
            break
    return Lognormal(middle + shift / scale, 1.0 / scale)


def _hazard(z: float) -> float:
    """Of the standard normal distribution: density by survival."""
    return z + 1.0 / z if z > 25.0 else exp(-0.5 * z * z) / sqrt(2.0 * pi) / (0.5 * erfc(z / _ROOT))
