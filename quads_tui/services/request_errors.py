"""What an exception of the wire means, in words for the operator, and whether anything was sent."""

from __future__ import annotations

import os
import re
import socket
import ssl
from functools import partial

import aiohttp

from quads_tui.rollout.text import clean
from quads_tui.rollout.time_words import limit_words

from .responses import FailureKind, RequestFailed
from .sending import Call, Closed, Died, TooLong, TooManyInterim
from .tls_errors import TlsTrouble, tls_error, tls_words
from .trust import Pin

_SECRET = re.compile("token|cookie|auth|password", re.I)  # a header line that is not to be shown
_VALUE_ALONE = ("Invalid HTTP header:", "Got more than")  # the parser shows the value of a header and not its name
_TLS_RECORD = (r"b'\x15\x03", r"b'\x16\x03")  # how an alert or a handshake begins where HTTP was expected


def request_failed(error: Exception, call: Call, *, sent: bool) -> RequestFailed:
    """What an exception of the wire means, in words for the operator."""
    where, what = clean(call.netloc, 100), f"{call.method} {clean(call.path, 120)}"
    unsent = partial(RequestFailed, sent=False)
    hint = " (a BMC older than TLS 1.2 needs redfish.old_tls)" if call.service == "redfish" and not call.old_tls else ""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return unsent(f"cannot resolve the name {where}: {_words(error.os_error)}", kind=FailureKind.DNS)
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        pinned = call.trusted.reason if isinstance(call.trusted, Pin) else ""
        other = f"the certificate of {where} does not match the fingerprint: expected sha256:{error.expected.hex()}, "
        return unsent(pinned or f"{other}got sha256:{error.got.hex()}", kind=FailureKind.TLS, tls=TlsTrouble.PIN)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _no_tls(error.certificate_error, call, where, sent=False)
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        cause = error.os_error
        if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return unsent(f"{where} closed the connection during the TLS handshake{hint}", kind=FailureKind.RESET)
        return _no_tls(cause, call, where, sent=False)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return unsent(f"no connection to {where} within {limit_words(call.connect * call.speed)}", kind=FailureKind.TIMEOUT)
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionResetError):
            over_tls = hint if call.url.startswith("https:") else ""
            return unsent(f"{where} reset the connection while it was being made{over_tls}", kind=FailureKind.RESET)
        if isinstance(error.os_error, ConnectionRefusedError):
            return unsent(f"{where} refused the connection", kind=FailureKind.REFUSED)
        return unsent(f"{where} cannot be reached: {_words(error.os_error)}", kind=FailureKind.REFUSED)
    if isinstance(error, TimeoutError):
        total = limit_words(call.total * call.speed)
        if not sent:
            return unsent(f"no connection to {where} within {total}", kind=FailureKind.TIMEOUT)
        return RequestFailed(f"no answer from {where} to {what} within {total}", sent=True, kind=FailureKind.TIMEOUT)
    if isinstance(error, TooLong):
        return RequestFailed(
            f"the answer of {where} to {what} is longer than {call.max_body} bytes", sent=sent, kind=FailureKind.BODY
        )
    if isinstance(error, TooManyInterim):
        return RequestFailed(f"{where} answers {what} with interim responses (HTTP 1xx) only", sent=sent, kind=FailureKind.BODY)
    if isinstance(error, aiohttp.ClientPayloadError):
        return RequestFailed(f"the answer of {where} to {what} {_broken_body(error)}", sent=sent, kind=FailureKind.BODY)
    if isinstance(error, Died | aiohttp.ClientConnectionError | OSError):
        if tls_error(error) is not None:  # TLS 1.3 says it only when the request has left
            return _no_tls(error, call, where, sent=sent)
        return RequestFailed(f"{where} closed the connection without an answer to {what}", sent=sent, kind=FailureKind.RESET)
    if isinstance(error, Closed):
        return unsent(f"{what} was not sent to {where}: quads-tui is closing", kind=FailureKind.REFUSED)
    if isinstance(error, aiohttp.InvalidURL | UnicodeError):
        return unsent(f"{where}: not a usable address", kind=FailureKind.DNS)
    return _not_http(error, call, where, what, sent=sent)


def _no_tls(error: BaseException | None, call: Call, where: str, *, sent: bool) -> RequestFailed:
    trouble, words = tls_error(error) or (TlsTrouble.OTHER, _words(error))
    reason = tls_words(trouble, words, service=call.service, old=call.old_tls)
    # What says nothing about the two of us, as an internal error of a BMC that starts, may be over by the next attempt.
    kind = FailureKind.RESET if trouble is TlsTrouble.OTHER else FailureKind.TLS
    return RequestFailed(f"TLS with {where}: {reason}", sent=sent, kind=kind, tls=trouble)


def _not_http(error: Exception, call: Call, where: str, what: str, *, sent: bool) -> RequestFailed:
    """With the HTTP parser's own explanation, which shows the line that it could not read."""
    told = error.message if isinstance(error, aiohttp.ClientResponseError) else ""
    explained, quote, line = told.partition("b'") if "b'" in told else told.partition('b"')
    if call.url.startswith("http:") and any(record in told for record in _TLS_RECORD):
        words = f"{where} answers with TLS: its address has to begin with https://"
        return RequestFailed(words, sent=sent, kind=FailureKind.TLS, tls=TlsTrouble.NEEDED)
    hidden = _SECRET.search(line) or told.startswith(_VALUE_ALONE)
    shown = explained if hidden else explained + quote + line.replace("^", " ")
    explanation = clean(shown, 160).rstrip(" :") or type(error).__name__
    return RequestFailed(f"the answer of {where} to {what} is not HTTP: {explanation}", sent=sent, kind=FailureKind.BODY)


def _broken_body(error: aiohttp.ClientPayloadError) -> str:
    cause = error.__cause__
    told = clean(getattr(cause, "message", "") or "", 120)
    if isinstance(cause, aiohttp.http_exceptions.ContentEncodingError):
        return f"cannot be decoded: {told}"
    return f"was cut short: {told}" if told else "was cut short"


def _words(error: BaseException | None) -> str:
    """The system's and the resolver's words without their numbers."""
    if isinstance(error, socket.gaierror | socket.herror):
        return clean(error.strerror or error, 120).lower()
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return clean(error, 120)
