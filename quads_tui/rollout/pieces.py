"""Work over many hosts in pieces: generators that yield wherever whoever waits may do something else."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

T = TypeVar("T")

PIECE = 128  # hosts that are looked at without a pause: a millisecond at most


def at_once(pieces: Generator[Any, None, T]) -> T:
    """All of it now, where nobody is held up."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            made: T = end.value
            return made
