"""What a misbehaviour has to do it with: the request, the honest answer, the open connection, its own dice."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from tests.services.rawserver import HangUp, Request, Write

MOST = 80 << 20  # bytes that an endless answer sends at most: more than any client takes
SLOW = 40.0  # seconds that a slow answer keeps a connection: more than any client of the tests waits
MARK = "4242"  # in every sequence that steers a terminal: never to be seen on one

# What steers terminals, makes one name look like another, or is markup. Every text of a poisoned answer gets one of them.
POISON = (
    f"\x1b[31;{MARK}m",
    f"\x1b]52;c;{MARK}\x07",
    f"\x1b]0;{MARK}\x1b\\",
    f"\x1b]8;;http://{MARK}\x1b\\",
    f"\x1bP+q{MARK}\x1b\\",
    f"\x9b{MARK}m",
    f"\x9d52;c;{MARK}\x9c",
    f"\x1b[?1049l\x1b[2J\x1b[{MARK}H",
    "\u202e\u2066\u200f",
    "\u2028\u2029\ufeff\u200b\u00ad",
    "\x00\x07\x08\x0b\x0c\x0e\x7f\x85",
    "\r\n\r\n",
    "\t",
    "\ud800",
    "\U000e0041\U000e007f",
    "[bold red]mark[/bold red][@click=app.quit]up[/]",
    "e\u0301" * 40,
    "\ufdfa" * 40,
)


@dataclass(frozen=True)
class Answer:
    """What an honest server answers."""

    status: int = 200
    reason: str = "OK"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"{}"

    @property
    def document(self) -> Any:
        """Its JSON; an empty object where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    def with_document(self, document: Any) -> Answer:
        return replace(self, body=json.dumps(document).encode())

    def with_headers(self, *headers: tuple[str, str]) -> Answer:
        names = {name.lower() for name, _ in headers}
        return replace(self, headers=(*((name, text) for name, text in self.headers if name.lower() not in names), *headers))

    def head(self, *more: tuple[str, str]) -> bytes:
        """Status line and headers, without any that says where the body ends."""
        lines = [f"HTTP/1.1 {self.status} {self.reason}", *(f"{name}: {text}" for name, text in (*self.headers, *more))]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogatepass")

    def wire(self) -> bytes:
        return self.head(("Content-Length", str(len(self.body)))) + self.body


@dataclass
class Hand:
    request: Request
    honest: Answer
    write: Write
    rng: Random
    collector: str  # an address that no credential may ever reach
    heard: list[str] = field(default_factory=list)  # credentials of this request, as a server that repeats them would

    def __post_init__(self) -> None:
        basic = self.request.headers.get("authorization", "")
        self.heard += [
            value for value in (basic, self.request.headers.get("x-auth-token"), self.request.headers.get("cookie")) if value
        ]
        if basic.startswith("Basic "):
            self.heard += [basic[6:], base64.b64decode(basic[6:]).decode("utf-8", "replace")]
        if self.request.body:
            self.heard.append(self.request.body.decode("utf-8", "replace"))

    async def answer(self, answer: Answer) -> None:
        await self.write(answer.wire())

    async def endless(self, chunk: bytes) -> None:
        """The same again until the client has had enough."""
        for _ in range(max(1, MOST // len(chunk))):
            await self.write(chunk)
        raise HangUp

    async def drip(self, data: bytes) -> None:
        """A byte now and then, for longer than anybody waits."""
        pause = max(0.05, SLOW / max(1, len(data)))
        for byte in data:
            await self.write(bytes([byte]))
            await asyncio.sleep(pause)
        await self.silence()

    async def silence(self) -> None:
        await asyncio.sleep(SLOW)
        raise HangUp


Misbehaviour = Callable[[Hand], Awaitable[None]]
KINDS: dict[str, Misbehaviour] = {}
SLOW_KINDS: set[str] = set()  # those that use up the client's patience
BIG_KINDS: set[str] = set()  # those that send as much as the client takes
FEW_KINDS: set[str] = set()  # those that meet few calls: bytes, headers, a status or time, whatever was asked, or much to read


def misbehaviour(
    name: str = "", *, slow: bool = False, big: bool = False, dear: bool = False
) -> Callable[[Misbehaviour], Misbehaviour]:
    """A kind by its name; the function's where none is given."""

    def add(function: Misbehaviour) -> Misbehaviour:
        called = name or function.__name__.replace("_", "-")
        assert called not in KINDS, called
        KINDS[called] = function
        if slow:
            SLOW_KINDS.add(called)
        if big:
            BIG_KINDS.add(called)
        if dear or getattr(function, "func", function).__module__.endswith(".wire") or called.startswith("status-"):
            FEW_KINDS.add(called)
        return function

    return add


def error(status: int, words: str, reason: str = "Error") -> Answer:
    """One refusal in the shapes of all three services."""
    info = {
        "MessageId": "Base.1.8.GeneralError",
        "Message": words,
        "MessageArgs": [words],
        "Severity": words,
        "Resolution": words,
    }
    body = {"code": words, "message": words, "full_messages": [words], "details": words, "@Message.ExtendedInfo": [info]}
    return Answer(status, reason, (("Content-Type", "application/json"),), json.dumps({"error": body, "message": words}).encode())
