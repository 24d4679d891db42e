"""Names that an operator gives and Foreman may not have."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

from quads_tui.rollout.errors import QuadsTuiError
from quads_tui.rollout.text import clean

T = TypeVar("T")


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
    raise NameUnknown(what, name, tuple(clean(near, 60) for near in difflib.get_close_matches(name, known, 3, 0.5)))
