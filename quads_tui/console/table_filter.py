"""Which hosts the table shows, in which order, and why there are none."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from quads_tui.render.host_filter import HostFilter, host_filter
from quads_tui.render.host_order import ORDERS, Slowness, ordered_in_pieces
from quads_tui.render.nearest import nearest_name, nearest_value
from quads_tui.render.numbers import count
from quads_tui.render.reasons import cause_words
from quads_tui.rollout.state import FailureGroup, HostState

from .settings import MOST_FILTERS, NAME, SavedFilter, Settings


class TableFilter:
    """`words`: the filter as it was typed; `group`: only these hosts. `problem`: what is not taken as it was meant, and why."""

    def __init__(self, settings: Settings) -> None:
        self.words = ""
        self.failures_only = False
        self.group: FailureGroup | None = None
        self.sort, self.reversed = settings.sort, settings.reversed
        self.problem = ""
        self.empty: Sequence[str] = ()  # why no host is shown, in lines; empty where one is
        self._settings = settings

    def hosts(self, given: Sequence[HostState], slowness: Slowness) -> Generator[None, None, list[HostState]]:
        """Those of them that are shown, in their order; whoever asks may do something else at each `yield`."""
        fits = host_filter(self.words, self.failures_only)
        group = self.group.hosts if self.group is not None else None
        found = yield from fits.in_pieces(given if group is None else [host for host in given if host.name in group])
        self.problem = next(iter(fits.problems), "")
        self.empty = () if found or not given else self._why_empty(fits, given)
        return (yield from ordered_in_pieces(found, self.sort, slowness, turned=self.reversed))

    @property
    def asked(self) -> tuple[object, ...]:
        """All that decides which hosts these are, and in which order, but for how they stand."""
        return self.words, self.failures_only, id(self.group), self.sort, self.reversed

    def _why_empty(self, fits: HostFilter, given: Sequence[HostState]) -> Sequence[str]:
        match = "matches" if len(given) == 1 else "match"
        lines = [f"0 of {count(len(given), 'host')} {match}{'' if self.words else ': no host has failed'}"]
        if fits.unmet is not None:
            field, value, first = fits.unmet
            word = f"{field}:{value}" if field else value
            near = nearest_name(value, given) if field in ("", "name") else nearest_value(field, value, given)
            has = f"no host has {word!r}" if first else f"of those that match the earlier words, none has {word!r}"
            lines[0] += f": {has}"
            lines += [f"nearest {'name' if field in ('', 'name') else field}: {near}"] if near else []
        lines += [self.problem] if self.problem else []
        keys = ["esc shows all hosts"] if self.words or self.group else []
        return [*lines, *keys, *(["f also shows hosts that have not failed"] if self.failures_only else [])]

    @property
    def state(self) -> str:
        """For the line above the keys."""
        words = "   failures only" if self.failures_only else ""
        if self.group:
            stage = self.group.stage.label if self.group.stage else "the start"
            words += f"   only {cause_words(self.group.stage, self.group.cause)} at {stage} (esc: all)"
        words += f"   filter {self.words!r}" if self.words else ""
        if self.sort == ORDERS[0]:
            return f"{words}   most urgent {'last' if self.reversed else 'first'}"
        return f"{words}   sorted by {self.sort}{' reversed' if self.reversed else ''}"

    def order_by(self, name: str) -> str:
        """Sort by this order, the next one if it is empty; remembered. Returns a message if there is none of that name."""
        if name and name not in ORDERS:
            return f"unknown column {name!r}; choose from {', '.join(ORDERS)}"
        self.sort = name or ORDERS[(ORDERS.index(self.sort) + 1) % len(ORDERS)]
        self._settings.remember(sort=self.sort)
        return ""

    def turn(self) -> None:
        """The other way round; remembered."""
        self.reversed = not self.reversed
        self._settings.remember(reversed=self.reversed)

    # Saved filters; each returns a message

    def save(self, name: str) -> str:
        """What is shown now, and its order. Without a name: which there are."""
        saved = self._settings.filters
        if not name:
            how = ":filter @NAME uses one, :forget NAME deletes it"
            return (
                f"saved filters: {', '.join(sorted(saved))} ({how})"
                if saved
                else "no filter is saved; :save NAME saves the current filter"
            )
        if not NAME.fullmatch(name):
            return "a filter has a name of at most 32 letters, digits, dots, dashes and underscores"
        if len(saved) >= MOST_FILTERS and name not in saved:
            return f"{MOST_FILTERS} filters are saved already; :forget NAME deletes one"
        self._settings.save_filter(name, SavedFilter(self.words, self.failures_only, self.sort, self.reversed))
        return f"saved: :filter @{name} shows {self._words or 'all hosts'} by {self.sort}"

    def forget(self, name: str) -> str:
        if name not in self._settings.filters:
            return self._unknown(name)
        self._settings.save_filter(name, None)
        return f"deleted the saved filter {name}"

    def use(self, name: str) -> str:
        found = self._settings.filters.get(name)
        if found is None:
            return self._unknown(name)
        self.words, self.failures_only = found.words, found.failures_only
        self.sort, self.reversed = found.sort, found.reversed
        return f"filter @{name}: {self._words or 'all hosts'} by {self.sort}"

    @property
    def _words(self) -> str:
        return f"{'failures only ' if self.failures_only else ''}{self.words}".strip()

    def _unknown(self, name: str) -> str:
        names = ", ".join(sorted(self._settings.filters)) or "none; :save NAME saves the current filter"
        return f"no filter is saved as {name!r}; saved filters: {names}" if name else f"name a saved filter: {names}"
