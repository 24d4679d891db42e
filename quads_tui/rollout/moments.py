"""Time between processes: the system's, never the wall's, which steps when somebody sets it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Moment(NamedTuple):
    """Real seconds since a boot of this machine (CLOCK_BOOTTIME), and which boot. The journal keeps it as a JSON array."""

    boot: str  # empty: not known, as in journals of before
    seconds: float

    def until(self, later: Moment) -> float | None:
        """Real seconds from this to `later`; None where nobody can tell: another boot, or one that is not known."""
        if not self.boot or self.boot != later.boot or later.seconds < self.seconds:
            return None
        return later.seconds - self.seconds


LONG_AGO = Moment("", 0.0)  # a time that nothing may be reckoned from


def moment_from(kept: Any) -> Moment:
    """The inverse of the journal's JSON. What is none (older journals kept real time there) cannot be reckoned from."""
    match kept:
        case [str() as boot, int() | float() as seconds]:
            return Moment(boot, float(seconds))
        case _:
            return LONG_AGO
