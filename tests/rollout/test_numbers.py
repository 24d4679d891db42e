"""Every number that a server says is bounded, and what is none is none."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quads_tui.rollout.numbers import bounded, http_date, iso_time, record_id, whole

NO_NUMBERS = [
    math.nan,
    math.inf,
    -math.inf,
    True,
    False,
    None,
    [],
    {},
    [7],
    "",
    " ",
    "nan",
    "inf",
    "-Infinity",
    "seven",
    "7 s",
    "1_000",
    "0x10",
    "٧",
    "７",
    "²",
    "7" * 41,
    "1e",
    ".",
    "+",
    "7\n",
    "1e9999999999999999999999999999999999999999",
]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_is_none(value: object) -> None:
    assert bounded(value, 0, 100) is None
    assert whole(value, -(10**9), 10**9) is None
    assert record_id(value) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        (7.5, 7.5),
        ("7", 7),
        (" 7.5\t", 7.5),
        ("+7e0", 7),
        (".5", 1),
        (0, 1),
        (-0.0, 1),
        ("-5", 1),
        (-(10**400), 1),
        (5e-324, 1),
        (1e300, 60),
        ("1e300", 60),
        ("1e999999", 60),
        ("-1e999999", 1),
        (10**400, 60),
        ("9" * 40, 60),
    ],
)
def test_what_lies_beyond_a_bound_is_the_bound(value: object, number: float) -> None:
    assert bounded(value, 1, 60) == number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        (7.0, 7),
        ("7", 7),
        ("7.0", 7),
        (7.5, None),
        (-1, None),
        (101, None),
        (10**400, None),
        (1e300, None),
        ("1e999999", None),
        (100, 100),
        (0, 0),
    ],
)
def test_a_count_beyond_its_bounds_is_none(value: object, number: int | None) -> None:
    assert whole(value, 0, 100) == number


@pytest.mark.parametrize("value", [0, -1, 2**63, 10**400, 7.0, "7", [7], 7.5])
def test_what_can_be_no_id(value: object) -> None:
    assert record_id(value) is None


def test_an_id_is_an_integer_of_json() -> None:
    assert [record_id(value) for value in (1, 42, 2**63 - 1)] == [1, 42, 2**63 - 1]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("Mon, 23 Nov 1998 10:00:00 GMT", datetime(1998, 11, 23, 10, tzinfo=UTC)),
        ("Fri, 31 Dec 9999 23:59:59 -2359", datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(-timedelta(minutes=1439)))),
        ("Fri, 31 Dec 9999 23:59:59 GMT", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Wed, 01 Jan 1000 00:00:00 GMT", datetime(1000, 1, 1, tzinfo=UTC)),
        ("Mon, 99 Nov 1998 99:00:30 GMT", None),
        ("soon", None),
        ("", None),
        (7, None),
        ("Mon, 23 Nov 1998 10:00:00 GMT" + " " * 40, None),
    ],
)
def test_http_dates(text: object, time: datetime | None) -> None:
    assert http_date(text) == (time.timestamp() if time else None)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-28T12:00:00Z", datetime(2026, 11, 28, 12, tzinfo=UTC)),
        (" 2026-11-28 12:00:00+01:00 ", datetime(2026, 11, 28, 11, tzinfo=UTC)),
        ("2026-11-28T12:00:00", datetime(2026, 11, 28, 12, tzinfo=UTC)),
        ("9999-12-31T23:59:59-23:59", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("1970-01-01T00:05:00", datetime(1970, 1, 1, 0, 5, tzinfo=UTC)),
        ("2026-13-41", None),
        ("٢٠٢٦-11-28", None),
        ("", None),
        (None, None),
        (20261128, None),
        ("2026-11-28T12:00:00" + " " * 40, None),
    ],
)
def test_iso_times(text: object, time: datetime | None) -> None:
    assert iso_time(text) == time


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50), lambda inner: st.lists(inner, max_size=2)
)


@given(JSON | st.from_regex(r"[+-]?[0-9.eE+-]{1,45}"))
def test_whatever_a_server_says_a_number_is_within_its_bounds(value: object) -> None:
    assert (number := bounded(value, 1, 60)) is None or 1 <= number <= 60
    assert (count := whole(value, 0, 100)) is None or (isinstance(count, int) and 0 <= count <= 100)
    assert (number := bounded(json.loads(json.dumps(value)), 1, 60)) is None or 1 <= number <= 60
    http_date(value)
    iso_time(value)
