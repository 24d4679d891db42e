"""Questions. The safe answer has the focus, and keys of the first 300 ms are not taken: nobody answers unread questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input, Static

DEAF = 0.3  # seconds

_CSS = """
{name} {{ align: center middle; }}
{name} > Vertical {{ width: 76; max-width: 95%; height: auto; border: round $warning; padding: 1 2; background: $surface; }}
{name} Static {{ width: 1fr; height: auto; }}
"""


class Question(ModalScreen[str]):
    """Ends with one of the answers' keys, or with "" (escape, and any key that is no answer stays unheard)."""

    DEFAULT_CSS = _CSS.format(name="Question")

    def __init__(self, lines: Sequence[str], answers: dict[str, str], monotonic: Callable[[], float]) -> None:
        """`answers`: key -> what it does; the first one is the safe one and also enter's."""
        super().__init__()
        self._lines = lines
        self._answers = answers
        self._monotonic = monotonic
        self._opened = monotonic()

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text("\n".join(self._lines)))
            keys = "   ".join(f"{key} {what}" for key, what in self._answers.items())
            yield Static(Text(f"\n{keys}   (enter: {next(iter(self._answers.values()))})", "bold"))

    def on_key(self, event: Key) -> None:
        event.stop()
        event.prevent_default()
        if self._monotonic() - self._opened < DEAF:
            return
        if event.key == "escape":
            self.dismiss("")
        elif event.key == "enter":
            self.dismiss(next(iter(self._answers)))
        elif event.character in self._answers:
            self.dismiss(event.character or "")


class Typed(ModalScreen[str]):
    """Ends with what was typed; "" when it was left."""

    DEFAULT_CSS = _CSS.format(name="Typed")
    BINDINGS: ClassVar = [("escape", "leave", "leave")]

    def __init__(self, lines: Sequence[str], monotonic: Callable[[], float], default: str = "") -> None:
        super().__init__()
        self._lines = lines
        self._default = default
        self._monotonic = monotonic
        self._opened = monotonic()

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text("\n".join(self._lines)))
            yield Input(value=self._default, max_length=200)

    def on_key(self, event: Key) -> None:
        if self._monotonic() - self._opened < DEAF:
            event.stop()
            event.prevent_default()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self._monotonic() - self._opened >= DEAF:
            self.dismiss(event.value)

    def action_leave(self) -> None:
        self.dismiss("")
