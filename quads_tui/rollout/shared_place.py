"""The place that the consoles of several machines share, so that together they send Foreman one write at a time.

The engine knows this port only. Without a shared write queue there is no such place, and the queue of the process decides alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftWrite:
    """A write whose console died, or was cut off, before it said what became of it.

    `arrives`: real seconds for which the write can still arrive, by the clock of the shared queue alone. `detail`: members
    `wanted` and `progress` of the intent, where a read can tell of it. `number`: of the place that it was sent under.
    """

    host: str
    act: str
    who: str
    arrives: float
    number: int
    detail: Mapping[str, object]


class SharedPlace(Protocol):
    """One place among all consoles. No method but `sending` raises for the queue being away; most wait until it is back."""

    @property
    def trouble(self) -> str:
        """Why nobody here can get the place now, in words; empty while the queue answers."""
        ...

    @property
    def writer(self) -> str:
        """Which other console has the place, in words, while this one waits for it."""
        ...

    async def take(self, write_deadline: float, longest: float) -> Sequence[LeftWrite]:
        """Wait for the place; it is ours when this returns, and is kept for `longest` real seconds at most.

        `write_deadline`: real seconds for which what this console sends may still arrive after it was heard of last. What is
        returned is to be settled, and said so by `settled`, before anything is sent.
        """
        ...

    async def sending(self, host: str, act: str, detail: Mapping[str, object]) -> None:
        """The last check: the place is still ours, and everybody can read what is sent. Raises NotSent, QueueAway; bounded."""
        ...

    async def is_left(self, left: LeftWrite) -> bool:
        """False: its console lives, and said meanwhile that it has its outcome."""
        ...

    async def settled(self, left: LeftWrite) -> bool:
        """What became of it is known. False: the place is no longer ours."""
        ...

    def give_back(self) -> None:
        """It is the next console's turn. What was sent has its outcome."""
        ...

    def abandon(self) -> None:
        """A write has no outcome: the place stays taken until the lease runs out, and its next holder settles the write."""
        ...
