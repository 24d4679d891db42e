"""Whose turn is next, at the gate and in the write queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from quads_tui.rollout.ports import Clock

_AGEING = 0.1  # a host that has waited for 100 own seconds goes before one that is expected to take up to 10 s longer
_DARK_AGEING = 10.0  # and a host that is powered off while it waits for its write before one that takes up to 1000 s longer
_FRESH = 60.0  # own seconds between two looks at what is expected
_CHANGED = 0.05  # an expectation that moved by less changes no order

Key = tuple[int, float, int]


class HostOrder:
    """Hosts that an operator named go first. Then the longest expected time from the write until the host is built: the end of a
    rollout is the end of its last host. Hosts of which nothing is known, or that are alike, go in the order of the plan.

    `expected`: own seconds from the write on, by host; None where nothing is known. `named`: as `name_next` was given them.
    """

    def __init__(
        self, names: Sequence[str], expected: Callable[[str], float | None], clock: Clock, named: Iterable[str] = ()
    ) -> None:
        self._expected = expected
        self._clock = clock
        self._places = {name: place for place, name in enumerate(names)}
        self._named = {host: place for place, host in enumerate(named)}
        self._tails: dict[str, float] = {}
        self._looked = float("-inf")
        self.version = 0  # another number: keys of before are worth nothing

    def key(self, host: str, since: float, dark: bool = False) -> Key:
        """The lowest goes first. `since`: own time from which on it has been waiting; `dark`: it is powered off meanwhile."""
        if host in self._named:
            return 0, float(self._named[host]), 0
        ageing = _DARK_AGEING if dark else _AGEING
        return 1, ageing * since - self._tails.get(host, 0.0), self._places.get(host, 0)

    def is_named(self, host: str) -> bool:
        """An operator wants it before all others."""
        return host in self._named

    def name_next(self, host: str) -> None:
        """It goes before all others that were not named before it."""
        self._named.setdefault(host, len(self._named))
        self.version += 1

    def stale(self) -> None:
        """What is expected has changed: the next look is not put off."""
        self._looked = float("-inf")

    def refresh(self) -> None:
        """Look at what is expected now, from time to time."""
        if self._clock.now() - self._looked < _FRESH:
            return
        self._looked = self._clock.now()
        found = {host: self._expected(host) or 0.0 for host in self._places}
        if any(abs(tail - self._tails.get(host, 0.0)) > _CHANGED * tail for host, tail in found.items()):
            self._tails = found
            self.version += 1
