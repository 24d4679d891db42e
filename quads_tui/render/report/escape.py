"""Strings into Markdown so that they stay strings. They are clean already: one line, no control characters."""

from __future__ import annotations

import re

_MARKS = re.compile(r"[\\`*_\[\]#~|^$!@]|(?<=[A-Za-z]{3}):(?=\S)|(?<=\b[wW]{3})\.|/(?=/)")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def markdown(text: str) -> str:
    """For the middle of a line and for table cells: no markup, link, autolink, mention or HTML comes out of it."""
    return _MARKS.sub(r"\\\g<0>", text.translate(_ENTITIES))
