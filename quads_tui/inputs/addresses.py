"""Host names and service addresses: what is one, and which of them never leave this machine."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from .diagnostics import InputError

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
HOST_NAME = "a DNS name such as f21-h17-000-r650.example.com"


class AddressError(InputError):
    """Why a name or an address cannot be used. Never holds the address: it may carry a password."""


def host_name(text: str) -> str:
    """A DNS name (RFC 1123), lower case and without the final dot: 253 characters, labels of 63, and no IPv4 address."""
    name = text.lower() if text.isascii() else ""
    name = name.removesuffix(".")
    if len(name) > 253 or not _NAME.fullmatch(name) or name.rpartition(".")[2].isdigit():
        raise AddressError(f"is not a DNS name; expected {HOST_NAME}")
    return name


def service_url(text: str, *, path: bool) -> str:
    """An http or https address, scheme and host in lower case, without a final slash. `path`: a path may follow the host."""
    expected = "expected https://HOST[:PORT]" + ("[/PATH]" if path else "")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise AddressError(f"is not a usable address; {expected}") from None
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\\]", text) or not text.isascii():
        raise AddressError(f"is not an http or https address; {expected}")
    if "@" in parts.netloc:
        raise AddressError(f"contains a user name or password; {expected}, with user name and password under their own keys")
    if "?" in text or "#" in text:
        raise AddressError(f"contains a query or a fragment; {expected}")
    if parts.path.strip("/") and not path:
        raise AddressError(f"contains a path; {expected}")
    if port == 0:
        raise AddressError(f"has port 0; {expected}")
    named = f"[{_literal(host)}]" if ":" in host else _literal(host)
    return f"{parts.scheme}://{named}" + (f":{port}" if port is not None else "") + parts.path.rstrip("/")


def bmc_url(text: str) -> str:
    """The address of a BMC: an http or https one (Redfish), or ipmi://HOST[:PORT]; in lower case, without a final slash."""
    scheme, mark, rest = text.partition("://")
    if scheme.lower() != "ipmi" or not mark:
        try:
            return service_url(text, path=False)
        except AddressError as error:
            raise AddressError(str(error).replace("an http or https address", "an https, http or ipmi address")) from None
    try:
        return "ipmi" + service_url(f"https://{rest}", path=False).removeprefix("https")
    except AddressError as error:
        raise AddressError(str(error).replace("https://", "ipmi://")) from None


def is_ipmi(address: str) -> bool:
    """Whether the BMC at this address (as `bmc_url` gives it) is talked to by IPMI, and not by Redfish."""
    return address.startswith("ipmi://")


def _literal(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        if ":" in host:
            raise AddressError("is not a valid IPv6 address; expected https://[ADDRESS][:PORT]") from None
        return host_name(host)


def is_loopback(address: str) -> bool:
    """Whether a URL or a bare host is a literal loopback address (127.0.0.0/8, ::1) or localhost."""
    host: str | None = address
    if "://" in address:
        try:
            host = urlsplit(address).hostname
        except ValueError:
            return False
    host = (host or "").lower()
    if host.removesuffix(".") == "localhost":
        return True
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        return False
    return literal in _LOOPBACK if literal.version == 4 else literal == ipaddress.IPv6Address("::1")
