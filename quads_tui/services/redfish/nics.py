"""The MACs of a system, and whether they are all of them: only a list that is known to be whole proves that one is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.identity import mac_of
from quads_tui.services.responses import Response

from .connection import BmcConnection, Missing
from .deciding import NIC, Deciding, unreadable
from .listing import Listing, Member, ends_at, listing
from .resources import Document, System, local_path, mapping, text

_MOST_ADAPTERS = 32
_MOST_READS = 640  # requests: 512 members of a list and its pages
_PARTS = ("NetworkDeviceFunctions", "Ports", "NetworkPorts")  # of a network interface, by how much they tell
_OTHER_NETWORKS = frozenset({"fibrechannel", "fibrechanneloverethernet"})


@dataclass(frozen=True, slots=True)
class Nics:
    """The MACs of a system (lower case with colons), as far as they were read."""

    macs: frozenset[str] = frozenset()
    complete: bool = False  # every NIC that is listed was read and told a MAC, and the list had its end

    def beside(self, other: Nics) -> Nics:
        """What two places tell of one system."""
        macs = self.macs | other.macs
        return Nics(macs, bool(macs) and self.complete and other.complete)


class NicReader:
    """Reads the NICs of one system. `wanted`: MACs at the first of which the reading stops. `deadline` in own time.

    `ends`: own time at which it stops wherever it is; by default as ends_at. It stops too after as many requests as no honest
    machine needs.
    """

    def __init__(self, connection: BmcConnection, wanted: Collection[str], deadline: float, ends: float | None = None) -> None:
        self._connection = connection
        self._wanted = frozenset(wanted)
        self._deadline = deadline
        self._ends = ends_at(connection, deadline) if ends is None else ends
        self._reads = 0

    async def of(self, system: System) -> Nics:
        """Raises StageFailure while a list cannot be read for now: that is not the same as no list."""
        nics = await self._all(system.nics)
        if not system.adapters:
            return nics
        # Some list as interfaces only what is soldered to the board; and no MACs of it, or nothing, while the machine is off.
        if self._found(nics):
            return Nics(nics.macs)
        adapters = await self._adapters(system.adapters)
        return nics.beside(adapters) if system.nics else adapters

    def _more(self) -> bool:
        return self._reads < _MOST_READS and self._connection.clock.now() <= self._ends

    async def _read(self, path: str, deadline: float, deciding: Sequence[Deciding] = ()) -> tuple[Document, Response]:
        self._reads += 1
        return await self._connection.read(path, deadline, deciding)

    def _found(self, nics: Nics) -> bool:
        return bool(self._wanted & nics.macs)

    async def _adapters(self, path: str) -> Nics:
        """ComputerSystem.NetworkInterfaces: the parts of network adapters that belong to the system."""
        listed = await self._listing(path)
        found = Nics(complete=listed.whole and len(listed.members) <= _MOST_ADAPTERS)
        for member in listed.members[:_MOST_ADAPTERS]:
            if not self._more():
                return Nics(found.macs)
            document = await self._document(member, _PARTS)
            own = Nics()
            for part in _PARTS:
                if not self._more():
                    break
                own = await self._all(local_path(document.get(part)))
                if own.macs:
                    break
            found = Nics(found.macs | own.macs, found.complete and own.complete)
            if self._found(found):
                return Nics(found.macs)
        return Nics(found.macs, found.complete and bool(found.macs))

    async def _all(self, path: str) -> Nics:
        """The members of one collection of NICs, ports or device functions."""
        listed = await self._listing(path) if path else Listing()
        macs: set[str] = set()
        complete = listed.whole
        again: list[Member] = []
        for number, member in enumerate(listed.members, 1):
            document = await self._document(member, ("MACAddress", "PermanentMACAddress"))
            if unreadable(document, NIC):
                again.append(member)
                continue
            own = set(macs_in(document))
            complete = complete and (bool(own) or text(document, "NetDevFuncType").lower() in _OTHER_NETWORKS)
            macs |= own
            if self._wanted & macs or not self._more():
                complete = complete and number == len(listed.members) and not again
                break
        else:
            for member in again:
                own = set(macs_in(await self._document(member, (), NIC)))
                complete = complete and bool(own)
                macs |= own
        return Nics(frozenset(macs), complete and bool(macs))

    async def _listing(self, path: str) -> Listing:
        """Without members where the BMC has no such list or will not show it."""
        try:
            return await listing(self._connection, path, self._deadline, self._read, self._more)
        except Missing:
            return Listing()
        except StageFailure as failure:
            if failure.retryable or failure.cause is Cause.CREDENTIALS:
                raise
            return Listing()

    async def _document(self, member: Member, enough: Collection[str], deciding: Sequence[Deciding] = ()) -> Document:
        """As the collection brings it along, where that has one of `enough`; empty for one that is gone or cannot be read."""
        if any(member.document.get(name) for name in enough):
            return member.document
        if not member.path:
            return {} if deciding else member.document
        try:
            return (await self._read(member.path, self._deadline, deciding))[0]
        except Missing:
            return {}
        except StageFailure as failure:
            if failure.cause is Cause.CREDENTIALS:
                raise
            return {}


def macs_in(document: Document) -> Iterator[str]:
    """The MACs that one NIC, port or network device function tells."""
    ethernet = mapping(document.get("Ethernet"))
    for place in (document, ethernet):
        for name in ("MACAddress", "PermanentMACAddress"):
            yield from filter(None, [mac_of(place.get(name))])
    for listed in (document.get("AssociatedNetworkAddresses"), ethernet.get("AssociatedMACAddresses")):
        for value in listed if isinstance(listed, list) else []:
            yield from filter(None, [mac_of(value)])
