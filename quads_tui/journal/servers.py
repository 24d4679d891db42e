"""Which server a URL means, however it is spelled: the names under which its lock is held."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
from dataclasses import dataclass

from quads_tui.rollout.addresses import host_and_port, ip_address

_PATIENCE = 5.0  # real seconds for the name service
_HERE = "localhost"  # every address of this machine: what listens on one mostly listens on all
_PLAIN = re.compile(r"[a-z0-9._-]{1,200}")


@dataclass(frozen=True, slots=True)
class Server:
    """`shown` is for people; `keys` are all that is to be locked, each `name:port` or `address:port`, sorted."""

    shown: str
    keys: tuple[str, ...]


async def server_of(url: str) -> Server:
    """Look the name up, off the loop and bounded. A name without an address stands for itself."""
    host, port = host_and_port(url)
    host = host.rstrip(".")
    try:
        async with asyncio.timeout(_PATIENCE):
            names = await asyncio.to_thread(_names, host)
    except TimeoutError:
        names = set()
    plain = host if _PLAIN.fullmatch(host) or ":" in host else hashlib.sha256(host.encode()).hexdigest()
    return Server(f"{host}:{port}", tuple(sorted(f"{name}:{port}" for name in {_canonical(plain), *names})))


def spelled(url: str) -> str:
    """One spelling for all of a URL's, without asking the name service: whether two are surely one server."""
    host, port = host_and_port(url)
    host = host.rstrip(".")
    return f"{_canonical(host)}:{port}"


def _names(host: str) -> set[str]:
    """All addresses, and `localhost` where one of them is this machine's."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    addresses = {_canonical(str(address[0])) for *_, address in found}
    return addresses | ({_HERE} if any(map(_is_ours, addresses)) else set())


def _canonical(text: str) -> str:
    """One spelling for an address; what is none is left as it is. Loopback and "any" are this machine."""
    try:
        address = ip_address(text)
    except ValueError:
        return text
    return _HERE if address.is_loopback or address.is_unspecified else str(address)


def _is_ours(address: str) -> bool:
    """Only an address of this machine can be bound."""
    if address == _HERE:
        return True
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
