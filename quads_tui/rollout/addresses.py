"""Addresses of services taken apart, and one spelling for an IP address."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443, "ipmi": 623}

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def host_and_port(url: str) -> tuple[str, int]:
    """Host (lower case, else as written) and port of an http, https or ipmi address; an empty host if there is none."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443)


def ip_address(text: str) -> IpAddress:
    """Without its zone (fe80::1%eth0), and an IPv4 address that is written as IPv6 as what it is. ValueError for what is none."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def peer(host: str, port: int) -> str:
    """As Identity.peer: "192.0.2.7:443" or "[2001:db8::7]:443". ValueError where `host` is no IP address."""
    address = ip_address(host)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
