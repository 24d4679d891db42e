"""Numbers that servers say, bounded on both sides where they are read. What is no number is None, never a guess.

NaN, infinities, booleans and digits of other scripts are no numbers, nor is a text that is longer than any honest number.
`bounded` is for what is waited for, measured or shown: beyond a bound the bound is as good. `whole` and `record_id` are for what
counts or names something: there a number beyond is as little to be believed as none.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST = 40  # characters
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_EXACT = 2**53  # up to here a float that is whole is exactly the integer that was meant
_MOST_ID = 2**63 - 1  # bigint: what a database can number its rows by
_YEARS = range(1970, 2200)  # a BMC without a battery is in 1970


def bounded(value: object, least: float, most: float) -> float | None:
    """A number of JSON or its decimal digits, and the bound for what lies beyond; None for what is no number."""
    number = _number(value)
    return None if number is None else float(min(max(number, least), most))


def whole(value: object, least: int, most: int) -> int | None:
    """An integer of JSON (3 and 3.0) or its decimal digits; None for what is none, or lies beyond the bounds."""
    number = _number(value)
    if number is None or not least <= number <= most or (isinstance(number, float) and abs(number) > _EXACT):
        return None
    return int(number) if number == int(number) else None


def record_id(value: object) -> int | None:
    """The id of a record in a database, as an integer of JSON: from 1 to the largest bigint; None for all else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_ID else None


def http_date(value: object) -> float | None:
    """Seconds since 1970 of a date in an HTTP header (RFC 9110 5.6.7), of whatever year; None for what is none."""
    if not isinstance(value, str) or len(value) > _LONGEST or not value.isascii():
        return None
    try:
        then = parsedate_to_datetime(value)
        return then.replace(tzinfo=then.tzinfo or UTC).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def iso_time(value: object) -> datetime | None:
    """A time of ISO 8601 in UTC, where it names no zone taken for UTC; None for what is none, or in no year that can be."""
    if not isinstance(value, str) or len(value) > _LONGEST or not value.isascii():
        return None
    try:
        then = datetime.fromisoformat(value.strip())
        return then.replace(tzinfo=then.tzinfo or UTC).astimezone(UTC) if then.year in _YEARS else None
    except (ValueError, OverflowError):
        return None


def _number(value: object) -> int | float | None:
    if isinstance(value, str):
        text = value.strip(" \t") if len(value) <= _LONGEST else ""
        value = float(text) if _DECIMAL.fullmatch(text) else None
        return None if value is None else min(max(value, -1e300), 1e300)  # a huge exponent is huge, and no infinity
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None
