"""The base of every exception that quads-tui declares."""

from __future__ import annotations


class QuadsTuiError(Exception):
    """Something that quads-tui raises by name. Anything else comes from Python or a library, or is a fault of the program.

    `advises`: its words say exactly what to do, so nothing general is added to them.
    """

    advises = False
