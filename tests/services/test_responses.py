"""Bodies that are no JSON, and how long a server wants us to wait."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quads_tui.services.json_text import DAMAGED, is_damaged
from quads_tui.services.responses import NotJson, Response

BROKEN = {
    b"": "empty",
    b"  \r\n": "empty",
    b"<!DOCTYPE html><html><body>Sorry</body></html>": "HTML",
    b"<?xml version='1.0'?><a/>": "XML",
    b'{"a": 1}{"b": 2}': "more than one",
    b'{"a": ': "broken JSON",
    b"nope": "broken JSON",
    b'{"a": 1}\r\n[2': "more than one",
    b'{"a": 1,,"b": 2}': "broken JSON",
    b'{"a": 1 "b": 2}': "broken JSON",
    b'{"a" 1}': "broken JSON",
    b'{"a": 1, "b"}': "broken JSON",
    b'{"a": "b" c}': "broken JSON",
    b"{'a': 1}": "broken JSON",
    b"{a: 1}": "broken JSON",
    b"[,]": "broken JSON",
    b'[{"a": 1]': "broken JSON",
    b"nope}": "broken JSON",
    b"9 bottles": "broken JSON",
    b"[" * 100_000: "deeply",
    b'{"a":' * 150 + b"1" + b"}" * 150: "deeply",
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


READABLE: dict[bytes, object] = {
    b'{"a": {"b": ",}", },\r\n }': {"a": {"b": ",}"}},  # a comma too many
    b'{"a": [1, {"b": ",]"},\r\n ],}': {"a": [1, {"b": ",]"}, DAMAGED]},  # in a list one may be missing
    b'{"a": ,"b": }': {"a": DAMAGED, "b": DAMAGED},  # a value that is not there, or none
    b'{"a": True, "b": 07, "c": .5, "d": 0x1f, "e": n/a, "f": -1.5e3}': {**dict.fromkeys("abcde", DAMAGED), "f": -1500.0},
    b'{"a": "\xff", "b": nan,}': {"a": "\ufffd", "b": DAMAGED},
    b'{"a": "x\ry\x00z\x1b"}': {"a": "x\ry\x00z\x1b"},  # control characters as they are
    b'{"a": "\xe9\xff", "b": 1}': {"a": "\ufffd\ufffd", "b": 1},
    b'{"a": "\xc3"}': {"a": "\ufffd"},  # half a character takes no quote along
    b'{"a": "\xed\xa0\x80"}': {"a": "\ufffd\ufffd\ufffd"},
    b'{"a": "\\ud800 \\uDC00"}': {"a": "\ufffd \ufffd"},
    b'{"a": "\\ud83d\\ude00 \\u00e9"}': {"a": "\U0001f600 \u00e9"},
    b'{"a": "C:\\\\temp\\q \\u12", "b": 1}': {"a": "C:\\temp\ufffdq \ufffdu12", "b": 1},
    b'{\xff"a":\x00 1}': {"a": 1},
    b'{"a": 1}\x00': {"a": 1},
    b'{"a": 1}\x00{"a": 2}': {"a": 1},  # what an older answer left in the buffer
    b'{"a": 1}}\r\n<!-- end -->': {"a": 1},
    b'\x00\r\n{"a": 1}': {"a": 1},
    b"\xff\xfe{\x00}\x00": {},
    b'\xef\xbb\xbf{"a": 1}': {"a": 1},
    '{"a": "\u00e9"}'.encode("utf-16"): {"a": "\u00e9"},
    '{"a": "\u00e9"}'.encode("utf-16-be"): {"a": "\u00e9"},
    '{"a": "\u00e9"}'.encode("utf-32"): {"a": "\u00e9"},
    b'{"a": NaN, "b": [Infinity, -Infinity], "c": 1e999, "d": 1.5}': {"a": DAMAGED, "b": [DAMAGED] * 2, "c": DAMAGED, "d": 1.5},
    b'{"a": ' + b"9" * 5_000 + b', "b": 12345678901234567890}': {"a": DAMAGED, "b": 12345678901234567890},
    b'{"a": 1, "a": 1, "b": "On", "b": "Off", "c": 1, "c": true}': {"a": 1, "b": DAMAGED, "c": DAMAGED},
}


@pytest.mark.parametrize("body", READABLE)
def test_d8_what_is_damaged_inside_is_read_all_the_same(body: bytes) -> None:
    assert Response(200, {}, body).json() == READABLE[body]


@pytest.mark.parametrize("text", ["On\ufffd", "O\rn", "\x00", "On\x85", "\ud800"])
def test_d8_what_a_repair_touched_can_be_told(text: str) -> None:
    assert is_damaged(text) and not is_damaged("Größe 4c4c4544-0051 €")


MEBIBYTE = 1 << 20
TRAPS = {
    "quotes": b'"' * MEBIBYTE,
    "backslashes": b'{"a":"' + b"\\" * MEBIBYTE,
    "escapes": b'{"a":"' + b"\\q" * (MEBIBYTE // 2) + b'"}',
    "halves": b'{"a":"' + b"\\ud800" * (MEBIBYTE // 6) + b'"}',
    "bad bytes": b'{"a":"' + b"\xff" * MEBIBYTE + b'"}',
    "open texts": b'{"a":1 ' + b'"\\' * (MEBIBYTE // 2),
    "documents": b"{}" * (MEBIBYTE // 2),
    "blanks": b'{"a":1}' + b" " * MEBIBYTE + b"x",
    "long integers": b"[" + b",".join([b"9" * 4_000] * 260) + b"]",
    "long fractions": b"[0." + b"1" * MEBIBYTE + b"]",
    "commas": b"[1" + b", " * 49_000,
    "colons and words": b"{" + b": x " * 24_000,
    "one name": b"{" + b",".join([b'"a":1'] * (MEBIBYTE // 7)) + b"}",
}


@pytest.mark.parametrize("trap", TRAPS)
def test_d8_no_body_takes_more_time_than_its_length(trap: str) -> None:
    """By CPU time, of which a mebibyte costs a few hundredths of a second; what is quadratic would take minutes."""

    def cost(body: bytes) -> float:
        began = time.process_time()
        with suppress(NotJson):
            Response(200, {}, body).json()
        return time.process_time() - began

    body = TRAPS[trap]
    assert min(cost(body) for _ in range(2)) < 2.0


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
