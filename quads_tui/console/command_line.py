"""Commands by name: a line with completion and history, and textual's command palette. Both read the registry."""

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
    """Returns what was typed; "" when it was cancelled. `history`: the newest last; it grows by what is submitted."""

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
        """`words`: further completions, besides the commands."""
        super().__init__()
        self._history = history
        self._place = len(history)
        names = [action.command + (" " if action.argument else "") for action in COMMANDS]
        self._suggester = SuggestFromList([*names, *words], case_sensitive=True)

    def compose(self) -> ComposeResult:
        yield Field(
            COMMAND,
            placeholder="command; tab completes, ↑ earlier commands, esc cancels",
            suggester=self._suggester,
            compact=True,
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


class CommandProvider(Provider):
    """The actions in textual's command palette. The app has `available` and `order_by_name`."""

    def _acts(self) -> list[tuple[KeyAction, Callable[[], None]]]:
        app = self.app
        available: Sequence[KeyAction] = app.available  # type: ignore[attr-defined]
        order: Callable[[str], None] = app.run_command  # type: ignore[attr-defined]
        return [(action, lambda action=action: order(action.command)) for action in available]  # type: ignore[misc]

    async def discover(self) -> Hits:
        for action, run in self._acts():
            yield DiscoveryHit(action.command, run, help=action.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action, run in self._acts():
            score = matcher.match(f"{action.command} {action.help}")
            if score > 0:
                yield Hit(score, matcher.highlight(action.command), run, help=action.help)
