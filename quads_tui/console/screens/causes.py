"""Failures by stage and cause: how many, since when, and actions on all hosts of a group at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding

from quads_tui.console.line_panel import LinePanel
from quads_tui.console.view_context import ViewContext
from quads_tui.render import failures
from quads_tui.render.line import cut
from quads_tui.render.numbers import count
from quads_tui.render.palette import QUIET, STRONG
from quads_tui.rollout.state import FailureGroup

from .view import View


class CausesScreen(View):
    """The cursor stays on its group when groups move. Actions apply to all hosts of the group. Returns "only" for the table."""

    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("enter", "only", show=False),
        Binding("q,F", "back", show=False),
    ]
    keys = "esc back  enter show only these hosts"

    def __init__(self, context: ViewContext) -> None:
        super().__init__(context)
        self._key: failures.Key | None = None
        self._place = 0
        self._slipped = False  # the chosen group has no hosts any more, and the cursor stands on another one

    @property
    def group(self) -> FailureGroup | None:
        """Under the cursor."""
        groups = failures.groups(self.context.rollout)
        found = next((place for place, group in enumerate(groups) if failures.key_of(group) == self._key), None)
        self._place = found if found is not None else max(0, min(self._place, len(groups) - 1))
        group = groups[self._place] if groups else None
        self._slipped = self._slipped or (found is None and self._key is not None)
        self._key = failures.key_of(group) if group else None
        return group

    def chosen(self) -> list[str]:
        group = self.group
        return list(group.hosts) if group else []

    def choose(self) -> str:
        group = self.group
        slipped, self._slipped = self._slipped, False
        return "nothing was done: the cursor is now on other failures; look, then press again" if slipped and group else ""

    def lines(self, width: int, height: int) -> Sequence[Text]:
        groups, here = failures.groups(self.context.rollout), self.group
        if here is None:
            return [Text(cut(" No host has failed.", width), STRONG)]
        lines = [Text(cut(self._count(groups), width), STRONG)]
        room = max(3, height - 12)
        top = max(0, min(self._place - room // 2, len(groups) - room))
        lines += [
            failures.group_line(group, width, cursor=group is here, since=self._since(group), symbols=self.context.symbols)
            for group in groups[top : top + room]
        ]
        lines += [Text(" " * width), Text(cut(f" {here.reason}", width), STRONG)]
        lines += [Text(cut(f" afterwards: {failures.left_as(self.context.rollout, here)}", width), STRONG)]
        names = [name.partition(".")[0] for name in here.hosts]
        size = max(map(len, names)) + 2
        across = max(1, (width - 2) // size)
        rows = [names[start : start + across] for start in range(0, len(names), across)]
        left = height - len(lines)
        lines += [Text(cut(" " + "".join(cut(name, size) for name in row), width), QUIET) for row in rows[:left]]
        if len(rows) > left and left:
            lines[-1] = Text(cut(f" and {len(names) - across * (left - 1)} more", width), QUIET)
        return lines

    def _since(self, group: FailureGroup) -> str:
        return self.context.rollout.time.clock(group.since, self.context.clock.wall())

    def _count(self, groups: Sequence[FailureGroup]) -> str:
        failed = sum(len(group.hosts) for group in groups)
        return f" {failed} of {count(len(self.context.rollout.hosts), 'host')} failed, {count(len(groups), 'cause')}"

    def frame(self, dirty: set[str]) -> None:
        pass  # once a second is enough for counts

    def action_move(self, step: int) -> None:
        groups = failures.groups(self.context.rollout)
        if self.group is not None:
            self._place = max(0, min(self._place + step, len(groups) - 1))
            self._key, self._slipped = failures.key_of(groups[self._place]), False
        self.panels()

    def clicked(self, event: LinePanel.Clicked) -> None:
        if "group" in event.meta:
            self._key, self._slipped = event.meta["group"], False
            self.panels()
            if event.double:
                self.action_only()

    def action_only(self) -> None:
        self.end("only" if self.group else "")
