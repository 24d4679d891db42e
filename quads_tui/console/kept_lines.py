"""Widgets whose lines textual need not collect again for every paint of another widget."""

from __future__ import annotations

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class KeptLines(Widget):
    """Textual asks all widgets for all of their lines whenever a line of one of them is painted. Those that do not change keep
    theirs. What is relied on in textual is pinned by tests/terminal/test_driver.py.
    """

    _kept: tuple[Region, list[Strip]] | None = None

    def render_lines(self, crop: Region) -> list[Strip]:
        if self._kept is None or self._kept[0] != crop:
            self._kept = crop, super().render_lines(crop)
        return self._kept[1]

    def _set_dirty(self, *regions: Region) -> None:
        """Before every change of what is seen: new lines, styles, sizes."""
        self._kept = None
        super()._set_dirty(*regions)
