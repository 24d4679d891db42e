"""What an exception of the wire means, in words for the operator, and whether anything was sent."""

from __future__ import annotations

import os
import ssl

import aiohttp

from quads_tui.rollout.text import clean

from .responses import FailureKind, RequestFailed
from .sending import Call, Closed, Died, TooLong, TooManyInterim
from .trust import Pin


def request_failed(error: Exception, call: Call, *, sent: bool) -> RequestFailed:
    """What an exception of the wire means, in words for the operator."""
    where, what = clean(call.netloc, 100), f"{call.method} {clean(call.path, 120)}"
    hint = " (a BMC older than TLS 1.2 needs redfish.old_tls)" if call.service == "redfish" else ""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return RequestFailed(f"cannot resolve the name {where}", sent=False, kind=FailureKind.DNS)
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        pinned = call.trusted.reason if isinstance(call.trusted, Pin) else ""
        other = f"the certificate of {where} does not match the fingerprint: expected sha256:{error.expected.hex()}, "
        return RequestFailed(pinned or f"{other}got sha256:{error.got.hex()}", sent=False, kind=FailureKind.TLS)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return RequestFailed(f"TLS with {where}: {_words(error.certificate_error)}", sent=False, kind=FailureKind.TLS)
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        cause = error.os_error
        if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return RequestFailed(
                f"{where} closed the connection during the TLS handshake{hint}", sent=False, kind=FailureKind.RESET
            )
        return RequestFailed(f"TLS with {where}: {_words(cause)}", sent=False, kind=FailureKind.TLS)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return RequestFailed(f"no connection to {where} within {call.connect:.3g} s", sent=False, kind=FailureKind.TIMEOUT)
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionResetError):
            return RequestFailed(
                f"{where} reset the connection while it was being made{hint}", sent=False, kind=FailureKind.RESET
            )
        if isinstance(error.os_error, ConnectionRefusedError):
            return RequestFailed(f"{where} refused the connection", sent=False, kind=FailureKind.REFUSED)
        return RequestFailed(f"{where} cannot be reached: {_words(error.os_error)}", sent=False, kind=FailureKind.REFUSED)
    if isinstance(error, TimeoutError):
        if not sent:
            return RequestFailed(f"no connection to {where} within {call.total:.3g} s", sent=False, kind=FailureKind.TIMEOUT)
        return RequestFailed(f"no answer from {where} to {what} within {call.total:.3g} s", sent=True, kind=FailureKind.TIMEOUT)
    if isinstance(error, TooLong):
        return RequestFailed(
            f"the answer of {where} to {what} is longer than {call.max_body} bytes", sent=sent, kind=FailureKind.BODY
        )
    if isinstance(error, TooManyInterim):
        return RequestFailed(f"{where} answers {what} with interim responses (HTTP 1xx) only", sent=sent, kind=FailureKind.BODY)
    if isinstance(error, aiohttp.ClientPayloadError):
        return RequestFailed(f"the answer of {where} to {what} was cut short", sent=sent, kind=FailureKind.BODY)
    if isinstance(error, Died | aiohttp.ClientConnectionError | OSError):
        return RequestFailed(f"{where} closed the connection without an answer to {what}", sent=sent, kind=FailureKind.RESET)
    if isinstance(error, Closed):
        return RequestFailed(f"{what} was not sent to {where}: quads-tui is closing", sent=False, kind=FailureKind.REFUSED)
    if isinstance(error, aiohttp.InvalidURL):
        return RequestFailed(f"{where}: not a usable address", sent=False, kind=FailureKind.DNS)
    return RequestFailed(
        f"the answer of {where} to {what} is not HTTP ({type(error).__name__})", sent=sent, kind=FailureKind.BODY
    )


def _words(error: BaseException | None) -> str:
    """OpenSSL's and the system's words without their numbers and source lines."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not trusted, {clean(error.verify_message, 120)}"
    if isinstance(error, ssl.SSLError):
        return clean((error.reason or str(error)).replace("_", " ").lower(), 120)
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return clean(error, 120)
