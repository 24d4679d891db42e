"""The clouds of a rollout: how far each is, and actions on all hosts of one at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding

from quads_tui.console.line_panel import LinePanel
from quads_tui.console.view_context import ViewContext
from quads_tui.render.clouds import cloud_line
from quads_tui.render.line import cut
from quads_tui.render.numbers import count
from quads_tui.render.palette import QUIET, STRONG

from .view import View


class CloudsScreen(View):
    """Actions apply to all hosts of the cloud under the cursor. Returns "only" for the table."""

    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("enter", "only", show=False),
        Binding("q,C", "back", show=False),
    ]
    keys = "esc back  enter show only these hosts"

    def __init__(self, context: ViewContext) -> None:
        super().__init__(context)
        self._place = 0
        self._top = self._room = 0  # the first cloud that is drawn, and how many are at most

    @property
    def cloud(self) -> str:
        """Under the cursor."""
        return list(self.context.rollout.clouds)[self._place]

    def chosen(self) -> list[str]:
        here = self.cloud
        return [host.name for host in self.context.rollout.hosts.values() if host.cloud == here]

    def lines(self, width: int, height: int) -> Sequence[Text]:
        rollout, symbols = self.context.rollout, self.context.symbols
        clouds, here = list(rollout.clouds), self.cloud
        lines = [Text(cut(f" {count(len(clouds), 'cloud')}, {count(len(rollout.hosts), 'host')}", width), STRONG)]
        room = max(1, height - 4)
        top = max(0, min(self._place - room // 2, len(clouds) - room))
        self._top, self._room = top, room
        lines += [cloud_line(rollout, cloud, width, symbols, cursor=cloud == here) for cloud in clouds[top : top + room]]
        goal = next(goal for goal in rollout.plan.goals if goal.cloud == here)
        facts = (
            goal.description,
            f"owner {goal.owner}" if goal.owner else "",
            f"ticket {goal.ticket}" if goal.ticket else "",
            goal.os,
        )
        return [*lines, Text(" " * width), Text(cut(f" {here}  {', '.join(fact for fact in facts if fact)}", width), QUIET)]

    def frame(self, dirty: set[str]) -> None:
        pass  # once a second is enough for counts

    def action_move(self, step: int) -> None:
        self._place = max(0, min(self._place + step, len(self.context.rollout.clouds) - 1))
        self.panels()

    def clicked(self, event: LinePanel.Clicked) -> None:
        place = self._top + event.line - 1
        if event.panel == "body" and 1 <= event.line <= self._room and place < len(self.context.rollout.clouds):
            self._place = place
            self.panels()
            if event.double:
                self.action_only()

    def action_only(self) -> None:
        self.end("only")
