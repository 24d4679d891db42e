"""Misbehaviours of documents: what stands in the strings, what the numbers are, how many pages there are, whose password it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from random import Random
from typing import Any

from .hand import POISON, Answer, Hand, error, misbehaviour

NUMBERS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "1e308",
    "-0.0",
    "1" + "0" * 40,
    "9" * 5000,
    "-1",
    "0",
    "1.5",
    "5e-324",
)
WRONG: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1e308,
    10**30,
    "",
    "villain",
    "0",
    [],
    [[]],
    {},
    {"villain": {}},
    [None, 1],
    {"id": []},
)


def changed(value: Any, change: Callable[[Any], Any]) -> Any:
    """A JSON value with each leaf changed."""
    if isinstance(value, dict):
        return {name: changed(item, change) for name, item in value.items()}
    return [changed(item, change) for item in value] if isinstance(value, list) else change(value)


def poisoned(value: Any, rng: Random) -> Any:
    """Each text with something that steers a terminal in front, behind or within."""

    def spoil(leaf: Any) -> Any:
        if not isinstance(leaf, str):
            return leaf
        poison, cut = rng.choice(POISON), rng.choice((0, len(leaf) // 2, len(leaf)))
        return leaf[:cut] + poison + leaf[cut:]

    return changed(value, spoil)


@misbehaviour()
async def poison_in_every_string(hand: Hand) -> None:
    await hand.answer(hand.honest.with_document(poisoned(hand.honest.document, hand.rng)))


@misbehaviour()
async def poison_in_one_string(hand: Hand) -> None:
    """In one of ten: so that others are as they are wanted."""
    document = changed(hand.honest.document, lambda leaf: poisoned(leaf, hand.rng) if hand.rng.random() < 0.1 else leaf)
    await hand.answer(hand.honest.with_document(document))


@misbehaviour()
async def poison_as_it_is(hand: Hand) -> None:
    """Control characters that JSON does not allow, unescaped, and bytes that are not UTF-8."""
    text = json.dumps(poisoned(hand.honest.document, hand.rng), ensure_ascii=False).encode("utf-8", "surrogatepass")
    raw = re.sub(rb"\\u00([01][0-9a-f])", lambda found: bytes([int(found[1], 16)]), text)
    await hand.answer(Answer(hand.honest.status, "OK", hand.honest.headers, raw.replace(b"\xc2\x9b", b"\x9b")))


@misbehaviour()
async def poisoned_members(hand: Hand) -> None:
    """The names of members are texts, too."""
    document = hand.honest.document
    if isinstance(document, dict):
        document |= {f"villain{poison}": poison for poison in POISON}
    await hand.answer(hand.honest.with_document(document))


@misbehaviour()
async def poisoned_error(hand: Hand) -> None:
    words = "villain " + "".join(hand.rng.sample(POISON, 4))
    await hand.answer(error(hand.rng.choice((400, 403, 404, 409, 422, 429, 500, 503)), words))


@misbehaviour(big=True)
async def strings_of_a_megabyte(hand: Hand) -> None:
    long = "villain " * (1 << 17)
    done = False

    def once(leaf: Any) -> Any:
        nonlocal done
        if done or not isinstance(leaf, str):
            return leaf
        done = True
        return long

    await hand.answer(hand.honest.with_document(changed(hand.honest.document, once)))


async def number(text: str, hand: Hand) -> None:
    document = changed(hand.honest.document, lambda leaf: 7418529630 if type(leaf) in (int, float) else leaf)
    body = json.dumps(document).encode().replace(b"7418529630", text.encode())
    await hand.answer(Answer(hand.honest.status, "OK", hand.honest.headers, body))


for text in NUMBERS:
    misbehaviour(f"number-{text if len(text) < 10 else f'of-{len(text)}-digits'}")(partial(number, text))


async def after(text: str, hand: Hand) -> None:
    refused = error(503, "try again later").with_headers(("Retry-After", text), ("Date", text), ("X-Runtime", text))
    document = refused.document
    info = document["error"]["@Message.ExtendedInfo"][0]
    info |= {"MessageId": "Base.1.8.ServiceTemporarilyUnavailable", "MessageArgs": [text]}
    await hand.answer(refused.with_document(document))


for called, text in (
    ("nan", "nan"),
    ("infinite", "inf"),
    ("negative", "-5"),
    ("zero", "0"),
    ("huge", "1e300"),
    ("of-400-digits", "9" * 400),
    ("fraction", "1.5"),
    ("no-date", "Wed, 21 Oct 9999 99:99:99 GMT"),
    ("past", "Wed, 21 Oct 2015 07:28:00 GMT"),
):
    # A wait that a server asks for is obeyed in real seconds.
    misbehaviour(f"retry-after-{called}", slow=called not in ("negative", "zero", "fraction", "past"))(partial(after, text))


@misbehaviour()
async def wrong_types(hand: Hand) -> None:
    document = changed(hand.honest.document, lambda leaf: hand.rng.choice(WRONG) if hand.rng.random() < 0.3 else leaf)
    await hand.answer(hand.honest.with_document(document))


@misbehaviour()
async def one_wrong_type(hand: Hand) -> None:
    """One member anywhere, also a list or an object."""
    spots: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
            spots.append((value, key))
            walk(item)

    document = hand.honest.document
    walk(document)
    if spots:
        holder, key = hand.rng.choice(spots)
        holder[key] = hand.rng.choice(WRONG)
    await hand.answer(hand.honest.with_document(document))


@misbehaviour()
async def members_missing(hand: Hand) -> None:
    document = hand.honest.document
    if isinstance(document, dict):
        document = {name: value for name, value in document.items() if hand.rng.random() < 0.6}
    await hand.answer(hand.honest.with_document(document))


async def instead(body: bytes, hand: Hand) -> None:
    await hand.answer(Answer(hand.honest.status, "OK", hand.honest.headers, body))


for called, body in (
    ("empty-body", b""),
    ("null", b"null"),
    ("a-number", b"5"),
    ("a-text", b'"villain"'),
    ("a-list", b"[[[[1]]]]"),
    ("nested-too-deeply", b"[" * 100_000),
    ("nested-objects", b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    ("nul-behind-the-document", b"{}\x00\x00"),
    ("two-documents", b"{}{}"),
    ("half-a-document", b'{"results": [{"id": 1, "name": "a'),
    ("utf-16", '{"a": "b"}'.encode("utf-16")),
    ("byte-order-mark", b'\xef\xbb\xbf{"a": 1}'),
    ("latin-1", b'{"AssetTag": "\xe4\xff"}'),
    ("same-member-100000-times", b"{" + b'"id":1,' * 100_000 + b'"id":2}'),
    ("100000-members", b"{" + b",".join(b'"m%d":1' % number for number in range(100_000)) + b"}"),
    ("an-html-page", b"<html><title>Login</title>" + b"<!--" * 5000),
    ("xml", b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
):
    misbehaviour(called, dear=len(body) > 300_000)(partial(instead, body))


# How many there are


@misbehaviour()
async def endless_pages(hand: Hand) -> None:
    """Each page says that there are more; each is another one."""
    document = hand.honest.document
    if isinstance(document, dict):
        document |= {"total": 10**9, "subtotal": 10**9, "page": 1, "per_page": 1, "Members@odata.count": 10**9}
        if "results" in document:
            found = document["results"]
            document["results"] = (
                [{"id": hand.rng.randrange(10**9), "name": f"villain{hand.rng.random()}"}, *found[:1]] if found else found
            )
        document["Members@odata.nextLink"] = f"{hand.request.path.partition('?')[0]}?$skip={hand.rng.randrange(10**9)}"
        document["@odata.nextLink"] = document["Members@odata.nextLink"]
    await hand.answer(hand.honest.with_document(document))


@misbehaviour()
async def next_page_is_this_one(hand: Hand) -> None:
    document = hand.honest.document
    if isinstance(document, dict):
        document |= {"subtotal": 10**6, "Members@odata.nextLink": hand.request.path, "@odata.nextLink": hand.request.path}
    await hand.answer(hand.honest.with_document(document))


@misbehaviour()
async def next_page_is_away(hand: Hand) -> None:
    """Every reference of the document leads to the collector."""
    document = hand.honest.document
    if isinstance(document, dict):
        document["Members@odata.nextLink"] = f"{hand.collector}/next"
    body = json.dumps(document).replace('"/redfish/v1/', f'"{hand.collector}/redfish/v1/').encode()
    headers = tuple((name, hand.collector + text if text.startswith("/") else text) for name, text in hand.honest.headers)
    await hand.answer(Answer(hand.honest.status, "OK", headers, body))


@misbehaviour()
async def references_without_scheme(hand: Hand) -> None:
    away = hand.collector.partition(":")[2]
    body = hand.honest.body.replace(b'"/redfish/v1/', f'"{away}/redfish/v1/'.encode())
    await hand.answer(Answer(hand.honest.status, "OK", hand.honest.headers, body))


@misbehaviour()
async def pages_that_do_not_add_up(hand: Hand) -> None:
    document = hand.honest.document
    if isinstance(document, dict):
        document |= {
            "subtotal": hand.rng.choice((0, -1, 10**30, "5", None, True, 2.5)),
            "per_page": hand.rng.choice((0, -5, 10**9, "all")),
        }
        document |= {"Members@odata.count": hand.rng.choice((-1, 10**30, "5", None))}
    await hand.answer(hand.honest.with_document(document))


@cache
def records_and_members() -> bytes:
    records = [
        {"id": number, "name": f"villain{number}", "title": f"villain{number}", "login": f"v{number}"}
        for number in range(100_000)
    ]
    members = [{"@odata.id": f"/redfish/v1/Systems/{number}"} for number in range(10_000)]
    document = {
        "results": records,
        "subtotal": len(records),
        "total": len(records),
        "page": 1,
        "per_page": len(records),
        "Members": members,
    }
    return json.dumps(document).encode()


@misbehaviour(big=True)
async def a_hundred_thousand_records(hand: Hand) -> None:
    await hand.answer(replace(hand.honest, body=records_and_members()))


# Whose password it is


@misbehaviour()
async def repeats_credentials(hand: Hand) -> None:
    """In an error, as debugging pages do."""
    words = " ".join(["villain heard", *hand.heard])
    await hand.answer(error(hand.rng.choice((400, 403, 404, 422, 500, 503)), words, words.replace("\n", " ")[:200]))


@misbehaviour()
async def repeats_credentials_in_every_string(hand: Hand) -> None:
    heard = " ".join(hand.heard)
    document = changed(hand.honest.document, lambda leaf: f"{leaf} {heard}" if isinstance(leaf, str) else leaf)
    await hand.answer(hand.honest.with_document(document).with_headers(("Server", heard.replace("\n", " ")[:500])))


async def refuses(status: int, hand: Hand) -> None:
    realm = ("WWW-Authenticate", f'Basic realm="{hand.collector}", Digest realm="villain", NTLM')
    await hand.answer(error(status, "villain refuses").with_headers(realm))


for code in (
    400,
    401,
    403,
    404,
    405,
    406,
    408,
    409,
    410,
    412,
    415,
    418,
    421,
    422,
    425,
    429,
    431,
    451,
    500,
    501,
    502,
    503,
    504,
    507,
    511,
    599,
):
    misbehaviour(f"status-{code}")(partial(refuses, code))
