"""Hosts by stage, the Foreman write queue and latencies over time: of the whole rollout, or of the last half hour."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding

from quads_tui.console.view_context import ViewContext
from quads_tui.render import graphs
from quads_tui.rollout.forecast import SPARING

from .view import View

_WINDOWS = list(graphs.WINDOWS)


class GraphsScreen(View):
    BINDINGS: ClassVar = [Binding("t", "window", show=False), Binding("enter,q,v", "back", show=False)]
    keys = "esc back  t whole run or last 30 min"
    needs = (60, 20)

    def __init__(self, context: ViewContext) -> None:
        super().__init__(context)
        self._window = _WINDOWS[0]
        self._drawn: list[Text] = []
        self._drawn_as: tuple[object, ...] = ()
        self._next = 0.0  # monotonic: when they are drawn again

    def lines(self, width: int, height: int) -> Sequence[Text]:
        """Drawn at once when something else is to be seen; otherwise the less often, the more that costs."""
        context = self.context
        app: Any = self.app
        drawn_as = (width, height, self._window, context.symbols.name, app.coloured)
        if drawn_as != self._drawn_as or context.monotonic() >= self._next:
            began = time.thread_time()
            self._drawn_as = drawn_as
            self._drawn = graphs.screen(
                context.rollout,
                context.meters,
                context.forecast,
                now=context.clock.wall() if graphs.WINDOWS[self._window] else context.now,
                own=context.clock.now(),
                width=width,
                height=height,
                window=self._window,
                symbols=context.symbols,
                coloured=app.coloured,
            )
            self._next = context.monotonic() + SPARING * (time.thread_time() - began)
        return self._drawn

    def state(self) -> str:
        """Which time is shown."""
        return f" {self._window}"

    def action_window(self) -> None:
        self._window = _WINDOWS[(_WINDOWS.index(self._window) + 1) % len(_WINDOWS)]
        self.panels()
