"""Latencies and the Foreman write queue on the whole screen, over five minutes, half an hour or the whole rollout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding

from quads_tui.console.view_context import ViewContext
from quads_tui.render import boxes

from .view import View

_WINDOWS = list(boxes.WINDOWS)


class GraphsScreen(View):
    BINDINGS: ClassVar = [Binding("t", "window", show=False), Binding("enter,q,v", "back", show=False)]
    keys = "esc back  t next time window"
    needs = (60, 20)

    def __init__(self, context: ViewContext) -> None:
        super().__init__(context)
        self._window = _WINDOWS[0]

    def lines(self, width: int, height: int) -> Sequence[Text]:
        context = self.context
        return boxes.large(
            context.rollout,
            context.meters,
            context.forecast,
            now=context.clock.wall(),
            own=context.clock.now(),
            width=width,
            height=height,
            window=self._window,
            symbols=context.symbols,
        )

    def action_window(self) -> None:
        self._window = _WINDOWS[(_WINDOWS.index(self._window) + 1) % len(_WINDOWS)]
        self.panels()
