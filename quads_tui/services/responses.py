"""What a server answered, or that it did not: the words that every client of this room speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy

from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.numbers import bounded, http_date

from .json_text import parse
from .tls_errors import TlsTrouble

MIN_RETRY_AFTER = 1.0  # real seconds: a service that says less is asked no faster than this
MAX_RETRY_AFTER = 600.0  # real seconds: one that says more is asked again after this; a BMC restarts in under five minutes
_MAX_RUNTIME = 3600.0


class NotJson(QuadsTuiError):
    """The body is no JSON document. `reason` says what it is instead, in a few clean words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FailureKind(StrEnum):
    """Where a request failed."""

    DNS = "dns"  # no address for the name, or no usable address
    REFUSED = "refused"  # no connection was made
    TIMEOUT = "timeout"
    TLS = "tls"  # whom we reached is not believed, or speaks no TLS that we speak
    RESET = "reset"  # the connection was closed under the request
    BODY = "body"  # something came, and no whole response
    CHECK = "check"  # the last check before the first byte said no
    REDIRECT = "redirect"  # to another resource, where it is not followed
    NOT_YET = "not yet"  # the service asked to be left alone for longer than whoever asks can wait


class RequestFailed(QuadsTuiError):
    """No response that could be read whole. `reason`: clean words for the operator.

    `sent`: False means that certainly no server took the request; True means that nobody knows. `after`: real seconds until
    the service may be asked (NOT_YET). `tls`: what is wrong with TLS.
    """

    def __init__(
        self, reason: str, *, sent: bool, kind: FailureKind, after: float | None = None, tls: TlsTrouble | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent
        self.kind = kind
        self.after = after
        self.tls = tls


@dataclass(frozen=True, slots=True)
class _Read:
    """A document, or why there is none."""

    document: Any
    reason: str = ""


@dataclass  # not frozen: with each request one is made, at a fourth of the cost
class Response:
    """Status, headers (names in any case), the whole body, the cookies that it sets, and who sent it (IP address and port)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    peer: str = ""
    certificate: str = ""  # SHA-256 of what the server showed (DER), hexadecimal; empty without TLS
    by_name: bool = False  # the server was asked by a name and not by its IP address
    _read: _Read | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.headers, CIMultiDictProxy):
            self.headers = CIMultiDictProxy(CIMultiDict(self.headers))

    @property
    def ok(self) -> bool:
        """A 2xx: the server says that it succeeded, which alone proves nothing."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON types, as json_text reads it: DAMAGED where a value is none. Raises NotJson, never anything else.

        For reading only: of a big answer everybody gets the same document.
        """
        return self._parsed(first=False)

    def read(self, *, yielding: bool) -> None:
        """Read the body now: as json() of a success, as first_json() of a refusal; both give that afterwards.

        `yielding`: ten times slower, and other threads run beside it.
        """
        try:
            read = _Read(parse(self.body, first=not self.ok, yielding=yielding))
        except ValueError as error:
            read = _Read(None, str(error))
        self._read = read

    def give_up(self, reason: str) -> None:
        """Never read the body: json() raises NotJson for this reason."""
        self._read = _Read(None, reason)

    def first_json(self) -> Any:
        """As json(), but content with the first of several documents glued together (old iDRACs): for error texts only."""
        return self._parsed(first=True)

    def _parsed(self, *, first: bool) -> Any:
        if self._read is not None:
            if self._read.reason:
                raise NotJson(self._read.reason)
            return self._read.document
        try:
            return parse(self.body, first=first)
        except ValueError as error:
            raise NotJson(str(error)) from None

    @property
    def runtime(self) -> float | None:
        """Seconds that the application says it worked on this (X-Runtime); the rest of the wall time is queueing and the wire."""
        return bounded(self.headers.get("X-Runtime"), 0.0, _MAX_RUNTIME)

    @property
    def retry_after(self) -> float | None:
        """Real seconds to wait before the next try (RFC 9110 10.2.3), as retry_seconds; None where the server says nothing.

        A date is taken relative to the server's own Date, since clocks of BMCs are often years off, and ours may step.
        """
        text = self.headers.get("Retry-After", "").strip()
        if not text:
            return None
        then, now = http_date(text), http_date(self.headers.get("Date"))
        return retry_seconds(text if then is None or now is None else then - now)


def retry_seconds(value: object) -> float:
    """For how many real seconds a server wants to be left alone; what it says instead of a number asks for the least."""
    seconds = bounded(value, MIN_RETRY_AFTER, MAX_RETRY_AFTER)
    return MIN_RETRY_AFTER if seconds is None else seconds
