"""Lines are drawn as rich and textual draw them, whatever their spans are."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Span, Text
from rich.theme import Theme
from textual.strip import Strip

from quads_tui.console.inks import Inks
from quads_tui.render.line import StyledLine, fitted, joined
from quads_tui.render.palette import AREA, BAD, CURSOR, PALETTES, QUIET, SHADE, STRONG, as_ground

CONSOLE = Console(theme=Theme(PALETTES["dark"]), color_system="truecolor", force_terminal=True)
UNDER = Style.parse("#c9ced6 on #14161b")
styles = st.sampled_from(("", BAD, STRONG, QUIET, AREA, SHADE, as_ground("quads.install"), "bold", "none"))
spans = st.lists(st.builds(Span, st.integers(0, 12), st.integers(0, 12), styles), max_size=6)


@given(words=st.text("ab é▇⠿日", max_size=10), spans=spans, base=st.sampled_from(("", CURSOR, BAD)))
@settings(max_examples=200, deadline=None)
def test_a_line_is_drawn_as_rich_draws_it(words: str, spans: list[Span], base: str) -> None:
    text = Text(words, base, spans=[span for span in spans if span and span.end <= len(words)])
    slow = Strip(text.render(CONSOLE)).simplify().apply_style(CONSOLE.get_style(base)).apply_style(UNDER)
    inks = Inks(CONSOLE, UNDER)
    for _ in range(2):  # what is known by then is the same
        cells = [(letter, segment.style) for segment in inks.strip(text) for letter in segment.text]
        assert cells == [(letter, segment.style) for segment in slow for letter in segment.text]


@given(parts=st.lists(st.tuples(st.text("ab▇", max_size=3), styles), max_size=8))
@settings(max_examples=100, deadline=None)
def test_parts_are_joined_as_rich_assembles_them(parts: list[tuple[str, str]]) -> None:
    inks = Inks(CONSOLE, UNDER)
    together, assembled = joined(parts, CURSOR), Text.assemble(*parts, style=CURSOR)
    line = StyledLine(parts, CURSOR)
    assert together.plain == line.plain == assembled.plain
    row = inks.row(line, cell_len(line.plain))
    assert list(row) == list(inks.strip(together)), "no more pieces than there are styles"
    assert row.cell_length == sum(segment.cell_length for segment in row)
    drawn, wanted = (
        [(letter, segment.style) for segment in strip for letter in segment.text] for strip in (row, inks.strip(assembled))
    )
    assert drawn == wanted


@given(parts=st.lists(st.tuples(st.text("ab日", max_size=4), styles), min_size=1, max_size=4), width=st.integers(0, 12))
@settings(max_examples=100, deadline=None)
def test_a_line_that_is_too_wide_is_cut_as_a_text_is(parts: list[tuple[str, str]], width: int) -> None:
    line, text = StyledLine(parts, CURSOR), joined(parts, CURSOR)
    if text.cell_len > width:
        cut = line.clipped(width, "…")
        wanted = fitted(text, width)
        assert cut.plain == wanted.plain
        inks = Inks(CONSOLE, UNDER)
        assert list(inks.row(cut, width)) == list(inks.strip(wanted))
