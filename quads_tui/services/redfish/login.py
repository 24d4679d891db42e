"""The login at one BMC, a ladder: a session where the service root says, or where older firmware makes them, or Basic.

Lock-outs are worse than failures. The password is sent again once after a refusal (some BMCs refuse at random, and some refuse a
session and take Basic), then never before an operator asks for it: that count is the BMC's (learned.py), not the client's.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from quads_tui.inputs import Secret
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.ports import Clock, SideEffects
from quads_tui.rollout.text import clean
from quads_tui.services.responses import FailureKind, RequestFailed, Response

from .errors import ErrorResponse, error_response
from .learned import Learned, Step
from .quirks import SESSION_COLLECTIONS, Meaning, session_path

BASIC = "Basic authentication"  # a way beside the places where sessions are made
_PAUSE = 2.0  # own seconds between two logins

BeforeSend = Callable[[str], Awaitable[None]]


class Send(Protocol):
    """Puts one request on the wire. `before_send` is awaited with the peer before its first byte. Raises RequestFailed."""

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: object | None, before_send: BeforeSend | None = None
    ) -> Awaitable[Response]: ...


class Busy(QuadsTuiError):
    """The BMC answered that it cannot now. Nothing was done."""

    def __init__(self, what: ErrorResponse) -> None:
        super().__init__(what.text)
        self.response = what


@dataclass(frozen=True, slots=True)
class Credential:
    """What signs a request. `path`: of the session; empty for Basic, and where the BMC does not tell."""

    token: str = field(default="", repr=False)
    path: str = ""
    basic: bool = False
    for_now: bool = False  # Basic only because no session was to be had


class Login:
    def __init__(
        self,
        send: Send,
        *,
        username: str,
        password: Secret,
        clock: Clock,
        acts: SideEffects,
        learned: Callable[[], Learned],
    ) -> None:
        self.collection = ""  # Links.Sessions of the service root, once it is known
        self.probe = "/redfish/v1/Systems"  # what is read to prove Basic
        self.lost: list[float] = []  # wall times of logins that were sent and got no answer: each may have made a session
        self._send = send
        self._username = username
        self._password = password
        self._clock = clock
        self._acts = acts
        self._learned = learned
        self._busy = 0
        self._told = 0  # refusals that the journal has from here

    @property
    def basic_headers(self) -> dict[str, str]:
        login = f"{self._username}:{self._password.reveal()}".encode()
        return {"Authorization": "Basic " + base64.b64encode(login).decode()}

    @property
    def user(self) -> str:
        """For reasons."""
        return f"user {clean(self._username, 40)}"

    async def make(self, left: Callable[[str], None], *, basic_only: bool = False) -> Credential:
        """A new one. `left` is called with the path of a session that was made without a token: it is to be deleted by Basic.

        `basic_only`: sessions were made, and nothing takes them. Raises StageFailure, Busy and RequestFailed.
        """
        learned = self._learned()
        async with learned.logging_in:
            if basic_only:
                return await self._by_basic_alone(learned)
            return await self._climb(learned, left)

    def accepted(self) -> None:
        """Our password was good for an answer."""
        learned = self._learned()
        if learned.refusals:
            self._acts.refused(0)
            self._told = 0
        learned.allow_login()

    async def refuse(self, way: str, refusal: ErrorResponse) -> None:
        """Count a refused password, and wait before the next try. Raises StageFailure where there is none."""
        self.count_refusal(way, refusal)
        self.raise_if_locked()
        await self._clock.sleep(_PAUSE)

    def count_refusal(self, way: str, refusal: ErrorResponse) -> None:
        """The BMC did not take the password, sent in this way."""
        learned = self._learned()
        learned.failed(Step.LOGIN, way)
        learned.refusals += 1
        ways = learned.refused.setdefault(refusal.text, [])
        if way not in ways:
            ways.append(way)
        self._tell(learned)

    def raise_if_locked(self) -> None:
        """Raises StageFailure where the password was refused so often, whoever sent it, that it is not sent any more."""
        learned = self._learned()
        if learned.locked:
            self._tell(learned)
            said = [f"{', then '.join(ways)}: {text}" for text, ways in learned.refused.items()]
            words = "; ".join(said) or "the BMC refused this password earlier in this rollout"
            times = f"refused {learned.refusals} times; the password is not sent again until an operator retries the host"
            raise StageFailure(Cause.CREDENTIALS, f"{words} ({self.user}, {times})", retryable=False)

    def _tell(self, learned: Learned) -> None:
        """Each host's journal rows know it, whichever client or host it was refused for."""
        if self._told != learned.refusals:
            self._told = learned.refusals
            self._acts.refused(learned.refusals)

    async def _by_basic_alone(self, learned: Learned) -> Credential:
        self.raise_if_locked()
        refusal = await self._prove_basic(learned, for_now=False)
        if refusal is None:
            return Credential(basic=True)
        await self.refuse(BASIC, refusal)
        words = f"sessions are not accepted after a new login, nor is {BASIC}: {refusal.text} ({self.user})"
        raise StageFailure(Cause.CREDENTIALS, words, retryable=False)

    async def _climb(self, learned: Learned, left: Callable[[str], None]) -> Credential:
        places = [place for place in (self.collection, *SESSION_COLLECTIONS) if place]
        ways = learned.ordered(Step.LOGIN, (*places, BASIC))
        for_now = False
        while True:
            self.raise_if_locked()
            way = ways.pop(0) if ways else BASIC
            if way == BASIC:
                no = await self._prove_basic(learned, for_now=for_now)
                if no is None:
                    return Credential(basic=True, for_now=for_now)
                await self.refuse(BASIC, no)
                ways = [*places, BASIC]
                continue
            try:
                answer = await self._post(way)
            except RequestFailed as error:
                if error.kind is not FailureKind.REDIRECT or error.sent:
                    raise
                if self._busy < 1:  # its web pages may be up before its Redfish service
                    self._busy += 1
                    raise
                ways, for_now = [BASIC], True
                continue
            if answer.ok:
                credential = self._granted(answer, way, left)
                if credential is not None:
                    learned.worked(Step.LOGIN, way)
                    self.accepted()
                    return credential
                ways = [BASIC]
                continue
            self._acts.session("", False)
            refusal = error_response(answer)
            if refusal.means(Meaning.PASSWORD_CHANGE):
                raise StageFailure(Cause.CREDENTIALS, f"the password must be changed first: {refusal.text}", retryable=False)
            if answer.status == 401 or refusal.means(Meaning.WRONG_LOGIN):
                # Without a login some answer 401 to every path that they do not have: at a guessed one it says nothing.
                guessed = bool(self.collection) and way != self.collection and not refusal.means(Meaning.WRONG_LOGIN)
                if not guessed:
                    await self.refuse(f"session at {way}", refusal)
                ways = [BASIC] if guessed or _offers_basic(answer) else [way]
            elif refusal.means(Meaning.SESSIONS_FULL):
                self._acts.note(f"no session is free, using Basic authentication: {refusal.text}")
                ways, for_now = [BASIC], True
            elif (unwell := refusal.busy or (answer.status >= 500 and answer.status != 501)) and self._busy < 1:
                self._busy += 1
                raise Busy(refusal)
            elif answer.status != 404:
                ways, for_now = [BASIC], unwell

    async def _post(self, place: str) -> Response:
        await self._acts.before_login()
        first_byte: float | None = None

        async def before_send(peer: str) -> None:
            nonlocal first_byte
            first_byte = self._clock.wall()

        try:
            body = {"UserName": self._username, "Password": self._password.reveal()}
            return await self._send("POST", place, {}, body, before_send)
        except (RequestFailed, asyncio.CancelledError) as error:
            # A cancelled one waited for a connection, or for its answer.
            if first_byte is None or (isinstance(error, RequestFailed) and not error.sent):
                self._acts.session("", False)
            else:
                self.lost.append(first_byte)
                if isinstance(error, RequestFailed):  # now, and not only when it was searched for: this process may be killed
                    self._acts.note("no answer to a login: a session may be left at the BMC")
            raise

    def _granted(self, answer: Response, place: str, left: Callable[[str], None]) -> Credential | None:
        """None: a success without a token that could be sent."""
        token, where = answer.headers.get("X-Auth-Token", ""), session_path(answer, place)
        usable = bool(token) and token.isascii() and token.isprintable()
        if where:
            self._acts.session(where, True)
        else:
            self._acts.session("", False)
        if not usable:
            if where:
                left(where)
            return None
        self._busy = 0
        if not where:
            self._acts.left("the BMC does not report where its session is: it stays open until it expires")
        return Credential(token, where)

    async def _prove_basic(self, learned: Learned, *, for_now: bool) -> ErrorResponse | None:
        """None: it is taken, or what was answered says nothing against it and the request itself will show."""
        try:
            answer = await self._send("GET", self.probe, self.basic_headers, None)
        except RequestFailed:
            return None
        if answer.status == 401:
            return error_response(answer)
        if answer.ok:
            self.accepted()
            if not for_now:
                learned.worked(Step.LOGIN, BASIC)
        return None


def _offers_basic(answer: Response) -> bool:
    challenge = answer.headers.get("WWW-Authenticate", "")
    return not challenge or "basic" in challenge.lower()
