"""How much work a part of the program does, counted and not timed: the same on every machine, however busy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import Any


@dataclass
class Work:
    """`steps`: bytecode instructions that were carried out."""

    steps: int = 0


@contextmanager
def counted(*modules: ModuleType) -> Iterator[Work]:
    """The work of these modules in this thread, while it lasts. What they call in C counts as one step."""
    work, files, before = Work(), {module.__file__ for module in modules}, sys.gettrace()

    def step(frame: FrameType, event: str, _: Any) -> Any:
        work.steps += event == "opcode"
        return step

    def call(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in files:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return step

    sys.settrace(call)
    try:
        yield work
    finally:
        sys.settrace(before)
