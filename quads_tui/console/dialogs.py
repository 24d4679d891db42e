"""Questions. The safe answer has the focus. Keys are ignored for the first 300 ms and within a stream of keys, so that no unread
question is answered. Only the first answer counts; keys that follow it in the same stream are ignored."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from quads_tui.render.small import SMALLEST, is_too_small

from .fault_tolerant_app import SafeScreen, ignored
from .field import ANSWER, Field

DEBOUNCE = 0.3  # seconds
STREAM = 0.1  # seconds; keys that follow each other faster are a slow paste, or one key that is held down

_CSS = """
{name} {{ align: center middle; }}
{name} > Vertical {{ width: 76; max-width: 95%; height: auto; border: round $warning; padding: 1 2; background: $surface; }}
{name} Static {{ width: 1fr; height: auto; }}
"""


class _Dialog(SafeScreen, ModalScreen[str]):
    """What both kinds share: their lines, and from when on a key counts."""

    _safe = ""  # the answer that does nothing

    def __init__(self, lines: Sequence[str], monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._lines = lines
        self._monotonic = monotonic
        self._opened = monotonic()

    @property
    def ready(self) -> bool:
        """It has been shown long enough to be read."""
        return self._monotonic() - self._opened >= DEBOUNCE

    def answer(self, value: str, key: str) -> None:
        """What cannot be read on this terminal is not agreed to."""
        if value not in ("", self._safe) and is_too_small(self.app.size, SMALLEST):
            return
        if self.end(value):
            app: Any = self.app
            app.answered(key)


class Question(_Dialog):
    """Returns one of the answers' keys, or "" (escape). Other keys are ignored."""

    DEFAULT_CSS = _CSS.format(name="Question")

    def __init__(self, lines: Sequence[str], answers: dict[str, str], monotonic: Callable[[], float]) -> None:
        """`answers`: key -> what it does; the first one is the safe one and also enter's."""
        super().__init__(lines, monotonic)
        self._answers = answers
        self._safe = next(iter(answers))
        self._pressed = -math.inf  # the last key, whichever

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text("\n".join(self._lines)))
            keys = "   ".join(f"{key} {what}" for key, what in self._answers.items())
            yield Static(Text(f"\n{keys}   (enter: {next(iter(self._answers.values()))})", "bold"))

    def on_key(self, event: Key) -> None:
        event.stop()
        event.prevent_default()
        now = self._monotonic()
        alone, self._pressed = now - self._pressed >= STREAM, now
        if not (alone and self.ready):
            return
        if event.key == "escape":
            self.answer("", event.key)
        elif event.key == "enter":
            self.answer(next(iter(self._answers)), event.key)
        elif event.character in self._answers:
            self.answer(event.character or "", event.key)


class TextQuestion(_Dialog):
    """Returns what was typed; "" when it was cancelled."""

    DEFAULT_CSS = _CSS.format(name="Typed")
    BINDINGS: ClassVar = [("escape", "leave", "leave")]

    def __init__(self, lines: Sequence[str], monotonic: Callable[[], float], default: str = "") -> None:
        super().__init__(lines, monotonic)
        self._default = default

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text("\n".join(self._lines)))
            yield Field(ANSWER, value=self._default)

    def on_key(self, event: Key) -> None:
        if not self.ready:
            event.stop()
            event.prevent_default()

    def paste(self, text: str, count: int) -> str:
        return self.query_one(Field).paste(text, count) if self.ready else ignored(count)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self.ready:
            self.answer(event.value, "enter")

    def action_leave(self) -> None:
        self.answer("", "escape")
