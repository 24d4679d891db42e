"""One host in full: the head stays, its history scrolls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding

from quads_tui.console.view_context import ViewContext
from quads_tui.render.detail import detail_head, history, past_lines
from quads_tui.rollout.stages import HostStatus

from .view import View


class HostScreen(View):
    """`names`: the hosts to page through, as the table showed them. Returns the one that was shown last."""

    BINDINGS: ClassVar = [
        Binding("up,k", "scroll(-1)", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("pageup", "scroll(-20)", show=False),
        Binding("pagedown,space", "scroll(20)", show=False),
        Binding("home,g", "scroll(-1000)", show=False),
        Binding("end,G", "scroll(1000)", show=False),
        Binding("left,left_square_bracket", "host(-1)", show=False),
        Binding("right,right_square_bracket", "host(1)", show=False),
        Binding("enter,q", "back", show=False),
    ]
    keys = "esc back  ← → other host  n N failed host  y copy"

    place = "detail"

    def __init__(self, context: ViewContext, names: Sequence[str], name: str) -> None:
        super().__init__(context)
        self._names = list(names)
        self._host = name
        self._up = 0  # lines that the newest stands below the last one shown

    def chosen(self) -> list[str]:
        return [self._host]

    def lines(self, width: int, height: int) -> Sequence[Text]:
        context = self.context
        host = context.rollout.hosts[self._host]
        now, time = context.clock.wall(), context.rollout.time
        head = detail_head(host, now=now, time=time, width=width, why=context.why(host), symbols=context.symbols)
        past = [one for one in context.view.past(self._host) if one.rollout != context.rollout.id]
        head += past_lines(past, width, height // 6)
        shown_lines = history(host, context.view.exchanges(self._host), width, time)
        room = max(0, height - len(head) - 1)
        self._up = max(0, min(self._up, len(shown_lines) - room))
        end = len(shown_lines) - self._up
        return [*head, Text(" " * width), *shown_lines[max(0, end - room) : end]]

    def frame(self, dirty: set[str]) -> None:
        if self._host in dirty:
            self.panels()

    def action_scroll(self, lines: int) -> None:
        self._up -= lines
        self.panels()

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
        self._host, self._up = name, 0
        self.panels()

    def action_back(self) -> None:
        self.end(self._host)
