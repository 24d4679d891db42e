"""The map of the fleet: a cell per host, by rack, model or cloud."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding

from quads_tui.console.line_panel import LinePanel
from quads_tui.console.turns import ROWS
from quads_tui.console.view_context import ViewContext
from quads_tui.render import fleet_map
from quads_tui.render.line import fitted
from quads_tui.render.palette import QUIET, STAGE_STYLES, STRONG
from quads_tui.rollout.stages import HostStatus

from .host import HostScreen
from .view import View


class MapScreen(View):
    """The cursor is on a host, wherever its cell goes. Returns the host that it was on."""

    BINDINGS: ClassVar = [
        Binding("left", "step(-1)", show=False),
        Binding("right", "step(1)", show=False),
        Binding("up,k", "line(-1)", show=False),
        Binding("down,j", "line(1)", show=False),
        Binding("pageup", "line(-10)", show=False),
        Binding("pagedown", "line(10)", show=False),
        Binding("t", "grouping", show=False),
        Binding("enter", "detail", show=False),
        Binding("q,M", "back", show=False),
    ]
    keys = "esc back  ← → ↑ ↓ move  enter details"

    place = "map"

    def __init__(self, context: ViewContext, host: str, fits: Sequence[str] | None) -> None:
        """`fits`: the hosts that the filter of the table shows; None: it shows all."""
        super().__init__(context)
        self._host = host
        self._fits = None if fits is None else frozenset(fits)
        self._by = fleet_map.GROUPINGS[0]
        self._top = self._room = 0  # the first line of cells that is drawn, and how many are at most
        self._known: tuple[str, int, list[fleet_map.Row]] = ("", 0, [])  # grouping and width, and their rows

    def chosen(self) -> list[str]:
        return [self._host] if self._host else []

    def body(self, width: int, height: int) -> Generator[bool, None, Sequence[Text]]:
        context, symbols = self.context, self.context.symbols
        rows = self._rows()
        self._room = room = max(1, height - 3)
        here = self._place(rows)[0]
        self._top = max(0, min(self._top, here, len(rows) - room), here - room + 1)
        overdue = {one.name for one in context.forecast.overdue}
        shown: list[Text] = []
        for row in rows[self._top : self._top + room]:
            if len(shown) % ROWS == ROWS - 1:
                yield False
            shown.append(
                fleet_map.row_line(
                    row, context.rollout, width, overdue=overdue, cursor=self._host, fits=self._fits, symbols=symbols
                )
            )
        blank = [Text(" " * width)] * (room - len(shown))
        return [fleet_map.heading(self._by, width, symbols), *shown, *blank, *self._words(width)]

    def _words(self, width: int) -> list[Text]:
        """The host under the cursor in words."""
        host = self.context.rollout.hosts.get(self._host)
        if host is None:
            return [Text(" " * width)] * 2
        symbols = self.context.symbols
        line = Text().append(f" {host.short}", STRONG).append(f"   {host.model}   ", QUIET)
        if host.stage:
            line.append("at ", QUIET).append(f"{host.stage.label}   ", STAGE_STYLES[host.stage])
        line.append(self.context.word(host).value)
        note = Text().append(f" {self.context.why(host)}", QUIET)
        return [fitted(line, width, ellipsis=symbols.ellipsis), fitted(note, width, ellipsis=symbols.ellipsis)]

    def _rows(self) -> list[fleet_map.Row]:
        by, width = self._by, self.size.width
        if self._known[:2] != (by, width):
            self._known = by, width, fleet_map.rows(fleet_map.blocks(self.context.rollout, by), width)
        return self._known[2]

    def _place(self, rows: Sequence[fleet_map.Row]) -> tuple[int, int]:
        """Line and column of the cursor."""
        for number, row in enumerate(rows):
            for column, host in enumerate(row.hosts):
                if host.name == self._host:
                    return number, column
        return 0, 0

    def frame(self, dirty: set[str]) -> None:
        pass  # once a second is enough for a cell

    def step_to_failed(self, step: int) -> None:
        hosts = [host for row in self._rows() for host in row.hosts]
        here = next((place for place, host in enumerate(hosts) if host.name == self._host), 0)
        ahead = hosts[here + 1 :] if step > 0 else hosts[:here][::-1]
        found = next((host for host in ahead if host.status is HostStatus.FAILED), None)
        if found is None:
            self.context.flash = f"no failed host {'after' if step > 0 else 'before'} this one"
        else:
            self._host = found.name
        self.panels()

    def clicked(self, event: LinePanel.Clicked) -> None:
        rows, row = self._rows(), self._top + event.line - 1
        cell = event.cell - fleet_map.FIRST_CELL
        on_map = event.panel == "body" and 1 <= event.line <= self._room and row < len(rows)
        if on_map and 0 <= cell < len(rows[row].hosts):
            self._host = rows[row].hosts[cell].name
            self.panels()
            if event.double:
                self.action_detail()

    def action_step(self, cells: int) -> None:
        hosts = [host.name for row in self._rows() for host in row.hosts]
        here = hosts.index(self._host) if self._host in hosts else 0
        if hosts:
            self._host = hosts[max(0, min(here + cells, len(hosts) - 1))]
        self.panels()

    def action_line(self, lines: int) -> None:
        rows = self._rows()
        if rows:
            line, column = self._place(rows)
            row = rows[max(0, min(line + lines, len(rows) - 1))]
            self._host = row.hosts[min(column, len(row.hosts) - 1)].name
        self.panels()

    def action_grouping(self) -> None:
        self._by = fleet_map.grouping_after(self._by)
        self.panels()

    def action_detail(self) -> None:
        app: Any = self.app
        names = [host.name for row in self._rows() for host in row.hosts]
        if self._host:
            app.ask(HostScreen(self.context, names, self._host), self._on_viewed)

    def _on_viewed(self, name: str | None) -> None:
        self._host = name or self._host
        self.panels()

    def action_back(self) -> None:
        self.end(self._host)
