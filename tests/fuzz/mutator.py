"""Damage by dice: bytes, tokens that parsers dislike, parts of other samples, and values of JSON documents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

from tests.villain.documents import NUMBERS, WRONG
from tests.villain.hand import POISON

MOST = 1 << 16  # bytes of an input
TOKENS = [
    *(text.encode("utf-8", "surrogatepass") for text in POISON),
    *(text.encode() for text in NUMBERS if len(text) < 100),
    *(
        b"<!--",
        b"-->",
        b"<title>",
        b"<",
        b"&#x1b;",
        b"null",
        b"true",
        b"[",
        b"]",
        b"{",
        b"}",
        b'"',
        b"'",
        b",",
        b":",
        b"\\",
        b"\\u0000",
    ),
    *(
        b"&a ",
        b"*a",
        b"!!python/object",
        b"!",
        b"|",
        b">",
        b"---\n",
        b"...\n",
        b"? ",
        b"- ",
        b"  ",
        b"\t",
        b"\r",
        b"#",
        b"%YAML 1.1\n",
    ),
    *(
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\xe2\x80\xae",
        b"(a+)+$",
        b"(?i)",
        b"[[:",
        b".*.*.*",
        b"!stage:",
        b"~" * 300,
    ),
    *(
        b"2026-11-28 23:59:60",
        b"9999-12-31",
        b"0000-00-00",
        b"1e5",
        b"0x7f",
        b"0o17",
        b"1_000",
        b"12:30:45",
        b".inf",
        b"yes",
        b"=",
        b"<<: ",
    ),
    *(
        b"http://",
        b"https://[::1",
        b"//",
        b"/../",
        b"%00",
        b"%2e%2e",
        b"@",
        b"ipmi://",
        b"localhost",
        b"xn--",
        b"\xc3\xbc.example.com",
        b":65536",
    ),
]


def damaged(sample: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """One to four damages; JSON documents are damaged as such half of the time."""
    if sample[:1] in (b"{", b"[") and rng.random() < 0.5 and (found := _document(sample, rng)) is not None:
        sample = found
        if rng.random() < 0.7:
            return sample[:MOST]
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        sample = _damage(sample, others, rng)
    return sample[:MOST]


def _damage(sample: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    at = rng.randrange(len(sample) + 1)
    to = min(len(sample), at + rng.choice((1, 1, 2, 4, 16, 64, 1000)))
    match rng.randrange(9):
        case 0:
            return sample[:at] + bytes([rng.randrange(256)]) + sample[to:]
        case 1 | 2 | 3:
            return sample[:at] + rng.choice(TOKENS) + sample[at:]
        case 4:
            return sample[:at] + rng.choice(TOKENS) + sample[to:]
        case 5:
            return sample[:at] + sample[to:]
        case 6:
            return sample[:at] + sample[at:to] * rng.choice((2, 3, 50, 1000)) + sample[to:]
        case 7:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            return sample[:at] + other[start : start + rng.choice((10, 100, 1000))] + sample[at:]
        case _:
            return sample[:at]


def _document(sample: bytes, rng: Random) -> bytes | None:
    try:
        document = json.loads(sample)
    except (ValueError, RecursionError):
        return None
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        _spoil(document, rng)
    try:
        return json.dumps(document).encode()
    except (ValueError, RecursionError):
        return None


def _spoil(document: Any, rng: Random) -> None:
    """One member somewhere: a way down by dice, and there another value."""
    while isinstance(document, dict | list) and document:
        key = rng.choice(list(document)) if isinstance(document, dict) else rng.randrange(len(document))
        if not isinstance(document[key], dict | list) or not document[key] or rng.random() < 0.2:
            match rng.randrange(4):
                case 0:
                    document[key] = f"{document[key]}{rng.choice(POISON)}"[:2000]
                case 1:
                    del document[key]
                case _:
                    document[key] = rng.choice(WRONG)
            return
        document = document[key]
