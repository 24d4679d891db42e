"""Collections as BMCs list them: in pages, with gaps, in circles, without an end. Read whole where that can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quads_tui.rollout.causes import Cause, StageFailure

from .documents import Document, local_path
from .line import Line, Missing

_MOST_PAGES = 64
_MOST_MEMBERS = 512
_PATIENCE = 60.0  # own seconds for the further pages and members of a caller who wants no request repeated


@dataclass(frozen=True, slots=True)
class Member:
    """One entry: where it is, and its document where the collection brings it along."""

    path: str
    document: Document

    @property
    def key(self) -> str:
        return self.path.rstrip("/")


@dataclass(frozen=True, slots=True)
class Listing:
    """`count`: how many there are, by the collection's own count or by its entries, those that are null or no reference too."""

    members: tuple[Member, ...] = ()
    count: int = 0
    ended: bool = False  # its last page was read
    cut: bool = False  # some page is certainly not read: gone, too many, or a link that leads nowhere

    @property
    def whole(self) -> bool:
        """Every member that there is, is among `members`."""
        return self.ended and self.count == len(self.members)


def ends_at(line: Line, deadline: float) -> float:
    """Own time at which the reading of many documents stops, wherever it is."""
    return max(deadline, line.clock.deadline(_PATIENCE))


async def listing(line: Line, path: str, deadline: float) -> Listing:
    """All pages of a collection (Members@odata.nextLink). Raises Missing when there is no such collection, and StageFailure."""
    found: dict[str, Member] = {}
    entries = doubled = 0
    told: int | None = None
    seen: set[str] = set()
    ends = ends_at(line, deadline)
    page, ended, cut = path, False, False
    while True:
        seen.add(page)
        try:
            document, _ = await line.read(page, deadline)
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
        count = document.get("Members@odata.count")
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
            told = count
        listed = document.get("Members")
        for entry in listed if isinstance(listed, list) else []:
            entries += 1
            member = _member(entry)
            if member is None:
                continue
            key = member.key or f"#{entries}"  # those without a path are told apart by their place
            doubled += key in found
            found.setdefault(key, member)
            if len(found) >= _MOST_MEMBERS:
                cut = True
                break
        link = document.get("Members@odata.nextLink")
        if cut or link is None:
            ended = not cut
            break
        following = local_path(link)
        if following in seen and following != page:
            break  # round in a circle: every page that there is was read, yet none of them was the last
        if not following or following == page or len(seen) >= _MOST_PAGES or line.clock.now() > ends:
            cut = True
            break
        page = following
    known = entries if told is None else told
    return Listing(tuple(found.values()), max(known - doubled, len(found)), ended, cut)


def _member(entry: object) -> Member | None:
    path = local_path(entry)
    document = entry if isinstance(entry, Mapping) and entry.keys() - {"@odata.id"} else {}
    return Member(path, document) if path or document else None
