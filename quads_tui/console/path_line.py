"""A line for the path of a file; tab completes it as in a shell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from .fault_tolerant_app import SafeScreen
from .field import Field

_PATH = 1000  # characters
_SHOWN = 8  # completions that are shown


class PathLine(SafeScreen, ModalScreen[str]):
    """Returns what was typed; "" when it was cancelled. `complete` may take a while: it reads the disk."""

    DEFAULT_CSS = """
    PathLine { align: center middle; }
    PathLine > Vertical { width: 100; max-width: 95%; height: auto; border: round $warning; padding: 1 2; background: $surface; }
    PathLine Static { width: 1fr; height: auto; }
    """
    BINDINGS: ClassVar = [
        Binding("escape", "leave", show=False),
        Binding("tab", "complete", show=False, priority=True),
    ]

    def __init__(self, complete: Callable[[str], Sequence[str]]) -> None:
        super().__init__()
        self._complete = complete

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text("Path of the assignment file (tab completes, enter makes the plan, esc cancels)"))
            yield Field(_PATH)
            yield Static(Text(""), id="found")

    async def action_complete(self) -> None:
        field = self.query_one(Field)
        typed = field.value
        found = await asyncio.to_thread(self._complete, typed)
        if field.value != typed:  # more was typed meanwhile
            return
        if len(common := _common(found)) > len(typed):
            field.value = common[:_PATH]
            field.cursor_position = len(field.value)
        lines = [path.rstrip("/").rpartition("/")[2] + "/" * path.endswith("/") for path in found[:_SHOWN]]
        lines += [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        if len(found) < 2:
            lines = [] if found else ["no completion: only directories and files that end in .yaml, .yml or .json are offered"]
        self.query_one("#found", Static).update(Text("\n".join(lines)))

    def paste(self, text: str, count: int) -> str:
        return self.query_one(Field).paste(text, count)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.end(event.value.strip())

    def action_leave(self) -> None:
        self.end("")


def _common(found: Sequence[str]) -> str:
    """What all of them begin with."""
    if not found:
        return ""
    first, last = min(found), max(found)
    return first[: next((place for place, character in enumerate(first) if character != last[place : place + 1]), len(first))]
