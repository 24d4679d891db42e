"""The forms of a report, by their names on the command line."""

from __future__ import annotations

from .data import as_json
from .html import as_html
from .markdown import as_markdown

FORMATS = {"md": as_markdown, "html": as_html, "json": as_json}
