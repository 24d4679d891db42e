"""Acts by their names: a line with completion and history, and textual's palette. Both read the registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input

from .fault_tolerant_app import SafeScreen
from .field import COMMAND, Field
from .key_actions import COMMANDS, KeyAction


class CommandLine(SafeScreen, ModalScreen[str]):
    """Ends with what was typed; "" when it was left. `history`: the newest last; it grows by what is submitted."""

    DEFAULT_CSS = """
    CommandLine { align: center bottom; background: transparent; }
    CommandLine Input { height: 1; border: none; padding: 0 1; dock: bottom; }
    """
    BINDINGS: ClassVar = [
        Binding("escape", "leave", show=False),
        Binding("up", "recall(-1)", show=False, priority=True),
        Binding("down", "recall(1)", show=False, priority=True),
        Binding("tab", "complete", show=False, priority=True),
    ]

    def __init__(self, history: list[str], words: Sequence[str]) -> None:
        """`words`: what completes beside the commands."""
        super().__init__()
        self._history = history
        self._place = len(history)
        names = [act.command + (" " if act.argument else "") for act in COMMANDS]
        self._suggester = SuggestFromList([*names, *words], case_sensitive=True)

    def compose(self) -> ComposeResult:
        yield Field(
            COMMAND, placeholder="a command; tab completes, ↑ recalls, esc leaves", suggester=self._suggester, compact=True
        )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        words = event.value.strip()
        if words and self._history[-1:] != [words]:
            self._history.append(words)
        self.end(words)

    def action_recall(self, step: int) -> None:
        self._place = min(max(0, self._place + step), len(self._history))
        field = self.query_one(Input)
        field.value = self._history[self._place] if self._place < len(self._history) else ""
        field.cursor_position = len(field.value)

    def action_complete(self) -> None:
        self.query_one(Input).action_cursor_right()  # takes the suggestion at the end of the line

    def action_leave(self) -> None:
        self.end("")


class ActProvider(Provider):
    """The acts in textual's command palette. The app has `available` and `order_by_name`."""

    def _acts(self) -> list[tuple[KeyAction, Callable[[], None]]]:
        app = self.app
        available: Sequence[KeyAction] = app.available  # type: ignore[attr-defined]
        order: Callable[[str], None] = app.order_by_name  # type: ignore[attr-defined]
        return [(act, lambda act=act: order(act.command)) for act in available]  # type: ignore[misc]

    async def discover(self) -> Hits:
        for act, run in self._acts():
            yield DiscoveryHit(act.command, run, help=act.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for act, run in self._acts():
            score = matcher.match(f"{act.command} {act.help}")
            if score > 0:
                yield Hit(score, matcher.highlight(act.command), run, help=act.help)
