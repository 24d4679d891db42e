"""The main screen: header, graphs or numbers, the table, failures by cause; on wide terminals a side panel beside the table."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widgets import Input

from quads_tui.console.completion import Completer
from quads_tui.console.export import export
from quads_tui.console.field import FILTER, Field
from quads_tui.console.host_table import HostTable
from quads_tui.console.key_actions import of_place
from quads_tui.console.line_panel import LinePanel
from quads_tui.console.listing import Listing
from quads_tui.console.table_filter import TableFilter
from quads_tui.console.turns import Pieces, Turns
from quads_tui.console.view_context import ViewContext
from quads_tui.render import boxes, end_panel, failures, header, short_lines
from quads_tui.render.clouds import cloud_panel
from quads_tui.render.detail import detail_head, history
from quads_tui.render.host_row import Column
from quads_tui.render.line import cut
from quads_tui.render.palette import QUIET
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import FailureGroup

from .host import HostScreen
from .view import View

WIDE, DRAWER = 160, 66  # from this width on there is a drawer of that width
_CANDIDATES = 8  # of the last word of a filter, that are shown
_SAVED = "@"  # begins the name of a saved filter
_AROUND = 6  # lines of header, bar, counts and footer
_CLOUD_ROWS = 4  # lines of clouds where there is room: as many as 20 clouds take on 120 columns


class _Middle(Horizontal):
    """The table, and the drawer on wide terminals."""

    BLANK: ClassVar = True  # they cover it


class TableScreen(View):
    keys = ""
    place = "table"
    counts = True
    BINDINGS: ClassVar = [
        *(Binding(action.keys, action.name, action.help, show=False) for action in of_place("table") if action.keys),
        Binding("tab", "complete", show=False),
    ]
    DEFAULT_CSS = """
    TableScreen #middle { height: 1fr; }
    TableScreen #drawer { width: 66; height: 1fr; display: none; }
    TableScreen #drawer.open { display: block; }
    TableScreen #filter { display: none; height: 1; border: none; padding: 0 1; }
    """

    def __init__(self, context: ViewContext) -> None:
        super().__init__(context)
        self.table = HostTable(context)
        self._filter = TableFilter(context.settings)
        self.listing = Listing(context, table=self.table, shown=self._filter, turns=Turns(self), listed=self.panels_soon)
        self._last_marked = ""
        self._end_hidden = False  # the panel of the end, which is shown again at the next end

    def compose(self) -> ComposeResult:
        yield LinePanel("header")
        yield LinePanel("progress")
        yield LinePanel("graphs")
        with _Middle(id="middle"):
            yield self.table
            yield LinePanel("drawer")
        yield LinePanel("failures")
        yield Field(
            FILTER,
            id="filter",
            placeholder='text, regular expression, !text (not), "two words", stage: state: cause: ...',
            compact=True,
        )
        yield LinePanel("footer")

    def on_mount(self) -> None:
        self.table.focus()
        super().on_mount()

    def on_unmount(self) -> None:
        self.listing.drop()

    # Drawing

    def chosen(self) -> list[str]:
        return list(self.table.marks) or ([self.table.cursor] if self.table.cursor else [])

    def choose(self) -> str:
        return "" if self.table.marks else self.table.choose()

    @property
    def marked(self) -> bool:
        return bool(self.table.marks)

    def shown(self) -> set[str]:
        return set(self.table.shown)

    def done(self) -> None:
        self.table.marks.clear()
        self.table.refresh()
        self.panels()

    def frame(self, dirty: set[str]) -> None:
        self.table.frame(dirty)

    def draw_too_small(self) -> None:
        self.query_one("#middle").display = False
        super().draw_too_small()

    def pieces(self, *, graphs: bool = False) -> Pieces:
        """Everything but the rows; and sort again, when no key was pressed for a while."""
        width, height = self.size
        if self.too_small:
            self.draw_too_small()
            return
        self.query_one("#middle").display = True
        context = self.context
        yield from self.listing.sort_again()
        yield from self.table.painting()
        context.view.look()
        symbols = context.symbols
        head = self.header_lines(width)
        clouds = cloud_panel(context.rollout, width, _CLOUD_ROWS if height >= 36 else 1, symbols)
        progress = [header.bar(context.rollout, width, symbols), header.counts_line(context.rollout, width, symbols)]
        wide = width >= WIDE
        drawer: Sequence[Text] = ()
        if wide:
            above = len(self._end_lines(width, height)) or boxes.rows_of(width, height)
            drawer = self._drawer(DRAWER - 1, height - _AROUND - len(clouds) - above)
        below = [] if wide else self._failures(width, height)
        yield False  # all of these figures are of one moment
        upper = (yield from self._graph_lines(width, height)) if graphs else None
        self.put("header", head)
        self.put("progress", [*progress, *clouds])
        self.draw_footer()
        yield True
        self.query_one("#drawer").set_class(wide, "open")
        self.put("failures", below)
        yield from self.putting("drawer", drawer)
        if upper is not None:
            yield from self.putting("graphs", upper)
        self.table.tick()

    def graph_pieces(self) -> Pieces:
        if not self.too_small:
            self.context.view.look()
            yield from self.putting("graphs", (yield from self._graph_lines(*self.size)))

    def _graph_lines(self, width: int, height: int) -> Generator[bool, None, Sequence[Text]]:
        context, symbols = self.context, self.context.symbols
        rollout, meters, forecast, own = context.rollout, context.meters, context.forecast, context.clock.now()
        rows = boxes.rows_of(width, height)
        if panel := self._end_lines(width, height):
            return panel
        if rows == 2:
            first_line = short_lines.queue_line(rollout, meters, forecast, own=own, width=width, symbols=symbols)
            return [first_line, short_lines.latency_line(meters, rollout.speed, width, symbols)]
        now, speed = context.now, rollout.speed
        half, quarter = width // 2, width // 4
        if boxes.writes_remain(rollout, meters, forecast):
            first = boxes.queue_box(rollout, meters, forecast, own=own, width=half, height=rows, symbols=symbols)
        else:
            first = boxes.installs_box(rollout, forecast, now=now, width=half, height=rows, symbols=symbols)
        yield False
        title, bmcs = boxes.bmc_curves(meters)
        redfish = boxes.latency_box(title, bmcs, speed=speed, width=quarter, height=rows, symbols=symbols)
        yield False
        both = [("read", meters.foreman_reads), ("write", meters.foreman_writes)]
        rest = width - half - quarter
        foreman = boxes.latency_box("Foreman", both, speed=speed, width=rest, height=rows, symbols=symbols)
        yield False
        return boxes.beside([first, redfish, foreman])

    @property
    def _shows_end(self) -> bool:
        """The panel of the end stands in the place of the boxes: no host moves by itself, and nobody has hidden it."""
        rollout = self.context.rollout
        over = rollout.over_at is not None and bool(rollout.started_at)
        self._end_hidden = self._end_hidden and over
        return over and not self._end_hidden

    def _end_lines(self, width: int, height: int) -> list[Text]:
        """The panel of the end; empty while the boxes are shown."""
        context = self.context
        if not self._shows_end:
            return []
        control = not context.read_only
        return end_panel.end_panel(
            context.rollout, now=context.now, width=width, height=height, control=control, symbols=context.symbols
        )

    def action_summary(self) -> None:
        if self.context.rollout.over_at is None:
            self.context.flash = "the rollout has not ended yet: hosts still continue by themselves"
        else:
            self._end_hidden = self._shows_end
        self.panels()
        self.graphs()

    def _failures(self, width: int, height: int) -> list[Text]:
        rollout, symbols, now = self.context.rollout, self.context.symbols, self.context.clock.wall()
        if height < 34:
            return failures.failures_line(rollout, width, now, symbols)
        return failures.failures(rollout, width, 4 if width >= 110 else 6, now, symbols)

    def _drawer(self, width: int, height: int) -> Sequence[Text]:
        """Failures by cause, and the host under the cursor with the newest of its history."""
        context = self.context
        lines = failures.failures(context.rollout, width, 8, context.clock.wall(), context.symbols) or [
            Text(cut(" no failures", width), QUIET)
        ]
        lines.append(Text(" " * width))
        host = context.rollout.hosts.get(self.table.cursor)
        if host is not None:
            now, clock = context.clock.wall(), context.rollout.time
            lines += detail_head(host, now=now, time=clock, width=width, why=context.why(host), symbols=context.symbols)
            lines.append(Text(" " * width))
            room = max(0, height - len(lines))
            lines += history(host, context.view.exchanges(host.name), width, clock)[-room:] if room else []
        side = context.symbols.box[-1]
        return [
            Text().append(side, QUIET).append_text(line)
            for line in [*lines, *[Text(" " * width)] * (height - len(lines))][:height]
        ]

    def state(self) -> str:
        table, total = self.table, len(self.context.rollout.hosts)
        first, last = table.rows_seen
        state = " hosts " if self.size.width >= header.WIDE else " "
        state += f"{first}-{last} of {len(table.shown):,}" if table.shown else "0"
        state += f" shown, {total:,} in all" if len(table.shown) != total else ""
        state += f"   {len(table.marks)} marked" if table.marks else ""
        state = f"{state}   {self._filter.problem}" if self._filter.problem else state + self._filter.state
        room = 0 if self.context.flash else self.size.width - len(state)
        return state + header.meanings(self.context.rollout, room)

    def _works_here(self, where: str, dangerous: bool, *, some: bool) -> bool:
        return where != "start" and not (dangerous and self.context.read_only)

    def only(self, group: FailureGroup | None) -> None:
        """The hosts of one group and no others; None: as it is."""
        if group is None:
            return
        self._filter.group = group
        self.listing.ask()
        self.listing.settle()
        self.table.follow()
        self.panels()

    def clicked(self, event: LinePanel.Clicked) -> None:
        groups = self.context.rollout.groups.values()
        self.only(next((group for group in groups if failures.key_of(group) == event.meta.get("group")), None))

    def on_host_table_sorted(self, event: HostTable.Sorted) -> None:
        """By the column that was clicked; the second time the other way round."""
        if event.order == self._filter.sort:
            self.action_reverse_sort()
        else:
            self.action_sort(event.order)

    def on_host_table_opened(self, event: HostTable.Opened) -> None:
        self.action_detail()

    # Viewing

    def _moved(self, rows: int) -> None:
        self.context.last_key = self.context.monotonic()
        self.table.move(rows)

    def action_cursor_up(self) -> None:
        self._moved(-1)

    def action_cursor_down(self) -> None:
        self._moved(1)

    def action_page_up(self) -> None:
        self._moved(-self.table.page)

    def action_page_down(self) -> None:
        self._moved(self.table.page)

    def action_first(self) -> None:
        self.context.last_key = self.context.monotonic()
        self.table.follow()

    def action_last(self) -> None:
        self._moved(len(self.table.shown))

    def step_to_failed(self, step: int) -> None:
        hosts, shown = self.context.rollout.hosts, self.table.shown
        here = shown.index(self.table.cursor) if self.table.cursor else 0
        ahead = range(here + 1, len(shown)) if step > 0 else range(here - 1, -1, -1)
        found = next((row for row in ahead if hosts[shown[row]].status is HostStatus.FAILED), None)
        if found is None:
            self.context.flash = f"no failed host is shown {'after' if step > 0 else 'before'} this one"
        else:
            self._moved(found - here)
        self.panels()

    def action_mark(self) -> None:
        if why := self.table.choose():
            self.context.flash = why
        else:
            self._last_marked = self.table.cursor
            self.table.toggle(self.table.cursor)
            self._moved(1)
        self.panels()

    def action_mark_range(self) -> None:
        shown = self.table.shown
        if self._last_marked in shown and self.table.cursor:
            ends = sorted((shown.index(self._last_marked), shown.index(self.table.cursor)))
            self.table.marks.update(dict.fromkeys(shown[ends[0] : ends[1] + 1]))
            self.table.refresh()
        else:
            self.context.flash = "press space on the first host of the range, then V on its last host"
        self.panels()

    def action_mark_shown(self) -> None:
        shown = self.table.shown
        if all(name in self.table.marks for name in shown):
            for name in shown:
                self.table.marks.pop(name, None)
        else:
            self.table.marks.update(dict.fromkeys(shown))
        self.table.refresh()
        self.panels()

    def action_clear_marks(self) -> None:
        self.table.marks.clear()
        self.table.refresh()
        self.panels()

    def action_failures(self) -> None:
        self._filter.failures_only = not self._filter.failures_only
        self.listing.ask()

    def action_sort(self, name: str = "") -> None:
        self.context.flash = self._filter.order_by(name) or self.context.flash
        self.listing.ask()

    def action_reverse_sort(self) -> None:
        self._filter.turn()
        self.listing.ask()

    def action_columns(self, names: str = "") -> None:
        """Show these columns, those that fit if none is named; remembered."""
        wanted = names.replace(",", " ").split()
        if wrong := next((name for name in wanted if name not in list(Column)), ""):
            self.context.flash = f"unknown column {wrong!r}; choose from {', '.join(Column)}"
        else:
            self.context.settings.remember(columns=tuple(column for column in Column if column in wanted))
            self.context.flash = f"columns: host, {', '.join(wanted)}" if wanted else "columns: those that fit"
        self.table.refresh()
        self.panels()

    def action_save(self, name: str = "") -> None:
        self.context.flash = self._filter.save(name)
        self.panels()

    def action_forget(self, name: str = "") -> None:
        self.context.flash = self._filter.forget(name)
        self.panels()

    def action_detail(self) -> None:
        if self.table.cursor:
            self.table.choose()
            app: Any = self.app
            app.ask(HostScreen(self.context, self.table.shown, self.table.cursor), self.go_to)

    def action_export(self, words: str = "") -> None:
        export(self.app, self.context, self.table.shown, words)

    def go_to(self, name: str | None) -> None:
        """The cursor to this host, where it is shown."""
        if name in self.table.shown:
            self.table.go(self.table.shown.index(name))

    # The filter

    def action_filter(self, words: str = "") -> None:
        field = self.query_one("#filter", Input)
        if words:
            field.value = words[:FILTER]
            self._take_filter()
        else:
            self.context.flash = ""  # of something else, where it is to be said how the filter is taken
            field.display = True
            self.set_focus(field)  # at once, for what is typed right behind the slash

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.value == self._filter.words or event.value.startswith(_SAVED):
            return
        self._filter.words = event.value
        self.listing.ask()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._take_filter()

    def action_complete(self) -> None:
        """Of the last word of the filter: as far as it is clear; then what it may become is shown."""
        field = self.query_one("#filter", Input)
        if not field.has_focus:
            return
        completion = Completer(self.context, ()).of_filter(field.value)
        if completion.found and len(completion.common) > len(field.value) - completion.start:
            field.value = (field.value[: completion.start] + completion.common)[:FILTER]
            field.cursor_position = len(field.value)
        else:
            shown = [candidate.text for candidate in completion.found[:_CANDIDATES]]
            more = f" and {len(completion.found) - _CANDIDATES:,} more" if len(completion.found) > _CANDIDATES else ""
            self.context.flash = f"{'  '.join(shown)}{more}" if shown else "no completion"
            self.draw_footer()

    def _take_filter(self) -> None:
        """What was typed, or the saved filter of that name."""
        field = self.query_one("#filter", Input)
        if field.value.startswith(_SAVED):
            self.context.flash = self._filter.use(field.value.removeprefix(_SAVED).strip())
            field.value = self._filter.words
        self._close_filter()

    def action_back(self) -> None:
        if self._shows_end and not (self._filter.group or self._filter.words or self.query_one("#filter", Input).display):
            self.action_summary()
        self._filter.group = None
        self.query_one("#filter", Input).value = ""
        self._close_filter()

    def _close_filter(self) -> None:
        field = self.query_one("#filter", Input)
        self._filter.words = field.value
        field.display = False
        self.set_focus(self.table)
        if not self.listing.ask_if_changed():
            self.panels()
