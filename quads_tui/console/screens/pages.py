"""Pages to read: the help, and the messages so far."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding

from quads_tui.console.key_actions import TARGETS, of_place
from quads_tui.console.row_commands import as_action
from quads_tui.render.line import cut
from quads_tui.render.palette import BAD, QUIET, STRONG
from quads_tui.rollout.events import Notice

from .view import View


class Page(View):
    """Lines that scroll. `whole` returns all of them."""

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
        lines = self.whole(width)
        self._top = max(0, min(self._top, len(lines) - height))
        return lines[self._top : self._top + height]

    def action_scroll(self, lines: int) -> None:
        self._top += lines
        self.panels()


class HelpScreen(Page):
    def whole(self, width: int) -> Sequence[Text]:
        places = {
            "table": "The table",
            "hosts": TARGETS,
            "anywhere": "Anywhere",
            "start": "On the screen of all rollouts (quads-tui without a command)",
        }
        lines = []
        for place, title in places.items():
            lines += _heading(title, width)
            for action in of_place(place):
                name = "" if place == "start" else f":{action.command} {action.argument}"
                lines.append(Text(cut(f"   {action.shown:8} {name:22} {action.help}", width)))
        if runner := self.context.row_commands:
            lines += _heading(
                "Commands of the site. For the marked hosts; if none is marked, for the host under the cursor", width
            )
            for command in runner.commands:
                action = as_action(command)
                lines.append(Text(cut(f"   {action.shown:8} {':' + action.command:22} {action.help}", width)))
        return lines


def _heading(words: str, width: int) -> list[Text]:
    return [Text(cut(f" {line}", width), STRONG) for line in wrap(words, max(20, width - 1))]


class MessagesScreen(Page):
    """Notices and commands, the newest first."""

    def whole(self, width: int) -> Sequence[Text]:
        lines = []
        for entry in reversed(self.context.rollout.notices):
            stamp = self.context.rollout.time.time_of_day(entry.at)
            if isinstance(entry, Notice):
                lines.append(Text(cut(f" {stamp} {entry.level:7} {entry.text}", width), BAD if entry.level == "error" else ""))
            else:
                lines.append(Text(cut(f" {stamp} {entry.who}: {entry.text}", width), QUIET))
        return lines or [Text(cut(" No messages yet.", width), QUIET)]
