"""One login at one Foreman (API v2): its session cookie, its connections, and how reads and writes go over them."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from quads_tui.inputs import Secret, TlsPolicy
from quads_tui.rollout.causes import FOREMAN, Cause, CredentialsRefused, StageFailure, Unreadable
from quads_tui.rollout.limits import Limits
from quads_tui.rollout.metrics import Meter
from quads_tui.rollout.numbers import record_id
from quads_tui.rollout.ports import Clock, NotSent, Ticket
from quads_tui.rollout.text import clean
from quads_tui.rollout.time_words import limit_words

from ..http import Http
from ..not_before import name_of
from ..responses import FailureKind, NotJson, RequestFailed, Response
from .errors import checked_write, explain, failure, no_response_error

T = TypeVar("T")
# Records: of full hosts a megabyte. Every version serves it: per_page=all is unknown before 2.2, and a 500 up to 2.5.0.
PAGE = 500
_BODY = 8 << 20  # bytes: 16 KiB for each of a page
_MOST_RECORDS = 100_000  # of one index
_MOST_PAGES = 1000
_WHOLE_INDEX = 300.0  # own seconds for all pages of an index
_REREADS = 3  # of an index that changes between two pages
_MOST_COOKIES = 20


@dataclass(frozen=True, slots=True)
class _Page(Generic[T]):
    """Of an index: its records by id, how many they were with doubles, and how many the whole index has."""

    items: dict[int, T]
    length: int
    subtotal: int


class ForemanSession:
    """Sends requests with our credentials: the cookie where there is one, Basic beside it.

    Reads share the places that writes leave of the connections. Raises as Foreman says.
    """

    def __init__(
        self,
        http: Http,
        *,
        url: str,
        username: str,
        password: Secret,
        tls: TlsPolicy,
        clock: Clock,
        limits: Limits,
        reads: Meter,
        writes: Meter,
        write_width: int = 1,
    ) -> None:
        self.url = url.rstrip("/")
        self._name = name_of(url)
        self.version = ""  # as Foreman tells it at the login
        self.certificate = ""  # of the last answer, SHA-256 of the DER; empty without TLS
        self._http = http
        self._username = username
        self._password = password
        self._tls = tls
        self._clock = clock
        self._limits = limits
        self._reads = reads
        self._writes = writes
        self._cookies: dict[str, str] = {}
        self._logins = 0  # grows with every login
        self._login = asyncio.Lock()
        self._places = asyncio.Semaphore(max(1, limits.foreman_connections - write_width))
        self._refused = ""

    async def login(self) -> str:
        """As Foreman.login."""
        await self._log_in(self._logins)
        return self.version

    @property
    def version_number(self) -> tuple[int, int] | None:
        """Major and minor of a version such as "3.13.0-develop"; None where it tells none."""
        found = re.match(r"(\d+)\.(\d+)", self.version)
        return (int(found[1]), int(found[2])) if found else None

    async def read(self, path: str, query: Mapping[str, str]) -> Response:
        """A GET below /api/; 200, 404 and 403 are given back, everything else is a StageFailure."""
        if not self._cookies:
            await self._log_in(self._logins)
        where = f"{path}?{urlencode(query)}" if query else path
        for last in (False, True):
            logins = self._logins
            try:
                async with self._places:
                    answer = await self._exchange("GET", where, None, total=self._limits.foreman_read, meter=self._reads)
            except RequestFailed as error:
                raise StageFailure(Cause.UNREACHABLE, error.reason, service=FOREMAN) from None
            if answer.status == 401 and not last:
                await self._log_in(logins)
                continue
            break
        if answer.status in (200, 403, 404):
            return answer
        raise failure(answer)

    async def collect(self, path: str, query: Mapping[str, str], read: Callable[[Mapping[str, Any]], T]) -> list[T]:
        """All records of an index as `read` makes them, in pages, whatever page size the server insists on.

        Raises StageFailure, and Unreadable for a list with holes or without an end.
        """
        longest = self._clock.real(_WHOLE_INDEX, 60.0)
        try:
            async with asyncio.timeout(longest):
                for _ in range(_REREADS):
                    found = await self._pages(path, query, read)
                    if found is not None:
                        return found
        except TimeoutError:
            raise Unreadable(f"Foreman did not list all /{path} within {limit_words(longest * self._clock.speed)}") from None
        raise Unreadable(f"the list of Foreman /{path} changed each time that it was read")

    async def first_page(self, path: str, read: Callable[[Mapping[str, Any]], T]) -> list[T]:
        """The first records of an index, however many there are."""
        return list((await self._page(path, {"per_page": str(PAGE)}, read)).items.values())

    async def _pages(self, path: str, query: Mapping[str, str], read: Callable[[Mapping[str, Any]], T]) -> list[T] | None:
        """None where its length changed between two pages: what moved from one to the other may have been seen on neither."""
        items: dict[int, T] = {}
        size, wanted = PAGE, -1
        for number in range(1, _MOST_PAGES + 1):
            page = await self._page(path, {**query, "per_page": str(size), **({"page": str(number)} if number > 1 else {})}, read)
            if page.subtotal > _MOST_RECORDS:
                raise Unreadable(f"Foreman lists {page.subtotal} /{path}, more than {_MOST_RECORDS}")
            if number > 1 and page.subtotal != wanted:
                return None
            before, wanted = len(items), page.subtotal
            items |= page.items
            if len(items) >= wanted:
                return list(items.values())
            if len(items) == before:
                raise Unreadable(f"incomplete list from Foreman /{path}: {before} of {wanted}")
            if number == 1:
                size = min(size, page.length)  # as many as it gave, so that pages join
        raise Unreadable(f"incomplete list from Foreman /{path}: {len(items)} of {wanted} on {_MOST_PAGES} pages")

    async def _page(self, path: str, query: Mapping[str, str], read: Callable[[Mapping[str, Any]], T]) -> _Page[T]:
        answer = await self.read(path, query)
        if answer.status != 200:
            raise failure(answer)
        body = self.body(answer)
        listed = results(body, path)
        subtotal = body.get("subtotal") if isinstance(body, Mapping) else None
        if not isinstance(subtotal, int) or isinstance(subtotal, bool) or subtotal < 0:
            raise Unreadable(f"unexpected response from Foreman /{path}: not a list, subtotal {clean(subtotal, 40)!r}")
        items = {}
        for item in listed:
            number = record_id(item.get("id"))
            if number is None:
                raise Unreadable(f"Foreman lists one of /{path} with id {clean(item.get('id', 'missing'), 40)!r}")
            items[number] = read(item)
        return _Page(items, len(listed), subtotal)

    async def write(self, ticket: Ticket, method: str, path: str, body: Mapping[str, object]) -> Response:
        """Send once, below /api/, and give back a success.

        A 401 to an expired cookie was certainly not executed: log in again and send under the same ticket.
        The ticket is asked, and used, at the first byte. Raises what it raises, and as `checked_write` and `no_response_error`.
        """
        if not self._cookies:
            await self._log_in(self._logins)
        used = False

        async def first_byte(peer: str) -> None:
            nonlocal used
            await ticket.confirm()
            if not used:
                ticket.use()
                used = True

        for last in (False, True):
            logins = self._logins
            try:
                answer = await self._exchange(
                    method, path, body, total=self._limits.foreman_write, meter=self._writes, before_send=first_byte
                )
            except RequestFailed as error:
                if error.kind is FailureKind.CHECK:
                    raise NotSent(error.reason) from None
                raise no_response_error(error) from None
            if answer.status == 401 and not last:
                await self._log_in(logins)
                continue
            break
        return checked_write(answer)

    def body(self, answer: Response) -> object:
        """As JSON types. Raises Unreadable where it is no JSON."""
        try:
            return answer.json()
        except NotJson as error:
            page = answer.body.lstrip()[:1] == b"<"
            raise Unreadable(f"no JSON from Foreman: {explain(answer) if page else error.reason}") from None

    async def _log_in(self, seen: int) -> None:
        """One login however many found the cookie missing or expired. `seen`: the count of logins that they knew."""
        async with self._login:
            if self._logins != seen:
                return
            for last in (False, True):
                try:
                    async with self._places:
                        self._cookies.clear()
                        answer = await self._exchange("GET", "status", None, total=self._limits.foreman_read, meter=self._reads)
                except RequestFailed as error:
                    raise StageFailure(Cause.UNREACHABLE, error.reason, service=FOREMAN) from None
                if last or answer.status != 401 or answer.body.strip():
                    break  # an empty 401 speaks of an old session, never of the password
            if answer.status == 401:
                remedy = "no more requests are sent: Foreman locks an address out after 30 failed logins"
                self._refused = f"{explain(answer)} (user {self._username}); {remedy}"
                raise CredentialsRefused(self._refused)
            if answer.status != 200:
                raise failure(answer)
            self._logins += 1
            body = self.body(answer)
            version = body.get("version") if isinstance(body, Mapping) else None
            self.version = clean(version or answer.headers.get("Foreman_version", ""), 40)

    async def _exchange(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        *,
        total: float,
        meter: Meter,
        before_send: Callable[[str], Awaitable[None]] | None = None,
    ) -> Response:
        if self._refused:
            raise CredentialsRefused(self._refused)
        left, why = self._http.not_before.left((self._name,))
        if left:  # whoever asks: one request was told so for all
            raise StageFailure(Cause.BUSY, why, after=left, service=FOREMAN)
        login = f"{self._username}:{self._password.reveal()}".encode()
        headers = {
            "Accept": "application/json",
            "Authorization": "Basic " + base64.b64encode(login).decode(),
        }
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        answer = await self._http.request(
            method,
            f"{self.url}/api/{path}",
            service="foreman",
            meter=meter,
            tls=self._tls,
            headers=headers,
            json=body,
            connect=self._clock.real(self._limits.connect, 5.0),
            total=self._clock.real(total, 15.0),
            max_body=_BODY,
            before_send=before_send,
        )
        if answer.status in (429, 503) and answer.retry_after is not None:
            self._http.not_before.hear((self._name,), answer.retry_after, explain(answer))
        for name, value in answer.cookies.items():
            if name in self._cookies or len(self._cookies) < _MOST_COOKIES:
                self._cookies[name] = value
        self.certificate = answer.certificate
        return answer


def results(body: object, path: str) -> list[Mapping[str, Any]]:
    """The records of the index at `path`. Raises Unreadable where it is none: no list is not an empty list."""
    found = body.get("results") if isinstance(body, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        raise Unreadable(f"unexpected response from Foreman /{path}: not a list")
    return found
