"""What the screen shows in large, small and narrow terminals."""

from __future__ import annotations

import re

import pytest

from quads_tui.render.small import too_small
from quads_tui.rollout.stages import HostStatus

from .desk import Desk, desk
from .feed import rollout


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_first_screen_answers_how_far_and_what_failed(size: tuple[int, int]) -> None:
    async with desk(rollout(700), size) as d:
        text = d.text
        assert "REHEARSAL" in text
        assert "cloud02" in text
        assert f"done {d.model.counts[HostStatus.DONE]} " in text
        failed = d.model.counts[HostStatus.FAILED]
        assert (f"✗ failed {failed}" if size[0] > 100 else f"✗ {failed} failed") in text
        assert text.count("ARMED") > 1  # in the head and in the row
        assert re.search(r"5 ready,? +\d+ left", text)
        assert re.search("causes|Failures by cause", text)
        assert all(len(line) <= size[0] for line in text.splitlines())
        first = [name for name in d.app.table.shown[:12] if d.model.hosts[name].status is HostStatus.FAILED]
        assert len(first) == 12  # attention first


async def resized(d: Desk, width: int, height: int) -> None:
    await d.pilot.resize_terminal(width, height)
    d.app.panels()
    await d.pilot.pause()


async def test_a_small_terminal_is_said_what_the_screen_needs_and_a_larger_one_has_it_again() -> None:
    async with desk(size=(40, 10)) as d:
        words = " ".join(d.text.split())
        assert "The screen needs at least 60x16; this terminal is 40x10. Make it larger, or use --plain. The rollout" in words
        await resized(d, 60, 16)
        assert "HOST" in d.text
        for place in ("", "v", "M", "enter", "slash", "ctrl+p", "r"):
            if place:
                await d.press(place)
            for size in ((16, 3), (1, 1), (200, 1)) if place in ("", "enter", "r") else ((16, 3),):
                await resized(d, *size)
            if place == "r":
                await d.press("y")  # a question that cannot be read
            await resized(d, 120, 40)
            await d.press("escape")
            assert "HOST" in d.text, place
            assert not d.control.orders


def test_what_a_small_terminal_shows_is_whole_words_and_fits() -> None:
    for width in range(1, 60):
        for height in range(1, 17):
            lines = too_small((width, height), (60, 16), "The rollout continues.")
            assert len(lines) <= height
            assert all(len(line) <= width for line in lines)
            known = "The screen needs at least 60x16; this terminal is Make it larger, or use --plain. rollout continues. Needs 60x16."
            assert {word for line in lines for word in line.split()} - {f"{width}x{height}."} <= {
                *known.split(),
                "60x16",
                "60x16.",
            }
    assert too_small((5, 1), (60, 16)) == ["60x16"]
    assert too_small((4, 9), (60, 16)) == ()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_long_message_hides_neither_a_filter_nor_the_marks(size: tuple[int, int]) -> None:
    async with desk(rollout(60), size) as d:
        await d.press("f", "space")
        d.app.flash("retry: " + ", ".join(list(d.model.hosts)[:9]))
        line = d.lines("footer")[0]
        assert "1 marked" in line and "failures only" in line
        assert line.rstrip().endswith("…") and "retry: " in line
        assert len(line) == size[0]
