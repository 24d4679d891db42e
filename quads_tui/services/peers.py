"""Which IP address and port a service's address leads to: two names may lead to one BMC."""

from __future__ import annotations

import asyncio
import queue
import socket
import threading
from collections.abc import Collection
from contextlib import suppress

from quads_tui.rollout.addresses import host_and_port, peer

_AT_ONCE = 64
_PATIENCE = 10.0  # real seconds for all names together

_NO_SUCH_NAME = (socket.EAI_NONAME, socket.EAI_NODATA)  # any other error: the name service could not tell

_Place = tuple[str, int]  # host and port


async def peers_of(addresses: Collection[str]) -> dict[str, frozenset[str] | None]:
    """By address (scheme, host and port): each IP address that its host has now, with the port ("192.0.2.7:443").

    Empty for a name that does not exist. None where the name service did not tell, or not in time. Never blocks the loop.
    """
    places = {address: host_and_port(address) for address in addresses}
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


async def _look_up(names: Collection[_Place], found: dict[_Place, frozenset[str] | None]) -> None:
    """Fills `found` as answers come. In daemon threads: a name service that hangs must keep neither the loop nor the process."""
    loop, answers = asyncio.get_running_loop(), asyncio.Queue[tuple[_Place, frozenset[str] | None]]()
    waiting: queue.SimpleQueue[_Place] = queue.SimpleQueue()
    for name in names:
        waiting.put(name)

    def work() -> None:
        with suppress(queue.Empty, RuntimeError):  # RuntimeError: the loop has ended meanwhile
            while True:
                place = waiting.get_nowait()
                loop.call_soon_threadsafe(answers.put_nowait, (place, _looked_up(*place)))

    for _ in range(min(_AT_ONCE, len(names))):
        threading.Thread(target=work, name="resolve", daemon=True).start()
    for _ in names:
        place, peers = await answers.get()
        found[place] = peers


def _looked_up(host: str, port: int) -> frozenset[str] | None:
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return frozenset(peer(str(place[0]), port) for *_, place in addresses)
    except socket.gaierror as error:
        return frozenset() if error.errno in _NO_SUCH_NAME else None
    except UnicodeError:  # it can be nobody's name
        return frozenset()
    except (OSError, ValueError):
        return None
