"""All commands in one list, what fits the hosts under the cursor first; what is typed narrows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from quads_tui.render.line import cut, fitted
from quads_tui.render.palette import CURSOR, QUIET, STRONG, lifted
from quads_tui.render.symbols import Symbols

from .fault_tolerant_app import SafeScreen
from .field import ANSWER, Field
from .key_actions import KeyAction
from .line_panel import LinePanel

_MOVES = frozenset(("cursor_up", "cursor_down", "page_up", "page_down", "first", "last"))


def by_relevance(actions: Sequence[KeyAction], fits: Callable[[KeyAction], bool]) -> Sequence[KeyAction]:
    """What does something to the chosen hosts, as `fits` has it, then what else this screen offers, and moving last of all."""

    def rank(action: KeyAction) -> tuple[int, int]:
        if action.name in _MOVES:
            return 4, 0
        if action.statuses and not fits(action):
            return 3, -action.footer
        if not action.footer:
            return 2, 0
        return (0 if action.statuses else 1), -action.footer

    return sorted(actions, key=rank)


def matching(actions: Sequence[KeyAction], typed: str) -> Sequence[KeyAction]:
    """Those that have all words that were typed: first where the command begins with them, then where the command has them."""
    words = typed.lower().split()

    def rank(action: KeyAction) -> int:
        if all(word in action.command for word in words):
            return 0 if action.command.startswith(words[0]) else 1
        return 2

    def fits(action: KeyAction, word: str) -> bool:
        return word in action.command or any(of_help.startswith(word) for of_help in action.help.lower().split())

    found = [action for action in actions if all(fits(action, word) for word in words)]
    return sorted(found, key=rank) if words else found


class CommandPalette(SafeScreen, ModalScreen[str]):
    """Returns the command that was chosen; "" when it was cancelled."""

    DEFAULT_CSS = """
    CommandPalette { align: center middle; }
    CommandPalette > Vertical { width: 100; max-width: 95%; height: auto; border: round $warning; padding: 0 1; }
    CommandPalette > Vertical { background: $surface; }
    CommandPalette Input { border: none; padding: 0 1; }
    CommandPalette LinePanel { margin-top: 1; }
    """
    BINDINGS: ClassVar = [
        Binding("escape,ctrl+p", "leave", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down,tab", "move(1)", show=False, priority=True),
        Binding("pageup", "move(-10)", show=False, priority=True),
        Binding("pagedown", "move(10)", show=False, priority=True),
    ]

    def __init__(self, actions: Sequence[KeyAction], symbols: Symbols) -> None:
        """`actions`: in the order in which they are shown."""
        super().__init__()
        self._actions = self._found = actions
        self._symbols = symbols
        self._place = self._top = 0

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Field(ANSWER, placeholder="what do you want to do?   ↑ ↓ enter, esc cancels", compact=True)
            yield LinePanel("commands")

    def on_mount(self) -> None:
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        panel = self.query_one(LinePanel)
        width, room = panel.size.width, max(1, min(16, self.size.height - 6))
        self._top = max(0, min(self._top, self._place), self._place - room + 1)
        rows = self._found[self._top : self._top + room]
        lines = [self._line(action, width, here=self._top + row == self._place) for row, action in enumerate(rows)]
        panel.put(lines or [Text(cut(" no command has these words", width), QUIET)])

    def _line(self, action: KeyAction, width: int, *, here: bool) -> Text:
        def ink(style: str) -> str:
            return lifted(style) if here else style

        line = Text(self._symbols.cursor if here else " ").append(f" {action.command:<16}", ink(STRONG))
        line.append(f"{action.shown:<9}", ink(QUIET)).append(action.help)
        line = fitted(line, width, ellipsis=self._symbols.ellipsis)
        line.style = CURSOR if here else ""
        return line

    def on_input_changed(self, event: Input.Changed) -> None:
        self._found, self._place = matching(self._actions, event.value), 0
        self._draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._choose(self._place)

    def on_line_panel_clicked(self, event: LinePanel.Clicked) -> None:
        self._choose(self._top + event.line)

    def _choose(self, place: int) -> None:
        if place < len(self._found):
            self.end(self._found[place].command)

    def action_move(self, rows: int) -> None:
        self._place = max(0, min(self._place + rows, len(self._found) - 1))
        self._draw()

    def action_leave(self) -> None:
        self.end("")
