"""Latencies and the Foreman write queue on the whole screen, over five minutes, half an hour or the whole rollout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding

from quads_tui.console.view_context import ViewContext
from quads_tui.render import latencies
from quads_tui.render.eta import lane_words

from .view import View

_WINDOWS = list(latencies.WINDOWS)


class GraphsScreen(View):
    BINDINGS: ClassVar = [Binding("t", "window", show=False), Binding("enter,q,v", "back", show=False)]
    keys = "esc back  t next time window"

    def __init__(self, context: ViewContext) -> None:
        super().__init__(context)
        self._window = _WINDOWS[0]

    def lines(self, width: int, height: int) -> Sequence[Text]:
        context = self.context
        lane = lane_words(context.forecast)
        return latencies.large(context.meters, context.clock.now(), width, height, self._window, lane, context.symbols)

    def action_window(self) -> None:
        self._window = _WINDOWS[(_WINDOWS.index(self._window) + 1) % len(_WINDOWS)]
        self.panels()
