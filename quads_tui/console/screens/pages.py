"""Pages to read: help, and what was said so far."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding

from quads_tui.console.key_actions import of_place
from quads_tui.render.host_row import cut
from quads_tui.render.palette import BAD, QUIET, STRONG
from quads_tui.rollout.events import Notice

from .view import View


class Page(View):
    """Lines that scroll. `whole` gives all of them."""

    BINDINGS: ClassVar = [
        Binding("up,k", "scroll(-1)", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("pageup", "scroll(-20)", show=False),
        Binding("pagedown,space", "scroll(20)", show=False),
        Binding("enter,q,question_mark,m", "back", show=False),
    ]
    keys = "esc back  ↑ ↓ scroll"
    _top = 0

    def whole(self, width: int) -> Sequence[Text]:
        raise NotImplementedError

    def lines(self, width: int, height: int) -> Sequence[Text]:
        told = self.whole(width)
        self._top = max(0, min(self._top, len(told) - height))
        return told[self._top : self._top + height]

    def action_scroll(self, lines: int) -> None:
        self._top += lines
        self.panels()


class HelpScreen(Page):
    def whole(self, width: int) -> Sequence[Text]:
        places = {
            "table": "The table",
            "hosts": "On the marked hosts, else on the one under the cursor, in full view, or on all of a group of failures",
            "anywhere": "Anywhere",
            "start": "On the screen of all rollouts (quads-tui without a command)",
        }
        lines = []
        for place, title in places.items():
            lines.append(Text(cut(f" {title}", width), STRONG))
            for act in of_place(place):
                name = "" if place == "start" else f":{act.command} {act.argument}"
                lines.append(Text(cut(f"   {act.shown:8} {name:22} {act.help}", width)))
        return lines


class MessagesScreen(Page):
    """Notices and orders, the newest first."""

    def whole(self, width: int) -> Sequence[Text]:
        lines = []
        for told in reversed(self.context.rollout.notices):
            stamp = datetime.fromtimestamp(told.at).astimezone().strftime("%H:%M:%S")
            if isinstance(told, Notice):
                lines.append(Text(cut(f" {stamp} {told.level:7} {told.text}", width), BAD if told.level == "error" else ""))
            else:
                lines.append(Text(cut(f" {stamp} {told.who}: {told.text}", width), QUIET))
        return lines or [Text(cut(" Nothing was said yet.", width), QUIET)]
