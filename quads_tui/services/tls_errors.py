"""What OpenSSL says when a handshake fails, as what it means: who would not talk to whom, and over what.

OpenSSL's reasons are names such as DH_KEY_TOO_SMALL; an alert that the other side sent has ALERT in its name, or TLSV1 before it.
"""

from __future__ import annotations

import re
import ssl
from enum import StrEnum

from quads_tui.rollout.text import clean


class TlsTrouble(StrEnum):
    """Why there is no TLS between us. Each has a remedy of its own."""

    UNTRUSTED = "untrusted"  # signed by nobody that we believe
    NAME = "name"  # the certificate belongs to another name
    DATE = "date"  # expired, or not valid yet
    PIN = "pin"  # not the certificate that was pinned or configured
    SETTINGS = "settings"  # our own CA file or file of pins cannot be used
    OLD = "old"  # only protocols, ciphers or keys that are refused as too old
    PLAIN = "plain"  # the port does not speak TLS
    NEEDED = "needed"  # the port speaks TLS and was asked without
    CLIENT_CERTIFICATE = "client certificate"  # the server wants one of ours
    UNKNOWN_NAME = "unknown name"  # the server has no certificate for the name that it was asked by
    OTHER = "other"


_OLD = (
    "UNSUPPORTED_PROTOCOL",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "VERSION_TOO_LOW",
    "NO_PROTOCOLS_AVAILABLE",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "SSL/TLS_ALERT_HANDSHAKE_FAILURE",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    "NO_SHARED_CIPHER",
    "NO_CIPHERS_AVAILABLE",
    "WRONG_CIPHER_RETURNED",
    "UNKNOWN_CIPHER_RETURNED",
    "DH_KEY_TOO_SMALL",
    "BAD_DH_VALUE",
    "EE_KEY_TOO_SMALL",
    "CA_KEY_TOO_SMALL",
    "CA_MD_TOO_WEAK",
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
    "WRONG_SIGNATURE_TYPE",
    "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED",
    "NO_SUITABLE_SIGNATURE_ALGORITHM",
)
_PLAIN = (
    "WRONG_VERSION_NUMBER",
    "RECORD_LAYER_FAILURE",
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "UNKNOWN_PROTOCOL",
    "PACKET_LENGTH_TOO_LONG",
)
_CLIENT = (
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "SSLV3_ALERT_NO_CERTIFICATE",
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE",
)
_NAME = ("TLSV1_UNRECOGNIZED_NAME", "TLSV1_ALERT_UNRECOGNIZED_NAME")
_BY_REASON = {
    **dict.fromkeys(_OLD, TlsTrouble.OLD),
    **dict.fromkeys(_PLAIN, TlsTrouble.PLAIN),
    **dict.fromkeys(_CLIENT, TlsTrouble.CLIENT_CERTIFICATE),
    **dict.fromkeys(_NAME, TlsTrouble.UNKNOWN_NAME),
}
_BY_VERIFY_CODE = {  # X509_V_ERR_...
    **dict.fromkeys((9, 10, 11, 12), TlsTrouble.DATE),
    **dict.fromkeys((62, 64), TlsTrouble.NAME),
    **dict.fromkeys((66, 67, 68), TlsTrouble.OLD),  # a key that is too small, a digest that is too weak
}
_REASON = re.compile(r"\[(?:[A-Z0-9]+: )?([A-Z0-9_/]+)\]")  # as in "[SSL: DH_KEY_TOO_SMALL] dh key too small (_ssl.c:1006)"


def tls_error(error: BaseException | None) -> tuple[TlsTrouble, str] | None:
    """What an exception or one of its causes means, and OpenSSL's words for it; None where it is not of TLS."""
    for _ in range(5):
        if error is None:
            return None
        if isinstance(error, ssl.SSLCertVerificationError):
            trouble = _BY_VERIFY_CODE.get(error.verify_code, TlsTrouble.UNTRUSTED)
            return trouble, f"certificate not trusted, {clean(error.verify_message, 120)}"
        reason = error.reason if isinstance(error, ssl.SSLError) else ""
        if not reason and isinstance(error, OSError) and (found := _REASON.search(str(error))):
            reason = found[1]  # asyncio hands on the text alone
        if reason:
            words = clean(reason.replace("_", " ").lower(), 120)
            return _BY_REASON.get(reason, TlsTrouble.OTHER), words.replace("sslv3 alert", "alert").replace("tlsv1 alert", "alert")
        if isinstance(error, ssl.SSLError):
            return TlsTrouble.OTHER, clean(error, 120)
        error = getattr(error, "os_error", None) or error.__cause__
    return None


def tls_words(trouble: TlsTrouble, words: str, *, service: str, old: bool) -> str:
    """A reason for the operator. `old`: old protocols are accepted from this server already."""
    match trouble:
        case TlsTrouble.PLAIN:
            return f"this port speaks plain HTTP or another protocol, not TLS ({words})"
        case TlsTrouble.CLIENT_CERTIFICATE:
            return f"the server wants a client certificate, which quads-tui does not have ({words})"
        case TlsTrouble.UNKNOWN_NAME:
            return f"the server has no certificate for this name ({words})"
        case TlsTrouble.OLD if service != "redfish":
            return f"{words} (TLS 1.2 and keys of 2048 bits are the least that is accepted)"
        case TlsTrouble.OLD if old:
            return f"{words}, although redfish.old_tls holds for this BMC"
        case TlsTrouble.OLD:
            return f"{words} (a BMC whose protocols, ciphers or keys are this old needs redfish.old_tls)"
    return words
