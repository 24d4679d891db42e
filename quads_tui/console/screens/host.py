"""One host in full: where its time went, its machine, and its log, in which a cursor moves; enter shows the body of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Input

from quads_tui.console.field import FILTER, Field
from quads_tui.console.line_panel import LinePanel
from quads_tui.console.view_context import ViewContext
from quads_tui.render import host_head, host_time
from quads_tui.render.bmc_box import bmc_box, facts
from quads_tui.render.detail import past_lines
from quads_tui.render.host_log import LogEntry, body_lines, entries, log_line, matching
from quads_tui.render.line import cut, fitted
from quads_tui.render.numbers import count
from quads_tui.render.palette import QUIET, STRONG
from quads_tui.rollout.stages import HostStatus
from quads_tui.rollout.state import HostState

from .pages import Page
from .view import View

LOW = 30  # rows of the terminal below which the stages are one line
BESIDE = 100  # cells from which on the BMC's answer stands beside the stages
_FEWEST = 6  # lines that the log has at least


class BodyScreen(Page):
    """What one request was answered with."""

    def __init__(self, context: ViewContext, entry: LogEntry) -> None:
        super().__init__(context)
        self._entry = entry

    def whole(self, width: int) -> Sequence[Text]:
        one = self._entry.exchange
        assert one is not None
        lines = [Text(cut(f" {self._entry.text}", width), STRONG), Text(" " * width)]
        for line in body_lines(one):
            room = max(1, width - 2)
            lines += [Text(cut(f" {line[start : start + room]}", width)) for start in range(0, max(1, len(line)), room)]
        if not one.body:
            lines += [
                Text(cut(" The body of this answer is empty, or was not kept.", width)),
                Text(cut(" Bodies are kept for the newest read, for changes and for errors;", width), QUIET),
                Text(cut(" a rollout that is shown from its journal has none.", width), QUIET),
            ]
        return lines


class HostScreen(View):
    """`names`: the hosts to page through, as the table showed them. Returns the one that was shown last.

    The cursor stands on the newest line, and follows it, until it is moved up.
    """

    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "move(-20)", show=False),
        Binding("pagedown,space", "move(20)", show=False),
        Binding("home,g", "move(-1000)", show=False),
        Binding("end,G", "move(1000)", show=False),
        Binding("left,left_square_bracket", "host(-1)", show=False),
        Binding("right,right_square_bracket", "host(1)", show=False),
        Binding("enter", "body", show=False),
        Binding("slash", "search", show=False),
        Binding("q", "back", show=False),
    ]
    AUTO_FOCUS = ""  # not the field: letters are keys until / opens it
    DEFAULT_CSS = "HostScreen #search { display: none; height: 1; border: none; padding: 0 1; }"
    keys = "esc back  ← → other host  enter response  / search"

    place = "detail"

    def __init__(self, context: ViewContext, names: Sequence[str], name: str) -> None:
        super().__init__(context)
        self._names = list(names)
        self._host = name
        self._at: tuple[float, tuple[object, ...]] | None = None  # the entry under the cursor; None: the newest one
        self._words = ""  # that are searched for

    def compose(self) -> ComposeResult:
        yield LinePanel("header")
        yield LinePanel("body")
        yield Field(FILTER, id="search", placeholder="words that the lines of the log contain", compact=True)
        yield LinePanel("footer")

    def chosen(self) -> list[str]:
        return [self._host]

    @property
    def _of(self) -> HostState:
        return self.context.rollout.hosts[self._host]

    # Drawing

    def draw_header(self, width: int) -> None:
        context = self.context
        name = host_head.name_line(
            self._of,
            context.rollout,
            now=context.now,
            width=width,
            word=context.word(self._of),
            symbols=context.symbols,
        )
        self.put("header", [self.first_line(width), name])

    def lines(self, width: int, height: int) -> Sequence[Text]:
        context, host = self.context, self._of
        rollout, symbols, now = context.rollout, context.symbols, context.now
        blank = Text(" " * width)
        head = host_head.state_lines(host, rollout, now=now, width=width, why=context.why(host))
        title = host_time.title(host, rollout, now)
        head += [host_head.rule("Where its time went", title, width, symbols), *host_time.bar(host, rollout, now, width, symbols)]
        if height + 4 < LOW or width < BESIDE:
            head += [host_time.short_line(host, rollout, now, width, symbols)] if host.spans else []
            if host.report is not None:
                told = "   ".join(f"{label} {words}".strip() for label, words, _ in facts(host))
                head.append(fitted(Text(" BMC ", QUIET).append(told, ""), width, ellipsis=symbols.ellipsis))
        else:
            head += self._beside(host_time.table(host, rollout, now, symbols), width)
        past = [one for one in context.view.past(self._host) if one.rollout != rollout.id]
        head += past_lines(past, width, height // 6)
        head = head[: max(0, height - _FEWEST)]
        head += [blank] if height + 4 >= LOW else []
        return [*head, *self._log_lines(width, height - len(head))]

    def _beside(self, table: Sequence[Text], width: int) -> list[Text]:
        """The table of the stages, and beside it what the BMC told."""
        host, context = self._of, self.context
        height = max(len(table), 2 + max(1, len(facts(host))))
        asks = not context.read_only
        told = bmc_box(host, context.rollout, width=width - host_time.TABLE, height=height, asks=asks, symbols=context.symbols)
        left = [*table, *[Text(" " * host_time.TABLE)] * (height - len(table))]
        return [line.copy().append_text(right) for line, right in zip(left, told, strict=True)]

    def _entries(self) -> list[LogEntry]:
        found = entries(self._of, self.context.view.exchanges(self._host))
        return matching(found, self._words) if self._words else found

    def _place(self, found: Sequence[LogEntry]) -> int:
        """Of the cursor: lines may have been folded, or have gone, since it was put there."""
        if self._at is None:
            return len(found) - 1
        at, key = self._at
        same = (place for place, one in enumerate(found) if one.key == key and one.at <= at <= one.until)
        later = (place for place, one in enumerate(found) if one.until >= at)
        return next(same, next(later, len(found) - 1))

    def _log_lines(self, width: int, height: int) -> list[Text]:
        found, rollout, symbols = self._entries(), self.context.rollout, self.context.symbols
        all_lines = sum(one.count for one in found)
        words = f"newest last   {count(all_lines, 'line')}"
        words += f", shown as {len(found)} (equal lines are shown once)" if all_lines > len(found) else ""
        if self._words:
            words = f"lines with {self._words!r}: {len(found)} (esc: all)"
        place, room = self._place(found), max(1, height - 1)
        top = max(0, min(len(found) - room, place - room // 2)) if self._at is not None else max(0, len(found) - room)
        lines = [
            log_line(one, width, rollout.time, cursor=number == place, symbols=symbols)
            for number, one in enumerate(found[top : top + room], top)
        ]
        return [host_head.rule("Log", words, width, symbols), *lines]

    def state(self) -> str:
        names = self._names
        which = f" host {names.index(self._host) + 1} of {len(names)}" if self._host in names else ""
        held = "view held while you scroll (press End to follow new lines)"
        return f"{which}   {'following new log lines' if self._at is None else held}"

    def frame(self, dirty: set[str]) -> None:
        if self._host in dirty:
            self.panels()

    # Moving

    def action_move(self, lines: int) -> None:
        found = self._entries()
        place = max(0, min(self._place(found) + lines, len(found) - 1))
        self._at = (found[place].at, found[place].key) if found and place < len(found) - 1 else None
        self.panels()

    def action_body(self) -> None:
        found = self._entries()
        entry = found[self._place(found)] if found else None
        if entry is None or entry.exchange is None:
            self.context.flash = "this line is not a request: it has no body"
            self.panels()
        else:
            app: Any = self.app
            app.ask(BodyScreen(self.context, entry), lambda answer: None)

    def action_host(self, step: int) -> None:
        if self._host in self._names:
            place = self._names.index(self._host) + step
            self._show(self._names[min(max(0, place), len(self._names) - 1)])

    def step_to_failed(self, step: int) -> None:
        hosts = self.context.rollout.hosts
        here = self._names.index(self._host) if self._host in self._names else -1
        ahead = self._names[here + 1 :] if step > 0 else self._names[:here][::-1] if here > 0 else []
        found = next((name for name in ahead if hosts[name].status is HostStatus.FAILED), None)
        if found is None:
            self.context.flash = f"no failed host is shown {'after' if step > 0 else 'before'} this one"
        self._show(found or self._host)

    def _show(self, name: str) -> None:
        self._host, self._at = name, None
        self.panels()

    # Searching

    def action_search(self) -> None:
        field = self.query_one("#search", Input)
        field.display = True
        self.set_focus(field)  # at once, for what is typed right behind the slash

    def on_input_changed(self, event: Input.Changed) -> None:
        self._words, self._at = event.value.strip(), None
        self.panels()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._close_search()

    def action_back(self) -> None:
        field = self.query_one("#search", Input)
        if field.display or self._words:
            field.value = self._words = ""
            self._close_search()
        else:
            self.end(self._host)

    def _close_search(self) -> None:
        self.query_one("#search", Input).display = False
        self.set_focus(None)
        self.panels()
