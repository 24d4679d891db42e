"""Names that an operator gives and Foreman may not have."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from itertools import islice
from typing import TypeVar

from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.text import clean

T = TypeVar("T")
_COMPARED = 150  # names that begin alike, and that many others
_HEAD = 3  # characters
_LONGEST = 60  # characters of a name that are compared


class NameUnknown(QuadsTuiError):
    """Foreman knows no such operating system, partition table, medium or user. `nearest` are names that it has."""

    def __init__(self, what: str, name: str, nearest: tuple[str, ...]) -> None:
        hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
        super().__init__(f"Foreman has no {what} {clean(name)!r}{hint}")
        self.nearest = nearest


def pick(what: str, name: str, known: Mapping[str, T]) -> T:
    """The one of this name among `known`; `what` it is, in words. Raises NameUnknown."""
    if name in known:
        return known[name]
    raise NameUnknown(what, name, _nearest(name, known))


def _nearest(name: str, known: Collection[str]) -> tuple[str, ...]:
    """Of a bounded number of names, since each comparison is quadratic in their length: first those that begin alike."""
    head = name[:_HEAD].casefold()
    alike = islice((one for one in known if one[:_HEAD].casefold() == head), _COMPARED)
    candidates = dict.fromkeys(one[:_LONGEST] for one in (*alike, *islice(known, _COMPARED)))
    return tuple(clean(near, 60) for near in difflib.get_close_matches(name[:_LONGEST], candidates, 3, 0.5))
