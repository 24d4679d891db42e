"""Misbehaviours of the wire: where an answer leads, how long it says it is, how fast it comes, what stands around it."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from functools import cache, partial

from tests.services.rawserver import HangUp

from .hand import MARK, POISON, Answer, Hand, misbehaviour

# Where a redirect may lead: away in every spelling, to itself, to a page, to nothing.
LOCATIONS = {
    "away": "{collector}{path}",
    "away-with-user": "http://user:secret@{bare}{path}",
    "without-scheme": "//{bare}{path}",
    "backslash": "\\\\{bare}{path}",
    "tricky-host": "{collector}@127.0.0.1{path}",
    "itself": "{path}",
    "login-page": "/login.html",
    "elsewhere-in-redfish": "/redfish/v1/Managers",
    "dots": "/redfish/v1/../../../../{bare}",
    "file": "file:///etc/passwd",
    "script": "javascript:alert(1)",
    "nothing": "",
    "long": "/{long}",
    "poison": "{collector}/\x1b[31;" + MARK + "m",
    "bad-port": "http://127.0.0.1:999999/",
    "bad-brackets": "http://[::1/",
}
STATUSES = (301, 302, 303, 307, 308, 300, 304, 305)


async def redirect(status: int, where: str, hand: Hand) -> None:
    to = LOCATIONS[where].format(
        collector=hand.collector, bare=hand.collector.partition("//")[2], path=hand.request.path, long="x" * 9000
    )
    await hand.answer(Answer(status, "Moved", (("Location", to),), b""))


for number, place in enumerate(LOCATIONS):
    for code in STATUSES if place == "away" else (STATUSES[number % 5],):
        misbehaviour(f"redirect-{code}-{place}")(partial(redirect, code, place))


@misbehaviour()
async def leads_away_in_every_header(hand: Hand) -> None:
    names = ("Location", "Content-Location", "Refresh", "Link", "Alt-Svc", "X-Redirect", "Origin-Agent-Cluster")
    texts = {
        "Refresh": f"0; url={hand.collector}",
        "Link": f'<{hand.collector}>; rel="next"',
        "Alt-Svc": f'h2="{hand.collector}"',
    }
    await hand.answer(hand.honest.with_headers(*((name, texts.get(name, hand.collector + "/x")) for name in names)))


@misbehaviour()
async def asks_for_a_proxy_login(hand: Hand) -> None:
    await hand.answer(Answer(407, "Proxy", (("Proxy-Authenticate", f'Basic realm="{hand.collector}"'),), b""))


# How long it is


@misbehaviour(big=True)
async def endless_chunks(hand: Hand) -> None:
    await hand.write(hand.honest.head(("Transfer-Encoding", "chunked")))
    await hand.endless(b"10000\r\n" + b"[" * 65536 + b"\r\n")


@misbehaviour(big=True)
async def endless_until_close(hand: Hand) -> None:
    await hand.write(hand.honest.head(("Connection", "close")))
    await hand.endless(b" " * 65536)


@misbehaviour(big=True)
async def huge_body_as_announced(hand: Hand) -> None:
    await hand.write(hand.honest.head(("Content-Length", str(70 << 20))))
    await hand.endless(b'{"a":' * 13107)


@misbehaviour(big=True)
async def endless_error(hand: Hand) -> None:
    await hand.write(Answer(500, "Error").head(("Transfer-Encoding", "chunked")))
    await hand.endless(b"10000\r\n" + b"<!--" * 16384 + b"\r\n")


@misbehaviour(big=True)
async def tiny_chunks(hand: Hand) -> None:
    await hand.write(hand.honest.head(("Transfer-Encoding", "chunked")))
    await hand.write(b"1\r\n \r\n" * 200_000 + b"0\r\n\r\n")


@misbehaviour()
async def chunk_extensions(hand: Hand) -> None:
    await hand.write(hand.honest.head(("Transfer-Encoding", "chunked")) + b"2;" + b"x" * 200_000 + b"\r\n{}\r\n0\r\n\r\n")


@misbehaviour()
async def trailer_flood(hand: Hand) -> None:
    await hand.write(hand.honest.head(("Transfer-Encoding", "chunked")) + b"2\r\n{}\r\n0\r\n")
    await hand.write(b"X-Trailer: yes\r\n" * 100_000 + b"\r\n")


async def lying_length(text: str, then: str, hand: Hand) -> None:
    await hand.write(hand.honest.head(("Content-Length", text)) + hand.honest.body)
    if then == "silence":
        await hand.silence()
    raise HangUp


for called, says, after in (
    ("length-too-long-then-silence", "1000000", "silence"),
    ("length-too-long-then-close", "1000000", ""),
    ("length-too-short", "1", ""),
    ("length-zero", "0", ""),
    ("length-negative", "-1", ""),
    ("length-of-thirty-digits", "9" * 30, ""),
    ("length-of-ten-thousand-digits", "9" * 7000, ""),
    ("length-hexadecimal", "0x10", ""),
    ("length-with-sign", "+2", ""),
    ("length-nan", "nan", ""),
    ("length-list", "2, 2", ""),
    ("length-empty", "", ""),
):
    misbehaviour(called, slow=after == "silence")(partial(lying_length, says, after))


@misbehaviour()
async def two_lengths(hand: Hand) -> None:
    size = len(hand.honest.body)
    await hand.write(hand.honest.head(("Content-Length", str(size)), ("Content-Length", str(size + 7))) + hand.honest.body)
    raise HangUp


@misbehaviour()
async def length_and_chunks(hand: Hand) -> None:
    await hand.write(hand.honest.head(("Content-Length", "4"), ("Transfer-Encoding", "chunked")) + b"2\r\n{}\r\n0\r\n\r\n")
    raise HangUp


@misbehaviour()
async def strange_transfer_encoding(hand: Hand) -> None:
    await hand.write(hand.honest.head(("Transfer-Encoding", "identity, xchunked")) + b"2\r\n{}\r\n0\r\n\r\n")
    raise HangUp


@misbehaviour()
async def second_answer_behind_the_first(hand: Hand) -> None:
    """What nobody asked for, on a connection that may be kept."""
    await hand.write(hand.honest.wire() + Answer(200, "OK", (), b'{"PowerState": "Off", "results": []}').wire())


@cache
def bomb(encoding: str) -> bytes:
    """100 MB of blanks, packed."""
    if encoding == "gzip":
        return gzip.compress(b" " * (100 << 20), 1)
    packer = zlib.compressobj(1, wbits=15 if encoding == "deflate" else -15)
    return packer.compress(b" " * (100 << 20)) + packer.flush()


async def packed(encoding: str, status: int, hand: Hand) -> None:
    data = bomb(encoding if encoding in ("gzip", "deflate") else "gzip")
    await hand.write(Answer(status, "OK").head(("Content-Encoding", encoding), ("Content-Length", str(len(data)))) + data)


for encoding in ("gzip", "deflate", "gzip, gzip", "br", "zstd", "x-unknown"):
    misbehaviour(f"bomb-{encoding.replace(', ', '-in-')}", big=True)(partial(packed, encoding, 200))
misbehaviour("bomb-in-an-error", big=True)(partial(packed, "gzip", 503))


# How fast


@misbehaviour(slow=True)
async def trickled_body(hand: Hand) -> None:
    await hand.write(hand.honest.head(("Content-Length", str(len(hand.honest.body) + 1000))))
    await hand.drip(hand.honest.body[:400])


@misbehaviour(slow=True)
async def trickled_headers(hand: Hand) -> None:
    await hand.drip(hand.honest.wire()[:400])


@misbehaviour(slow=True)
async def silence(hand: Hand) -> None:
    await hand.silence()


@misbehaviour()
async def closes(hand: Hand) -> None:
    raise HangUp


@misbehaviour()
async def closes_within_the_headers(hand: Hand) -> None:
    await hand.write(hand.honest.wire()[:30])
    raise HangUp


# What stands around it


@misbehaviour()
async def many_headers(hand: Hand) -> None:
    await hand.answer(hand.honest.with_headers(*((f"X-{number}", "y" * 20) for number in range(3000))))


@misbehaviour(big=True)
async def endless_headers(hand: Hand) -> None:
    await hand.write(b"HTTP/1.1 200 OK\r\n")
    await hand.endless(b"X-Header: yes and no\r\n" * 3000)


@misbehaviour(big=True)
async def one_endless_header(hand: Hand) -> None:
    await hand.write(b"HTTP/1.1 200 OK\r\nX-Header: ")
    await hand.endless(b"y" * 65536)


@misbehaviour()
async def header_of_8000_bytes(hand: Hand) -> None:
    await hand.answer(hand.honest.with_headers(("Server", "s" * 8000), ("ETag", '"' + "e" * 8000 + '"')))


@misbehaviour()
async def cookie_flood(hand: Hand) -> None:
    await hand.answer(hand.honest.with_headers(*(("Set-Cookie", f"c{hand.rng.random()}={'v' * 30}; Path=/") for _ in range(400))))


@misbehaviour()
async def cookie_of_7000_bytes(hand: Hand) -> None:
    await hand.answer(hand.honest.with_headers(("Set-Cookie", f"_session_id={'v' * 7000}; Path=/; HttpOnly")))


@misbehaviour()
async def cookies_that_are_none(hand: Hand) -> None:
    texts = ("=;=", "a", f"\x1b[{MARK}m=\x1b[{MARK}m", 'a="b; c', "a=b; Domain=" + hand.collector, "ü=ö", "a=" + "%0d%0aX: y")
    await hand.answer(hand.honest.with_headers(*(("Set-Cookie", text) for text in texts)))


@misbehaviour()
async def duplicated_headers(hand: Hand) -> None:
    twice = (
        ("Retry-After", "1"),
        ("ETag", '"a"'),
        ("Location", hand.collector),
        ("X-Auth-Token", "a"),
        ("Content-Type", "text/html"),
    )
    both = [pair for name, text in twice for pair in ((name, text), (name, text + "2"))]
    await hand.answer(hand.honest.with_headers(*both))


@misbehaviour()
async def poisoned_headers(hand: Hand) -> None:
    texts = [text for text in POISON if not set(text) & set("\r\n\x00\ud800")]
    names = (
        "Server",
        "ETag",
        "X-Auth-Token",
        "Location",
        "Foreman_version",
        "Foreman_api_version",
        "Retry-After",
        "Date",
        "X-Runtime",
    )
    await hand.answer(hand.honest.with_headers(*((name, f"villain {hand.rng.choice(texts)}") for name in names)))


@misbehaviour()
async def poisoned_reason(hand: Hand) -> None:
    status = hand.rng.choice((200, 401, 403, 500, 503))
    await hand.answer(Answer(status, f"villain \x1b[31;{MARK}m \x9b{MARK}m \u202e", hand.honest.headers, hand.honest.body))


@misbehaviour()
async def poisoned_error_page(hand: Hand) -> None:
    page = f"<html><title>villain {''.join(POISON)}</title><h1>{hand.heard}</h1>".encode("utf-8", "surrogatepass")
    await hand.answer(Answer(hand.rng.choice((400, 404, 502, 503)), "No", (("Content-Type", "text/html"),), page))


@misbehaviour()
async def infos(hand: Hand) -> None:
    """A few 1xx, which are allowed."""
    await hand.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + hand.honest.wire())


@misbehaviour(big=True)
async def flood_of_infos(hand: Hand) -> None:
    await hand.endless(b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" * 500)


@misbehaviour()
async def switches_protocols(hand: Hand) -> None:
    await hand.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + b"\x1b[2J" * 100)
    raise HangUp


async def first_line(line: bytes, hand: Hand) -> None:
    await hand.write(line + b"\r\nContent-Length: 2\r\n\r\n{}")
    raise HangUp


for called, line in (
    ("http-0.9", b"{}"),
    ("http-0.9-page", b"<html>\x1b[31;4242m"),
    ("http-9.9", b"HTTP/9.9 200 OK"),
    ("http-1.0", b"HTTP/1.0 200 OK"),
    ("http-of-many-digits", b"HTTP/1.11111111 200 OK"),
    ("another-protocol", b"ICY 200 OK"),
    ("ssh", b"SSH-2.0-OpenSSH_9.7"),
    ("status-999", b"HTTP/1.1 999 OK"),
    ("status-000", b"HTTP/1.1 000 OK"),
    ("status-negative", b"HTTP/1.1 -20 OK"),
    ("status-of-many-digits", b"HTTP/1.1 " + b"2" * 5000 + b" OK"),
    ("status-that-is-a-word", b"HTTP/1.1 OK 200"),
    ("status-without-reason", b"HTTP/1.1 200"),
    ("status-205", b"HTTP/1.1 205 Reset Content"),
    ("reason-of-60-kB", b"HTTP/1.1 200 " + b"r" * 60_000),
    ("header-without-colon", b"HTTP/1.1 200 OK\r\nnonsense"),
    ("header-folded", b"HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\n\tc"),
    ("header-with-nul", b"HTTP/1.1 200 OK\r\nX-A: a\x00b"),
    ("header-name-with-blank", b"HTTP/1.1 200 OK\r\nX A : b"),
    ("bare-line-feeds", b"HTTP/1.1 200 OK\nX-A: b\nX-B: c"),
    ("bytes-of-noise", bytes(range(256)) * 20),
    ("empty-lines-first", b"\r\n\r\n\r\nHTTP/1.1 200 OK"),
):
    misbehaviour(called)(partial(first_line, line))


@misbehaviour()
async def resets(hand: Hand) -> None:
    """Half an answer, and the connection is gone after the client has begun to read."""
    await hand.write(hand.honest.head(("Content-Length", str(len(hand.honest.body) + 1))) + hand.honest.body)
    await asyncio.sleep(0)
    raise HangUp
