"""Whether the whole product of what is alike is tried, of which the ordinary run has one of each sort."""

from __future__ import annotations

import os

WHOLE = os.environ.get("QUADS_TUI_TESTS") == "whole"
