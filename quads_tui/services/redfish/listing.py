"""Collections as BMCs list them: in pages, with gaps, in circles, without an end. Read whole where that can be seen.

Where a collection contradicts itself, the higher count is believed: a member too many is asked about, a member too few is a
machine that nobody sees.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from quads_tui.rollout.causes import Cause, StageFailure
from quads_tui.rollout.numbers import bounded
from quads_tui.services.json_text import DAMAGED
from quads_tui.services.responses import Response

from .connection import BmcConnection, Missing
from .deciding import COLLECTION, Deciding
from .resources import Document, local_path

_COUNTS = ("Members@odata.count", "@odata.count")
_MOST_PAGES = 64
_MOST_MEMBERS = 512
_MOST_COUNTED = 1_000_000
_PATIENCE = 60.0  # own seconds for the further pages and members of a caller who wants no request repeated

Read = Callable[[str, float, Sequence[Deciding]], Awaitable[tuple[Document, Response]]]


@dataclass(frozen=True, slots=True)
class Member:
    """One entry: where it is, and its document where the collection brings it along."""

    path: str
    document: Document

    @property
    def key(self) -> str:
        """By which two entries are one."""
        return self.path.rstrip("/")


@dataclass(frozen=True, slots=True)
class Listing:
    """`count`: how many there are, by the highest that any page tells, or by the entries, empty and repeated ones too."""

    members: tuple[Member, ...] = ()
    count: int = 0
    ended: bool = False  # its last page was read
    cut: bool = False  # some page may not be read: gone, too many, a circle, or a link that leads nowhere

    @property
    def whole(self) -> bool:
        """Every member that there is, is among `members`."""
        return self.ended and self.count == len(self.members)


def ends_at(connection: BmcConnection, deadline: float) -> float:
    """Own time at which the reading of many documents stops, wherever it is."""
    return max(deadline, connection.clock.deadline(_PATIENCE))


async def listing(
    connection: BmcConnection, path: str, deadline: float, read: Read | None = None, more: Callable[[], bool] | None = None
) -> Listing:
    """All pages of a collection. Raises Missing when there is no such collection, and StageFailure.

    `read`: in place of the connection's own. `more`: whether another page may be read; by default until ends_at.
    """
    found: dict[str, Member] = {}
    entries = commas = counted = 0
    seen: set[str] = set()
    ends = ends_at(connection, deadline)
    read = connection.read if read is None else read
    more = (lambda: connection.clock.now() <= ends) if more is None else more
    page, ended, cut = path, False, False
    while True:
        seen.add(page)
        try:
            document, _ = await read(page, deadline, COLLECTION)
        except Missing:
            if len(seen) == 1:
                raise
            cut = True
            break
        except StageFailure as failure:
            if len(seen) == 1 or failure.retryable or failure.cause is Cause.CREDENTIALS:
                raise
            cut = True
            break
        counted = max(counted, *(int(bounded(document.get(name), 0, _MOST_COUNTED) or 0) for name in _COUNTS))
        listed = document.get("Members")
        for entry in listed if isinstance(listed, list) else []:
            if entry is DAMAGED:  # a comma with nothing behind it
                commas += 1
                continue
            entries += 1
            member = _member(entry)
            if member is None:
                continue
            key = member.key or f"#{entries}"  # those without a path are kept apart by their place
            found.setdefault(key, member)
            if len(found) >= _MOST_MEMBERS:
                cut = True
                break
        links = _next_links(document)
        if cut or not links or (links == [""] and counted == entries):
            ended = not cut
            break
        following = local_path(links[0])
        if not following or following in seen or len(links) > 1 or len(seen) >= _MOST_PAGES or not more():
            cut = True
            break
        page = following
    if counted != entries:
        entries += commas
    return Listing(tuple(found.values()), max(counted, entries), ended, cut)


def _next_links(document: Document) -> list[object]:
    """Different ones, whatever their names begin with: Members@odata.nextLink, @odata.nextLink."""
    links: list[object] = []
    for name, value in document.items():
        if value is not None and value not in links and name.casefold().endswith("nextlink"):
            links.append(value)
    return links


def _member(entry: object) -> Member | None:
    path = local_path(entry)
    document = entry if isinstance(entry, Mapping) and entry.keys() - {"@odata.id"} else {}
    return Member(path, document) if path or document else None
