"""Questions. The safe answer has the focus. Keys are ignored for the first 300 ms and within a stream of keys, so that no unread
question is answered. Only the first answer counts; keys that follow it in the same stream are ignored."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key, Resize
from textual.screen import ModalScreen
from textual.widgets import Input

from quads_tui.render.line import fitted
from quads_tui.render.palette import BAD, STRONG
from quads_tui.render.question import QuestionText, answer_lines, question_lines
from quads_tui.render.small import SMALLEST, is_too_small
from quads_tui.render.symbols import BRAILLE, Symbols

from .fault_tolerant_app import SafeScreen, ignored
from .field import ANSWER, Field
from .line_panel import LinePanel

DEBOUNCE = 0.3  # seconds
STREAM = 0.1  # seconds; keys that follow each other faster are a slow paste, or one key that is held down

WIDEST = 86  # cells of a dialog, its frame included
_LARGER = "Too long for this terminal: make it larger to answer."
_FRAME = 8  # cells of it: two lines, and three cells of ground on each side

_CSS = """
{name} {{ align: center middle; }}
{name} > Vertical {{ width: 86; max-width: 100%; height: auto; border: round $secondary; padding: 0 3; background: $surface; }}
{name} > Vertical.wipes {{ border: round $error; }}
{name} > Vertical {{ border-title-style: bold; border-subtitle-style: bold; border-title-color: $text; }}
{name} > Vertical.wipes {{ border-title-color: $error; }}
{name} LinePanel {{ background: $surface; }}
"""


class _Dialog(SafeScreen, ModalScreen[str]):
    """What both kinds share: their question, and from when on a key counts."""

    _below = 0  # rows under the lines
    _safe = ""  # the answer that does nothing
    _fits = False  # all of it that must be read is seen

    def __init__(self, asked: QuestionText | Sequence[str], monotonic: Callable[[], float]) -> None:
        """`asked`: the first of several lines is the title."""
        super().__init__()
        self._asked = asked if isinstance(asked, QuestionText) else QuestionText(title=asked[0], happens=tuple(asked[1:]))
        self._monotonic = monotonic
        self._opened = monotonic()

    def _frame(self) -> Vertical:
        frame = Vertical(classes="wipes" if self._asked.wipes else "")
        frame.border_title = Text(self._asked.title)  # text, never markup
        frame.border_subtitle = Text(f"key {self._asked.key}" if self._asked.key else "")
        return frame

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        width, blank = max(1, min(WIDEST, self.app.size.width) - _FRAME), Text()
        answers = [blank, *self._answers(width), blank]
        room = self.app.size.height - 2 - self._below - len(answers)
        lines = question_lines(self._asked, width, room, self._symbols)
        self._fits = len(lines) <= room and not is_too_small(self.app.size, SMALLEST)
        if len(lines) > room:
            lines = [*lines[: max(0, room - 1)], Text(_LARGER, BAD)]
        above = [blank] if len(lines) < room else []
        self.query_one(LinePanel).put([fitted(line, width) for line in (*above, *lines, *answers)])

    @property
    def _symbols(self) -> Symbols:
        """Those of the console; the start screen has none."""
        app: Any = self.app
        return app.context.symbols if hasattr(app, "context") else BRAILLE

    def _answers(self, width: int) -> Sequence[Text]:
        raise NotImplementedError

    @property
    def ready(self) -> bool:
        """It has been shown long enough to be read."""
        return self._monotonic() - self._opened >= DEBOUNCE

    def answer(self, value: str, key: str) -> None:
        """What cannot be read on this terminal is not agreed to."""
        if value not in ("", self._safe) and not self._fits:
            return
        if self.end(value):
            app: Any = self.app
            app.answered(key)


class Question(_Dialog):
    """Returns one of the answers' keys, or "" (escape). Other keys are ignored."""

    DEFAULT_CSS = _CSS.format(name="Question")

    def __init__(self, asked: QuestionText | Sequence[str], answers: dict[str, str], monotonic: Callable[[], float]) -> None:
        """`answers`: key -> what it does; the first one is the safe one and also enter's."""
        super().__init__(asked, monotonic)
        self._keys = answers
        self._safe = next(iter(answers))
        self._pressed = -math.inf  # the last key, whichever

    def compose(self) -> ComposeResult:
        with self._frame():
            yield LinePanel("question")

    def _answers(self, width: int) -> Sequence[Text]:
        return answer_lines(self._keys, width, wipes=self._asked.wipes)

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
            self.answer(next(iter(self._keys)), event.key)
        elif event.character in self._keys:
            self.answer(event.character or "", event.key)


class TextQuestion(_Dialog):
    """Returns what was typed; "" when it was cancelled."""

    DEFAULT_CSS = _CSS.format(name="TextQuestion") + "TextQuestion Field { margin: 0 0 1 0; background: $background; }"
    BINDINGS: ClassVar = [("escape", "leave", "leave")]
    _below = 2

    def __init__(
        self, asked: QuestionText | Sequence[str], monotonic: Callable[[], float], default: str = "", hint: str = ""
    ) -> None:
        """`hint`: what to type."""
        super().__init__(asked, monotonic)
        self._default = default
        self._hint = hint

    def compose(self) -> ComposeResult:
        with self._frame():
            yield LinePanel("question")
            yield Field(ANSWER, value=self._default, compact=True)

    def _answers(self, width: int) -> Sequence[Text]:
        return [fitted(Text(self._hint, STRONG), width)] if self._hint else []

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
