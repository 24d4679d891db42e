"""Times that people write: in this machine's zone or a named one, on days when the clocks are put forward or back too.

A local time can be skipped (clocks go from 02:00 to 03:00) or come twice (from 03:00 back to 02:00). What is asked here is always
from when on the clock shows at least that time: for good (`last`) or for the first time (`first`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from .diagnostics import InputError, Problem

EARLIEST, LATEST = 1970, 9000  # years; beyond them the C library and Python disagree
EXPECTED = 'a time such as "2026-11-29 22:00"'
_SHAPES = tuple(
    f"%Y-%m-%d{between}{time}{offset}" for between in (" ", "T") for time in ("%H:%M", "%H:%M:%S") for offset in ("", "%z", " %z")
)
_POSIX = re.compile(r":?(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)[+-]?\d")  # TZ such as CET-1CEST,M3.5.0,M10.5.0/3


class BadTime(InputError):
    """What is wrong with a time or a zone, to be put behind its name."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone: a named one, or (without `info`) what this machine's C library takes for local time."""

    name: str = ""
    info: tzinfo | None = None

    def __str__(self) -> str:
        return self.name or "this machine's time"

    def clock(self, at: float) -> datetime:
        """What a clock on the wall shows then: naive, with its fold."""
        return datetime.fromtimestamp(at, self.info).replace(tzinfo=None)

    def moments(self, naive: datetime) -> tuple[float, ...]:
        """When the clock shows this: once; twice when clocks go back; never when it is skipped."""
        found = {at for fold in (0, 1) if self.clock(at := self._stamp(naive, fold)) == naive.replace(fold=0)}
        return tuple(sorted(found))

    def skipped(self, naive: datetime) -> tuple[float, datetime, datetime] | None:
        """For a time that the clock never shows: when it is put forward, from what, to what."""
        if self.moments(naive):
            return None
        low, high = int(self._stamp(naive, 1)), int(self._stamp(naive, 0))
        before = self.clock(low) - datetime.fromtimestamp(low, UTC).replace(tzinfo=None)
        while low + 1 < high:  # the first second with another offset
            middle = (low + high) // 2
            if self.clock(middle) - datetime.fromtimestamp(middle, UTC).replace(tzinfo=None) == before:
                low = middle
            else:
                high = middle
        return float(high), self.clock(low) + timedelta(seconds=1), self.clock(high)

    def first(self, naive: datetime) -> float:
        """When the clock shows at least this for the first time."""
        skipped = self.skipped(naive)
        return skipped[0] if skipped else self.moments(naive)[0]

    def last(self, naive: datetime) -> float:
        """From when on the clock shows at least this for good: the second time where it comes twice."""
        skipped = self.skipped(naive)
        return skipped[0] if skipped else self.moments(naive)[-1]

    def words(self, at: float) -> str:
        """Such as 2026-11-29 22:00 CET."""
        return datetime.fromtimestamp(at, self.info).astimezone(self.info).strftime("%Y-%m-%d %H:%M %Z")

    def offset(self, at: float) -> str:
        """Such as +01:00."""
        text = datetime.fromtimestamp(at, self.info).astimezone(self.info).strftime("%z")
        return f"{text[:3]}:{text[3:5]}"

    def oddity(self, naive: datetime) -> str:
        """Why this is not an ordinary time there, in words; empty for all but a few hours of a year."""
        if skipped := self.skipped(naive):
            _, before, after = skipped
            return f"does not exist in {self}: clocks go from {before:%H:%M} to {after:%H:%M} that day"
        if len(self.moments(naive)) > 1:
            return f"occurs twice in {self}: clocks go back that day"
        return ""

    def _stamp(self, naive: datetime, fold: int) -> float:
        try:
            return naive.replace(tzinfo=self.info, fold=fold).timestamp()
        except (OverflowError, OSError, ValueError):
            raise BadTime(f"cannot be represented in {self}; expected {EXPECTED}") from None


def parsed(text: str, *, latest: int = LATEST) -> datetime:
    """A time with or without an offset (then naive), to the end of the year `latest`. Raises BadTime."""
    for shape in _SHAPES:
        try:
            found = datetime.strptime(text, shape) if text.isascii() else None  # noqa: DTZ007 - the zone is the caller's to say
        except ValueError:
            continue
        if found is None:
            break
        if not EARLIEST <= found.year <= latest:
            raise BadTime(f"has the year {found.year}; expected one from {EARLIEST} to {latest}")
        return found
    raise BadTime(f"is not a time; expected {EXPECTED}")


def zone_named(name: str) -> Zone:
    """Raises BadTime."""
    try:
        return Zone(name, ZoneInfo(name))
    except (KeyError, ValueError, OSError):  # KeyError: not found; the others: no name of a zone, or the folder of several
        known = {zone.lower(): zone for zone in available_timezones()}
        near = get_close_matches(name[:100].lower(), known, n=2)
        meant = f"did you mean {' or '.join(known[one] for one in near)}? " if near else ""
        raise BadTime(f"is not a time zone of this machine's database; {meant}expected a name such as Europe/Berlin") from None


def this_machine(environ: Mapping[str, str] = os.environ) -> Zone:
    """As TZ says, else as the machine is set. Raises BadTime: the C library takes a misspelt TZ for UTC without a word."""
    name = environ.get("TZ", "")
    if not name or _POSIX.match(name) or name.removeprefix(":").startswith("/"):
        return Zone()
    try:
        return zone_named(name.removeprefix(":"))
    except BadTime as bad:
        raise BadTime(
            f'the environment has TZ={name[:100]}, which {bad}; or run "unset TZ" to use the time zone of this machine'
        ) from None


def local_zone() -> Zone:
    """This machine's. Raises InputError where the environment names one that is not known."""
    try:
        return this_machine()
    except BadTime as error:
        raise InputError([Problem(Path("the time zone"), 0, "", str(error))]) from None
