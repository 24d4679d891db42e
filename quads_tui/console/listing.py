"""Which hosts the table shows: found among many in pieces, between which the loop goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

from quads_tui.rollout.forecast import SPARING
from quads_tui.rollout.state import HostState

from .host_table import HostTable
from .table_filter import TableFilter
from .turns import Pieces, Turns
from .view_context import ViewContext

STILL = 2.0  # seconds without a key until rows may move under the cursor


class Listing:
    """`turns`: for what a key asks; `listed`: draws the screen, when the table has it."""

    def __init__(
        self, context: ViewContext, *, table: HostTable, shown: TableFilter, turns: Turns, listed: Callable[[], None]
    ) -> None:
        self._context, self._table, self._filter, self._turns, self._listed = context, table, shown, turns, listed
        self._asked: tuple[object, ...] = ()  # of the filter, the last time
        self._next_sort = 0.0  # monotonic

    def ask(self) -> None:
        """Filter and sort as the filter says now; until all hosts are looked at, the rows stand as they are."""
        self._asked = self._filter.asked
        self._turns.begin(self._list())

    def ask_if_changed(self) -> bool:
        """The same, unless that is shown or under way."""
        changed = self._asked != self._filter.asked
        if changed:
            self.ask()
        return changed

    @property
    def busy(self) -> bool:
        """What was asked for is not shown yet."""
        return self._turns.busy

    def settle(self) -> None:
        """The hosts that were asked for are shown: before a key means them."""
        self._turns.finish()

    def drop(self) -> None:
        """Nothing more is shown."""
        self._turns.drop()

    def _list(self) -> Pieces:
        hosts = yield from self._hosts()
        self._show(hosts, asked=True)
        self._listed()

    def sort_again(self) -> Pieces:
        """As hosts stand now, when no key was pressed for a while: a key is meant for what stands on the screen. The less often,
        the more that costs."""
        if self._turns.busy or not self._rows_may_move or self._context.monotonic() < self._next_sort:
            return
        self._asked = self._filter.asked
        hosts = yield from self._hosts()
        yield False
        if self._rows_may_move:
            self._show(hosts)
            yield False

    def _show(self, hosts: list[HostState], *, asked: bool = False) -> None:
        self._table.show(hosts, sort=self._filter.sort, empty=self._filter.empty, asked=asked)

    @property
    def _rows_may_move(self) -> bool:
        return self._context.monotonic() - self._context.last_key >= STILL

    def _hosts(self) -> Generator[bool, None, list[HostState]]:
        finding = self._filter.hosts(list(self._context.rollout.hosts.values()), self._context.slowness())
        spent = 0.0
        while True:
            began = time.thread_time()
            try:
                next(finding)
            except StopIteration as end:
                self._next_sort = self._context.monotonic() + SPARING * (spent + time.thread_time() - began)
                found: list[HostState] = end.value
                return found
            spent += time.thread_time() - began
            yield False
