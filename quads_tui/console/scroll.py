"""Lines to read, or to choose one from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen

from quads_tui.render.line import cut
from quads_tui.render.palette import BAR, TITLE

from .fault_tolerant_app import SafeScreen
from .line_panel import LinePanel


class Scroll(SafeScreen, Screen[str]):
    """Returns "go" (enter), the number of the line under the cursor where one is chosen, or "" (escape).

    `lines` are clean.
    """

    DEFAULT_CSS = "Scroll { layout: vertical; } Scroll #body { height: 1fr; }"
    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "move(-20)", show=False),
        Binding("pagedown,space", "move(20)", show=False),
        Binding("enter", "go", show=False),
        Binding("escape,q", "back", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[str], keys: str, *, pick: bool = False) -> None:
        super().__init__()
        self._title = title
        self._lines = list(lines)
        self._keys = keys
        self._pick = pick
        self._at = 0  # the line under the cursor, or the first one shown

    def replace(self, lines: Sequence[str]) -> None:
        """Show other lines; the cursor stays where it is."""
        self._lines = list(lines)
        if self.is_mounted:
            self._draw()

    def compose(self) -> ComposeResult:
        yield LinePanel("header")
        yield LinePanel("body")
        yield LinePanel("footer")

    def on_mount(self) -> None:
        self._draw_soon()

    def on_resize(self) -> None:
        self._draw_soon()

    def _draw_soon(self) -> None:
        app: Any = self.app
        self.call_after_refresh(app.run_safely(self._draw))

    def _draw(self) -> None:
        width, height = self.size
        room = max(1, height - 3)
        last = len(self._lines) - (1 if self._pick else room)
        self._at = max(0, min(self._at, last))
        top = max(0, min(self._at - room // 2, len(self._lines) - room)) if self._pick else self._at
        lines = []
        for number, line in enumerate(self._lines[top : top + room], top):
            here = self._pick and number == self._at
            lines.append(Text(cut(f" {'>' if here else ' '} {line}", width), "reverse" if here else ""))
        self.query_one("#header", LinePanel).put([Text(cut(f" {self._title}", width), TITLE)])
        self.query_one("#body", LinePanel).put([*lines, *[Text(" " * width)] * (room - len(lines))])
        more = f"   {top + len(lines)} of {len(self._lines)}" if len(self._lines) > room else ""
        self.query_one("#footer", LinePanel).put([Text(" " * width), Text(cut(f" {self._keys}{more}", width), BAR)])

    def action_move(self, lines: int) -> None:
        self._at += lines
        self._draw()

    def action_go(self) -> None:
        self.end(str(self._at) if self._pick else "go")

    def action_back(self) -> None:
        self.end("")
