"""Failures by stage and cause: how many, since when, and what to do about a whole group at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding

from quads_tui.console.view_context import ViewContext
from quads_tui.render import overview
from quads_tui.render.host_row import cut
from quads_tui.render.palette import QUIET, STRONG
from quads_tui.rollout.state import FailureGroup

from .view import View

Key = tuple[str, str, str]


def key_of(group: FailureGroup) -> Key:
    return str(group.stage), group.cause.value, group.reason


class CausesScreen(View):
    """The cursor stays on its group, whatever moves. Acts apply to all hosts of the group. Ends with "only" for the table."""

    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("enter", "only", show=False),
        Binding("q,F", "back", show=False),
    ]
    keys = "esc back  enter its hosts only"

    def __init__(self, desk: ViewContext) -> None:
        super().__init__(desk)
        self._key: Key | None = None
        self._place = 0

    @property
    def group(self) -> FailureGroup | None:
        """Under the cursor."""
        told = overview.groups(self.desk.rollout)
        found = next((place for place, group in enumerate(told) if key_of(group) == self._key), None)
        self._place = found if found is not None else max(0, min(self._place, len(told) - 1))
        group = told[self._place] if told else None
        self._key = key_of(group) if group else None
        return group

    def chosen(self) -> list[str]:
        group = self.group
        return list(group.hosts) if group else []

    def lines(self, width: int, height: int) -> Sequence[Text]:
        told, here = overview.groups(self.desk.rollout), self.group
        if here is None:
            return [Text(cut(" No host has failed.", width), STRONG)]
        lines = [Text(cut(self._count(told), width), STRONG)]
        room = max(3, height - 12)
        top = max(0, min(self._place - room // 2, len(told) - room))
        lines += [overview.group_line(group, width, cursor=group is here) for group in told[top : top + room]]
        lines += [Text(" " * width), Text(cut(f" {here.reason}", width), STRONG)]
        lines += [Text(cut(f" afterwards: {overview.left_as(self.desk.rollout, here)}", width), STRONG)]
        names = [name.partition(".")[0] for name in here.hosts]
        size = max(map(len, names)) + 2
        across = max(1, (width - 2) // size)
        rows = [names[start : start + across] for start in range(0, len(names), across)]
        left = height - len(lines)
        lines += [Text(cut(" " + "".join(cut(name, size) for name in row), width), QUIET) for row in rows[:left]]
        if len(rows) > left and left:
            lines[-1] = Text(cut(f" and {len(names) - across * (left - 1)} more", width), QUIET)
        return lines

    def _count(self, told: Sequence[FailureGroup]) -> str:
        failed = sum(len(group.hosts) for group in told)
        return f" {failed} of {len(self.desk.rollout.hosts)} hosts failed in {len(told)} way{'' if len(told) == 1 else 's'}"

    def frame(self, dirty: set[str]) -> None:
        pass  # once a second is enough for counts

    def action_move(self, step: int) -> None:
        told = overview.groups(self.desk.rollout)
        if self.group is not None:
            self._place = max(0, min(self._place + step, len(told) - 1))
            self._key = key_of(told[self._place])
        self.panels()

    def action_only(self) -> None:
        self.end("only" if self.group else "")
