"""One request that was made for a host, as its history keeps it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exchanged:
    """`path` has no query, `status` is 0 where nothing was answered, `error` says why then; `seconds` are real ones."""

    at: float
    host: str
    method: str
    path: str
    status: int
    seconds: float
    error: str


Exchanges = Callable[[str], Sequence[Exchanged]]
"""The last requests for a host, the oldest first."""
