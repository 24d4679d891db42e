"""Bodies that are no JSON, and how long a server wants us to wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quads_tui.services.responses import NotJson, Response

BROKEN = {
    b"": "empty",
    b"  \r\n": "empty",
    b"<!DOCTYPE html><html><body>Sorry</body></html>": "HTML",
    b"<?xml version='1.0'?><a/>": "XML",
    b'{"a": 1}{"b": 2}': "more than one",
    b'{"a": ': "broken JSON",
    b"nope": "broken JSON",
    b"\xff\xfe{\x00}\x00": "UTF-8",
    b'{"a": "\xe9"}': "UTF-8",
    b'{"a": NaN}': "NaN",
    b"[" * 100_000: "deeply",
    b"9" * 10_000: "broken JSON",
}


@pytest.mark.parametrize("body", BROKEN)
def test_what_is_no_json_says_what_it_is(body: bytes) -> None:
    with pytest.raises(NotJson) as caught:
        Response(200, {}, body).json()
    assert BROKEN[body] in caught.value.reason


@given(st.binary(max_size=200))
def test_no_body_raises_anything_else(body: bytes) -> None:
    for read in (Response(200, {}, body).json, Response(200, {}, body).first_json):
        try:
            read()
        except NotJson as error:
            assert error.reason.isprintable()


def test_glued_documents_still_give_their_first_to_those_who_ask() -> None:
    assert Response(500, {}, b' {"a": 1}{"a": 1}').first_json() == {"a": 1}
    assert Response(200, {}, b'\xef\xbb\xbf{"a": 1}').json() == {"a": 1}


DATES = {"Date": "Mon, 23 Nov 1998 10:00:00 GMT", "Retry-After": "Mon, 23 Nov 1998 10:00:30 GMT"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30.0),
        ({"RETRY-AFTER": " 1.5 "}, 1.5),
        ({"Retry-After": "-5"}, 1.0),
        ({"Retry-After": "999999999"}, 600.0),
        ({"Retry-After": "nan"}, 1.0),
        ({"Retry-After": "inf"}, 1.0),
        ({"Retry-After": "0"}, 1.0),
        ({"Retry-After": "1e300"}, 600.0),
        ({"Retry-After": "1_0"}, 1.0),
        ({"Retry-After": "٣٠"}, 1.0),
        ({"Retry-After": "9" * 5000}, 1.0),
        ({"Retry-After": "soon"}, 1.0),
        (DATES, 30.0),  # by the server's own clock, which is years off
        ({**DATES, "Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 600.0),
        (
            {"Retry-After": "Mon, 23 Nov 1998 10:00:30 GMT"},
            1.0,
        ),  # no Date: our own clock may be set by somebody, and is not asked
        ({"Retry-After": "Mon, 99 Nov 1998 99:00:30 GMT"}, 1.0),
        ({**DATES, "Retry-After": "Mon, 23 Nov 1998 09:00:00 GMT"}, 1.0),  # gone
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert Response(503, headers).retry_after == seconds


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("0.25", 0.25), ("1e-05", 1e-05), ("-1", 0.0), ("1e300", 3600.0), ("nan", None), ("inf", None), ("1_0", None), ("", None)],
)
def test_runtime(said: str, seconds: float | None) -> None:
    assert Response(200, {"X-Runtime": said}).runtime == seconds
    assert Response(200).runtime is None
