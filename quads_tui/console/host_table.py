"""The live table, on textual's Line API: a frame costs what changed on the screen, not what is in the rollout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from math import inf

from rich.text import Text
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from quads_tui.render.host_row import SORTED_BY, Columns, heading, host_row, row_key
from quads_tui.render.palette import QUIET, STRONG
from quads_tui.rollout.state import HostState

from .fault_tolerant_app import FaultTolerant
from .inks import Inks
from .kept_lines import KeptLines
from .turns import ROWS, Pieces
from .view_context import ViewContext

_KEPT = 500  # lines of hosts: ten screens of them, some megabytes
_SEEN = 2.0  # seconds after which whoever looks has seen that another host has come to the first row


class HostTable(FaultTolerant, KeptLines):
    """Cursor and marks are host names, so that they survive sorting, filtering and refreshing."""

    DEFAULT_CSS = "HostTable { height: 1fr; width: 1fr; }"
    can_focus = True

    class Sorted(Message):
        """The title of a column was clicked; `order`: the one that belongs to it."""

        def __init__(self, order: str) -> None:
            super().__init__()
            self.order = order

    class Opened(Message):
        """The host under the cursor was clicked twice."""

    def __init__(self, context: ViewContext) -> None:
        super().__init__("hosts")
        self._view_context = context
        self._rollout = context.rollout
        self._rows: list[str] = []
        self._place: dict[str, int] = {}
        self._top = 0
        self._strips: dict[tuple[object, ...], Strip] = {}
        self._drawn_for: tuple[object, ...] = ()
        self._drawn_columns: Columns | None = None
        self._sort = ""
        self._empty: Sequence[str] = ()
        self._inks: Inks | None = None  # of the present theme
        self._stale: set[str] = set()  # hosts whose rows are to be repainted
        self._moved: list[int] = []  # rows in sight that still show the host that stood there before
        self._turn = 0  # the visible row from which on the next frame looks
        self.cursor = ""
        self._chosen = False  # an operator put the cursor on its host; until then it is on whatever comes first
        self._slipped = -inf  # monotonic: when another host came under the cursor by itself; inf: the chosen one is not shown
        self.marks: dict[str, None] = {}

    # What is shown

    def show(self, hosts: Iterable[HostState], *, sort: str, empty: Sequence[str] = (), asked: bool = False) -> None:
        """These hosts in this order; `painting` paints them. A cursor that was put on a host stays on it, else near where it was;
        one that was never moved stays on the first row, so that who looks only sees what comes first. `sort`: the order; `empty`:
        why there are none; `asked`: a key has asked for it, so that a cursor whose host is not among them goes to the first."""
        rows, first = [host.name for host in hosts], not self._sort
        if sort != self._sort:
            self._sort = sort
            self.refresh(Region(0, 0, self.size.width, 1))
        if empty != self._empty:
            self._empty = empty
            self.refresh()
        if rows == self._rows:
            return
        place, before, was = self._place.get(self.cursor, 0), self._visible, self.cursor
        self._rows, self._place = rows, {name: row for row, name in enumerate(rows)}
        self._chosen = self._chosen and not (asked and self.cursor not in self._place)
        if not self._chosen:
            self.cursor = rows[0] if rows else ""
        elif self.cursor not in self._place:
            self.cursor = rows[min(place, len(rows) - 1)] if rows else ""
        if asked:
            self._slipped = -inf
        elif was and self.cursor != was:
            self._slipped = inf if self._chosen else self._view_context.monotonic()
        self._keep_in_view()
        if first:
            self.refresh()  # in the size that the panels will have left it
            return
        pairs = zip_longest(before, self._visible, fillvalue="")
        moved = {row for row, (old, new) in enumerate(pairs) if old != new}.union(self._moved)
        self._moved = sorted(moved, key=lambda row: (self._top + row != self._place.get(self.cursor), row))

    def painting(self) -> Pieces:
        """Of the rows in which others stood: a few at a time, the cursor's first."""
        while self._moved:
            self._paint_moved()
            yield True

    def _paint_moved(self) -> None:
        now, self._moved = self._moved[:ROWS], self._moved[ROWS:]
        width = self.size.width
        self.replace({row + 1: self._line(row, width) for row in now})

    @property
    def _visible(self) -> list[str]:
        """The hosts in sight."""
        return self._rows[self._top : self._top + self.page]

    @property
    def shown(self) -> list[str]:
        return self._rows

    @property
    def rows_seen(self) -> tuple[int, int]:
        """The first and the last row that are seen, from 1."""
        return self._top + 1, min(len(self._rows), self._top + self.page)

    @property
    def page(self) -> int:
        """Host rows that fit."""
        return max(1, self.size.height - 1)

    def frame(self, dirty: set[str]) -> None:
        """Repaint visible rows that look different now: a few at a time, in turn, so that no frame holds the loop up for long.

        `dirty`: the hosts that changed.
        """
        self._stale |= dirty
        if self._moved:
            self._paint_moved()
            return
        visible, width = self._visible, self.size.width
        changed = [row for row, name in enumerate(visible) if name in self._stale]
        later = [row for row in changed if row >= self._turn] + [row for row in changed if row < self._turn]
        now: dict[int, Strip] = {}
        looked = 0
        for row in later[: 2 * ROWS]:
            if len(now) == ROWS:
                break
            looked += 1
            strip = self._line(row, width)
            if strip != self.kept(row + 1):
                now[row + 1] = strip
        later = later[looked:]
        self._turn = later[0] if later else 0
        self._stale = {visible[row] for row in later}
        self.replace(now)

    def tick(self) -> None:
        """Once a second: the times of visible hosts are old, and so is what hosts that have not begun wait for."""
        self._stale.update(self._visible)

    # Acting

    def choose(self) -> str:
        """The cursor stays on its host from now on: a key is to act on it. Empty: it does; else another host has come under the
        cursor since the operator looked, and this says so."""
        slipped, self._slipped = self._slipped, -inf
        self._chosen = bool(self.cursor)
        if not self.cursor or self._view_context.monotonic() - slipped >= _SEEN:
            return ""
        return f"cursor now on {self._rollout.hosts[self.cursor].short}: press again (nothing was done)"

    # Moving

    def move(self, rows: int) -> None:
        """The cursor by so many rows, bounded."""
        if self._rows:
            place = self._place.get(self.cursor, 0)
            self.go(min(max(0, place + rows), len(self._rows) - 1))

    def follow(self) -> None:
        """The cursor to the first row, on whatever comes first."""
        self.go(0)
        self._chosen = False

    def go(self, row: int) -> None:
        """The cursor to this row, and it stays on its host."""
        self._slipped = -inf
        if not self._rows:
            return
        before, top = self._place.get(self.cursor, 0), self._top
        row = min(max(0, row), len(self._rows) - 1)
        self.cursor, self._chosen = self._rows[row], True
        self._keep_in_view()
        if top != self._top:
            self._moved = []
            self.refresh()
        else:
            self.refresh(*(Region(0, place - top + 1, self.size.width, 1) for place in {before, row}))

    def toggle(self, name: str) -> None:
        if name in self.marks:
            del self.marks[name]
        elif name:
            self.marks[name] = None
        self.refresh()

    def _keep_in_view(self) -> None:
        place = self._place.get(self.cursor, 0)
        top = min(max(self._top, place - self.page + 1), place)
        self._top = max(0, min(top, len(self._rows) - self.page))

    # Drawing

    def _columns(self, width: int) -> Columns:
        """As they are drawn now."""
        context = self._view_context
        drawn_for = (width, context.symbols.name, context.settings.columns)
        if self._drawn_columns is None or drawn_for != self._drawn_for:
            self._strips.clear()
            self._drawn_for = drawn_for
            self._drawn_columns = Columns.of(self._rollout.plan, width, context.symbols, context.settings.columns)
        return self._drawn_columns

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            return self._strip(heading(self._columns(width), self._sort), width)
        return self._line(y - 1, width)

    def _line(self, row: int, width: int) -> Strip:
        """What stands in this row of those in sight, counted from the top."""
        row += self._top
        if row < len(self._rows):
            return self._row(self._rows[row], width)
        if row < len(self._empty):
            return self._strip(Text(f"   {self._empty[row]}", STRONG if not row else QUIET), width)
        return Strip.blank(width, self.rich_style)

    def _row(self, name: str, width: int) -> Strip:
        """The line of this host, as it looks now."""
        host, columns = self._rollout.hosts[name], self._columns(width)
        cursor, marked = name == self.cursor, name in self.marks
        now, speed = self._view_context.now, self._rollout.speed
        second = int((now - host.since) * speed) if host.since else None
        second = second if second is None or second < 90 else second // 60 * 60  # from then on minutes are shown
        word, note = self._view_context.word(host), self._view_context.note(host)
        over = self._rollout.over_at is not None and host.status.is_final and host.since
        when = self._rollout.time.clock(host.since, now) if over else ""
        key = (row_key(host, note), second, when, word, cursor, marked, width)
        strip = self._strips.get(key)
        if strip is None:
            line = host_row(host, columns, now=now, speed=speed, word=word, note=note, when=when, cursor=cursor, marked=marked)
            strip = self._ink.row(line, width)
            if len(self._strips) >= _KEPT:
                self._strips.clear()
            self._strips[key] = strip
        return strip

    def _strip(self, text: Text, width: int) -> Strip:
        return self._ink.strip(text).adjust_cell_length(width, self._ink.under)

    @property
    def _ink(self) -> Inks:
        if self._inks is None:
            self._inks = Inks(self.app.console, self.rich_style)
        return self._inks

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()
        self._inks = None
        self.refresh()

    def on_resize(self, event: Resize) -> None:
        self._keep_in_view()
        self.refresh()

    def on_click(self, event: Click) -> None:
        self._view_context.last_key = self._view_context.monotonic()  # no row moves away under the second click
        row, before = self._top + event.y - 1, self.cursor
        if event.y == 0:
            if order := SORTED_BY.get(self._columns(self.size.width).at(event.x)):
                self.post_message(self.Sorted(order))
        elif row < len(self._rows) and event.y - 1 not in self._moved:
            self.go(row)
            if event.chain == 2 and self.cursor == before:
                self.post_message(self.Opened())

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        self.move(3)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        self.move(-3)
