"""Who we are to one BMC: one session, made when first needed and closed on every way out; Basic where there are no sessions.

Lock-outs are worse than failures: a refused login is tried once more (some BMCs refuse at random), then never again: a human
who retries the host does so with a new client.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from quads_tui.inputs import Secret
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.ports import Clock, SideEffects
from quads_tui.rollout.text import clean
from quads_tui.services.responses import NotJson, RequestFailed, Response

from .errors import ErrorResponse, error_response
from .left_sessions import MOST, SessionFacts, is_left, session_facts
from .quirks import SESSION_COLLECTIONS, Meaning, session_path

ROOT = "/redfish/v1/"
_CLOSING = 4.0  # real seconds
_ENDING = 15.0  # real seconds for those of an earlier process, with a login of our own
_TRIES = 2  # of a DELETE
_MOST_REFUSALS = 2

Send = Callable[[str, str, Mapping[str, str], object | None], Awaitable[Response]]


class Busy(QuadsTuiError):
    """The BMC answered that it cannot now. Nothing was done."""

    def __init__(self, what: ErrorResponse) -> None:
        super().__init__(what.text)
        self.response = what


class Session:
    """`send` puts one request on the wire (method, path, headers, body); this class knows what to put into its headers."""

    def __init__(self, send: Send, *, username: str, password: Secret, clock: Clock, acts: SideEffects) -> None:
        self.collection = ""  # Links.Sessions of the service root, once it is known
        self._send = send
        self._username = username
        self._password = password
        self._clock = clock
        self._acts = acts
        self._token = ""
        self._open: list[tuple[str, str]] = []  # path and token of the sessions that are ours to delete
        self._basic = False
        self._basic_for_now = False  # Basic only because no session was to be had
        self._login: asyncio.Task[None] | None = None
        self._refusals = 0
        self._refused = ""
        self._busy = 0

    async def headers(self) -> dict[str, str]:
        """What proves who we are; logs in where nothing does yet. Raises StageFailure, Busy and RequestFailed."""
        if self._refused:
            raise StageFailure(Cause.CREDENTIALS, self._refused, retryable=False)
        if not self._token and not self._basic:
            await self._log_in()
        if self._basic:
            login = f"{self._username}:{self._password.reveal()}".encode()
            return {"Authorization": "Basic " + base64.b64encode(login).decode()}
        return {"X-Auth-Token": self._token}

    async def on_unauthorized(self, answer: Response) -> None:
        """A 401 came back: an expired session is made anew by the next `headers`; Basic refused counts towards a lock-out."""
        if self._basic:
            await self._refuse(error_response(answer))
        self._token = ""

    def reset_failures(self) -> None:
        """Our credentials were good for an answer."""
        self._refusals = 0

    def refuse_login(self, answer: Response) -> StageFailure:
        """A fresh login was refused all the same: no more of it."""
        self._refused = f"{error_response(answer).text} (user {clean(self._username, 40)}, after a new login)"
        return StageFailure(Cause.CREDENTIALS, self._refused, retryable=False)

    async def close(self) -> None:
        """Delete our sessions, in at most four real seconds together; never raises. A new one is made if there is more to do."""
        task = asyncio.ensure_future(self._close())
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task}, timeout=_CLOSING + 1)
            raise

    async def _close(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING):
                if self._login is not None:
                    await asyncio.wait({self._login})
                # Each with its own token: one that was doubted over a random 401 still lives, and takes up a place.
                while self._open:
                    path, token = self._open[0]
                    await self._delete(path, {"X-Auth-Token": token}, recorded=token not in path)
                    del self._open[0]
        for path, _ in self._open:
            self._acts.note(f"the session {clean(path)} stays open at the BMC: no answer to its deletion within {_CLOSING:g} s")
        if self._login is not None:
            self._login.cancel()
        if self._basic_for_now:
            self._basic = self._basic_for_now = False
        self._open.clear()
        self._token = ""

    async def end(self, paths: Iterable[str], login: float | None = None) -> None:
        """Delete sessions of an earlier process, signed by a login of our own; what does not go is noted.

        `login`: the wall time of a login that may have made one that is not among the `paths`.
        """
        left = list(paths)
        try:
            async with asyncio.timeout(_ENDING):
                headers = await self.headers()
                while left:
                    await self._delete(left[0], headers)
                    del left[0]
                if login is not None:
                    await self._end_unrecorded(self._clock.wall() - login, headers)
        except (RequestFailed, Busy, StageFailure, TimeoutError) as error:
            why = str(error) or f"quads-tui could not close them within {_ENDING:g} s"
            self._acts.note(f"{len(left)} sessions of an earlier process stay open at the BMC: {why}")

    async def _end_unrecorded(self, age: float, headers: Mapping[str, str]) -> None:
        """Find the session of a login `age` seconds before our own, by what the BMC tells of both."""
        own_path = self._open[-1][0] if self._open else ""
        own = session_facts(await self._document(own_path, headers)) if own_path else SessionFacts("", "", None)
        place = own_path.rpartition("/")[0]
        listed = (await self._document(place, headers)).get("Members") if place else None
        found = [member.get("@odata.id") for member in listed if isinstance(member, Mapping)] if isinstance(listed, list) else []
        # What the BMC lists is read, and may be deleted, only where it is a member of this collection.
        others = [path for path in found if isinstance(path, str) and path != own_path and path.startswith(f"{place}/")][:MOST]
        alike = False  # somebody's session of this user from this machine, made at another time
        for path in others:
            other = session_facts(await self._document(path, headers))
            if is_left(other, own, age):
                await self._delete(path, headers)
                return
            alike |= (other.user, other.client) == (own.user, own.client)
        if not own_path or (others and (alike or not own.told)):
            self._acts.note("a login of an earlier process was interrupted: a session may be left at the BMC until it expires")

    async def _document(self, path: str, headers: Mapping[str, str]) -> Mapping[str, Any]:
        answer = await self._send("GET", path, headers, None)
        try:
            body = answer.json() if answer.ok else {}
        except NotJson:
            body = {}
        return body if isinstance(body, Mapping) else {}

    async def _delete(self, path: str, headers: Mapping[str, str], *, recorded: bool = True) -> None:
        """Once more where it is refused; then it is noted."""
        why = ""
        for _ in range(_TRIES):
            try:
                answer = await self._send("DELETE", path, headers, None)
            except RequestFailed as error:
                why = error.reason
                continue
            if answer.ok or answer.status in (404, 410):
                if recorded:
                    self._acts.session(path, False)
                return
            why = error_response(answer).text
        self._acts.note(f"the session {clean(path)} stays open at the BMC, its deletion was refused {_TRIES} times: {why}")

    async def _log_in(self) -> None:
        """Shielded: a login whose answer nobody waits for leaves a session behind that nobody closes."""
        if self._login is None or self._login.done():
            self._login = asyncio.ensure_future(self._log_in_now())
            self._login.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._login)

    async def _log_in_now(self) -> None:
        body = {"UserName": self._username, "Password": self._password.reveal()}
        places = list(dict.fromkeys(place for place in (self.collection, *SESSION_COLLECTIONS) if place))
        while places:
            await self._acts.before_login()
            try:
                answer = await self._send("POST", places[0], {}, body)
            except RequestFailed as error:
                if not error.sent:
                    self._acts.session("", False)
                else:
                    self._acts.note(
                        "no answer to a login: the session that it may have made stays open at the BMC until it expires"
                    )
                raise
            if answer.ok:
                self._begin(answer, places[0])
                return
            self._acts.session("", False)
            refusal = error_response(answer)
            if refusal.means(Meaning.PASSWORD_CHANGE):
                self._refused = f"the password must be changed first: {refusal.text}"
                raise StageFailure(Cause.CREDENTIALS, self._refused, retryable=False)
            if answer.status == 401 and not self.collection and "basic" in answer.headers.get("WWW-Authenticate", "").lower():
                # Not even the service root is open: something in front of the service wants Basic, and knows no sessions.
                await self._refuse(refusal)
                break
            if answer.status == 401 or refusal.means(Meaning.WRONG_LOGIN):
                await self._refuse(refusal)
            elif refusal.means(Meaning.SESSIONS_FULL):
                self._acts.note(f"no session is free, using Basic authentication: {refusal.text}")
                self._basic = self._basic_for_now = True
                return
            elif refusal.busy and self._busy < 1:
                self._busy += 1
                raise Busy(refusal)
            elif answer.status == 404:
                places.pop(0)
            elif answer.status >= 500 and answer.status not in (501, 503):
                raise Busy(refusal)
            else:
                self._basic_for_now = refusal.busy
                break
        self._basic = True

    def _begin(self, answer: Response, place: str) -> None:
        token = answer.headers.get("X-Auth-Token", "")
        if not token or not token.isascii() or not token.isprintable():
            self._basic = True
            self._acts.session("", False)
            return
        self._token = token
        self._busy = 0
        where = session_path(answer, place)
        if where:
            self._open.append((where, token))
            if token not in where:  # no token in a journal: such a session is closed by this process, or expires
                self._acts.session(where, True)
            else:
                self._acts.session("", False)
        else:
            self._acts.session("", False)
            self._acts.note("the BMC does not report where its session is: it stays open until it expires")

    async def _refuse(self, refusal: ErrorResponse) -> None:
        """Count a refused login; the second one is the last."""
        self._refusals += 1
        if self._refusals >= _MOST_REFUSALS:
            self._refused = f"{refusal.text} (user {clean(self._username, 40)}, tried {self._refusals} times)"
            raise StageFailure(Cause.CREDENTIALS, self._refused, retryable=False)
        await self._clock.sleep(2)
