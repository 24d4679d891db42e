"""Which IP address and port a service's address leads to: two names may lead to one BMC."""

from __future__ import annotations

import asyncio
import queue
import socket
import threading
from collections.abc import Collection
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

_AT_ONCE = 64
_PATIENCE = 10.0  # real seconds for all names together

_NO_SUCH_NAME = (socket.EAI_NONAME, socket.EAI_NODATA)  # any other error: the name service could not tell

_Place = tuple[str, int]


async def peers_of(addresses: Collection[str]) -> dict[str, frozenset[str] | None]:
    """By address (scheme, host and port): each IP address that its host has now, with the port ("192.0.2.7:443").

    Empty for a name that does not exist. None where the name service did not tell, or not in time. Never blocks the loop.
    """
    places = {address: place_of(address) for address in addresses}
    found: dict[_Place, frozenset[str] | None] = {}
    names = set()
    for host, port in set(places.values()):
        try:
            found[host, port] = frozenset({peer(host, port)})
        except ValueError:
            names.add((host, port))
    if names:
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await _look_up(names, found)
    return {address: found.get(place) for address, place in places.items()}


def peer(host: str, port: int) -> str:
    """As Identity.peer. ValueError when `host` is no IP address."""
    found = ip_address(host.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return f"[{found}]:{port}" if isinstance(found, IPv6Address) else f"{found}:{port}"


def place_of(address: str) -> _Place:
    """The host and the port of an address, as it names them."""
    parts = urlsplit(address)
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)


async def _look_up(names: Collection[_Place], found: dict[_Place, frozenset[str] | None]) -> None:
    """Fills `found` as answers come. In daemon threads: a name service that hangs must keep neither the loop nor the process."""
    loop, told = asyncio.get_running_loop(), asyncio.Queue[tuple[_Place, frozenset[str] | None]]()
    waiting: queue.SimpleQueue[_Place] = queue.SimpleQueue()
    for name in names:
        waiting.put(name)

    def work() -> None:
        with suppress(queue.Empty, RuntimeError):  # RuntimeError: the loop has ended meanwhile
            while True:
                place = waiting.get_nowait()
                loop.call_soon_threadsafe(told.put_nowait, (place, _looked_up(*place)))

    for _ in range(min(_AT_ONCE, len(names))):
        threading.Thread(target=work, name="resolve", daemon=True).start()
    for _ in names:
        place, peers = await told.get()
        found[place] = peers


def _looked_up(host: str, port: int) -> frozenset[str] | None:
    try:
        told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return frozenset(peer(str(place[0]), port) for *_, place in told)
    except socket.gaierror as error:
        return frozenset() if error.errno in _NO_SUCH_NAME else None
    except UnicodeError:  # it can be nobody's name
        return frozenset()
    except (OSError, ValueError):
        return None
