"""Who we are to one BMC: one session, made when first needed and closed on every way out; Basic where there are no sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from enum import Enum
from typing import Any

from quads_tui.inputs import Secret
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.ports import REFUSALS, Clock, SideEffects
from quads_tui.rollout.time_words import limit_words
from quads_tui.services.responses import NotJson, RequestFailed, Response

from .errors import error_response
from .learned import Learned, Step
from .left_sessions import MOST, SessionFacts, is_left, session_facts
from .login import BASIC, Busy, Credential, Login, Send

ROOT = "/redfish/v1/"
TRIES = 3  # of a request that is answered 401: by the session, by a new one, by Basic
_CLOSING = 10.0  # real seconds for one answer: an iDRAC7 takes up to 8
_DELETING = 20.0  # real seconds for all deletions: one that got no answer is sent once more
_HURRIED = 5.0  # real seconds for all of it where nobody waits any more
_LAST_WORDS = 1.0  # real seconds in which what was ended says what it leaves: it sends nothing
_ENDING = 15.0  # real seconds for those of an earlier process, with a login of our own
_LOST = "no answer to a login: the session that it may have made stays open at the BMC until it expires"
_BY_DELETE = "DELETE"
_GONE = (404, 410)


class Found(Enum):
    """Whether a BMC shows the session of a login whose answer nobody read."""

    DELETED = "deleted"
    NONE = "none"  # it shows no other session
    UNCLEAR = "unclear"


class Session:
    """Knows what to put into the headers of a request."""

    def __init__(
        self,
        send: Send,
        *,
        username: str,
        password: Secret,
        clock: Clock,
        acts: SideEffects,
        learned: Callable[[], Learned],
        closing: asyncio.Semaphore,
    ) -> None:
        """`closing`: the turns of all sessions of this process to be deleted."""
        self.login = Login(send, username=username, password=password, clock=clock, acts=acts, learned=learned)
        self._send = send
        self._clock = clock
        self._acts = acts
        self._learned = learned
        self._closing = closing
        self._credential: Credential | None = None
        self._open: list[tuple[str, str]] = []  # path and token of the sessions that are ours to delete
        self._made = 0.0  # wall time of the login of the last of them
        self._making: asyncio.Task[None] | None = None
        self._doubted = 0  # sessions in a row that were not accepted
        self._refused: StageFailure | None = None

    async def headers(self) -> dict[str, str]:
        """What proves who we are; logs in where nothing does yet. Raises StageFailure, Busy and RequestFailed."""
        if self._refused is not None:
            raise StageFailure(self._refused.cause, self._refused.reason, retryable=False)
        if self._credential is None:
            await self._log_in()
        assert self._credential is not None
        if self._credential.basic:  # by Basic each request is a login
            self.login.raise_if_locked()
        return self._signature(self._credential.token)

    async def on_unauthorized(self, answer: Response) -> None:
        """A 401 came back: an expired session is made anew by the next `headers`; Basic refused counts towards a lock-out."""
        credential, self._credential = self._credential, None
        if credential is not None and credential.basic:
            await self.login.refuse(BASIC, error_response(answer))
        else:
            self._doubted += 1

    def renew(self) -> None:
        """The next `headers` logs in anew. Basic is what it was."""
        if self._credential is not None and not self._credential.basic:
            self._credential = None

    def reset_failures(self) -> None:
        """Our credentials were good for an answer. A token is no password: it lives on where the password is refused by now."""
        self._doubted = 0
        if self._credential is not None and self._credential.basic:
            self.login.accepted()

    def refuse_login(self, answer: Response) -> StageFailure:
        """A fresh login was refused all the same: no more of it by this client."""
        words = f"{error_response(answer).text} ({self.login.user}, after a new login)"
        self._refused = StageFailure(Cause.CREDENTIALS, words, retryable=False)
        return self._refused

    def _signature(self, token: str) -> dict[str, str]:
        return {"X-Auth-Token": token} if token else self.login.basic_headers

    def forget(self) -> None:
        """The BMC has restarted: it knows our sessions no more, so none of them is deleted."""
        while self._open:
            self._acts.session(self._closed(), False)
        self.login.lost.clear()
        self._credential = None

    async def close(self) -> None:
        """Delete our sessions; never raises. A new one is made if there is more to do.

        A login that is under way has ten real seconds; so has the search for sessions of logins that got no answer. The deletions
        have twenty, which begin when it is this one's turn: hundreds that are closed at once keep this machine busy, and not
        their BMCs. What may be left is said, whatever ends this.
        """
        task = asyncio.ensure_future(self._close())
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await _ended(task, _HURRIED)
            task.cancel()
            await _ended(task, _LAST_WORDS)
            raise

    async def _close(self) -> None:
        try:
            await self._finish_login(_CLOSING)
            if self.login.lost:
                await self._end_lost()
            if self._open:
                async with self._closing:
                    await self._delete_all()
        finally:
            while self._open:
                self._stays(self._closed())
            if self.login.lost:
                self._acts.left(_LOST)
            self.login.lost.clear()
        if self._credential is not None and (not self._credential.basic or self._credential.for_now):
            self._credential = None

    async def _finish_login(self, seconds: float) -> None:
        """When this returns, none is under way: it has made a session that is known, or it is among the lost ones."""
        if self._making is None:
            return
        try:
            await asyncio.wait({self._making}, timeout=seconds)
        finally:
            self._making.cancel()
            await asyncio.wait({self._making}, timeout=_LAST_WORDS)

    async def _end_lost(self) -> None:
        """Delete what logins without an answer have made, where the BMC tells what is ours; the others stay in `lost`."""
        try:
            async with asyncio.timeout(_CLOSING):
                headers = await self.headers()
                for login in list(self.login.lost):
                    if await self._end_unrecorded(self._made - login, headers) is Found.DELETED:
                        self.login.lost.remove(login)
                        self._acts.note("the session of a login that got no answer was found and deleted")
        except (RequestFailed, Busy, StageFailure, TimeoutError, *REFUSALS):
            pass  # what is left is said
        finally:
            await self._finish_login(0.0)

    async def _delete_all(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_DELETING):
                # Each with its own token: one that was doubted over a random 401 still lives, and takes up a place.
                while self._open:
                    path, token = self._open[0]
                    await self._delete(path, self._signature(token), self._closed, own=bool(token))

    def _closed(self) -> str:
        """The first of our sessions is not ours to delete any more: its path."""
        path, _ = self._open.pop(0)
        self._learned().sessions.discard(path)
        return path

    def _stays(self, path: str) -> None:
        self._acts.left(f"the session {path} stays open at the BMC: its deletion was not answered in time")

    async def end(self, paths: Iterable[str], login: float | None = None) -> None:
        """Delete sessions of an earlier process, signed by a login of our own; what does not go is noted.

        `login`: the wall time of a login that may have made one that is not among the `paths`.
        """
        left = list(paths)
        try:
            async with asyncio.timeout(_ENDING):
                headers = await self.headers()
                while left:
                    await self._delete(left[0], headers, lambda: left.pop(0))
                if login is not None and await self._end_unrecorded(self._made - login, headers) is Found.UNCLEAR:
                    words = "a login of an earlier process was interrupted: a session may be left at the BMC until it expires"
                    self._acts.left(words)
        except (RequestFailed, Busy, StageFailure, TimeoutError) as error:
            why = str(error) or f"quads-tui could not close them within {limit_words(_ENDING * self._clock.speed)}"
            self._acts.left(f"sessions of an earlier process that stay open at the BMC: {len(left)} ({why})")

    async def _end_unrecorded(self, age: float, headers: Mapping[str, str]) -> Found:
        """Find and delete the session of a login `age` seconds before our own, by what the BMC tells of both."""
        own_path = self._open[-1][0] if self._open else ""
        own = session_facts(await self._document(own_path, headers)) if own_path else SessionFacts("", "", None)
        place = own_path.rpartition("/")[0]
        listed = (await self._document(place, headers)).get("Members") if place else None
        found = [member.get("@odata.id") for member in listed if isinstance(member, Mapping)] if isinstance(listed, list) else []
        # What the BMC lists is read, and may be deleted, only where it is a member of this collection.
        members = [path for path in found if isinstance(path, str) and path.startswith(f"{place}/")]
        in_use = self._learned().sessions  # by us, or for another host of this BMC
        others = [path for path in members if path != own_path and path not in in_use][:MOST]
        alike = False  # somebody's session of this user from this machine, made at another time
        for path in others:
            other = session_facts(await self._document(path, headers))
            if is_left(other, own, age):
                await self._delete(path, headers, lambda: None)
                return Found.DELETED
            alike |= (other.user, other.client) == (own.user, own.client)
        return Found.UNCLEAR if not own_path or (others and (alike or not own.told)) else Found.NONE

    async def _document(self, path: str, headers: Mapping[str, str]) -> Mapping[str, Any]:
        answer = await self._send("GET", path, headers, None)
        try:
            body = answer.json() if answer.ok else {}
        except NotJson:
            body = {}
        return body if isinstance(body, Mapping) else {}

    async def _delete(
        self, path: str, headers: Mapping[str, str], off_the_list: Callable[[], object], *, own: bool = False
    ) -> None:
        """As it was made, once more, then by Basic, until it is gone; what stays is noted. `off_the_list` is called once.

        `own`: the headers are this very session's.
        """
        learned, why = self._learned(), ""
        ways = [headers, headers]
        if own and not learned.refusals:
            ways.append(self.login.basic_headers)
        for signature in ways:
            try:
                async with asyncio.timeout(_CLOSING):
                    answer = await self._send("DELETE", path, signature, None)
            except RequestFailed as error:
                why = error.reason
                continue
            except TimeoutError:
                why = f"no answer within {limit_words(_CLOSING * self._clock.speed)}"
                continue
            if answer.status == 401 and "Authorization" in signature:
                self.login.count_refusal(BASIC, error_response(answer))
            gone = answer.status in _GONE or (answer.ok and learned.has_worked(Step.LOGOUT, _BY_DELETE))
            if not gone and await self._is_gone(path, headers, answer, own=own):
                gone = True
                if answer.ok:
                    learned.worked(Step.LOGOUT, _BY_DELETE)
            if gone:
                off_the_list()
                self._acts.session(path, False)
                return
            why = "it was accepted without effect" if answer.ok else error_response(answer).text
        off_the_list()
        self._acts.left(f"the session {path} stays open at the BMC, its deletion was refused {len(ways)} times: {why}")

    async def _is_gone(self, path: str, headers: Mapping[str, str], answer: Response, *, own: bool) -> bool:
        """Whether a read says so, after this answer to its deletion. A 401 may be of the moment, a success may be none.

        Our own session is gone when its token opens nothing any more; another one when its resource is.
        """
        if not answer.ok and not (own and answer.status == 401):
            return False
        try:
            now = await self._send("GET", self.login.probe if own else path, headers, None)
        except RequestFailed:
            return answer.ok
        return now.status == 401 if own else now.status in _GONE

    async def _log_in(self) -> None:
        """Shielded: a login whose answer nobody waits for leaves a session behind that nobody closes."""
        if self._making is None or self._making.done():
            self._making = asyncio.ensure_future(self._log_in_now())
            self._making.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._making)

    async def _log_in_now(self) -> None:
        try:
            credential = await self.login.make(lambda path: self._opened(path, ""), basic_only=self._doubted >= TRIES - 1)
        except StageFailure as failure:
            self._refused = failure
            raise
        if credential.path:
            self._opened(credential.path, credential.token)
        self._credential = credential

    def _opened(self, path: str, token: str) -> None:
        self._open.append((path, token))
        self._learned().sessions.add(path)
        self._made = self._clock.wall()


async def _ended(task: asyncio.Task[None], seconds: float) -> None:
    """Wait for it, however often we are cancelled meanwhile (SIGTERM does so every second)."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not task.done() and (left := until - loop.time()) > 0:
        with suppress(asyncio.CancelledError):
            await asyncio.wait({task}, timeout=left)
