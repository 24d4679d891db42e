"""A line for commands by name, with their completions above it and a history."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Input

from quads_tui.render.line import fitted
from quads_tui.render.palette import BAR, CURSOR, QUIET, STRONG, lifted, on_bar
from quads_tui.render.symbols import Symbols

from .completion import Candidate, Completer, Completion, paths
from .fault_tolerant_app import SafeScreen
from .field import COMMAND, Field
from .line_panel import LinePanel

_SHOWN = 8  # candidates at once


class CommandLine(SafeScreen, ModalScreen[str]):
    """Returns what was typed; "" when it was cancelled. `history`: the newest last; it grows by what is submitted."""

    DEFAULT_CSS = """
    CommandLine { align: center bottom; background: transparent; }
    CommandLine Input { height: 1; border: none; padding: 0 1; dock: bottom; }
    CommandLine #candidates { dock: bottom; margin-bottom: 1; }
    """
    BINDINGS: ClassVar = [
        Binding("escape", "leave", show=False),
        Binding("up", "recall(-1)", show=False, priority=True),
        Binding("down", "recall(1)", show=False, priority=True),
        Binding("tab", "complete(1)", show=False, priority=True),
        Binding("shift+tab", "complete(-1)", show=False, priority=True),
    ]

    def __init__(self, history: list[str], completer: Completer, symbols: Symbols) -> None:
        super().__init__()
        self._history = history
        self._place = len(history)
        self._completer = completer
        self._symbols = symbols
        self._completion = Completion(0)
        self._typed = ""  # what the candidates are for
        self._chosen = -1  # the candidate that stands in the line; -1: none
        self._reading: asyncio.Task[None] | None = None

    def compose(self) -> ComposeResult:
        yield LinePanel("candidates")
        yield Field(
            COMMAND,
            placeholder="command; tab completes, ↑ earlier commands, esc cancels",
            compact=True,
        )

    def on_resize(self) -> None:
        self._draw()

    def on_unmount(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    # Completion

    def on_input_changed(self, event: Input.Changed) -> None:
        if self._chosen < 0 or event.value != self._with(self._chosen):
            self._complete(event.value)

    def _complete(self, line: str) -> None:
        self._typed, self._chosen = line, -1
        self._completion = self._completer.of(line) if line else Completion(0)
        if self._completion.path:
            self._reading = asyncio.create_task(self._read_paths(line))
        self._draw()

    async def _read_paths(self, line: str) -> None:
        start = self._completion.start
        found = await asyncio.to_thread(paths, line[start:])
        if line == self._typed:
            self._completion = Completion(start, found)
            self._draw()

    def _with(self, place: int) -> str:
        """The line with this candidate."""
        return self._typed[: self._completion.start] + self._completion.found[place].text

    def action_complete(self, step: int) -> None:
        """As far as all candidates are alike, then one after the other."""
        found, start = self._completion.found, self._completion.start
        if not found:
            return
        common = self._typed[:start] + self._completion.common
        if self._chosen < 0 and (len(common) > len(self._typed) or len(found) == 1):
            self._put(common)
        else:
            self._chosen = (self._chosen + step) % len(found) if self._chosen >= 0 or step > 0 else len(found) - 1
            self._put(self._with(self._chosen))
            self._draw()

    def _put(self, line: str) -> None:
        field = self.query_one(Input)
        field.value = line[:COMMAND]
        field.cursor_position = len(field.value)

    def _draw(self) -> None:
        found, width = self._completion.found, self.size.width
        top = max(0, min(self._chosen - _SHOWN // 2, len(found) - _SHOWN))
        shown = found[top : top + min(_SHOWN, self.size.height - 2)]
        wide = max((len(candidate.text) for candidate in shown), default=0)
        lines = [self._line(candidate, wide, width, here=top + row == self._chosen) for row, candidate in enumerate(shown)]
        if (more := len(found) - top - len(shown)) > 0 and lines:
            lines.append(fitted(Text(f"   and {more:,} more", on_bar(QUIET)), width))
            lines[-1].style = BAR
        self.query_one(LinePanel).put(lines)

    def _line(self, candidate: Candidate, wide: int, width: int, *, here: bool) -> Text:
        line = (
            Text()
            .append(self._symbols.cursor if here else " ")
            .append(f" {candidate.text:<{wide}}", lifted(STRONG) if here else "")
        )
        line.append(f"   {candidate.note}", lifted(QUIET) if here else on_bar(QUIET))
        line = fitted(line, width, ellipsis=self._symbols.ellipsis)
        line.style = on_bar(CURSOR) if here else BAR
        return line

    # Keys

    def on_input_submitted(self, event: Input.Submitted) -> None:
        words = event.value.strip()
        if words and self._history[-1:] != [words]:
            self._history.append(words)
        self.end(words)

    def action_recall(self, step: int) -> None:
        self._place = min(max(0, self._place + step), len(self._history))
        self._put(self._history[self._place] if self._place < len(self._history) else "")

    def action_leave(self) -> None:
        self.end("")
