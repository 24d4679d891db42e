"""What an operator may adjust on any screen of a rollout: theme, symbols and bell. All three are remembered."""

from __future__ import annotations

import os
from collections.abc import Sequence

from quads_tui.render.palette import PALETTES
from quads_tui.render.symbols import BRAILLE, SYMBOLS, Symbols, for_terminal

from .fault_tolerant_app import FaultTolerantApp
from .output import terminal_encoding
from .settings import Settings
from .view_context import ViewContext


def remembered_symbols(settings: Settings) -> Symbols:
    """The terminal comes first: one that shows nothing but ASCII gets nothing else."""
    possible = for_terminal(terminal_encoding(), os.environ.get("TERM", ""))
    return SYMBOLS.get(settings.symbols, BRAILLE) if possible is BRAILLE else possible


class AdjustableApp(FaultTolerantApp[str]):
    """An app whose screens share a ViewContext."""

    def __init__(self, context: ViewContext) -> None:
        super().__init__(context.monotonic, context.settings)
        self.context = context
        self.copies_in = context.view.directory

    def action_theme(self, name: str = "") -> None:
        if chosen := self._chosen("theme", name, list(PALETTES), self.palette):
            self.choose_palette(chosen)
            self.flash(f"theme {chosen}")

    def action_symbols(self, name: str = "") -> None:
        if chosen := self._chosen("symbols", name, list(SYMBOLS), self.context.symbols.name):
            self.context.symbols = SYMBOLS[chosen]
            self.settings.remember(symbols=chosen)
            self.draw_again()
            self.flash(f"symbols {chosen}")

    def _chosen(self, what: str, name: str, names: Sequence[str], now: str) -> str:
        """The one of that name, or the next one; empty, with a message, where there is none of that name."""
        if name and name not in names:
            self.flash(f"unknown {what} {name!r}; choose from {', '.join(names)}")
            return ""
        return name or names[(names.index(now) + 1) % len(names)]

    def action_mute(self) -> None:
        muted = not self.settings.muted
        self.settings.remember(muted=muted)
        self.flash("bell off" if muted else "bell on: it rings for new kinds of failure, pauses and the end of the rollout")

    def report_settings(self) -> None:
        """Say once why nothing is remembered."""
        if self.settings.problem:
            self.flash(self.settings.problem)
            self.settings.problem = ""
