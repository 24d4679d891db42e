"""The program with little room for lines that nobody has read yet; tests/forks.py calls its `main()`."""

from __future__ import annotations

from quads_tui import cli
from quads_tui.cli import headless


def main() -> None:
    headless.MAX_UNREAD = 10_000
    cli.main()
