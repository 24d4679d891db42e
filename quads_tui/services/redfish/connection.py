"""The connection to one BMC: one request at a time, signed; reads are repeated while time is left.

A name is resolved once and the address kept, so that what is read and what is acted on are one peer. It is resolved again only
when that peer does not answer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Any

from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.addresses import host_and_port, ip_address
from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.ports import Clock, SideEffects
from quads_tui.rollout.text import clean
from quads_tui.rollout.time_words import duration
from quads_tui.services.responses import FailureKind, NotJson, RequestFailed, Response

from ..http import Http
from ..kept_connections import Reuse
from ..not_before import name_of
from .deciding import SERVICE_ROOT, Deciding, unreadable
from .errors import ErrorResponse, error_response
from .failures import failed_look, failure_from
from .learned import Learned, LearnedBmcs, PowerTimes
from .login import BeforeSend, Busy
from .quirks import MAKERS, Maker
from .resources import Document, local_path, plain_path, same_path
from .session import ROOT, TRIES, Session

_SILENT = frozenset({FailureKind.DNS, FailureKind.REFUSED, FailureKind.TIMEOUT, FailureKind.RESET})  # nobody answers there
_LASTING = frozenset({301, 308})
_NO_SESSION = frozenset({"NoValidSession", "SessionTerminated"})
_MOST_RENEWALS = 3  # by one client, which reads what it may not many times
_MOST_REDIRECTS = 4  # of one request
_REPEATABLE = ("DELETE", "PATCH")  # acts that do no harm when they are lost, nor when they are sent again
_NOTICED = 5.0  # real seconds
_LONGEST_WAIT = 60.0  # real seconds that a BMC is left alone within one stage, as it asks to
_SHORT_WAIT = 3.0  # real seconds of it for what has no deadline of its own: an act, a login, a logout


class Missing(QuadsTuiError):
    """404: the BMC has no such resource (any more)."""

    def __init__(self, what: ErrorResponse) -> None:
        super().__init__(what.text)
        self.response = what


class BmcConnection:
    """Sends requests to one BMC. Deadlines are own time (Clock.now); HTTP deadlines real seconds.

    While the BMC wants to be left alone (Retry-After and its like, told to any client of the process) nothing is sent to it.
    """

    def __init__(
        self,
        http: Http,
        *,
        address: str,
        host: str,
        username: str,
        password: Secret,
        tls: TlsPolicy,
        clock: Clock,
        limits: Limits,
        meter: Meter,
        acts: SideEffects,
        bmcs: LearnedBmcs | None = None,
    ) -> None:
        """`address`: scheme, host and port. `host`: its name in the rollout, for the history of requests.

        `bmcs`: what the clients of this process share about BMCs; None: this client's alone.
        """
        self.clock = clock
        self.acts = acts
        self._bmcs = bmcs or LearnedBmcs()
        self.session = Session(
            self._send,
            username=username,
            password=password,
            clock=clock,
            acts=acts,
            learned=lambda: self.learned,
            closing=self._bmcs.closing,
        )
        self._http = http
        self._address = address.rstrip("/")
        self._host = host
        self._tls = tls
        self._limits = limits
        self._meter = meter
        self._renewals = 0  # of sessions after a 403
        self._lock = asyncio.Lock()
        self._wire = asyncio.Lock()
        self.families: set[str] = set()  # words that the BMC says of itself, lower case
        self._moved: dict[str, str] = {}  # how a resource that is read wants its path spelled (301, 308)
        self.peer = ""  # IP address and port of the last answer
        self.moves = 0  # how often that changed
        self.act_peer = ""  # the peer that the machine was last seen at: acts go there or nowhere
        self._name = name_of(address)
        self._named = not _is_ip_address(address)
        self._at = ""  # the IP address that the name is taken for; empty: resolved by the next connection

    @property
    def learned(self) -> Learned:
        """What this process knows of the ways of this BMC."""
        return self._bmcs.of(self._address)

    @property
    def power_times(self) -> PowerTimes:
        """What this process knows of the machines of each model."""
        return self._bmcs.power_times

    @property
    def makers(self) -> list[Maker]:
        """The rows of quirks.py that hold for this BMC, by the names that it has given itself until now."""
        return [maker for maker in MAKERS if maker.known_by(self.families)]

    async def exchange(
        self, method: str, path: str, body: object | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """One signed request and its answer. Raises RequestFailed, Busy (before it was sent), StageFailure (our credentials).

        A 401 was not executed, so the request goes out again after a new login, and then by Basic; a 403 without a reason a few
        times, too. What is no read goes to the
        peer that the last look at the machine came from: where another one answers now, RequestFailed says that nothing was sent,
        and it is to be looked at again.
        """
        async with self._lock:
            for tries in range(1, TRIES + 1):
                try:
                    signed = await self.session.headers()
                except RequestFailed as error:  # to the login: the request itself never left
                    raise RequestFailed(error.reason, sent=False, kind=error.kind, after=error.after) from None
                before_send = self._confirm if method != "GET" else None
                answer = await self._send(method, path, {**(headers or {}), **signed}, body, before_send)
                if answer.status == 403 and tries < TRIES and self._doubts_session(answer):
                    self.session.renew()
                    continue
                if answer.status != 401:
                    if answer.ok:
                        self.session.reset_failures()
                    return answer
                if tries == TRIES:
                    break
                await self.session.on_unauthorized(answer)
            raise self.session.refuse_login(answer)

    def _doubts_session(self, answer: Response) -> bool:
        """Some answer 403 where a session has ended. One that says what is forbidden means it, and in the end a bare one does."""
        refusal = error_response(answer)
        doubt = self._renewals < _MOST_RENEWALS and not refusal.page and refusal.keys <= _NO_SESSION
        self._renewals += doubt
        return doubt

    async def read(
        self, path: str, deadline: float, deciding: Sequence[Deciding] = (), earlier: tuple[bytes, Document] = (b"", {})
    ) -> tuple[Document, Response]:
        """A JSON object by GET, asked for again while the BMC cannot answer and the deadline is not reached.

        `deciding`: members that the caller decides by; a document in which one of them cannot be believed is no answer.
        `earlier`: an answer to the same call, and its document, which is given back where the same bytes come again.
        Raises Missing (404) and StageFailure.
        """
        wait = RetryBackoff(self, deadline)
        while True:
            await wait.until_asked()
            try:
                answer = await self.exchange("GET", path)
            except (RequestFailed, Busy) as error:
                await wait.after(error)
                continue
            if answer.ok:
                if answer.body and answer.body == earlier[0]:
                    return earlier[1], answer
                try:
                    document = answer.json()
                except NotJson as error:
                    await wait.after(StageFailure(Cause.PROTOCOL, f"{error.reason} instead of {clean(path)}"))
                    continue
                if not isinstance(document, Mapping):
                    await wait.after(StageFailure(Cause.PROTOCOL, f"no JSON object at {clean(path)}"))
                elif why := unreadable(document, deciding):
                    await wait.after(StageFailure(Cause.PROTOCOL, f"{clean(path)} is not readable now: {why}"))
                else:
                    return document, answer
                continue
            refusal = error_response(answer)
            if answer.status == 404 and not refusal.page:
                raise Missing(refusal)
            await wait.after(failed_look(refusal))

    async def leave_alone(self, deadline: float, failure: StageFailure | None = None) -> bool:
        """Wait as long as the BMC asks to, where it does: then True.

        Raises `failure`, or one in the BMC's words, where that lies behind the deadline or is too long for one stage. Waits that
        nobody would notice are not noted.
        """
        clock, waited = self.clock, False
        while True:
            seconds, why = self._left()
            if not seconds:
                return waited
            if seconds > _LONGEST_WAIT or clock.now() + seconds * clock.speed > deadline:
                failure = failure or StageFailure(Cause.BUSY, why)
                failure.after = max(failure.after or 0.0, seconds)
                raise failure
            if seconds >= _NOTICED:
                self.acts.note(f"the BMC asks to wait {duration(seconds * clock.speed)}: {why}", waits=True)
            await clock.sleep_real(seconds)
            waited = True

    async def root(self, deadline: float) -> Document:
        """The service root, which needs no login (DSP0266 13.2.2); remembers where sessions are made."""
        wait = RetryBackoff(self, deadline)
        while True:
            await wait.until_asked()
            try:
                async with self._lock:
                    answer = await self._send("GET", ROOT, {}, None)
                document: Any = answer.json() if answer.ok else None
            except RequestFailed as error:
                await wait.after(error)
                continue
            except NotJson as error:
                await wait.after(StageFailure(Cause.PROTOCOL, f"{error.reason} instead of the Redfish service root"))
                continue
            if answer.status in (401, 403):
                document, _ = await self.read(ROOT, deadline)
            elif not answer.ok:
                refusal = error_response(answer)
                if answer.status == 404 and not refusal.page:
                    raise StageFailure(Cause.PROTOCOL, f"no Redfish service at {ROOT}: {refusal.text}")
                await wait.after(failed_look(refusal))
                continue
            why = "it is not a JSON object"
            if isinstance(document, Mapping) and not (why := unreadable(document, SERVICE_ROOT)):
                links = document.get("Links")
                login = self.session.login
                login.collection = local_path(links.get("Sessions")) if isinstance(links, Mapping) else ""
                login.probe = local_path(document.get("Systems")) or login.probe
                self.families |= _families(document)
                return document
            await wait.after(StageFailure(Cause.PROTOCOL, f"the Redfish service root is not readable now: {why}"))

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: object | None, before_send: BeforeSend | None = None
    ) -> Response:
        """One request on the wire; a redirect to the same resource is followed by sending the same again.

        Any other redirect leads to somebody else's resource, or to a web page while Redfish is not up yet: RequestFailed. So does
        a BMC that wants to be left alone for more than some seconds. `before_send` is awaited before its first byte, and what it
        raises comes out of here.
        """
        await self._not_yet()
        reads = method == "GET"
        async with self._wire:
            at = self._moved.get(path, path) if reads else path
            asked = {at}
            gone: Response | None = None
            while True:
                answer = await self._put(method, at, headers, body, before_send)
                self._hear(answer)
                if not 300 <= answer.status < 400:
                    if answer.status == 404 and self._moved.pop(path, "") and path not in asked:
                        gone, at = answer, path  # it may be where it was before it moved
                        asked.add(at)
                        continue
                    return answer
                self._moved.pop(path, "")
                told = answer.headers.get("Location", "")
                at = local_path(told)
                same = bool(at) and (same_path(path, at) if reads else plain_path(path) == plain_path(at))
                if gone is not None and at in asked:
                    return gone
                # By 303 it says that it has done what it was asked to.
                done = answer.status == 303 and not reads
                if not same or done or at in asked or len(asked) > _MOST_REDIRECTS:
                    raise RequestFailed(_redirects(path, told, at, same, self._address), sent=done, kind=FailureKind.REDIRECT)
                asked.add(at)
                if reads and answer.status in _LASTING:
                    self._moved[path] = at

    def _hear(self, answer: Response) -> None:
        """What it says about when to ask again counts for all its clients."""
        if answer.status < 300:
            return
        refusal = error_response(answer)
        if refusal.after is not None:
            self._http.not_before.hear((self._name, answer.peer), refusal.after, refusal.text)

    def _left(self) -> tuple[float, str]:
        return self._http.not_before.left((self._name, self.peer))

    async def _not_yet(self) -> None:
        clock = self.clock
        ends = clock.now() + _SHORT_WAIT * clock.speed
        while True:
            seconds, why = self._left()
            if not seconds:
                return
            if clock.now() + seconds * clock.speed > ends:
                words = f"not sent: the BMC asks to wait: {why}"  # no time in it: equal failures meet
                raise RequestFailed(words, sent=False, kind=FailureKind.NOT_YET, after=seconds)
            await clock.sleep_real(seconds)

    def forget_peer(self) -> None:
        """Nobody answers there: the name may lead elsewhere by now."""
        self._at = ""

    async def _confirm(self, peer: str) -> None:
        if peer != self.act_peer:
            seen = self.act_peer or "no address"
            raise RequestFailed(
                f"not sent: {peer} answers now, and the machine was read at {seen}", sent=False, kind=FailureKind.CHECK
            )
        await self.acts.confirm()

    def _reuse(self, method: str, *, acts: bool) -> Reuse:
        if method == "GET" or any(maker.breaks_used_connections for maker in self.makers):
            return Reuse.NEVER
        # A login that is lost on a used connection is made again, and the machine has not noticed any of it.
        return Reuse.TRIED if not acts or method in _REPEATABLE else Reuse.PROVED

    async def _put(
        self, method: str, path: str, headers: Mapping[str, str], body: object | None, before_send: BeforeSend | None
    ) -> Response:
        try:
            answer = await self._http.request(
                method,
                self._address + path,
                service="redfish",
                host=self._host,
                meter=self._meter,
                tls=self._tls,
                headers={"OData-Version": "4.0", **headers},
                json=body,
                connect=self.clock.real(self._limits.connect, 5),
                total=self.clock.real(self._limits.redfish_request, 15),
                before_send=before_send,
                at=self._at,
                fresh=self._named and not self._at,  # a connection that is kept may lead to where the name led earlier
                reuse=self._reuse(method, acts=before_send == self._confirm),
            )
        except RequestFailed as error:
            if not error.sent and error.kind in (FailureKind.REFUSED, FailureKind.TIMEOUT):
                self.forget_peer()
            if error.kind in _SILENT:
                self.acts.heard(error.reason)
            raise
        self.acts.heard()
        if answer.peer and answer.peer != self.peer:
            self.moves += bool(self.peer)
            self.peer = answer.peer
            self._bmcs.answered(self._address, answer.peer)
        if self._named and answer.peer:
            self._at = _ip_address(answer.peer)
        return answer


def _families(root: Document) -> set[str]:
    """What a service root says of its maker."""
    vendor, oem = root.get("Vendor"), root.get("Oem")
    words = [vendor] if isinstance(vendor, str) else []
    return {str(word).lower()[:80] for word in (*words, *(oem if isinstance(oem, Mapping) else ()))}


def _redirects(path: str, told: str, where: str, same: bool, address: str) -> str:
    """`told`: the target as the BMC wrote it; `where`: its path; `same`: that is the resource that was asked for."""
    words = f"the BMC redirects {clean(path)} to {clean(told, 160) or 'an address that it does not give'}"
    if same:
        elsewhere = "://" in told and not told.startswith(f"{address}/")
        return f"{words}, which is another address: it is not followed" if elsewhere else f"{words}, in a circle"
    if same_path(where, "/redfish") or where.casefold().startswith("/redfish/"):
        return f"{words}, which is another resource: it is not followed"
    return f"{words}: its Redfish service is not ready"


def _is_ip_address(address: str) -> bool:
    try:
        ip_address(host_and_port(address)[0])
    except ValueError:
        return False
    return True


def _ip_address(peer: str) -> str:
    """Of a peer, without its port; empty for one that only this machine's own interface makes an address of (fe80::1%eth0)."""
    address = peer.rpartition(":")[0].strip("[]")
    return "" if "%" in address else address


class RetryBackoff:
    """Patience between tries of one thing: 1, 2, 4, 8 own seconds with jitter, or what the BMC asked for."""

    def __init__(self, connection: BmcConnection, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._step = 1.0
        self._noted = ""

    async def until_asked(self) -> None:
        """As long as the BMC wants to be left alone already. Raises StageFailure where that lies behind the deadline."""
        await self._connection.leave_alone(self._deadline)

    async def after(self, error: RequestFailed | Busy | StageFailure) -> None:
        """Wait for the next try, or raise the failure when the time is up or when waiting cannot help."""
        failure = failure_from(error)
        if not failure.retryable:
            raise failure
        clock = self._connection.clock
        if await self._connection.leave_alone(self._deadline, failure):
            return
        pause = self._step * random.uniform(0.7, 1.3)
        self._step = min(self._step * 2, 8.0)
        if clock.now() + pause > self._deadline:
            raise failure
        self._note(failure.reason)
        await clock.sleep(pause)

    def _note(self, reason: str) -> None:
        if reason != self._noted:
            self._noted = reason
            self._connection.acts.note(f"trying again: {reason}", waits=True)
