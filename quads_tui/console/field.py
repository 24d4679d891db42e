"""A line to type into, of bounded length whatever is typed or pasted."""

from __future__ import annotations

from typing import Any

from textual.widgets import Input

from quads_tui.render.host_filter import LONGEST

from .fault_tolerant_app import FaultTolerant

FILTER, COMMAND, ANSWER = LONGEST, 500, 200  # characters


class Field(FaultTolerant, Input):
    DEFAULT_CSS = """
    Field:focus { background-tint: transparent; }
    Field:ansi > .input--cursor, Field:ansi > .input--selection {
        background: ansi_default; color: ansi_default; text-style: reverse;
    }
    """

    def __init__(self, limit: int, **named: Any) -> None:
        super().__init__(max_length=limit, **named)
        self._limit = limit

    def paste(self, text: str, count: int) -> str:
        """The first line of it. A line break at its end is enter: the line was typed at once, by a tool or over a slow line."""
        line, *more = text.splitlines() or [""]
        entered = not more and len(line) < len(text) and len(text) == count
        words = "".join(filter(str.isprintable, line))
        start, end = sorted(self.selection)
        taken = words[: max(0, self._limit - len(self.value) + end - start)]
        self.replace(taken, start, end)
        if entered and taken == words:
            self.post_message(self.Submitted(self, self.value))
        left = count - len(taken) - entered
        return (
            f"{left} of {count} characters were dropped: the field accepts one line of at most {self._limit} characters"
            if left
            else ""
        )

    def restricted(self) -> None:
        app: Any = self.app
        app.flash(f"the field accepts at most {self._limit} characters")
